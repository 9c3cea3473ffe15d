package lab

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy"
	"stktc/cmd/internal/haproxy/haproxytest"
)

// TestMain lets eight tests run at a time, unless -parallel says otherwise: they wait most of theirs.
func TestMain(m *testing.M) {
	flag.Set("test.parallel", "8")
	m.Run()
}

// runHosts runs the lab with a short limit. The directory of files and logs, if it was kept, is removed at the end.
func runHosts(t *testing.T, ctx context.Context, hosts []Host, o Options) (right bool, out, progress string, err error) {
	t.Helper()
	var b, p bytes.Buffer
	o.Out, o.Progress = &b, io.MultiWriter(&p, t.Output())
	if o.Limit == 0 {
		o.Limit = 30 * time.Second
	}
	right, err = Run(ctx, hosts, o)
	if dir := keptDir(p.String()); dir != "" {
		t.Cleanup(func() { os.RemoveAll(dir) })
	}
	return right, b.String(), p.String(), err
}

func keptDir(progress string) string {
	m := regexp.MustCompile(`(?m)^files and logs are in (.*)$`).FindStringSubmatch(progress)
	if m == nil {
		return ""
	}
	return m[1]
}

// dirOf finds the directory that a run used.
func dirOf(t *testing.T, progress string) string {
	t.Helper()
	m := regexp.MustCompile(`from files in (\S+)`).FindStringSubmatch(progress)
	if m == nil {
		t.Fatalf("no directory in %q", progress)
	}
	return m[1]
}

// The sums of three clients over the amounts 2, 3, 5, 7 + 13, 17, 19, 23 + 41 …: see amount.
const seedTable = `node    mytable.uncombined  mytable.aggr   mytable.l2
        http_req_rate       http_req_rate  http_req_rate
hapee1  %[1]d ok               %[5]d/%[5]d ok     %[7]d/%[7]d ok
hapee2  %[2]d ok               %[5]d/%[5]d ok     %[7]d/%[7]d ok
hapee3  %[3]d ok               %[6]d/%[6]d ok     %[7]d/%[7]d ok
hapee4  %[4]d ok              %[6]d/%[6]d ok     %[7]d/%[7]d ok
`

func wantSeed(t *testing.T, out string) {
	t.Helper()
	var n [4]uint64
	for host := range n {
		for client := range clients {
			n[host] += amount(3+host, client) // the aggregators come first
		}
	}
	want := fmt.Sprintf(seedTable, n[0], n[1], n[2], n[3], n[0]+n[1], n[2]+n[3], n[0]+n[1]+n[2]+n[3])
	if !strings.HasPrefix(out, want+"all right: 36 values, the same for the last 3.") {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

func TestSeedPlayed(t *testing.T) {
	t.Parallel()
	right, out, progress, err := runHosts(t, t.Context(), seed(t), Options{})
	if !right || err != nil {
		t.Fatalf("right %v, error %v\n%s", right, err, out)
	}
	wantSeed(t, out)
	if !strings.Contains(progress, "4 balancers (played by stktc) and 3 aggregators run on 127.") {
		t.Errorf("progress %q", progress)
	}
	if _, err := os.Stat(dirOf(t, progress)); err == nil {
		t.Error("the directory is still there")
	}
}

// With Keep everything runs on after the verdict, its sockets answer, and the end of the context is no failure.
func TestSeedWithHAProxyKept(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	kept := &announcement{on: "socat"}
	kept.said = func() {
		text := kept.text.String()
		aggregators := regexp.MustCompile(`ask (aggr\d): stktc show --socket (\S+)`).FindAllStringSubmatch(text, -1)
		if len(aggregators) != 3 {
			t.Errorf("aggregators' sockets: %q", aggregators)
		}
		for _, a := range aggregators {
			if reply, err := haproxy.Command(ctx, "unix", a[2], "show aggrs"); err != nil || !strings.Contains(reply, a[1]) {
				t.Errorf("%s: %q, error %v", a[1], reply, err)
			}
		}
		balancer := regexp.MustCompile(`ask hapee1: .* - (\S+)`).FindStringSubmatch(text)
		if reply, err := haproxy.Command(ctx, "unix", balancer[1], "show table mytable.l2"); err != nil || !strings.Contains(reply, "used:3") {
			t.Errorf("hapee1: %q, error %v", reply, err)
		}
		cancel()
	}
	right, err := Run(ctx, seed(t), Options{HAProxy: haproxytest.Binary(t), Keep: true, Out: &out, Progress: kept})
	if !right || err != nil {
		t.Fatalf("right %v, error %v\n%s", right, err, out.String())
	}
	wantSeed(t, out.String())
	dir := keptDir(kept.text.String())
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, file := range []string{"hapee1/hapee-lb.cfg", "hapee1/hapee-lb.cfg.log", "aggr1/hapee-stktagg.cfg.log"} {
		if _, err := os.Stat(dir + "/" + file); err != nil {
			t.Error(err)
		}
	}
}

// A link that nobody can make: both ends have the wrong port. The lab must say which sums lack what.
func TestBrokenLink(t *testing.T) {
	t.Parallel()
	hosts := seed(t)
	replaced := 0
	for i := range hosts {
		for j, f := range hosts[i].Files {
			for _, wrong := range []struct{ host, line, with string }{
				{"aggr2", "192.168.56.113:22222", "192.168.56.113:22223"},
				{"aggr3", "192.168.56.112:11111", "192.168.56.112:11112"},
			} {
				if hosts[i].Name == wrong.host {
					replaced += bytes.Count(f.Text, []byte(wrong.line))
					hosts[i].Files[j].Text = bytes.ReplaceAll(f.Text, []byte(wrong.line), []byte(wrong.with))
				}
			}
		}
	}
	if replaced != 2 {
		t.Fatalf("%d lines were made wrong", replaced)
	}
	right, out, progress, err := runHosts(t, t.Context(), hosts, Options{Limit: 4 * time.Second})
	if right || err != nil {
		t.Fatalf("right %v, error %v", right, err)
	}
	a, b, c, d := amount(3, 0), amount(4, 0), amount(5, 0), amount(6, 0)
	for _, want := range []string{
		fmt.Sprintf("must be %d: %d of hapee1, %d of hapee2, %d of hapee3, %d of hapee4\n", a+b+c+d, a, b, c, d),
		"hapee4: mytable.l2: 127.",
		fmt.Sprintf("%d/%d ok", sumOf(5)+sumOf(6), sumOf(5)+sumOf(6)), // .aggr of hapee3 is none the worse
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if strings.Contains(out, "mytable.aggr: ") {
		t.Errorf("the sums below the broken link are called wrong:\n%s", out)
	}
	if keptDir(progress) == "" {
		t.Error("files and logs were not kept")
	}
}

func sumOf(host int) (n uint64) {
	for client := range clients {
		n += amount(host, client)
	}
	return n
}

// A balancer whose aggregator does not know it has no session, and the lab says so.
func TestMissingSession(t *testing.T) {
	t.Parallel()
	hosts := []Host{
		host("agg", "aggregations s\n  peer agg 10.0.0.9:11111 local\n  peer lb1 10.0.0.1:10443\n  from .local to .all\n"),
		host("lb1", "peers p\n  bind :10443\n  server lb1\n  server agg 10.0.0.9:11112\n  table t.local type ip size 1k expire 1h store gpc0\n  table t.all type ip size 1k expire 1h store gpc0\n"),
	}
	hosts[0].Files[0].Text = bytes.Replace(hosts[0].Files[0].Text, []byte("lb1 10.0.0.1:10443"), []byte("lb1 10.0.0.1:10444"), 1)
	right, out, _, err := runHosts(t, t.Context(), hosts, Options{Limit: 4 * time.Second})
	if right || err != nil || !strings.Contains(out, "no session between lb1 and agg") {
		t.Errorf("right %v, error %v\n%s", right, err, out)
	}
}

func TestNothingToTry(t *testing.T) {
	hosts := []Host{host("lb1", "peers p\n  bind :10443\n  server lb1\n  table t type ip size 1k store gpc0\n")}
	_, _, _, err := runHosts(t, t.Context(), hosts, Options{})
	if err == nil || !strings.Contains(err.Error(), "nothing to try") {
		t.Errorf("error %v", err)
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	hosts := seed(t)
	announced := &announcement{said: func() { cancel() }}
	var out bytes.Buffer
	right, err := Run(ctx, hosts, Options{Out: &out, Progress: announced})
	if right || err == nil || err.Error() != "interrupted" {
		t.Errorf("right %v, error %v", right, err)
	}
	if _, err := os.Stat(dirOf(t, announced.text.String())); err == nil {
		t.Error("the directory is still there")
	}
	if strings.Contains(out.String(), "wrong") {
		t.Errorf("an interrupted run has a verdict: %s", out.String())
	}
}

// announcement tells when something is said, once.
type announcement struct {
	text bytes.Buffer
	on   string // what is waited for; "": anything
	said func()
	done bool
}

func (a *announcement) Write(b []byte) (int, error) {
	n, err := a.text.Write(b)
	if !a.done && bytes.Contains(b, []byte(a.on)) {
		a.done = true
		a.said()
	}
	return n, err
}

// On a terminal the table is drawn again in its place.
func TestScreen(t *testing.T) {
	var terminal, plain bytes.Buffer
	for _, s := range []*screen{{out: &terminal, isTerminal: true}, {out: &plain}} {
		s.draw([]string{"a", "b"}, false)
		s.draw([]string{"c", "d"}, true)
	}
	if got, want := terminal.String(), "a\x1b[K\nb\x1b[K\n\x1b[2Ac\x1b[K\nd\x1b[K\n"; got != want {
		t.Errorf("terminal: %q, want %q", got, want)
	}
	if got, want := plain.String(), "c\nd\n"; got != want {
		t.Errorf("plain: %q, want %q", got, want)
	}
}

// Rates of short periods, arrays of counters and tables in a peers section, with real HAProxies that count by themselves.
func TestShortRatesWithHAProxy(t *testing.T) {
	t.Parallel()
	binary := haproxytest.Binary(t)
	lb := func(name, agg string) Host {
		return host(name, `
global
  localpeer `+name+`
defaults
  mode http
  timeout client 5s
frontend fe
  bind :80
  http-request deny if { src 10.0.0.0/8 }
  http-request track-sc0 src table p/t.local
  http-request deny deny_status 200
peers p
  bind :10443
  server `+name+`
  server `+agg+`
  table t.local type ip size 1k expire 1h store http_req_rate(5s),http_req_cnt,conn_cnt,bytes_out_cnt
  table t.all type ip size 1k expire 1h store http_req_rate(5s),http_req_cnt,conn_cnt,bytes_out_cnt
  table s.local type string len 3 size 1k expire 1h store gpt0,gpc0,gpc0_rate(1h)
  table s.all type string len 3 size 1k expire 1h store gpt0,gpc0,gpc0_rate(1h)
`)
	}
	hosts := []Host{
		host("agg", "aggregations s\n  peer agg 10.0.0.9:443 local\n  peer lb1 10.0.0.1:10443\n  peer lb2 10.0.0.2:10443\n  from .local to .all\n"),
		lb("lb1", "agg 10.0.0.9:443"), lb("lb2", "agg 10.0.0.9:443"),
	}
	right, out, _, err := runHosts(t, t.Context(), hosts, Options{HAProxy: binary, Steady: time.Second})
	if !right || err != nil {
		t.Fatalf("right %v, error %v\n%s", right, err, out)
	}
}
