package grammar

import (
	"errors"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"stktc/grammar/diag"
)

// What we understand of a balancer's configuration. Lines of other directives stay raw: they are HAProxy's to judge.

type localPeerSyntax struct {
	Name lexer.Token `parser:"'localpeer' @Word"`
}

type statsSocketSyntax struct {
	Address lexer.Token           `parser:"'stats' 'socket' @Word"`
	Options []statsSocketArgument `parser:"@@*"`
}

type statsSocketArgument struct {
	Mode   lexer.Token `parser:"  'mode' @Word"`
	Level  lexer.Token `parser:"| 'level' @Word"`
	Option lexer.Token `parser:"| @Word"`
}

type bindSyntax struct {
	Address lexer.Token     `parser:"'bind' @Word"`
	Options []optionalToken `parser:"@@*"`
}

// optionalToken is a struct because a second capture into a slice of tokens would replace the first.
type optionalToken struct {
	Word lexer.Token `parser:"@Word"`
}

type serverSyntax struct {
	Keyword lexer.Token     `parser:"@'server'"`
	Name    lexer.Token     `parser:"@Word"`
	Options []optionalToken `parser:"@@*"`
}

type oldPeerSyntax struct {
	Keyword lexer.Token     `parser:"@'peer'"`
	Name    lexer.Token     `parser:"@Word"`
	Address lexer.Token     `parser:"@Word"`
	Options []optionalToken `parser:"@@*"`
}

type stickTableSyntax struct {
	Keyword   lexer.Token     `parser:"@'stick-table'"`
	Arguments []tableArgument `parser:"@@*"`
}

type tableSyntax struct {
	Keyword   lexer.Token     `parser:"@'table'"`
	Name      lexer.Token     `parser:"@Word"`
	Arguments []tableArgument `parser:"@@*"`
}

type tableArgument struct {
	Type   lexer.Token `parser:"  'type' @Word"`
	Len    lexer.Token `parser:"  ('len' @Word)?"`
	Size   lexer.Token `parser:"| 'size' @Word"`
	Expire lexer.Token `parser:"| 'expire' @Word"`
	Store  lexer.Token `parser:"| 'store' @Word"`
	Peers  lexer.Token `parser:"| 'peers' @Word"`
	Flag   lexer.Token `parser:"| @('nopurge' | 'recv-only')"`
	Option lexer.Token `parser:"| @('srvkey' | 'write-to' | 'brates-factor')"`
	Value  lexer.Token `parser:"  @Word"`
}

type settingSyntax struct {
	Keyword lexer.Token     `parser:"@Word"`
	Args    []optionalToken `parser:"@@*"`
}

var tableWords = []string{"type", "len", "size", "expire", "store", "peers", "nopurge", "recv-only", "srvkey", "write-to", "brates-factor"}

const (
	shapeForm      = "type TYPE [len N] size N [expire TIME] [store LIST] [nopurge] [srvkey name|addr] [write-to TABLE] [recv-only] [brates-factor N]"
	stickTableForm = "stick-table " + shapeForm + " [peers SECTION]"
	tableForm      = "table NAME " + shapeForm
)

var (
	localPeerDirective = &directive{
		form: "localpeer NAME",
		parse: grammarOf(func(l *line, g *localPeerSyntax) Statement {
			return &LocalPeer{Name: l.scalar(g.Name)}
		}),
	}
	statsSocketDirective = &directive{
		form:   "stats socket ADDRESS [mode MODE] [level user|operator|admin]",
		words:  []string{"mode", "level"},
		repeat: true,
		parse:  grammarOf(statsSocket),
	}
	bindDirective = &directive{
		form:   "bind ADDRESS [OPTION …]",
		repeat: true,
		parse: grammarOf(func(l *line, g *bindSyntax) Statement {
			return &Bind{Address: l.scalar(g.Address), Options: l.options(g.Options)}
		}),
	}
	// A proxy's listener is split by hand: it is HAProxy's to judge, and participle took a third of the time of a file full of them.
	proxyBindDirective = &directive{form: bindDirective.form, repeat: true, parse: proxyBind}
	// HAProxy refuses a second listener in a peers section.
	peersBindDirective = &directive{form: bindDirective.form, parse: bindDirective.parse}
	serverDirective    = &directive{
		form:   "server NAME [ADDRESS] [OPTION …]",
		repeat: true,
		parse:  grammarOf(server),
	}
	oldPeerDirective = &directive{
		form:   "peer NAME ADDRESS [OPTION …]",
		repeat: true,
		parse: grammarOf(func(l *line, g *oldPeerSyntax) Statement {
			return &Server{Keyword: l.scalar(g.Keyword), Name: l.scalar(g.Name), Address: l.scalar(g.Address), Options: l.options(g.Options)}
		}),
	}
	// A second stick-table of a proxy is a second table of one name, which only the whole configuration shows.
	stickTableDirective = &directive{
		form:   stickTableForm,
		words:  tableWords,
		repeat: true,
		parse: grammarOf(func(l *line, g *stickTableSyntax) Statement {
			return l.table(&Table{}, g.Arguments)
		}),
	}
	tableDirective = &directive{
		form:   tableForm,
		words:  tableWords,
		repeat: true,
		parse: grammarOf(func(l *line, g *tableSyntax) Statement {
			return l.table(&Table{Name: l.scalar(g.Name)}, g.Arguments)
		}),
	}
	defaultServerDirective = &directive{form: "default-server OPTION …", repeat: true, parse: grammarOf(setting)}
	defaultBindDirective   = &directive{form: "default-bind OPTION …", repeat: true, parse: grammarOf(setting)}
)

func proxyBind(l *line) (Statement, error) {
	if len(l.words) < 2 {
		return nil, errors.New("no address")
	}
	return &Bind{Address: l.words[1], Options: l.words[2:]}, nil
}

func setting(l *line, g *settingSyntax) Statement {
	return &Setting{Keyword: l.scalar(g.Keyword), Args: l.options(g.Args)}
}

func (l *line) options(tokens []optionalToken) []Scalar {
	var words []Scalar
	for i := range tokens {
		words = append(words, l.scalar(tokens[i].Word))
	}
	return words
}

func statsSocket(l *line, g *statsSocketSyntax) Statement {
	s := &StatsSocket{Address: l.scalar(g.Address)}
	for i := range g.Options {
		o := &g.Options[i]
		l.once(&s.Mode, o.Mode, diag.Warning, "`mode`")
		l.once(&s.Level, o.Level, diag.Warning, "`level`")
		if o.Option.Pos.Line != 0 {
			s.Options = append(s.Options, l.scalar(o.Option))
		}
	}
	return s
}

// server tells the local server, which has no address, from the others: the local one may have options too, and HAProxy knows
// it by its name, which another file or the command line may have set.
func server(l *line, g *serverSyntax) Statement {
	s := &Server{Keyword: l.scalar(g.Keyword), Name: l.scalar(g.Name), Options: l.options(g.Options)}
	if len(s.Options) > 0 && looksLikeAddress(s.Options[0]) {
		s.Address, s.Options = s.Options[0], s.Options[1:]
	}
	return s
}

// looksLikeAddress: every option of a server begins with a letter and holds none of the marks of an address.
func looksLikeAddress(s Scalar) bool {
	if s.Unresolved || s.Value == "" {
		return true
	}
	c := s.Value[0] | 0x20
	return strings.ContainsAny(s.Value, ":/@.*") || c < 'a' || c > 'z'
}

// table collects the arguments, which may stand in any order. Of one that stands twice the last counts; store lists add up.
func (l *line) table(t *Table, arguments []tableArgument) Statement {
	for i := range arguments {
		a := &arguments[i]
		l.once(&t.Type, a.Type, diag.Warning, "`type`")
		l.once(&t.Len, a.Len, diag.Warning, "`len`")
		l.once(&t.Size, a.Size, diag.Warning, "`size`")
		l.once(&t.Expire, a.Expire, diag.Warning, "`expire`")
		l.once(&t.Peers, a.Peers, diag.Warning, "`peers`")
		l.store(t, a.Store)
		for _, option := range []lexer.Token{a.Flag, a.Option, a.Value} {
			if option.Pos.Line != 0 {
				t.Options = append(t.Options, l.scalar(option))
			}
		}
	}
	l.complete(t)
	return t
}

func (l *line) store(t *Table, token lexer.Token) {
	if token.Pos.Line == 0 {
		return
	}
	list := l.scalar(token)
	items, bad := ParseStore(list)
	t.Store = append(t.Store, items...)
	t.StoreUnknown = t.StoreUnknown || list.Unresolved || len(bad) > 0
	l.findings.Add(bad...)
}

// complete reports what HAProxy misses in a table, or does not take.
func (l *line) complete(t *Table) {
	keyword, form := l.words[0].Value, stickTableForm
	if keyword == "table" {
		form = tableForm
	}
	for _, needed := range []struct {
		word  string
		value Scalar
	}{{"type", t.Type}, {"size", t.Size}} {
		if needed.value.IsZero() {
			l.findings.Add(*Findingf(CodeArgument, l.span, "`%s` lacks its `%s`; accepted is `%s`", keyword, needed.word, form))
		}
	}
	if keyword == "table" && !t.Peers.IsZero() {
		l.findings.Add(*Findingf(CodeLine, t.Peers.Span, "`table %s` names the peers section `%s`; a table inside a peers section belongs to that section", t.Name.Value, t.Peers.Value))
	}
}
