package load

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestFloor: an echo is timed while the load lasts, each stage by itself, and one that ends says so.
func TestFloor(t *testing.T) {
	const delay = 5 * time.Millisecond
	c := config("lb1")
	c.Probes = 1000
	c.Echo = listening(t, func(conn net.Conn) {
		defer conn.Close()
		for message := make([]byte, echoSize); ; {
			if _, err := io.ReadFull(conn, message); err != nil {
				return
			}
			<-time.After(delay)
			conn.Write(message)
		}
	})
	l := newLoad(c)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error)
	go func() { over <- l.timeFloor(ctx) }()
	var f *Latency
	for f == nil {
		f = l.floor.take()
	}
	if f.P50 < delay.Seconds()*1000 {
		t.Errorf("%d messages took %v ms", f.Count, f.P50)
	}
	cancel()
	if err := <-over; err != nil {
		t.Error(err)
	}
	l.floor.take()
	if f := l.floor.take(); f != nil {
		t.Errorf("%d messages in no time", f.Count)
	}
	l.Echo = listening(t, func(conn net.Conn) { conn.Close() })
	if err := l.timeFloor(t.Context()); err == nil || !strings.Contains(err.Error(), l.Echo) {
		t.Error(err)
	}
}
