package load

import (
	"strings"

	"stktc/grammar"
	"stktc/topology"
)

// spread makes hosts of one entry: its name may hold a range, and its values ranges that go in step with it.
type spread struct {
	*topologyBuilder
	name  grammar.Template
	entry grammar.Scalar
}

func (b *topologyBuilder) newSpread(name grammar.Scalar) *spread {
	t, bad := grammar.ParseTemplate(name)
	switch {
	case t.Holds("name") || t.Holds("site"):
		b.errorf(grammar.CodeName, name.Span, "name `%s` holds a placeholder; %s, and a range as in `[1-4]`", name.Value, acceptedName)
		b.unnamed = true
		return &spread{b, grammar.Template{}, name}
	case bad != nil:
		b.findings.Add(*bad)
	case !validName.MatchString(t.At(0, "", "").Value):
		b.errorf(grammar.CodeName, name.Span, "name `%s` cannot be used; %s, and a range as in `[1-4]`", name.Value, acceptedName)
		b.unnamed = true
		return &spread{b, grammar.Template{}, name}
	}
	b.unnamed = b.unnamed || !t.Usable()
	return &spread{b, t, name}
}

// known tells whether the names of the entry's hosts could be made out.
func (s *spread) known() bool { return s.name.Usable() && !s.name.IsEmpty() }

// template reads a value of the entry.
func (s *spread) template(value grammar.Scalar) grammar.Template {
	t, bad := grammar.ParseTemplate(value)
	if bad != nil {
		s.findings.Add(*bad)
		return t
	}
	n := t.Count()
	if n == 0 || n == s.name.Count() || !s.known() {
		return t
	}
	if s.name.Count() == 0 {
		s.related(grammar.CodeRange, value.Span, s.entry.Span, "a single name", "`%s` has a range, but the name `%s` has none to go in step with", value.Value, s.entry.Value)
	} else {
		s.related(grammar.CodeRange, value.Span, s.entry.Span, "the names", "the range in `%s` has %s, but `%s` has %d", value.Value, grammar.Count(n, "number"), s.entry.Value, s.name.Count())
	}
	return grammar.Template{}
}

// templates reads several values of the entry.
func (s *spread) templates(values []grammar.Scalar) []grammar.Template {
	var all []grammar.Template
	for _, v := range values {
		all = append(all, s.template(v))
	}
	return all
}

// valueOf asks what a template gives for a host; it is zero when that is not known.
type valueOf func(grammar.Template) grammar.Scalar

// each makes the entry's hosts.
func (s *spread) each(site grammar.Template, use func(h *host, at valueOf)) {
	if !s.known() {
		return
	}
	for i := range max(s.name.Count(), 1) {
		if len(s.byName) == maxHosts {
			s.errorf(grammar.CodeRange, s.entry.Span, "the topology has more than %d nodes", maxHosts)
			return
		}
		name := s.name.At(i, "", "")
		h := &host{height: -1}
		h.node = &topology.Node{Name: text(name), NameFrom: topology.NameFromTopology}
		if first, taken := s.byName[strings.ToLower(name.Value)]; taken {
			s.related(grammar.CodeName, s.entry.Span, first.node.Name.Span, "first here", "name `%s` is taken; names are unique without regard to case", name.Value)
			s.unnamed = true
			continue
		}
		s.byName[strings.ToLower(name.Value)] = h
		if site.Usable() && !site.IsEmpty() {
			h.site = site.At(i, name.Value, "")
			h.node.Site = h.site.Value
			s.checkName("site", h.site)
		}
		done := s.about(name.Value, "")
		use(h, func(t grammar.Template) grammar.Scalar { return s.value(h, t, i) })
		done()
	}
}

// value gives what a template is for a host. A guest's placeholders stand for the host whose file it is in: certificates and sockets are there.
func (s *spread) value(h *host, t grammar.Template, i int) grammar.Scalar {
	if !t.Usable() || t.IsEmpty() {
		return grammar.Scalar{}
	}
	machine := h.node
	if h.on != nil {
		machine = h.on.node
	}
	v := t.At(i, machine.Name.Value, machine.Site)
	if t.Holds("site") && machine.Site == "" {
		s.errorf(grammar.CodeReference, v.Span, "`{site}` stands here, but `%s` has no `site`", machine.Name.Value)
		return grammar.Scalar{}
	}
	return v
}
