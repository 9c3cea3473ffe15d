package load

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"stktc/runtime/peers"
	"stktc/topology/sticktable"
)

// shown is all that a session leaves of what it was sent.
type shown struct {
	Sums, Own                                             []uint32
	Totals                                                []uint64
	WentBack, BadLife, Foreign, GivenBack, Updates, Other uint64
	Changed                                               int64
	Acks                                                  []ack
	Latency                                               *hdrhistogram.Snapshot
}

func (s *session) shown() shown {
	n := s.n
	return shown{
		n.in.rows, n.out.rows, n.in.totals, n.in.wentBack, n.in.badLife, n.in.foreign, n.in.givenBack, n.in.updates.Load(), n.in.others.Load(), n.in.changed,
		unread(s.read.tables), n.in.latency.Export(),
	}
}

// unread gives the acks that are due.
func unread(tables map[uint32]*remoteTable) (all []ack) {
	for id := range uint32(8) {
		if t := tables[id]; t != nil && t.isUnread {
			all = append(all, ack{id, t.lastID})
		}
	}
	return all
}

// receiving makes a session of a node that was restarted, while the first probes of the other node are under way.
func receiving(t *testing.T, def sticktable.Definition) *session {
	c := config("lb1", "lb2")
	c.Definition, c.Keys = def, 20
	s := playedBy(t, c)
	l := s.n.l
	l.at.Store(int32(loading))
	s.n.isReborn.Store(true)
	s.read.acked = time.Now().Add(time.Hour)
	for i := range l.nodes[1].out.probes {
		p := &l.nodes[1].out.probes[i]
		p.sent.Store(int64(i+1) * 1000)
		p.value.Store(uint64(i) * 100)
	}
	return s
}

// someUpdates gives messages of every sort that a target sends, of few keys, so that many are twice in a batch.
func someUpdates(s *session, r *rand.Rand, n int) (text []byte) {
	l := s.n.l
	other := l.sum
	other.ID, other.Name, other.Columns = 3, "other", l.sum.Columns[:1]
	tables := []*peers.TableDefinition{&l.sum, &l.sum, &l.source, &other}
	key, great := l.keys.buffer(), []uint64{3, 200, 1 << 12, 1 << 30, 1 << 40}
	var def *peers.TableDefinition
	layouts := map[*peers.TableDefinition]*peers.Layout{}
	for i := range n {
		if def == nil || r.IntN(40) == 0 {
			def = tables[r.IntN(len(tables))]
			if layouts[def] == nil || r.IntN(3) == 0 {
				layouts[def] = peers.NewLayout(def)
				text = peers.AppendTableDefinition(text, def)
			} else {
				text = peers.AppendSwitch(text, def.ID)
			}
		}
		values := make([]uint64, layouts[def].Slots())
		for k := range values {
			values[k] = r.Uint64N(great[r.IntN(len(great))])
		}
		index := r.Uint32N(l.keys.total)
		if r.IntN(20) == 0 {
			index = 1 << 20 // of nobody
		}
		l.keys.put(key, index)
		life := []uint32{0, 1, uint32(def.Expire.Milliseconds()), uint32((def.Expire + lifeSlack).Milliseconds()), uint32((def.Expire + lifeSlack).Milliseconds()) + 1, 1<<32 - 1}[r.IntN(6)]
		start := len(text)
		if r.IntN(3) == 0 {
			text = layouts[def].AppendUpdateUntimed(text, uint32(i+1), key, values)
		} else {
			text = layouts[def].AppendUpdate(text, uint32(i+1), life, key, values)
		}
		if r.IntN(3) == 0 {
			text = withoutID(text, start)
		}
		if r.IntN(15) == 0 {
			text = peers.AppendControl(text, []peers.Type{peers.Heartbeat, peers.ResyncFinished}[r.IntN(2)])
		}
	}
	return text
}

// withoutID makes the update at a place one whose id is the next one.
func withoutID(text []byte, start int) []byte {
	f, _, err := peers.ParseFrame(text[start:], peers.MaxFrame)
	if err != nil {
		panic(err)
	}
	to := map[peers.Type]peers.Type{peers.UpdateEntry: peers.IncUpdate, peers.UpdateTimed: peers.IncUpdateTimed}[f.Type]
	body := append([]byte(nil), f.Body[4:]...)
	text = append(text[:start], byte(peers.StickTable), byte(to))
	return append(peers.AppendInt(text, uint64(len(body))), body...)
}

// TestReceiveAsPlainly: whatever comes, and wherever reads end, a session is left as it would be had it taken each update by itself at the moment of the read that ended it.
func TestReceiveAsPlainly(t *testing.T) {
	endless, short := everything(time.Second), usual(sticktable.Binary)
	endless.Expire, endless.Key, endless.KeyLen = 0, sticktable.IPv6, 16
	short.KeyLen = 9
	for name, def := range map[string]sticktable.Definition{
		"usual": usual(sticktable.IPv4), "binary": short, "rates only": {Key: sticktable.IPv4, KeyLen: 4, Expire: time.Hour, Columns: usual(sticktable.IPv4).Columns[2:]},
		"strings": everything(time.Second), "endless": endless,
	} {
		for cut, size := range map[string]int{"whole": 1 << 30, "great pieces": 5000, "pieces": 100, "bytes": 1} {
			t.Run(name+" in "+cut, func(t *testing.T) {
				r := rand.New(rand.NewPCG(7, 7))
				s := receiving(t, def)
				p := newPlain(s.n.l)
				text := someUpdates(s, r, 3000)
				for reads := int64(1); len(text) > 0; reads++ {
					piece := text[:min(len(text), 1+r.IntN(size), readSize)]
					text = text[len(piece):]
					now := stamp{bootTick + uint32(reads), reads * int64(100*time.Microsecond)}
					s.read.end += copy(s.read.buf[s.read.end:], piece)
					if err := s.handleBuffered(now); err != nil {
						t.Fatal(err)
					}
					s.read.move()
					p.read(t, piece, now)
				}
				p.sees.Acks, p.sees.Latency = unread(p.tables), p.latency.Export()
				compareShown(t, s.shown(), p.sees)
			})
		}
	}
}

func compareShown(t *testing.T, got, want shown) {
	t.Helper()
	a, b := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range a.NumField() {
		if x, y := a.Field(i).Interface(), b.Field(i).Interface(); !reflect.DeepEqual(x, y) {
			t.Errorf("%s:\n%v, want\n%v", a.Type().Field(i).Name, x, y)
		}
	}
	if want.Updates == 0 || want.GivenBack == 0 || want.Other == 0 {
		t.Errorf("something never came: %d, %d, %d", want.Updates, want.GivenBack, want.Other)
	}
}

// TestShortWay: updates of the usual table are read without looking for a message first.
func TestShortWay(t *testing.T) {
	s := played(t, 100)
	text, now := stream(s, 2), s.n.l.clock()
	_, definition, _ := peers.ParseFrame(text, peers.MaxFrame)
	s.read.end = copy(s.read.buf, text[:definition])
	if err := s.handleBuffered(now); err != nil {
		t.Fatal(err)
	}
	_, size, _ := peers.ParseFrame(text[definition:], peers.MaxFrame)
	if n := s.nextUpdate(text[definition:], now); n != size || s.read.taken != 1 {
		t.Errorf("%d of %d bytes, %d updates", n, size, s.read.taken)
	}
}

// TestBrokenMessage: what came before a message that cannot be read is taken.
func TestBrokenMessage(t *testing.T) {
	s := played(t, 100)
	text := append(stream(s, 10), byte(peers.Reserved), 0)
	s.read.end = copy(s.read.buf, text)
	if err := s.handleBuffered(s.n.l.clock()); err == nil {
		t.Error("no error")
	}
	if n := s.n.in.updates.Load(); n != 10 || s.n.in.totals[0] != 45 {
		t.Errorf("%d updates are taken, totals %d", n, s.n.in.totals)
	}
}

// TestGivenBackBeforeLessonEnds: the writer may use rows as soon as it is told that the lesson has ended.
func TestGivenBackBeforeLessonEnds(t *testing.T) {
	s := receiving(t, usual(sticktable.IPv4))
	l := s.n.l
	key := l.keys.buffer()
	l.keys.put(key, 3)
	text := l.shape.layout.AppendUpdate(peers.AppendTableDefinition(nil, &l.source), 1, 1000, key, []uint64{5, 6, 0, 0, 0})
	s.read.end = copy(s.read.buf, peers.AppendControl(text, peers.ResyncFinished))
	if err := s.handleAll(l.clock()); err != nil || !s.mail.answered {
		t.Fatal(err, s.mail)
	}
	if row := l.shape.row(s.n.out.rows, 3); row[1] != 5 || row[2] != 6 {
		t.Errorf("row %d", row)
	}
}

// TestRetime: each key's rates begin when the piece with its last update was written, and what is no recording is told.
func TestRetime(t *testing.T) {
	for name, def := range map[string]sticktable.Definition{"fast": usual(sticktable.IPv4), "strings": usual(sticktable.String)} {
		t.Run(name, func(t *testing.T) {
			s := receiving(t, def)
			n, shape := s.n, s.n.l.shape
			for i := range 3 {
				s.buf, s.current = nil, sourceID
				s.encode(loading, 15, 1<<20, writeSize)
				n.out.recording.pieces = append(n.out.recording.pieces, piece{text: s.buf, sent: stamp{tick: 1<<21 + uint32(i)<<10}})
			}
			var u peers.Update
			want := map[uint32]uint32{}
			for _, p := range n.out.recording.pieces {
				for text := p.text; len(text) > 0; {
					f, size, _ := peers.ParseFrame(text, peers.MaxFrame)
					if err := shape.layout.ParseUpdate(f.Type, f.Body, &u); err != nil {
						t.Fatal(err)
					}
					index, _ := n.l.keys.index(u.Key)
					want[index] = (p.sent.tick - uint32(u.Values[slotAge])) &^ 1
					text = text[size:]
				}
			}
			broken := n.out.recording.pieces[0].text
			if err := n.retime(); err != nil || len(want) != 20 {
				t.Fatal(len(want), err)
			}
			for index, tick := range want {
				if got := shape.row(n.out.rows, index)[3+rateTick]; got != tick {
					t.Errorf("rate of key %d begins at %d, want %d", index, got, tick)
				}
			}
			n.out.recording.pieces = []piece{{text: broken[:len(broken)-1]}}
			if err := n.retime(); err == nil {
				t.Error("half an update is not told")
			}
		})
	}
}

// plain does what a session does with updates, one after the other and in the plainest way.
type plain struct {
	l       *load
	text    []byte
	tables  map[uint32]*remoteTable
	cur     *remoteTable
	sees    shown
	latency *hdrhistogram.Histogram
	isSeen  [probesPerNode]bool
}

func newPlain(l *load) *plain {
	words := int(l.keys.total) * l.shape.words
	return &plain{l: l, tables: map[uint32]*remoteTable{}, latency: newHistogram(), sees: shown{Sums: make([]uint32, words), Own: make([]uint32, words), Totals: make([]uint64, len(l.shape.cells))}}
}

// read takes what a read gave, which may end anywhere.
func (p *plain) read(t *testing.T, piece []byte, now stamp) {
	p.text = append(p.text, piece...)
	for {
		f, n, err := peers.ParseFrame(p.text, peers.MaxFrame)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		p.text = p.text[n:]
		if f.Class == peers.StickTable {
			p.handle(t, f, now)
		}
	}
}

func (p *plain) handle(t *testing.T, f peers.Frame, now stamp) {
	switch f.Type {
	case peers.DefineTable:
		def, err := peers.ParseTableDefinition(f.Body)
		if err != nil {
			t.Fatal(err)
		}
		if p.cur = p.tables[def.ID]; p.cur == nil {
			p.cur = &remoteTable{def: def, layout: peers.NewLayout(&def)}
			p.tables[def.ID] = p.cur
		}
	case peers.SwitchTable:
		id, _ := peers.ParseSwitch(f.Body)
		p.cur = p.tables[id]
	default:
		var u peers.Update
		if err := p.cur.layout.ParseUpdate(f.Type, f.Body, &u); err != nil {
			t.Fatal(err)
		}
		p.update(&u, now)
	}
}

func (p *plain) update(u *peers.Update, now stamp) {
	l, k := p.l, &p.sees
	if p.cur.isUnread = true; u.Explicit {
		p.cur.lastID = u.ID
	} else {
		p.cur.lastID++
	}
	index, isKnown := l.keys.index(u.Key)
	switch p.cur.def.Name {
	default:
		k.Other++
	case l.source.Name:
		if k.GivenBack++; isKnown {
			p.set(l.shape.row(k.Own, index), givenBackID, u.Values, now)
		}
	case l.sum.Name:
		if k.Updates++; !isKnown {
			for _, c := range l.shape.cells {
				if c.isCounter() && u.Values[c.slot] != 0 {
					k.Foreign++
					break
				}
			}
			return
		}
		if u.Timed && l.Definition.Expire != 0 && (u.Expire == 0 || time.Duration(u.Expire)*time.Millisecond > l.Definition.Expire+lifeSlack) {
			k.BadLife++
		}
		p.sum(index, u.Values, now)
	}
}

func (p *plain) sum(index uint32, values []uint64, now stamp) {
	l, k := p.l, &p.sees
	row := l.shape.row(k.Sums, index)
	before := append([]uint32(nil), row...)
	p.set(row, now.tick|1, values, now)
	for i := range l.shape.cells {
		c := &l.shape.cells[i]
		if c.kind == sticktable.FreqCtr {
			continue
		}
		old, v := c.scalar(before), c.scalar(row)
		k.Totals[i] += v - old
		if c.isCounter() && v != old {
			k.Changed = now.ns
		}
		if c.isCounter() && v < old {
			k.WentBack++
		}
	}
	if probe := int(index) - int(l.firstProbe) - probesPerNode; l.probeCell != nil && probe >= 0 && !p.isSeen[probe] && l.probeCell.scalar(row) >= uint64(probe)*100 {
		p.isSeen[probe] = true
		p.latency.RecordValue(now.ns - int64(probe+1)*1000)
	}
}

func (p *plain) set(row []uint32, own uint32, values []uint64, now stamp) {
	row[0] = own
	for _, c := range p.l.shape.cells {
		switch v := values[c.slot]; c.kind {
		case sticktable.FreqCtr:
			row[c.word+rateTick] = (now.tick - uint32(v)) &^ 1
			row[c.word+rateCurr], row[c.word+ratePrev] = uint32(values[c.slot+1]), uint32(values[c.slot+2])
		case sticktable.ULongLong:
			setWide(row[c.word:], v)
		default:
			row[c.word] = uint32(v)
		}
	}
}
