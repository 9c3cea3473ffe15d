package grammar

import (
	"slices"
	"strconv"
	"strings"

	"stktc/grammar/diag"
)

// UseKind is what a rule does with a stick table.
type UseKind uint8

// The kinds of uses.
const (
	Counts   UseKind = iota + 1 // track-sc, stick on, stick store: makes entries, and counts in them
	Reads                       // a fetch or converter that gives stored data
	Writes                      // a fetch, converter or action that changes stored data
	Mentions                    // anything else: whether a key is there, for how long, stick match
)

// TableUse is one place where a rule of a proxy uses a stick table.
type TableUse struct {
	Kind    UseKind
	Section Scalar    // the keyword of the section that the rule stands in: "frontend", "defaults" …
	Proxy   Scalar    // the section's name
	Table   Scalar    // as written: "NAME" or "SECTION/NAME"; zero when the rule names none
	Key     Scalar    // of a rule that counts: the expression whose value is the entry's key
	Counter int       // of track-sc, and of what reads or changes the entry that it tracks; -1 for others
	Data    string    // the data type that is read or changed, as in store lists; "" for none
	Index   int       // of an element of an array; -1 for other types
	At      diag.Span // of the word that says what is done
	// Gap is where a rule that names no table may name one, by Naming with the name in the place of its "%s".
	Gap    diag.Span
	Naming string

	Decides     bool // it stands in an acl or in a rule's condition
	Conditional bool // the line or its section stands between .if and .endif
}

// TableUses lists what the rules of a file's proxies do with stick tables, in the order of the text.
func TableUses(f *ConfigFile) []TableUse {
	var r useReader
	for _, s := range f.Sections {
		switch s.Keyword.Value {
		case "frontend", "backend", "listen", "defaults":
		default:
			continue
		}
		for i := range s.Lines {
			r.section, r.line = s, &s.Lines[i]
			r.read()
		}
	}
	return r.uses
}

// ruleKeywords begin the lines in which sample expressions and actions stand.
var ruleKeywords = map[string]bool{
	"acl": true, "http-request": true, "http-response": true, "http-after-response": true, "tcp-request": true, "tcp-response": true,
	"quic-initial": true, "stick": true, "use_backend": true, "use-server": true, "redirect": true, "force-persist": true,
	"ignore-persist": true, "monitor": true, "block": true, "balance": true, "http-check": true, "tcp-check": true,
	"unique-id-format": true, "log-format": true, "log-format-sd": true, "error-log-format": true,
}

// useReader reads line after line.
type useReader struct {
	section *Section
	line    *Line
	decides bool       // behind if or unless, or in an acl
	uses    []TableUse // of all lines
}

func (r *useReader) read() {
	if r.line.Broken || !ruleKeywords[r.line.Keyword()] {
		return
	}
	words := r.line.Words
	r.decides = words[0].Value == "acl"
	for i, w := range words {
		if w.Value == "if" || w.Value == "unless" {
			r.decides = true
		}
		counter, isTrack := trackCounter(w.Value)
		switch {
		case isTrack:
			r.named(i, Counts, counter)
			continue
		case i == 1 && words[0].Value == "stick":
			kind := Counts
			if w.Value == "match" {
				kind = Mentions
			}
			r.named(i, kind, -1)
			continue
		case strings.HasPrefix(w.Value, "sc-"):
			r.action(w)
			continue
		}
		r.word(w)
	}
}

// trackCounter reads "track-sc0". Most words are none, and an error of Atoi costs an allocation.
func trackCounter(word string) (counter int, ok bool) {
	digits, ok := strings.CutPrefix(word, "track-sc")
	if !ok {
		return 0, false
	}
	counter, err := strconv.Atoi(digits)
	return counter, err == nil
}

func (r *useReader) add(u TableUse) {
	u.Section, u.Proxy = r.section.Keyword, r.section.Name
	u.Decides, u.Conditional = r.decides, r.line.Conditional || r.section.Header.Conditional
	r.uses = append(r.uses, u)
}

// named adds the use of a rule "… WORD KEY [table NAME]", whose word is the i-th of the line.
func (r *useReader) named(i int, kind UseKind, counter int) {
	u := TableUse{Kind: kind, Counter: counter, Index: -1, At: r.line.Words[i].Span}
	rest := r.line.Words[i+1:]
	if kind == Counts && len(rest) > 0 {
		u.Key = rest[0]
	}
	switch {
	case len(rest) > 2 && rest[1].Value == "table":
		u.Table = rest[2]
	case len(rest) > 0:
		u.Gap, u.Naming = behind(rest[0].Span), " table %s"
	}
	r.add(u)
}

// behind is the empty place behind a span.
func behind(s diag.Span) diag.Span { return diag.Span{File: s.File, Start: s.End, End: s.End} }

// action reads "sc-inc-gpc0(COUNTER)", "sc-set-gpt(INDEX,COUNTER)".
func (r *useReader) action(w Scalar) {
	name, args, _ := strings.Cut(w.Value, "(")
	data := name[strings.LastIndexByte(name, '-')+1:]
	numbers := integers(strings.TrimSuffix(args, ")"))
	u := TableUse{Kind: Writes, Data: data, Index: -1, At: w.At(0, len(name))}
	switch data {
	case "gpc0", "gpc1", "gpt0":
	case "gpc", "gpt":
		if len(numbers) == 0 {
			return
		}
		u.Index, numbers = numbers[0], numbers[1:]
	default:
		return
	}
	if len(numbers) == 1 && !w.Unresolved {
		u.Counter = numbers[0]
		r.add(u)
	}
}

// integers reads "1,2"; nil when something else stands among them.
func integers(list string) []int {
	var numbers []int
	for part := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil {
			return nil
		}
		numbers = append(numbers, n)
	}
	return numbers
}

// word reads a sample expression, or those in the brackets of a log format: "src,table_gpc0(t)", "at %[sc0_conn_cur] of".
func (r *useReader) word(w Scalar) {
	if !strings.ContainsRune(w.Value, '%') {
		r.expression(w, 0)
		return
	}
	for i := 0; i < len(w.Value); {
		if w.Value[i] != '%' {
			i++
			continue
		}
		open := i + 1
		if strings.HasPrefix(w.Value[i:], "%%") { // the sign itself
			i += 2
			continue
		}
		if open < len(w.Value) && w.Value[open] == '{' {
			open = i + 1 + strings.IndexByte(w.Value[i+1:], '}') + 1
		}
		if open > i && open < len(w.Value) && w.Value[open] == '[' {
			r.expression(w, open+1)
		}
		i = max(open, i+1)
	}
}

// expression reads a fetch and its converters from an offset of a word on.
func (r *useReader) expression(w Scalar, from int) {
	for from < len(w.Value) {
		end := from
		for end < len(w.Value) && inFetchName(w.Value[end]) {
			end++
		}
		if end == from {
			return
		}
		call := fetchCall{name: w.Value[from:end], at: w.At(from, end), gap: w.At(end, end), naming: "(%s)"}
		if end < len(w.Value) && w.Value[end] == '(' {
			end = call.arguments(w, end+1)
			call.gap, call.naming = w.At(end-1, end-1), "%s"
			if len(call.args) > 0 {
				call.naming = ",%s"
			}
		}
		if u, ok := call.use(); ok {
			r.add(u)
		}
		if end >= len(w.Value) || w.Value[end] != ',' {
			return
		}
		from = end + 1
	}
}

func inFetchName(c byte) bool {
	return c == '_' || c == '.' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// fetchCall is a fetch or converter with its arguments.
type fetchCall struct {
	name   string
	at     diag.Span
	args   []Scalar
	gap    diag.Span // where a table may be named when none is
	naming string
}

// arguments reads the arguments that begin at an offset, and gives the offset behind the closing parenthesis. As in HAProxy, quotes
// protect commas and parentheses.
func (c *fetchCall) arguments(w Scalar, from int) int {
	quote := byte(0)
	for i := from; i < len(w.Value); i++ {
		switch b := w.Value[i]; {
		case quote != 0:
			if b == quote {
				quote = 0
			}
		case b == '"' || b == '\'':
			quote = b
		case b == ',' || b == ')':
			if i > from || b == ',' {
				c.args = append(c.args, w.slice(from, i))
			}
			from = i + 1
			if b == ')' {
				return from
			}
		}
	}
	return len(w.Value)
}

// use gives what the call does with a table; false when it uses none, or cannot be understood.
func (c *fetchCall) use() (TableUse, bool) {
	u := TableUse{Counter: -1, Index: -1, At: c.at}
	if c.name == "in_table" {
		u.Kind = Mentions
		return c.table(u, true)
	}
	family, what, found := strings.Cut(c.name, "_")
	counter, isCounter := strings.CutPrefix(family, "sc")
	if !found || !isCounter && family != "src" && family != "table" {
		return u, false
	}
	if u.Kind, u.Data = dataUse(what, family == "table"); u.Kind == 0 {
		return u, false
	}
	if slices.Contains([]string{"gpc", "gpt", "gpc_rate"}, u.Data) {
		if !c.number(&u.Index) {
			return u, false
		}
	}
	if isCounter && counter == "" {
		if !c.number(&u.Counter) {
			return u, false
		}
	} else if isCounter {
		n, err := strconv.Atoi(counter)
		if err != nil {
			return u, false
		}
		u.Counter = n
	}
	return c.table(u, family == "table")
}

// number takes the next argument for a number.
func (c *fetchCall) number(n *int) bool {
	if len(c.args) == 0 {
		return false
	}
	v, err := strconv.Atoi(c.args[0].Value)
	*n, c.args = v, c.args[1:]
	return err == nil && v >= 0
}

// table takes the next argument for the table's name, which must be there or may be left out.
func (c *fetchCall) table(u TableUse, needed bool) (TableUse, bool) {
	if len(c.args) > 0 {
		u.Table = c.args[0]
	} else {
		u.Gap, u.Naming = c.gap, c.naming
	}
	return u, !u.Table.IsZero() && u.Table.Value != "" || !needed
}

// fetchedData are the data types by the names that fetches have for them, where the two differ or the type is not read by its own name.
var fetchedData = map[string]string{"kbytes_in": "bytes_in_cnt", "kbytes_out": "bytes_out_cnt"}

// plainData are read by their own names: sc0_conn_cnt, table_conn_cnt.
var plainData = []string{
	"conn_cnt", "conn_cur", "conn_rate", "sess_cnt", "sess_rate", "http_req_cnt", "http_req_rate", "http_err_cnt", "http_err_rate",
	"http_fail_cnt", "http_fail_rate", "bytes_in_rate", "bytes_out_rate", "gpc0_rate", "gpc1_rate", "gpc_rate", "glitch_cnt", "glitch_rate",
}

// tags are what one sets or counts oneself: fetches are called get_gpc0, inc_gpc0 and clr_gpc0, converters just gpc0.
var tags = []string{"gpc0", "gpc1", "gpc", "gpt0", "gpt"}

// dataUse tells what a fetch does by its name without the family: "http_req_rate", "get_gpc0", "inc_gpc0"; kind 0 when there is no such fetch.
func dataUse(what string, converter bool) (UseKind, string) {
	if data, ok := fetchedData[what]; ok {
		return Reads, data
	}
	if slices.Contains(plainData, what) {
		return Reads, what
	}
	verb, tag, _ := strings.Cut(what, "_")
	switch {
	case converter && (slices.Contains(tags, what) || what == "server_id"):
		return Reads, what
	case verb == "get" && slices.Contains(tags, tag):
		return Reads, tag
	case (verb == "inc" || verb == "clr") && slices.Contains(tags, tag):
		return Writes, tag
	case what == "updt_conn_cnt":
		return Writes, "conn_cnt"
	case slices.Contains([]string{"trackers", "tracked", "idle", "expire"}, what):
		return Mentions, ""
	}
	return 0, ""
}
