package outdir

import (
	"fmt"
	"io/fs"
	"os"
)

// mode is what a written file has in common with its base, which may hold passwords.
type mode struct {
	perm     fs.FileMode
	uid, gid int // -1: whoever writes
}

// modeOf reads a base's mode and owner; without a base a file may be read by all.
func modeOf(base string) (mode, error) {
	if base == "" {
		return mode{0o644, -1, -1}, nil
	}
	info, err := os.Stat(base)
	if err != nil {
		return mode{}, fmt.Errorf("cannot read %s: %w", base, cause(err))
	}
	m := mode{perm: info.Mode().Perm()}
	m.uid, m.gid = owner(info)
	return m, nil
}

// apply gives an open file the mode, and the owner as far as the user may. Where the group cannot be kept, another group must
// not get its rights: it has those of everybody then.
func (m mode) apply(f *os.File) error {
	perm := m.perm
	if m.gid >= 0 && f.Chown(-1, m.gid) != nil {
		perm = perm&^0o070 | perm&0o007<<3
	}
	if m.uid >= 0 {
		_ = f.Chown(m.uid, -1) // only root may give files away
	}
	return f.Chmod(perm)
}
