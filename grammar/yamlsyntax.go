package grammar

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"stktc/grammar/diag"
)

// MaxFileSize is the longest file that is read, in bytes. A thousand hosts written one by one take 100 kB.
const MaxFileSize = 16 << 20

// MaxLines is the greatest number of lines of a file in HAProxy's syntax. Each takes some 300 bytes of memory, and up to 700 as a section.
const MaxLines = 500_000

// CheckText refuses what cannot be the text of a topology: files that are too long, and anything but printable UTF-8.
func CheckText(file string, text []byte) *diag.Finding {
	y := &yamlText{file: file, text: text, lines: []int{0}}
	if len(text) > MaxFileSize {
		return Findingf(CodeText, y.span(0, 0), "the file is longer than %d MiB", MaxFileSize>>20)
	}
	if bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff}) {
		return Findingf(CodeText, y.span(0, 0), "the file is encoded in UTF-16; accepted is UTF-8")
	}
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if !isYAMLText(r) || r == utf8.RuneError && size == 1 {
			return newYAMLText(file, text[:at]).notText(r, text[at])
		}
		at += size
	}
	return nil
}

// isYAMLText tells whether yaml.v3 takes the character at all: it refuses a file for any other without saying where.
func isYAMLText(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r', r == 0x85:
		return true
	case r < ' ', 0x7f <= r && r < 0xa0, r == 0xfffe, r == 0xffff:
		return false
	}
	return true
}

// notText reports the character behind the text.
func (y *yamlText) notText(r rune, first byte) *diag.Finding {
	at := y.span(len(y.text), len(y.text))
	switch r {
	case 0:
		return Findingf(CodeText, at, "the file is not text: it holds a NUL byte")
	case utf8.RuneError:
		return Findingf(CodeText, at, "the file is not UTF-8: byte 0x%02x cannot stand here", first)
	}
	return Findingf(CodeText, at, "the file holds the control character U+%04X", r)
}

// parse reads the file's first document. It gives nil when there is none, or when the file is not YAML.
func (r *yamlReader) parse() *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(r.text))
	var doc, second yaml.Node
	switch err := decode(decoder, &doc); {
	case errors.Is(err, io.EOF), err == nil && len(doc.Content) == 0:
		r.add(Findingf(CodeMissingKey, r.span(0, 0), "the file is empty; a topology has `levels`, `tables`, `aggregators` and `balancers`"))
		return nil
	case err != nil:
		r.add(r.syntaxFinding(err))
		return nil
	}
	switch err := decode(decoder, &second); {
	case err == nil:
		at := r.offset(&second)
		r.add(Findingf(CodeDocument, r.line(at), "a second document starts here; a topology file holds one"))
	case !errors.Is(err, io.EOF):
		r.add(r.syntaxFinding(err))
	}
	return doc.Content[0]
}

// decode turns the library's own panics into errors: it has some left for comments in odd places ("unexpected tail comment event").
func decode(d *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: %v", p)
		}
	}()
	return d.Decode(n)
}

// problemAt is how the place of a syntax error is found.
type problemAt uint8

const (
	atScanned problemAt = iota // the scanner's line, which is that of the word it was reading
	atParsed                   // the parser's line, which yaml.v3 states one too small
	atBlock                    // neither: the line stated is that of the block around the mistake
	atStop                     // no line is stated; where reading stopped
	atAlias                    // no line is stated; where the alias stands
)

// yamlProblems are the library's messages, in words that help, and what the lines in them are.
var yamlProblems = []struct {
	problem string
	at      problemAt
	words   string
}{
	{"did not find expected key", atBlock, "this does not fit the mapping around it: look at the indentation, and for text behind a closing quote or bracket"},
	{"did not find expected '-' indicator", atBlock, "this does not fit the list around it: look at the indentation"},
	{"did not find expected ',' or ']'", atParsed, "the list that starts here lacks a `,` or its closing `]`"},
	{"did not find expected ',' or '}'", atParsed, "the mapping that starts here lacks a `,` or its closing `}`"},
	{"did not find expected node content", atParsed, "a value is expected here"},
	{"did not find expected <document start>", atParsed, "text follows the end of the document"},
	{"found undefined tag handle", atParsed, "a tag with an undeclared handle stands here"},
	{"found incompatible YAML document", atParsed, "this version of YAML is not known; accepted is 1.1, and 1.2 without the line"},
	{"found duplicate %YAML directive", atParsed, "the %YAML directive stands twice"},
	{"found duplicate %TAG directive", atParsed, "the %TAG directive stands twice"},
	{"exceeded max depth", atStop, "values are nested more than 10000 levels deep"},
	{"unknown anchor", atAlias, "%s, but no anchor of that name stands before it; a glob needs quotes"},
	{"found a tab character that violates indentation", atBlock, "a tab cannot indent; use spaces"},
	{"found a tab character where an indentation space", atStop, "a tab cannot indent; use spaces"},
	{"found character that cannot start any token", atScanned, "a value cannot start with `@`, `%`, a backtick or a tab; put it in quotes, and indent with spaces"},
	{"did not find expected alphabetic or numeric", atScanned, "`*` and `&` in front of a value speak of anchors; a glob needs quotes"},
	{"mapping values are not allowed", atScanned, "a `:` stands where no key can be: look at the indentation, and put values that hold `: ` in quotes"},
	{"block sequence entries are not allowed", atScanned, "a `-` stands where no list can start"},
	{"could not find expected ':'", atScanned, "a key lacks its `:`, or a value is not indented"},
	{"found unexpected end of stream", atScanned, "the quoted text that starts here is not closed"},
	{"found unexpected document indicator", atScanned, "the quoted text that starts here is not closed before the document ends"},
	{"found unknown escape character", atScanned, "a backslash in double quotes starts an escape sequence, and this one is not known; in single quotes it is itself"},
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// syntaxFinding tells what keeps the text from being YAML, and in which line.
func (y *yamlText) syntaxFinding(err error) *diag.Finding {
	line, stop, problem := y.probe()
	if problem == "" {
		problem = err.Error()
	}
	at, words := atScanned, problem
	for _, p := range yamlProblems {
		if strings.HasPrefix(problem, p.problem) {
			at, words = p.at, p.words
			break
		}
	}
	switch {
	case at == atAlias:
		alias := "`*" + strings.TrimSuffix(strings.TrimPrefix(problem, "unknown anchor '"), "' referenced") + "`"
		return Findingf(CodeSyntax, y.lastAlias(strings.Trim(alias, "`"), stop), words, alias+" refers to an anchor")
	case at == atBlock:
		stop = y.firstBad(problem, stop)
	case at == atScanned && line > 1:
		stop = y.lineStart(line - 1)
	case at == atParsed && line > 0:
		stop = y.lineStart(line)
	}
	place := y.line(stop)
	if place.Start == place.End {
		// At the end of the file: what is missing belongs behind the last line.
		place = y.line(y.lastWritten(stop))
	}
	return Findingf(CodeSyntax, place, "%s", words)
}

// probe parses once more and tells the line that yaml.v3 states, if any, the last byte that it looked at, and its problem. The text gets a line in front: an
// error that started in the first line would else state the line of its end, and nothing would tell the two apart. It is read
// byte by byte, so that how far the library came is known to within a few bytes.
func (y *yamlText) probe() (line, stop int, problem string) {
	body, mark := y.text, 0
	if hasByteOrderMark(body) {
		mark = len(byteOrderMark)
		body = body[mark:]
	}
	source := &slowReader{text: append([]byte{'\n'}, body...)}
	decoder := yaml.NewDecoder(source)
	for {
		var n yaml.Node
		err := decode(decoder, &n)
		if errors.Is(err, io.EOF) {
			return 0, len(y.text), ""
		}
		if err == nil {
			continue
		}
		stop = y.lastWritten(source.read - 2 + mark)
		parts := yamlError.FindStringSubmatch(err.Error())
		if parts == nil {
			return 0, stop, err.Error()
		}
		line, _ = strconv.Atoi(parts[1])
		return line, stop, parts[2]
	}
}

// slowReader gives one byte at a time.
type slowReader struct {
	text []byte
	read int
}

func (r *slowReader) Read(p []byte) (int, error) {
	if r.read == len(r.text) {
		return 0, io.EOF
	}
	p[0] = r.text[r.read]
	r.read++
	return 1, nil
}

// lastWritten goes back from an offset over blanks, line ends and comment lines.
func (y *yamlText) lastWritten(at int) int {
	at = min(max(at, 0), max(len(y.text)-1, 0))
	for at > 0 {
		line := y.line(at)
		from, to := line.Start.Offset, line.End.Offset
		switch {
		case from == to, y.text[from] == '#', at < from:
			at = y.lines[line.Start.Line-1] - 1
		default:
			return min(at, to-1)
		}
	}
	return 0
}

// Bounds of firstBad: steps back, and bytes parsed on the way.
const (
	maxStepsBack = 100
	maxReparsed  = 64 << 20
)

// firstBad goes back line by line from where the library stopped, while the text up to that line still has the problem: inside a
// block, a line is wrong by itself, and a text that ends before it is whole.
func (y *yamlText) firstBad(problem string, stop int) int {
	parsed := 0
	for range maxStepsBack {
		start := y.lines[y.pos(stop).Line-1]
		if parsed += start; start == 0 || parsed > maxReparsed {
			break
		}
		err := decodeAll(y.text[:start])
		if err == nil || !strings.HasSuffix(err.Error(), problem) {
			break
		}
		stop = y.lastWritten(start - 1)
	}
	return stop
}

func decodeAll(text []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var n yaml.Node
		if err := decode(decoder, &n); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// lastAlias finds an alias before the place where the library refused it.
func (y *yamlText) lastAlias(alias string, stop int) diag.Span {
	end := len(y.text)
	for {
		i := bytes.LastIndex(y.text[:end], []byte(alias))
		if i < 0 {
			return y.line(stop)
		}
		if i <= stop {
			return y.span(i, i+len(alias))
		}
		end = i
	}
}
