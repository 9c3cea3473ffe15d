package runtime

import (
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestStatusOfTakeovers: who takes over counts it, and who never had to does not.
func TestStatusOfTakeovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		top := upper("top", "a1", "a2")
		top.Peers[0].Group, top.Peers[1].Group = 7, 7
		w.aggregator(top)
		for _, s := range replicas() {
			s.Peers = append(s.Peers, Peer{Name: "top", Address: "top", Direction: Up})
			s.Forwards = []string{".all"}
			w.aggregator(s)
		}
		w.node("n1", "a1", "a2")
		w.node("n2", "a1", "a2")
		w.count("n1", "client", 10)
		pass(10 * time.Second)
		takeovers := func(name string) Takeovers { return w.aggrs[name].Status().Sections[0].Takeovers }
		before := takeovers("top").Groups
		writer, standby := "a1", "a2"
		if w.writers() != "a1 " {
			writer, standby = standby, writer
		}
		wrote := takeovers(standby).Replicas
		chosen := before
		for _, p := range w.aggrs["top"].Status().Sections[0].Peers {
			if p.Name == writer && p.Counts {
				chosen++
			}
		}
		w.end(writer)
		pass(6 * time.Second)
		if got := takeovers(standby).Replicas - wrote; got != 1 {
			t.Errorf("%s took over %d times, want once", standby, got)
		}
		if got := takeovers("top").Groups; got != chosen {
			t.Errorf("another member counts %d times over, want %d", got, chosen)
		}
	})
}

// TestStatusOfSources: an aggregator has learned when those who are connected have taught, and is whole when nobody is missing.
func TestStatusOfSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		s := lower("a", []string{"n1", "n2"})
		s.Leases = []Lease{{Table: "t.lease", Time: 3 * time.Second}}
		a := w.aggregator(s)
		w.node("n1", "a")
		pass(10 * time.Second)
		st := a.Status().Sections[0]
		if !st.Learned || st.Whole || !slices.Equal(st.Missing, []string{"n2"}) {
			t.Errorf("learned %t, whole %t, missing %v", st.Learned, st.Whole, st.Missing)
		}
		kinds := map[string]TableKind{}
		for _, table := range st.Tables {
			kinds[table.Table.Name()] = table.Kind
		}
		if kinds["t.sum"] != Summed || kinds["t.lease"] != Leased || len(kinds) != 2 {
			t.Errorf("tables are %v", kinds)
		}
	})
}

// TestStatusOfFaults: messages that break the protocol are counted by what is wrong with them, those that are no longer kept too.
func TestStatusOfFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		a := w.aggregator(lower("a", []string{"n1"}))
		pass(time.Second)
		for _, message := range []string{"\xff\x00", "\x0a\x82\xff\xff\xff\xff\x0e", "\x01\x00", "\x0a\x80\x01\x00"} {
			for range 12 {
				conn := greet(t, w, "a", "n1")
				io.WriteString(conn, message)
				pass(100 * time.Millisecond)
				conn.Close()
				pass(100 * time.Millisecond)
			}
		}
		want := []FaultCount{{Malformed, 12}, {TooLong, 12}, {Reported, 12}}
		got := a.Status().Faults
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		kept := a.Faults()
		if len(kept) != maxFaults {
			t.Fatalf("%d are kept", len(kept))
		}
		last := kept[len(kept)-1]
		if last.Kind != Reported || last.Peer != "n1" || last.Remote == "" || last.Bytes != nil {
			t.Errorf("the last is %+v", last)
		}
	})
}

// greet shakes hands as a peer that dials.
func greet(t *testing.T, w *world, called, caller string) net.Conn {
	t.Helper()
	conn, err := w.dial(context.Background(), "", called)
	if err != nil {
		t.Fatal(err)
	}
	go io.WriteString(conn, "HAProxyS 2.1\n"+called+"\n"+caller+" 1 1\n")
	status := make([]byte, 4)
	if _, err := io.ReadFull(conn, status); err != nil || string(status) != "200\n" {
		t.Fatalf("status %q, %v", status, err)
	}
	go io.Copy(io.Discard, conn)
	return conn
}

// TestTickAge: the age is small while the aggregator works, and grows when it does not.
func TestTickAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.endAll()
		a := w.aggregator(lower("a", []string{"n1"}))
		pass(time.Hour)
		if age := a.TickAge(); age < 0 || age > tickEvery {
			t.Errorf("the age is %v", age)
		}
		w.end("a")
		pass(time.Minute)
		if age := a.TickAge(); age < time.Minute || age > time.Minute+tickEvery {
			t.Errorf("a minute after its end the age is %v", age)
		}
	})
}
