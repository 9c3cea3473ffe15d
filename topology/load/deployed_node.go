package load

import (
	"cmp"
	"slices"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
)

// nodeBuilder makes a node of its files, one after the other.
type nodeBuilder struct {
	node     *topology.Node
	findings *diag.List
	sections map[string]diag.Span // headers of peers and aggregations sections by keyword and name
	tables   map[string]*topology.Table
}

// maxFindings is how many errors, and how many other findings, one host's files may give.
const maxFindings = 1000

// file adds one configuration file.
func (b *nodeBuilder) file(f *grammar.ConfigFile) {
	if b.sections == nil {
		b.sections, b.tables = map[string]diag.Span{}, map[string]*topology.Table{}
	}
	b.node.Files = append(b.node.Files, f.Name)
	b.node.Uses = append(b.node.Uses, tableUses(f)...)
	for _, s := range f.Sections {
		switch s.Keyword.Value {
		case "global":
			b.global(s, f.IsAggregator())
		case "frontend", "backend", "listen":
			b.proxy(s)
		case "peers":
			b.peers(s)
		case "aggregations":
			b.aggregations(s)
		}
		if len(*b.findings) > 2*maxFindings {
			b.findings.Bound(maxFindings)
		}
	}
}

// global reads what a global section says of the node. HAProxy lets the last localpeer win.
func (b *nodeBuilder) global(s *grammar.Section, aggregator bool) {
	for i := range s.Lines {
		switch statement := s.Lines[i].Statement.(type) {
		case *grammar.LocalPeer:
			b.node.LocalPeer = text(statement.Name)
		case *grammar.StatsSocket:
			if aggregator {
				b.node.Stats = append(b.node.Stats, statsSocket(statement, b.findings))
			} else { // HAProxy's to judge
				b.node.CLI = append(b.node.CLI, statsSocket(statement, &diag.List{}))
			}
		case *grammar.Bind:
			b.node.Binds = append(b.node.Binds, bind(&s.Lines[i], statement, b.findings))
		case *grammar.Setting:
			b.globalSetting(&s.Lines[i], statement)
		}
	}
}

// proxy reads the stick table of a frontend, backend or listen section: it bears the section's name.
func (b *nodeBuilder) proxy(s *grammar.Section) {
	for i := range s.Lines {
		t, ok := s.Lines[i].Statement.(*grammar.Table)
		if !ok {
			continue
		}
		b.table(declared(topology.Table{
			Name: text(s.Name), Peers: text(t.Peers), Proxy: s.Keyword.Value,
			Shape: readShape(t, b.findings), Span: s.Lines[i].WordsSpan(),
		}, t), s.Lines[i].Conditional || s.Header.Conditional)
	}
}

// table adds a table. HAProxy refuses a second one of the same name, unless conditions keep them apart.
func (b *nodeBuilder) table(t *topology.Table, conditional bool) {
	name := t.Name.Value
	if t.InPeers {
		name = t.Peers.Value + "/" + name
	}
	if first := b.tables[name]; first != nil && !t.Name.Unresolved && !t.Peers.Unresolved {
		if !conditional {
			f := grammar.Findingf(grammar.CodeDuplicate, t.Span, "table `%s` is declared twice; HAProxy refuses the second", name)
			f.Related = []diag.Note{{Span: first.Span, Label: "the first"}}
			b.findings.Add(*f)
		}
		return
	}
	b.tables[name] = t
	b.node.Tables = append(b.node.Tables, t)
}

// isFirst tells whether a section is the first of its name. HAProxy refuses a second one, unless conditions keep them apart.
func (b *nodeBuilder) isFirst(s *grammar.Section) bool {
	if s.Name.Unresolved {
		return true
	}
	key := s.Keyword.Value + " " + s.Name.Value
	first, again := b.sections[key]
	if !again {
		b.sections[key] = s.Header.WordsSpan()
		return true
	}
	if !s.Header.Conditional {
		f := grammar.Findingf(grammar.CodeDuplicate, s.Header.WordsSpan(), "section `%s` stands twice in one configuration", key)
		f.Related = []diag.Note{{Span: first, Label: "the first"}}
		b.findings.Add(*f)
	}
	return false
}

// peers reads a peers section. Which old-style line is the node's own is decided when its name is known.
func (b *nodeBuilder) peers(s *grammar.Section) {
	if !b.isFirst(s) {
		return
	}
	r := peersReader{section: &topology.PeersSection{Name: text(s.Name), Header: s.Header.WordsSpan(), Style: topology.ServerStyle}, findings: b.findings}
	for i := range s.Lines {
		line := &s.Lines[i]
		if t, ok := line.Statement.(*grammar.Table); ok {
			b.table(declared(topology.Table{
				Name: text(t.Name), Peers: text(s.Name), InPeers: true,
				Shape: readShape(t, b.findings), Span: line.WordsSpan(),
			}, t), line.Conditional || s.Header.Conditional)
			continue
		}
		r.line(line)
	}
	b.node.Peers = append(b.node.Peers, r.section)
}

// peersReader reads the lines of one peers section.
type peersReader struct {
	section  *topology.PeersSection
	findings *diag.List
	bind     *grammar.Line // the first bind line
	peer     *grammar.Line // the first peer line
	tls      topology.TLS  // what default-server says
}

func (r *peersReader) line(line *grammar.Line) {
	if line.Keyword() == "shards" && len(line.Words) > 1 {
		r.section.Shards = text(line.Words[1])
	}
	switch s := line.Statement.(type) {
	case *grammar.Bind:
		if r.bind == nil {
			r.bind = line
			r.section.Listen = readEndpoint(s.Address, r.findings)
			r.section.TLS = readTLS(r.section.TLS, s.Options)
		}
		r.mixed(line)
	case *grammar.Setting:
		switch s.Keyword.Value {
		case "default-server":
			r.tls = readTLS(r.tls, s.Args)
		case "default-bind":
			r.section.TLS = readTLS(r.section.TLS, s.Args)
		}
	case *grammar.Server:
		if s.Keyword.Value == "peer" {
			r.peer = cmp.Or(r.peer, line)
			r.section.Style = topology.PeerStyle
			r.mixed(line)
		}
		r.server(line, s)
	}
}

// mixed reports bind and peer lines in one section: HAProxy refuses the later.
func (r *peersReader) mixed(line *grammar.Line) {
	if r.bind == nil || r.peer == nil || line.Conditional {
		return
	}
	first := r.bind
	if line == r.bind {
		first = r.peer
	}
	f := grammar.Findingf(grammar.CodeLine, line.WordsSpan(), "`%s` and `%s` lines stand in the section `peers %s`; HAProxy takes `bind` with `server` lines, or `peer` lines alone",
		first.Keyword(), line.Keyword(), r.section.Name.Value)
	f.Related = []diag.Note{{Span: first.WordsSpan(), Label: "the other style"}}
	r.findings.Add(*f)
}

// server adds a line about a peer; the one without an address is the node itself.
func (r *peersReader) server(line *grammar.Line, s *grammar.Server) {
	if s.Address.IsZero() && r.section.Local.IsZero() {
		r.section.Local, r.section.LocalTLS = text(s.Name), readTLS(r.tls, s.Options)
		return
	}
	p := &topology.Peer{Name: text(s.Name), TLS: readTLS(r.tls, s.Options), Shard: optionValue(s.Options, "shard"), Span: line.WordsSpan()}
	switch {
	case !s.Address.IsZero():
		p.Address = readEndpoint(s.Address, r.findings)
	case !line.Conditional && !s.Name.Unresolved && !r.section.Local.Unresolved:
		f := grammar.Findingf(grammar.CodeArgument, line.WordsSpan(), "`server %s` has no address, and neither has `server %s`; only the line of the host itself has none", s.Name.Value, r.section.Local.Value)
		f.Related = []diag.Note{{Span: r.section.Local.Span, Label: "the other"}}
		r.findings.Add(*f)
	}
	r.section.Peers = append(r.section.Peers, p)
}

// optionValue gives the word behind a keyword.
func optionValue(options []grammar.Scalar, keyword string) topology.Text {
	i := slices.IndexFunc(options, func(o grammar.Scalar) bool { return o.Value == keyword })
	if i < 0 || i+1 >= len(options) {
		return topology.Text{}
	}
	return text(options[i+1])
}

// finish settles what depends on all files of the host: among server lines without an address, the one that localpeer names
// is the host's own.
func (b *nodeBuilder) finish() {
	own := b.node.LocalPeer
	for _, s := range b.node.Peers {
		if own.IsZero() || own.Unresolved || s.Local.Value == own.Value || s.Local.IsZero() {
			continue
		}
		i := slices.IndexFunc(s.Peers, func(p *topology.Peer) bool { return p.Address.IsZero() && p.Name.Value == own.Value })
		if i >= 0 {
			s.Local, s.Peers[i].Name = s.Peers[i].Name, s.Local
		}
	}
}
