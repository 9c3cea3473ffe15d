package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

// wording is what a check of shapes says of a mismatch.
type wording struct {
	noun    string // "the key", "the period of `http_req_rate`"
	what    string // the row of the comparison: "type", "size", "store http_req_rate"
	effect  string // what the difference does, in a few words
	impact  string
	runTime string // what show peers or show table shows
	command string
	at      func(*topology.Table) diag.Span // what is to be copied to mend it
	unsafe  bool                            // copying loses something
	column  func(*topology.Table) string    // how the right value is written, if not as it is compared
}

// pair tells which findings set the same declarations side by side: those of the tables that deviate and of the one that is right. "" for other findings.
type pair string

func (m *mismatch) pair() pair {
	if m.silenced {
		return ""
	}
	k := fmt.Sprintf("%p", m.right.table)
	for _, d := range append(m.deviate[:len(m.deviate):len(m.deviate)], m.also...) {
		k += fmt.Sprintf(" %p", d.table)
	}
	return pair(k)
}

// reportMismatch words a mismatch at both ends.
func (p *Pass) reportMismatch(m *mismatch, a aspect, w wording) {
	d, r := m.deviate[0], m.right
	nodes := declNodes(m.deviate)
	tables := m.tables()
	f := diag.Finding{
		Primary: note(a.mark(d.table), "%s on %s", code(m.got), d.node.Name),
		Related: []diag.Note{note(a.mark(r.table), "%s on %s", code(m.want), r.node.Name)},
		Impact:  w.impact,
		RunTime: &diag.RunTime{Command: w.command, On: d.node.Name, Symptom: w.runTime},
		Nodes:   append(slices.Clone(nodes), r.node.Name),
		Tables:  tables,
	}
	if m.aggregate {
		f.Summary = fmt.Sprintf("on %s, %s is `%s` in %s, but `%s` in `%s`, which is summed into %s", and(nodes), w.noun, m.got, codes(tables), m.want, r.table.Name.Value, verb(len(tables), "it", "them"))
		f.Primary.Label = fmt.Sprintf("`%s` in the aggregate", m.got)
		f.Related[0].Label = fmt.Sprintf("`%s` where %s counts", m.want, r.node.Name)
		f.Tables = append(f.Tables, r.table.Name.Value)
	} else {
		f.Summary = fmt.Sprintf("on %s, %s is `%s` in %s, but `%s` on %s", and(nodes), w.noun, m.got, codes(tables), m.want, r.node.Name)
		f.Notes = notesOf(m.voteNote())
	}
	for _, d := range append(m.deviate[1:len(m.deviate):len(m.deviate)], m.also...) {
		f.Related = append(f.Related, note(a.mark(d.table), "`%s` on %s too", d.table.Name.Value, d.node.Name))
	}
	f.Fixes = p.copyFix(m, w)
	p.add(result{f, m.pair(), diag.ComparisonRow{What: w.what, Code: p.check.Code, Severity: p.check.Severity, Effect: w.effect}, m, w})
}

// tables are the names of the tables that deviate.
func (m *mismatch) tables() []string {
	var list []string
	for _, d := range append(m.deviate[:1:1], m.also...) {
		list = append(list, d.table.Name.Value)
	}
	return unique(list)
}

func (m *mismatch) voteNote() string {
	if m.votes.total() < quorum {
		return ""
	}
	agree := m.votes.voters[m.want]
	return fmt.Sprintf("vote: %d of %d nodes say %s (%s)", len(agree), m.votes.total(), code(m.want), and(agree))
}

// isSafe tells whether what is right is beyond doubt: a table is what its aggregates are made of, and most nodes outweigh few.
func (m *mismatch) isSafe() bool {
	return m.aggregate || m.votes.total() >= quorum && 2*len(m.votes.voters[m.want]) > m.votes.total()
}

// copyFix copies the deviating part of the declaration from the one that is right.
func (p *Pass) copyFix(m *mismatch, w wording) []diag.Fix {
	value := m.want
	if w.column != nil {
		value = w.column(m.right.table)
	}
	title := fmt.Sprintf("%s as on %s", w.title(value), m.right.node.Name)
	if m.aggregate {
		title = fmt.Sprintf("%s as in `%s`", w.title(value), m.right.table.Name.Value)
	}
	fix := diag.Fix{Title: title, Safe: m.isSafe() && !w.unsafe}
	for _, d := range append(m.deviate[:len(m.deviate):len(m.deviate)], m.also...) {
		fix.Edits = append(fix.Edits, p.copyPart(m.right.table, d.table, w)...)
	}
	return []diag.Fix{fix}
}

func (w *wording) title(value string) string {
	word, _, _ := strings.Cut(w.what, " ")
	return word + " `" + value + "`"
}

// copyPart puts the text of one part of a declaration into another's place, behind the declaration if it has no such part.
func (p *Pass) copyPart(from, to *topology.Table, w wording) []diag.Edit {
	source, place := w.at(from), w.at(to)
	text := p.Cluster.Files[source.File]
	if source.IsZero() || source.End.Offset > len(text) || !p.canEdit(source) {
		return nil
	}
	word := string(text[source.Start.Offset:source.End.Offset])
	if !place.IsZero() {
		return p.replace(place, word)
	}
	keyword, _, _ := strings.Cut(w.what, " ")
	end := diag.Span{File: to.Span.File, Start: to.Span.End, End: to.Span.End}
	return p.replace(end, " "+keyword+" "+word)
}

// sideBySide makes one finding of those that are about the same pair of declarations: the gravest, with a comparison of all that the pair declares.
func sideBySide(all []result) diag.List {
	byPair := map[pair][]result{}
	for _, r := range all {
		if r.pair != "" {
			byPair[r.pair] = append(byPair[r.pair], r)
		}
	}
	var found diag.List
	done := map[pair]bool{}
	for _, r := range all {
		group := byPair[r.pair]
		switch {
		case r.pair == "" || len(group) == 1:
			found.Add(r.Finding)
		case !done[r.pair]:
			done[r.pair] = true
			found.Add(merged(group))
		}
	}
	return found
}

func merged(group []result) diag.Finding {
	slices.SortStableFunc(group, func(a, b result) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Code, b.Code))
	})
	f, m := group[0].Finding, group[0].mismatch
	var nouns []string
	for _, r := range group[1:] {
		nouns = append(nouns, r.wording.noun)
	}
	f.Summary += fmt.Sprintf("; %s %s too", and(unique(nouns)), verb(len(unique(nouns)), "differs", "differ"))
	left, right := m.right.table, m.deviate[0].table
	f.Compared = &diag.Comparison{Left: left.Name.Value, Right: right.Name.Value, Rows: rows(left, right, group)}
	if !m.aggregate {
		f.Compared.Left, f.Compared.Right = "on "+m.right.node.Name, "on "+m.deviate[0].node.Name
	}
	f.Fixes = []diag.Fix{wholeFix(group)}
	return f
}

// wholeFix makes the deviating declarations copies of the right one, in all that was found to differ.
func wholeFix(group []result) diag.Fix {
	m := group[0].mismatch
	whole := slices.ContainsFunc(group, func(r result) bool { return r.wording.what == "store" })
	fix := diag.Fix{Title: fmt.Sprintf("make %s %s of `%s`", codes(m.tables()), verb(len(m.tables()), "a copy", "copies"), m.right.table.Name.Value), Safe: true}
	if !m.aggregate {
		fix.Title = fmt.Sprintf("declare %s as on %s", codes(m.tables()), m.right.node.Name)
	}
	for _, r := range group {
		fix.Safe = fix.Safe && len(r.Fixes) > 0 && r.Fixes[0].Safe
		isColumn := strings.HasPrefix(r.wording.what, "store ")
		if len(r.Fixes) > 0 && !(whole && isColumn) {
			fix.Edits = append(fix.Edits, r.Fixes[0].Edits...)
		}
	}
	return fix
}

// rows sets all that two tables declare side by side.
func rows(left, right *topology.Table, group []result) []diag.ComparisonRow {
	l, r := &left.Shape, &right.Shape
	list := []diag.ComparisonRow{{What: "type", Left: l.Definition.KeyString(), Right: r.Definition.KeyString()}}
	for i, t := range columns(l, r) {
		row := diag.ComparisonRow{What: "store " + t.String(), Left: columnText(l, t), Right: columnText(r, t)}
		judge(&row, group)
		if row.What = ""; i == 0 {
			row.What = "store"
		}
		list = append(list, row)
	}
	list = append(list, diag.ComparisonRow{What: "size", Left: formatSize(l.Size), Right: formatSize(r.Size)},
		diag.ComparisonRow{What: "expire", Left: lifetime(left), Right: lifetime(right)})
	for i := range list {
		if list[i].Code == "" {
			judge(&list[i], group)
		}
	}
	return list
}

// columns lists the data types that either side stores, in the order of their numbers.
func columns(l, r *topology.Shape) []sticktable.DataType {
	var list []sticktable.DataType
	for t := range sticktable.NumDataTypes {
		if d := sticktable.DataType(t); l.Definition.Column(d) != nil || r.Definition.Column(d) != nil {
			list = append(list, d)
		}
	}
	return list
}

func columnText(s *topology.Shape, t sticktable.DataType) string {
	if c := s.Definition.Column(t); c != nil {
		return c.String()
	}
	return "–"
}

// judge says of a row in which the two sides differ what the checks say of it.
func judge(row *diag.ComparisonRow, group []result) {
	if row.Left == row.Right {
		return
	}
	missing := row.Left == "–" || row.Right == "–"
	for _, r := range group {
		if r.row.What != row.What && !(missing && r.row.What == "store" && strings.HasPrefix(row.What, "store ")) {
			continue
		}
		row.Code, row.Severity, row.Effect = r.row.Code, r.row.Severity, r.row.Effect
		switch {
		case row.Right == "–":
			row.Effect = "is dropped"
		case row.Left == "–":
			row.Effect = "stays 0, nobody sends it"
		}
		return
	}
}
