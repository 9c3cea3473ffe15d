package load

import (
	"context"
	"encoding/json"
	"net"
	"testing"
	"time"

	"stktc/runtime"
	"stktc/topology/sticktable"
)

// aggregator runs the real one for nodes, until the test ends, and gives its address.
func aggregator(t *testing.T, addresses map[string]string, names ...string) string {
	t.Helper()
	section := runtime.Section{Name: "s", Local: runtime.Peer{Name: "agg", Address: "127.0.0.1:0"}, Rules: []runtime.Rule{{From: ".raw", To: ".sum"}}}
	for _, n := range names {
		address := addresses[n]
		if address == "" {
			address = closedAddress(t)
		}
		section.Peers = append(section.Peers, runtime.Peer{Name: n, Address: address})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a, err := runtime.New(runtime.Config{Sections: []runtime.Section{section}}, runtime.Options{
		Listen: func(string, string) (net.Listener, error) { return l, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- a.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// closedAddress is one where nobody listens.
func closedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// column makes a column from the words of a store list.
func column(c sticktable.DataType, elems int, period time.Duration) sticktable.Column {
	return sticktable.Column{Type: c, Elems: elems, Period: period}
}

// usual is the common table.
func usual(key sticktable.KeyType) sticktable.Definition {
	return sticktable.Definition{Key: key, KeyLen: key.WireLen(key.DefaultLen()), Expire: time.Hour, Columns: []sticktable.Column{
		column(sticktable.GPC0, 1, 0), column(sticktable.HTTPReqCnt, 1, 0), column(sticktable.HTTPReqRate, 1, 10*time.Second),
	}}
}

func config(names ...string) Config {
	return Config{
		Nodes: names, TargetName: "agg", Table: "t", From: ".raw", To: ".sum", Definition: usual(sticktable.IPv4),
		Keys: 500, Order: Scattered, Distribution: Uniform, Updates: 20_000, Probes: 500,
		Settle: 10 * time.Second, Looks: 2, LookEvery: 300 * time.Millisecond,
	}
}

// mustBeRight runs a load and demands that all sums are right.
func mustBeRight(t *testing.T, c Config) *Report {
	t.Helper()
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if !r.IsRight() {
		text, _ := json.MarshalIndent(r, "", " ")
		t.Fatalf("%s", text)
	}
	return r
}

func TestAggregator(t *testing.T) {
	c := config("lb1", "lb2")
	c.Target = aggregator(t, nil, c.Nodes...)
	r := mustBeRight(t, c)
	text, _ := json.MarshalIndent(r, "", " ")
	t.Logf("%s", text)
}
