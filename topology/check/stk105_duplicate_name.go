package check

import (
	"fmt"
	"path"
	"slices"

	"stktc/grammar/diag"
	"stktc/topology"
)

var duplicateName = &Check{
	Code:     "STK105",
	Slug:     "duplicate-name",
	Title:    "a name stands twice in a section, or two hosts claim it",
	Severity: diag.Error,
	Since:    "0.1",
	Outside:  "the command line: `-L NAME` gives a host another name than its files do",
	Alone:    true,
	Text: Text{
		What:    "A peer's name is unique within its section, and a host's name within the cluster.",
		Why:     "Peers know each other by name only. Of two that bear one name each new session ends the other's, so that the two take turns and their counters overwrite each other.",
		RunTime: "HAProxy 2.6 accepts a section with a name twice; newer versions refuse it. Two hosts of one name show up as a session that is renewed all the time (`last_hdshk` stays small in `show peers`).",
		Fix:     "Give each host a name of its own, in its files and in those of its peers.",
	},
	Bad: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  peer hapee1 192.168.56.102:44444
  from .uncombined to .aggr
`,
	Good: `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  peer hapee2 192.168.56.102:44444
  from .uncombined to .aggr
`,
	Run: runDuplicateName,
}

func runDuplicateName(p *Pass) {
	for _, n := range p.Cluster.Nodes {
		for _, s := range n.Aggregations {
			p.duplicateLines(n, "aggregations "+s.Name.Value, s.Peers)
		}
		for _, s := range n.Peers {
			p.duplicateLines(n, "peers "+s.Name.Value, s.Peers)
		}
		if twins := p.sharing(n); len(twins) > 1 && twins[0] == n {
			p.report(sameName(twins))
		}
	}
}

func (p *Pass) duplicateLines(n *topology.Node, section string, lines []*topology.Peer) {
	byName := map[string][]*topology.Peer{}
	var order []string // of names that stand there more than once
	for _, l := range lines {
		if l.Name.Unresolved {
			continue
		}
		name := l.Name.Value
		if byName[name] = append(byName[name], l); len(byName[name]) == 2 {
			order = append(order, name)
		}
	}
	for _, name := range order {
		p.report(duplicateLine(n, section, byName[name]))
	}
}

// times writes how often something stands there.
func times(n int) string {
	if n == 2 {
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

func duplicateLine(n *topology.Node, section string, lines []*topology.Peer) diag.Finding {
	name := lines[0].Name.Value
	f := diag.Finding{
		Summary: fmt.Sprintf("%s lists `%s` %s in `%s`", n.Name.Value, name, times(len(lines)), section),
		Primary: note(lines[1].Name.Span, "the same name again"),
		Related: []diag.Note{note(lines[0].Name.Span, "first here")},
		Impact:  fmt.Sprintf("a peer is known by its name only: one line for `%s` counts, and no other is used", name),
		RunTime: &diag.RunTime{Command: "haproxy -c", On: n.Name.Value, Symptom: "2.6 accepts it, newer versions refuse it"},
		Nodes:   []string{n.Name.Value},
	}
	if n.IsAggregator() && !n.IsBalancer() {
		f.RunTime = &diag.RunTime{Command: "stktc run", On: n.Name.Value, Symptom: "exit 78, and a reload is refused"}
	}
	for _, l := range lines[2:min(len(lines), 2+maxNamed)] {
		f.Related = append(f.Related, note(l.Name.Span, "and again"))
	}
	return f
}

// sharing lists the hosts that claim n's name, n included. A host whose own files do not agree on its name is STK101's.
func (v *view) sharing(n *topology.Node) []*topology.Node {
	if v.claimants == nil {
		v.claimants = map[string][]*topology.Node{}
		for _, m := range v.Cluster.Nodes {
			torn := slices.ContainsFunc(m.Peers, func(s *topology.PeersSection) bool { return s.Local.Value != m.Name.Value })
			claims := m.NameFrom != topology.NameFromDir && m.NameFrom != topology.NameFromOthers && !m.Name.Unresolved
			if claims && !torn {
				v.claimants[m.Name.Value] = append(v.claimants[m.Name.Value], m)
			}
		}
	}
	return v.claimants[n.Name.Value]
}

// sameName is about hosts of one name. One whose directory bears the name is likely the rightful owner.
func sameName(twins []*topology.Node) diag.Finding {
	owner := 0
	for i, n := range twins {
		if path.Base(n.Dir) == n.Name.Value {
			owner = i
		}
	}
	name := twins[owner].Name
	f := diag.Finding{
		Summary: fmt.Sprintf("%s is the name of %d hosts", name.Value, len(twins)),
		Related: []diag.Note{note(name.Span, "%s has it too", where(twins[owner]))},
		Impact:  "peers know each other by name only: the hosts end each other's sessions by turns, and each overwrites what the other counted",
		RunTime: &diag.RunTime{Command: "show peers", On: name.Value, Symptom: "`last_hdshk` stays at a few seconds, because the session is taken over again and again"},
		Nodes:   []string{name.Value},
	}
	for i, n := range twins {
		switch {
		case i == owner:
		case f.Primary.Span.IsZero():
			f.Primary = note(n.Name.Span, "%s calls itself so; was the file copied?", where(n))
		default:
			f.Related = append(f.Related, note(n.Name.Span, "so does %s", where(n)))
		}
	}
	return f
}

// where names a host by its directory, as its name does not tell it apart.
func where(n *topology.Node) string {
	if n.Dir == "" {
		return "the host"
	}
	return code(n.Dir)
}
