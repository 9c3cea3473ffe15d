package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"
	"time"

	"stktc/runtime"
	"stktc/runtime/store"
	"stktc/topology/sticktable"
)

// socketDir is a folder with a short name: a socket's path has room for 107 bytes.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cli")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// serve runs the server until the test or the returned function ends it.
func serve(t *testing.T, s *Server) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Serve(ctx); close(done) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func dial(t *testing.T, network, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

func exchange(t *testing.T, network, address, line string) string {
	t.Helper()
	conn := dial(t, network, address)
	io.WriteString(conn, line+"\n")
	reply, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(reply)
}

func TestUnixSocketMode(t *testing.T) {
	for _, tc := range []struct{ mode, want fs.FileMode }{{0, 0o600}, {0o660, 0o660}, {0o777, 0o777}} {
		dir := socketDir(t)
		path := filepath.Join(dir, "stats")
		s := newServer(t, allKinds(t), Options{Version: "v"})
		if err := s.Listen(Address{Network: "unix", Address: path, Mode: tc.mode, Level: User}); err != nil {
			t.Fatal(err)
		}
		file, err := os.Lstat(path)
		if err != nil || file.Mode() != fs.ModeSocket|tc.want {
			t.Errorf("mode %v: %v, %v", tc.mode, file.Mode(), err)
		}
		stop := serve(t, s)
		if got := exchange(t, "unix", path, "show version;show cli level"); got != "v\n\nuser\n\n" {
			t.Errorf("answer %q", got)
		}
		stop()
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestDefaultLevel(t *testing.T) {
	path := filepath.Join(socketDir(t), "stats")
	s := newServer(t, allKinds(t), Options{})
	if err := s.Listen(Address{Network: "unix", Address: path}); err != nil {
		t.Fatal(err)
	}
	serve(t, s)
	if got := exchange(t, "unix", path, "show cli level"); got != "operator\n\n" {
		t.Errorf("answer %q", got)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(socketDir(t), "stats")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	s := newServer(t, allKinds(t), Options{Version: "v"})
	if err := s.Listen(Address{Network: "unix", Address: path}); err != nil {
		t.Fatal(err)
	}
	serve(t, s)
	if got := exchange(t, "unix", path, "show version"); got != "v\n\n" {
		t.Errorf("answer %q", got)
	}
}

func TestOccupiedPath(t *testing.T) {
	dir := socketDir(t)
	live, file := filepath.Join(dir, "live"), filepath.Join(dir, "file")
	l, err := net.Listen("unix", live)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, allKinds(t), Options{})
	if err := s.Listen(Address{Network: "unix", Address: live}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), live) {
		t.Errorf("a socket that answers: %v", err)
	}
	if err := s.Listen(Address{Network: "unix", Address: file}); err == nil {
		t.Error("a file was replaced")
	}
	if text, _ := os.ReadFile(file); string(text) != "precious" {
		t.Errorf("the file holds %q", text)
	}
	if err := s.Listen(Address{Network: "unix", Address: filepath.Join(dir, "none", "stats")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
}

// TestSuccessorsSocketStays: who was replaced must not take its successor's socket away.
func TestSuccessorsSocketStays(t *testing.T) {
	path := filepath.Join(socketDir(t), "stats")
	first, second := newServer(t, allKinds(t), Options{}), newServer(t, allKinds(t), Options{Version: "second"})
	if err := first.Listen(Address{Network: "unix", Address: path}); err != nil {
		t.Fatal(err)
	}
	os.Remove(path)
	if err := second.Listen(Address{Network: "unix", Address: path}); err != nil {
		t.Fatal(err)
	}
	first.Close()
	serve(t, second)
	if got := exchange(t, "unix", path, "show version"); got != "second\n\n" {
		t.Errorf("answer %q", got)
	}
}

func TestTCPWarnsWhenOpen(t *testing.T) {
	for address, warns := range map[string]bool{"127.0.0.1:0": false, "[::1]:0": false, "0.0.0.0:0": true, ":0": true} {
		var log bytes.Buffer
		s := New(allKinds(t), Options{Version: "v", Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err := s.Listen(Address{Network: "tcp", Address: address, Level: Admin}); err != nil {
			t.Logf("%s: %v", address, err)
			continue
		}
		if got := strings.Contains(log.String(), "level=WARN"); got != warns {
			t.Errorf("%s: log %q", address, log.String())
		}
		port := s.listeners[0].Addr().(*net.TCPAddr).Port
		serve(t, s)
		if host, _, _ := net.SplitHostPort(address); host != "::1" {
			if got := exchange(t, "tcp", fmt.Sprintf("127.0.0.1:%d", port), "show version"); got != "v\n\n" {
				t.Errorf("answer %q", got)
			}
		}
	}
}

// pipe starts a conversation, and tells when it has ended.
func pipe(t *testing.T, s *Server) (net.Conn, <-chan struct{}) {
	t.Helper()
	conn, server := net.Pipe()
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	done := make(chan struct{})
	go func() { newClient(s, server, Address{Level: Admin}).run(); close(done) }()
	return conn, done
}

func ended(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the conversation goes on")
	}
}

func TestSilentClientIsCutOff(t *testing.T) {
	s := newServer(t, allKinds(t), Options{Timeout: 20 * time.Millisecond})
	conn, done := pipe(t, s)
	io.WriteString(conn, "show info")
	ended(t, done)
}

func TestSlowReaderIsCutOff(t *testing.T) {
	f, _ := bigTable(t, 5000)
	conn, done := pipe(t, newServer(t, f, Options{Timeout: 20 * time.Millisecond}))
	io.WriteString(conn, "show table big\n")
	io.ReadFull(conn, make([]byte, 100))
	ended(t, done)
}

// TestPartOfALineIsNotExecuted: a client that dies in the middle of "clear table t key 10.0.0.12" must not clear 10.0.0.1.
func TestPartOfALineIsNotExecuted(t *testing.T) {
	f := seedLike(t)
	conn, done := pipe(t, newServer(t, f, Options{}))
	io.WriteString(conn, "clear table mytable.aggr key 10.0.0.1")
	conn.Close()
	ended(t, done)
	if n := f.status.Sections[0].Tables[0].Table.Used(); n != 2 {
		t.Errorf("%d entries are left", n)
	}
}

func TestLongLine(t *testing.T) {
	path := filepath.Join(socketDir(t), "stats")
	s := newServer(t, allKinds(t), Options{Version: "v"})
	if err := s.Listen(Address{Network: "unix", Address: path}); err != nil {
		t.Fatal(err)
	}
	serve(t, s)
	longest := "show version" + strings.Repeat(" ", maxLine-1-len("show version"))
	if got := exchange(t, "unix", path, longest); got != "v\n\n" {
		t.Errorf("the longest line: %q", got)
	}
	if got := exchange(t, "unix", path, longest+strings.Repeat(" ", 10_000)); got != "Line is too long, at most 4095 bytes are accepted\n\n" {
		t.Errorf("too long a line: %q", got)
	}
}

func TestTooManyClients(t *testing.T) {
	path := filepath.Join(socketDir(t), "stats")
	s := newServer(t, allKinds(t), Options{Version: "v"})
	if err := s.Listen(Address{Network: "unix", Address: path}); err != nil {
		t.Fatal(err)
	}
	serve(t, s)
	for range maxClients {
		conn := dial(t, "unix", path)
		io.WriteString(conn, "prompt\n")
		if reply, err := bufio.NewReader(conn).ReadString('>'); err != nil {
			t.Fatalf("%q, %v", reply, err)
		}
	}
	reply, _ := io.ReadAll(dial(t, "unix", path))
	if string(reply) != "Too many clients, try again later\n\n" {
		t.Errorf("answer %q", reply)
	}
}

// TestServeEndsWithItsClients: an idle interactive client and one that stopped reading do not hold up the end.
func TestServeEndsWithItsClients(t *testing.T) {
	f, _ := bigTable(t, 20_000)
	path := filepath.Join(socketDir(t), "stats")
	s := newServer(t, f, Options{})
	if err := s.Listen(Address{Network: "unix", Address: path}); err != nil {
		t.Fatal(err)
	}
	stop := serve(t, s)
	idle, stuck := dial(t, "unix", path), dial(t, "unix", path)
	io.WriteString(idle, "prompt\n")
	io.ReadFull(idle, make([]byte, 3))
	io.WriteString(stuck, "show table big\n")
	io.ReadFull(stuck, make([]byte, 100))
	began := time.Now()
	stop()
	if took := time.Since(began); took > DefaultTimeout/2 {
		t.Errorf("the end took %v", took)
	}
}

// bigTable is a table of n keys.
func bigTable(t testing.TB, n int) (*fake, *store.Source) {
	t.Helper()
	table, sources := newTable(t, "big", rateDef, "n1")
	var b store.Batch
	for i := range n {
		b.Add([]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}, 3_600_000, []uint64{uint64(i), 0, 1, 0})
		if b.Len() == 1000 || i == n-1 {
			sources["n1"].Apply(&b, 1000)
			b.Reset()
		}
	}
	status := runtime.Status{Started: started, Sections: []runtime.SectionStatus{{Name: "big", Tables: []runtime.TableStatus{{Table: table}}}}}
	return &fake{now: 1000, status: status}, sources["n1"]
}

// TestBigTableIsStreamed: while a client takes its time with a table of 100,000 keys, a reply of 8 MB or so, the daemon holds next to nothing of it, and updates go on.
func TestBigTableIsStreamed(t *testing.T) {
	const keys = 100_000
	f, src := bigTable(t, keys)
	for _, line := range []string{"show table big", "show table big json", "show table big data.gpc0 ge 0"} {
		before := heap()
		conn, done := pipe(t, newServer(t, f, Options{}))
		io.WriteString(conn, line+"\n")
		if _, err := io.CopyN(io.Discard, conn, 2<<20); err != nil {
			t.Fatal(err)
		}
		if grown := int64(heap()) - int64(before); grown > 1<<20 {
			t.Errorf("%s: %d bytes are held in the middle of the reply", line, grown)
		}
		apply(src, 1000, []byte{11, 0, 0, 1}, 1, 0, 0, 0, 0) // blocks if a lock is held
		rest, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		ended(t, done)
		if len(rest) < 4<<20 {
			t.Errorf("%s: only %d bytes more", line, len(rest))
		}
	}
}

func heap() uint64 {
	goruntime.GC()
	var m goruntime.MemStats
	goruntime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestBigTableIsComplete(t *testing.T) {
	const keys = 100_000
	f, _ := bigTable(t, keys)
	reply := ask(t, newServer(t, f, Options{}), Operator, "show table big\n")
	seen := map[string]bool{}
	for _, line := range strings.Split(reply, "\n") {
		if _, rest, ok := strings.Cut(line, ": key="); ok {
			key, _, _ := strings.Cut(rest, " ")
			seen[key] = true
		}
	}
	if n := strings.Count(reply, "\n"); len(seen) != keys || n != keys+2 {
		t.Errorf("%d keys on %d lines", len(seen), n)
	}
	if n := strings.Count(ask(t, newServer(t, f, Options{}), Operator, "show table big data.gpc0 lt 1500\n"), "key="); n != 1500 {
		t.Errorf("%d keys pass the filter", n)
	}
}

// TestDumpSurvivesRedefinition: a table that gets another shape in the middle of a dump ends it; values are never read by the wrong shape.
func TestDumpSurvivesRedefinition(t *testing.T) {
	f, _ := bigTable(t, 20_000)
	conn, done := pipe(t, newServer(t, f, Options{}))
	io.WriteString(conn, "show table big\n")
	if _, err := io.ReadFull(conn, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	wider := rateDef
	wider.Columns = append([]sticktable.Column{column(sticktable.GPT0, 1, 0)}, rateDef.Columns...)
	table := f.status.Sections[0].Tables[0].Table
	if _, err := table.Source("n2", wider); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(conn)
	ended(t, done)
	if err != nil || !strings.HasSuffix(string(rest), "# "+redefined+"\n\n") {
		t.Errorf("%v, ends in %q", err, rest[max(0, len(rest)-200):])
	}
	for _, line := range strings.Split(string(rest), "\n") {
		var a, b, c, count int
		n, _ := fmt.Sscanf(line[strings.Index(line, ":")+1:], " key=10.%d.%d.%d use=0 exp=3600000 gpc0=%d", &a, &b, &c, &count)
		if n == 4 && count != a<<16|b<<8|c {
			t.Fatalf("values of the new shape are read as those of the old one: %s", line)
		}
	}
}

func TestClearAll(t *testing.T) {
	f, _ := bigTable(t, 5000)
	s := newServer(t, f, Options{})
	reply := ask(t, s, Operator, "clear table big data.gpc0 lt 2000;clear table big;show table big\n")
	for _, want := range []string{"# cleared 2000 of big", "# cleared 3000 of big", "# table: big, type: ip, size:2147483647, used:0\n\n"} {
		if !strings.Contains(reply, want) {
			t.Errorf("no %q in %q", want, reply)
		}
	}
}

// TestClearedFrom: the log names the socket where it is, and not where it was made.
func TestClearedFrom(t *testing.T) {
	f, _ := bigTable(t, 1)
	path := filepath.Join(socketDir(t), "stats")
	var log bytes.Buffer
	s := newServer(t, f, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err := s.Listen(Address{Network: "unix", Address: path}); err != nil {
		t.Fatal(err)
	}
	stop := serve(t, s)
	exchange(t, "unix", path, "clear table big")
	stop()
	if want := `from="UNIX socket ` + path + `"`; !strings.Contains(log.String(), want) {
		t.Errorf("no %s in\n%s", want, &log)
	}
}

// TestCommandTable holds what the help says against what is understood.
func TestCommandTable(t *testing.T) {
	s := newServer(t, allKinds(t), Options{})
	for _, cmd := range commands() {
		if len(cmd.usage) > 40 || !strings.HasPrefix(cmd.usage, strings.Join(cmd.words, " ")) {
			t.Errorf("%q: usage %q", cmd.words, cmd.usage)
		}
		if found := findCommand(cmd.words); found == nil || found.usage != cmd.usage {
			t.Errorf("%q is not found", cmd.words)
		}
		if cmd.json {
			if reply := ask(t, s, Admin, strings.Join(cmd.words, " ")+" json\n"); !strings.HasPrefix(reply, "[") && !strings.HasPrefix(reply, "{") {
				t.Errorf("%q has no JSON form: %q", cmd.words, reply)
			}
		}
	}
}

// TestRealAggregator: the socket understands an aggregator that has just been made.
func TestRealAggregator(t *testing.T) {
	a, err := runtime.New(runtime.Config{Sections: []runtime.Section{{
		Name: "myaggr", Local: runtime.Peer{Name: "aggr1", Address: "127.0.0.1:1", Direction: runtime.Local},
		Peers: []runtime.Peer{{Name: "hapee1", Address: "127.0.0.1:2"}}, Rules: []runtime.Rule{{From: ".x", To: ".y"}},
	}}}, runtime.Options{})
	if err != nil {
		t.Fatal(err)
	}
	reply := ask(t, newServer(t, a, Options{}), User, "show aggrs;show peers;show info;show table\n")
	for _, want := range []string{
		"aggregations myaggr: silent until every source has taught, waiting for hapee1\n", "id=hapee1(remote,inactive) addr=127.0.0.1:2 last_status=NONE last_hdshk=<NEVER>\n",
		"Sources_missing: 1\n", "Tables: 0\n",
	} {
		if !strings.Contains(reply, want) {
			t.Errorf("no %q in\n%s", want, reply)
		}
	}
}
