package compile

import (
	"cmp"
	"fmt"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

// AggregatorFile is the name of an aggregator's file unless the topology gives another: that of the vendor's daemon.
const AggregatorFile = "hapee-stktagg.cfg"

const aggregatorInstall = "/etc/hapee-extras/"

func aggregatorOutput(n *topology.Node) string { return cmp.Or(n.Build.Output, AggregatorFile) }

func lowerAggregators(u *unit) {
	for _, h := range u.hosts {
		if h.node.IsAggregator() {
			h.aggregator = u.aggregatorLines(h.node)
		}
	}
}

func (u *unit) aggregatorLines(n *topology.Node) []Line {
	lines := []Line{u.notice(n)}
	var global []Line
	for _, s := range n.Stats {
		global = append(global, statsSocket(s))
	}
	global = append(append(global, settingsLines(&n.Settings)...), rawLines("aggregations x\nglobal", n.Build.Extra)...)
	if len(global) > 0 {
		lines = append(lines, Line{Words: []string{"global"}, Origin: global[0].Origin})
		lines = append(lines, global...)
	}
	for _, a := range n.Aggregations {
		lines = append(lines, aggregationsLines(a)...)
	}
	return lines
}

// notice is the first line of a file that is ours alone.
func (u *unit) notice(n *topology.Node) Line {
	return Line{
		Comment: fmt.Sprintf("made by stktc from %s, which is the file to edit", sourceName(u.cluster.File)),
		Origin:  n.Name.Span,
	}
}

func statsSocket(s topology.StatsSocket) Line {
	words := []string{"stats", "socket", s.Address.Raw}
	if !s.Mode.IsZero() {
		words = append(words, "mode", s.Mode.Value)
	}
	if !s.Level.IsZero() {
		words = append(words, "level", s.Level.Value)
	}
	return Line{Indent: 1, Words: words, Origin: s.Address.Span}
}

// aggregationsLines writes a section in the order of the vendor's documents: whom it listens as, whom it sums, what it makes
// of that, whom it tells, what it hands down. The order has no meaning to the daemon.
func aggregationsLines(a *topology.Aggregations) []Line {
	lines := section(a.Header, "aggregations", a.Name.Value)
	add := func(l Line) { lines = append(lines, l) }
	if a.Local != nil {
		add(aggregatorPeer(a.Local))
	}
	for _, p := range a.Peers {
		if p.Direction != topology.Up {
			add(aggregatorPeer(p))
		}
	}
	for _, r := range a.Rules {
		from := r.From.Value
		if r.Any {
			from = "any"
		}
		words := []string{"from", from, "to", r.To.Value}
		if r.UpOnly {
			words = append(words, "up-only")
		}
		add(Line{Indent: 1, Words: words, Origin: r.Span})
	}
	for _, p := range a.Peers {
		if p.Direction == topology.Up {
			add(aggregatorPeer(p))
		}
	}
	for _, f := range a.Forwards {
		add(Line{Indent: 1, Words: []string{"forward", f.Value}, Origin: f.Span})
	}
	lines = append(lines, settingsLines(&a.Settings)...)
	return append(lines, rawLines("aggregations x", a.Extra)...)
}

// rawLines are those that are kept as they stand, in a section below a header. Their words are there for who looks for what a file says.
func rawLines(header string, texts []topology.Text) []Line {
	var lines []Line
	for _, t := range texts {
		config, _ := grammar.ParseConfig("", []byte(header+"\n"+t.Value+"\n"))
		l := Line{Indent: 1, Raw: t.Value, Origin: t.Span}
		for _, w := range config.Sections[len(config.Sections)-1].Lines[0].Words {
			l.Words = append(l.Words, w.Value)
		}
		lines = append(lines, l)
	}
	return lines
}

// settingsLines writes the settings that were stated: one with a zero span is the daemon's default.
func settingsLines(s *topology.Settings) []Line {
	var lines []Line
	add := func(at diag.Span, words ...string) {
		if !at.IsZero() {
			lines = append(lines, Line{Indent: 1, Words: words, Origin: at})
		}
	}
	onOff := map[bool]string{true: "on", false: "off"}
	add(s.Source.Span, "source", s.Source.Raw)
	add(s.LearnTimeout.Span, "learn-timeout", sticktable.FormatDuration(s.LearnTimeout.Value))
	add(s.Hold.Span, "hold", sticktable.FormatDuration(s.Hold.Value))
	add(s.Pace.Span, "pace", sticktable.FormatDuration(s.Pace.Value))
	add(s.GiveBack.Span, "give-back", onOff[s.GiveBack.On])
	if s.StrictNames.On {
		add(s.StrictNames.Span, "strict-names")
	}
	for _, l := range s.Leases {
		add(l.Span, "lease", l.Table.Value, sticktable.FormatDuration(l.Period.Value))
	}
	return lines
}

func aggregatorPeer(p *topology.Peer) Line {
	words := []string{"peer", p.Name.Value, p.Address.Raw}
	if p.Direction != topology.Unmarked {
		words = append(words, p.Direction.String())
	}
	if p.Group > 0 {
		words = append(words, "group", fmt.Sprint(p.Group))
	}
	if p.Replica {
		words = append(words, "replica")
	}
	words = append(words, tlsWords(p.TLS, p.Direction == topology.Local)...)
	return Line{Indent: 1, Words: words, Comment: translation(p), Origin: p.Span}
}
