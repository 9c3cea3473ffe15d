package compile

import (
	"strconv"
	"strings"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology/sticktable"
)

// reference is a place in a base where a rule uses a stick table.
type reference struct {
	use     use
	table   string    // as written; "" for the one that the proxy bears, or that counter tracks
	proxy   string    // the section's name; "" in a defaults section
	counter int       // of track-sc and of fetches that read a tracked counter; else -1
	at      diag.Span // of the table's name; without one, of the word that implies it
	insert  string    // without a table: the text that names one, with %s for its name; "" when there is no such place
	known   bool      // false: an environment variable stands in the name
}

// use is what a rule does with a table.
type use uint8

const (
	counts use = iota + 1 // track-sc, stick on, stick store
	reads                 // a fetch or a converter that gives stored data
	names                 // any other mention: a fetch that writes, in_table …
)

// references collects what the rules of a file say of tables.
func references(cfg *grammar.ConfigFile) []reference {
	var refs []reference
	for _, s := range cfg.Sections {
		if !isProxy(s) && s.Keyword.Value != "defaults" {
			continue
		}
		proxy := ""
		if isProxy(s) {
			proxy = s.Name.Value
		}
		for i := range s.Lines {
			for _, r := range lineReferences(&s.Lines[i]) {
				r.proxy = proxy
				refs = append(refs, r)
			}
		}
	}
	return refs
}

func lineReferences(l *grammar.Line) []reference {
	var refs []reference
	for i, w := range l.Words {
		counter, isTrack := strings.CutPrefix(w.Value, "track-sc")
		switch {
		case isTrack:
			n, err := strconv.Atoi(counter)
			if err != nil {
				n = -1
			}
			refs = append(refs, ruleReference(l, i+1, counts, n))
		case i == 1 && starts(l, "stick"):
			kind := counts
			if w.Value == "match" {
				kind = reads
			}
			refs = append(refs, ruleReference(l, i+1, kind, -1))
		}
		refs = append(refs, wordReferences(w)...)
	}
	return refs
}

// ruleReference reads "KEY [table NAME]" at a line's i-th word.
func ruleReference(l *grammar.Line, i int, kind use, counter int) reference {
	r := reference{use: kind, counter: counter, at: word(l, i).Span, insert: " table %s", known: true}
	if word(l, i+1).Value == "table" {
		name := word(l, i+2)
		r.table, r.at, r.insert, r.known = name.Value, name.Span, "", !name.Unresolved
	}
	return r
}

// wordReferences finds the fetches and converters of a word that take a table: "src,table_gpc0(t)", "%[sc_gpc0_rate(0,t)]".
func wordReferences(w grammar.Scalar) []reference {
	var refs []reference
	v := w.Value
	for i := 0; i < len(v); {
		if !isIdentifier(v[i]) {
			i++
			continue
		}
		start := i
		for i < len(v) && isIdentifier(v[i]) {
			i++
		}
		kind, counter := fetchUse(v[start:i])
		if kind == 0 {
			continue
		}
		if r, ok := fetchReference(w, start, i, counter); ok {
			r.use = kind
			refs = append(refs, r)
		}
	}
	return refs
}

// isIdentifier includes the signs that may stand inside a longer name, so that "x-src_y" is not taken for "src_y".
func isIdentifier(c byte) bool {
	return c == '_' || c == '-' || c == '.' || c == '/' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// Values of fetchUse's counter for fetches that do not read the tracked counter of their name.
const (
	byProxy    = -1 // the proxy's own table when none is named: src_*
	alwaysName = -2 // the table is always named: table_*, in_table
	firstArg   = -3 // the counter's number is the first argument: sc_*
)

// fetchUse classifies the name of a fetch or converter; 0 means that it uses no table.
func fetchUse(name string) (use, int) {
	if name == "in_table" {
		return names, alwaysName
	}
	prefix, data, found := strings.Cut(name, "_")
	if !found {
		return 0, 0
	}
	kind, counter := names, byProxy
	if _, isData := sticktable.ParseDataType(strings.TrimPrefix(data, "get_")); isData {
		kind = reads
	}
	digits, isCounter := strings.CutPrefix(prefix, "sc")
	switch {
	case prefix == "table":
		return kind, alwaysName
	case prefix == "src" && (kind == reads || strings.Contains(data, "gpc") || strings.Contains(data, "conn_cnt")):
	case isCounter && digits == "":
		counter = firstArg
	case isCounter:
		n, err := strconv.Atoi(digits)
		if err != nil {
			return 0, 0
		}
		counter = n
	default:
		return 0, 0
	}
	return kind, counter
}

// fetchReference reads the arguments of a fetch whose name is the bytes [start, end) of the word. The table is the last
// argument, unless that is a number.
func fetchReference(w grammar.Scalar, start, end, counter int) (reference, bool) {
	r := reference{counter: counter, at: w.At(start, end), insert: "(%s)", known: !w.Unresolved}
	v := w.Value
	var args string
	if end < len(v) && v[end] == '(' {
		closing := strings.IndexByte(v[end:], ')')
		if closing < 0 {
			return r, false
		}
		args, r.insert = v[end+1:end+closing], ""
	}
	if first, _, _ := strings.Cut(args, ","); counter == firstArg {
		n, err := strconv.Atoi(first)
		if err != nil {
			return r, false
		}
		r.counter = n
	}
	last := args[strings.LastIndexByte(args, ',')+1:]
	if _, err := strconv.Atoi(last); err == nil || last == "" {
		if counter == alwaysName {
			return r, false
		}
		return r, true
	}
	to := end + 1 + len(args)
	r.table, r.at, r.insert = last, w.At(to-len(last), to), ""
	return r, true
}
