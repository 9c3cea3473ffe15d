package aggregator

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"stktc/cmd/internal/certtest"
	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/runtime"
	"stktc/topology"
	"stktc/topology/load"
)

// loaded reads a file that must be in order.
func loaded(t *testing.T, text string) *topology.Node {
	t.Helper()
	n, findings := load.Aggregator(nil, "f", []byte(text))
	if findings.Worst() == diag.Error {
		t.Fatalf("%s\n%v", text, findings)
	}
	return n
}

// TestConfig: everything that a file may say arrives at the runtime.
func TestConfig(t *testing.T) {
	cfg, findings := Config(loaded(t, `global
  bind *:4000
  bind 127.0.0.1:4001 use_aggrs b,a
  dynamic-peers
  source 127.0.0.9:77
  hold 1m
  pace 2ms
  learn-timeout 0
  give-back off
  lease all.l 5s
aggregations a
  peer x 127.0.0.1:5 local
  peer n1 127.0.0.1:6
  peer n2 /run/n2.sock
  peer d1 127.0.0.1:7 down group 2
  peer up 127.0.0.1:8 up group 1
  peer r [::1]:9 replica
  from .a to .b
  from .c to .d up-only
  forward .e
  hold 0
  give-back on
  lease a.l 3s
aggregations b
  peer x :10 local
  from any to .b
  learn-timeout 4s
`))
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	for _, tt := range [][2]any{
		{cfg.Binds, []runtime.Bind{{Address: ":4000"}, {Address: "127.0.0.1:4001", Sections: []string{"b", "a"}}}},
		{cfg.DynamicPeers, true},
		{cfg.Source, "127.0.0.9:77"},
		{cfg.Sections[0].Local, runtime.Peer{Name: "x", Address: "127.0.0.1:5", Direction: runtime.Local}},
		{cfg.Sections[0].Peers, []runtime.Peer{
			{Name: "n1", Address: "127.0.0.1:6"}, {Name: "n2", Address: "/run/n2.sock"}, {Name: "d1", Address: "127.0.0.1:7", Direction: runtime.Down, Group: 2},
			{Name: "up", Address: "127.0.0.1:8", Direction: runtime.Up, Group: 1}, {Name: "r", Address: "[::1]:9", Direction: runtime.Replica},
		}},
		{cfg.Sections[0].Rules, []runtime.Rule{{From: ".a", To: ".b"}, {From: ".c", To: ".d", UpOnly: true}}},
		{cfg.Sections[0].Forwards, []string{".e"}},
		{cfg.Sections[0].Leases, []runtime.Lease{{Table: "a.l", Time: 3 * time.Second}, {Table: "all.l", Time: 5 * time.Second}}},
		{cfg.Sections[0].Hold, time.Duration(1)},
		{cfg.Sections[0].Pace, 2 * time.Millisecond},
		{cfg.Sections[0].LearnTimeout, time.Duration(1)},
		{cfg.Sections[0].NoGiveBack, false},
		{cfg.Sections[1].Local.Address, ":10"},
		{cfg.Sections[1].Rules, []runtime.Rule{{To: ".b"}}},
		{cfg.Sections[1].Leases, []runtime.Lease{{Table: "all.l", Time: 5 * time.Second}}},
		{cfg.Sections[1].Hold, time.Minute},
		{cfg.Sections[1].LearnTimeout, 4 * time.Second},
		{cfg.Sections[1].NoGiveBack, true},
	} {
		if fmt.Sprint(tt[0]) != fmt.Sprint(tt[1]) {
			t.Errorf("got  %v\nwant %v", tt[0], tt[1])
		}
	}
}

// TestConfigTLS: what is asked of the other end follows from the keywords as on HAProxy's lines.
func TestConfigTLS(t *testing.T) {
	ca := certtest.NewAuthority(t, "ca")
	crt := ca.Pair(certtest.Leaf{Name: "x"})
	chain, key := ca.Issue(certtest.Leaf{Name: "split"})
	dir := t.TempDir()
	for name, text := range map[string][]byte{"a.crt": chain, "a.crt.key": key, "b.crt": chain, "other.key": key} {
		if err := os.WriteFile(dir+"/"+name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := fmt.Sprintf(`global
  bind 127.0.0.1:1 ssl crt %[1]s ca-file %[2]s verify required ssl-min-ver TLSv1.3
  bind 127.0.0.1:2 ssl crt %[3]s/a.crt ca-file %[2]s verify optional force-tlsv12
  bind 127.0.0.1:3 ssl crt %[3]s/b.crt key %[3]s/other.key
aggregations a
  peer x 127.0.0.1:1 local
  peer n1 127.0.0.1:6 ssl ca-file %[2]s crt %[1]s
  from .a to .b
aggregations b
  peer x 127.0.0.1:2 local ssl crt %[1]s
  peer n2 127.0.0.1:7 ssl verify none sni str(there)
  peer n3 127.0.0.1:8
  from .a to .b
`, crt, ca.File(), dir)
	cfg, findings := Config(loaded(t, text))
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	for i, want := range []struct {
		auth     tls.ClientAuthType
		min, max uint16
		name     string
	}{{tls.RequireAndVerifyClientCert, tls.VersionTLS13, 0, "x"}, {tls.VerifyClientCertIfGiven, tls.VersionTLS12, tls.VersionTLS12, "split"}, {tls.NoClientCert, tls.VersionTLS12, 0, "split"}} {
		got := cfg.Binds[i].TLS
		if got.ClientAuth != want.auth || got.MinVersion != want.min || got.MaxVersion != want.max || got.Certificates[0].Leaf.Subject.CommonName != want.name || (got.ClientCAs != nil) != (want.auth != tls.NoClientCert) {
			t.Errorf("bind %d: %+v", i, got)
		}
	}
	a, b := cfg.Sections[0], cfg.Sections[1]
	if a.Local.TLS != nil || b.Local.TLS.ClientAuth != tls.NoClientCert || b.Peers[1].TLS != nil {
		t.Errorf("TLS where none is, or none where it is: %+v %+v", a.Local, b)
	}
	if own, err := a.Peers[0].TLS.GetClientCertificate(nil); err != nil || own.Leaf.Subject.CommonName != "x" || a.Peers[0].TLS.VerifyConnection == nil {
		t.Errorf("a peer that is dialled with a certificate: %v, %v", own, err)
	}
	if got := b.Peers[0].TLS; got.ServerName != "there" || got.VerifyConnection != nil || got.GetClientCertificate != nil {
		t.Errorf("a peer that is dialled without looking: %+v", got)
	}
}

// TestConfigFindings: files that cannot be used are told at the word that names them, and so are certificates that the other end will refuse.
func TestConfigFindings(t *testing.T) {
	ca := certtest.NewAuthority(t, "ca")
	good, authority := ca.Pair(certtest.Leaf{Name: "x"}), ca.File()
	chain, key := ca.Issue(certtest.Leaf{Name: "split"})
	_, otherKey := ca.Issue(certtest.Leaf{Name: "other"})
	dir := t.TempDir()
	for name, text := range map[string]string{
		"empty": "", "chain": string(chain), "key": string(key), "other.key": string(otherKey), "text": "no PEM\n",
		"bad.ca": "-----BEGIN CERTIFICATE-----\nMTIz\n-----END CERTIFICATE-----\n",
	} {
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past, future := time.Now().Add(-24*time.Hour), time.Now().Add(24*time.Hour)
	old := ca.Pair(certtest.Leaf{Name: "old", From: past, To: past.Add(time.Hour)})
	early := ca.Pair(certtest.Leaf{Name: "early", From: future, To: future.Add(time.Hour)})
	client := ca.Pair(certtest.Leaf{Name: "client", Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	server := ca.Pair(certtest.Leaf{Name: "server", Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	const warning, bad = diag.Warning, diag.Error
	for _, tt := range []struct {
		words, at string // of a peer that is dialled, or with "local " of the listener
		severity  diag.Severity
		want      string
	}{
		{words: "crt " + good + " ca-file " + authority},
		{words: "local crt " + server + " ca-file " + authority + " verify required"},
		{words: "crt " + client + " ca-file @system-ca"},
		{"crt " + dir + "/none ca-file " + authority, dir + "/none", bad, "crt `" + dir + "/none` cannot be read: no such file or directory"},
		{"crt " + dir + " ca-file " + authority, dir, bad, "cannot be read: it is a directory"},
		{"crt " + dir + "/empty key " + dir + "/key ca-file " + authority, dir + "/key", bad, "certificate `" + dir + "/empty` cannot be used: failed to find any PEM data"},
		{"crt " + dir + "/chain ca-file " + authority, dir + "/chain", bad, "holds no private key, and there is no `" + dir + "/chain.key`"},
		{"crt " + dir + "/chain key " + dir + "/none ca-file " + authority, dir + "/none", bad, "key `" + dir + "/none` cannot be read"},
		{"crt " + dir + "/chain key " + dir + "/other.key ca-file " + authority, dir + "/other.key", bad, "private key does not match public key"},
		{"ca-file " + dir + "/none", dir + "/none", bad, "ca-file `" + dir + "/none` cannot be read"},
		{"ca-file " + dir + "/text", dir + "/text", bad, "holds no certificate in PEM"},
		{"ca-file " + dir + "/key", dir + "/key", bad, "holds no certificate in PEM"},
		{"ca-file " + dir + "/bad.ca", dir + "/bad.ca", bad, "holds a certificate that cannot be read"},
		{"crt " + old + " ca-file " + authority, old, warning, "expired on "},
		{"crt " + early + " ca-file " + authority, early, warning, "is not valid before "},
		{"local crt " + client, client, warning, "is not meant for servers"},
		{"crt " + server + " ca-file " + authority, server, warning, "is not meant for clients"},
	} {
		words, listens := strings.CutPrefix(tt.words, "local ")
		local, peer := "", " ssl "+words
		if listens {
			local, peer = peer, ""
		}
		text := "aggregations a\n peer x 127.0.0.1:5 local" + local + "\n peer n 127.0.0.1:6" + peer + "\n from .a to .b\n"
		_, findings := Config(loaded(t, text))
		if tt.want == "" {
			if len(findings) > 0 {
				t.Errorf("%s: %v", tt.words, findings)
			}
			continue
		}
		if len(findings) != 1 {
			t.Errorf("%s: %v", tt.words, findings)
			continue
		}
		f := findings[0]
		place := text[f.Primary.Span.Start.Offset:f.Primary.Span.End.Offset]
		if f.Code != grammar.CodeCertificate || f.Severity != tt.severity || place != tt.at || !strings.Contains(f.Summary, tt.want) {
			t.Errorf("%s: %s %s at %s: %s", tt.words, f.Code, f.Severity, place, f.Summary)
		}
	}
}

// TestConfigSource: a source must be an address.
func TestConfigSource(t *testing.T) {
	for source, want := range map[string]string{"127.0.0.1": "127.0.0.1:0", "[::1]:8": "[::1]:8", "/run/x": "", "ipv4@127.0.0.1:9": "127.0.0.1:9"} {
		cfg, findings := Config(loaded(t, "global\n source "+source+"\naggregations a\n peer x 127.0.0.1:5 local\n from .a to .b\n"))
		got := ""
		if cfg.Source != nil {
			got = cfg.Source.String()
		}
		if got != want || (want == "") != (len(findings) == 1) {
			t.Errorf("%s: %q, %v", source, got, findings)
		}
	}
}
