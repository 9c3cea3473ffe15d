package grammar

import (
	"bytes"
	"regexp"
	"strings"

	"stktc/grammar/diag"
)

// ignoreForm is how a comment that silences findings is written.
const ignoreForm = "# stktc:ignore CODE[,CODE…] -- REASON"

// Ignores reads the comments of a configuration that silence findings. One behind a line speaks of that line, one on a line of its own
// of the next line that says something; if that is a section's header, of the whole section.
func (f *ConfigFile) Ignores() ([]diag.Ignore, diag.List) {
	r := ignoreReader{}
	r.config(f.Preamble, 0)
	for _, s := range f.Sections {
		last := s.Header.Span.Start.Line
		for i := range s.Lines {
			if len(s.Lines[i].Words) > 0 {
				last = s.Lines[i].Span.Start.Line
			}
		}
		r.line(&s.Header, last)
		r.config(s.Lines, 0)
	}
	return r.ignores, r.findings
}

// TopologyIgnores reads the comments of a topology file that silence findings. They speak of a line as those of a configuration do, and of
// what is indented below it.
func TopologyIgnores(name string, text []byte) ([]diag.Ignore, diag.List) {
	r := ignoreReader{}
	if !bytes.Contains(text, []byte("stktc:")) {
		return nil, nil
	}
	lines := strings.Split(string(text), "\n")
	ends := blockEnds(lines)
	offset := 0
	for i, l := range lines {
		at := commentAt(l)
		if ends[i] > 0 {
			r.covers(i+1, ends[i])
		}
		if at < len(l) {
			start := diag.Pos{Line: i + 1, Column: at + 1, Offset: offset + at}
			body := strings.TrimRight(l[at:], "\r")
			r.comment(Scalar{Value: body, Span: diag.Span{File: name, Start: start, End: advance(start, len(body))}}, ends[i] > 0, i+1, ends[i])
		}
		offset += len(l) + 1
	}
	return r.ignores, r.findings
}

// ignoreReader collects comments. Those on lines of their own wait for the line that they speak of.
type ignoreReader struct {
	ignores  []diag.Ignore
	findings diag.List
	waiting  []int // indexes in ignores
}

func (r *ignoreReader) config(lines []Line, last int) {
	for i := range lines {
		r.line(&lines[i], last)
	}
}

// line takes a line of a configuration; last is where what it begins ends, 0 for nothing but itself.
func (r *ignoreReader) line(l *Line, last int) {
	n := l.Span.Start.Line
	last = max(last, n)
	if len(l.Words) > 0 {
		r.covers(n, last)
	}
	if !l.Comment.IsZero() {
		r.comment(l.Comment, len(l.Words) > 0, n, last)
	}
}

// covers tells the waiting comments what they speak of.
func (r *ignoreReader) covers(first, last int) {
	for _, i := range r.waiting {
		r.ignores[i].First, r.ignores[i].Last = first, last
	}
	r.waiting = nil
}

// comment reads one comment, which stands behind words or not.
func (r *ignoreReader) comment(c Scalar, behind bool, first, last int) {
	body, ours := strings.CutPrefix(strings.TrimSpace(strings.TrimLeft(c.Value, "#")), "stktc:")
	if !ours {
		return
	}
	rest, isIgnore := strings.CutPrefix(body, "ignore")
	if !isIgnore || rest != "" && !strings.ContainsAny(rest[:1], " \t") {
		r.findings.Add(*Findingf(CodeIgnore, c.Span, "comment `%s` is not understood; accepted is `%s`", strings.TrimSpace(c.Value), ignoreForm))
		return
	}
	codes, reason, _ := strings.Cut(rest, "--")
	list := strings.FieldsFunc(codes, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	if reason = strings.TrimSpace(reason); reason == "" || len(list) == 0 {
		missing := "no reason"
		if len(list) == 0 {
			missing = "no code"
		}
		r.findings.Add(*Findingf(CodeIgnore, c.Span, "comment `%s` gives %s; accepted is `%s`", strings.TrimSpace(c.Value), missing, ignoreForm))
		return
	}
	for _, code := range list {
		if !ignorable.MatchString(code) {
			r.findings.Add(*Findingf(CodeIgnore, c.Span, "%s is not a finding's code; accepted is `%s`", quote(code), ignoreForm))
			continue
		}
		r.ignores = append(r.ignores, diag.Ignore{Code: diag.Code(code), Reason: reason, Span: c.Span})
		if behind {
			r.ignores[len(r.ignores)-1].First, r.ignores[len(r.ignores)-1].Last = first, last
		} else {
			r.waiting = append(r.waiting, len(r.ignores)-1)
		}
	}
}

// ignorable is what a code or a slug looks like.
var ignorable = regexp.MustCompile(`^(STK[0-9]{3}|[a-z][a-z0-9]*(-[a-z0-9]+)+)$`)

// commentAt finds where the comment of a line of YAML begins, the line's length when there is none. A "#" begins one at the start and behind blanks,
// outside of quotes.
func commentAt(line string) int {
	quote := byte(0)
	for i := range len(line) {
		c := line[i]
		switch {
		case quote != 0:
			if c == quote && (quote == '\'' || line[i-1] != '\\') {
				quote = 0
			}
		case (c == '"' || c == '\'') && (i == 0 || strings.IndexByte(" \t[{,:", line[i-1]) >= 0):
			quote = c
		case c == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t'):
			return i
		}
	}
	return len(line)
}

// blockEnds gives for each line that says something the number of the last line that is indented below it, its own number when none is; 0 for the other lines.
func blockEnds(lines []string) []int {
	ends := make([]int, len(lines))
	var open []int // lines that the one at hand is indented below
	last := 0      // number of the last line that says something
	close := func(depth int) {
		for n := len(open); n > 0 && indentation(lines[open[n-1]]) >= depth; n-- {
			ends[open[n-1]] = last
			open = open[:n-1]
		}
	}
	for i, l := range lines {
		if strings.TrimSpace(l[:commentAt(l)]) == "" {
			continue
		}
		close(indentation(l))
		open = append(open, i)
		last = i + 1
	}
	close(0)
	return ends
}

func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
