//go:build !unix

package runtime

import "syscall"

// shareSource does nothing here: a source with a port serves one peer only.
func shareSource(_, _ string, _ syscall.RawConn) error { return nil }
