// Package outdir brings a compiled tree to disk. NewPlan looks at what is there and touches nothing; Apply writes all of it or
// nothing: every file is staged beside its target first, then renamed, and the manifest comes last. A file that somebody
// edited since it was written is a conflict, and so is a foreign file in the way.
package outdir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"stktc/render"
)

// File is a file to write.
type File struct {
	Path string // below the directory, with slashes
	Text []byte
	Base string // the file on disk whose mode and owner it takes; "" for mode 0644
}

// Options of a plan.
type Options struct {
	Nodes     []string // write only these nodes' files; empty: all
	Overwrite bool     // conflicts are overwritten
	Prune     bool     // files of nodes that left are removed
}

// Change is a difference between the directory and what is to be there.
type Change struct {
	Path     string // below the directory, with slashes
	Old, New []byte // Old is nil when the file is not there, New when it is to be removed
}

// Plan is what Apply will do.
type Plan struct {
	Dir       string
	Changes   []Change          // files to create or replace, without the manifest
	Removals  []Change          // files of nodes that left, with Prune
	Conflicts []Change          // what stands in the way of Changes and Removals; empty with Overwrite
	Left      []render.LeftFile // files of nodes that left, which stay
	Unchanged int

	manifest Change // New is nil when it is right already
	modes    map[string]mode
}

// Stale tells whether Apply would change anything.
func (p *Plan) Stale() bool {
	return len(p.Changes)+len(p.Removals)+len(p.Conflicts) > 0 || p.manifest.New != nil
}

// LeftNodes names the nodes that left the topology and whose files stay.
func (p *Plan) LeftNodes() []string {
	var names []string
	for _, f := range p.Left {
		if !slices.Contains(names, f.Node) {
			names = append(names, f.Node)
		}
	}
	return names
}

// NewPlan compares a directory with the files of a manifest. Errors are the file system's.
func NewPlan(dir string, m *render.Manifest, files []File, o Options) (*Plan, error) {
	p := &Plan{Dir: dir, modes: map[string]mode{}}
	if err := isDirectory(dir); err != nil {
		return nil, err
	}
	old, err := p.readManifest(o)
	if err != nil {
		return nil, err
	}
	texts := map[string]File{}
	for _, f := range files {
		texts[f.Path] = f
	}
	merged := *m
	merged.Files, merged.Left = nil, nil
	for _, entry := range m.Files {
		previous := old.byPath[entry.Path]
		switch f, ok := texts[entry.Path]; {
		case len(o.Nodes) > 0 && !slices.Contains(o.Nodes, entry.Node):
			if previous != nil {
				merged.Files = append(merged.Files, *previous)
			}
			continue
		case !ok:
			return nil, fmt.Errorf("the manifest lists %s, which was not printed", entry.Path)
		default:
			if err := p.add(f, previous, o); err != nil {
				return nil, err
			}
			merged.Files = append(merged.Files, entry)
		}
	}
	if err := p.left(old, m, o); err != nil {
		return nil, err
	}
	merged.Left = p.Left
	written := map[string]bool{}
	for _, f := range merged.Files {
		written[f.Node] = true
	}
	merged.Rollout = slices.DeleteFunc(slices.Clone(m.Rollout), func(node string) bool { return !written[node] })
	if text := merged.JSON(); !bytes.Equal(text, p.manifest.Old) {
		p.manifest.New = text
	}
	return p, nil
}

// isDirectory accepts a directory, and a path where one can still be made.
func isDirectory(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("cannot write to %s: %w", dir, cause(err))
	case !info.IsDir():
		return fmt.Errorf("cannot write to %s: it is not a directory", dir)
	}
	return nil
}

// cause strips the operation and the path from an error that is going to name the path itself.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// oldManifest is the manifest of the last build.
type oldManifest struct {
	render.Manifest
	byPath map[string]*render.ManifestFile
}

func newOldManifest(m *render.Manifest) *oldManifest {
	old := &oldManifest{*m, map[string]*render.ManifestFile{}}
	for i := range m.Files {
		old.byPath[m.Files[i].Path] = &m.Files[i]
	}
	return old
}

// readManifest gives an empty one when none is there. One that cannot be understood is a conflict: it is not ours, or not whole.
func (p *Plan) readManifest(o Options) (*oldManifest, error) {
	text, _, err := p.read(render.ManifestName)
	if err != nil {
		return nil, err
	}
	p.manifest = Change{Path: render.ManifestName, Old: text}
	if text == nil {
		return newOldManifest(&render.Manifest{}), nil
	}
	m, err := render.ParseManifest(text)
	if err != nil {
		if !o.Overwrite {
			p.Conflicts = append(p.Conflicts, p.manifest)
		}
		return newOldManifest(&render.Manifest{}), nil
	}
	return newOldManifest(m), nil
}

// read gives a file's text, nil when it is not there.
func (p *Plan) read(path string) ([]byte, fs.FileInfo, error) {
	if !filepath.IsLocal(filepath.FromSlash(path)) {
		return nil, nil, fmt.Errorf("%s does not lie below %s", path, p.Dir)
	}
	full := filepath.Join(p.Dir, filepath.FromSlash(path))
	info, err := os.Lstat(full)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, nil
	case err != nil:
		return nil, nil, fmt.Errorf("cannot read %s: %w", full, cause(err))
	case !info.Mode().IsRegular():
		return nil, nil, fmt.Errorf("cannot replace %s: it is not a regular file", full)
	}
	text, err := os.ReadFile(full)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read %s: %w", full, cause(err))
	}
	if text == nil {
		text = []byte{}
	}
	return text, info, nil
}

// add plans one file. What is there may be replaced when it is as the last build wrote it.
func (p *Plan) add(f File, previous *render.ManifestFile, o Options) error {
	want, err := modeOf(f.Base)
	if err != nil {
		return err
	}
	old, info, err := p.read(f.Path)
	if err != nil {
		return err
	}
	c := Change{Path: f.Path, Old: old, New: f.Text}
	p.modes[f.Path] = want
	switch {
	case old != nil && bytes.Equal(old, f.Text):
		p.Unchanged++
		if info.Mode().Perm()&^want.perm != 0 { // never more open than its base; an operator may close it further
			p.Changes = append(p.Changes, c)
			p.Unchanged--
		}
	case old == nil || o.Overwrite || previous != nil && previous.SHA256 == render.Hash(old):
		p.Changes = append(p.Changes, c)
	default:
		p.Conflicts = append(p.Conflicts, c)
	}
	return nil
}

// left plans the files of the last build that are no longer made.
func (p *Plan) left(old *oldManifest, m *render.Manifest, o Options) error {
	made := map[string]bool{}
	for _, f := range m.Files {
		made[f.Path] = true
	}
	candidates := slices.Clone(old.Left)
	for _, f := range old.Files {
		candidates = append(candidates, render.LeftFile{Path: f.Path, Node: f.Node, SHA256: f.SHA256})
	}
	for _, f := range candidates {
		if made[f.Path] {
			continue
		}
		text, _, err := p.read(f.Path)
		if err != nil {
			return err
		}
		removal := Change{Path: f.Path, Old: text}
		switch {
		case text == nil: // somebody removed it already
		case !o.Prune:
			p.Left = append(p.Left, f)
		case o.Overwrite || f.SHA256 == render.Hash(text):
			p.Removals = append(p.Removals, removal)
		default:
			p.Conflicts = append(p.Conflicts, removal)
		}
	}
	return nil
}
