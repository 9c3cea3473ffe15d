package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"stktc/topology/sticktable"
)

// score is what every table of every node shows and must show.
type score struct {
	lab     *lab
	columns []string // table names, in the order in which they are first met
	tables  []*scoredTable
	skipped []string // counting tables of which no value is summed
	start   time.Time
}

// scoredTable is one table of one node.
type scoredTable struct {
	role
	node  int
	keys  []key          // by client
	known []values       // of a table that counts: what it was sent, by client, as far as it is known
	now   []values       // what it shows, by client; nil: no entry
	then  []values       // of a table that counts: what it showed before all others were read
	sums  []*scoredTable // what it is the sum of
}

// newScore sends the traffic.
func (l *lab) newScore(ctx context.Context) (*score, error) {
	s := &score{lab: l, start: time.Now()}
	bySource := map[source]*scoredTable{}
	for i, n := range l.model.nodes {
		if n == nil {
			continue
		}
		for _, r := range l.model.roles(i) {
			if len(cells(&r.table.Shape.Definition)) == 0 {
				s.skip(r)
				continue
			}
			t := &scoredTable{role: r, node: i}
			for c := range clients {
				t.keys = append(t.keys, keyOf(&r.table.Shape.Definition, l.plan.client(c), c))
			}
			s.add(t)
			if r.counts {
				bySource[source{i, r.table.WireName()}] = t
			}
		}
	}
	if len(bySource) == 0 {
		return nil, s.nothing()
	}
	for _, t := range s.tables {
		for _, from := range t.sources {
			if counted := bySource[from]; counted != nil {
				t.sums = append(t.sums, counted)
			}
		}
	}
	return s, s.send(ctx)
}

func (s *score) skip(r role) {
	if name := r.table.Name.Value; r.counts && !slices.Contains(s.skipped, name) {
		s.skipped = append(s.skipped, name)
	}
}

// nothing says why there is no table to try.
func (s *score) nothing() error {
	if len(s.skipped) > 0 {
		return fmt.Errorf("of %s no value is summed: there is nothing to try", strings.Join(s.skipped, ", "))
	}
	return errors.New("no table of any balancer is summed: there is nothing to try")
}

func (s *score) add(t *scoredTable) {
	s.tables = append(s.tables, t)
	name := t.table.Name.Value
	for _, known := range s.columns {
		if known == name {
			return
		}
	}
	s.columns = append(s.columns, name)
}

// send has every client counted on every node, in every table that counts.
func (s *score) send(ctx context.Context) error {
	return inParallel(len(s.lab.hosts), func(node int) error { return s.sendTo(ctx, node) })
}

func (s *score) sendTo(ctx context.Context, node int) error {
	for _, t := range s.tables {
		if !t.counts || t.node != node {
			continue
		}
		for client, k := range t.keys {
			want := values{}
			for i, c := range cells(&t.table.Shape.Definition) {
				want[c] = amountOf(t.node, client, i)
			}
			known, err := s.lab.balancers[node].count(ctx, t.table, k, s.lab.plan.client(client), want)
			if err != nil {
				return fmt.Errorf("%s: table %s: %w", s.name(t), t.table.Name.Value, err)
			}
			t.known = append(t.known, known)
		}
	}
	return nil
}

func (s *score) name(t *scoredTable) string { return s.lab.hosts[t.node].Name }

// look reads all tables: those that count before and after the others, since short rates fall meanwhile.
func (s *score) look(ctx context.Context) error {
	for _, pass := range []struct {
		counts bool
		to     func(*scoredTable) *[]values
	}{
		{true, func(t *scoredTable) *[]values { return &t.then }},
		{false, func(t *scoredTable) *[]values { return &t.now }},
		{true, func(t *scoredTable) *[]values { return &t.now }},
	} {
		for _, t := range s.tables {
			if t.counts != pass.counts {
				continue
			}
			read, err := s.lab.balancers[t.node].read(ctx, t.table, t.keys)
			if err != nil {
				return fmt.Errorf("%s: table %s: %w", s.name(t), t.table.Name.Value, err)
			}
			*pass.to(t) = read
		}
	}
	return nil
}

// span is what a cell may show.
type span struct{ least, most uint64 }

func (s span) holds(n uint64) bool { return s.least <= n && n <= s.most }

func (s span) String() string {
	if s.least == s.most {
		return fmt.Sprint(s.least)
	}
	return fmt.Sprintf("%d to %d", s.least, s.most)
}

// expected gives what a table must show of a client in a cell; false if nothing is known of it.
func (t *scoredTable) expected(client int, c cell) (span, bool) {
	if t.counts {
		n, known := t.known[client][c]
		return span{n, n}, known && !t.fades(c)
	}
	total, isRate := span{}, false
	for _, from := range t.sums {
		part, stores := from.shows(client, c)
		if !stores {
			continue
		}
		isRate = isRate || from.fades(c)
		if c.column.Spec().Arithmetic == sticktable.Greatest {
			total = span{max(total.least, part.least), max(total.most, part.most)}
		} else {
			total = span{total.least + part.least, total.most + part.most}
		}
	}
	if isRate { // within 1 % or one count of each contributor: HAProxy rounds each of them down
		slack := max(total.most/100, uint64(len(t.sums)))
		total = span{total.least - min(slack, total.least), total.most + slack}
	}
	return total, len(t.sums) > 0
}

// shows gives what a counting table contributes: what was sent, else, for rates that fade and for what only HAProxy knows (connections,
// bytes), what the node shows itself.
func (t *scoredTable) shows(client int, c cell) (span, bool) {
	if t.table.Shape.Definition.Column(c.column) == nil {
		return span{}, false
	}
	if n, known := t.known[client][c]; known && !t.fades(c) {
		return span{n, n}, true
	}
	then, now := at(t.then, client)[c], at(t.now, client)[c]
	return span{min(then, now), max(then, now)}, true
}

func at(all []values, client int) values {
	if client < len(all) {
		return all[client]
	}
	return nil
}

// fades tells whether a cell is a rate that falls while the lab runs.
func (t *scoredTable) fades(c cell) bool {
	column := t.table.Shape.Definition.Column(c.column)
	return c.column.Spec().Kind == sticktable.FreqCtr && column != nil && column.Period < longPeriod
}

// mistake is a value that is not what it must be.
type mistake struct {
	table  *scoredTable
	client int
	cell   cell
	want   span
	seen   uint64
	absent bool // there is no entry
}

// mistakes compares one table's last look.
func (t *scoredTable) mistakes() []mistake {
	var list []mistake
	for client := range t.keys {
		shown := at(t.now, client)
		for _, c := range cells(&t.table.Shape.Definition) {
			want, isKnown := t.expected(client, c)
			if !isKnown || want.holds(shown[c]) {
				continue
			}
			list = append(list, mistake{table: t, client: client, cell: c, want: want, seen: shown[c], absent: shown == nil})
		}
	}
	return list
}

// String says it: "hapee1: mytable.aggr: 127.77.254.1: http_req_rate is 3, must be 5: 2 of hapee1, 3 of hapee2".
func (s *score) sentence(m mistake) string {
	t := m.table
	is := fmt.Sprint(m.seen)
	if m.absent {
		is = "absent"
	}
	text := fmt.Sprintf("%s: %s: %s: %s is %s, must be %s", s.name(t), t.table.Name.Value, t.keys[m.client].shown, m.cell.name(), is, m.want)
	for i, from := range t.sums {
		part, _ := from.shows(m.client, m.cell)
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		text += fmt.Sprintf("%s%s of %s", sep, part, s.name(from))
	}
	return text
}

// total adds up a cell of all clients: what the live table shows.
func (t *scoredTable) total(c cell) (seen uint64, want span) {
	for client := range t.keys {
		seen += at(t.now, client)[c]
		part := t.wanted(client, c)
		want = span{want.least + part.least, want.most + part.most}
	}
	return seen, want
}

// wanted is what a cell must show, or of what nothing is known, shows.
func (t *scoredTable) wanted(client int, c cell) span {
	if want, isKnown := t.expected(client, c); isKnown {
		return want
	}
	shown, _ := t.shows(client, c)
	return shown
}

// table finds a node's table by name.
func (s *score) table(node int, name string) *scoredTable {
	for _, t := range s.tables {
		if t.node == node && t.table.Name.Value == name {
			return t
		}
	}
	return nil
}
