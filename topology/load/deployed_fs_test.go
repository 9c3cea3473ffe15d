package load

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"stktc/grammar"
	"stktc/topology"
)

const smallFile = "peers p\n  bind :1\n  server a\n"

// write makes files below a temporary directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestDeployedNamesFilesByPrefix(t *testing.T) {
	dir := write(t, map[string]string{"h1/a.cfg": smallFile, "h1/b/c.cfg": "global\n"})
	hosts, err := Hosts(os.DirFS(dir), "top", "etc/")
	if err != nil {
		t.Fatal(err)
	}
	c, findings, err := Deployed(hosts)
	if err != nil || len(findings) > 0 {
		t.Fatal(findings, err)
	}
	if got := strings.Join(c.Nodes[0].Files, " "); got != "etc/h1/a.cfg etc/h1/b/c.cfg" {
		t.Errorf("files %s", got)
	}
	if string(c.Files["etc/h1/a.cfg"]) != smallFile || c.Nodes[0].Peers[0].Name.Span.File != "etc/h1/a.cfg" {
		t.Errorf("text %q, span %v", c.Files["etc/h1/a.cfg"], c.Nodes[0].Peers[0].Name.Span)
	}
}

// TestDeployedKeepsNothingOfOthers: hosts that are read one after the other share the memory of their lines, and no node may be left with
// what another host's file says.
func TestDeployedKeepsNothingOfOthers(t *testing.T) {
	var hosts []Host
	for _, dir := range []string{"../../testdata/deployed/seed", "../../testdata/clusters/product/out", "../../testdata/clusters/three-sites/out"} {
		of, err := Hosts(os.DirFS(dir), "", dir+"/")
		if err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, of...)
	}
	var memory grammar.Memory
	var shared, alone []*topology.Node
	for _, h := range hosts {
		for one, nodes := range map[*grammar.Memory]*[]*topology.Node{&memory: &shared, {}: &alone} {
			r := &hostReader{Host: h, memory: one}
			r.all()
			*nodes = append(*nodes, r.node)
		}
	}
	for i := range shared {
		if !reflect.DeepEqual(shared[i], alone[i]) {
			t.Errorf("%s is another node when it is read among others", hosts[i].Dir)
		}
	}
}

// TestDeployedOfGivenFiles: a host may be given by its files, in the order in which HAProxy reads them.
func TestDeployedOfGivenFiles(t *testing.T) {
	fsys := fstest.MapFS{"x/z.cfg": {Data: []byte("global\n  localpeer n\n")}, "y/a.conf": {Data: []byte(smallFile)}}
	c, findings, err := Deployed([]Host{{Dir: "web", FS: fsys, Paths: []string{"x/z.cfg", "y/a.conf"}}})
	if err != nil || len(findings) > 0 {
		t.Fatal(findings, err)
	}
	if n := c.Nodes[0]; n.Name.Value != "n" || n.Dir != "web" || strings.Join(n.Files, " ") != "x/z.cfg y/a.conf" {
		t.Errorf("node %+v", n)
	}
}

// TestDeployedErrors: what cannot be read is an error that names it, and the rest is read all the same.
func TestDeployedErrors(t *testing.T) {
	dir := write(t, map[string]string{"h1/a.cfg": smallFile, "h2/pipe.cfg": "", "h3/dir.cfg/a.cfg": smallFile})
	pipe := filepath.Join(dir, "h2/pipe.cfg")
	if err := os.Remove(pipe); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	for link, to := range map[string]string{"h1/loop": "../h1", "h1/self.cfg": "self.cfg", "h1/b.cfg": "a.cfg", "h4": "h1", "h1/gone.cfg": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	hosts, err := Hosts(os.DirFS(dir), "top", "")
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := Deployed(append(hosts, Host{Dir: "h5", FS: os.DirFS(dir), Paths: []string{"missing"}}))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"h1/self.cfg: ", "h1/gone.cfg: no such file", "h2/pipe.cfg: not a regular file", "missing: no such file"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
	var got []string
	for _, n := range c.Nodes {
		got = append(got, n.Dir+" "+strings.Join(n.Files, " "))
	}
	if g := strings.Join(got, ", "); g != "h1 h1/a.cfg h1/b.cfg, h3 h3/dir.cfg/a.cfg, h4 h4/a.cfg h4/b.cfg" {
		t.Errorf("nodes %s", g)
	}
}

func TestDeployedUnreadable(t *testing.T) {
	fsys := denied{fstest.MapFS{"h1/a.cfg": {Data: []byte(smallFile)}, "h1/b.cfg": {Data: []byte("global\n")}}}
	c, _, err := Deployed([]Host{{Dir: "h1", FS: fsys, Paths: []string{"h1"}}})
	if err == nil || !strings.Contains(err.Error(), "h1/a.cfg: permission denied") {
		t.Errorf("error %v", err)
	}
	if strings.Join(c.Nodes[0].Files, " ") != "h1/b.cfg" {
		t.Errorf("files %v", c.Nodes[0].Files)
	}
}

// denied lets nobody open files named a.cfg.
type denied struct{ fs.FS }

func (d denied) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, "/a.cfg") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return d.FS.Open(name)
}

func (d denied) Stat(name string) (fs.FileInfo, error) { return fs.Stat(d.FS, name) }

func TestDeployedTooLong(t *testing.T) {
	long := make([]byte, grammar.MaxFileSize+1)
	copy(long, smallFile)
	c, findings, err := Deployed([]Host{{Dir: "h", FS: fstest.MapFS{"a.cfg": {Data: long}}, Paths: []string{"a.cfg"}}})
	if err != nil || len(c.Nodes) != 0 || len(findings) != 1 || findings[0].Code != grammar.CodeText {
		t.Errorf("%d nodes, findings %v, %v", len(c.Nodes), findings, err)
	}
}
