package check

import (
	"fmt"

	"stktc/grammar/diag"
	"stktc/topology"
)

// CanIgnore tells whether a comment may silence a finding: warnings and infos always, an error only where something outside of the files may
// make it right.
func CanIgnore(f *diag.Finding) bool {
	k := Lookup(string(f.Code))
	return f.Severity < diag.Error || k != nil && k.Outside != ""
}

// Settle holds all that was found in a cluster, by whichever package, against the comments that silence findings: it marks what they speak of, and
// adds findings about comments that silence nothing, or what cannot be silenced. The result is sorted.
func Settle(c *topology.Cluster, found diag.List) diag.List {
	found = withoutUntracked(found)
	all := newIgnores(c)
	all.mark(found)
	found.Add(all.refused(found)...)
	if len(c.Absent)+len(c.Partial)+len(c.Unread) == 0 { // else what they speak of may be in the files that are not there
		found.Add(all.unused(found)...)
	}
	found.Sort()
	return found
}

// ignores are a cluster's comments that silence findings, by file.
type ignores struct {
	byFile map[string][]*diag.Ignore
	all    []*diag.Ignore
}

func newIgnores(c *topology.Cluster) *ignores {
	i := &ignores{byFile: map[string][]*diag.Ignore{}}
	for n := range c.Ignores {
		one := &c.Ignores[n]
		i.byFile[one.Span.File] = append(i.byFile[one.Span.File], one)
		i.all = append(i.all, one)
	}
	return i
}

// find gives the comment that speaks of a code at a place; nil when there is none.
func (i *ignores) find(code diag.Code, slug string, at diag.Span) *diag.Ignore {
	for _, one := range i.byFile[at.File] {
		if (one.Code == code || string(one.Code) == slug) && one.Covers(at) {
			return one
		}
	}
	return nil
}

// mark silences what can be silenced and is not yet.
func (i *ignores) mark(found diag.List) {
	for n := range found {
		f := &found[n]
		if f.Silenced != nil || !CanIgnore(f) {
			continue
		}
		if one := i.find(f.Code, f.Slug, f.Primary.Span); one != nil {
			f.Silenced = &diag.Silence{Reason: one.Reason, At: one.Span}
		}
	}
}

// ignoring gives the comment that speaks of the check's findings at one of the places, nil when there is none. Checks that make one finding of
// many places leave those out that are silenced, which become a finding of their own.
func (p *Pass) ignoring(places ...diag.Span) *diag.Ignore {
	for _, at := range places {
		if one := p.ignores.find(p.check.Code, p.check.Slug, at); one != nil {
			return one
		}
	}
	return nil
}

func (p *Pass) silences(at diag.Span) bool { return p.ignoring(at) != nil }

// skips tells whether a comment silences the check's finding at a place of a node, and notes that it did: for checks that leave such a place out.
func (p *Pass) skips(at diag.Span, node string) bool {
	if p.check.Severity == diag.Error && p.check.Outside == "" {
		return false
	}
	return p.quietly(at, node)
}

// quietly is skips for the warnings of a check of errors.
func (p *Pass) quietly(at diag.Span, node string) bool {
	by := p.ignoring(at)
	if by == nil {
		return false
	}
	f := diag.Finding{Summary: p.check.Title, Severity: min(p.check.Severity, diag.Warning), Primary: note(at, "here"), Impact: "as the comment says", Nodes: []string{node}}
	silence(&f, by)
	p.report(f)
	return true
}

// silence makes a comment that was found by ignoring silence a finding.
func silence(f *diag.Finding, by *diag.Ignore) {
	if by != nil {
		f.Silenced = &diag.Silence{Reason: by.Reason, At: by.Span}
	}
}

// refused reports comments about errors that nothing outside of the files can make right.
func (i *ignores) refused(found diag.List) diag.List {
	var list diag.List
	for n := range found {
		f := &found[n]
		if f.Silenced != nil || CanIgnore(f) {
			continue
		}
		one := i.find(f.Code, f.Slug, f.Primary.Span)
		if one == nil {
			continue
		}
		list.Add(diag.Finding{
			Code: ignoreRefused.Code, Slug: ignoreRefused.Slug, Severity: ignoreRefused.Severity,
			Summary: fmt.Sprintf("a comment ignores `%s` here, but nothing outside of the files can make that right", one.Code),
			Primary: note(one.Span, "has no effect"),
			Related: []diag.Note{note(f.Primary.Span, "`%s` stays an error", f.Code)},
			Impact:  "none: the error is reported all the same",
			Nodes:   f.Nodes,
		})
	}
	return list
}

// unused reports comments that silence nothing.
func (i *ignores) unused(found diag.List) diag.List {
	used := map[diag.Span]map[diag.Code]bool{}
	use := func(at diag.Span, codes ...diag.Code) {
		if used[at] == nil {
			used[at] = map[diag.Code]bool{}
		}
		for _, c := range codes {
			used[at][c] = true
		}
	}
	for n := range found {
		f := &found[n]
		switch {
		case f.Silenced != nil:
			use(f.Silenced.At, f.Code, diag.Code(f.Slug))
		case !CanIgnore(f):
			if one := i.find(f.Code, f.Slug, f.Primary.Span); one != nil {
				use(one.Span, f.Code, diag.Code(f.Slug))
			}
		}
	}
	var list diag.List
	for _, one := range i.all {
		if used[one.Span][one.Code] {
			continue
		}
		list.Add(diag.Finding{
			Code: ignoreUnused.Code, Slug: ignoreUnused.Slug, Severity: ignoreUnused.Severity,
			Summary: fmt.Sprintf("a comment ignores `%s`, which is not found there", one.Code),
			Primary: note(one.Span, "silences nothing"),
			Impact:  "none now; if the mistake comes back, nobody will hear of it",
			Fixes:   []diag.Fix{{Title: "delete the comment"}},
		})
	}
	return list
}
