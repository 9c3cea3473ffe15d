package outdir

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
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
	s := &staging{bulk: canSyncFileSystem && len(p.Changes) >= manyFiles}
	defer s.discard()
	if err := s.addAll(p); err != nil {
		return err
	}
	if p.manifest.New != nil { // staged last, so renamed last: it vouches for files that are there
		if err := s.add(p.full(p.manifest.Path), p.manifest.New, mode{0o644, -1, -1}); err != nil {
			return err
		}
	}
	if err := p.removable(); err != nil {
		return err
	}
	if err := s.sync(p.Dir); err != nil {
		return err
	}
	if err := s.commit(p.Dir); err != nil {
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

// staging is a set of complete files that still bear temporary names.
type staging struct {
	files []staged
	dirs  []string        // made for them, outermost first
	known map[string]bool // directories that are there
	bulk  bool            // what was written is synced at once, not file by file
}

// manyFiles is from how many files on the whole file system is synced at once: 10,000 files one by one take half a minute.
const manyFiles = 100

type staged struct{ temp, target string } // temp is "" as long as there is none

// writers is how many files are staged at a time: nearly all of the work is the kernel's.
const writers = 4

// addAll stages the files of all changes. Of several errors it gives that of the first file.
func (s *staging) addAll(p *Plan) error {
	for _, c := range p.Changes {
		if err := s.makeDir(filepath.Dir(p.full(c.Path))); err != nil {
			return fmt.Errorf("cannot write to %s: %w", filepath.Dir(p.full(c.Path)), cause(err))
		}
	}
	s.files = make([]staged, len(p.Changes))
	errs := make([]error, len(p.Changes))
	var failed atomic.Bool
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for i := w; i < len(p.Changes) && !failed.Load(); i += writers {
				c := p.Changes[i]
				if errs[i] = s.stage(&s.files[i], p.full(c.Path), c.New, p.modes[c.Path]); errs[i] != nil {
					failed.Store(true)
				}
			}
		})
	}
	wait.Wait()
	return cmp.Or(errs...)
}

// add stages one more file.
func (s *staging) add(target string, text []byte, m mode) error {
	if err := s.makeDir(filepath.Dir(target)); err != nil {
		return fmt.Errorf("cannot write to %s: %w", filepath.Dir(target), cause(err))
	}
	s.files = append(s.files, staged{})
	return s.stage(&s.files[len(s.files)-1], target, text, m)
}

// stage writes a file's text under a temporary name.
func (s *staging) stage(to *staged, target string, text []byte, m mode) error {
	f, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+".*.tmp")
	if err != nil {
		return fmt.Errorf("cannot write to %s: %w", filepath.Dir(target), cause(err))
	}
	*to = staged{f.Name(), target}
	if err := errors.Join(s.fill(f, text, m), f.Close()); err != nil {
		return fmt.Errorf("cannot write %s: %w", target, cause(err))
	}
	return nil
}

// fill sets the mode before there is anything to read.
func (s *staging) fill(f *os.File, text []byte, m mode) error {
	if err := m.apply(f); err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return err
	}
	if s.bulk {
		return nil
	}
	return f.Sync()
}

// sync makes the files last over a power cut, before any of them gets its name.
func (s *staging) sync(root string) error {
	if !s.bulk {
		return nil
	}
	if err := syncFileSystem(root); err != nil {
		return fmt.Errorf("cannot write to %s: %w", root, cause(err))
	}
	return nil
}

// makeDir makes a directory with its parents, and remembers which ones it made.
func (s *staging) makeDir(dir string) error {
	if s.known[dir] {
		return nil
	}
	if s.known == nil {
		s.known = map[string]bool{}
	}
	s.known[dir] = true
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
func (s *staging) commit(root string) error {
	var dirs []string
	for len(s.files) > 0 {
		f := s.files[0]
		if err := os.Rename(f.temp, f.target); err != nil {
			return fmt.Errorf("cannot write %s: %w", f.target, err)
		}
		s.files, s.dirs = s.files[1:], nil
		dirs = append(dirs, filepath.Dir(f.target))
	}
	s.syncDirs(root, dirs)
	return nil
}

// syncDirs makes renames last over a power cut. Some file systems cannot sync directories; the files are whole regardless.
func (s *staging) syncDirs(root string, dirs []string) {
	if s.bulk {
		_ = syncFileSystem(root)
		return
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		if d, err := os.Open(dir); err == nil {
			_ = d.Sync()
			d.Close()
		}
	}
}

// discard removes what was staged and not committed.
func (s *staging) discard() {
	for _, f := range s.files {
		if f.temp != "" {
			os.Remove(f.temp)
		}
	}
	for _, dir := range slices.Backward(s.dirs) {
		os.Remove(dir)
	}
}
