package load

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"stktc/runtime/peers"
	"stktc/topology/sticktable"
)

// tamper stands between a node and the target, and changes what the target says of the table of sums.
type tamper struct {
	definition func(*peers.TableDefinition)
	update     func(u *peers.Update) []peers.Update // what is sent instead; nil: nothing is changed
}

// between gives the address of a tamper before a target.
func (w tamper) between(t *testing.T, target string) string {
	return listening(t, func(node net.Conn) { w.join(node, target) })
}

// listening gives an address where each connection is handled in a goroutine of its own.
func listening(t *testing.T, handle func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go handle(conn)
		}
	}()
	return l.Addr().String()
}

func (w tamper) join(node net.Conn, target string) {
	defer node.Close()
	agg, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer agg.Close()
	go func() { io.Copy(agg, node); agg.Close() }()
	r := bufio.NewReader(agg)
	status, err := r.ReadString('\n')
	if err != nil {
		return
	}
	io.WriteString(node, status)
	w.pass(node, r)
}

func (w tamper) pass(node io.Writer, agg io.Reader) {
	var layout *peers.Layout
	var in []byte
	piece := make([]byte, 64<<10)
	for {
		n, err := agg.Read(piece)
		if err != nil {
			return
		}
		in = append(in, piece[:n]...)
		var out []byte
		for {
			f, n, err := peers.ParseFrame(in, peers.MaxFrame)
			if err != nil || n == 0 {
				break
			}
			out = w.frame(out, f, in[:n], &layout)
			in = in[n:]
		}
		if _, err := node.Write(out); err != nil {
			return
		}
	}
}

func (w tamper) frame(out []byte, f peers.Frame, raw []byte, layout **peers.Layout) []byte {
	switch {
	case f.Class != peers.StickTable:
	case f.Type == peers.DefineTable:
		def, err := peers.ParseTableDefinition(f.Body)
		if *layout = nil; err != nil || !strings.HasSuffix(def.Name, ".sum") {
			break
		}
		*layout = peers.NewLayout(&def)
		if w.definition != nil {
			w.definition(&def)
			return peers.AppendTableDefinition(out, &def)
		}
	case f.Type == peers.UpdateTimed && *layout != nil && w.update != nil:
		var u peers.Update
		if (*layout).ParseUpdate(f.Type, f.Body, &u) != nil {
			break
		}
		instead := w.update(&u)
		if instead == nil {
			break
		}
		for _, u := range instead {
			out = (*layout).AppendUpdate(out, u.ID, u.Expire, u.Key, u.Values)
		}
		return out
	}
	return append(out, raw...)
}

// victim is the key that suffers.
const victim = "\x0a\x00\x00\x07"

// of applies a change to one key's updates.
func of(change func(u *peers.Update) []peers.Update) func(u *peers.Update) []peers.Update {
	return func(u *peers.Update) []peers.Update {
		if string(u.Key) != victim {
			return nil
		}
		return change(u)
	}
}

// Slots of the usual table.
const (
	slotGPC0 = iota
	slotReqCnt
	slotAge
	slotCurr
	slotPrev
)

// TestFindsWhatIsWrong: whatever is done to one key's sums on one node, the report blames that.
func TestFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		tamper  tamper
		column  string // the only one that is wrong
		trouble func(*Report) bool
	}{
		{name: "a counter is one too high", column: "gpc0", tamper: tamper{update: of(func(u *peers.Update) []peers.Update {
			u.Values[slotGPC0]++
			return []peers.Update{*u}
		})}},
		{name: "the last counter is one too low", column: "http_req_cnt", tamper: tamper{update: of(func(u *peers.Update) []peers.Update {
			u.Values[slotReqCnt]--
			return []peers.Update{*u}
		})}},
		{name: "a rate counts twice", column: "http_req_rate", tamper: tamper{update: of(func(u *peers.Update) []peers.Update {
			u.Values[slotCurr] *= 2
			return []peers.Update{*u}
		})}},
		{name: "a rate has a period more", column: "http_req_rate", tamper: tamper{update: of(func(u *peers.Update) []peers.Update {
			u.Values[slotAge] += 15_000
			return []peers.Update{*u}
		})}},
		{name: "a period before that was not", column: "http_req_rate", tamper: tamper{update: of(func(u *peers.Update) []peers.Update {
			u.Values[slotPrev] += 50
			return []peers.Update{*u}
		})}},
		{name: "updates are lost", column: "gpc0 http_req_cnt http_req_rate", tamper: tamper{update: of(func(*peers.Update) []peers.Update { return []peers.Update{} })}},
		{name: "a sum goes back for a moment", trouble: func(r *Report) bool { return r.WentBack > 0 }, tamper: tamper{update: of(func(u *peers.Update) []peers.Update {
			less := *u
			less.Values = append([]uint64(nil), u.Values...)
			less.Values[slotGPC0] = 0
			return []peers.Update{*u, less, *u}
		})}},
		{name: "sums live too long", trouble: func(r *Report) bool { return r.BadLife > 0 }, tamper: tamper{update: of(func(u *peers.Update) []peers.Update {
			u.Expire += 60_000
			return []peers.Update{*u}
		})}},
		{name: "sums are over at once", trouble: func(r *Report) bool { return r.BadLife > 0 }, tamper: tamper{update: of(func(u *peers.Update) []peers.Update {
			u.Expire = 0
			return []peers.Update{*u}
		})}},
		{name: "the period is another", trouble: func(r *Report) bool { return strings.Contains(r.Faults[0], "`http_req_rate(9s)`") }, tamper: tamper{definition: func(d *peers.TableDefinition) {
			d.Column(sticktable.HTTPReqRate).Period = 9 * time.Second
		}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := config("lb1", "lb2")
			cfg.Target = c.tamper.between(t, aggregator(t, nil, cfg.Nodes...))
			cfg.Settle, cfg.Looks, cfg.Probes = 3*time.Second, 1, 0
			r, err := Run(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if r.IsRight() {
				t.Fatal("not found")
			}
			if c.trouble != nil && (!c.trouble(r) || r.Looks[0].Wrong != 0) {
				t.Errorf("%+v", r)
			}
			checkBlame(t, &r.Looks[0], c.column)
		})
	}
}

// checkBlame demands that both nodes' sums of the victim are blamed, for these columns and nothing else.
func checkBlame(t *testing.T, k *Look, columns string) {
	t.Helper()
	wanted := strings.Fields(columns)
	if int(k.Wrong) != 2*len(wanted) {
		t.Errorf("%d fields wrong, want %d: %+v", k.Wrong, 2*len(wanted), k.Mistakes)
	}
	for _, column := range wanted {
		if k.ByColumn[column] != 2 {
			t.Errorf("%d wrong in %s, want 2", k.ByColumn[column], column)
		}
	}
	for _, m := range k.Mistakes {
		if m.Key != "10.0.0.7" {
			t.Errorf("blamed: %+v", m)
		}
	}
}

// TestForeignSums: sums of keys that nobody pushed are told.
func TestForeignSums(t *testing.T) {
	t.Parallel()
	c := config("lb1", "lb2")
	c.Target = tamper{update: of(func(u *peers.Update) []peers.Update {
		foreign := *u
		foreign.Key = []byte{192, 168, 0, 1}
		return []peers.Update{foreign, *u}
	})}.between(t, aggregator(t, nil, c.Nodes...))
	if r := mustBeRight(t, c); r.Foreign == 0 {
		t.Error("not told")
	}
}
