package outdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Apply carries the plan out. When anything cannot be staged (a directory that is not writable, a full disk), nothing of
// the directory has changed. A plan with conflicts is not carried out.
func (p *Plan) Apply() error {
	if len(p.Conflicts) > 0 {
		return fmt.Errorf("%d conflicts in %s", len(p.Conflicts), p.Dir)
	}
	if !p.Stale() {
		return nil
	}
	s := &staging{}
	defer s.discard()
	for _, c := range p.Changes {
		if err := s.add(p.full(c.Path), c.New, p.modes[c.Path]); err != nil {
			return err
		}
	}
	if p.manifest.New != nil { // staged last, so renamed last: it vouches for files that are there
		if err := s.add(p.full(p.manifest.Path), p.manifest.New, mode{0o644, -1, -1}); err != nil {
			return err
		}
	}
	if err := p.removable(); err != nil {
		return err
	}
	if err := s.commit(); err != nil {
		return err
	}
	return p.remove()
}

func (p *Plan) full(path string) string { return filepath.Join(p.Dir, filepath.FromSlash(path)) }

// removable tries whether the directories of removals can be written.
func (p *Plan) removable() error {
	for _, c := range p.Removals {
		dir := filepath.Dir(p.full(c.Path))
		probe, err := os.CreateTemp(dir, ".stktc-*.tmp")
		if err != nil {
			return fmt.Errorf("cannot remove %s: %w", p.full(c.Path), cause(err))
		}
		probe.Close()
		os.Remove(probe.Name())
	}
	return nil
}

// remove deletes the removals, and directories that are empty then.
func (p *Plan) remove() error {
	for _, c := range p.Removals {
		full := p.full(c.Path)
		if err := os.Remove(full); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove %s: %w", full, cause(err))
		}
		_ = os.Remove(filepath.Dir(full)) // fails while other files are in it
	}
	return nil
}

// staging is a set of complete, synced files that still bear temporary names.
type staging struct {
	files []staged
	dirs  []string // made for them, outermost first
}

type staged struct{ temp, target string }

func (s *staging) add(target string, text []byte, m mode) error {
	dir := filepath.Dir(target)
	if err := s.makeDir(dir); err != nil {
		return fmt.Errorf("cannot write to %s: %w", dir, cause(err))
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(target)+".*.tmp")
	if err != nil {
		return fmt.Errorf("cannot write to %s: %w", dir, cause(err))
	}
	s.files = append(s.files, staged{f.Name(), target})
	if err := errors.Join(fill(f, text, m), f.Close()); err != nil {
		return fmt.Errorf("cannot write %s: %w", target, cause(err))
	}
	return nil
}

// fill sets the mode before there is anything to read.
func fill(f *os.File, text []byte, m mode) error {
	if err := m.apply(f); err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Sync()
}

// makeDir makes a directory with its parents, and remembers which ones it made.
func (s *staging) makeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := s.makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	s.dirs = append(s.dirs, dir)
	return nil
}

// commit gives the files their names.
func (s *staging) commit() error {
	var dirs []string
	for len(s.files) > 0 {
		f := s.files[0]
		if err := os.Rename(f.temp, f.target); err != nil {
			return fmt.Errorf("cannot write %s: %w", f.target, err)
		}
		s.files, s.dirs = s.files[1:], nil
		if dir := filepath.Dir(f.target); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range dirs {
		syncDir(dir)
	}
	return nil
}

// syncDir makes renames last over a power cut. Some file systems cannot sync directories; the files are whole regardless.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}

// discard removes what was staged and not committed.
func (s *staging) discard() {
	for _, f := range s.files {
		os.Remove(f.temp)
	}
	for _, dir := range slices.Backward(s.dirs) {
		os.Remove(dir)
	}
}
