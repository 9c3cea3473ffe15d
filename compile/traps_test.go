package compile_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"stktc/compile"
	"stktc/grammar/diag"
	"stktc/render"
	"stktc/topology/load"
	"stktc/topology/sticktable"
)

// trap is a way in which merging into a base goes wrong. Naive is what HAProxy gets when somebody does it by hand without thinking of it.
type trap struct {
	name    string
	base    string
	naive   string    // behind the base, unless whole
	whole   bool      // naive is the whole file
	says    string    // what HAProxy then says; "" when it says nothing, which makes it a trap all the more
	since   [2]int    // the HAProxy that began to say so
	until   [2]int    // and the first that no longer does
	flags   []string  // of haproxy, beside -c
	declare string    // of the table: "proxies" if not given
	balance string    // further keys of the balancer
	want    diag.Code // the finding instead of a file; "" when the base can be merged into
}

const (
	ownPeers = "peers mypeers\n  bind 127.0.0.1:10001\n  server lb\n  server agg 127.0.0.1:10002\n"
	ownSum   = "backend st.a\n  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers\n"
	inPeers  = "  table st.u type ip size 100 expire 1h store http_req_rate(1h)\n  table st.a type ip size 100 expire 1h store http_req_rate(1h)\n"
	counts   = "  bind 127.0.0.1:8089\n  http-request track-sc0 src\n  http-request deny if { src,table_http_req_rate(st.a) gt 100 }\n"
	ownTable = "  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers\n"
	timeouts = "  mode http\n  timeout client 10s\n  timeout connect 1s\n  timeout server 10s\n"
	strict   = "global\n  zero-warning\n"
	web      = strict + "defaults\n" + timeouts + "frontend st.u\n" + counts
)

// traps are those of HAProxy 2.6 to 3.5.
var traps = []trap{
	{name: "a backend inherits HTTP rules that are for frontends",
		base:  strict + "defaults web\n" + timeouts + "  http-response del-header Server\nfrontend st.u from web\n" + counts,
		naive: ownTable + ownSum + ownPeers, says: "cannot inherit from the same defaults section"},
	{name: "a backend uses named defaults without their name",
		base:  strict + "defaults web\n" + timeouts + "frontend st.u from web\n" + counts,
		naive: ownTable + ownSum + ownPeers, says: "is explicitly referenced by another proxy and implicitly used here"},
	{name: "a backend without servers inherits mail alerts",
		base:  web + "defaults\n" + timeouts + "  email-alert from a@b\n  email-alert to c@d\n  email-alert level notice\n",
		whole: true, naive: web + ownTable + "defaults\n" + timeouts + "  email-alert from a@b\n  email-alert to c@d\n  email-alert level notice\n" + ownSum + ownPeers, says: "'email-alert' will be ignored for backend 'st.a'"},
	{name: "a backend without servers inherits a state file",
		base:  web + "defaults\n" + timeouts + "  load-server-state-from-file global\n",
		whole: true, naive: web + ownTable + "defaults\n" + timeouts + "  load-server-state-from-file global\n" + ownSum + ownPeers, says: "backend 'st.a' configured to load server state file"},
	{name: "a backend without servers inherits an external check",
		base:  web + "defaults\n" + timeouts + "  external-check command /bin/true\n",
		whole: true, naive: web + ownTable + "defaults\n" + timeouts + "  external-check command /bin/true\n" + ownSum + ownPeers, says: "'external-check command' will be ignored for backend 'st.a'"},
	{name: "the last line has no end",
		base:  strings.TrimSuffix(web, "\n"),
		naive: ownSum + ownPeers, says: "missing closing '}' in condition"},
	{name: "two peers sections of one name",
		base:  web + ownPeers,
		naive: ownSum + ownPeers, says: "peers section 'mypeers' has the same name as another peers section", want: compile.CodeOwnPeers},
	{name: "two tables of one proxy",
		base:  web + "  stick-table type ip size 1k\n",
		naive: ownTable + ownSum + ownPeers, says: "stick-table name 'st.u' conflicts with table declared in frontend 'st.u'", want: compile.CodeOwnTable},
	{name: "a table of another peers section bears the name of a backend before it",
		base:  web + "peers other\n  bind 127.0.0.1:10003\n  server lb\n  table st.a type ip size 1k\n",
		whole: true, naive: web + ownTable + ownSum + "peers other\n  bind 127.0.0.1:10003\n  server lb\n  table st.a type ip size 1k\n" + ownPeers,
		says: "conflicts with table declared in backend 'st.a'", until: [2]int{3, 0}, want: compile.CodeOwnTable},
	{name: "another peers section on the same port",
		base:  web + "peers other\n  bind :10001\n  server lb\n  server x 127.0.0.1:10004\n",
		whole: true, naive: web + ownTable + ownSum + "peers other\n  bind :10001\n  server lb\n  server x 127.0.0.1:10004\n" + ownPeers, says: "", want: compile.CodeOwnPort},
	{name: "localpeer behind a peers section",
		base:  "peers other\n  bind 127.0.0.1:10003\n  server x\n" + "global\n  maxconn 100\n" + strings.TrimPrefix(web, strict),
		whole: true, naive: "peers other\n  bind 127.0.0.1:10003\n  server x\nglobal\n  localpeer lb\n" + strings.TrimPrefix(web, strict) + ownTable + ownSum + ownPeers,
		says: "'localpeer' ignored since it is used after 'peers' section", until: [2]int{3, 2}, flags: []string{}, balance: "localpeer: emit", want: compile.CodeLocalPeer},
	{name: "localpeer beside -L",
		base:  "global\n  localpeer lb\n" + strings.TrimPrefix(web, strict),
		naive: ownTable + ownSum + ownPeers, says: "'localpeer' ignored since it is already set", flags: []string{"-L", "lb"}, balance: "localpeer: emit", want: compile.CodeLocalPeer},
	{name: "track-sc without the table that is declared in peers",
		base:  web,
		naive: ownPeers + inPeers, says: "Proxy 'st.u': unable to find table 'st.u' referenced by track-sc0", declare: "peers", want: compile.CodeTableName},
	{name: "a rule calls a table in peers by its name alone",
		base:  strict + "defaults\n" + timeouts + "frontend www\n" + strings.Replace(counts, "src\n", "src table mypeers/st.u\n", 1),
		naive: ownPeers + inPeers, says: "unable to find table 'st.a'", declare: "peers", want: compile.CodeTableName},
	{name: "the proxy is there on a condition",
		base:  strict + "defaults\n" + timeouts + ".if defined(NOWHERE)\nfrontend st.u\n" + counts + ".endif\nfrontend www\n  bind 127.0.0.1:8088\n",
		whole: true, naive: strict + "defaults\n" + timeouts + ".if defined(NOWHERE)\nfrontend st.u\n" + counts + ownTable + ".endif\nfrontend www\n  bind 127.0.0.1:8088\n" + ownSum + ownPeers,
		says: "", want: compile.CodeConditional},
	{name: "rules read what the node itself counted",
		base:  strings.Replace(web, "src,table_http_req_rate(st.a)", "sc_http_req_rate(0)", 1),
		naive: ownTable + ownSum + ownPeers, says: "", want: compile.CodeReadsSource},
	{name: "the proxy is disabled",
		base:  web + "  disabled\nfrontend www\n  bind 127.0.0.1:8088\n",
		naive: "", says: "", want: compile.CodeDisabledProxy},
	{name: "the local server speaks clear text to a TLS listener",
		base:  web,
		naive: ownTable + ownSum + strings.Replace(ownPeers, ":10001\n", ":10001 ssl crt /etc/x.pem\n", 1), says: "local peer have a SSL listener and a non-SSL server",
		balance: "tls: {crt: /etc/x.pem, verify: none}"},
	{name: "who dials verifies unless it is told not to",
		base:  web,
		naive: ownTable + ownSum + strings.NewReplacer(":10001\n", ":10001 ssl crt /etc/x.pem\n", "server lb\n", "server lb ssl crt /etc/x.pem\n").Replace(ownPeers), says: "verify is enabled by default but no CA file specified",
		balance: "tls: {crt: /etc/x.pem, ca_file: /etc/ca.pem, verify: optional}"},
}

func (tr *trap) topology() string {
	declare := tr.declare
	if declare == "" {
		declare = "proxies"
	}
	tls := ""
	if i := strings.Index(tr.balance, "tls:"); i >= 0 {
		tls = ", " + tr.balance[i:]
	}
	return fmt.Sprintf(`haproxy: "2.6"
tables: {st: {type: ip, size: 100, expire: 1h, store: http_req_rate(1h), declare: %s}}
levels: [{name: nodes, suffix: .u}, {name: sums, suffix: .a}]
aggregators: {agg: {address: "127.0.0.1:10002", sums: [lb]%s}}
balancers: {lb: {address: 127.0.0.1, base: base.cfg, peers: {mypeers: 10001}%s}}
`, declare, tls, strings.TrimSuffix(", "+tr.balance, ", "))
}

func (tr *trap) text() string {
	if tr.whole {
		return tr.naive
	}
	return tr.base + tr.naive
}

// TestTraps shows each trap on a real HAProxy, and that build does not walk into it: it writes what HAProxy accepts without a word, or says why not.
func TestTraps(t *testing.T) {
	for i := range traps {
		tr := &traps[i]
		t.Run(tr.name, func(t *testing.T) {
			c, findings, err := load.Topology(fstest.MapFS{"topology.yaml": {Data: []byte(tr.topology())}, "base.cfg": {Data: []byte(tr.base)}}, "topology.yaml")
			if err != nil {
				t.Fatal(err)
			}
			r, more := compile.Compile(c)
			findings.Add(more...)
			found := slices.IndexFunc(findings, func(f diag.Finding) bool { return f.Code == tr.want })
			switch {
			case tr.want == "" && findings.Worst() >= diag.Warning:
				t.Errorf("findings: %v", findings)
			case tr.want != "" && found < 0:
				t.Errorf("no %s: %v", tr.want, findings)
			}
			dir := t.TempDir()
			certificate := writeCertificate(t, dir)
			if findings.Worst() < diag.Error && tr.want != compile.CodeDisabledProxy { // HAProxy 3.5-dev5 crashes over such a table
				b := &built{cluster: c, result: r, tree: render.Tree(r)}
				confirm(t, b)
			}
			tr.show(t, dir, certificate)
		})
	}
}

// TestTrapFixes applies the fixes of what rules call tables, and HAProxy then takes the file.
func TestTrapFixes(t *testing.T) {
	for i := range traps {
		tr := &traps[i]
		if tr.want != compile.CodeTableName {
			continue
		}
		t.Run(tr.name, func(t *testing.T) {
			base := tr.base
			for round := 0; round < 2; round++ {
				c, findings, err := load.Topology(fstest.MapFS{"topology.yaml": {Data: []byte(tr.topology())}, "base.cfg": {Data: []byte(base)}}, "topology.yaml")
				if err != nil {
					t.Fatal(err)
				}
				r, more := compile.Compile(c)
				findings.Add(more...)
				if round == 1 {
					if findings.Worst() > diag.Info {
						t.Fatalf("after the fixes there are %v in\n%s", findings, base)
					}
					confirm(t, &built{cluster: c, result: r, tree: render.Tree(r)})
					return
				}
				base = mend(base, findings)
			}
		})
	}
}

// mend applies the first fix of every finding, from the end of the text to its start.
func mend(text string, findings diag.List) string {
	var edits []diag.Edit
	for _, f := range findings {
		if len(f.Fixes) > 0 {
			edits = append(edits, f.Fixes[0].Edits...)
		}
	}
	slices.SortFunc(edits, func(a, b diag.Edit) int { return b.Span.Start.Offset - a.Span.Start.Offset })
	for _, e := range edits {
		text = text[:e.Span.Start.Offset] + e.NewText + text[e.Span.End.Offset:]
	}
	return text
}

// TestTrapOfSharedPort shows what becomes of two peers sections on one port, which "haproxy -c" accepts: greetings meet the one or the other.
func TestTrapOfSharedPort(t *testing.T) {
	binary := haproxyBinary(t)
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := probe.Addr().String()
	probe.Close()
	text := "defaults\n" + timeouts + "frontend www\n  bind unix@" + filepath.Join(t.TempDir(), "www") + "\n"
	for _, section := range []string{"ours", "theirs"} {
		text += "peers " + section + "\n  bind " + address + "\n  server lb\n  server " + section + " 127.0.0.1:1\n  table t type ip size 100 store gpc0\n"
	}
	file := filepath.Join(t.TempDir(), "both.cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-db", "-L", "lb", "-f", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	seen := map[string]int{}
	for deadline := time.Now().Add(20 * time.Second); (seen["200"] == 0 || seen["504"] == 0) && time.Now().Before(deadline); {
		if status := greet(address, "lb", "ours"); status != "" {
			seen[status]++
		}
	}
	if seen["200"] == 0 || seen["504"] == 0 {
		t.Errorf("statuses %v, want both sections to answer", seen)
	}
}

// greet says hello as a peer and gives the status that comes back; "" when none does.
func greet(address, remote, local string) string {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return ""
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	fmt.Fprintf(conn, "HAProxyS 2.1\n%s\n%s 1 1\n", remote, local)
	answer := make([]byte, 3)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return ""
	}
	return string(answer)
}

// show lets HAProxy read what one would write by hand.
func (tr *trap) show(t *testing.T, dir, certificate string) {
	binary := haproxyBinary(t)
	version, err := exec.Command(binary, "-v").Output()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "naive.cfg")
	if err := os.WriteFile(file, pemFile.ReplaceAll([]byte(tr.text()), []byte(certificate)), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := tr.flags
	if flags == nil {
		flags = []string{"-L", "lb"}
	}
	out, err := exec.Command(binary, append([]string{"-c", "-f", file}, flags...)...).CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	v := versionOf(string(version))
	warned := !v.Before(sticktable.Version{Major: tr.since[0], Minor: tr.since[1]}) && (tr.until == [2]int{} || v.Before(sticktable.Version{Major: tr.until[0], Minor: tr.until[1]}))
	switch {
	case tr.says == "" || !warned:
		if err != nil {
			t.Errorf("this is a trap since HAProxy accepts it, but now it says:\n%s", out)
		}
	case !regexp.MustCompile(tr.says).Match(out):
		t.Errorf("haproxy %s does not say %q, but (%v):\n%s\n%s", v, tr.says, err, out, tr.text())
	}
}
