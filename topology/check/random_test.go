package check

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"

	"stktc/grammar/diag"
	"stktc/topology"
)

// FuzzRun takes lines out of the seed's files, doubles them and moves them from host to host. Whatever comes of it, every
// finding must be complete and point into the files, and nothing may panic or depend on chance.
func FuzzRun(f *testing.F) {
	for seed := range uint64(150) {
		f.Add(seed, uint8(1+seed%12))
	}
	f.Fuzz(func(t *testing.T, seed uint64, edits uint8) {
		fsys := mended(t)
		scramble(fsys, rand.New(rand.NewPCG(seed, 1)), int(edits%40))
		c, findings := graver(t, fsys)
		for _, f := range findings {
			checkFinding(t, c, &f)
		}
		if _, again := graver(t, fsys); len(again) != len(findings) {
			t.Errorf("%d findings, then %d", len(findings), len(again))
		}
	})
}

func scramble(fsys fstest.MapFS, r *rand.Rand, edits int) {
	var files []string
	for name := range fsys {
		files = append(files, name)
	}
	slices.Sort(files)
	pick := func() (string, [][]byte, int) {
		name := files[r.IntN(len(files))]
		lines := bytes.SplitAfter(fsys[name].Data, []byte("\n"))
		return name, lines, r.IntN(len(lines))
	}
	for range edits {
		to, lines, at := pick()
		_, from, source := pick()
		switch r.IntN(4) {
		case 0:
			lines = slices.Delete(lines, at, at+1)
		case 1:
			lines = slices.Insert(lines, at, from[source])
		case 2:
			lines[at] = from[source]
		case 3:
			if words, others := bytes.Fields(lines[at]), bytes.Fields(from[source]); len(words) > 0 && len(others) > 0 {
				lines[at] = bytes.Replace(lines[at], words[r.IntN(len(words))], others[r.IntN(len(others))], 1)
			}
		}
		fsys[to] = &fstest.MapFile{Data: bytes.Join(lines, nil)}
	}
}

func checkFinding(t *testing.T, c *topology.Cluster, f *diag.Finding) {
	t.Helper()
	inside := func(what string, s diag.Span) {
		text, ok := c.Files[s.File]
		if !ok || s.Start.Line < 1 || s.Start.Offset > s.End.Offset || s.End.Offset > len(text) {
			t.Errorf("%s (%s): %s is at %v, outside of its file", f.Code, f.Summary, what, s)
		}
	}
	if Lookup(string(f.Code)) == nil {
		return // the grammar's
	}
	if f.Summary == "" || f.Slug == "" || f.Severity == 0 || f.Impact == "" || len(f.Nodes) == 0 || f.Primary.Label == "" {
		t.Errorf("%s is not complete: %+v", f.Code, f)
	}
	inside("the primary", f.Primary.Span)
	for _, n := range f.Related {
		inside("a related place", n.Span)
	}
	for _, fix := range f.Fixes {
		for _, e := range fix.Edits {
			inside("an edit", e.Span)
		}
	}
}
