package runtime

import (
	"slices"

	"stktc/runtime/session"
)

// homes tells which sections share their sessions: those that have one local name and a listener in common. They are known by the first of them. Sections
// with one local name and listeners of their own have sessions of their own with each peer, as HAProxy has with several peers sections.
func (c *Config) homes() map[string]string {
	homes, local := map[string]string{}, map[string]string{}
	for _, s := range c.Sections {
		homes[s.Name], local[s.Name] = s.Name, s.Local.Name
	}
	addresses, what := c.wanted()
	for _, address := range addresses {
		reached := what[address].sections
		for i, name := range reached {
			for _, other := range reached[:i] {
				if homes[name] != homes[other] && local[name] == local[other] {
					c.settle(homes, homes[name], homes[other])
				}
			}
		}
	}
	return homes
}

// settle makes two homes one, known by the section that comes first.
func (c *Config) settle(homes map[string]string, a, b string) {
	first := a
	for _, s := range c.Sections {
		if s.Name == a || s.Name == b {
			first = s.Name
			break
		}
	}
	for section, home := range homes {
		if home == a || home == b {
			homes[section] = first
		}
	}
}

// reached lists the peer's places in sections that a listener serves: a session that comes by it belongs to these. Without a listener we dialled, and it belongs to all.
func reached(places []*member, via *listener) []*member {
	if via == nil {
		return places
	}
	sections := via.serves.Load().sections
	var list []*member
	for _, m := range places {
		if slices.Contains(sections, m.section.name) {
			list = append(list, m)
		}
	}
	return list
}

func isAmong(members []*member, s *section) bool {
	return slices.ContainsFunc(members, func(m *member) bool { return m.section == s })
}

// connected tells whether the peer is connected, by a session that belongs to this section too.
func (m *member) connected() bool { return m.link.connected() && !m.outside.Load() }

// withSession calls f with the present session, if there is one and it belongs to this section too.
func (m *member) withSession(f func(*session.Session)) {
	if !m.outside.Load() {
		m.link.withSession(f)
	}
}

// sameReach tells whether the present session belongs to the sections that its listener serves now. One that is gone leaves its sessions.
func (l *link) sameReach(via *listener) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.owner == nil || via == nil || !slices.Contains(l.a.listeners, via) || slices.EqualFunc(l.owner.members, reached(l.members, via), func(a, b *member) bool {
		return a.section == b.section
	})
}
