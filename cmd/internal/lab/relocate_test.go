package lab

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"stktc/cmd/internal/haproxy/haproxytest"
	"stktc/grammar"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

// archiveHosts gives the hosts of an archive: files HOST/NAME.
func archiveHosts(a *txtar.Archive) []Host {
	var hosts []Host
	for _, f := range a.Files {
		name, file, _ := strings.Cut(f.Name, "/")
		if name == "out" || name == "reduced" {
			continue
		}
		i := slices.IndexFunc(hosts, func(h Host) bool { return h.Name == name })
		if i < 0 {
			i = len(hosts)
			hosts = append(hosts, Host{Name: name})
		}
		hosts[i].Files = append(hosts[i].Files, File{Name: file, Text: f.Data})
	}
	return hosts
}

// TestRewrite holds the relocated files to testdata/*.txtar: "HOST/FILE" is the input, "out/HOST/FILE" what is run, "reduced/…" its reduced form.
func TestRewrite(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, path := range archives {
		t.Run(filepath.Base(path), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			hosts := archiveHosts(a)
			got := slices.DeleteFunc(slices.Clone(a.Files), func(f txtar.File) bool {
				return strings.HasPrefix(f.Name, "out/") || strings.HasPrefix(f.Name, "reduced/")
			})
			for _, form := range []form{whole, reduced} {
				for _, f := range newPlan(firstNet, "/lab", hosts).rewrite(hosts, form) {
					name := []string{"out", "reduced"}[form] + strings.TrimPrefix(f.path, "/lab")
					got = append(got, txtar.File{Name: name, Data: f.text})
					wantSameLines(t, input(hosts, f), f)
				}
			}
			text := txtar.Format(&txtar.Archive{Comment: a.Comment, Files: got})
			if *update {
				if err := os.WriteFile(path, text, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := txtar.Format(a); !bytes.Equal(text, want) {
				t.Errorf("-- got\n%s\n-- want\n%s\n(go test -update rewrites it)", text, want)
			}
		})
	}
}

func input(hosts []Host, f relocated) []byte {
	for _, in := range hosts[f.host].Files {
		if in.Name == filepath.Base(f.path) {
			return in.Text
		}
	}
	return nil
}

// wantSameLines: messages about a relocated file must name the lines of the compiled one.
func wantSameLines(t *testing.T, in []byte, f relocated) {
	t.Helper()
	if a, b := bytes.Count(in, []byte("\n")), bytes.Count(f.text, []byte("\n")); a != b {
		t.Errorf("%s: %d lines became %d", f.path, a, b)
	}
}

// No address in a relocated file may lead off the loopback interface, or out of the lab's directory.
func TestRewriteStaysHome(t *testing.T) {
	archives, _ := filepath.Glob("testdata/*.txtar")
	isAddressLine := map[string]bool{"bind": true, "stats": true, "server": true, "peer": true}
	address := regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+\b`)
	for _, path := range archives {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		hosts := archiveHosts(a)
		for _, form := range []form{whole, reduced} {
			for _, f := range newPlan(firstNet, "/lab", hosts).rewrite(hosts, form) {
				for line := range f.config.AllLines() {
					for _, w := range line.Words {
						for _, ip := range address.FindAllString(w.Value, -1) {
							if !strings.HasPrefix(ip, "127.77.") {
								t.Errorf("%s: %s", f.path, w.Value)
							}
						}
						if isAddressLine[line.Keyword()] && strings.HasPrefix(w.Value, "/") && !strings.HasPrefix(w.Value, "/lab/") {
							t.Errorf("%s: %s", f.path, w.Value)
						}
					}
				}
			}
		}
	}
}

// HAProxy must accept what is made of every balancer's configuration, in both forms.
func TestHAProxyAccepts(t *testing.T) {
	binary := haproxytest.Binary(t)
	archives, _ := filepath.Glob("testdata/*.txtar")
	for _, path := range archives {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		hosts := archiveHosts(a)
		for _, form := range []form{whole, reduced} {
			dir := t.TempDir()
			p := newPlan(firstNet, dir, hosts)
			l := &lab{Options: Options{HAProxy: binary}, dir: dir, hosts: hosts, plan: p, files: p.rewrite(hosts, form)}
			if err := errors.Join(writeFiles(l.files), p.writeCertificates()); err != nil {
				t.Fatal(err)
			}
			if err := l.check(t.Context()); err != nil {
				t.Errorf("%s, form %d: %v", path, form, err)
			}
		}
	}
}

func TestLongSocketPaths(t *testing.T) {
	dir := "/tmp/" + strings.Repeat("d", 60)
	p := newPlan(firstNet, dir, []Host{{Name: strings.Repeat("h", 60)}})
	a, b := p.places[0].socket("/run/a.sock"), p.places[0].socket("/run/b.sock")
	if a == b || len(a) > maxSocketPath {
		t.Errorf("%s and %s", a, b)
	}
}

func TestNextNetworkWhenBusy(t *testing.T) {
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.0.1:0", firstNet))
	if err != nil {
		t.Skip("this system has one loopback address only: ", err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	host := Host{Name: "a1", Files: []File{{Name: "a.cfg", Text: fmt.Appendf(nil, "aggregations s\n  peer a1 10.0.0.1:%d local\n  from .a to .b\n", port)}}}
	p, files, err := relocate(t.TempDir(), []Host{host}, whole)
	if err != nil {
		t.Fatal(err)
	}
	defer p.guard.Close()
	if want := fmt.Sprintf("peer a1 127.%d.0.1:%d local", p.net, port); p.net == firstNet || !strings.Contains(string(files[0].text), want) {
		t.Errorf("network %d: %s", p.net, files[0].text)
	}

	everywhere, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer everywhere.Close()
	port = everywhere.Addr().(*net.TCPAddr).Port
	host.Files[0].Text = fmt.Appendf(nil, "aggregations s\n  peer a1 10.0.0.1:%d local\n  from .a to .b\n", port)
	_, _, err = relocate(t.TempDir(), []Host{host}, whole)
	// The first network that is busy is named: it may be so for another lab, too.
	if err == nil || !strings.Contains(err.Error(), "is free for the hosts: ") || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("error %v", err)
	}
}

func TestTrackers(t *testing.T) {
	config, _ := grammar.ParseConfig("f", []byte(`
defaults
  mode http
frontend own
  bind 127.77.0.1:80
  http-request track-sc0 src
frontend other
  bind /lab/x.sock,127.77.0.1:81
  tcp-request content track-sc1 src table p/st
frontend condition
  bind 127.77.0.1:82
  http-request track-sc0 src if { path / }
frontend header
  bind 127.77.0.1:83
  http-request track-sc0 req.hdr(x) table bk
frontend tcp
  mode tcp
  bind 127.77.0.1:84
  tcp-request connection track-sc0 src
frontend deaf
  bind /lab/y.sock
  http-request track-sc0 src
defaults
  option httplog
frontend tcp-again
  bind 127.77.0.1:85
  http-request track-sc0 src
`))
	got := trackers([]*grammar.ConfigFile{config})
	want := map[string]tracker{"own": {"127.77.0.1:80"}, "p/st": {"127.77.0.1:81"}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCheckShowsWhy(t *testing.T) {
	binary := haproxytest.Binary(t)
	dir := t.TempDir()
	hosts := []Host{{Name: "lb1", Files: []File{{Name: "f.cfg", Text: []byte("frontend f\n  nonsense\n")}}}}
	p := newPlan(firstNet, dir, hosts)
	l := &lab{Options: Options{HAProxy: binary}, dir: dir, hosts: hosts, plan: p, files: p.rewrite(hosts, whole)}
	if err := writeFiles(l.files); err != nil {
		t.Fatal(err)
	}
	var refused *Refusal
	if err := l.check(t.Context()); !errors.As(err, &refused) || refused.Host != "lb1" || !strings.Contains(refused.Text, "nonsense") {
		t.Errorf("error %v", err)
	}
}
