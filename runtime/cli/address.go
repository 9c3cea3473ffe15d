package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Level is what a client may do, HAProxy's "level" of a stats socket.
type Level uint8

// The levels. The zero Level is taken as Operator, HAProxy's default.
const (
	User     Level = iota + 1 // see states, but neither keys nor their values
	Operator                  // see everything, clear entries
	Admin                     // the same: nothing here needs more
)

var levelNames = map[Level]string{User: "user", Operator: "operator", Admin: "admin"}

// String gives HAProxy's word.
func (l Level) String() string { return levelNames[l] }

// ParseLevel reads HAProxy's word.
func ParseLevel(word string) (Level, bool) {
	for l, name := range levelNames {
		if name == word {
			return l, true
		}
	}
	return 0, false
}

// DefaultMode is the file mode of a UNIX socket for which none is configured. HAProxy leaves that to the umask, usually 022, and as connecting takes the right
// to write, the effect is the same: only the owner may connect.
const DefaultMode fs.FileMode = 0o600

// Address is where to listen.
type Address struct {
	Network string      // "unix" or "tcp"
	Address string      // path, or host:port
	Mode    fs.FileMode // of a UNIX socket; 0: DefaultMode
	Level   Level       // 0: Operator
}

// ErrInUse says that another process answers on a UNIX socket.
var ErrInUse = errors.New("in use: another process answers there")

// listener is an open address.
type listener struct {
	net.Listener
	addr Address
	file fs.FileInfo // of a UNIX socket
}

// Listen opens an address; Serve answers there. A UNIX socket that a dead process left is replaced, one that answers is ErrInUse, and any other file
// is left alone.
func (s *Server) Listen(a Address) error {
	if a.Level == 0 {
		a.Level = Operator
	}
	l, err := listen(a)
	if err != nil {
		return fmt.Errorf("cannot listen on stats socket `%s`: %w", a.Address, err)
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		s.log.Warn("stats socket is open to the network, and there is no authentication", "address", tcp.String(), "level", a.Level.String())
	}
	s.listeners = append(s.listeners, l)
	return nil
}

func listen(a Address) (*listener, error) {
	if a.Network == "unix" {
		return listenUnix(a)
	}
	l, err := net.Listen(a.Network, a.Address)
	if err != nil {
		return nil, err
	}
	return &listener{Listener: l, addr: a}, nil
}

// listenUnix makes the socket in a folder that only we may enter, sets its mode, and moves it to its place: at no time can anybody connect whom the mode
// keeps out, and no time is without a socket when a stale one is replaced.
func listenUnix(a Address) (*listener, error) {
	if a.Mode == 0 {
		a.Mode = DefaultMode
	}
	if err := checkStale(a.Address); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(a.Address), ".stats")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	file, err := place(path, a)
	if err != nil {
		l.Close()
		return nil, err
	}
	return &listener{Listener: l, addr: a, file: file}, nil
}

func place(path string, a Address) (fs.FileInfo, error) {
	if err := os.Chmod(path, a.Mode); err != nil {
		return nil, err
	}
	file, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	return file, os.Rename(path, a.Address)
}

// staleTimeout bounds the wait for an answer on a socket that is there already.
const staleTimeout = time.Second

// checkStale tells whether there is nothing at the path but, at most, a socket that nobody answers on.
func checkStale(path string) error {
	file, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case file.Mode().Type() != fs.ModeSocket:
		return errors.New("there is a file that is not a socket")
	}
	conn, err := net.DialTimeout("unix", path, staleTimeout)
	switch {
	case err == nil:
		conn.Close()
		return ErrInUse
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return fmt.Errorf("cannot tell whether it is in use: %w", err)
}

// close ends the listener and removes its socket, unless another process has replaced it meanwhile.
func (l *listener) close() {
	if l.file != nil {
		if now, err := os.Lstat(l.addr.Address); err == nil && os.SameFile(now, l.file) {
			os.Remove(l.addr.Address)
		}
		l.file = nil
	}
	l.Listener.Close()
}
