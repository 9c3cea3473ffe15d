package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"stktc/cmd/internal/haproxy"
	"stktc/grammar"
	"stktc/render"
	"stktc/topology"
	"stktc/topology/sticktable"
)

// haproxyTimeout bounds one "haproxy -c": it may look up names.
const haproxyTimeout = 30 * time.Second

// confirm lets a real HAProxy check every load balancer's files. What it says of lines of ours is mapped to the topology and
// refuses the build; what it says of the operator's own lines is shown: certificates and modules may be missing here only.
// Unsure tells that files are refused for those.
func (b *build) confirm(name string) (unsure bool, err error) {
	binary, v, err := findHAProxy(b.ctx.Context, name)
	if err != nil {
		return false, err
	}
	b.sayVersion(v)
	dir, err := os.MkdirTemp("", "stktc-build-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.Abs(dir); err != nil { // haproxy runs elsewhere
		return false, err
	}
	heard := &complaints{version: v}
	for _, n := range b.cluster.Nodes {
		if !n.IsBalancer() || !b.isSelected(n.Name.Value) {
			continue
		}
		v := &verdict{build: b, node: n, files: map[string]*render.Output{}, bases: map[string]string{}}
		if err := v.run(b.ctx.Context, binary, dir); err != nil {
			return false, err
		}
		heard.add(v)
	}
	heard.print(b)
	if heard.refused {
		return false, exit(exitHAProxy)
	}
	return len(heard.unsure)+len(heard.lacking) > 0, nil
}

// findHAProxy gives the binary to use and its version: what a name leads to may be another program.
func findHAProxy(ctx context.Context, name string) (binary string, v sticktable.Version, err error) {
	if binary, err = haproxy.Find(name); err != nil {
		return "", v, err
	}
	ctx, cancel := context.WithTimeout(ctx, haproxyTimeout)
	defer cancel()
	v, err = haproxy.Version(ctx, binary)
	return binary, v, err
}

// sayVersion tells what an answer of this HAProxy is worth where the nodes run another one.
func (b *build) sayVersion(v sticktable.Version) {
	switch stated := b.cluster.HAProxy; {
	case stated == sticktable.Version{}:
	case v.Before(stated):
		fmt.Fprintf(b.stderr, "note: this haproxy is %s, and the oldest of the nodes %s (%s:%d): it may refuse what they accept\n", v, stated, b.cluster.HAProxyAt.File, b.cluster.HAProxyAt.Start.Line)
	case stated.Before(v):
		fmt.Fprintf(b.stderr, "note: this haproxy is %s, and the oldest of the nodes %s (%s:%d): it may accept what that one refuses\n", v, stated, b.cluster.HAProxyAt.File, b.cluster.HAProxyAt.Start.Line)
	}
}

// verdict is what HAProxy says of one node's files.
type verdict struct {
	*build
	node     *topology.Node
	files    map[string]*render.Output // by path on disk
	bases    map[string]string         // of a fragment: their names in Cluster.Files, by path on disk
	messages []message
	refused  bool // HAProxy does not accept the files
}

// message is one thing that HAProxy says.
type message struct {
	level string // ALERT or WARNING
	file  string // on disk, "" when HAProxy names no place
	line  int
	text  string
}

func (v *verdict) run(ctx context.Context, binary, dir string) error {
	texts, err := v.lay(filepath.Join(dir, v.node.Name.Value))
	if err != nil {
		return err
	}
	args := []string{"-c"}
	if !slices.ContainsFunc(texts, namesItself) { // beside a localpeer line -L is refused by HAProxy 3
		args = append(args, "-L", v.node.Name.Value)
	}
	for _, t := range texts {
		args = append(args, "-f", t.file)
	}
	ctx, cancel := context.WithTimeout(ctx, haproxyTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = v.source.dir() // where relative paths in bases are most likely to lead somewhere
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && (!errors.As(err, &failed) || ctx.Err() != nil) {
		return fmt.Errorf("%s -c for %s: %w", binary, v.node.Name.Value, errors.Join(ctx.Err(), err))
	}
	v.refused = err != nil
	v.messages = parseMessages(string(out))
	if v.refused && len(v.messages) == 0 { // it died, or speaks another language
		return fmt.Errorf("%s -c for %s: %w: %s", binary, v.node.Name.Value, err, cmp.Or(strings.TrimSpace(string(out)), "no word of why"))
	}
	return nil
}

// laid is a file that HAProxy is to read.
type laid struct {
	file string // on disk
	text []byte
}

// lay writes a balancer's files into a directory, in the order in which HAProxy reads them: behind its bases a fragment.
func (v *verdict) lay(dir string) ([]laid, error) {
	var all []laid
	if v.node.Build.Fragment {
		for i, base := range v.node.Build.Base {
			file := filepath.Join(dir, "base", strconv.Itoa(i), path.Base(base.Name))
			v.bases[file] = base.Name
			all = append(all, laid{file, v.cluster.Files[base.Name]})
		}
	}
	for i := range v.tree {
		if o := &v.tree[i]; o.Node == v.node.Name.Value && !o.File.Aggregator {
			file := filepath.Join(dir, path.Base(o.File.Path))
			v.files[file] = o
			all = append(all, laid{file, o.Text})
		}
	}
	for _, l := range all {
		if err := os.MkdirAll(filepath.Dir(l.file), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(l.file, l.text, 0o600); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// namesItself tells whether a file says what HAProxy is called.
func namesItself(l laid) bool {
	config, _ := grammar.ParseConfig(l.file, l.text)
	for line := range config.AllLines() {
		if _, ok := line.Statement.(*grammar.LocalPeer); ok {
			return true
		}
	}
	return false
}

var (
	messageStart = regexp.MustCompile(`^\[(ALERT|WARNING|NOTICE|DIAG)\]\s*\(\d+\) : (?:config : )?(.*)$`)
	messagePlace = regexp.MustCompile(`(?i)(?:\bparsing )?\[([^\]]+):(\d+)\]\s*:\s*`)
	quotedName   = regexp.MustCompile(`'([^']+)'`)
)

// parseMessages reads haproxy's output: a message may go on in further lines. Closing remarks without content are left out.
func parseMessages(output string) []message {
	var found []message
	for _, l := range strings.Split(output, "\n") {
		m := messageStart.FindStringSubmatch(l)
		switch {
		case m == nil:
			if n := len(found); n > 0 && strings.HasPrefix(l, " ") {
				found[n-1].text += "\n" + strings.TrimRight(l, " ")
			}
			continue
		case m[1] == "NOTICE" || m[1] == "DIAG" || strings.HasPrefix(m[2], "Error(s) found in") || strings.HasPrefix(m[2], "Fatal errors found in"):
			continue
		}
		one := message{level: m[1], text: m[2]}
		if at := messagePlace.FindStringSubmatchIndex(m[2]); at != nil {
			one.file = m[2][at[2]:at[3]]
			one.line, _ = strconv.Atoi(m[2][at[4]:at[5]])
			one.text = m[2][:at[0]] + m[2][at[1]:]
		}
		found = append(found, one)
	}
	return found
}

// absentFile finds in a message a certificate or authority that lines of ours name and that is not on this machine, as it is on the host's; "" for none.
func (v *verdict) absentFile(m message) string {
	for _, p := range v.node.Peers {
		for _, t := range []topology.Text{p.TLS.Crt, p.TLS.CAFile} {
			if t.IsZero() || !strings.Contains(m.text, t.Value) {
				continue
			}
			file := t.Value
			if !filepath.IsAbs(file) {
				file = filepath.Join(v.source.dir(), file)
			}
			if _, err := os.Stat(file); err != nil {
				return t.Value
			}
		}
	}
	return ""
}

// place translates a message's place. Ours tells whether a line of ours is blamed: by its number, or, as HAProxy gives no
// number for what it finds out at the end, by the name of a section of ours.
func (v *verdict) place(m message) (where string, ours bool) {
	if base := v.bases[m.file]; base != "" {
		return fmt.Sprintf("%s:%d", base, m.line), false
	}
	o := v.files[m.file]
	if o == nil {
		for _, name := range quotedName.FindAllStringSubmatch(m.text, -1) {
			if at, ok := v.ownSection(name[1]); ok {
				return at, true
			}
		}
		return v.baseSection(m.text), false
	}
	before := 0
	for _, l := range o.Lines {
		if l.Number == m.line {
			return fmt.Sprintf("%s:%d", l.Origin.File, l.Origin.Start.Line), true
		}
		if l.Number < m.line {
			before++
		}
	}
	return fmt.Sprintf("%s:%d", o.File.BaseName, m.line-before), false
}

// ownSection finds a peers section or a table of the topology by the name that HAProxy's messages quote.
func (v *verdict) ownSection(name string) (string, bool) {
	name = strings.TrimPrefix(name, "peers ")
	for _, p := range v.node.Peers {
		if p.Name.Value == name {
			return fmt.Sprintf("%s:%d", p.Name.Span.File, p.Name.Span.Start.Line), true
		}
	}
	for _, t := range v.node.Tables {
		if t.Name.Value == name && !v.isBaseProxy(name) {
			return fmt.Sprintf("%s:%d", t.Name.Span.File, t.Name.Span.Start.Line), true
		}
	}
	return "", false
}

// baseSection finds the proxy of a base that a message quotes, "" when it quotes none.
func (v *verdict) baseSection(text string) string {
	for _, name := range quotedName.FindAllStringSubmatch(text, -1) {
		for _, base := range v.node.Build.Base {
			config, _ := grammar.ParseConfig(base.Name, v.cluster.Files[base.Name])
			for _, s := range config.Sections {
				if s.Name.Value == name[1] && (strings.Contains(text, s.Keyword.Value) || strings.Contains(text, "Proxy '")) {
					return fmt.Sprintf("%s:%d", base.Name, s.Header.Span.Start.Line)
				}
			}
		}
	}
	return ""
}

// isBaseProxy tells whether a base has the proxy that bears a table: then the proxy's name blames nobody.
func (v *verdict) isBaseProxy(name string) bool {
	for _, o := range v.files {
		for _, in := range o.File.Insertions {
			for _, l := range in.Lines {
				if slices.Equal(l.Words, []string{"backend", name}) {
					return false
				}
			}
		}
	}
	return true
}

// complaints collects what HAProxy says of all nodes; nodes that share a base share its complaints.
type complaints struct {
	texts   []string
	nodes   map[string][]string // by text
	refused bool                // a line of ours was refused
	unsure  []string            // nodes whose files are refused for lines that are not ours
	version sticktable.Version

	absent  []string // files that are not on this machine
	lacking []string // nodes whose files name them, and have no other fault
}

func (c *complaints) add(v *verdict) {
	if c.nodes == nil {
		c.nodes = map[string][]string{}
	}
	name, alerts := v.node.Name.Value, 0
	for _, m := range v.messages {
		if absent := v.absentFile(m); absent != "" {
			if !slices.Contains(c.absent, absent) {
				c.absent = append(c.absent, absent)
			}
			continue
		}
		if m.level == "ALERT" {
			alerts++
		}
		c.message(v, m)
	}
	switch {
	case v.refused && alerts > 0:
		c.unsure = append(c.unsure, name)
	case v.refused:
		c.lacking = append(c.lacking, name)
	}
}

func (c *complaints) message(v *verdict, m message) {
	where, ours := v.place(m)
	// Such a section is dropped with a warning, and then nothing is shared.
	dropped := ours && strings.Contains(m.text, "Removing incomplete section")
	if ours && v.refused && m.level == "ALERT" || dropped {
		c.refused = true
	}
	whose := "the operator's own: "
	if ours {
		whose = ""
	}
	if where != "" {
		where += ": "
	}
	text := fmt.Sprintf("%s%s%s: %s", where, whose, strings.ToLower(m.level), m.text)
	if c.nodes[text] == nil {
		c.texts = append(c.texts, text)
	}
	if name := v.node.Name.Value; !slices.Contains(c.nodes[text], name) {
		c.nodes[text] = append(c.nodes[text], name)
	}
}

// maxComplaints are shown; further ones are counted.
const maxComplaints = 50

func (c *complaints) print(b *build) {
	for _, text := range c.texts[:min(len(c.texts), maxComplaints)] {
		nodes := c.nodes[text]
		on := nodes[0]
		if len(nodes) > 1 {
			on = fmt.Sprintf("%s and %d more", on, len(nodes)-1)
		}
		fmt.Fprintf(b.stderr, "haproxy on %s: %s\n", on, text)
	}
	if more := len(c.texts) - maxComplaints; more > 0 {
		fmt.Fprintf(b.stderr, "and %d more messages of haproxy\n", more)
	}
	if len(c.lacking) > 0 {
		fmt.Fprintf(b.stderr, "warning: haproxy %s cannot tell whether the files of %s are right: not on this machine are %s\n", c.version, fewOf(c.lacking), fewOf(c.absent))
	}
	switch {
	case c.refused:
		fmt.Fprintln(b.stderr, "error: haproxy refuses lines that stktc made; nothing written")
	case len(c.unsure) > 0:
		fmt.Fprintf(b.stderr, "warning: haproxy %s does not accept the files of %s here, for what is the operator's own; see above\n", c.version, fewOf(c.unsure))
	}
}
