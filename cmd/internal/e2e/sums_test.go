package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"stktc/cmd/internal/haproxy"
	"stktc/topology/sticktable"
)

// check compares every value of every sum with what the sources show.
func (m *matrix) check() error {
	for _, x := range m.tables {
		want := m.sources(x)
		if len(want) < len(x.kind.set)+len(x.kind.traffic) {
			return fmt.Errorf("%s: sources show %d keys", x.config(".raw"), len(want))
		}
		for _, b := range m.nodes {
			got, err := b.ShowTable(m.t.Context(), x.config(".sum"))
			if err != nil {
				return err
			}
			if err := want.compare(got, false); err != nil {
				return fmt.Errorf("%s on %s: %w", x.config(".sum"), b.name, err)
			}
		}
		got, err := m.aggregated(x.wire(".sum"))
		if err != nil {
			return err
		}
		if err := want.compare(got, true); err != nil {
			return fmt.Errorf("%s on the aggregator: %w", x.wire(".sum"), err)
		}
	}
	return nil
}

// sourceEntries are all sources' entries, by key.
type sourceEntries map[string][]haproxy.Entry

// sources reads a table from all nodes.
func (c *cluster) sources(table string) sourceEntries {
	c.t.Helper()
	all := sourceEntries{}
	for _, b := range c.nodes {
		for _, e := range b.table(table).Entries {
			all[e.Key] = append(all[e.Key], e)
		}
	}
	return all
}

func (m *matrix) sources(x typesTable) sourceEntries {
	m.t.Helper()
	all := m.cluster.sources(x.config(".raw"))
	for _, g := range m.given[x.wire("")] {
		for key, entries := range maps.Clone(all) {
			if key == g.key {
				all[key] = append(entries, g.like(entries[0]))
			}
		}
	}
	return all
}

// like shows what was given as HAProxy would.
func (g given) like(e haproxy.Entry) haproxy.Entry {
	shown := haproxy.Entry{Key: g.key}
	for _, v := range e.Values {
		v.Text = strconv.FormatUint(g.values[v.Name], 10)
		shown.Values = append(shown.Values, v)
	}
	return shown
}

// compare holds a sum to its sources. connCur tells whether it has conn_cur: the aggregator's own does, and of nodes' those that are recv-only.
func (s sourceEntries) compare(sums *haproxy.Table, connCur bool) error {
	if len(sums.Entries) != len(s) {
		return fmt.Errorf("%d keys, want %d", len(sums.Entries), len(s))
	}
	for key, entries := range s {
		sum := sums.Entry(key)
		if sum == nil {
			return fmt.Errorf("no key %q", key)
		}
		if len(sum.Values) != len(entries[0].Values) {
			return fmt.Errorf("key %q: %d values, want %d", key, len(sum.Values), len(entries[0].Values))
		}
		for i, v := range sum.Values {
			want := summed(entries, i, connCur)
			if first := entries[0].Values[i]; v.Name != first.Name || v.Period != first.Period || v.Text != want {
				return fmt.Errorf("key %q: %s(%v) is %s, want %s of %v", key, v.Name, v.Period, v.Text, want, texts(entries, i))
			}
		}
	}
	return nil
}

func texts(entries []haproxy.Entry, i int) []string {
	var list []string
	for _, e := range entries {
		list = append(list, e.Values[i].Text)
	}
	return list
}

// summed is what the i-th value of a sum is to show.
func summed(entries []haproxy.Entry, i int, connCur bool) string {
	name := entries[0].Values[i].Name
	switch {
	case name == "server_key":
		return "-"
	case name == "server_id", name == "conn_cur" && !connCur:
		return "0"
	}
	var total uint64
	for _, e := range entries {
		v, err := strconv.ParseUint(e.Values[i].Text, 10, 64)
		switch {
		case err != nil:
			return err.Error()
		case strings.HasPrefix(name, "gpt"):
			total = max(total, v)
		case total > math.MaxUint64-v:
			total = math.MaxUint64
		default:
			total += v
		}
	}
	if !strings.HasPrefix(name, "bytes_") || !strings.HasSuffix(name, "_cnt") {
		total = min(total, math.MaxUint32)
	}
	return strconv.FormatUint(total, 10)
}

var arrayElement = regexp.MustCompile(`^(gpt|gpc)[0-9]+`)

// prove notes which values the comparison could have found wrong: two sources at least had something, and not the same.
func (m *matrix) prove() {
	m.t.Helper()
	proved := map[string]bool{}
	for _, x := range m.tables {
		for key, entries := range m.sources(x) {
			for i, v := range entries[0].Values {
				if m.telling(entries, i) {
					m.mark(x, key, v.Name)
					proved[x.config(" ")+v.Name] = true
				}
			}
		}
		for _, c := range x.set.columns {
			for e := range c.Elems {
				if !proved[x.config(" ")+label(c, e)] {
					m.t.Errorf("%s: no key tells whether %s is summed", x.config(""), label(c, e))
				}
			}
		}
	}
}

// telling tells whether a sum is not what one source has; with the built-in node among the sources, that it has something is enough.
func (m *matrix) telling(entries []haproxy.Entry, i int) bool {
	values := texts(entries, i)
	values = slices.DeleteFunc(values, func(s string) bool { return s == "0" || s == "-" })
	slices.Sort(values)
	values = slices.Compact(values)
	oneWillDo := len(entries) > len(m.nodes) || entries[0].Values[i].Name == sticktable.ServerKey.String()
	return len(values) > 1 || len(values) > 0 && oneWillDo
}

func (m *matrix) mark(x typesTable, key, name string) {
	if x.set.name == "a" {
		name = arrayElement.ReplaceAllString(name, "$1")
	}
	if m.seen[name] == nil {
		m.seen[name] = cellMarks{}
	}
	mark := "s"
	switch {
	case x.kind.isTraffic(key) && slices.ContainsFunc(m.given[x.wire("")], func(g given) bool { return g.key == key }):
		mark = "n"
	case x.kind.isTraffic(key):
		mark = "t"
	}
	if !strings.Contains(m.seen[name][x.kind.name], mark) {
		marks := strings.Split(m.seen[name][x.kind.name]+mark, "")
		slices.Sort(marks)
		m.seen[name][x.kind.name] = strings.Join(marks, "")
	}
}

// isTraffic tells whether requests made the key that is shown.
func (k keyKind) isTraffic(shown string) bool {
	for _, key := range k.traffic {
		raw, err := base64.StdEncoding.DecodeString(key)
		switch {
		case k.key == sticktable.Binary && err == nil:
			key = strings.ToUpper(hex.EncodeToString(append(raw, make([]byte, k.keyLen-len(raw))...)))
		case k.key == sticktable.String && err == nil:
			key = string(raw[:min(len(raw), k.keyLen-1)])
		case k.key == sticktable.IPv6:
			key = netip.MustParseAddr(key).String()
		}
		if key == shown {
			return true
		}
	}
	return false
}

// print gives the table of what was seen: data types down, key types across.
func (m *matrix) print() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "data type")
	for _, k := range keyKinds {
		fmt.Fprintf(w, "\t%s", k.decl)
	}
	fmt.Fprintln(w)
	for _, name := range sticktable.DataTypeNames() {
		fmt.Fprint(w, name)
		for _, k := range keyKinds {
			fmt.Fprintf(w, "\t%s", m.seen[name][k.name])
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	return b.String()
}

// checkConnCur sees that only connected peers count in conn_cur, and all in everything else.
func (m *matrix) checkConnCur(left *balancer) error {
	for _, x := range m.tables {
		sums, err := m.aggregated(x.wire(".sum"))
		if err != nil || x.set.name != "s" || x.kind.set == nil {
			continue
		}
		e := left.table(x.config(".raw")).Entry(sums.Entries[0].Key)
		if e == nil {
			continue
		}
		want, _ := e.Uint("conn_cur")
		if got, _ := sums.Entries[0].Uint("conn_cur"); got != want {
			return fmt.Errorf("%s: conn_cur is %d after a node went away, want %d", x.wire(".sum"), got, want)
		}
	}
	return nil
}
