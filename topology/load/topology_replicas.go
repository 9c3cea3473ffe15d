package load

import (
	"slices"

	"stktc/grammar"
	"stktc/topology"
)

// checkReplicas makes sure that who sums one of several replicas sums them all: else what is above hangs on that one.
func (b *topologyBuilder) checkReplicas() {
	for _, up := range b.aggregators {
		in := membersOf(up.members)
		for _, m := range up.members {
			i := slices.IndexFunc(m.replicas, func(r *host) bool { return !in[r] })
			if i < 0 {
				continue
			}
			done := b.about(up.node.Name.Value, "")
			b.related(grammar.CodeHeight, m.by.Span, m.replicas[i].node.Name.Span, "the other", "`%s` sums `%s`, but not `%s`, which sums the same members and stands in for it",
				up.node.Name.Value, m.node.Name.Value, m.replicas[i].node.Name.Value)
			done()
			break
		}
	}
}

func membersOf(list []member) map[*host]bool {
	in := map[*host]bool{}
	for _, m := range list {
		in[m.host] = true
	}
	return in
}

// checkGuests makes sure that the sections of one file have names of their own.
func (b *topologyBuilder) checkGuests() {
	type section struct {
		file *host
		name string
	}
	first := map[section]*host{}
	for _, guests := range []bool{false, true} {
		for _, a := range b.aggregators {
			if (a.on != nil) != guests {
				continue
			}
			name := b.sectionName(a)
			k := section{a.machine(), name.Value}
			if first[k] == nil {
				first[k] = a
				continue
			}
			done := b.about(a.machine().node.Name.Value, "")
			at := a.node.Name.Span
			if s := a.aggregator.Section; !s.IsZero() {
				at = s.Span
			}
			b.related(grammar.CodeName, at, first[k].node.Name.Span, "the first", "section `%s` of `%s` would stand twice in the file of `%s`; `section` gives it another name", name.Value, a.node.Name.Value, k.file.node.Name.Value)
			done()
		}
	}
}

// machine is the host whose file an aggregator's section is in.
func (h *host) machine() *host {
	if h.on != nil {
		return h.on
	}
	return h
}

// sectionName is the name of an aggregator's section: its own, else its level's.
func (b *topologyBuilder) sectionName(a *host) topology.Text {
	if s := a.aggregator.Section; !s.IsZero() {
		return text(s)
	}
	if 0 < a.height && a.height < len(b.cluster.Levels) {
		return b.cluster.Levels[a.height].Name
	}
	return topology.Text{}
}

// groups numbers, from 1 on, the sets of replicas among hosts that one section lists in one direction. Who has no replica among them has no number.
func groups(list []member) map[*host]int {
	in, numbers, last := membersOf(list), map[*host]int{}, 0
	for _, m := range list {
		if numbers[m.host] > 0 || !slices.ContainsFunc(m.replicas, func(r *host) bool { return in[r] }) {
			continue
		}
		last++
		numbers[m.host] = last
		for _, r := range m.replicas {
			numbers[r] = last
		}
	}
	return numbers
}
