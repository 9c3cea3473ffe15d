package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"stktc/cmd/internal/haproxy"
	"stktc/cmd/internal/load"
	"stktc/topology/sticktable"
)

// targetName is the peer name of both targets.
const targetName = "target"

// rivals are the two programs that are compared, and a directory for their files.
type rivals struct {
	stktc, haproxy string
	threads        int
	dir            string
}

func (c *command) findRivals(stop context.Context, ctx *cli.Context) (*rivals, error) {
	binary, err := haproxy.Find(cmp.Or(ctx.String("haproxy"), c.env("HAPROXY")))
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "stktload-")
	if err != nil {
		return nil, err
	}
	r := &rivals{haproxy: binary, threads: ctx.Int("haproxy-threads"), dir: dir}
	r.stktc, err = findStktc(stop, cmp.Or(ctx.String("stktc"), c.env("STKTC")), dir)
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *rivals) close() { os.RemoveAll(r.dir) }

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

// run starts one of the two, puts the load on it, and stops it.
func (r *rivals) run(ctx context.Context, isHAProxy bool, cfg load.Config) (*load.Report, string, error) {
	free, err := freeAddresses(1 + len(cfg.Nodes))
	if err != nil {
		return nil, "", err
	}
	cfg.Target = free[0]
	name, start := "stktc", r.startStktc
	if isHAProxy {
		name, start = "haproxy", r.startHAProxy
		cfg.To, cfg.Probes = "", 0
	}
	pid, end, err := start(ctx, &cfg, free[1:])
	if err != nil {
		return nil, "", err
	}
	cfg.PID = pid
	report, err := load.Run(ctx, cfg)
	log := end()
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w\n%s", name, err, log)
	}
	return report, name, nil
}

// freeAddresses gives addresses on loopback at which nobody listens now.
func freeAddresses(n int) ([]string, error) {
	var all []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // when all are known, so that they differ
		all = append(all, l.Addr().String())
	}
	return all, nil
}

// startStktc runs an aggregator that has the nodes as peers. The nodes dial; at their addresses nobody answers.
func (r *rivals) startStktc(ctx context.Context, cfg *load.Config, addresses []string) (pid int, end func() string, err error) {
	var b strings.Builder
	fmt.Fprintf(&b, "global\n  stats socket %s\n\naggregations a\n  peer %s %s local\n", filepath.Join(r.dir, "stktc.sock"), targetName, cfg.Target)
	for i, n := range cfg.Nodes {
		fmt.Fprintf(&b, "  peer %s %s\n", n, addresses[i])
	}
	fmt.Fprintf(&b, "  from %s to %s\n", cfg.From, cfg.To)
	file := filepath.Join(r.dir, "hapee-stktagg.cfg")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		return 0, nil, err
	}
	var log bytes.Buffer
	cmd := exec.Command(r.stktc, "run", "-f", file)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	exited := make(chan struct{})
	go func() { cmd.Wait(); close(exited) }()
	end = func() string { stopProcess(cmd, exited); return log.String() }
	if err := awaitListener(ctx, cfg.Target, exited); err != nil {
		return 0, nil, fmt.Errorf("%s run: %w\n%s", r.stktc, err, end())
	}
	return cmd.Process.Pid, end, nil
}

const stopLimit = 5 * time.Second

// stopProcess ends a process, and kills it if it does not obey.
func stopProcess(cmd *exec.Cmd, exited <-chan struct{}) {
	cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-exited:
	case <-time.After(stopLimit):
		cmd.Process.Kill()
		<-exited
	}
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
func (r *rivals) startHAProxy(ctx context.Context, cfg *load.Config, addresses []string) (pid int, end func() string, err error) {
	var b strings.Builder
	if r.threads > 0 {
		fmt.Fprintf(&b, "global\n  nbthread %d\n", r.threads)
	}
	fmt.Fprintf(&b, "peers p\n  peer %s %s\n", targetName, cfg.Target)
	for i, n := range cfg.Nodes {
		fmt.Fprintf(&b, "  peer %s %s\n", n, addresses[i])
	}
	d := &cfg.Definition
	fmt.Fprintf(&b, "  table %s type %s size %d expire %s store %s\n", strings.TrimPrefix(cfg.Table+cfg.From, "/"), d.KeyString(), 2*cfg.Keys,
		sticktable.FormatDuration(d.Expire), d.StoreString())
	p, err := haproxy.Start(ctx, haproxy.Config{Binary: r.haproxy, Name: targetName, Text: b.String()})
	if err != nil {
		return 0, nil, err
	}
	return p.PID(), func() string { log := p.Log(); p.Stop(); return log }, nil
}
