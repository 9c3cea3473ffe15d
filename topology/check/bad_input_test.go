package check

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/load"
)

// mostTime is what an input may take of the processors' time, some ten times what the worst takes. Cost that grows with the square of the input is beyond it at a few MiB.
func (b *badInput) mostTime() time.Duration {
	return 2*time.Second + time.Duration(len(b.text))*1500*time.Millisecond/(1<<20)
}

// mostHeap is how many bytes the heap may have at its largest, half as much again as the worst needs. The inputs themselves are in it.
func (b *badInput) mostHeap() uint64 { return 512<<20 + 100*uint64(len(b.text)) }

// A badInput is one file in the place of a sound one.
type badInput struct {
	name string
	text []byte
	want string // in the code and summary of an error or warning; "" for none
}

const (
	soundTopology = "version: 1\ntables:\n  st: {type: ip, size: 1k, expire: 1m, store: gpc0}\nlevels:\n  - {name: nodes, suffix: .local}\n  - {name: all, suffix: .all}\naggregators:\n  agg: {address: \"10.0.0.9:1\", sums: [lb]}\nbalancers:\n  lb: {address: 10.0.0.1, base: base.cfg, peers: {p: 1}}\n"
	soundBase     = "frontend web\n  bind :80\n  http-request track-sc0 src table st.local\n"
	soundHost     = "backend st.local\n  stick-table type ip size 1k expire 1m store gpc0 peers p\nbackend st.all\n  stick-table type ip size 1k expire 1m store gpc0 peers p\npeers p\n  bind :1\n  server lb\n  server agg 10.0.0.9:1\n"
	soundAgg      = "aggregations a\n  peer agg 10.0.0.9:1 local\n  peer lb 10.0.0.1:1\n  from .local to .all\n"
)

// printable are all printable characters of ASCII.
func printable() string {
	var b strings.Builder
	for c := byte('!'); c <= '~'; c++ {
		b.WriteByte(c)
	}
	return b.String()
}

func repeated(line string, size int) []byte { return bytes.Repeat([]byte(line), size/len(line)) }

func noise(n int) []byte {
	out := make([]byte, n)
	for i, x := 0, uint32(1); i < n; i++ {
		x = x*1664525 + 1013904223
		out[i] = byte(x >> 24)
	}
	return out
}

func aliasBomb(levels int) []byte {
	var b strings.Builder
	b.WriteString("a0: &a0 [x]\n")
	for i := 1; i <= levels; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	return []byte(b.String())
}

const (
	large   = 5 << 20
	largest = 15 << 20 // files of more than 16 MiB are not read
	tooLong = 17 << 20
)

func badTopologies() []badInput {
	return []badInput{
		{"nothing", nil, "STK005 the file is empty"},
		{"binary", noise(100_000), "STK007"},
		{"17 MiB of zeros", make([]byte, tooLong), "STK007 the file is longer than"},
		{"17 MiB of text", repeated("tables: {}\n", tooLong), "STK007 the file is longer than"},
		{"NUL", []byte(strings.Replace(soundTopology, "lb:", "l\x00b:", 1)), "STK007 the file is not text: it holds a NUL byte"},
		{"byte order mark", []byte("\ufeff" + soundTopology), ""},
		{"UTF-16", []byte("\xff\xfev\x00e\x00r\x00"), "STK007 the file is encoded in UTF-16"},
		{"not UTF-8", []byte(strings.Replace(soundTopology, "lb:", "l\xffb:", 1)), "STK007 the file is not UTF-8"},
		{"CRLF", []byte(strings.ReplaceAll(soundTopology, "\n", "\r\n")), ""},
		{"mixed line ends", []byte(strings.Replace(soundTopology, "\n", "\r\n", 3)), ""},
		{"lone carriage returns", []byte(strings.ReplaceAll(soundTopology, "\n", "\r")), ""},
		{"deep nesting in flow", []byte(strings.Repeat("[", 100_000)), "STK001"},
		{"deep nesting, closed", []byte("a: " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000)), "STK002"},
		{"deep nesting in blocks", func() []byte {
			var b strings.Builder
			for i := range 5000 {
				b.WriteString(strings.Repeat(" ", i) + "a:\n")
			}
			return []byte(b.String())
		}(), "STK"},
		{"deep nesting under a comment", func() []byte {
			var b strings.Builder
			for i := range 5000 {
				b.WriteString(strings.Repeat(" ", i) + "a: # stktc:ignore STK201 -- x\n")
			}
			return []byte(b.String())
		}(), "STK"},
		{"alias bomb", aliasBomb(12), "STK001 the file's aliases stand for more than"},
		{"cycle", []byte("a: &a [*a]\n"), "STK001 `*a` stands inside the value that it refers to"},
		{"cycle of merges", []byte("a: &a\n  <<: *a\n"), "STK001 `*a` stands inside"},
		{"second document", []byte(soundTopology + "---\nversion: 1\n"), "STK008 a second document starts here"},
		{"cut", []byte(soundTopology[:len(soundTopology)-20]), "STK001"},
		{"a name of all printable characters", []byte(strings.Replace(soundTopology, "  lb:", "  '"+strings.ReplaceAll(printable(), "'", "''")+"':", 1)), "STK011"},
		{"a name that is not ASCII", []byte(strings.Replace(soundTopology, "  lb:", "  lbé:", 1)), "STK012"},
		{"a name of a letter that only looks like another", []byte(strings.ReplaceAll(soundTopology, "lb", "l\u0432")), "STK012"},
		{"a name with a blank of no width", []byte(strings.Replace(soundTopology, "  lb:", "  \"lb\\u200b\":", 1)), "STK012"},
		{"5 MiB of keys", repeated("abcdefghijk: l\n", large), "STK"},
		{"15 MiB in one value", []byte("version: " + strings.Repeat("x", largest)), "STK004"},
	}
}

func badHosts() []badInput {
	return []badInput{
		{"nothing", nil, "STK027 `lb/lb.cfg` is empty, but others name `lb` as their peer"},
		{"binary", noise(100_000), "STK"},
		{"17 MiB of zeros", make([]byte, tooLong), "STK007 `lb/lb.cfg` is longer than"},
		{"NUL", []byte(strings.Replace(soundHost, "size 1k", "size \x001k", 1)), "STK020 a NUL byte stands in the file"},
		{"byte order mark", []byte("\ufeff" + soundHost), "a byte order mark stands before the first section"},
		{"byte order mark before a comment", []byte("\ufeff# x\n" + soundHost), "a byte order mark stands before the first section"},
		{"UTF-16", []byte("\xff\xfep\x00e\x00e\x00r\x00s\x00\n\x00"), "STK020 a NUL byte stands in the file"},
		{"CRLF", []byte(strings.ReplaceAll(soundHost, "\n", "\r\n")), ""},
		{"mixed line ends", []byte(strings.Replace(soundHost, "\n", "\r\n", 3)), ""},
		{"lone carriage returns", []byte(strings.ReplaceAll(soundHost, "\n", "\r")), "STK020 a carriage return stands in the line"},
		{"cut", []byte(soundHost[:len(soundHost)-8]), "STK027"},
		{"an own name of all printable characters", []byte(strings.Replace(soundHost, "server lb", "server '"+strings.ReplaceAll(printable(), "'", `'"'"'`)+"'", 1)), "STK103"},
		{"an own name that is not ASCII", []byte(strings.Replace(soundHost, "server lb", "server lbé", 1)), "STK012"},
		{"an own name that is not UTF-8", []byte(strings.Replace(soundHost, "server lb", "server lb\xff", 1)), "STK007"},
		{"a peer whose name only looks right", []byte(strings.Replace(soundHost, "server agg", "server \u0430gg", 1)), "STK012"},
		{"15 MiB of line ends", repeated("\n", largest), "STK007 `lb/lb.cfg` has more than"},
		{"many sections", repeated("peers p\n", 1<<20), "STK"},
		{"many peers", append([]byte(soundHost), repeated("  server agg 10.0.0.9:1\n", large)...), "STK105"},
		{"many tables", append([]byte(soundHost), repeated("  table t type ip size 1 store gpc0\n", 2<<20)...), "STK028"},
		{"5 MiB of rules", append([]byte("frontend f\n"+soundHost), repeated(" http-request track-sc0 src table st.local\n", large)...), ""},
		{"15 MiB in one line", []byte("global\n  log " + strings.Repeat("x", largest) + "\n" + soundHost), ""},
		{"many open quotes", repeated("peers \"\n", 1<<20), "STK"},
		{"many conditions", repeated(".if a\n", 1<<20), "STK"},
	}
}

// TestBadInput: whatever stands in a file is said in findings with a place, in bounded time and memory.
func TestBadInput(t *testing.T) {
	for _, c := range badTopologies() {
		t.Run("topology/"+c.name, func(t *testing.T) {
			bounded(t, c, func(dir string) (*topology.Cluster, diag.List, error) {
				write(t, dir, "topology.yaml", c.text)
				write(t, dir, "base.cfg", []byte(soundBase))
				return load.Topology(os.DirFS(dir), "topology.yaml")
			})
		})
	}
	for _, c := range badHosts() {
		t.Run("host/"+c.name, func(t *testing.T) {
			bounded(t, c, func(dir string) (*topology.Cluster, diag.List, error) {
				write(t, dir, "agg/agg.cfg", []byte(soundAgg))
				write(t, dir, "lb/lb.cfg", c.text)
				hosts, err := load.Hosts(os.DirFS(dir), "top", "")
				if err != nil {
					return nil, nil, err
				}
				return load.Deployed(hosts)
			})
		})
	}
}

func write(t *testing.T, dir, name string, text []byte) {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// processorTime is what this process has used. Waiting for others does not count.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func bounded(t *testing.T, c badInput, read func(dir string) (*topology.Cluster, diag.List, error)) {
	dir := t.TempDir()
	debug.FreeOSMemory() // what other inputs took
	before := processorTime(t)
	cluster, findings, err := read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if findings.Worst() < diag.Error || cluster.Source == topology.FromDeployed {
		findings.Add(Run(cluster)...)
		findings = Settle(cluster, findings)
	}
	var heap runtime.MemStats
	runtime.ReadMemStats(&heap)
	if took := processorTime(t) - before; took > c.mostTime() {
		t.Errorf("took %v", took)
	}
	if used := heap.HeapSys - heap.HeapReleased; used > c.mostHeap() {
		t.Errorf("the heap has %d MiB", used>>20)
	}
	if len(findings) > 5000 {
		t.Errorf("%d findings", len(findings))
	}
	found := c.want == ""
	for _, f := range findings {
		at := f.Primary.Span
		if text := cluster.Files[at.File]; f.Severity > diag.Info && (at.File == "" || at.Start.Line < 1 || at.End.Offset > len(text) && text != nil) {
			t.Errorf("points nowhere: %s at %v", f.Summary, at)
		}
		said := string(f.Code) + " " + f.Summary
		if c.want == "" && f.Severity > diag.Info {
			t.Errorf("found %s", said)
		}
		found = found || f.Severity > diag.Info && strings.Contains(said, c.want)
	}
	if !found {
		t.Errorf("nothing says %q: %.2000v", c.want, findings)
	}
}

// TestUnprivileged: what may not be read is named, as by a user who is not root, and links that lead in circles are.
func TestUnprivileged(t *testing.T) {
	if dir := os.Getenv("STKTC_TEST_LOCKED"); dir != "" {
		sayUnreadable(dir)
		return
	}
	dir := t.TempDir()
	write(t, dir, "hosts/agg/agg.cfg", []byte(soundAgg))
	write(t, dir, "hosts/lb/lb.cfg", []byte(soundHost))
	write(t, dir, "hosts/lb/conf.d/more.cfg", []byte("global\n"))
	write(t, dir, "topology.yaml", []byte(soundTopology))
	write(t, dir, "base.cfg", []byte(soundBase))
	for _, err := range []error{
		os.Chmod(filepath.Join(dir, "hosts/agg/agg.cfg"), 0),
		os.Chmod(filepath.Join(dir, "hosts/lb/conf.d"), 0),
		os.Chmod(filepath.Join(dir, "base.cfg"), 0),
		os.Symlink("loop.cfg", filepath.Join(dir, "hosts/lb/loop.cfg")),
		os.Symlink(".", filepath.Join(dir, "hosts/lb/again")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(dir, "hosts/lb/conf.d"), 0o755) })
	want := strings.Join([]string{
		"hosts: agg/agg.cfg: permission denied", "hosts: lb/conf.d: permission denied", "hosts: lb/loop.cfg: too many levels of symbolic links",
		"topology: open base.cfg: permission denied (it is the base of `lb` by topology.yaml:10:33)", "",
	}, "\n")
	if got := asNobody(t, dir); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// sayUnreadable prints the errors of reading both kinds of files.
func sayUnreadable(dir string) {
	hosts, err := load.Hosts(os.DirFS(filepath.Join(dir, "hosts")), "top", "")
	if err == nil {
		_, _, err = load.Deployed(hosts)
	}
	for line := range strings.SplitSeq(fmt.Sprint(err), "\n") {
		fmt.Println("hosts:", line)
	}
	_, _, err = load.Topology(os.DirFS(dir), "topology.yaml")
	fmt.Println("topology:", err)
}

// asNobody runs this test's other half as a user who is not root.
func asNobody(t *testing.T, dir string) string {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for d := dir; d != "/" && os.Geteuid() == 0; d = filepath.Dir(d) {
		if info, err := os.Stat(d); err != nil || info.Mode()&fs.FileMode(1) == 0 {
			t.Skipf("%s cannot be reached by others", d)
		}
	}
	text, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(dir, "check.test")
	if err := os.WriteFile(binary, text, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-test.run=^TestUnprivileged$")
	cmd.Env = append(os.Environ(), "STKTC_TEST_LOCKED="+dir)
	cmd.Dir = dir
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	said, _, _ := strings.Cut(string(out), "PASS\n")
	return said
}
