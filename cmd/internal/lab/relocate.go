package lab

import (
	"bytes"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"stktc/grammar"
)

// form is how much of an operator's own configuration is run.
type form uint8

const (
	whole   form = iota // everything that means something on this machine
	reduced             // only proxies with tables, and of those only what accepts, counts and answers
)

// relocated is a file for the lab. It has as many lines as the original: what is left out is a comment, so that messages about
// it name the lines of the compiled file.
type relocated struct {
	host    int
	path    string
	text    []byte
	config  *grammar.ConfigFile // of text
	changes changes
}

// leftOut begins the words about what is not run.
const leftOut = "left out "

// changes counts what was changed, by a few words about it.
type changes map[string]int

// rewriter rewrites one file.
type rewriter struct {
	plan    *plan
	place   *place
	form    form
	file    *grammar.ConfigFile
	section *grammar.Section
	changes changes

	translated []string // see Host.Translated
}

// rewrite relocates all files of all hosts.
func (p *plan) rewrite(hosts []Host, form form) []relocated {
	configs := p.survey(hosts)
	var files []relocated
	for i, h := range hosts {
		for j, f := range h.Files {
			r := &rewriter{plan: p, place: p.places[i], form: form, file: configs[i][j], changes: changes{}, translated: h.Translated}
			path := filepath.Join(p.places[i].dir, f.Name)
			text := r.rewrite()
			config, _ := grammar.ParseConfig(path, text)
			files = append(files, relocated{host: i, path: path, text: text, config: config, changes: r.changes})
		}
	}
	return files
}

// survey parses the files, and notes the names that hosts bear and the ports that they write, so that moved ports keep clear of them.
func (p *plan) survey(hosts []Host) [][]*grammar.ConfigFile {
	configs := make([][]*grammar.ConfigFile, len(hosts))
	for i, h := range hosts {
		for _, f := range h.Files {
			config, _ := grammar.ParseConfig(f.Name, f.Text)
			configs[i] = append(configs[i], config)
			for line := range config.AllLines() {
				p.surveyLine(p.places[i], line)
			}
			for _, s := range config.Sections {
				p.surveyListener(s)
			}
		}
	}
	return configs
}

func (p *plan) surveyLine(pl *place, line *grammar.Line) {
	switch s := line.Statement.(type) {
	case *grammar.Bind:
		pl.taken[portOf(s.Address)] = true
	case *grammar.Server:
		if s.Address.IsZero() {
			p.byPeer[s.Name.Value] = pl
		}
	case *grammar.Peer:
		if s.Direction.Value == "local" {
			p.byPeer[s.Name.Value] = pl
			pl.taken[portOf(s.Address)] = true
		}
	case *grammar.LocalPeer:
		p.byPeer[s.Name.Value] = pl
	}
}

// surveyListener notes at which port the name that a section is known by is reached.
func (p *plan) surveyListener(s *grammar.Section) {
	name, port := "", 0
	for i := range s.Lines {
		switch l := s.Lines[i].Statement.(type) {
		case *grammar.Bind:
			port = portOf(l.Address)
		case *grammar.Server:
			if l.Address.IsZero() {
				name = l.Name.Value
			}
		case *grammar.Peer:
			if l.Direction.Value == "local" {
				name, port = l.Name.Value, portOf(l.Address)
			}
		}
	}
	if name != "" && port != 0 && !slices.Contains(p.ports[name], port) {
		p.ports[name] = append(p.ports[name], port)
	}
}

func portOf(s grammar.Scalar) int {
	a, _ := grammar.ParseAddress(s)
	return a.Port
}

func (r *rewriter) rewrite() []byte {
	var out bytes.Buffer
	for line := range r.allLines() {
		raw := r.file.Text[line.Span.Start.Offset:line.End]
		text, changed := r.line(line)
		if !changed {
			out.Write(raw)
			continue
		}
		end := raw[line.Span.End.Offset-line.Span.Start.Offset:]
		out.WriteString(text)
		out.Write(end)
	}
	return out.Bytes()
}

// allLines walks the file and keeps section at the line's.
func (r *rewriter) allLines() func(func(*grammar.Line) bool) {
	return func(yield func(*grammar.Line) bool) {
		for i := range r.file.Preamble {
			if !yield(&r.file.Preamble[i]) {
				return
			}
		}
		for _, s := range r.file.Sections {
			r.section = s
			if !yield(&s.Header) {
				return
			}
			for i := range s.Lines {
				if !yield(&s.Lines[i]) {
					return
				}
			}
		}
	}
}

// line gives what stands for a line; false to keep it.
func (r *rewriter) line(l *grammar.Line) (string, bool) {
	if len(l.Words) == 0 || l.Broken || r.section == nil || strings.HasPrefix(l.Words[0].Value, ".") {
		return "", false
	}
	keyword := r.section.Keyword.Value
	isHeader := l == &r.section.Header
	switch {
	case droppedSections[keyword]:
		return r.drop(l, keyword)
	case r.form == reduced && !r.file.IsAggregator() && !r.isKept(l, isHeader):
		return r.drop(l, "what does not count")
	case isHeader:
		return "", false
	case keyword == "peers":
		return r.peersLine(l)
	case keyword == "aggregations":
		return r.aggregationsLine(l)
	case keyword == "global":
		return r.globalLine(l)
	case slices.Contains(proxySections, keyword):
		return r.proxyLine(l)
	}
	return "", false
}

// drop makes a comment of a line.
func (r *rewriter) drop(l *grammar.Line, what string) (string, bool) {
	r.changes[leftOut+what]++
	return "# lab: " + r.raw(l), true
}

func (r *rewriter) raw(l *grammar.Line) string {
	return string(r.file.Text[l.Span.Start.Offset:l.Span.End.Offset])
}

// replace keeps the indentation and puts words after it.
func (r *rewriter) replace(l *grammar.Line, what string, words ...string) (string, bool) {
	r.changes[what]++
	indent := r.file.Text[l.Span.Start.Offset:l.Words[0].Span.Start.Offset]
	return string(indent) + strings.Join(words, " "), true
}

// source gives words as they are written, quotes included.
func (r *rewriter) source(words ...grammar.Scalar) []string {
	var texts []string
	for _, w := range words {
		if !w.IsZero() {
			texts = append(texts, string(r.file.Text[w.Span.Start.Offset:w.Span.End.Offset]))
		}
	}
	return texts
}

// peersLine relocates the listener and the other peers; one that is not of this topology is left out, or it would be dialled.
func (r *rewriter) peersLine(l *grammar.Line) (string, bool) {
	switch s := l.Statement.(type) {
	case *grammar.Bind:
		return r.replace(l, "address", append([]string{"bind", r.bindAddress(s.Address.Value)}, r.encryption(s.Options)...)...)
	case *grammar.Server:
		return r.server(l, s)
	case *grammar.Table:
		return "", false
	}
	if keyword := l.Words[0].Value; keyword == "default-bind" || keyword == "default-server" {
		return r.replace(l, "default", append([]string{keyword}, r.encryption(l.Words[1:])...)...)
	}
	return r.drop(l, l.Words[0].Value)
}

func (r *rewriter) server(l *grammar.Line, s *grammar.Server) (string, bool) {
	target := r.plan.byPeer[s.Name.Value]
	words := r.source(s.Keyword, s.Name)
	switch {
	case s.Address.IsZero() && len(s.Options) == 0:
		return "", false
	case s.Address.IsZero():
		return r.replace(l, "own entry of peers", append(words, r.encryption(s.Options)...)...)
	case target == nil:
		return r.drop(l, "peers of others")
	case target == r.place:
		words = append(words, r.bindAddress(s.Address.Value))
	default:
		words = append(words, r.dialled(target, s.Name, s.Address))
	}
	target.ask(s.Options)
	return r.replace(l, "address", append(words, r.encryption(s.Options)...)...)
}

// dialled is where a peer is dialled. What a translator's address leads to is known by the peer's name.
func (r *rewriter) dialled(target *place, name, written grammar.Scalar) string {
	if ports := r.plan.ports[name.Value]; len(ports) == 1 && slices.Contains(r.translated, name.Value) {
		r.changes["translated address"]++
		return target.at(ports[0])
	}
	return target.endpoint(written)
}

// endpoint is where a peer that is written with an address is dialled.
func (p *place) endpoint(written grammar.Scalar) string {
	a, bad := grammar.ParseAddress(written)
	if bad == nil && a.Unix != "" {
		return p.socket(a.Unix)
	}
	return p.at(a.Port)
}

func (r *rewriter) aggregationsLine(l *grammar.Line) (string, bool) {
	s, ok := l.Statement.(*grammar.Peer)
	if !ok {
		return "", false
	}
	target := r.plan.byPeer[s.Name.Value]
	words := append([]string{"peer"}, r.source(s.Name)...)
	switch {
	case target == nil:
		return r.drop(l, "peers of others")
	case s.Direction.Value == "local":
		words = append(words, r.bindAddress(s.Address.Value))
	default:
		words = append(words, r.dialled(target, s.Name, s.Address))
	}
	target.ask(s.Options)
	words = append(words, r.source(s.Direction)...)
	if !s.Group.IsZero() {
		words = append(append(words, "group"), r.source(s.Group)...)
	}
	return r.replace(l, "address", append(words, r.certificates(s.Options)...)...)
}

// globalLine moves stats sockets into the lab's directory, and leaves out what needs privilege or touches other files and hosts.
func (r *rewriter) globalLine(l *grammar.Line) (string, bool) {
	s, isSocket := l.Statement.(*grammar.StatsSocket)
	keyword := l.Words[0].Value
	switch {
	case isSocket:
		words := append([]string{"stats", "socket"}, r.bindAddress(s.Address.Value))
		if !s.Level.IsZero() {
			words = append(append(words, "level"), r.source(s.Level)...)
		}
		return r.replace(l, "stats socket", words...)
	case droppedGlobal[keyword]:
		return r.drop(l, keyword)
	}
	if bind, ok := l.Statement.(*grammar.Bind); ok {
		return r.replace(l, "bind", append([]string{"bind", r.bindAddress(bind.Address.Value)}, r.certificates(bind.Options)...)...)
	}
	return "", false
}

func (r *rewriter) proxyLine(l *grammar.Line) (string, bool) {
	keyword := l.Words[0].Value
	switch {
	case keyword == "bind" && len(l.Words) > 1:
		return r.proxyBind(l)
	case keyword == "server" && len(l.Words) > 2:
		return r.proxyServer(l, 3)
	case keyword == "server-template" && len(l.Words) > 3:
		return r.proxyServer(l, 4)
	case droppedProxy[keyword]:
		return r.drop(l, keyword)
	case keyword == "option" && len(l.Words) > 1 && droppedOptions[l.Words[1].Value]:
		return r.drop(l, "option "+l.Words[1].Value)
	case keyword == "filter" && len(l.Words) > 1 && l.Words[1].Value == "spoe":
		return r.drop(l, "filter spoe")
	}
	return "", false
}

// proxyBind keeps the addresses, moved, and no option: certificates, interfaces and users are not of this machine.
func (r *rewriter) proxyBind(l *grammar.Line) (string, bool) {
	var all []string
	for _, a := range strings.Split(l.Words[1].Value, ",") {
		if moved := r.bindAddress(a); moved != "" {
			all = append(all, moved)
		}
	}
	if all == nil {
		return r.drop(l, "bind")
	}
	what := "bind"
	if slices.ContainsFunc(l.Words[2:], func(w grammar.Scalar) bool { return w.Value == "ssl" }) {
		what = "bind, for clients in clear text"
	}
	return r.replace(l, what, "bind", strings.Join(all, ","))
}

// bindAddress is where a listener goes that is written with an address: "*:80", "ipv4@10.0.0.1:443", "/run/x.sock", ":8000-8010".
// It is "" for one that has no place here: a file descriptor, QUIC, another namespace.
func (r *rewriter) bindAddress(written string) string {
	family, rest, hasFamily := strings.Cut(written, "@")
	if !hasFamily {
		family, rest = "", written
	}
	switch {
	case strings.HasPrefix(rest, "/"), family == "unix", family == "uxst":
		return r.place.socket(rest)
	case strings.HasPrefix(family, "quic"), family == "fd", family == "sockpair", family == "abns", family == "rhttp", family == "rev", strings.HasPrefix(family, "udp"):
		return ""
	}
	i := strings.LastIndexByte(rest, ':')
	if i < 0 {
		return ""
	}
	first, last, isRange := strings.Cut(rest[i+1:], "-")
	from, err := strconv.Atoi(first)
	if err != nil {
		return ""
	}
	if to, err := strconv.Atoi(last); isRange && err == nil && from >= privileged {
		for port := from; port <= to; port++ {
			r.place.listen(port)
		}
		return net.JoinHostPort(r.place.ip.String(), rest[i+1:])
	}
	return r.place.listen(from)
}

// proxyServer lets a server stand for itself in name only: all of them are the lab's own, which answers 200 to everything.
func (r *rewriter) proxyServer(l *grammar.Line, fixed int) (string, bool) {
	words := append(r.source(l.Words[:fixed-1]...), r.plan.sink())
	for i := fixed; i < len(l.Words); i++ {
		switch l.Words[i].Value {
		case "backup", "disabled":
			words = append(words, l.Words[i].Value)
		case "cookie", "weight", "id":
			if i+1 < len(l.Words) {
				words = append(words, r.source(l.Words[i:i+2]...)...)
			}
		}
	}
	return r.replace(l, "server", words...)
}
