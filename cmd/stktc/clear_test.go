package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy"
	"stktc/cmd/internal/haproxy/haproxytest"
)

// clearing is an aggregator and two real HAProxys.
type clearing struct {
	*running
	nodes   []*haproxy.Process
	sockets []string
	fronts  []string // where connections are tracked
}

func startClearing(t *testing.T) *clearing {
	t.Helper()
	haproxytest.Binary(t)
	local := freeAddress(t)
	addresses := []string{freeAddress(t), freeAddress(t)}
	text := fmt.Sprintf("global\n  stats socket {dir}/s mode 600 level operator\n  stats socket {dir}/user mode 600 level user\n\naggregations x\n  peer agg %s local\n  from .raw to .sum\n", local)
	for i, address := range addresses {
		text += fmt.Sprintf("  peer n%d %s\n", i+1, address)
	}
	c := &clearing{running: startRun(t, text)}
	eventually(t, "the socket answers", func() bool { _, code := c.ask("show", "info"); return code == 0 })
	for i, address := range addresses {
		name := fmt.Sprintf("n%d", i+1)
		c.sockets = append(c.sockets, filepath.Join(c.dir, name))
		c.fronts = append(c.fronts, freeAddress(t))
		shape := " size 1k expire 1h store http_req_cnt,gpc0,gpc0_rate(1h),conn_cur"
		config := fmt.Sprintf("global\n  stats socket %s mode 600 level operator\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n"+
			"peers cluster\n  bind %s\n  server %s\n  server agg %s\n", c.sockets[i], address, name, local)
		for _, table := range []string{"t.raw type ip", "t.sum type ip", "s.raw type string len 20", "s.sum type string len 20"} {
			config += "  table " + table + shape + "\n"
		}
		config += fmt.Sprintf("frontend p.raw\n  bind %s\n  stick-table type ip%s peers cluster\n  tcp-request connection track-sc0 src table cluster/t.raw\n  http-request return status 200\n"+
			"backend p.sum\n  stick-table type ip%s peers cluster\n", c.fronts[i], shape, shape)
		c.nodes = append(c.nodes, haproxytest.Start(t, haproxy.Config{Name: name, Text: config, Socket: c.sockets[i]}))
	}
	eventually(t, "everybody is connected", func() bool { out, _ := c.ask("show"); return strings.HasPrefix(out, "x: whole") })
	return c
}

// count stores a count of gpc0 on both nodes, n on the first and 10 n on the second, and waits until they see the sum.
func (c *clearing) count(raw, sum, key string, n int) {
	c.t.Helper()
	for i, node := range c.nodes {
		if err := node.SetTable(c.t.Context(), raw, key, fmt.Sprintf("data.gpc0 %d data.gpc0_rate %d", []int{n, 10 * n}[i], n)); err != nil {
			c.t.Fatal(err)
		}
	}
	eventually(c.t, "the nodes see the sum of "+key, func() bool { return c.sees(sum, key, uint64(11*n)) })
}

// sees tells whether both nodes show that in gpc0; 0 if the entry is not there.
func (c *clearing) sees(table, key string, want uint64) bool {
	for _, node := range c.nodes {
		e, err := node.ShowTableKey(c.t.Context(), table, key)
		if err != nil {
			c.t.Fatal(err)
		}
		got := uint64(0)
		if e != nil {
			got, _ = e.Uint("gpc0")
		}
		if got != want {
			return false
		}
	}
	return true
}

// staysClear looks for three seconds whether the key stays at 0, on the nodes and in the aggregator.
func (c *clearing) staysClear(table, key, raw, sum, wireKey string) {
	c.t.Helper()
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		out, code := c.ask("show", "contributions", table, key, "--json")
		var list []struct{ Sum struct{ GPC0 int } }
		if err := json.Unmarshal([]byte(out), &list); err != nil || code != exitDone {
			c.t.Fatalf("%d, %v: %s", code, err, out)
		}
		for _, l := range list {
			if l.Sum.GPC0 != 0 {
				c.t.Fatalf("the aggregator has the key again: %s", out)
			}
		}
		if !c.sees(raw, wireKey, 0) || !c.sees(sum, wireKey, 0) {
			c.t.Fatalf("a node shows the key again")
		}
	}
}

// TestClear: what is cleared with the nodes' sockets is 0 everywhere, and stays so; other keys stay.
func TestClear(t *testing.T) {
	c := startClearing(t)
	both := strings.Join(c.sockets, ",")
	for _, tc := range []struct{ table, key, raw, sum, wireKey string }{
		{"/t.sum", "10.0.0.1", "cluster/t.raw", "cluster/t.sum", "10.0.0.1"},
		{"/s.sum", `a b;c\d=e`, "cluster/s.raw", "cluster/s.sum", `a\ b\;c\\d=e`},
		{"p.sum", "10.0.0.1", "p.raw", "p.sum", "10.0.0.1"},
	} {
		c.count(tc.raw, tc.sum, tc.wireKey, 3)
		c.count(tc.raw, tc.sum, "10.0.0.2", 5)
		out, code := c.ask("clear", tc.table, tc.key, "--nodes", both)
		if code != exitDone || strings.Count(out, " cleared\n") != 5 {
			t.Errorf("%s %s: exit %d\n%s", tc.table, tc.key, code, out)
		}
		c.staysClear(tc.table, tc.key, tc.raw, tc.sum, tc.wireKey)
		if !c.sees(tc.sum, "10.0.0.2", 55) {
			t.Errorf("%s: another key was cleared too", tc.table)
		}
		out, code = c.ask("clear", tc.table, tc.key, "--nodes", both)
		if code != exitDone || strings.Count(out, " absent\n") < 3 { // what shows the sum may hold a zero still
			t.Errorf("%s %s again: exit %d\n%s", tc.table, tc.key, code, out)
		}
	}
}

// TestClearInUse: an entry that a connection uses cannot be removed, so it is set to 0.
func TestClearInUse(t *testing.T) {
	c := startClearing(t)
	conn, err := net.Dial("tcp", c.fronts[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	eventually(t, "the connection is tracked", func() bool {
		e, err := c.nodes[0].ShowTableKey(t.Context(), "cluster/t.raw", "127.0.0.1")
		return err == nil && e != nil && e.Use > 0
	})
	c.count("cluster/t.raw", "cluster/t.sum", "127.0.0.1", 4)
	out, code := c.ask("clear", "/t.sum", "127.0.0.1", "--nodes", c.sockets[0], "--nodes", c.sockets[1])
	if code != exitDone || strings.Count(out, "cluster/t.raw  set to 0\n") != 1 || strings.Count(out, "cluster/t.raw  cleared\n") != 1 {
		t.Errorf("exit %d\n%s", code, out)
	}
	c.staysClear("/t.sum", "127.0.0.1", "cluster/t.raw", "cluster/t.sum", "127.0.0.1")
	if e, err := c.nodes[0].ShowTableKey(t.Context(), "cluster/t.raw", "127.0.0.1"); err != nil || e == nil {
		t.Errorf("the entry is gone: %v", err)
	} else if n, _ := e.Uint("conn_cur"); n != 1 {
		t.Errorf("conn_cur is %d, want 1: HAProxy counts it down", n)
	}
}

// TestClearSaysWhatIsLeft: without the nodes' sockets the sum goes, and whoever cleared it is told that the nodes still have the key.
func TestClearSaysWhatIsLeft(t *testing.T) {
	c := startClearing(t)
	c.count("cluster/t.raw", "cluster/t.sum", "10.0.0.1", 3)
	out, code := c.ask("clear", "/t.sum", "10.0.0.1")
	if code != exitDone || !strings.Contains(out, "/t.sum  cleared\n") || !strings.Contains(strings.Join(strings.Fields(out), " "), "tables /t.raw comes back with their next updates, clear it there too") {
		t.Errorf("exit %d\n%s", code, out)
	}
	eventually(t, "the nodes show 0", func() bool { return c.sees("cluster/t.sum", "10.0.0.1", 0) })

	c.count("cluster/t.raw", "cluster/t.sum", "10.0.0.2", 3)
	absent := filepath.Join(c.dir, "none")
	out, code = c.ask("clear", "/t.sum", "10.0.0.2", "--nodes", c.sockets[0]+","+absent, "--json")
	var report clearReport
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitFailed {
		t.Fatalf("exit %d, %v\n%s", code, err, out)
	}
	if n := len(report.Nodes); n != 3 || report.Nodes[2].Socket != absent || report.Nodes[2].Error == "" || len(report.Aggregator) != 1 || len(report.Left) != 1 {
		t.Errorf("%+v", report)
	}
}

// TestClearRefuses: what cannot be done as asked is refused before anything is cleared anywhere.
func TestClearRefuses(t *testing.T) {
	c := startClearing(t)
	c.count("cluster/t.raw", "cluster/t.sum", "10.0.0.1", 3)
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"/t.sum"}, exitUsage, "clear takes a table and a key"},
		{[]string{"/t.sum", ""}, exitUsage, "clear takes a table and a key"},
		{[]string{"t.sum", "10.0.0.1"}, exitFailed, "did you mean `/t.sum`"},
		{[]string{"/t.raw", "10.0.0.1"}, exitFailed, "clear the sum of it, `/t.sum`"},
		{[]string{"nope", "10.0.0.1"}, exitFailed, "the aggregator makes no table `nope`, only `"},
		{[]string{"/t.sum", "10.0.0"}, exitFailed, "nothing was cleared: Invalid key"},
		{[]string{"/t.sum", "10.0.0.1", "--socket", filepath.Join(c.dir, "user")}, exitFailed, "nothing was cleared: Permission denied"},
		{[]string{"/t.sum", "10.0.0.1", "--socket", filepath.Join(c.dir, "none")}, exitFailed, "no aggregator answers"},
	} {
		args := append([]string{"clear", "--nodes", strings.Join(c.sockets, ","), "--socket", c.socket}, tc.args...)
		if code, stdout, stderr := stktc(args...); code != tc.code || stdout != "" || !strings.Contains(stderr, tc.want) {
			t.Errorf("%q: exit %d, %q, %q", tc.args, code, stdout, stderr)
		}
	}
	if !c.sees("cluster/t.sum", "10.0.0.1", 33) {
		t.Error("the key was cleared all the same")
	}
}

// TestStoppedNode: a node that is stopped acknowledges nothing, and show says so before its session ends; when it goes on all is well.
func TestStoppedNode(t *testing.T) {
	c := startClearing(t)
	c.count("cluster/t.raw", "cluster/t.sum", "10.0.0.1", 3)
	process, err := os.FindProcess(c.nodes[1].PID())
	if err != nil {
		t.Fatal(err)
	}
	process.Signal(syscall.SIGSTOP)
	defer process.Signal(syscall.SIGCONT)
	if err := c.nodes[0].SetTable(t.Context(), "cluster/t.raw", "10.0.0.1", "data.gpc0 4"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "show says that the node acknowledges nothing", func() bool {
		out, _ := c.ask("show")
		return strings.Contains(out, "has acknowledged nothing for 2.")
	})
	process.Signal(syscall.SIGCONT)
	eventually(t, "the node has all, and all is acknowledged", func() bool {
		out, _ := c.ask("show", "peers", "--json")
		return strings.Count(out, `"unacked_seconds":0,`) == 2 && strings.Count(out, `"connected":true`) == 2 && c.sees("cluster/t.sum", "10.0.0.1", 34)
	})
}
