package cli

import (
	"flag"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"stktc/runtime"
	"stktc/runtime/peers"
	"stktc/runtime/session"
	"stktc/runtime/store"
	"stktc/topology/sticktable"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

// fake is an aggregator that does nothing.
type fake struct {
	faults []runtime.Fault
	status runtime.Status
	now    uint32
}

func (f *fake) Status() runtime.Status  { return f.status }
func (f *fake) Faults() []runtime.Fault { return f.faults }
func (f *fake) Now() uint32             { return f.now }

// started is when the fakes began; they have been running for an hour.
var started = time.Date(2026, 11, 22, 4, 50, 48, 0, time.UTC)

func newServer(t testing.TB, a Aggregator, opt Options) *Server {
	t.Helper()
	s := New(a, opt)
	s.now = func() time.Time { return started.Add(time.Hour) }
	s.pid, s.node = 4711, "aggr1"
	return s
}

// ask lets a client send some input on a connection of its own and gives everything that it is answered until the end.
func ask(t testing.TB, s *Server, level Level, input string) string {
	t.Helper()
	conn, server := net.Pipe()
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	go newClient(s, server, Address{Level: level}).run()
	go io.WriteString(conn, input)
	reply, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("%q: %v, after %q", input, err, reply)
	}
	return string(reply)
}

// newTable makes a table of one shape that the named peers, connected, contribute to.
func newTable(t testing.TB, name string, def sticktable.Definition, names ...string) (*store.Table, map[string]*store.Source) {
	t.Helper()
	table := store.New(name)
	sources := map[string]*store.Source{}
	for _, n := range names {
		table.Begin(n)
		src, err := table.Source(n, def)
		if err != nil {
			t.Fatal(err)
		}
		sources[n] = src
	}
	return table, sources
}

func apply(src *store.Source, now uint32, key []byte, life uint32, values ...uint64) {
	var b store.Batch
	b.Add(key, life, values)
	src.Apply(&b, now)
}

func column(t sticktable.DataType, elems int, period time.Duration) sticktable.Column {
	return sticktable.Column{Type: t, Elems: elems, Period: period}
}

var (
	rateDef = sticktable.Definition{
		Key: sticktable.IPv4, KeyLen: 4, Expire: time.Hour,
		Columns: []sticktable.Column{column(sticktable.GPC0, 1, 0), column(sticktable.HTTPReqRate, 1, 10*time.Second)},
	}
	arrayDef = sticktable.Definition{
		Key: sticktable.Integer, KeyLen: 4, Expire: time.Minute,
		Columns: []sticktable.Column{column(sticktable.GPT, 2, 0), column(sticktable.GPC, 3, 0), column(sticktable.GPCRate, 2, 5*time.Second)},
	}
	stringDef = sticktable.Definition{
		Key: sticktable.String, KeyLen: 11,
		Columns: []sticktable.Column{
			column(sticktable.ServerID, 1, 0), column(sticktable.GPT0, 1, 0), column(sticktable.BytesInCnt, 1, 0), column(sticktable.ServerKey, 1, 0),
		},
	}
	ipv6Def   = sticktable.Definition{Key: sticktable.IPv6, KeyLen: 16, Columns: []sticktable.Column{column(sticktable.GPC0, 1, 0)}}
	binaryDef = sticktable.Definition{Key: sticktable.Binary, KeyLen: 5, Columns: []sticktable.Column{column(sticktable.GPC0, 1, 0)}}
)

// seedLike is the seed's aggr1 in the middle of work: one node taught, one is away, the aggregator above is connected.
func seedLike(t testing.TB) *fake {
	sum, src := newTable(t, "mytable.aggr", rateDef, "hapee1", "hapee2")
	apply(src["hapee1"], 1000, []byte{10, 0, 0, 1}, 3_600_000, 2, 0, 2, 0)
	apply(src["hapee2"], 1000, []byte{10, 0, 0, 1}, 1_800_000, 3, 0, 3, 0)
	apply(src["hapee1"], 1000, []byte{10, 0, 0, 9}, 60_000, 40, 5000, 0, 12)
	sum.End("hapee2")
	forwarded, up := newTable(t, "mytable.l2", rateDef, "aggr3")
	apply(up["aggr3"], 1000, []byte{10, 0, 0, 1}, 3_600_000, 17, 0, 17, 0)
	faults := []runtime.FaultCount{{Kind: runtime.Malformed, Count: 3}, {Kind: runtime.TooLong}, {Kind: runtime.Reported, Count: 1}}
	return &fake{now: 1000, status: runtime.Status{Started: started, Faults: faults, Sections: []runtime.SectionStatus{{
		Name: "myaggr", Local: runtime.Peer{Name: "aggr1", Address: "192.168.56.111:11111", Direction: runtime.Local},
		Rules: []runtime.Rule{{From: ".uncombined", To: ".aggr"}}, Forwards: []string{".l2"},
		Released: true, Writing: true, Missing: []string{"hapee2"}, Takeovers: runtime.Takeovers{Groups: 1, Replicas: 2},
		Peers: []runtime.PeerStatus{
			{
				Name: "hapee1", Address: "192.168.56.101:44444", Direction: runtime.Node, Connected: true, Inbound: true, Remote: "192.168.56.101:37257",
				PID: 20349, Since: started.Add(time.Minute), Sessions: 2, Lesson: "finished", Status: peers.StatusSuccess,
				Traffic: runtime.Traffic{UpdatesIn: 120, UpdatesOut: 80, Ignored: 3, BytesIn: 4000, BytesOut: 2000, HeartbeatsIn: 5, HeartbeatsOut: 6},
				Sends:   []session.TableStatus{{Name: "mytable.aggr", ID: 1, Pushed: 80, Acked: 79}, {Name: "mytable.l2", ID: 2, Pushed: 1, Unaccepted: true}},
			},
			{
				Name: "hapee2", Address: "192.168.56.102:44444", Direction: runtime.Node, Since: started.Add(59 * time.Minute), Sessions: 1, Lesson: "none",
				Status: peers.StatusConnecting, LastError: "dial tcp 192.168.56.102:44444: connect: connection refused",
			},
			{
				Name: "aggr3", Address: "192.168.56.113:11111", Direction: runtime.Up, Connected: true, Remote: "192.168.56.113:11111",
				Since: started, Sessions: 1, Lesson: "partial", Status: peers.StatusSuccess, Traffic: runtime.Traffic{UpdatesIn: 1},
			},
		},
		Tables: []runtime.TableStatus{{Table: sum, Source: "mytable.uncombined"}, {Table: forwarded, Kind: runtime.Forwarded, Source: "mytable.l2"}},
	}}}}
}

// allKinds has a table of each kind of key, with values of each kind.
func allKinds(t testing.TB) *fake {
	f := &fake{now: 1000, status: runtime.Status{Started: started, Sections: []runtime.SectionStatus{{Name: "all", Released: true, Whole: true, Writing: true}}}}
	add := func(name string, def sticktable.Definition, fill func(src *store.Source)) {
		table, src := newTable(t, name, def, "n1")
		fill(src["n1"])
		s := &f.status.Sections[0]
		s.Tables = append(s.Tables, runtime.TableStatus{Table: table, Source: name + ".src"})
	}
	add("/tip", rateDef, func(src *store.Source) {
		for i := range byte(4) {
			apply(src, 1000, []byte{1, 2, 3, i}, 50386, uint64(i), 0, uint64(10*i), 0)
		}
	})
	add("tint", arrayDef, func(src *store.Source) {
		apply(src, 1000, []byte{0x12, 0x34, 0x56, 0x78}, 55490, 1, 2, 3, 4, 5, 0, 6, 0, 0, 0, 7)
	})
	add("tstr", stringDef, func(src *store.Source) {
		apply(src, 1000, []byte("a=b c;\\"), store.Forever, 3, 9, 5_000_000_000)
		apply(src, 1000, []byte("\t\n\r\x1b\x01\xe9"), store.Forever, 0, 1, 0)
	})
	add("tip6", ipv6Def, func(src *store.Source) {
		apply(src, 1000, []byte{0x20, 1, 0xd, 0xb8, 15: 1}, store.Forever, 1)
		apply(src, 1000, []byte{10: 0xff, 11: 0xff, 12: 1, 13: 2, 14: 3, 15: 4}, store.Forever, 2)
		apply(src, 1000, []byte{15: 1}, store.Forever, 3)
		apply(src, 1000, []byte{12: 1, 13: 2, 14: 3, 15: 4}, store.Forever, 4)
	})
	add("tbin", binaryDef, func(src *store.Source) { apply(src, 1000, []byte{0xab, 0, 1, 2, 0xff}, store.Forever, 1) })
	return f
}

// starting is an aggregator of two sections in its silence after the start; the second takes any table, and its sources disagree on a period.
func starting(t testing.TB) *fake {
	table, _ := newTable(t, "st.sum", rateDef, "n1")
	other := rateDef
	other.Columns = []sticktable.Column{column(sticktable.GPC0, 1, 0), column(sticktable.HTTPReqRate, 1, time.Minute)}
	if _, err := table.Source("n2", other); err != nil {
		t.Fatal(err)
	}
	connected := runtime.PeerStatus{Name: "n1", Address: "127.0.0.2:1", Connected: true, Since: started, Sessions: 1, Lesson: "none", Status: peers.StatusSuccess, Traffic: runtime.Traffic{UpdatesIn: 7}}
	never := runtime.PeerStatus{Name: "n2", Address: "127.0.0.3:1", Since: started, Lesson: "none", Status: peers.StatusNone}
	local := runtime.Peer{Name: "a", Address: "127.0.0.1:1", Direction: runtime.Local}
	return &fake{now: 1000, status: runtime.Status{Started: started, Sections: []runtime.SectionStatus{
		{Name: "one", Local: local, Rules: []runtime.Rule{{From: ".x", To: ".y"}}, Writing: true, Missing: []string{"n1", "n2"}, Peers: []runtime.PeerStatus{connected, never}},
		{
			Name: "two", Local: local, Rules: []runtime.Rule{{To: ".sum"}}, Released: true, Whole: true, Writing: true, Peers: []runtime.PeerStatus{connected},
			Tables: []runtime.TableStatus{{Table: table, Source: "st"}, {Table: store.New("new.sum"), Source: "new"}},
		},
	}}}
}

// roles is an aggregator with peers of every kind: one that nobody listed, over TLS, and groups of two of which one counts.
func roles(testing.TB) *fake {
	peer := func(name string, d runtime.Direction, group int, counts bool) runtime.PeerStatus {
		return runtime.PeerStatus{
			Name: name, Address: name + ":1", Direction: d, Group: group, Counts: counts, Connected: true, Since: started, Sessions: 1, Lesson: "finished", Status: peers.StatusSuccess,
		}
	}
	stranger := peer("stranger", runtime.Node, 0, true)
	stranger.Dynamic, stranger.TLS, stranger.Address, stranger.Inbound, stranger.Remote = true,
		runtime.TLSStatus{Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", Peer: "stranger, n1", Verified: true}, "", true, "10.0.0.9:4711"
	return &fake{now: 1000, status: runtime.Status{Started: started, Sections: []runtime.SectionStatus{{
		Name: "a", Local: runtime.Peer{Name: "me", Address: ":1", Direction: runtime.Local}, Rules: []runtime.Rule{{From: ".a", To: ".b", UpOnly: true}}, Released: true, Whole: true, Writing: true,
		Peers: []runtime.PeerStatus{
			stranger, peer("up1", runtime.Up, 1, true), peer("up2", runtime.Up, 1, false), peer("twin", runtime.Replica, 0, true),
		},
	}}}}
}
