package grammar

import (
	"github.com/alecthomas/participle/v2/lexer"

	"stktc/grammar/diag"
)

// What an aggregator's file says: the vendor's directives, those of the Global Profiling Engine, and our extensions.

type peerSyntax struct {
	Name    lexer.Token    `parser:"'peer' @Word"`
	Address lexer.Token    `parser:"@Word"`
	Options []peerArgument `parser:"@@*"`
}

type peerArgument struct {
	Direction lexer.Token `parser:"  @('local' | 'up' | 'down')"`
	Group     lexer.Token `parser:"| 'group' @Word"`
	Flag      lexer.Token `parser:"| @('replica' | 'ssl' | 'no-ssl' | 'check-sni-auto' | 'no-tls-tickets' | 'force-tlsv12' | 'force-tlsv13' | 'allow-0rtt')"`
	Option    lexer.Token `parser:"| @('crt' | 'key' | 'ca-file' | 'crl-file' | 'verify' | 'verifyhost' | 'sni' | 'alpn' | 'ciphers' | 'ciphersuites' | 'curves' | 'ssl-min-ver' | 'ssl-max-ver')"`
	Value     lexer.Token `parser:"  @Word"`
}

type fromSyntax struct {
	From   lexer.Token `parser:"'from' @Word"`
	To     lexer.Token `parser:"'to' @Word"`
	UpOnly lexer.Token `parser:"@'up-only'?"`
}

type forwardSyntax struct {
	Suffix lexer.Token `parser:"'forward' @Word"`
}

type flagSyntax struct {
	Keyword lexer.Token `parser:"@('dynamic-peers' | 'strict-names')"`
}

type oneArgumentSyntax struct {
	Keyword lexer.Token   `parser:"@('source' | 'trash-batch' | 'hold' | 'pace' | 'learn-timeout')"`
	Args    optionalToken `parser:"@@"`
}

type giveBackSyntax struct {
	Keyword lexer.Token `parser:"@'give-back'"`
	Switch  lexer.Token `parser:"@('on' | 'off')"`
}

type leaseSyntax struct {
	Keyword lexer.Token `parser:"@'lease'"`
	Table   lexer.Token `parser:"@Word"`
	Period  lexer.Token `parser:"@Word"`
}

type cpuMapSyntax struct {
	Keyword lexer.Token     `parser:"@'cpu-map'"`
	Set     optionalToken   `parser:"@@"`
	CPUs    []optionalToken `parser:"@@+"`
}

var (
	peerDirective = &directive{
		form: "peer NAME ADDRESS [local|up|down] [group N]",
		words: []string{"local", "up", "down", "group", "replica", "ssl", "no-ssl", "crt", "key", "ca-file", "crl-file", "verify", "verifyhost", "sni", "alpn",
			"ciphers", "ciphersuites", "curves", "ssl-min-ver", "ssl-max-ver"},
		repeat: true,
		parse:  grammarOf(peer),
	}
	fromDirective = &directive{
		form:   "from SUFFIX|any to SUFFIX [up-only]",
		words:  []string{"to", "up-only"},
		repeat: true,
		parse: grammarOf(func(l *line, g *fromSyntax) Statement {
			return &From{From: l.scalar(g.From), To: l.scalar(g.To), UpOnly: l.scalar(g.UpOnly)}
		}),
	}
	forwardDirective = &directive{
		form:   "forward SUFFIX",
		repeat: true,
		parse: grammarOf(func(l *line, g *forwardSyntax) Statement {
			return &Forward{Suffix: l.scalar(g.Suffix)}
		}),
	}
	hashTableDirective = &directive{form: "hash-table [ARGUMENT …]", repeat: true, parse: grammarOf(setting)}
	cpuMapDirective    = &directive{
		form:   "cpu-map SET CPU …",
		repeat: true,
		parse: grammarOf(func(l *line, g *cpuMapSyntax) Statement {
			return &Setting{Keyword: l.scalar(g.Keyword), Args: l.words[1:]}
		}),
	}
	leaseDirective = &directive{
		form:   "lease TABLE TIME",
		repeat: true,
		parse: grammarOf(func(l *line, g *leaseSyntax) Statement {
			return &Setting{Keyword: l.scalar(g.Keyword), Args: l.words[1:]}
		}),
	}
	giveBackDirective = &directive{
		form:  "give-back on|off",
		words: []string{"on", "off"},
		parse: grammarOf(func(l *line, g *giveBackSyntax) Statement {
			return &Setting{Keyword: l.scalar(g.Keyword), Args: l.words[1:]}
		}),
	}
)

// flagDirective is a word that stands alone.
func flagDirective(keyword string) *directive {
	return &directive{form: keyword, parse: grammarOf(func(l *line, g *flagSyntax) Statement {
		return &Setting{Keyword: l.scalar(g.Keyword)}
	})}
}

// oneArgument is a word with one argument.
func oneArgument(keyword, argument string) *directive {
	return &directive{form: keyword + " " + argument, parse: grammarOf(func(l *line, g *oneArgumentSyntax) Statement {
		return &Setting{Keyword: l.scalar(g.Keyword), Args: l.words[1:]}
	})}
}

func peer(l *line, g *peerSyntax) Statement {
	p := &Peer{Name: l.scalar(g.Name), Address: l.scalar(g.Address)}
	for i := range g.Options {
		o := &g.Options[i]
		l.once(&p.Direction, o.Direction, diag.Error, "the peer's direction")
		l.once(&p.Group, o.Group, diag.Error, "`group`")
		for _, option := range []lexer.Token{o.Flag, o.Option, o.Value} {
			if option.Pos.Line != 0 {
				p.Options = append(p.Options, l.scalar(option))
			}
		}
	}
	return p
}
