// Package haproxy starts real haproxy processes on this machine and drives them: write a configuration, start, wait until the
// process answers on its stats socket, send commands and requests, read tables and peers back, stop. Start is the entry point.
// What the socket prints is read by parsers of this package's own, which share nothing with our encoders, so that a test
// that compares the two compares two things. The package never touches a process that it did not start.
package haproxy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Config is one process.
type Config struct {
	Binary string   // "haproxy" on PATH when empty
	Name   string   // the local peer's name (-L); "": the configuration or the host decides
	Text   string   // the configuration; unused when File is set
	File   string   // a configuration file to run as it stands
	More   []string // files that are read after File
	Wrap   []string // a command that executes its arguments, such as "ip netns exec NAME"; it must keep its process id
	Args   []string // further arguments
	Log    string   // a file for what the process prints, which stays; "": one that Stop removes

	// Socket is the path of a stats socket with level admin in the configuration. When empty, one is added: the process gets a
	// further file with that single line.
	Socket string
}

// readyTimeout bounds the wait for a process to answer, when the context has no nearer end.
const readyTimeout = 10 * time.Second

// stopTimeout is how long a process may take to obey SIGTERM before it is killed.
const stopTimeout = 3 * time.Second

// Process is a running haproxy. Its methods may be called concurrently.
type Process struct {
	config Config
	dir    string
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // what Wait said; valid after exited is closed
}

// Start runs a process and returns when it answers on its socket. The error of a process that dies or stays silent holds its
// configuration and everything that it printed. The caller must Stop it.
func Start(ctx context.Context, config Config) (*Process, error) {
	dir, err := os.MkdirTemp("", "stktc-haproxy-")
	if err != nil {
		return nil, err
	}
	p := &Process{config: config, dir: dir, exited: make(chan struct{})}
	if err := p.start(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if err := p.waitReady(ctx); err != nil {
		err = fmt.Errorf("%w\n%s", err, p.Report())
		p.Stop()
		return nil, err
	}
	return p, nil
}

func (p *Process) start() error {
	files, err := p.writeFiles()
	if err != nil {
		return err
	}
	log, err := os.Create(p.logFile())
	if err != nil {
		return err
	}
	defer log.Close()
	args := p.commandLine(files)
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = processAttributes()
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start haproxy: %w", err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return nil
}

// writeFiles puts the configuration into the process's directory and gives the files to read, in order.
func (p *Process) writeFiles() ([]string, error) {
	var files []string
	if p.config.Socket == "" {
		p.config.Socket = filepath.Join(p.dir, "admin.sock")
		socket := filepath.Join(p.dir, "socket.cfg")
		text := fmt.Sprintf("global\n  stats socket %s mode 600 level admin\n", p.config.Socket)
		if err := os.WriteFile(socket, []byte(text), 0o600); err != nil {
			return nil, err
		}
		files = append(files, socket)
	}
	if p.config.File != "" {
		return append(append(files, p.config.File), p.config.More...), nil
	}
	p.config.File = filepath.Join(p.dir, "haproxy.cfg")
	return append(files, p.config.File), os.WriteFile(p.config.File, []byte(p.config.Text), 0o600)
}

func (p *Process) commandLine(files []string) []string {
	binary := p.config.Binary
	if binary == "" {
		binary = "haproxy"
	}
	// -db: stay in the foreground, whatever "daemon" or "master-worker" in the configuration say.
	args := append(append([]string(nil), p.config.Wrap...), binary, "-db")
	for _, f := range files {
		args = append(args, "-f", f)
	}
	if p.config.Name != "" {
		args = append(args, "-L", p.config.Name)
	}
	return append(args, p.config.Args...)
}

func (p *Process) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var last error
	err := Poll(ctx, func() bool {
		if !p.Running() {
			return true
		}
		_, last = p.Command(ctx, "show info")
		return last == nil
	})
	switch {
	case !p.Running():
		return fmt.Errorf("haproxy %s ended at once: %v", p.config.Name, p.err)
	case err != nil:
		return fmt.Errorf("haproxy %s does not answer on its socket: %w", p.config.Name, errors.Join(err, last))
	}
	return nil
}

// Running tells whether the process is alive.
func (p *Process) Running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited is closed when the process has ended, by Stop or on its own.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Stop ends the process with SIGTERM, and with SIGKILL if it does not obey, waits for its end, and removes its files. It fails if the
// process had ended before on its own.
func (p *Process) Stop() error { return p.end(syscall.SIGTERM) }

// Kill ends the process at once, as a crash does, waits for its end, and removes its files.
func (p *Process) Kill() error { return p.end(syscall.SIGKILL) }

func (p *Process) end(sig syscall.Signal) error {
	defer os.RemoveAll(p.dir)
	if !p.Running() {
		return fmt.Errorf("haproxy %s had ended on its own: %v", p.config.Name, p.err)
	}
	p.cmd.Process.Signal(sig)
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		p.cmd.Process.Kill()
		<-p.exited
	}
	return nil
}

func (p *Process) logFile() string {
	if p.config.Log != "" {
		return p.config.Log
	}
	return filepath.Join(p.dir, "haproxy.log")
}

// Log is what the process printed so far.
func (p *Process) Log() string {
	b, err := os.ReadFile(p.logFile())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Report is the configuration with line numbers and the log: what a person needs to see when something went wrong.
func (p *Process) Report() string {
	var b strings.Builder
	for _, file := range append([]string{p.config.File}, p.config.More...) {
		fmt.Fprintf(&b, "--- haproxy %s: configuration %s\n", p.config.Name, file)
		text, err := os.ReadFile(file)
		if err != nil {
			fmt.Fprintln(&b, err)
		}
		for i, line := range strings.Split(strings.TrimRight(string(text), "\n"), "\n") {
			fmt.Fprintf(&b, "%4d  %s\n", i+1, line)
		}
	}
	fmt.Fprintf(&b, "--- haproxy %s: log\n%s", p.config.Name, p.Log())
	return b.String()
}

// pollInterval is short beside what is waited for (process starts, table updates) and long beside one socket command (0.1 ms).
const pollInterval = 10 * time.Millisecond

// Poll calls done until it is true, or until the context ends: then it gives the context's error.
func Poll(ctx context.Context, done func() bool) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
