package quit

import (
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// TestContext: a socket whose other end is gone ends nothing; an output that nobody reads does, and a signal.
func TestContext(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var stdout, stderr io.Writer = w, io.Discard
	ctx, cancel := Context(t.Context(), &stdout, &stderr)
	defer cancel()
	write := func(conn io.Writer) {
		for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); {
			if _, err := conn.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
		t.Fatal("it was written for ever")
	}
	write(closedSocket(t))
	if ctx.Err() != nil {
		t.Error("a socket ended the command")
	}
	if _, err := stdout.Write([]byte("read")); err != nil || ctx.Err() != nil {
		t.Error(err, ctx.Err())
	}
	r.Close()
	write(stdout)
	if ctx.Err() == nil {
		t.Error("an output that nobody reads does not end the command")
	}
	ctx, cancel = Context(t.Context())
	defer cancel()
	syscall.Kill(os.Getpid(), syscall.SIGTERM)
	<-ctx.Done()
}

// closedSocket is one end of a connection whose other end is closed.
func closedSocket(t *testing.T) net.Conn {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	far.Close()
	return conn
}
