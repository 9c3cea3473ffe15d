package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy/haproxytest"
)

// TestCorpus holds the configurations in testdata/corpus to what they are there for. They are written after HAProxy's public
// documentation, one for each part of it. A real HAProxy accepts each, lint finds nothing wrong with the host that has it, and a
// topology can have it as a base: HAProxy accepts the result too.
func TestCorpus(t *testing.T) {
	binary := haproxytest.Binary(t)
	etc := newCorpusFiles(t)
	names, err := filepath.Glob("../../testdata/corpus/*.cfg")
	if err != nil || len(names) < 30 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".cfg"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			// The corpus says /etc/haproxy, as the world does.
			c := &corpusFile{dir: t.TempDir(), text: bytes.ReplaceAll(text, []byte("/etc/haproxy/"), []byte(etc+"/")), node: "lb0"}
			if m := localPeer.FindSubmatch(text); m != nil {
				c.node = string(m[1])
			}
			c.accepted(t, binary, c.write(t, "base.cfg", c.text))
			c.silent(t)
			c.builds(t, binary)
		})
	}
}

var localPeer = regexp.MustCompile(`(?m)^\s*localpeer\s+(?:"\$\{HOSTNAME-)?([\w.-]+)`)

type corpusFile struct {
	dir, node string
	text      []byte
}

func (c *corpusFile) write(t *testing.T, name string, text []byte) string {
	t.Helper()
	file := filepath.Join(c.dir, name)
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// accepted asks HAProxy, whose warnings count.
func (c *corpusFile) accepted(t *testing.T, binary, file string, args ...string) {
	t.Helper()
	run := exec.CommandContext(t.Context(), binary, append(args, "-c", "-f", file)...)
	run.Env = []string{"PATH=" + os.Getenv("PATH")} // variables get the defaults that the files give
	out, err := run.CombinedOutput()
	if said := unresolvable.ReplaceAll(out, nil); err != nil || bytes.Contains(said, []byte("[WARNING]")) {
		t.Errorf("haproxy -c: %v\n%s", err, out)
	}
}

// unresolvable are names that only HAProxy's own resolvers could find, and not on this machine.
var unresolvable = regexp.MustCompile(`(?m)^\[WARNING\].*could not resolve address.*$`)

// stktc runs a command line in the file's directory.
func (c *corpusFile) stktc(args ...string) (status int, said string) {
	var out bytes.Buffer
	run := &command{stdin: strings.NewReader(""), stdout: &out, stderr: &out, env: func(string) string { return "" }}
	status = run.main(args)
	return status, out.String()
}

// silent lints the host alone. That other hosts' files are not there is all that may be said.
func (c *corpusFile) silent(t *testing.T) {
	t.Helper()
	status, said := c.stktc("lint", c.node+"="+filepath.Join(c.dir, "base.cfg"), "--fail-on", "warning", "--format", "compact")
	if status != exitDone {
		t.Errorf("lint: exit %d\n%s", status, said)
	}
}

const corpusTopology = `haproxy: "2.6"
tables: {stktcorpus: {type: ip, size: 100, expire: 1h, store: gpc0}}
levels: [{name: nodes, suffix: .local}, {name: all, suffix: .sum}]
aggregators: {stkagg: {address: "192.0.2.250:19999", sums: ["%[1]s"]}}
balancers: {"%[1]s": {address: 192.0.2.1, base: base.cfg, peers: {stkpeers: 19998}}}
`

// builds takes the file as a base.
func (c *corpusFile) builds(t *testing.T, binary string) {
	t.Helper()
	topology := c.write(t, "topology.yaml", fmt.Appendf(nil, corpusTopology, c.node))
	out := filepath.Join(c.dir, "out")
	if status, said := c.stktc("build", topology, "-o", out); status != exitDone {
		t.Errorf("build: exit %d\n%s", status, said)
		return
	}
	var args []string
	if !localPeer.Match(c.text) {
		args = []string{"-L", c.node}
	}
	c.accepted(t, binary, filepath.Join(out, c.node, "hapee-lb.cfg"), args...)
}

// newCorpusFiles makes all that the corpus refers to below /etc/haproxy.
func newCorpusFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	pem := selfSigned(t)
	for name, text := range map[string]string{
		"certs/site.pem": pem, "certs/peer.pem": pem, "certs/ca.pem": pem, "certs/chains/chain.pem": pem,
		"certs/list.txt":  filepath.Join(dir, "certs/site.pem") + " [alpn h2] a.example\n",
		"errors/400.http": "HTTP/1.0 400 Bad request\r\nContent-Length: 0\r\n\r\n",
		"errors/503.http": "HTTP/1.0 503 Unavailable\r\nContent-Length: 0\r\n\r\n",
		"maps/hosts.map":  "a.example a\n", "maps/limits.map": "a 5\n", "maps/redirects.map": "^x y\n", "maps/seen.map": "", "maps/backends.map": "/ app\n", "maps/sni.map": "",
		"lists/banned.lst": "192.0.2.66\n", "lists/office.lst": "192.0.2.0/24\n", "lists/bots.lst": "curl\n",
		"lua/hello.lua": corpusLua, "spoe.conf": corpusSPOE,
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const corpusLua = `core.register_action("mark", {"http-req"}, function(txn) end)
core.register_converters("shout", function(s) return s end)
core.register_fetches("color", function(txn) return "blue" end)
core.register_service("hello", "http", function(applet) end)
`

const corpusSPOE = `[ip-reputation]
spoe-agent iprep-agent
    messages check-ip
    option var-prefix iprep
    timeout hello 2s
    timeout idle 2m
    timeout processing 10ms
    use-backend iprep-backend
spoe-message check-ip
    args ip=src
    event on-client-session
`

// selfSigned makes a certificate and its key, as HAProxy reads them.
func selfSigned(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "corpus"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) + string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}))
}
