package load

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// floor times the way to a program that only echoes, and back, beside the load and as often as a node's probes: what the machine, and this program, take by themselves of the latencies that are measured.
type floor struct {
	mu      sync.Mutex
	latency *hdrhistogram.Histogram
}

// echoSize is about the length of an update.
const echoSize = 20

// timeFloor sends one message after another until ctx ends.
func (l *load) timeFloor(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, network(l.Echo), l.Echo)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	defer conn.Close()
	due := time.NewTicker(time.Second / time.Duration(max(1, l.Probes)))
	defer due.Stop()
	for message := make([]byte, echoSize); ; {
		select {
		case <-due.C:
		case <-ctx.Done():
			return nil
		}
		sent := time.Now()
		_, err := conn.Write(message)
		if err == nil {
			_, err = io.ReadFull(conn, message)
		}
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("the echo at `%s`: %w", l.Echo, err)
		}
		l.floor.record(time.Since(sent))
	}
}

func (f *floor) record(took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.latency.RecordValue(min(max(int64(took), int64(time.Microsecond)), int64(maxLatency)))
}

// take gives what was timed since the last call; nil if nothing was.
func (f *floor) take() *Latency {
	f.mu.Lock()
	defer f.mu.Unlock()
	taken := quantiles(f.latency)
	f.latency.Reset()
	return taken
}
