package check

import (
	"cmp"
	"slices"
	"strings"

	"stktc/grammar/diag"
)

// places gathers what one check sees at many places, and folds what is the same mistake: K is what makes it the same.
type places[K comparable] struct {
	order []K
	at    map[K][]sighting
}

// sighting is one place, on one node.
type sighting struct {
	node string
	at   diag.Span
}

func (l *places[K]) add(k K, node string, at diag.Span) {
	if l.at == nil {
		l.at = map[K][]sighting{}
	}
	if l.at[k] == nil {
		l.order = append(l.order, k)
	}
	l.at[k] = append(l.at[k], sighting{node, at})
}

// nodesOf lists the nodes of some sightings, each once.
func nodesOf(seen []sighting) []string {
	var list []string
	for _, s := range seen {
		list = append(list, s.node)
	}
	return unique(list)
}

// rest marks the places behind the first, each with the node that it is on.
func rest(seen []sighting) []diag.Note {
	var notes []diag.Note
	for _, s := range seen[1:] {
		notes = append(notes, note(s.at, "%s too", s.node))
	}
	return notes
}

// firstOf gives the first span that is somewhere.
func firstOf(spans ...diag.Span) diag.Span { return cmp.Or(spans...) }

// foldedFindings are findings of which those with one key are one: the first, with the places of the others.
type foldedFindings struct {
	order []string
	keys  map[string][]string
	found map[string][]diag.Finding
	who   map[string][]string
}

// add adds a finding about a node. The key, and whether a comment silences it, is what makes it the same as others.
func (l *foldedFindings) add(f diag.Finding, who string, key ...string) {
	if l.found == nil {
		l.keys, l.found, l.who = map[string][]string{}, map[string][]diag.Finding{}, map[string][]string{}
	}
	k := strings.Join(key, "\x00")
	if l.found[k] == nil {
		l.order = append(l.order, k)
		l.keys[k] = key
	}
	l.found[k] = append(l.found[k], f)
	l.who[k] = append(l.who[k], who)
}

// report reports them; the sentence about several nodes has words of its own.
func (l *foldedFindings) report(p *Pass, several func(who, key []string) string) {
	for _, k := range l.order {
		heard, silenced := []int{}, []int{}
		for i, f := range l.found[k] {
			if p.silences(f.Primary.Span) {
				silenced = append(silenced, i)
			} else {
				heard = append(heard, i)
			}
		}
		for _, part := range [][]int{heard, silenced} {
			if len(part) > 0 {
				p.report(l.join(k, part, several))
			}
		}
	}
}

func (l *foldedFindings) join(k string, part []int, several func(who, key []string) string) diag.Finding {
	f := l.found[k][part[0]]
	who := []string{l.who[k][part[0]]}
	f.Fixes = slices.Clone(f.Fixes)
	for _, i := range part[1:] {
		more := l.found[k][i]
		who = append(who, l.who[k][i])
		f.Related = append(f.Related, note(more.Primary.Span, "%s too", l.who[k][i]))
		f.Nodes, f.Edges, f.Tables = append(f.Nodes, more.Nodes...), append(f.Edges, more.Edges...), append(f.Tables, more.Tables...)
		for j := range min(len(f.Fixes), len(more.Fixes)) {
			f.Fixes[j].Edits = append(slices.Clone(f.Fixes[j].Edits), more.Fixes[j].Edits...)
		}
	}
	if who = unique(who); len(who) > 1 {
		f.Summary = several(who, l.keys[k])
	}
	return f
}
