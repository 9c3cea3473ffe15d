package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	configuring "stktc/cmd/internal/aggregator"
	"stktc/cmd/internal/certtest"
	"stktc/cmd/internal/haproxy/haproxytest"
	"stktc/grammar/diag"
	"stktc/runtime"
	loading "stktc/topology/load"
)

// read makes of an aggregator's file what the daemon makes of it.
func (c *cluster) read(text string) runtime.Config {
	c.t.Helper()
	n, findings := loading.Aggregator(nil, "agg.cfg", []byte(text))
	if findings.Worst() == diag.Error {
		c.t.Fatalf("%s\n%v", text, findings)
	}
	cfg, unusable := configuring.Config(n)
	if unusable.Worst() == diag.Error {
		c.t.Fatalf("%s\n%v", text, unusable)
	}
	return cfg
}

// startFile runs the aggregator of a file in this process, until stopAgg or the test's end.
func (c *cluster) startFile(text string) {
	c.t.Helper()
	a, err := runtime.New(c.read(text), runtime.Options{Logger: slog.New(slog.NewTextHandler(c.log, nil))})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := a.Listen(); err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := a.Serve(ctx); err != nil {
			c.t.Error(err)
		}
	})
	var once sync.Once
	c.agg, c.stopAgg = a, func() { once.Do(func() { cancel(); running.Wait() }) }
	c.t.Cleanup(c.stopAgg)
}

// reloadFile gives the running aggregator another file.
func (c *cluster) reloadFile(text string) {
	c.t.Helper()
	if err := c.agg.Reload(c.read(text)); err != nil {
		c.t.Fatal(err)
	}
}

// nowhere is an address where nobody listens: who has it for the other end leaves the dialling to it.
func (c *cluster) nowhere() string { return c.net + ".250:9" }

// securedNode starts an HAProxy whose listener has those options, and which dials the aggregator there, with those options.
func (c *cluster) securedNode(listen, dial, address string) *balancer {
	c.t.Helper()
	b := c.newBalancer(len(c.nodes))
	const table = "type string len 16 size 1k expire 1h store http_req_cnt,gpc0"
	b.text = fmt.Sprintf("peers cluster\n  bind %s %s\n  server %s\n  server %s %s %s\n  table t.raw %s\n  table t.sum %s\n  table t.all %s\n",
		b.peerAddress(), listen, b.name, aggregatorName, address, dial, table, table, table)
	c.nodes = append(c.nodes, b)
	b.start()
	return b
}

// peer is what the aggregator says of a peer in one of its sections.
func (c *cluster) peer(section int, name string) (runtime.PeerStatus, error) {
	for _, p := range c.agg.Status().Sections[section].Peers {
		if p.Name == name {
			return p, nil
		}
	}
	return runtime.PeerStatus{}, fmt.Errorf("the aggregator does not list %s", name)
}

// sees waits until each node shows that number in that table.
func (c *cluster) sees(table, key string, want uint64, nodes ...*balancer) {
	c.t.Helper()
	haproxytest.Eventually(c.t, func() error {
		for _, b := range nodes {
			if got := b.value(inPeers(table), key, "gpc0"); got != want {
				return fmt.Errorf("%s shows %d in %s, want %d", b.name, got, table, want)
			}
		}
		return nil
	})
}

// logs waits until a line of the aggregator's log has all the words.
func (c *cluster) logs(words ...string) {
	c.t.Helper()
	haproxytest.Eventually(c.t, func() error {
		for line := range strings.Lines(c.log.String()) {
			found := true
			for _, w := range words {
				found = found && strings.Contains(line, w)
			}
			if found {
				return nil
			}
		}
		return fmt.Errorf("no line of the log has %q", words)
	})
}

// files are the certificates of one test.
type files struct {
	ca, otherCA                 *certtest.Authority
	aggregator, node, otherNode string // good ones; the last bears another name
	expired, stranger           string // stranger's authority is another
}

func newFiles(t *testing.T) files {
	t.Helper()
	f := files{ca: certtest.NewAuthority(t, "ca"), otherCA: certtest.NewAuthority(t, "other")}
	below := f.ca.Below("intermediate") // whoever shows it must show what leads to the root
	yesterday := time.Now().Add(-24 * time.Hour)
	f.aggregator = below.Pair(certtest.Leaf{Name: aggregatorName, DNS: []string{"agg.example"}})
	f.node = below.Pair(certtest.Leaf{Name: "n1", DNS: []string{"n1", "n2", "*.nodes.example"}})
	f.otherNode = f.ca.Pair(certtest.Leaf{Name: "n9"})
	f.expired = f.ca.Pair(certtest.Leaf{Name: "expired", From: yesterday, To: yesterday.Add(time.Hour)})
	f.stranger = f.otherCA.Pair(certtest.Leaf{Name: "stranger"})
	return f
}

// mutual are the keywords with which one end shows its certificate and verifies the other's.
func (f files) mutual(own string) string {
	return "ssl crt " + own + " ca-file " + f.ca.File() + " verify required"
}

// TestTLS: sums are right over TLS, whoever dials, with certificates on both ends.
func TestTLS(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	for _, tt := range []struct {
		name, node, version string
		nodesDial           bool
	}{
		{"nodes dial", "", "TLS 1.3", true},
		{"nodes dial with TLS 1.2", " ssl-max-ver TLSv1.2", "TLS 1.2", true},
		{"aggregator dials", "", "TLS 1.3", false},
		{"aggregator dials with TLS 1.2", " ssl-max-ver TLSv1.2", "TLS 1.2", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t)
			toAggregator, toNode := c.nowhere(), func(b *balancer) string { return b.peerAddress() }
			if tt.nodesDial {
				toAggregator, toNode = c.aggregatorAddress(), func(*balancer) string { return c.nowhere() }
			}
			text := "aggregations a\n  peer agg " + c.aggregatorAddress() + " local " + f.mutual(f.aggregator) + "\n  strict-names\n"
			for n := range 2 {
				b := c.newBalancer(n)
				text += "  peer " + b.name + " " + toNode(b) + " " + f.mutual(f.aggregator) + " verifyhost x.nodes.example\n"
			}
			c.startFile(text + "  from .raw to .sum\n")
			for range 2 {
				c.securedNode(f.mutual(f.node)+tt.node, f.mutual(f.node)+" verifyhost agg.example"+tt.node, toAggregator)
			}
			c.connected()
			for i, b := range c.nodes {
				b.set(inPeers("t.raw"), "client", fmt.Sprintf("data.gpc0 %d", i+3))
				if p, err := c.peer(0, b.name); err != nil || p.Inbound != tt.nodesDial || p.TLS.Version != tt.version ||
					p.TLS.Peer != "n1, n2, *.nodes.example" || !p.TLS.Verified || !strings.HasPrefix(p.TLS.Cipher, "TLS_") {
					t.Errorf("%+v, %v", p, err)
				}
			}
			c.sees("t.sum", "client", 7, c.nodes...)
			c.nodes[0].kill()
			c.nodes[0].start()
			c.sees("t.sum", "client", 7, c.nodes...)
			c.sees("t.raw", "client", 3, c.nodes[0])
			c.nodes[0].set(inPeers("t.raw"), "client", "data.gpc0 10")
			c.sees("t.sum", "client", 14, c.nodes...)
		})
	}
}

// refusal is one way in which the ends do not fit.
type refusal struct {
	name              string
	aggregator, local string // TLS keywords of the aggregator's lines about the node and about itself
	node              string // of the node, for the end that is tried
	log               string // what the aggregator says
	strict            bool
}

// nothingPasses waits for the aggregator's word on the refusal, and sees that no count goes either way.
func (r refusal) nothingPasses(t *testing.T, nodeDials bool) {
	c := newCluster(t)
	toAggregator, toNode, listen := c.nowhere(), c.newBalancer(0).peerAddress(), r.node
	if nodeDials {
		toAggregator, toNode, listen = c.aggregatorAddress(), c.nowhere(), ""
	}
	text := fmt.Sprintf("aggregations a\n  peer agg %s local %s\n  peer n1 %s %s\n  from .raw to .sum\n  learn-timeout 100ms\n", c.aggregatorAddress(), r.local, toNode, r.aggregator)
	if r.strict {
		text += "  strict-names\n"
	}
	c.startFile(text)
	b := c.securedNode(listen, r.node, toAggregator)
	b.set(inPeers("t.raw"), "client", "data.gpc0 5")
	c.logs(r.log)
	c.stays(2*time.Second, func() error {
		if p, err := c.peer(0, "n1"); err != nil || p.Connected || p.Sessions > 0 || p.UpdatesIn > 0 {
			return fmt.Errorf("n1 came through: %+v, %v", p, err)
		}
		if got := b.value(inPeers("t.sum"), "client", "gpc0"); got != 0 {
			return fmt.Errorf("the node shows a sum of %d", got)
		}
		return nil
	})
}

// TestTLSRefusesDialler: a node that dials and does not show what it must, or does not like what it is shown, gets nothing.
func TestTLSRefusesDialler(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	ca := " ca-file " + f.ca.File() + " verify required"
	good, unverified := f.mutual(f.aggregator), " ssl crt "+f.node+" verify none"
	for _, r := range []refusal{
		{name: "clear text", local: good, node: "", log: "the other end speaks clear text"},
		{name: "TLS where none is", local: "", node: unverified, log: "the other end speaks TLS, and no `ssl` is configured"},
		{name: "no certificate", local: good, node: "ssl verify none", log: "client didn't provide a certificate"},
		{name: "certificate of another authority", local: good, node: "ssl crt " + f.stranger + ca, log: "certificate signed by unknown authority"},
		{name: "certificate that expired", local: good, node: "ssl crt " + f.expired + ca, log: "certificate has expired"},
		{name: "the aggregator's of another authority", local: f.mutual(f.stranger), node: f.mutual(f.node), log: "the other end refuses our certificate: tls: unknown certificate authority"},
		{name: "the aggregator's that expired", local: f.mutual(f.expired), node: f.mutual(f.node), log: "the other end refuses our certificate: tls: expired certificate"},
		{name: "optional and wrong", local: "ssl crt " + f.aggregator + " ca-file " + f.ca.File() + " verify optional", node: "ssl crt " + f.stranger + ca, log: "certificate signed by unknown authority"},
		{name: "TLS 1.2 where 1.3 is wanted", local: good + " ssl-min-ver TLSv1.3", node: f.mutual(f.node) + " ssl-max-ver TLSv1.2", log: "client offered only unsupported versions"},
		{name: "another's name", strict: true, aggregator: good, local: good, node: f.mutual(f.otherNode), log: "the other end's certificate is for `n9`, not for `n1`"},
	} {
		t.Run(r.name, func(t *testing.T) { r.nothingPasses(t, true) })
	}
}

// TestTLSRefusesListener: a node that is dialled and does not show what it must, or does not like what it is shown, gets nothing.
func TestTLSRefusesListener(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	good := f.mutual(f.aggregator)
	ca := " ca-file " + f.ca.File()
	for _, r := range []refusal{
		{name: "clear text to TLS", aggregator: "", node: f.mutual(f.node), log: "it may want TLS"},
		{name: "TLS to clear text", aggregator: good, node: "", log: "it may speak clear text"},
		{name: "no certificate", aggregator: "ssl" + ca, node: f.mutual(f.node), log: "the other end refuses our certificate: tls: certificate required"},
		{name: "certificate of another authority", aggregator: f.mutual(f.stranger), node: f.mutual(f.node), log: "the other end refuses our certificate: tls: unknown certificate authority"},
		{name: "certificate that expired", aggregator: f.mutual(f.expired), node: f.mutual(f.node), log: "the other end refuses our certificate: tls: expired certificate"},
		{name: "the node's of another authority", aggregator: good, node: f.mutual(f.stranger), log: "certificate signed by unknown authority"},
		{name: "the node's that expired", aggregator: good, node: f.mutual(f.expired), log: "certificate has expired"},
		{name: "the node's with another name", aggregator: good + " verifyhost n1", node: f.mutual(f.otherNode), log: "the other end's certificate is not for `n1`"},
		{name: "the node's with another name than asked for", aggregator: good + " sni str(n1)", node: f.mutual(f.otherNode), log: "the other end's certificate is not for `n1`"},
		{name: "strict names", strict: true, aggregator: good, local: good, node: f.mutual(f.otherNode), log: "the other end's certificate is for `n9`, not for `n1`"},
	} {
		t.Run(r.name, func(t *testing.T) { r.nothingPasses(t, false) })
	}
}

// overwrite puts another file's contents in a file's place.
func overwrite(t *testing.T, path, from string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// certificateAt is the name of the certificate that a listener shows.
func certificateAt(t *testing.T, address, own string) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(own, own)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// TestTLSReload: a reload takes new certificates without ending a session, and ends those that rest on an authority that is withdrawn.
func TestTLSReload(t *testing.T) {
	t.Parallel()
	f := newFiles(t)
	c := newCluster(t)
	own, authority := f.ca.Pair(certtest.Leaf{Name: "first"}), f.ca.File()
	text := fmt.Sprintf("aggregations a\n  peer agg %s local ssl crt %s ca-file %s verify required\n  from .raw to .sum\n", c.aggregatorAddress(), own, authority)
	for n := range 2 {
		text += "  peer " + c.newBalancer(n).name + " " + c.nowhere() + "\n"
	}
	c.startFile(text)
	for range 2 {
		c.securedNode("", f.mutual(f.node), c.aggregatorAddress())
	}
	c.connected()
	for _, b := range c.nodes {
		b.set(inPeers("t.raw"), "client", "data.gpc0 4")
	}
	c.sees("t.sum", "client", 8, c.nodes...)
	before, _ := c.peer(0, "n1")

	overwrite(t, own, f.ca.Pair(certtest.Leaf{Name: "second"}))
	if got := certificateAt(t, c.aggregatorAddress(), f.node); got != "first" {
		t.Errorf("the listener shows %q before the reload", got)
	}
	c.reloadFile(text)
	if got := certificateAt(t, c.aggregatorAddress(), f.node); got != "second" {
		t.Errorf("the listener shows %q after the reload", got)
	}
	if p, err := c.peer(0, "n1"); err != nil || !p.Connected || p.Sessions != before.Sessions {
		t.Errorf("n1 had %d sessions, and now %+v, %v", before.Sessions, p, err)
	}

	overwrite(t, authority, f.otherCA.File())
	c.reloadFile(text)
	c.logs("peer disconnected", "peer=n1", "certificate signed by unknown authority")
	c.logs("peer disconnected", "peer=n2", "certificate signed by unknown authority")
	c.logs("peer refused", "certificate signed by unknown authority")
	c.nodes[0].set(inPeers("t.raw"), "client", "data.gpc0 5")
	c.stays(time.Second, func() error {
		if p, err := c.peer(0, "n1"); err != nil || p.Connected {
			return fmt.Errorf("n1 came through: %+v, %v", p, err)
		}
		return nil
	})

	overwrite(t, authority, f.ca.File())
	c.reloadFile(text)
	c.sees("t.sum", "client", 9, c.nodes...)

	c.reloadFile(strings.Replace(text, " ssl crt "+own+" ca-file "+authority+" verify required", "", 1))
	c.logs("peer disconnected", "the session is encrypted, which is no longer configured")
	c.logs("peer refused", "the other end speaks TLS")
}

// TestTLSDaemon: the binary takes certificates from the files that are there at the start and at each SIGHUP. A file that cannot be used leaves everything as it was, and its line is told.
func TestTLSDaemon(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	stktc := buildStktc(t)
	f := newFiles(t)
	own := f.ca.Pair(certtest.Leaf{Name: "first"})
	file := filepath.Join(c.dir, "agg.cfg")
	text := fmt.Sprintf("aggregations a\n  peer agg \"${AGG_ADDRESS}\" local ssl crt %s ca-file %s verify required\n  peer n1 %s\n  from .raw to .sum\n", own, f.ca.File(), c.nowhere())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(stktc, "run", "-f", file)
	cmd.Env = append(os.Environ(), "AGG_ADDRESS="+c.aggregatorAddress())
	cmd.Stdout, cmd.Stderr = c.log, c.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("SIGTERM: %v", err)
		}
	})
	b := c.securedNode("", f.mutual(f.node), c.aggregatorAddress())
	b.set(inPeers("t.raw"), "client", "data.gpc0 4")
	c.sees("t.sum", "client", 4, b)

	if err := os.Rename(own, own+".away"); err != nil {
		t.Fatal(err)
	}
	cmd.Process.Signal(syscall.SIGHUP)
	c.logs("reload refused, everything is as it was")
	c.logs("--> " + file + ":2:")
	c.logs("error[", "crt `"+own+"` cannot be read: no such file or directory")
	b.set(inPeers("t.raw"), "client", "data.gpc0 5")
	c.sees("t.sum", "client", 5, b)
	if got := certificateAt(t, c.aggregatorAddress(), f.node); got != "first" {
		t.Errorf("the listener shows %q after a reload that was refused", got)
	}

	overwrite(t, own, f.ca.Pair(certtest.Leaf{Name: "second"}))
	cmd.Process.Signal(syscall.SIGHUP)
	c.logs("msg=reloaded")
	if got := certificateAt(t, c.aggregatorAddress(), f.node); got != "second" {
		t.Errorf("the listener shows %q after the reload", got)
	}
	b.set(inPeers("t.raw"), "client", "data.gpc0 6")
	c.sees("t.sum", "client", 6, b)
	if n := strings.Count(c.log.String(), "peer connected"); n != 1 {
		t.Errorf("%d sessions, want the first to go on", n)
	}
}
