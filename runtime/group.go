package runtime

// group is the peers of one direction that send the same: one of them counts at a time.
type group struct {
	number    int
	direction Direction
	members   []*member // in the order of the configuration
	chosen    *member
}

// choose sees to it that the right member counts: the first that is whole, if none is the first that is connected, if none is the one that
// counted last. A chosen one stays as long as it is whole. The caller holds the section's lock.
func (g *group) choose(s *section) {
	best := g.best()
	if best == nil || best == g.chosen || g.chosen != nil && g.chosen.connected() && (g.chosen.link.saysWhole() || !best.link.saysWhole()) {
		return
	}
	if g.chosen != nil {
		s.log.Warn("another member of the group counts now", "group", g.number, "was", g.chosen.link.name, "is", best.link.name)
		s.moves.Groups++
	}
	g.chosen = best
	for _, t := range s.order {
		g.mark(t)
	}
}

func (g *group) best() *member {
	var connected *member
	for _, m := range g.members {
		switch {
		case !m.connected():
		case m.link.saysWhole():
			return m
		case connected == nil:
			connected = m
		}
	}
	return connected
}

// mark lets the chosen member alone count in the table.
func (g *group) mark(t *table) {
	if !t.takes(g.direction) || g.chosen == nil {
		return
	}
	t.SetStandbys(g.standbys())
}

// standbys tells of each member whether it stands by.
func (g *group) standbys() map[string]bool {
	m := map[string]bool{}
	for _, member := range g.members {
		m[member.link.name] = member != g.chosen
	}
	return m
}
