package check

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/load"
)

// deployed loads an archive of DIR/node/file.
func deployed(t *testing.T, archive string) (*topology.Cluster, diag.List) {
	t.Helper()
	fsys := fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		fsys[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	hosts, err := load.Hosts(fsys, "top", "")
	if err != nil {
		t.Fatal(err)
	}
	c, findings, err := load.Deployed(hosts)
	if err != nil {
		t.Fatal(err)
	}
	return c, findings
}

// found lists the codes that a cluster has. That hosts are left out of an example for brevity does not count.
func found(t *testing.T, archive string, besides diag.Code) []string {
	t.Helper()
	c, findings := deployed(t, archive)
	if k := Lookup(string(besides)); k != nil {
		c.HAProxy = k.Stated
	}
	findings.Add(Run(c)...)
	var codes []string
	for _, f := range Settle(c, findings).Heard() {
		if f.Severity > diag.Info && f.Code != absent.Code || f.Code == besides {
			codes = append(codes, string(f.Code)+" "+f.Summary)
		}
	}
	return codes
}

func TestExamples(t *testing.T) {
	for _, k := range Checks() {
		t.Run(string(k.Code), func(t *testing.T) {
			bad := found(t, k.Bad, k.Code)
			if len(bad) == 0 {
				t.Error("the bad example has no finding")
			}
			for _, f := range bad {
				about := k == ignoreRefused && strings.Contains(k.Bad, f[:len("STK000")]) // the error that is not silenced
				if !strings.HasPrefix(f, string(k.Code)) && !about {
					t.Errorf("the bad example has %s", f)
				}
			}
			for _, f := range found(t, k.Good, k.Code) {
				t.Errorf("the good example has %s", f)
			}
		})
	}
}

func TestRegistry(t *testing.T) {
	if !slices.IsSortedFunc(checks, func(a, b *Check) int { return strings.Compare(string(a.Code), string(b.Code)) }) {
		t.Error("checks are not in the order of their codes")
	}
	seen := map[string]bool{}
	for _, k := range checks {
		for _, id := range []string{string(k.Code), k.Slug} {
			if seen[id] {
				t.Errorf("%s stands twice", id)
			}
			seen[id] = true
			if Lookup(id) != k {
				t.Errorf("Lookup(%q) is another check", id)
			}
		}
		for name, text := range map[string]string{"slug": k.Slug, "title": k.Title, "since": k.Since, "what": k.Text.What, "why": k.Text.Why, "run time": k.Text.RunTime, "fix": k.Text.Fix, "bad": k.Bad, "good": k.Good} {
			if text == "" {
				t.Errorf("%s has no %s", k.Code, name)
			}
		}
		if k.Severity == 0 || k.Run == nil && k != ignoreUnused && k != ignoreRefused {
			t.Errorf("%s is not complete", k.Code)
		}
		if strings.HasSuffix(k.Title, ".") {
			t.Errorf("%s: the title ends in a full stop", k.Code)
		}
	}
}
