package runtime

import (
	"crypto/tls"
	"errors"
	"reflect"
	"slices"
	"time"

	"stktc/runtime/session"
)

// errReconfigured ends the sessions of peers that a reload gives another place.
var errReconfigured = errors.New("the configuration of the peer changed")

// ReloadStatus is what became of reloads.
type ReloadStatus struct {
	Successes, Failures uint64
	Last                time.Time // of the last one that was tried; zero: none
	LastError           string    // empty when it succeeded
	Waits               []string  // what the file says that takes effect at the next start only
}

// Reload takes over another configuration, all of it or nothing: with an error everything is as it was. Sections are known by their names, peers by theirs: those
// that nothing changes for keep their sessions and tables. What of the file beside it waits for the next start is told by the status.
func (a *Aggregator) Reload(cfg Config, waits ...string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := cfg.check(); err != nil {
		return a.reloaded(err)
	}
	listeners, err := a.openListeners(&cfg)
	if err != nil {
		return a.reloaded(err)
	}
	old := a.listeners
	a.listeners = listeners
	for _, l := range old {
		if !slices.Contains(listeners, l) {
			l.Close()
		}
	}
	for _, l := range listeners {
		if a.serving != nil && !slices.Contains(old, l) {
			a.serveListener(l)
		}
	}
	a.apply(cfg)
	a.revouch()
	a.reloads.Waits = waits
	return a.reloaded(nil)
}

// ReloadFailed notes a reload that did not get as far as Reload.
func (a *Aggregator) ReloadFailed(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reloaded(err)
}

// reloaded notes how a reload went. The caller holds a.mu.
func (a *Aggregator) reloaded(err error) error {
	a.reloads.Last, a.reloads.LastError = time.Now(), ""
	if err != nil {
		a.reloads.Failures++
		a.reloads.LastError = err.Error()
		a.log.Error("reload refused, everything is as it was", "err", err)
		return err
	}
	a.reloads.Successes++
	a.log.Info("reloaded")
	for _, w := range a.reloads.Waits {
		a.log.Warn("taken over at the start only: restart for it", "directive", w)
	}
	return nil
}

// Reloads tells what became of reloads.
func (a *Aggregator) Reloads() ReloadStatus {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.reloads
}

// apply makes sections and links what the configuration says. The caller holds a.mu, but for New.
func (a *Aggregator) apply(cfg Config) {
	oldSections, oldLinks := a.sections, a.links
	before := map[*link][]*member{}
	for _, l := range oldLinks {
		before[l] = l.currentMembers()
	}
	a.cfg, a.homes = cfg, cfg.homes()
	a.sections, a.links = nil, nil
	places := map[*link][]*member{}
	changed := map[*section]bool{}
	for i := range cfg.Sections {
		s := a.takeSection(oldSections, &cfg.Sections[i])
		a.sections = append(a.sections, s)
		changed[s] = a.configure(s, cfg.Sections[i], oldLinks, places)
	}
	for _, l := range oldLinks {
		if l.dynamic.Load() && cfg.DynamicPeers {
			a.keep(l, before[l], places)
		}
	}
	for _, l := range a.links {
		a.place(l, before[l], places[l], oldLinks, changed)
	}
	for _, l := range oldLinks {
		if !slices.Contains(a.links, l) {
			a.dismiss(l, before[l])
		}
	}
	for _, s := range oldSections {
		if !slices.Contains(a.sections, s) {
			s.close()
		}
	}
}

// keep leaves a dynamic peer in those of its sections that are still there.
func (a *Aggregator) keep(l *link, before []*member, places map[*link][]*member) {
	for _, m := range before {
		if s := m.section; slices.Contains(a.sections, s) {
			places[l] = append(places[l], m)
			s.mu.Lock()
			s.members = append(slices.Clip(s.members), m)
			s.mu.Unlock()
		}
	}
	if len(places[l]) > 0 {
		l.home = a.homes[places[l][0].section.name]
		a.links = append(a.links, l)
	}
}

// takeSection finds the section of before, or makes one.
func (a *Aggregator) takeSection(old []*section, cfg *Section) *section {
	i := slices.IndexFunc(old, func(s *section) bool { return s.name == cfg.Name && s.config().Local.Name == cfg.Local.Name })
	if i >= 0 {
		return old[i]
	}
	return newSection(a, cfg.Name)
}

// configure gives the section its configuration and members, notes the members as places of their links, and tells whether rules changed: then every session of the section begins anew.
func (a *Aggregator) configure(s *section, cfg Section, oldLinks []*link, places map[*link][]*member) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, wasSources, wasGroups := s.cfg, s.sources(), s.groups
	s.cfg, s.members, s.groups = cfg, nil, newGroups(cfg)
	for _, p := range cfg.Peers {
		l := a.takeLink(oldLinks, &cfg, p.Name)
		m := &member{section: s, link: l, direction: p.Direction}
		s.members = append(s.members, m)
		places[l] = append(places[l], m)
		s.join(m, p.Group, wasGroups)
	}
	rules := len(wasSources) > 0 && !sameRules(&was, &cfg)
	if rules {
		s.dropTables()
	}
	s.unmark()
	if s.released.Load() {
		s.renewLeases()
	}
	if a.serving != nil && !slices.Equal(wasSources, s.sources()) {
		a.running.Go(func() { s.fallSilent(); s.review() })
	}
	return rules
}

// unmark lets members count that belong to no group. The caller holds s.mu.
func (s *section) unmark() {
	counting := map[string]bool{}
	for _, m := range s.members {
		if m.group == nil && m.direction != Replica {
			counting[m.link.name] = false
		}
	}
	for _, t := range s.order {
		t.SetStandbys(counting)
	}
}

// sources names the peers that sums are made from. The caller holds s.mu.
func (s *section) sources() []string {
	var names []string
	for _, m := range s.members {
		if m.direction.isSource() && !m.link.dynamic.Load() {
			names = append(names, m.link.name)
		}
	}
	slices.Sort(names)
	return names
}

func sameRules(a, b *Section) bool {
	return reflect.DeepEqual(a.Rules, b.Rules) && slices.Equal(a.Forwards, b.Forwards) && slices.Equal(a.Leases, b.Leases) && a.Pace == b.Pace && a.Hold == b.Hold
}

// dropTables ends the tables that no rule makes any more; those of an unchanged rule stay. The caller holds s.mu.
func (s *section) dropTables() {
	var order []*table
	for _, t := range s.order {
		keep := t.kind == Summed && slices.Contains(s.cfg.Rules, t.rule) || t.kind == Forwarded && s.cfg.forwards(t.Name()) ||
			t.kind == Leased && slices.ContainsFunc(s.cfg.Leases, func(l Lease) bool { return l.Table == t.Name() })
		if keep {
			t.hold.Store(int64(s.cfg.Hold))
			t.pace.Store(int64(s.cfg.Pace))
			order = append(order, t)
		} else {
			delete(s.tables, t.Name())
		}
	}
	s.order = order
}

// takeLink finds the link of before, or makes one: that of the sections which share their sessions with this one, also if their first was another.
func (a *Aggregator) takeLink(old []*link, s *Section, name string) *link {
	home := a.homes[s.Name]
	is := func(l *link) bool { return l.local == s.Local.Name && l.name == name }
	if i := slices.IndexFunc(a.links, func(l *link) bool { return is(l) && l.home == home }); i >= 0 {
		return a.links[i]
	}
	l := newLink(a, s.Local.Name, name, home)
	i := slices.IndexFunc(old, func(l *link) bool { return is(l) && !slices.Contains(a.links, l) && l.livesIn(a.homes, home) })
	if i >= 0 {
		l = old[i]
		l.home = home
		l.dynamic.Store(false)
	}
	a.links = append(a.links, l)
	return l
}

// livesIn tells whether one of the peer's places has that home now.
func (l *link) livesIn(homes map[string]string, home string) bool {
	return slices.ContainsFunc(l.currentMembers(), func(m *member) bool { return homes[m.section.name] == home })
}

// place gives the link its places. Its session goes on if they are what they were.
func (a *Aggregator) place(l *link, before, now []*member, old []*link, changed map[*section]bool) {
	address, secure := a.dialTo(now)
	l.mu.Lock()
	same := slices.EqualFunc(before, now, func(x, y *member) bool {
		return x.section == y.section && x.direction == y.direction && groupNumber(x) == groupNumber(y) && !changed[y.section]
	})
	moved := l.address != address && !l.inbound
	l.members, l.address, l.tls = now, address, secure
	for _, m := range now {
		m.outside.Store(l.owner != nil && !isAmong(l.owner.members, m.section))
	}
	l.mu.Unlock()
	if !l.dials && a.serving != nil {
		a.serveLink(l)
	}
	if slices.Contains(old, l) && (!same || moved) {
		l.withSession(func(s *session.Session) { s.Stop(errReconfigured) })
	}
	for _, m := range before {
		if !slices.ContainsFunc(now, func(n *member) bool { return n.section == m.section && n.direction == m.direction }) {
			l.forget(m)
		}
	}
}

// dialTo is where and how the peer is dialled: as its first section says.
func (a *Aggregator) dialTo(places []*member) (string, *tls.Config) {
	if len(places) == 0 {
		return "", nil
	}
	for _, p := range places[0].section.cfg.Peers {
		if p.Name == places[0].link.name {
			return p.Address, p.TLS
		}
	}
	return "", nil
}

// dismiss ends a link that is no longer configured: its contributions go at once.
func (a *Aggregator) dismiss(l *link, places []*member) {
	l.retire()
	for _, m := range places {
		l.forget(m)
	}
}

// forget drops what the peer contributed to a section that it no longer belongs to, when its session has ended.
func (l *link) forget(m *member) {
	l.mu.Lock()
	done := l.done
	l.mu.Unlock()
	l.a.running.Go(func() {
		if done != nil {
			l.withSession(func(s *session.Session) { s.Stop(errReconfigured) })
			<-done
		}
		for _, t := range m.section.list() {
			l.unhold(t)
			t.Drop(l.name, l.a.now())
		}
		m.section.review()
	})
}

// newGroups gives the groups of a configuration, without members.
func newGroups(cfg Section) []*group {
	var groups []*group
	for _, p := range cfg.Peers {
		known := slices.ContainsFunc(groups, func(g *group) bool { return g.number == p.Group && g.direction == p.Direction })
		if p.Group == 0 || known {
			continue
		}
		groups = append(groups, &group{number: p.Group, direction: p.Direction})
	}
	return groups
}

// join makes the member one of its group; if it counted there before a reload, it goes on. The caller holds s.mu.
func (s *section) join(m *member, number int, before []*group) {
	is := func(g *group) bool { return g.number == number && g.direction == m.direction }
	i := slices.IndexFunc(s.groups, is)
	if i < 0 {
		return
	}
	m.group = s.groups[i]
	m.group.members = append(m.group.members, m)
	if j := slices.IndexFunc(before, is); j >= 0 && before[j].chosen != nil && before[j].chosen.link == m.link {
		m.group.chosen = m
	}
}

func groupNumber(m *member) int {
	if m.group == nil {
		return 0
	}
	return m.group.number
}
