package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"stktc/cmd/internal/certtest"
	"stktc/cmd/internal/haproxy/haproxytest"
	"stktc/runtime"
	"stktc/runtime/node"
)

// established waits until a node has a session with the aggregator.
func (b *balancer) established() {
	b.c.t.Helper()
	haproxytest.Eventually(b.c.t, func() error {
		sections, err := b.ShowPeers(b.c.t.Context())
		if err != nil || len(sections) != 1 {
			return fmt.Errorf("%v %w", sections, err)
		}
		if p := sections[0].Peer(aggregatorName); p == nil || !p.IsEstablished() {
			return fmt.Errorf("%s has no session with the aggregator: %+v", b.name, p)
		}
		return nil
	})
}

// TestSharedListener: two sections on one address, as the Global Profiling Engine has it, one of them behind a TLS listener of its own too. Each sums what its own nodes count.
func TestSharedListener(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ca := certtest.NewAuthority(t, "ca")
	own, theirs := ca.Pair(certtest.Leaf{Name: aggregatorName}), ca.Pair(certtest.Leaf{Name: "n"})
	secured := c.net + ".101:10443"
	c.startFile(fmt.Sprintf(`global
  bind %[1]s use_aggrs all
  bind %[2]s ssl crt %[3]s ca-file %[4]s verify required use_aggrs two
aggregations one
  peer agg %[1]s local
  peer n1 %[5]s
  peer n2 %[5]s
  from .raw to .sum
aggregations two
  peer agg %[1]s local
  peer n2 %[5]s
  peer n3 %[5]s
  peer n4 %[5]s
  from .raw to .all
`, c.aggregatorAddress(), secured, own, ca.File(), c.nowhere()))
	tlsWords := "ssl crt " + theirs + " ca-file " + ca.File() + " verify required"
	for i, at := range []string{c.aggregatorAddress(), c.aggregatorAddress(), secured, c.aggregatorAddress()} {
		dial := ""
		if at == secured {
			dial = tlsWords
		}
		b := c.securedNode("", dial, at)
		b.set(inPeers("t.raw"), "client", fmt.Sprintf("data.gpc0 %d", []int{1, 10, 100, 1000}[i]))
	}
	n := c.nodes
	c.sees("t.sum", "client", 11, n[0], n[1])
	c.sees("t.all", "client", 1110, n[1], n[2], n[3])
	c.stays(time.Second, func() error {
		for i, table := range []string{"t.all", "", "t.sum", "t.sum"} {
			if got := n[i].value(inPeers(table), "client", "gpc0"); table != "" && got != 0 {
				return fmt.Errorf("%s shows %d in %s, which its section does not send", n[i].name, got, table)
			}
		}
		return nil
	})
	if p, err := c.peer(1, "n3"); err != nil || p.TLS.Version == "" {
		t.Errorf("n3 came without TLS: %+v, %v", p, err)
	}

	n5 := c.securedNode("", tlsWords, secured) // listed nowhere
	c.logs("peer refused", "caller=n5", "status=504")
	n5.set(inPeers("t.raw"), "client", "data.gpc0 5")
	c.sees("t.all", "client", 1110, n[1])
}

// gpeFile is a file with one section that lists so many nodes, which must dial.
func (c *cluster) gpeFile(global string, nodes int) string {
	text := "global\n  " + global + "\naggregations a\n  peer agg " + c.aggregatorAddress() + " local\n  from .raw to .sum\n"
	for i := range nodes {
		text += fmt.Sprintf("  peer %s %s\n", c.newBalancer(i).name, c.nowhere())
	}
	return text
}

// TestDynamicPeers: a node that is not listed is summed, gets the sums, and is labelled; when it has gone it is missed by nobody, and when it is back it has its counters.
func TestDynamicPeers(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.startFile(c.gpeFile("dynamic-peers", 1))
	for i := range 2 {
		b := c.securedNode("", "", c.aggregatorAddress())
		b.set(inPeers("t.raw"), "client", fmt.Sprintf("data.gpc0 %d", []int{3, 4}[i]))
	}
	c.sees("t.sum", "client", 7, c.nodes...)
	for i, b := range c.nodes {
		if p, err := c.peer(0, b.name); err != nil || p.Dynamic != (i == 1) || !p.Connected {
			t.Errorf("%+v, %v", p, err)
		}
	}
	c.nodes[1].kill()
	haproxytest.Eventually(c.t, func() error {
		if p, err := c.peer(0, "n2"); err != nil || p.Connected {
			return fmt.Errorf("%+v, %v", p, err)
		}
		return nil
	})
	if s := c.agg.Status().Sections[0]; !s.Whole || len(s.Missing) > 0 {
		t.Errorf("a peer that nobody listed is missed: %v", s.Missing)
	}
	c.nodes[1].start()
	c.sees("t.raw", "client", 4, c.nodes[1])
	c.sees("t.sum", "client", 7, c.nodes...)
	c.reloadFile(c.gpeFile("stats socket /unused", 1))
	c.logs("peer refused", "caller=n2", "status=504")
	c.sees("t.sum", "client", 3, c.nodes[0])
}

// TestDynamicPeersLimit: of 65 nodes the last is refused until another goes. All but three are played.
func TestDynamicPeersLimit(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.startFile(c.gpeFile("dynamic-peers", 1))
	for range 2 {
		c.securedNode("", "", c.aggregatorAddress()).established()
	}
	var leave context.CancelFunc
	for i := range runtime.MaxDynamicPeers - 2 {
		leave = c.playedNode(fmt.Sprintf("played%d", i))
	}
	haproxytest.Eventually(c.t, func() error {
		connected := 0
		for _, p := range c.agg.Status().Sections[0].Peers {
			if p.Connected {
				connected++
			}
		}
		if connected != runtime.MaxDynamicPeers {
			return fmt.Errorf("%d peers are connected", connected)
		}
		return nil
	})
	late := c.securedNode("", "", c.aggregatorAddress())
	late.set(inPeers("t.raw"), "client", "data.gpc0 9")
	c.logs("peer refused: too many dynamic peers", "caller=n3", "limit=64")
	c.stays(2*time.Second, func() error {
		if p, err := c.peer(0, "n3"); err == nil {
			return fmt.Errorf("n3 is there: %+v", p)
		}
		return nil
	})
	leave()
	c.sees("t.sum", "client", 9, c.nodes...)
}

// playedNode lets a node without tables dial the aggregator, until it is told to leave or the test ends.
func (c *cluster) playedNode(name string) context.CancelFunc {
	c.t.Helper()
	n, err := node.New(node.Config{Name: name, Peers: []node.Peer{{Name: aggregatorName, Address: c.aggregatorAddress()}}})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Serve(ctx) }()
	leave := func() {
		if cancel(); <-done != nil {
			c.t.Errorf("%s did not end well", name)
		}
		done <- nil
	}
	c.t.Cleanup(leave)
	return leave
}

// TestSource: connections to nodes come from the address that the file names, with a port all of them from that port.
func TestSource(t *testing.T) {
	t.Parallel()
	for _, port := range []string{"", ":9999"} {
		c := newCluster(t)
		text := "global\n  source " + c.net + ".99" + port + "\naggregations a\n  peer agg " + c.aggregatorAddress() + " local\n  from .raw to .sum\n"
		for i := range 2 {
			b := c.newBalancer(i)
			text += "  peer " + b.name + " " + b.peerAddress() + "\n"
		}
		for range 2 {
			c.securedNode("", "", c.nowhere())
		}
		c.startFile(text)
		c.connected()
		for _, b := range c.nodes {
			b.set(inPeers("t.raw"), "client", "data.gpc0 2")
			reply, err := b.Command(t.Context(), "show sess")
			if want := "src=" + c.net + ".99" + port; err != nil || !strings.Contains(reply, want) {
				t.Errorf("source%s: %s sees %v\n%s\nwant %s", port, b.name, err, reply, want)
			}
		}
		c.sees("t.sum", "client", 4, c.nodes...)
	}
}
