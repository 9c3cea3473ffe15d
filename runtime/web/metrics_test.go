package web

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"stktc/runtime"
	"stktc/runtime/store"
)

var update = flag.Bool("update", false, "rewrite METRICS.md and the golden files in testdata")

// golden compares with a file, or rewrites it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs from what there is now; if that is right: go test ./runtime/web -update\ngot:\n%s", name, got)
	}
}

func get(t *testing.T, s *Server, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	s.http.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// scrape gives the lines of /metrics that are ours.
func scrape(t *testing.T, f *fake) string {
	t.Helper()
	w := get(t, newServer(t, f), "/metrics")
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	var ours []string
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE "), "stktc_") {
			ours = append(ours, line)
		}
	}
	return strings.Join(ours, "")
}

func TestMetrics(t *testing.T) {
	goVersion, memory := regexp.MustCompile(`goversion="[^"]*"`), regexp.MustCompile(`(stktc_table_memory_bytes\{.*\}) \S+`) // which keys share a shard is chance
	for name, f := range map[string]*fake{"seed": seedLike(t), "sites": sites(t), "empty": {status: runtime.Status{Started: started}}} {
		got := scrape(t, f)
		golden(t, filepath.Join("testdata", name+".metrics"), memory.ReplaceAllString(goVersion.ReplaceAllString(got, `goversion="GO"`), "$1 N"))
		problems, err := promlint.New(strings.NewReader(got)).Lint()
		if err != nil || len(problems) > 0 {
			t.Errorf("%s: %v, %v", name, problems, err)
		}
	}
}

// TestMetricsComplete: what is described is served, and what is served is described.
func TestMetricsComplete(t *testing.T) {
	text := scrape(t, sites(t))
	served := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(stktc_\w+)(?:\{(.*)\})? `).FindAllStringSubmatch(text, -1) {
		served[m[1]] = true
	}
	for _, m := range newServer(t, sites(t)).metrics() {
		if !served[m.name] {
			t.Errorf("%s is described and not served", m.name)
		}
		delete(served, m.name)
		for _, label := range []string{"key", "client", "address", "remote"} {
			if slices.Contains(m.labels, label) {
				t.Errorf("%s has a label %q: there may be any number of those", m.name, label)
			}
		}
		if strings.HasSuffix(m.name, "_total") != (m.kind == counter) {
			t.Errorf("%s: counters end in _total, and nothing else does", m.name)
		}
	}
	for name := range served {
		t.Errorf("%s is served and not described", name)
	}
}

// TestSharedPeerCountsOnce: two sections that list a peer have one session with it, so that sums over all series are right.
func TestSharedPeerCountsOnce(t *testing.T) {
	text := scrape(t, sites(t))
	if n := strings.Count(text, "\nstktc_peer_updates_received_total{peer=\"shared\",section=\"one\"} "); n != 1 {
		t.Errorf("the session is told %d times", n)
	}
	if n := strings.Count(text, "\nstktc_peer_connected{peer=\"shared\","); n != 2 {
		t.Errorf("the peer is a member of %d sections, want 2", n)
	}
}

// TestMetricsHostileNames: names come over the wire with any bytes, and none may spoil the scrape for the others.
func TestMetricsHostileNames(t *testing.T) {
	f := seedLike(t)
	for _, name := range []string{"bad\xff", `bad\xff`, "new\nline", `quo"te`, "", strings.Repeat("x", 4000)} {
		f.status.Sections[0].Tables = append(f.status.Sections[0].Tables, runtime.TableStatus{Table: store.New(name)})
	}
	text := scrape(t, f)
	for _, want := range []string{`table="bad\\xff"`, `table="new\nline"`, `table="quo\"te"`, `table=""`, `stktc_table_keys{section="myaggr",table="mytable.aggr"} 3`} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics has no %s", want)
		}
	}
}

func TestMetricsDocument(t *testing.T) {
	golden(t, "METRICS.md", metricsDocument(newServer(t, seedLike(t)).metrics()))
}

// metricsDocument describes the table.
func metricsDocument(list []metric) string {
	var b strings.Builder
	b.WriteString("# Metrics\n\nWhat `stktc run --http ADDR` serves at `/metrics`, besides the Go runtime's `go_*` and the process's `process_*`.\n" +
		"This file is written by `go test ./runtime/web -update`, from the table in metrics.go.\n\n" +
		"Counters count since the start of the aggregator. Labels mean the same everywhere: `section` is an aggregations section, `peer` one of its peers,\n" +
		"`table` one of its tables. The traffic of a session that serves several sections is told once, under the first of them, so that sums over all\n" +
		"series are right. No label holds a key of a table.\n\n" +
		"| metric | type | labels | |\n|---|---|---|---|\n")
	for _, m := range list {
		kind := "gauge"
		if m.kind == counter {
			kind = "counter"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.name, kind, strings.Join(m.labels, ", "), m.help)
	}
	return b.String()
}

// TestLabelsAreConsistent: what belongs to a peer, and what to a table, can be joined: they bear the same labels everywhere.
func TestLabelsAreConsistent(t *testing.T) {
	for _, m := range newServer(t, sites(t)).metrics() {
		for prefix, labels := range map[string][]string{"stktc_section_": {"section"}, "stktc_peer_": {"section", "peer"}, "stktc_table_": {"section", "table"}} {
			if strings.HasPrefix(m.name, prefix) && !slices.Equal(m.labels[:min(len(m.labels), len(labels))], labels) {
				t.Errorf("%s has labels %v, want %v first", m.name, m.labels, labels)
			}
		}
	}
}
