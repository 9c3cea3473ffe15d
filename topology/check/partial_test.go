package check

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"stktc/grammar/diag"
)

// told lists the findings above info that are heard, each as code and directory.
func told(t *testing.T, fsys fstest.MapFS) []string {
	t.Helper()
	_, findings := linted(t, fsys)
	list := []string{}
	for _, f := range findings.Heard() {
		if f.Severity > diag.Info {
			dir, _, _ := strings.Cut(f.Primary.Span.File, "/")
			list = append(list, string(f.Code)+" "+dir)
		}
	}
	return list
}

// TestCutIsOneFinding cuts each file of a sound cluster in the middle of its lines: the cut is found, and nothing that follows from it.
func TestCutIsOneFinding(t *testing.T) {
	whole := mended(t)
	for name, file := range whole {
		dir, _, _ := strings.Cut(name, "/")
		for n := 1; n < len(file.Data); n += 17 {
			if file.Data[n-1] == '\n' || bytes.IndexByte(file.Data[:n], '\n') < 0 {
				continue
			}
			fsys := mended(t)
			fsys[name] = &fstest.MapFile{Data: file.Data[:n]}
			if got := told(t, fsys); !slices.Equal(got, []string{"STK027 " + dir}) {
				t.Errorf("%s cut behind %q: %s", name, file.Data[max(0, n-20):n], got)
			}
		}
	}
}

// TestNotUnderstood: where a line or a file is not understood, what it seems to lack is no second finding.
func TestNotUnderstood(t *testing.T) {
	const a, h = "aggr1/hapee-stktagg.cfg", "hapee1/hapee-lb.cfg"
	for _, c := range []struct{ file, old, new, want string }{
		{a, "  from ", "  form ", "STK021 aggr1"},
		{a, "  peer hapee1", "  per hapee1", "STK021 aggr1"},
		{a, " local", " locl", "STK020 aggr1"},
		{a, "aggregations", "agregations", "STK021 aggr1"},
		{a, "forward", "foward", "STK021 aggr1"},
		{a, "22222 up", "22222 upp", "STK020 aggr1"},
		{a, "stats socket", "stats \"socket", "STK027 aggr1"},
		{h, "\npeers mypeers", "\npears mypeers", "STK021 hapee1"},
		{h, "\nfrontend", "\nfronted", "STK021 hapee1"},
		{h, "server aggr1", "sever aggr1", "STK021 hapee1"},
		{h, "server hapee1", "servr hapee1", "STK021 hapee1"},
		{h, "bind 0", "bnd 0", "STK021 hapee1"},
		{h, "http_req_rate(1h) peers mypeers\n  http", "http_req_rate(1h) peer mypeers\n  http", "STK020 hapee1"},
		{h, "backend mytable.l2\n  stick-table", "backend mytable.l2\n  stick-tabel", "STK021 hapee1"},
	} {
		fsys := mended(t)
		edit{c.file, c.old, c.new}.apply(t, fsys)
		if got := told(t, fsys); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%q: got %s, want %s", c.new, got, c.want)
		}
	}
}

// TestLostFiles: a host that others name, and in whose file nothing is to be read, is an error at that file and no other.
func TestLostFiles(t *testing.T) {
	for _, c := range []struct{ file, text, want string }{
		{"hapee1/hapee-lb.cfg", "", "STK027 hapee1"},
		{"aggr1/hapee-stktagg.cfg", "", "STK027 aggr1"},
		{"aggr3/hapee-stktagg.cfg", "\n \n", "STK027 aggr3"},
		{"hapee2/hapee-lb.cfg", "# to do\n", "STK027 hapee2"},
		{"hapee2/hapee-lb.cfg", "<html>not found</html>\n", "STK021 hapee2"},
		{"hapee1/hapee-lb.cfg", "global\n  maxconn 1\npeers mypeers\n", "STK027 hapee1"},
		{"bastion/haproxy.cfg", "", "STK027 bastion"}, // a warning: nobody names it
		{"bastion/haproxy.cfg", "# to do\n", "STK027 bastion"},
		{"hapee1/more.cfg", "", ""},
		{"hapee1/more.cfg", "# no word\n", ""},
		{"hapee1/ansible.cfg", "[defaults]\n", ""},
	} {
		fsys := mended(t)
		fsys[c.file] = &fstest.MapFile{Data: []byte(c.text)}
		if got := strings.Join(told(t, fsys), ", "); got != c.want {
			t.Errorf("%s %q: got %s, want %s", c.file, c.text, got, c.want)
		}
	}
}
