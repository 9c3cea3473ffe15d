package load

import (
	"regexp"
	"slices"
	"strconv"
	"time"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
)

// Aggregator reads the one file that an aggregator is run from, in the environment that it is run in. Beside what is wrong in the text, findings say what the file asks
// for and is not carried out: a warning where the sums stay right without it, an error where they would not.
func Aggregator(env grammar.Environment, name string, data []byte) (*topology.Node, diag.List) {
	config, findings := grammar.ParseConfigIn(env, name, data)
	b := nodeBuilder{node: &topology.Node{}, findings: &findings}
	b.file(config)
	n := b.node
	if len(n.Aggregations) == 0 {
		findings.Add(*grammar.Findingf(grammar.CodeDirective, firstPlace(name), "`%s` has no section `aggregations NAME`; without one there is nothing to sum", name))
	}
	if own := ownNames(n); len(own) > 0 {
		n.Name, n.NameFrom = own[0], topology.NameFromLocalServer
	}
	if config.IsAggregator() {
		notExecuted(config, &findings)
		fitTogether(n, &findings)
	}
	findings.Sort()
	return n, findings
}

// aggregations reads an aggregations section.
func (b *nodeBuilder) aggregations(s *grammar.Section) {
	if !b.isFirst(s) {
		return
	}
	a := &topology.Aggregations{Name: text(s.Name), Header: s.Header.WordsSpan()}
	for i := range s.Lines {
		line := &s.Lines[i]
		switch statement := line.Statement.(type) {
		case *grammar.Peer:
			b.peer(a, line, statement)
		case *grammar.From:
			a.Rules = append(a.Rules, rule(line, statement))
		case *grammar.Forward:
			a.Forwards = append(a.Forwards, text(statement.Suffix))
		case *grammar.Setting:
			setting(&a.Settings, line, statement, b.findings)
		}
	}
	b.node.Aggregations = append(b.node.Aggregations, a)
}

var directions = map[string]topology.Direction{"": topology.Unmarked, "local": topology.Local, "up": topology.Up, "down": topology.Down}

// peer adds a peer; a second local one stays among the others, with its direction.
func (b *nodeBuilder) peer(a *topology.Aggregations, line *grammar.Line, s *grammar.Peer) {
	p := &topology.Peer{
		Name: text(s.Name), Address: readEndpoint(s.Address, b.findings), Direction: directions[s.Direction.Value],
		Role: s.Direction.Span, Group: b.group(s.Group), Span: line.WordsSpan(),
	}
	if p.Direction != topology.Local && isAnyHost(p.Address) {
		b.findings.Add(*grammar.Findingf(grammar.CodeAddress, p.Address.Span, "address `%s` cannot be dialled: it names no host", s.Address.Value))
		p.Address.Unresolved = true
	}
	p.TLS = checkTLS(line, s.Options, p.Direction == topology.Local, map[string]int{"replica": 0}, b.findings)
	b.replica(p, s)
	if p.Group > 0 && (p.Direction == topology.Unmarked || p.Direction == topology.Local) {
		b.findings.Add(*grammar.Findingf(grammar.CodeLine, s.Group.Span, "`group %s` stands without `up` or `down`; only aggregators that compute the same thing form groups", s.Group.Value))
	}
	if p.Direction == topology.Local && a.Local == nil {
		a.Local = p
		return
	}
	a.Peers = append(a.Peers, p)
}

// isAnyHost tells whether an address is one to listen on only.
func isAnyHost(a topology.Address) bool {
	return !a.Unresolved && a.Unix == "" && slices.Contains([]string{"", "*", "0.0.0.0", "::"}, a.Host)
}

// replica reads the word replica: such a peer is beside us, not above or below.
func (b *nodeBuilder) replica(p *topology.Peer, s *grammar.Peer) {
	i := slices.IndexFunc(s.Options, func(o grammar.Scalar) bool { return o.Value == "replica" })
	p.Replica = i >= 0
	if p.Replica && p.Direction != topology.Unmarked {
		f := grammar.Findingf(grammar.CodeLine, s.Options[i].Span, "`replica` and `%s` contradict each other; a replica sums the same nodes", p.Direction)
		f.Related = []diag.Note{{Span: p.Role}}
		b.findings.Add(*f)
	}
}

func (b *nodeBuilder) group(s grammar.Scalar) int {
	if s.IsZero() || s.Unresolved {
		return 0
	}
	n, err := strconv.ParseUint(s.Value, 10, 31)
	if err != nil || n == 0 {
		b.findings.Add(*grammar.Findingf(grammar.CodeLine, s.Span, "group `%s` is not a number from 1 on", s.Value))
	}
	return int(n)
}

func rule(line *grammar.Line, s *grammar.From) *topology.Rule {
	r := &topology.Rule{From: text(s.From), To: text(s.To), UpOnly: !s.UpOnly.IsZero(), Span: line.WordsSpan()}
	if s.From.Value == "any" {
		r.Any, r.From.Value = true, ""
	}
	return r
}

// octalMode is what a file's mode looks like.
var octalMode = regexp.MustCompile(`^0?[0-7]{3,4}$`)

var levels = []string{"user", "operator", "admin"}

func statsSocket(s *grammar.StatsSocket, findings *diag.List) topology.StatsSocket {
	out := topology.StatsSocket{Address: readEndpoint(s.Address, findings), Mode: text(s.Mode), Level: text(s.Level)}
	if !s.Mode.IsZero() && !s.Mode.Unresolved && !octalMode.MatchString(s.Mode.Value) {
		findings.Add(*grammar.Findingf(grammar.CodeLine, s.Mode.Span, "mode `%s` is not an octal file mode such as `660`", s.Mode.Value))
	}
	if !s.Level.IsZero() && !s.Level.Unresolved && !slices.Contains(levels, s.Level.Value) {
		findings.Add(*grammar.Findingf(grammar.CodeLine, s.Level.Span, "level `%s` is not known; %s", s.Level.Value, grammar.Accepted(s.Level.Value, levels)))
	}
	return out
}

// setting stores a directive of how the aggregator works, where the model has it.
func setting(to *topology.Settings, line *grammar.Line, s *grammar.Setting, findings *diag.List) {
	span := line.WordsSpan()
	switch s.Keyword.Value {
	case "learn-timeout":
		to.LearnTimeout = readTiming(s.Args[0], findings)
	case "hold":
		to.Hold = readTiming(s.Args[0], findings)
	case "pace":
		to.Pace = readTiming(s.Args[0], findings)
	case "give-back":
		to.GiveBack = topology.Switch{On: s.Args[0].Value == "on", Span: span}
	case "strict-names":
		to.StrictNames = topology.Switch{On: true, Span: span}
	case "source":
		to.Source = readAddress(s.Args[0], findings)
	case "lease":
		to.Leases = append(to.Leases, lease(s, span, findings))
	}
}

// leastLease bounds what leases cost: a key is sent three times in this time.
const leastLease = 100 * time.Millisecond

func lease(s *grammar.Setting, span diag.Span, findings *diag.List) topology.Lease {
	l := topology.Lease{Table: text(s.Args[0]), Period: readTiming(s.Args[1], findings), Span: span}
	if !l.Period.Span.IsZero() && l.Period.Value < leastLease && !s.Args[1].Unresolved {
		findings.Add(*grammar.Findingf(grammar.CodeDuration, l.Period.Span, "a lease of `%s` is too short; accepted are times from %s on", s.Args[1].Value, leastLease))
	}
	return l
}
