package load

import (
	"fmt"
	"slices"
	"strings"

	"stktc/grammar"
	"stktc/grammar/diag"
)

// pick finds the hosts that selectors stand for, in the order of the selectors and each once. A selector that matches nothing, or
// a range of which a name is not there, is reported. A glob never means the one who asks.
func (b *topologyBuilder) pick(selectors []grammar.Scalar, among []*host, what string, asker *host) []member {
	var members []member
	seen := map[*host]bool{}
	for _, s := range selectors {
		sel, bad := grammar.ParseSelector(s)
		if bad != nil {
			b.findings.Add(*bad)
			continue
		}
		for _, h := range b.match(sel, among, what, asker) {
			if !seen[h] {
				seen[h] = true
				members = append(members, member{h, s})
			}
		}
	}
	return members
}

func (b *topologyBuilder) match(sel grammar.Selector, among []*host, what string, asker *host) []*host {
	if sel.Site != "" {
		return b.matchSite(sel)
	}
	var found []*host
	var missing []string
	for _, pattern := range sel.Patterns {
		before := len(found)
		if !grammar.IsGlob(pattern) {
			h := b.byName[strings.ToLower(pattern)]
			if h != nil && h.node.Name.Value == pattern && (what == "node" || h.balancer != nil) {
				found = append(found, h)
			}
		} else {
			for _, h := range among {
				if h != asker && grammar.MatchGlob(pattern, h.node.Name.Value) {
					found = append(found, h)
				}
			}
		}
		if len(found) == before {
			missing = append(missing, pattern)
		}
	}
	if len(missing) > 0 {
		b.noMatch(sel, missing, among, what)
	}
	return found
}

// noMatch reports what a selector does not find, unless names that could not be read may be the reason.
func (b *topologyBuilder) noMatch(sel grammar.Selector, missing []string, among []*host, what string) {
	if b.unnamed {
		return
	}
	var names []string
	for _, h := range among {
		names = append(names, h.node.Name.Value)
	}
	subject := fmt.Sprintf("selector `%s`", sel.Value)
	if len(sel.Patterns) > 1 {
		subject = fmt.Sprintf("%s of selector `%s`", grammar.List(missing), sel.Value)
	}
	b.errorf(grammar.CodeSelector, sel.Span, "%s matches no %s; %s", subject, what, grammar.Accepted(missing[0], names))
}

func (b *topologyBuilder) matchSite(sel grammar.Selector) []*host {
	var found []*host
	for _, h := range b.balancers {
		if h.node.Site == sel.Site {
			found = append(found, h)
		}
	}
	if len(found) == 0 && !b.unnamed {
		var sites []string
		for _, h := range b.balancers {
			if site := "@" + h.node.Site; h.node.Site != "" && !slices.Contains(sites, site) {
				sites = append(sites, site)
			}
		}
		b.errorf(grammar.CodeSelector, sel.Span, "selector `%s` matches no balancer; %s", sel.Value, grammar.Accepted(sel.Value, sites))
	}
	return found
}

// visit is how far the walk along sums has come with a host.
type visit uint8

const (
	unvisited visit = iota
	visiting
	visited
)

// sums resolves who sums whom, and how high each aggregator stands.
func (b *topologyBuilder) sums() {
	for _, a := range b.aggregators {
		done := b.about(a.node.Name.Value, "")
		a.members = b.pick(a.aggregator.Sums, b.order, "node", a)
		done()
		for _, m := range a.members {
			m.sums = append(m.sums, member{a, m.by})
		}
	}
	for _, h := range b.balancers {
		h.height, h.visit = 0, visited
	}
	for _, a := range b.aggregators {
		b.climb(a)
	}
	for _, a := range b.aggregators {
		done := b.about(a.node.Name.Value, "")
		b.checkHeight(a)
		b.checkSections(a)
		done()
	}
	b.overlaps()
	b.carry()
	b.claimed()
	b.checkTLS()
	b.checkReplicas()
	b.checkGuests()
	b.leases()
}

// climb finds an aggregator's height. It stays -1 when a member's is not known, or when members are of different heights.
func (b *topologyBuilder) climb(a *host) {
	if a.visit != unvisited {
		return
	}
	defer b.about(a.node.Name.Value, "")()
	a.visit = visiting
	defer func() { a.visit = visited }()
	height := -1
	var first member
	for _, m := range a.members {
		if m.visit == visiting {
			b.circle(a, m)
			return
		}
		b.climb(m.host)
		switch {
		case m.height < 0:
			return
		case height < 0:
			height, first = m.height, m
		case m.height != height:
			b.related(grammar.CodeHeight, m.by.Span, first.by.Span, kind(first.host), "`%s` sums %s and %s; members must all stand on one level", a.node.Name.Value, kind(first.host), kind(m.host))
			return
		}
	}
	if height >= 0 {
		a.height = height + 1
	}
}

func kind(h *host) string {
	if h.height == 0 {
		return fmt.Sprintf("the balancer `%s`", h.node.Name.Value)
	}
	return fmt.Sprintf("`%s` of level %d", h.node.Name.Value, h.height)
}

// circle reports that a sums m, which sums a again.
func (b *topologyBuilder) circle(a *host, m member) {
	if m.host == a {
		b.errorf(grammar.CodeHeight, m.by.Span, "`%s` sums itself", a.node.Name.Value)
		return
	}
	b.related(grammar.CodeHeight, m.by.Span, m.node.Name.Span, "summed here", "`%s` sums `%s`, which sums `%s` again, by itself or through others", a.node.Name.Value, m.node.Name.Value, a.node.Name.Value)
}

func (b *topologyBuilder) checkHeight(a *host) {
	levels := len(b.file.Levels)
	if a.height >= levels && levels > 0 {
		b.errorf(grammar.CodeHeight, a.node.Name.Span, "`%s` stands %s above the nodes, but `levels` ends at %d", a.node.Name.Value, grammar.Count(a.height, "level"), levels-1)
	}
	b.checkName("section", a.aggregator.Section)
}

// checkSections makes sure that the peers section that an aggregator names is one of its members'.
func (b *topologyBuilder) checkSections(a *host) {
	name := a.aggregator.Peers
	if name.IsZero() {
		return
	}
	var without []string
	for _, m := range a.members {
		if m.balancer != nil && len(m.listens) > 0 && m.section(name) == nil {
			without = append(without, m.node.Name.Value)
		}
		if m.aggregator != nil && m.height > 0 && !slices.Contains(m.families(), name.Value) {
			without = append(without, m.node.Name.Value)
		}
	}
	if len(without) > 0 {
		b.errorf(grammar.CodeReference, name.Span, "peers section `%s` of `%s` is not that of %s", name.Value, a.node.Name.Value, grammar.List(without))
	}
}

// families are the peers sections whose tables an aggregator of known height sums: its own, else those of its members.
func (h *host) families() []string {
	if h.family != nil {
		return h.family
	}
	switch {
	case h.balancer != nil:
		if l := h.section(grammar.Scalar{}); l != nil {
			h.family = []string{l.section.Value}
		}
	case !h.aggregator.Peers.IsZero():
		h.family = []string{h.aggregator.Peers.Value}
	default:
		for _, m := range h.members {
			h.family = append(h.family, m.families()...)
		}
		slices.Sort(h.family)
		h.family = slices.Compact(h.family)
	}
	return h.family
}

// sumKey is what an aggregator sums: aggregators with one key are replicas.
type sumKey struct{ members, sections string }

func (b *topologyBuilder) sumKeys() map[*host]sumKey {
	number := map[*host]int{}
	for i, h := range b.order {
		number[h] = i
	}
	keys := map[*host]sumKey{}
	for _, a := range b.aggregators {
		var members []int
		for _, m := range a.members {
			members = append(members, number[m.host])
		}
		slices.Sort(members)
		if a.height > 0 {
			keys[a] = sumKey{fmt.Sprint(members), strings.Join(a.families(), " ")}
		}
	}
	return keys
}

// overlaps finds aggregators of one peers section that share members. Only those that share all are meant so: they are replicas.
func (b *topologyBuilder) overlaps() {
	keys := b.sumKeys()
	same := map[sumKey][]*host{}
	for _, a := range b.aggregators {
		if a.height > 0 {
			same[keys[a]] = append(same[keys[a]], a)
		}
	}
	for _, a := range b.aggregators {
		a.replicas = slices.DeleteFunc(slices.Clone(same[keys[a]]), func(r *host) bool { return r == a })
	}
	reported := map[[2]*host]bool{}
	for _, h := range b.order {
		var apart []member // one of each key
		for _, second := range h.sums {
			first, found := b.overlap(keys, apart, second)
			switch {
			case second.height < 1 || found && keys[first.host] == keys[second.host]:
			case !found:
				apart = append(apart, second)
			case !reported[[2]*host{first.host, second.host}]:
				reported[[2]*host{first.host, second.host}] = true
				b.overlapping(h, first, second)
			}
		}
	}
}

// overlap finds the first of a host's aggregators that shares a peers section with another.
func (b *topologyBuilder) overlap(keys map[*host]sumKey, list []member, second member) (member, bool) {
	for _, first := range list {
		if keys[first.host] == keys[second.host] || intersect(first.families(), second.families()) {
			return first, true
		}
	}
	return member{}, false
}

func (b *topologyBuilder) overlapping(shared *host, first, second member) {
	defer b.about(second.node.Name.Value, "")()
	b.related(grammar.CodeHeight, second.by.Span, first.by.Span, "summed here", "`%s` and `%s` both sum `%s`, but not all the same members; the sets must be equal, or apart",
		first.node.Name.Value, second.node.Name.Value, shared.node.Name.Value)
}

func intersect(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// carry finds the tables that come to each aggregator: from its balancers those of its peers section, from lower aggregators all
// that have a suffix for their height.
func (b *topologyBuilder) carry() {
	byHeight := slices.Clone(b.aggregators)
	slices.SortStableFunc(byHeight, func(x, y *host) int { return x.height - y.height })
	for _, a := range byHeight {
		if a.height < 1 {
			continue
		}
		for _, t := range b.tableList {
			if a.height < len(t.suffixes) && slices.ContainsFunc(a.members, func(m member) bool { return a.gets(t, m.host) }) {
				a.carries = append(a.carries, t)
			}
		}
		b.checkCarries(a)
	}
	for _, a := range slices.Backward(byHeight) {
		a.climbTables()
	}
	for _, a := range b.aggregators {
		b.checkKept(a)
	}
}

// checkKept reports an aggregator whose sums go neither to nodes nor further up.
func (b *topologyBuilder) checkKept(a *host) {
	for _, t := range a.carries {
		if t.delivers(a.height) || a.tops[t] > a.height {
			continue
		}
		defer b.about(a.node.Name.Value, "")()
		level := b.file.Levels[a.height]
		b.related(grammar.CodeHeight, a.node.Name.Span, level.Deliver.Span, "not delivered", "`%s` sums table `%s` for nobody: level `%s` is not delivered, and no aggregator sums `%s`",
			a.node.Name.Value, t.entry.Name.Value, level.Name.Value, a.node.Name.Value)
		return
	}
}

// climbTables finds, for each table that comes to an aggregator whose upper ones know already, how high it is summed.
func (a *host) climbTables() {
	a.tops = map[*table]int{}
	for _, t := range a.carries {
		a.tops[t] = a.height
		for _, up := range a.sums {
			a.tops[t] = max(a.tops[t], up.tops[t])
		}
	}
}

// sound tells whether what was read so far is without errors: what was not understood may be why something seems to be missing.
func (b *topologyBuilder) sound() bool {
	return !slices.ContainsFunc(b.findings, func(f diag.Finding) bool { return f.Severity == diag.Error })
}

// gets tells whether a table comes from a member.
func (a *host) gets(t *table, m *host) bool {
	if m.aggregator != nil {
		return slices.Contains(m.carries, t)
	}
	section := m.section(a.aggregator.Peers)
	return t.isOn(m) && section != nil && t.section(m) == section
}

// checkCarries reports an aggregator without work, and one that would make one table's suffix from two.
func (b *topologyBuilder) checkCarries(a *host) {
	defer b.about(a.node.Name.Value, "")()
	if len(a.carries) == 0 && b.sound() {
		b.errorf(grammar.CodeHeight, a.node.Name.Span, "no table reaches `%s`: none of peers section %s has a suffix for level %d on its members", a.node.Name.Value, grammar.List(a.families()), a.height)
	}
	lists := a.suffixLists()
	for _, t := range lists {
		for _, u := range lists {
			b.checkRules(a, t, u)
		}
	}
}

// suffixLists are the tables of an aggregator, one for each list of suffixes.
func (a *host) suffixLists() []*table {
	var lists []*table
	seen := map[string]bool{}
	for _, t := range a.carries {
		var all []string
		for _, s := range t.suffixes {
			all = append(all, s.Value)
		}
		if key := strings.Join(all, " "); !seen[key] {
			seen[key] = true
			lists = append(lists, t)
		}
	}
	return lists
}

// checkRules makes sure that of two lists of suffixes in one section neither rule takes what the other list names: rules go by suffix, not by table.
func (b *topologyBuilder) checkRules(a *host, t, u *table) {
	if t == u {
		return
	}
	from, to, other := u.suffixes[a.height-1], u.suffixes[a.height], t.suffixes[a.height-1]
	if t.suffixes[a.height].Value == to.Value && from.Value == other.Value && t.delivers(a.height) && !u.delivers(a.height) {
		b.related(grammar.CodeHeight, t.entry.Name.Span, u.entry.Name.Span, "summed on", "`%s` would send `%s` of table `%s` to the nodes, but not that of table `%s`, which is summed on; give one of them `suffixes` of its own",
			a.node.Name.Value, to.Value, t.entry.Name.Value, u.entry.Name.Value)
	}
	if made := t.suffixes[a.height]; made.Value == to.Value && from.Value != other.Value && t.entry.Name.Span.Compare(u.entry.Name.Span) < 0 {
		b.related(grammar.CodeHeight, from.Span, other.Span, "the other", "`%s` would make tables with the suffix `%s` from both `%s` and `%s`", a.node.Name.Value, to.Value, other.Value, from.Value)
	}
	for i, s := range t.suffixes {
		same := i == a.height-1 && s.Value == from.Value
		if from.Value != "" && strings.HasSuffix(s.Value, from.Value) && !same {
			b.related(grammar.CodeHeight, from.Span, s.Span, "taken too", "`%s` would sum `%s`, for table `%s`, and with it table `%s`, whose suffix `%s` ends alike", a.node.Name.Value, from.Value, u.entry.Name.Value, t.entry.Name.Value, s.Value)
		}
	}
}
