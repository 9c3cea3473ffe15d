package check

import (
	"bytes"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"stktc/grammar/diag"
	"stktc/topology/load"
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

// TestUnread: where one of a host's files cannot be read, what the host seems to lack is not reported, and what its other files say is.
func TestUnread(t *testing.T) {
	for _, c := range []struct {
		name string
		old  string
		new  string
		want string
	}{
		{"the section is in the other file", "peers mypeers\n  bind 0.0.0.0:44444\n  server hapee1\n  server aggr1 192.168.56.111:11111\n", "", ""},
		{"the line is in the other file", "  server aggr1 192.168.56.111:11111\n", "", ""},
		{"a table is in the other file", "backend mytable.aggr\n  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers\n", "", ""},
		{"a wrong port", "111:11111", "111:11112", "STK201 hapee1"},
		{"a wrong key", "type ip", "type string", "STK320 hapee1"},
	} {
		fsys := mended(t)
		edit{"hapee1/hapee-lb.cfg", c.old, c.new}.apply(t, fsys)
		fsys["hapee1/more.cfg"] = &fstest.MapFile{Mode: fs.ModeNamedPipe}
		hosts, err := load.Hosts(fsys, "top", "")
		if err != nil {
			t.Fatal(err)
		}
		cluster, findings, err := load.Deployed(hosts)
		if err == nil {
			t.Fatal("a pipe was read")
		}
		findings.Add(Run(cluster)...)
		var got []string
		for _, f := range findings {
			if f.Severity > diag.Info {
				got = append(got, string(f.Code)+" "+strings.Split(f.Primary.Span.File, "/")[0])
			}
		}
		if g := strings.Join(got, ", "); g != c.want {
			t.Errorf("%s: got %s, want %s", c.name, g, c.want)
		}
	}
}

// TestTwoNames: where a host's localpeer and its own line differ, nothing follows from either name.
func TestTwoNames(t *testing.T) {
	const own = "  server hapee1\n"
	for _, c := range []struct{ name, dir, localpeer, server, listed, want string }{
		{"localpeer is odd", "hapee1", "hapee-1", "hapee1", "hapee1", "STK101 hapee1"},
		{"the line is odd", "hapee1", "hapee1", "hapee01", "hapee1", "STK101 hapee1"},
		{"the directory and localpeer against the others", "web1", "web1", "hapee1", "hapee1", "STK101 web1"},
		{"the line against all others", "web1", "web1", "hapee1", "web1", "STK101 web1"},
		{"all three differ", "web1", "one", "two", "hapee1", "STK101 web1"},
		{"none", "web1", "web1", "web1", "web1", ""},
	} {
		fsys := mended(t)
		edit{h1, "global\n", "global\n  localpeer " + c.localpeer + "\n"}.apply(t, fsys)
		edit{h1, own, "  server " + c.server + "\n"}.apply(t, fsys)
		edit{a1, "peer hapee1 ", "peer " + c.listed + " "}.apply(t, fsys)
		file := fsys[h1]
		delete(fsys, h1)
		fsys[c.dir+"/hapee-lb.cfg"] = file
		if got := strings.Join(told(t, fsys), ", "); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
