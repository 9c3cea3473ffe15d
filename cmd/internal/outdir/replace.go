package outdir

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// Replacement is a file whose text changes.
type Replacement struct {
	Path     string // a link is followed: the file that it leads to is replaced
	Old, New []byte
}

// Replace gives files new texts, all of them or, when one cannot be staged, none. Mode and owner stay. A file that does not hold its old text any more
// is an error.
func Replace(files []Replacement) error {
	s := &staging{}
	defer s.discard()
	for _, f := range files {
		target, err := filepath.EvalSymlinks(f.Path)
		if err != nil {
			return fmt.Errorf("cannot write %s: %w", f.Path, cause(err))
		}
		now, err := os.ReadFile(target)
		if err != nil {
			return fmt.Errorf("cannot read %s: %w", f.Path, cause(err))
		}
		if !bytes.Equal(now, f.Old) {
			return fmt.Errorf("%s was changed by somebody else meanwhile; nothing written", f.Path)
		}
		m, err := modeOf(target)
		if err != nil {
			return err
		}
		if err := s.add(target, f.New, m); err != nil {
			return err
		}
	}
	return s.commit(".")
}
