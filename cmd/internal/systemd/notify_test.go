package systemd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	goruntime "runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// environment makes a getenv of the variables.
func environment(pairs ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

// manager is the receiving end, at a path or an abstract name.
func manager(t *testing.T, address string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	return conn
}

func receive(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	b := make([]byte, 4096)
	n, err := conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

// socketPath is one with a short name: a socket's path has room for 107 bytes.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

func TestMessages(t *testing.T) {
	addresses := map[string]string{"path": socketPath(t)}
	if goruntime.GOOS == "linux" {
		addresses["abstract"] = fmt.Sprintf("@stktc-test-%d", os.Getpid())
	}
	for name, address := range addresses {
		t.Run(name, func(t *testing.T) {
			conn := manager(t, address)
			n, err := New(environment("NOTIFY_SOCKET", address))
			if err != nil {
				t.Fatal(err)
			}
			for _, tc := range []struct {
				err  error
				want string
			}{
				{n.Ready("whole, 3 of 3 peers"), "READY=1\nSTATUS=whole, 3 of 3 peers"},
				{n.Status("not whole, missing n2"), "STATUS=not whole, missing n2"},
				{n.Status("two\nREADY=1\r\x00lines"), "STATUS=two READY=1  lines"},
				{n.Stopping(), "STOPPING=1"},
			} {
				if got := receive(t, conn); got != tc.want || tc.err != nil {
					t.Errorf("got %q, %v, want %q", got, tc.err, tc.want)
				}
			}
		})
	}
}

// TestReloading: the manager compares the time with its own reading of the same clock.
func TestReloading(t *testing.T) {
	if goruntime.GOOS != "linux" {
		t.Skip("no systemd here")
	}
	address := socketPath(t)
	conn := manager(t, address)
	n, err := New(environment("NOTIFY_SOCKET", address))
	if err != nil {
		t.Fatal(err)
	}
	before := uptime(t)
	if err := n.Reloading(); err != nil {
		t.Fatal(err)
	}
	text, found := strings.CutPrefix(receive(t, conn), "RELOADING=1\nMONOTONIC_USEC=")
	usec, err := strconv.ParseInt(text, 10, 64)
	if !found || err != nil {
		t.Fatalf("%q, %v", text, err)
	}
	// /proc/uptime counts suspended time too, so it may be ahead by that; it is never behind by more than its grain.
	if at := time.Duration(usec) * time.Microsecond; at <= 0 || at > uptime(t)+time.Second {
		t.Errorf("the clock says %v, and the machine has been up for %v", at, before)
	}
	if later := monotonic(); later < time.Duration(usec)*time.Microsecond || later > time.Duration(usec)*time.Microsecond+20*time.Second {
		t.Errorf("the clock says %v after %d us", later, usec)
	}
}

func uptime(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		t.Skip(err)
	}
	first, _, _ := strings.Cut(string(text), " ")
	d, err := time.ParseDuration(first + "s")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestManagerReplaced: a manager that is executed anew has a new socket of the same name.
func TestManagerReplaced(t *testing.T) {
	address := socketPath(t)
	n, err := New(environment("NOTIFY_SOCKET", address))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Stopping(); err == nil || !strings.HasPrefix(err.Error(), "cannot notify systemd: ") {
		t.Errorf("without a manager: %v", err)
	}
	for range 2 {
		conn := manager(t, address)
		if err := n.Stopping(); err != nil {
			t.Fatal(err)
		}
		receive(t, conn)
		conn.Close()
		os.Remove(address)
	}
}

// TestManagerStuck: a manager that reads nothing holds nobody up for ever.
func TestManagerStuck(t *testing.T) {
	address := socketPath(t)
	manager(t, address)
	n, err := New(environment("NOTIFY_SOCKET", address))
	if err != nil {
		t.Fatal(err)
	}
	for range 100_000 { // net.unix.max_dgram_qlen, or the socket's buffer, ends this long before
		if err = n.Stopping(); err != nil {
			break
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestSilent: without systemd nothing is said, whoever asks.
func TestSilent(t *testing.T) {
	none, err := New(environment())
	if err != nil {
		t.Fatal(err)
	}
	none.send = func(message string) error { t.Errorf("sent %q", message); return nil }
	watched, err := New(environment("WATCHDOG_USEC", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	watched.send = none.send
	for _, n := range []*Notifier{nil, none, watched} {
		for _, err := range []error{n.Ready("x"), n.Reloading(), n.Stopping(), n.Status("x")} {
			if err != nil {
				t.Error(err)
			}
		}
		n.Watch(t.Context(), func() error { t.Error("asked"); return nil }, slog.New(slog.DiscardHandler))
	}
}

func TestEnvironment(t *testing.T) {
	self := strconv.Itoa(os.Getpid())
	for _, tc := range []struct {
		env  []string
		want time.Duration
		err  string
	}{
		{env: []string{"NOTIFY_SOCKET", "/run/x"}},
		{env: []string{"NOTIFY_SOCKET", "@x", "WATCHDOG_USEC", "15000000"}, want: 15 * time.Second},
		{env: []string{"WATCHDOG_USEC", "1", "WATCHDOG_PID", self}, want: time.Microsecond},
		{env: []string{"WATCHDOG_USEC", "15000000", "WATCHDOG_PID", "1"}},
		{env: []string{"WATCHDOG_USEC", "nonsense", "WATCHDOG_PID", "1"}},
		{env: []string{"WATCHDOG_PID", self}},
		{env: []string{"NOTIFY_SOCKET", "relative"}, err: "NOTIFY_SOCKET is `relative`"},
		{env: []string{"NOTIFY_SOCKET", "vsock:2:1234"}, err: "NOTIFY_SOCKET is `vsock:2:1234`"},
		{env: []string{"WATCHDOG_USEC", "0"}, err: "WATCHDOG_USEC is `0`"},
		{env: []string{"WATCHDOG_USEC", "-5"}, err: "WATCHDOG_USEC is `-5`"},
		{env: []string{"WATCHDOG_USEC", "15s"}, err: "WATCHDOG_USEC is `15s`"},
		{env: []string{"WATCHDOG_USEC", "18446744073709551615"}, err: "WATCHDOG_USEC is `18446744073709551615`"},
		{env: []string{"WATCHDOG_USEC", "9223372036854776"}, err: "WATCHDOG_USEC is `9223372036854776`"},
		{env: []string{"WATCHDOG_USEC", "9223372036854775"}, want: 9223372036854775 * time.Microsecond},
		{env: []string{"WATCHDOG_USEC", "5", "WATCHDOG_PID", "x"}, err: "WATCHDOG_PID is `x`"},
	} {
		n, err := New(environment(tc.env...))
		switch {
		case tc.err != "":
			if err == nil || !strings.HasPrefix(err.Error(), tc.err) || n != nil {
				t.Errorf("%v: %v, want %s", tc.env, err, tc.err)
			}
		case err != nil || n.watchdog != tc.want:
			t.Errorf("%v: %v, %v, want %v", tc.env, n, err, tc.want)
		}
	}
}

// said is a message, and when it was.
type said struct {
	at      time.Duration
	message string
}

// TestWatch: signs of life come at half of the time, only while there is life, and the first word on either change is logged.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, err := New(environment("NOTIFY_SOCKET", "/run/x", "WATCHDOG_USEC", "10000000"))
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		var heard []said
		n.send = func(message string) error {
			heard = append(heard, said{time.Since(begin), message})
			return nil
		}
		alive := func() error {
			if age := time.Since(begin); age > 11*time.Second && age < 26*time.Second {
				return errors.New("time stands still")
			}
			return nil
		}
		var log strings.Builder
		ctx, cancel := context.WithTimeout(t.Context(), 32*time.Second)
		defer cancel()
		n.Watch(ctx, alive, slog.New(slog.NewTextHandler(&log, nil)))
		if took := time.Since(begin); took != 32*time.Second {
			t.Errorf("Watch returned after %v", took)
		}
		want := []said{
			{0, "WATCHDOG=1"},
			{5 * time.Second, "WATCHDOG=1"},
			{10 * time.Second, "WATCHDOG=1"},
			{15 * time.Second, "STATUS=stuck: time stands still"},
			{30 * time.Second, "STATUS=alive again after it was stuck"},
			{30 * time.Second, "WATCHDOG=1"},
		}
		if !reflect.DeepEqual(heard, want) {
			t.Errorf("heard %v, want %v", heard, want)
		}
		if n := strings.Count(log.String(), "no sign of life"); n != 1 || !strings.Contains(log.String(), "alive again") {
			t.Errorf("log:\n%s", &log)
		}
	})
}

// TestWatchUnheard: a manager that is away is tried again every time, and logged once.
func TestWatchUnheard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, err := New(environment("NOTIFY_SOCKET", "/run/x", "WATCHDOG_USEC", "10000000"))
		if err != nil {
			t.Fatal(err)
		}
		tries := 0
		n.send = func(string) error {
			if tries++; tries < 4 {
				return errors.New("nobody there")
			}
			return nil
		}
		var log strings.Builder
		ctx, cancel := context.WithTimeout(t.Context(), 21*time.Second)
		defer cancel()
		n.Watch(ctx, func() error { return nil }, slog.New(slog.NewTextHandler(&log, nil)))
		if tries != 5 || strings.Count(log.String(), "nobody there") != 1 {
			t.Errorf("%d tries, log:\n%s", tries, &log)
		}
	})
}
