package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy"
	"stktc/cmd/internal/haproxy/haproxytest"
	"stktc/runtime"
)

// demoNode is an HAProxy that counts requests in mytable.uncombined, and reads the sum from mytable.aggr.
func demoNode(i int, peers string) string {
	return fmt.Sprintf(`defaults
  mode http
  timeout client 5s
  timeout connect 5s
  timeout server 5s
frontend mytable.uncombined
  bind 127.78.0.%[1]d:8000
  stick-table type ip size 100k expire 1h store http_req_cnt peers mypeers
  http-request track-sc0 src
  http-request return status 200
backend mytable.aggr
  stick-table type ip size 100k expire 1h store http_req_cnt peers mypeers
peers mypeers
  bind 127.78.0.%[1]d:10000
  server lb%[1]d
%[2]s`, i, peers)
}

const demoRequests = 5000 // to each node, at the same time

// TestDemonstration shows why this exists: two nodes that are each other's peers overwrite each other's counts; summed by an aggregator they agree on the total.
func TestDemonstration(t *testing.T) {
	haproxytest.Binary(t)
	t.Run("plain peers", func(t *testing.T) {
		lb1 := haproxytest.Start(t, haproxy.Config{Name: "lb1", Text: demoNode(1, "  server lb2 127.78.0.2:10000\n")})
		lb2 := haproxytest.Start(t, haproxy.Config{Name: "lb2", Text: demoNode(2, "  server lb1 127.78.0.1:10000\n")})
		demoTraffic(t)
		a, b := demoShows(t, lb1, "mytable.uncombined"), demoShows(t, lb2, "mytable.uncombined")
		t.Logf("plain peers:       lb1 shows %5d, lb2 shows %5d of %d requests", a, b, 2*demoRequests)
		if a == 2*demoRequests || b == 2*demoRequests {
			t.Error("plain peers got the total right: then the README must not say that they cannot")
		}
	})
	t.Run("aggregator", func(t *testing.T) {
		serveDemoAggregator(t)
		aggr := "  server aggr1 127.78.0.3:10000\n"
		lb1 := haproxytest.Start(t, haproxy.Config{Name: "lb1", Text: demoNode(1, aggr)})
		lb2 := haproxytest.Start(t, haproxy.Config{Name: "lb2", Text: demoNode(2, aggr)})
		demoTraffic(t)
		haproxytest.Eventually(t, func() error {
			a, b := demoShows(t, lb1, "mytable.aggr"), demoShows(t, lb2, "mytable.aggr")
			if a != 2*demoRequests || b != 2*demoRequests {
				return fmt.Errorf("lb1 shows %d, lb2 shows %d of %d requests", a, b, 2*demoRequests)
			}
			return nil
		})
		t.Logf("with an aggregator: lb1 shows %5d, lb2 shows %5d of %d requests", 2*demoRequests, 2*demoRequests, 2*demoRequests)
	})
}

func serveDemoAggregator(t *testing.T) {
	a, err := runtime.New(runtime.Config{Sections: []runtime.Section{{
		Name: "myaggr", Local: runtime.Peer{Name: "aggr1", Address: "127.78.0.3:10000"},
		Peers: []runtime.Peer{{Name: "lb1", Address: "127.78.0.1:10000"}, {Name: "lb2", Address: "127.78.0.2:10000"}},
		Rules: []runtime.Rule{{From: ".uncombined", To: ".aggr"}},
	}}}, runtime.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.Serve(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
}

// demoTraffic sends the requests of one client to both nodes at the same time, each over one connection.
func demoTraffic(t *testing.T) {
	t.Helper()
	errs := make(chan error, 2)
	for i := 1; i <= 2; i++ {
		go func() { errs <- keepAlive(t.Context(), fmt.Sprintf("127.78.0.%d:8000", i), demoRequests) }()
	}
	for range 2 {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
}

func keepAlive(ctx context.Context, address string, n int) error {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.78.0.9:0"))}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	r := bufio.NewReader(conn)
	for range n {
		if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: demo\r\n\r\n")); err != nil {
			return err
		}
		for line := ""; line != "\r\n"; {
			if line, err = r.ReadString('\n'); err != nil {
				return err
			}
			if strings.HasPrefix(strings.ToLower(line), "content-length:") && strings.TrimSpace(line[15:]) != "0" {
				return fmt.Errorf("the demonstration expects empty answers, not %s", line)
			}
		}
	}
	return nil
}

func demoShows(t *testing.T, p *haproxy.Process, table string) uint64 {
	t.Helper()
	e, err := p.ShowTableKey(t.Context(), table, "127.78.0.9")
	if err != nil {
		t.Fatal(err)
	}
	if e == nil {
		return 0
	}
	n, _ := e.Uint("http_req_cnt")
	return n
}
