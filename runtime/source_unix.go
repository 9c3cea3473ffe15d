//go:build unix

package runtime

import "syscall"

// shareSource lets several connections come from one address and port.
func shareSource(_, _ string, c syscall.RawConn) error {
	var err error
	if bad := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1) }); bad != nil {
		return bad
	}
	return err
}
