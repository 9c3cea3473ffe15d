package load

import (
	"slices"
	"strconv"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

// maxPeers is how many peers there may be with dynamic-peers, those that sections list included.
const maxPeers = 64

// fitTogether reports lines of an aggregator's file that cannot go together, each of them being in order.
func fitTogether(n *topology.Node, findings *diag.List) {
	f := fitter{n, findings}
	f.sectionsOfBinds()
	f.listeners()
	f.count()
	for _, a := range n.Aggregations {
		f.strictNames(a)
		f.leases(a)
	}
}

type fitter struct {
	n        *topology.Node
	findings *diag.List
}

func (f fitter) report(code diag.Code, at, other diag.Span, label, format string, args ...any) {
	bad := grammar.Findingf(code, at, format, args...)
	if !other.IsZero() {
		bad.Related = []diag.Note{{Span: other, Label: label}}
	}
	f.findings.Add(*bad)
}

// sectionsOfBinds: what use_aggrs names must be there.
func (f fitter) sectionsOfBinds() {
	var names []string
	for _, a := range f.n.Aggregations {
		names = append(names, a.Name.Value)
	}
	for _, b := range f.n.Binds {
		for _, s := range b.Sections {
			if !s.Unresolved && !slices.Contains(names, s.Value) {
				f.report(grammar.CodeLine, s.Span, diag.Span{}, "", "there is no section `aggregations %s`; %s", s.Value, grammar.Accepted(s.Value, append([]string{"all"}, names...)))
			}
		}
	}
}

// listening is a line that listens.
type listening struct {
	tls  topology.TLS
	at   diag.Span
	bind bool
}

// listeners: each address has one bind line at most, and is encrypted or not. Where a local peer has the address of a bind line, that line says how it listens.
func (f fitter) listeners() {
	first := map[string]listening{}
	add := func(a topology.Address, l listening) {
		if a.Unresolved || a.IsZero() {
			return
		}
		key := listenKey(a)
		before, taken := first[key]
		switch {
		case !taken:
			first[key] = l
		case before.bind && l.bind:
			f.report(grammar.CodeDuplicate, l.at, before.at, "the first", "two `bind` lines listen on `%s`", a.Raw)
		case before.tls.On != l.tls.On && (l.tls.On || !before.bind):
			f.report(grammar.CodeLine, l.at, before.at, "the other", "two lines listen on `%s`, one with TLS and one without", a.Raw)
		}
	}
	for _, b := range f.n.Binds {
		add(b.Address, listening{b.TLS, b.Span, true})
	}
	for _, a := range f.n.Aggregations {
		if a.Local != nil {
			add(a.Local.Address, listening{a.Local.TLS, a.Local.Span, false})
		}
	}
}

// listenKey tells addresses apart as sockets are.
func listenKey(a topology.Address) string {
	if a.Unix != "" {
		return a.Unix
	}
	host := a.Host
	if slices.Contains([]string{"", "*", "0.0.0.0"}, host) {
		host = "*"
	}
	return host + " " + strconv.Itoa(a.Port)
}

// count: with dynamic-peers there is an end to peers, as in the vendor's daemon.
func (f fitter) count() {
	if !f.n.DynamicPeers.On {
		return
	}
	type session struct{ local, peer string }
	known := map[session]bool{}
	for _, a := range f.n.Aggregations {
		for _, p := range a.Peers {
			if a.Local != nil {
				known[session{a.Local.Name.Value, p.Name.Value}] = true
			}
		}
	}
	if len(known) > maxPeers {
		f.report(grammar.CodeLine, f.n.DynamicPeers.Span, diag.Span{}, "", "with `dynamic-peers` there are %d peers at most, those of the sections included, and the sections list %d", maxPeers, len(known))
	}
}

// strictNames: names are proven by certificates, so each session must verify one.
func (f fitter) strictNames(a *topology.Aggregations) {
	strict := a.Settings.StrictNames
	if !strict.On {
		strict = f.n.Settings.StrictNames
	}
	if !strict.On {
		return
	}
	const why = "`strict-names` has every peer prove its name by its certificate"
	for _, p := range a.Peers {
		if p.Direction != topology.Local && (!p.TLS.On || p.TLS.Verify.Value == "none") {
			f.report(grammar.CodeLine, p.Span, strict.Span, "asked for here", "%s, but `%s` is dialled without verifying one; add `ssl` and `ca-file FILE`", why, p.Name.Value)
		}
	}
	for _, l := range f.reaching(a) {
		if !l.tls.On || l.tls.Verify.Value != "required" {
			f.report(grammar.CodeLine, l.at, strict.Span, "asked for here", "%s, but this listener does not ask for one; add `ssl`, `crt FILE`, `ca-file FILE` and `verify required`", why)
		}
	}
}

// leases: the key is the section's name, and HAProxy would cut it in a table that is declared "type string".
func (f fitter) leases(a *topology.Aggregations) {
	most := sticktable.String.DefaultLen()
	kept := slices.Concat(a.Settings.Leases, f.n.Settings.Leases)
	if len(a.Name.Value) <= most || len(kept) == 0 || a.Name.Unresolved {
		return
	}
	f.report(grammar.CodeName, a.Name.Span, kept[0].Span, "the lease", "section `%s` has a lease, whose key is the section's name: at most %d characters", a.Name.Value, most)
}

// reaching lists the listeners through which a section is reached.
func (f fitter) reaching(a *topology.Aggregations) []listening {
	var list []listening
	own := a.Local != nil
	for _, b := range f.n.Binds {
		if b.All || slices.ContainsFunc(b.Sections, func(s topology.Text) bool { return s.Value == a.Name.Value }) {
			list = append(list, listening{b.TLS, b.Span, true})
		}
		own = own && listenKey(b.Address) != listenKey(a.Local.Address)
	}
	if own {
		list = append(list, listening{a.Local.TLS, a.Local.Span, false})
	}
	return list
}
