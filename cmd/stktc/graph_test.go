package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestGraphExitCodes(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("version: 1\nversion: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const seed = "../../testdata/seed/topology.yaml"
	tests := []struct {
		args string
		want int
	}{
		{seed, exitDone},
		{"../../testdata/deployed/seed", exitDone},
		{bad, exitFindings},
		{"--format html " + seed, exitUsage},
		{"--focus nobody " + seed, exitUsage},
		{seed + " " + seed, exitUsage},
		{"--no-such-flag", exitUsage},
		{"missing.yaml", exitFailed},
		{t.TempDir(), exitFailed},
		{seed + " -o " + filepath.Join(bad, "x.svg"), exitFailed},
	}
	for _, tt := range tests {
		var stdout, stderr bytes.Buffer
		c := &command{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, env: func(string) string { return "" }}
		if got := c.main(append([]string{"graph"}, strings.Fields(tt.args)...)); got != tt.want {
			t.Errorf("graph %s: exit %d, want %d; stderr: %s", tt.args, got, tt.want, stderr.String())
		}
		if (stdout.Len() > 0) != (tt.want == exitDone) {
			t.Errorf("graph %s: exit %d, but %d bytes on stdout", tt.args, tt.want, stdout.Len())
		}
	}
}

func TestWriteWhole(t *testing.T) {
	dir := t.TempDir()
	file, link, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	if err := os.WriteFile(file, []byte("old, and longer than the new"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", link); err != nil {
		t.Fatal(err)
	}
	if err := writeWhole(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(file)
	if text, _ := os.ReadFile(file); err != nil || string(text) != "new" || info.Mode() != 0o640 {
		t.Errorf("%q with mode %v, want new with -rw-r-----", text, info.Mode())
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link was replaced by a file")
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string)
	go func() {
		text, err := os.ReadFile(pipe)
		read <- string(text) + errorText(err)
	}()
	if err := writeWhole(pipe, []byte("through")); err != nil {
		t.Fatal(err)
	}
	if got := <-read; got != "through" {
		t.Errorf("the pipe gave %q", got)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 {
		t.Errorf("something was left behind: %v", entries)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
