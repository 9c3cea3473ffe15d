package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// version is the module's version as the Go toolchain recorded it, "devel" for a build from a working tree.
func version() string {
	info, _ := debug.ReadBuildInfo()
	return newBuildInfo(info).Version
}

// buildInfo is what the Go toolchain recorded about this program. Programs read it as JSON: fields may be added, but stay as they are.
type buildInfo struct {
	Version  string `json:"version"`            // "devel" for a build from a working tree
	Revision string `json:"revision,omitempty"` // commit
	Time     string `json:"time,omitempty"`     // of the commit, RFC 3339
	Modified bool   `json:"modified"`           // built with changes that are not committed
	Go       string `json:"go"`
	Platform string `json:"platform"` // "linux/amd64"
}

// newBuildInfo reads the toolchain's record; nil when there is none.
func newBuildInfo(info *debug.BuildInfo) buildInfo {
	b := buildInfo{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info == nil {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// String gives one line: "stktc v1.2.3 (commit 0123456789ab of 2026-11-22T08:00:00Z, modified), go1.26.0 linux/amd64".
func (b buildInfo) String() string {
	commit := ""
	if b.Revision != "" {
		commit = fmt.Sprintf(" (commit %.12s of %s", b.Revision, b.Time)
		if b.Modified {
			commit += ", modified"
		}
		commit += ")"
	}
	return fmt.Sprintf("stktc %s%s, %s %s", b.Version, commit, b.Go, b.Platform)
}

func (c *command) versionCommand() *cli.Command {
	return &cli.Command{
		Name:      "version",
		Usage:     "tell which build of stktc this is",
		UsageText: "stktc version [--json]",
		Flags:     []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "write JSON"}},
		Action:    c.version,
	}
}

func (c *command) version(ctx *cli.Context) error {
	if ctx.Args().Present() {
		return usagef("version takes no arguments, not %q", ctx.Args().First())
	}
	info, _ := debug.ReadBuildInfo()
	b := newBuildInfo(info)
	if !ctx.Bool("json") {
		_, err := fmt.Fprintln(c.stdout, b)
		return err
	}
	out := json.NewEncoder(c.stdout)
	out.SetIndent("", "  ")
	return out.Encode(b)
}
