package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/haproxy"
	"stktc/cmd/internal/load"
	"stktc/topology/sticktable"
)

// stand is where programs are started to be measured: what they are, and a directory for their files.
type stand struct {
	stktc, haproxy string
	threads        int      // nbthread of haproxy; 0: its own choice
	runFlags       []string // further arguments of "stktc run"
	dir            string
	isSilent       bool
	stderr         io.Writer
}

// standFlags say which programs are measured, and how often.
func standFlags(runs int) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Category: which, Name: "stktc", Usage: "the stktc at `PATH`, default $STKTC, then one beside stktload or on $PATH, else it is built"},
		&cli.StringFlag{Category: which, Name: "run-flags", Usage: "further `FLAGS` of \"stktc run\", with spaces between them"},
		&cli.IntFlag{Category: tells, Name: "runs", Value: runs, Usage: "run everything `N` times and give the medians"},
		&cli.BoolFlag{Category: tells, Name: "json", Usage: "write the report as JSON"},
		&cli.BoolFlag{Category: tells, Name: "no-progress", Usage: "do not tell about single runs"},
	}
}

// haproxyFlags say which haproxy is measured.
func haproxyFlags(threads int) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Category: which, Name: "haproxy", Usage: "the haproxy at `PATH`, default $HAPROXY, then the one on $PATH"},
		&cli.IntFlag{Category: which, Name: "haproxy-threads", Value: threads, Usage: "nbthread of the haproxy, 0 for its own choice"},
	}
}

func (c *command) newStand(stop context.Context, ctx *cli.Context) (*stand, error) {
	if ctx.Args().Present() {
		return nil, usagef("%s takes no arguments but flags, not %q", ctx.Command.Name, ctx.Args().First())
	}
	if err := checkSigns(ctx); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "stktload-")
	if err != nil {
		return nil, err
	}
	s := &stand{threads: ctx.Int("haproxy-threads"), runFlags: strings.Fields(ctx.String("run-flags")), dir: dir, isSilent: ctx.Bool("no-progress"), stderr: c.stderr}
	s.stktc, err = findStktc(stop, cmp.Or(ctx.String("stktc"), c.env("STKTC")), dir)
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// needHAProxy finds the haproxy that is measured.
func (s *stand) needHAProxy(c *command, ctx *cli.Context) (err error) {
	s.haproxy, err = haproxy.Find(cmp.Or(ctx.String("haproxy"), c.env("HAPROXY")))
	return err
}

func (s *stand) close() { os.RemoveAll(s.dir) }

// tell says how a single run went.
func (s *stand) tell(format string, args ...any) {
	if !s.isSilent {
		fmt.Fprintf(s.stderr, format+"\n", args...)
	}
}

// findStktc gives the stktc that was asked for, one beside this program or on PATH, or one that it builds.
func findStktc(ctx context.Context, asked, dir string) (string, error) {
	if asked != "" {
		return exec.LookPath(asked)
	}
	if self, err := os.Executable(); err == nil {
		if path, err := exec.LookPath(filepath.Join(filepath.Dir(self), "stktc")); err == nil {
			return path, nil
		}
	}
	if path, err := exec.LookPath("stktc"); err == nil {
		return path, nil
	}
	path := filepath.Join(dir, "stktc")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "stktc/cmd/stktc").CombinedOutput(); err != nil {
		return "", fmt.Errorf("no stktc beside this program or on PATH, and it cannot be built here: %w\n%s", err, out)
	}
	return path, nil
}

// loadStktc puts a load on an aggregator of its own.
func (s *stand) loadStktc(ctx context.Context, cfg load.Config, o options) (*load.Report, error) {
	return s.loadOn(ctx, "stktc", cfg, func(cfg *load.Config) (int, func() string, error) { return s.startStktc(ctx, cfg, o) })
}

// loadHAProxy puts a load on a HAProxy that only receives.
func (s *stand) loadHAProxy(ctx context.Context, cfg load.Config) (*load.Report, error) {
	cfg.To, cfg.Probes = "", 0
	return s.loadOn(ctx, "haproxy", cfg, func(cfg *load.Config) (int, func() string, error) { return s.startHAProxy(ctx, cfg) })
}

func (s *stand) loadOn(ctx context.Context, name string, cfg load.Config, start func(*load.Config) (int, func() string, error)) (*load.Report, error) {
	free, err := freeAddresses(1)
	if err != nil {
		return nil, err
	}
	cfg.Target, cfg.TargetName = free[0], targetName
	pid, end, err := start(&cfg)
	if err != nil {
		return nil, err
	}
	cfg.PID = pid
	report, err := load.Run(ctx, cfg)
	log := end()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", name, err, log)
	}
	if !report.IsRight() {
		s.stderr.Write(text(report))
	}
	return report, nil
}

// freeAddresses gives addresses on loopback at which nobody listens now, but for some.
func freeAddresses(n int, but ...string) ([]string, error) {
	var all []string
	for len(all) < n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // when all are known, so that they differ
		if at := l.Addr().String(); !slices.Contains(but, at) {
			all = append(all, at)
		}
	}
	return all, nil
}

// options of an aggregator.
type options struct {
	procs int               // GOMAXPROCS; 0: its own choice
	peers int               // configured, at least the nodes; those that are not played refuse to be dialled
	at    map[string]string // addresses of nodes that are not played; the others dial, and nobody answers at their addresses
	more  string            // lines of the aggregations section
}

// configText is the aggregator's file.
func (s *stand) configText(cfg *load.Config, o options) (string, error) {
	names := cfg.Nodes
	for i := len(names); i < o.peers; i++ {
		names = append(names[:i:i], fmt.Sprintf("idle%d", i+1))
	}
	closed, err := freeAddresses(len(names), cfg.Target)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "global\n  stats socket %s\n\naggregations a\n  peer %s %s local\n", filepath.Join(s.dir, "stktc.sock"), targetName, cfg.Target)
	for i, n := range names {
		fmt.Fprintf(&b, "  peer %s %s\n", n, cmp.Or(o.at[n], closed[i]))
	}
	fmt.Fprintf(&b, "%s  from %s to %s\n", o.more, cfg.From, cfg.To)
	return b.String(), nil
}

// startStktc runs an aggregator that has the nodes as peers, as a user would.
func (s *stand) startStktc(ctx context.Context, cfg *load.Config, o options) (pid int, end func() string, err error) {
	config, err := s.configText(cfg, o)
	if err != nil {
		return 0, nil, err
	}
	file := filepath.Join(s.dir, "hapee-stktagg.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return 0, nil, err
	}
	p, err := s.runStktc(ctx, file, cfg.Target, o.procs)
	if err != nil {
		return 0, nil, err
	}
	return p.cmd.Process.Pid, func() string { p.stop(); return p.log.String() }, nil
}

// daemon is an aggregator that runs.
type daemon struct {
	cmd    *exec.Cmd
	log    bytes.Buffer // to be read when it has ended
	exited chan struct{}
}

// runStktc starts an aggregator and waits until it accepts connections at the address.
func (s *stand) runStktc(ctx context.Context, file, address string, procs int) (*daemon, error) {
	p := &daemon{cmd: exec.Command(s.stktc, append([]string{"run", "-f", file}, s.runFlags...)...), exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if procs > 0 {
		p.cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", procs))
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.cmd.Wait(); close(p.exited) }()
	if err := awaitListener(ctx, address, p.exited); err != nil {
		p.stop()
		return nil, fmt.Errorf("%s run: %w\n%s", s.stktc, err, p.log.String())
	}
	return p, nil
}

const stopLimit = 5 * time.Second

// stop ends the aggregator, and kills it if it does not obey.
func (p *daemon) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(stopLimit):
		p.kill()
	}
}

// kill ends the aggregator as a crash does.
func (p *daemon) kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// killed ends the aggregator as a crash does, and gives what it said.
func (p *daemon) killed() string {
	p.kill()
	return p.log.String()
}

// awaitListener waits until something accepts connections.
func awaitListener(ctx context.Context, address string, exited <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	var gone bool
	err := haproxy.Poll(ctx, func() bool {
		select {
		case <-exited:
			gone = true
			return true
		default:
		}
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	if gone {
		return errors.New("ended at once")
	}
	return err
}

// startHAProxy runs a haproxy that has the nodes as peers and the table that they count in.
func (s *stand) startHAProxy(ctx context.Context, cfg *load.Config) (pid int, end func() string, err error) {
	closed, err := freeAddresses(len(cfg.Nodes), cfg.Target)
	if err != nil {
		return 0, nil, err
	}
	var b strings.Builder
	if s.threads > 0 {
		fmt.Fprintf(&b, "global\n  nbthread %d\n", s.threads)
	}
	fmt.Fprintf(&b, "peers p\n  peer %s %s\n", targetName, cfg.Target)
	for i, n := range cfg.Nodes {
		fmt.Fprintf(&b, "  peer %s %s\n", n, closed[i])
	}
	b.WriteString(tableLine(cfg, cfg.From))
	p, err := haproxy.Start(ctx, haproxy.Config{Binary: s.haproxy, Name: targetName, Text: b.String()})
	if err != nil {
		return 0, nil, err
	}
	return p.PID(), func() string { log := p.Log(); p.Stop(); return log }, nil
}

// tableLine declares a table in a peers section.
func tableLine(cfg *load.Config, suffix string) string {
	d := &cfg.Definition
	return fmt.Sprintf("  table %s type %s size %d expire %s store %s\n", strings.TrimPrefix(cfg.Table+suffix, "/"), d.KeyString(), 2*cfg.Keys,
		sticktable.FormatDuration(d.Expire), d.StoreString())
}
