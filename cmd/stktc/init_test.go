package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"stktc/cmd/internal/haproxy/haproxytest"
	"stktc/grammar"
)

// TestStarters: every example of init builds and lints as it is, topology and result, is canonical, and a real HAProxy takes what is built.
func TestStarters(t *testing.T) {
	entries, err := starters.ReadDir("starter")
	if err != nil || len(entries) != len(starterTexts) {
		t.Fatalf("%d directories, %d texts, %v", len(entries), len(starterTexts), err)
	}
	binary := haproxytest.Binary(t)
	for _, s := range starterTexts {
		t.Run(s.name, func(t *testing.T) {
			c := &corpusFile{dir: t.TempDir()}
			topology, out := filepath.Join(c.dir, "topology.yaml"), filepath.Join(c.dir, "out")
			for _, args := range [][]string{
				{"init", c.dir, "--example", s.name}, {"fmt", "--check", topology}, {"lint", topology, "--fail-on", "warning"}, {"build", topology, "-o", out},
				{"lint", out, "--fail-on", "warning"}, {"build", topology, "-o", out, "--check"},
			} {
				if status, said := c.stktc(args...); status != exitDone {
					t.Fatalf("%s: exit %d\n%s", strings.Join(args, " "), status, said)
				}
			}
			c.confirmStarter(t, binary, out)
		})
	}
}

// TestStartersFitUnit: what is built from an example, put where the manifest says, is what the systemd unit reads, asks and reloads. The seed is the vendor's own.
func TestStartersFitUnit(t *testing.T) {
	unit, err := os.ReadFile("../../testdata/systemd/stktc.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range starterTexts {
		if s.name == "seed" {
			continue
		}
		c := &corpusFile{dir: t.TempDir()}
		out := filepath.Join(c.dir, "out")
		for _, args := range [][]string{{"init", c.dir, "--example", s.name}, {"build", filepath.Join(c.dir, "topology.yaml"), "-o", out}} {
			if status, said := c.stktc(args...); status != exitDone {
				t.Fatalf("%s: exit %d\n%s", strings.Join(args, " "), status, said)
			}
		}
		files, err := filepath.Glob(filepath.Join(out, "*", "hapee-stktagg.cfg"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no aggregators, %v", s.name, err)
		}
		for _, file := range append(files, filepath.Join(out, "manifest.json")) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`stats socket (\S+).*|"install":"(\S+hapee-stktagg\.cfg)"`).FindAllSubmatch(text, -1) {
				want := "\nEnvironment=STKTC_SOCKET=" + string(m[1]) + "\n"
				if m[2] != nil {
					want = "\nEnvironment=STKTC_CONFIG=" + string(m[2]) + "\n"
				} else if !bytes.HasSuffix(m[0], []byte(" level admin")) {
					t.Errorf("%s: %s: the unit's reload needs level admin", s.name, m[0])
				}
				if !bytes.Contains(unit, []byte(want)) {
					t.Errorf("%s: %s: no %q in the unit", s.name, m[0], want)
				}
			}
		}
	}
}

// confirmStarter gives what was built to HAProxy, with certificates where it names some.
func (c *corpusFile) confirmStarter(t *testing.T, binary, out string) {
	pki := filepath.Join(c.dir, "pki")
	if err := os.Mkdir(pki, 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(out, "*", "*.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	balancers := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if config, _ := grammar.ParseConfig(file, text); config.IsAggregator() {
			if status, said := c.stktc("run", "-c", "-f", file); status != exitDone && !bytes.Contains(text, []byte(" ssl ")) {
				t.Errorf("%s: %s", file, said)
			}
			continue
		}
		balancers++
		node := filepath.Base(filepath.Dir(file))
		for _, name := range []string{node, "ca"} {
			if err := os.WriteFile(filepath.Join(pki, name+".pem"), []byte(selfSigned(t)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		rewritten := c.write(t, "confirm.cfg", bytes.ReplaceAll(text, []byte("/etc/haproxy/pki/"), []byte(pki+"/")))
		var args []string
		if !localPeer.Match(text) {
			args = []string{"-L", node}
		}
		c.accepted(t, binary, rewritten, args...)
	}
	if balancers < 3 {
		t.Errorf("%d load balancers", balancers)
	}
}
