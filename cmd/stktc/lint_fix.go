package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"stktc/cmd/internal/outdir"
	"stktc/grammar/diag"
	"stktc/render"
	"stktc/topology/load"
)

// maxRounds is how often files are mended and looked at again: a fix may bring to light what another can mend.
const maxRounds = 10

// mended is a fix that was applied.
type mended struct {
	code  diag.Code
	title string
	at    diag.Span
}

// fix mends what can be mended without asking, in memory, until nothing is left. A round that leaves no fewer findings is undone and is the last.
func (l *lint) fix(args []string) ([]mended, error) {
	if err := l.mayFix(args); err != nil {
		return nil, err
	}
	var done []mended
	for range maxRounds {
		edits, fixes := chooseEdits(l.report.List)
		if len(edits) == 0 {
			return done, nil
		}
		before := l.trouble()
		saved := maps.Clone(l.texts)
		for file, list := range edits {
			l.texts[file] = edited(l.report.Files[file], list)
		}
		if err := l.check(args); err != nil {
			return nil, err
		}
		if l.trouble() >= before {
			l.texts = saved
			return done, l.check(args)
		}
		done = append(done, fixes...)
	}
	return done, nil
}

// trouble counts what is above info.
func (l *lint) trouble() int {
	return l.report.List.Count(diag.Error) + l.report.List.Count(diag.Warning)
}

// mayFix refuses what is not to be edited: standard input, and what build wrote.
func (l *lint) mayFix(args []string) error {
	for _, a := range args {
		if a == "-" {
			return usagef("--fix needs files: standard input cannot be mended in place")
		}
		dir := a
		if info, err := os.Stat(a); err != nil || !info.IsDir() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, render.ManifestName))
		if err != nil {
			continue
		}
		if m, err := render.ParseManifest(text); err == nil {
			return usagef("%s was built from %s: mend that, and build again", a, m.Source)
		}
	}
	return nil
}

// chooseEdits takes the safe fix of each finding, as long as it does not touch what another one changes. Edits are by file, in the order of the text.
func chooseEdits(list diag.List) (map[string][]diag.Edit, []mended) {
	chosen := map[string][]diag.Edit{}
	var fixes []mended
	for _, f := range list.Heard() {
		fix := f.SafeFix()
		if fix == nil || slices.ContainsFunc(fix.Edits, func(e diag.Edit) bool { return collides(chosen[e.Span.File], e) }) {
			continue
		}
		for _, e := range fix.Edits {
			if !slices.Contains(chosen[e.Span.File], e) {
				chosen[e.Span.File] = append(chosen[e.Span.File], e)
			}
		}
		fixes = append(fixes, mended{f.Code, fix.Title, fix.Edits[0].Span})
	}
	for _, edits := range chosen {
		slices.SortStableFunc(edits, func(a, b diag.Edit) int { return cmp.Compare(a.Span.Start.Offset, b.Span.Start.Offset) })
	}
	return chosen, fixes
}

// collides tells whether an edit changes what another one changes otherwise.
func collides(edits []diag.Edit, e diag.Edit) bool {
	return slices.ContainsFunc(edits, func(o diag.Edit) bool {
		apart := e.Span.End.Offset < o.Span.Start.Offset || o.Span.End.Offset < e.Span.Start.Offset
		return !apart && o != e
	})
}

// edited applies edits, which are in the order of the text and apart.
func edited(text []byte, edits []diag.Edit) []byte {
	var out bytes.Buffer
	at := 0
	for _, e := range edits {
		out.Write(text[at:e.Span.Start.Offset])
		out.WriteString(e.NewText)
		at = e.Span.End.Offset
	}
	out.Write(text[at:])
	return out.Bytes()
}

// store writes what was mended, or prints the difference, and says what it was.
func (l *lint) store(done []mended, dryRun bool) error {
	var files []outdir.Replacement
	for _, name := range slices.Sorted(maps.Keys(l.texts)) {
		disk := l.onDisk(name)
		old, err := os.ReadFile(disk)
		if err != nil {
			return fmt.Errorf("cannot read %s: %w", disk, err)
		}
		if dryRun {
			l.stdout.Write(render.UnifiedDiff(name, name, old, l.texts[name]))
			continue
		}
		files = append(files, outdir.Replacement{Path: disk, Old: l.originals[name], New: l.texts[name]})
	}
	if err := outdir.Replace(files); err != nil {
		return err
	}
	word := "fixed"
	if dryRun {
		word = "would fix"
	}
	for _, m := range done {
		fmt.Fprintf(l.stderr, "%s: %s: %s [%s]\n", word, m.at, m.title, m.code)
	}
	return nil
}

// remember keeps the texts that files had when they were first read: --fix writes only over those.
func (l *lint) remember() {
	if l.originals == nil {
		l.originals = maps.Clone(l.report.Files)
	}
}

// onDisk gives the path of a file that findings call name.
func (l *lint) onDisk(name string) string {
	if root, ok := l.roots[name]; ok {
		return filepath.Join(root, filepath.FromSlash(name))
	}
	return filepath.FromSlash(name)
}

// overlaid shows a host's files with the texts that were mended in memory.
func (l *lint) overlaid(h load.Host) load.Host {
	if len(l.texts) > 0 {
		h.FS = overlay{h.FS, h.Prefix, l.texts}
	}
	return h
}

// overlay shows a file system with other texts for some files, which go by the prefix and their path.
type overlay struct {
	fs.FS
	prefix string
	texts  map[string][]byte
}

func (o overlay) Open(name string) (fs.File, error) {
	if text, ok := o.texts[o.prefix+name]; ok {
		return &memoryFile{bytes.NewReader(text), filepath.Base(name)}, nil
	}
	return o.FS.Open(name)
}

func (o overlay) Stat(name string) (fs.FileInfo, error) {
	if text, ok := o.texts[o.prefix+name]; ok {
		return memoryInfo{filepath.Base(name), int64(len(text))}, nil
	}
	return fs.Stat(o.FS, name)
}

func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(o.FS, name) }

// memoryFile is a file that is held in memory.
type memoryFile struct {
	*bytes.Reader
	name string
}

func (f *memoryFile) Stat() (fs.FileInfo, error) { return memoryInfo{f.name, f.Size()}, nil }
func (f *memoryFile) Close() error               { return nil }

type memoryInfo struct {
	name string
	size int64
}

func (i memoryInfo) Name() string     { return i.name }
func (i memoryInfo) Size() int64      { return i.size }
func (memoryInfo) Mode() fs.FileMode  { return 0o444 }
func (memoryInfo) ModTime() time.Time { return time.Time{} }
func (memoryInfo) IsDir() bool        { return false }
func (memoryInfo) Sys() any           { return nil }
