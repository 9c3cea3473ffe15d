package web

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"stktc/runtime"
	"stktc/runtime/peers"
	"stktc/runtime/session"
	"stktc/runtime/store"
	"stktc/topology/sticktable"
)

// fake is an aggregator that does nothing.
type fake struct {
	mu     sync.Mutex
	status runtime.Status
	age    time.Duration // since the last tick
	asked  int           // for its status
}

func (f *fake) Status() runtime.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	return f.status
}

func (f *fake) TickAge() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.age
}

// started is when the fakes began, present is now: an hour later.
var (
	started = time.Date(2026, 11, 22, 4, 50, 48, 0, time.UTC)
	present = started.Add(time.Hour)
)

// newServer makes a server for which time stands still at present.
func newServer(t testing.TB, f *fake) *Server {
	t.Helper()
	s := New(f, Options{Version: "v1.2.3", Revision: "0123456789abcdef"})
	s.now = func() time.Time { return present }
	s.pid, s.node = 4711, "host1"
	return s
}

// newTable makes a table with that many keys, which the named peers contribute to, each with a shape of its own.
func newTable(t testing.TB, name string, keys uint32, names []string, defs ...sticktable.Definition) *store.Table {
	t.Helper()
	table := store.New(name)
	for i, n := range names {
		def := defs[min(i, len(defs)-1)]
		table.Begin(n)
		src, err := table.Source(n, def)
		if err != nil {
			t.Fatal(err)
		}
		var b store.Batch
		for k := range keys {
			b.Add(binary.BigEndian.AppendUint32(nil, k), 3_600_000, make([]uint64, 4))
		}
		src.Apply(&b, 1000)
	}
	return table
}

var rateDef = sticktable.Definition{
	Key: sticktable.IPv4, KeyLen: 4, Expire: time.Hour,
	Columns: []sticktable.Column{{Type: sticktable.GPC0, Elems: 1}, {Type: sticktable.HTTPReqRate, Elems: 1, Period: 10 * time.Second}},
}

// seedLike is the seed's aggr1 in the middle of work: one node taught, one is away, the aggregator above is connected.
func seedLike(t testing.TB) *fake {
	sum := newTable(t, "mytable.aggr", 3, []string{"hapee1", "hapee2"}, rateDef)
	sum.End("hapee2")
	above := newTable(t, "mytable.l2", 2, []string{"aggr3"}, rateDef)
	return &fake{status: runtime.Status{Started: started, Sections: []runtime.SectionStatus{{
		Name: "myaggr", Local: runtime.Peer{Name: "aggr1", Address: "192.168.56.111:11111", Direction: runtime.Local},
		Rules: []runtime.Rule{{From: ".uncombined", To: ".aggr"}}, Forwards: []string{".l2"},
		Released: true, Writing: true, Missing: []string{"hapee2"},
		Peers: []runtime.PeerStatus{
			{
				Name: "hapee1", Address: "192.168.56.101:44444", Direction: runtime.Node, Counts: true, Connected: true, Inbound: true,
				Remote: "192.168.56.101:37257", PID: 20349, Since: started.Add(time.Minute), Sessions: 2, Lesson: "finished", Status: peers.StatusSuccess,
				Traffic: runtime.Traffic{UpdatesIn: 120, UpdatesOut: 80, Ignored: 3, BytesIn: 4000, BytesOut: 2000, HeartbeatsIn: 5, HeartbeatsOut: 6},
				Unacked: 1500 * time.Millisecond,
				Sends:   []session.TableStatus{{Name: "mytable.aggr", ID: 1, Pushed: 80, Acked: 79}, {Name: "mytable.l2", ID: 2, Pushed: 1, Unaccepted: true}},
			},
			{
				Name: "hapee2", Address: "192.168.56.102:44444", Direction: runtime.Node, Counts: true, Since: started.Add(59 * time.Minute), Sessions: 1,
				Lesson: "none", Status: peers.StatusConnecting, LastError: "dial tcp 192.168.56.102:44444: connect: connection refused",
			},
			{
				Name: "aggr3", Address: "192.168.56.113:11111", Direction: runtime.Up, Counts: true, Connected: true, Remote: "192.168.56.113:11111",
				Since: started, Sessions: 1, Lesson: "partial", Status: peers.StatusSuccess, Traffic: runtime.Traffic{UpdatesIn: 1},
			},
		},
		Tables: []runtime.TableStatus{{Table: sum, Source: "mytable.uncombined"}, {Table: above, Kind: runtime.Forwarded, Source: "mytable.l2"}},
	}}}}
}

// sites has two sections that share a peer, one whole and one in its silence; a group, a peer that is not configured, a lease, sources that disagree, and a reload
// that was refused.
func sites(t testing.TB) *fake {
	other := rateDef
	other.Columns = []sticktable.Column{rateDef.Columns[0], {Type: sticktable.HTTPReqRate, Elems: 1, Period: time.Minute}}
	sum := newTable(t, "/st.sum", 5, []string{"shared", "low1"}, rateDef, other)
	lease := newTable(t, "stktc.lease", 1, []string{"top"}, sticktable.Definition{
		Key: sticktable.String, KeyLen: 33, Expire: 3 * time.Second, Columns: []sticktable.Column{{Type: sticktable.GPC0, Elems: 1}},
	})
	shared := runtime.PeerStatus{
		Name: "shared", Address: "127.0.0.2:1", Counts: true, Connected: true, Inbound: true, Remote: "127.0.0.2:9", Since: started, Sessions: 1,
		Lesson: "finished", Status: peers.StatusSuccess, Traffic: runtime.Traffic{UpdatesIn: 1_234_567, BytesIn: 9_876_543_210},
	}
	low := func(name string, counts bool) runtime.PeerStatus {
		return runtime.PeerStatus{
			Name: name, Address: "127.0.0.3:1", Direction: runtime.Down, Group: 1, Counts: counts, Connected: counts, Since: started, Sessions: 1,
			Lesson: "finished", Status: peers.StatusSuccess,
		}
	}
	stranger := runtime.PeerStatus{Name: "stranger", Dynamic: true, Counts: true, Connected: true, Since: started, Sessions: 1, Lesson: "none", Status: peers.StatusSuccess}
	stranger.TLS = runtime.TLSStatus{Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", Peer: "stranger, n1", Verified: true}
	stranger.Refused = []runtime.RefusedTable{{Name: "st.x", Reason: "key type or length differs from the table's: string len 32, and shared sends ip"}}
	local := runtime.Peer{Name: "top", Address: "127.0.0.1:1", Direction: runtime.Local}
	return &fake{status: runtime.Status{
		Started: started, Faults: []runtime.FaultCount{{Kind: runtime.Malformed, Count: 3}, {Kind: runtime.TooLong}, {Kind: runtime.Reported, Count: 1}},
		Reloads: runtime.ReloadStatus{Successes: 2, Failures: 1, Last: present.Add(-time.Minute), LastError: "hapee-stktagg.cfg:7: `form` is not a keyword, did you mean `from`?"},
		Sections: []runtime.SectionStatus{
			{
				Name: "one", Local: local, Rules: []runtime.Rule{{To: ".sum"}}, Released: true, Learned: true, Whole: true, Missing: []string{"low2"},
				Takeovers: runtime.Takeovers{Groups: 1, Replicas: 2},
				Peers:     []runtime.PeerStatus{shared, low("low1", true), low("low2", false)},
				Tables:    []runtime.TableStatus{{Table: sum, Source: "/st"}, {Table: lease, Kind: runtime.Leased, Source: "stktc.lease"}},
			},
			{
				Name: "two", Local: local, Rules: []runtime.Rule{{From: ".x", To: ".y", UpOnly: true}}, Writing: true, Missing: []string{"stranger"},
				Peers: []runtime.PeerStatus{shared, stranger},
			},
		},
	}}
}
