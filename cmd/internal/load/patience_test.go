package load

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy"
	"stktc/cmd/internal/haproxy/haproxytest"
	"stktc/topology/sticktable"
)

// TestFlaky: the nodes that are named drop sessions, and no deaf one, which would wait for what it never reads.
func TestFlaky(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"deaf, restarts":   func(c *Config) { c.Deaf, c.Restarts = c.Nodes[1:], 1 },
		"deaf, reconnects": func(c *Config) { c.Deaf, c.Reconnects = c.Nodes[1:], 1 },
		"named":            func(c *Config) { c.Flaky, c.Restarts = c.Nodes[1:], 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config("lb1", "lb2")
			c.Target = aggregator(t, nil, c.Nodes...)
			c.Updates = 100_000
			change(&c)
			if r := mustBeRight(t, c); r.Sessions != 3 || r.Losses != 0 {
				t.Errorf("%d sessions, %d lost: %q", r.Sessions, r.Losses, r.Notes)
			}
		})
	}
}

// freezer passes what nodes and the target say, until it is frozen: then it reads no more, and answers nobody.
func freezer(t *testing.T, ctx context.Context, target string) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	pass := func(to, from net.Conn) {
		piece := make([]byte, 64<<10)
		for ctx.Err() == nil {
			n, err := from.Read(piece)
			if err != nil || ctx.Err() != nil {
				return
			}
			to.Write(piece[:n])
		}
	}
	go func() {
		for {
			node, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { node.Close() })
			agg, err := net.Dial("tcp", target)
			if err != nil {
				return
			}
			t.Cleanup(func() { agg.Close() })
			go pass(node, agg)
			go pass(agg, node)
		}
	}()
	return l.Addr().String()
}

// TestStandsStill: a target that hangs in the middle of a load ends it, with what was measured until then.
func TestStandsStill(t *testing.T) {
	t.Parallel()
	c := config("lb1", "lb2")
	frozen, freeze := context.WithCancel(t.Context())
	defer freeze()
	c.Target = freezer(t, frozen, aggregator(t, nil, c.Nodes...))
	c.Rate, c.Updates, c.Settle = 20_000, 200_000, time.Second
	c.Progress = func(p Progress) {
		if p.Stage == "load" && p.Done > 0.05 {
			freeze()
		}
	}
	r, err := Run(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "the load stood still for ") || !strings.Contains(err.Error(), "node `lb1` and `agg`: ") {
		t.Fatal(err)
	}
	if s := r.Stage("load"); s == nil || !s.IsCut || s.Settled || s.UpdatesIn == 0 || r.Ended != err.Error() || !r.Stage("fill").Settled {
		t.Errorf("%+v", r)
	}
}

// TestPatience: a load may be meant to push nothing for a while.
func TestPatience(t *testing.T) {
	c := config("lb1", "lb2")
	c.Definition.Expire, c.Settle = time.Hour, 30*time.Second
	l := newLoad(c)
	if got := l.patience(loading); got != 30*time.Second {
		t.Error(got)
	}
	if got := l.patience(fading); got != time.Hour+31*time.Second {
		t.Error(got)
	}
	l.Rate, l.Away, l.Settle = 1, time.Second, 0
	if got := l.patience(loading); got != leastPatience+3*time.Second {
		t.Error(got)
	}
	l.nodes[0].lastError = errNoAnswer
	w := watch{}
	if err := errors.Join(w.check(l, loading), w.check(l, loading)); err != nil {
		t.Error(err)
	}
	w.since = time.Now().Add(-leastPatience - 4*time.Second)
	if err := w.check(l, loading); !errors.Is(err, errNoAnswer) {
		t.Error(err)
	}
	l.nodes[1].out.encoded.Add(1)
	if err := w.check(l, loading); err != nil {
		t.Error(err)
	}
}

// TestNothingAnswered: a target that has not the tables is told by that, whatever it is, and no figure is made of it.
func TestNothingAnswered(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"sums":       {func(c *Config) {}, "the target has defined no table `t.sum`: does it sum `.raw` to `.sum`?"},
		"other name": {func(c *Config) { c.Table, c.To = "x", "" }, "has acknowledged nothing of table `x.raw`: has it one of that name, key type `ip` and data types `gpc0,http_req_cnt,http_req_rate(10s)`?"},
		"other key": {func(c *Config) {
			c.Definition = usual(sticktable.String)
			c.To = ""
		}, "has acknowledged nothing of table `t.raw`: has it one of that name, key type `string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			binary := haproxytest.Binary(t)
			cfg := config("lb1", "lb2")
			cfg.Target, cfg.Keys = closedAddress(t), 300
			haproxytest.Start(t, haproxy.Config{Binary: binary, Name: "agg", Text: fmt.Sprintf(
				"peers p\n  peer agg %s\n  peer lb1 %s\n  peer lb2 %s\nbackend t.raw\n  stick-table type ip size 1k expire 1h store %s peers p\n",
				cfg.Target, closedAddress(t), closedAddress(t), cfg.Definition.StoreString())})
			c.change(&cfg)
			if r, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), c.want) || r != nil {
				t.Errorf("%v, want %q; %+v", err, c.want, r)
			}
		})
	}
}

// TestOtherSums: an aggregator that defines another table is asked about that.
func TestOtherSums(t *testing.T) {
	l := newLoad(config("lb1", "lb2"))
	l.nodes[0].in.heard = []string{"t.raw", "t.aggr"}
	l.nodes[1].in.heard = []string{"t.aggr"}
	if err := l.unanswered(); !strings.HasPrefix(err.Error(), "the target has defined no table `t.sum`, but has `t.aggr`: does it sum ") {
		t.Error(err)
	}
}

// TestEndsEarly: who interrupts a load, or ends its target, is told what was measured.
func TestEndsEarly(t *testing.T) {
	t.Parallel()
	for name, byPID := range map[string]bool{"interrupted": false, "target ended": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config("lb1", "lb2")
			c.Target = aggregator(t, nil, c.Nodes...)
			c.Updates, c.Duration, c.Rate = 0, time.Minute, 20_000
			target := exec.Command("sleep", "600")
			if err := target.Start(); err != nil {
				t.Skip(err)
			}
			defer target.Wait()
			defer target.Process.Kill()
			ctx, stop := context.WithCancelCause(t.Context())
			want, end := "it was enough", func() { stop(errors.New("it was enough")) }
			if c.PID = target.Process.Pid; byPID {
				want, end = fmt.Sprintf("the target's process %d has ended", c.PID), func() { target.Process.Kill() }
			}
			c.Progress = func(p Progress) {
				if p.Stage == "load" && p.In > 5000 {
					end()
				}
			}
			r, err := Run(ctx, c)
			if err == nil || err.Error() != want || r == nil {
				t.Fatal(err)
			}
			if fill := r.Stage("fill"); fill.Target.PerKey == 0 && fill.Target.Growth != 0 || r.Stage("load").Target.PerKey != 0 {
				t.Errorf("%+v", r.Stages)
			}
			if s := r.Stage("load"); s == nil || !s.IsCut || s.UpdatesIn < 5000 || s.Target == nil || s.Target.RSS <= 0 || s.Latency == nil {
				t.Errorf("%+v", s)
			}
			text, err := json.Marshal(r)
			if err != nil || !strings.Contains(string(text), `"ended_early":"`) || r.IsRight() {
				t.Errorf("%s, %v", text, err)
			}
		})
	}
}

// TestSumsLeft: sums of nodes that are not played now cannot be waited for.
func TestSumsLeft(t *testing.T) {
	t.Parallel()
	c := config("lb1", "lb2", "lb3")
	c.Target = aggregator(t, nil, c.Nodes...)
	if r := mustBeRight(t, c); r.Known {
		t.Error("a fresh target knows keys")
	}
	c.NoFill, c.Updates = true, 1000
	if r := mustBeRight(t, c); !r.Known {
		t.Error("the target of a run before knows no keys")
	}
	c.Nodes, c.Connect = c.Nodes[:2], time.Second
	_, err := Run(t.Context(), c)
	if err == nil || !strings.HasPrefix(err.Error(), "`agg` still has sums of ") || !strings.HasSuffix(err.Error(), ": start it afresh, wait until they expire, or load another --table") {
		t.Error(err)
	}
}

// TestStrangers: what is no peers listener is told from what it says, and from what it does not.
func TestStrangers(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	for name, c := range map[string]struct{ address, want string }{
		"http":   {web.Listener.Addr().String(), "is not a peers listener: it answered HTTP"},
		"tls":    {secure.Listener.Addr().String(), "ended at the hello"},
		"ssh":    {says(t, "SSH-2.0-OpenSSH_9.2p1\r\n"), "is not a peers listener: it answered SSH"},
		"alert":  {says(t, "\x15\x03\x01\x00\x02\x02\x46"), "is not a peers listener: it answered TLS, which stktload does not speak"},
		"else":   {says(t, "what do you want?\n"), "is not a peers listener: it answered status line does not start with three digits: found `what do you want?`"},
		"short":  {says(t, "20"), "the answer to the hello was cut short"},
		"ended":  {says(t, ""), "the connection was accepted, but ended at the hello"},
		"silent": {silent(t), "the connection was accepted, but the hello was not answered"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config("lb1", "lb2")
			cfg.Target, cfg.Connect = c.address, 300*time.Millisecond
			if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// says answers each hello with a text, and ends the connection.
func says(t *testing.T, text string) string {
	return listening(t, func(conn net.Conn) {
		r := bufio.NewReader(conn)
		for range 3 {
			r.ReadString('\n')
		}
		io.WriteString(conn, text)
		conn.Close()
	})
}

// silent takes connections, and no notice of them.
func silent(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}
