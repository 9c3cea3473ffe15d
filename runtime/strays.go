package runtime

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// strays are tables that a peer taught in a session, and that end in no suffix of its sections: most likely somebody mistyped one, and what it counts is in no sum. What was not taught yet may still
// show that a table is of another level, so they wait a while before they are told of.
type strays struct {
	since  map[string]time.Time // zero: was told of
	summed map[string]bool      // what the peer has taught in this session that is summed
}

// strayWait is how long after its definition a table is told of at the soonest, which is not before the peer's lesson ends: what is counted in another is taught by then.
const strayWait = 2 * time.Second

// noteStray notes a table that the peer has defined if nothing takes it, and nobody knows it for one of another level.
func (c *conversation) noteStray(name string) {
	if c.known(name) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, is := c.strays.since[name]; is || len(c.strays.since) >= maxRefused {
		return
	}
	if c.strays.since == nil {
		c.strays.since = map[string]time.Time{}
	}
	c.strays.since[name] = time.Now()
}

// noteSummed notes that the peer has taught a table that is summed.
func (c *conversation) noteSummed(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.strays.summed == nil {
		c.strays.summed = map[string]bool{}
	}
	c.strays.summed[name] = true
}

// known tells whether a name is one that the peer's sections take, make, forward or lease, or they take nothing from it at all.
func (c *conversation) known(name string) bool {
	isSource := false
	for _, m := range c.members {
		cfg := m.section.config()
		isSource = isSource || m.direction.isSource()
		if cfg.names(name) {
			return true
		}
	}
	return !isSource
}

// names tells whether the section has to do with tables of that name.
func (c *Section) names(name string) bool {
	return c.forwards(name) || slices.ContainsFunc(c.Leases, func(l Lease) bool { return l.Table == name }) ||
		slices.ContainsFunc(c.Rules, func(r Rule) bool { return strings.HasSuffix(name, r.To) || c.matches(r, name) })
}

// tellStrays logs the tables that were taught for a while and still are in no sum, each once.
func (c *conversation) tellStrays(now time.Time) {
	if !c.l.learned() {
		return
	}
	for _, name := range c.dueStrays(now) {
		accepted := c.suffixes()
		c.log.Warn("peer teaches a table that ends in no suffix of its section: what it counts there is in no sum", "table", name, "section", c.sections(), "accepted", accepted)
		c.l.noteRefused(c, RefusedTable{Name: name, Reason: fmt.Sprintf("it ends in no suffix of section %s; accepted: %s", c.sections(), strings.Join(accepted, ", "))})
	}
}

// dueStrays lists, each once, the tables to be told of.
func (c *conversation) dueStrays(now time.Time) (due []string) {
	c.mu.Lock()
	for name, since := range c.strays.since {
		if !since.IsZero() && now.Sub(since) >= strayWait {
			due = append(due, name)
			c.strays.since[name] = time.Time{}
		}
	}
	summed := maps.Clone(c.strays.summed)
	c.mu.Unlock()
	slices.Sort(due)
	return slices.DeleteFunc(due, func(name string) bool {
		return slices.ContainsFunc(c.members, func(m *member) bool { return m.section.isOtherLevel(name, summed) })
	})
}

// isOtherLevel tells whether a table is summed by others: a peer that teaches it teaches, under the same stem, one that is summed here.
func (s *section) isOtherLevel(name string, summed map[string]bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.levels[name] && len(s.levels) < maxTables {
		for source := range summed {
			if slices.ContainsFunc(s.cfg.Rules, func(r Rule) bool { return s.cfg.matches(r, source) && r.sharesStem(source, name) }) {
				s.levels[name] = true
			}
		}
	}
	return s.levels[name]
}

// sharesStem tells whether two names differ in their suffixes only, of which that of the first is the rule's.
func (r Rule) sharesStem(source, name string) bool {
	rest, ok := strings.CutPrefix(name, strings.TrimSuffix(source, r.From))
	return ok && rest != "" && r.From != "" && rest[0] == r.From[0]
}

// suffixes lists what the tables that are taken from the peer end in.
func (c *conversation) suffixes() (list []string) {
	for _, m := range c.members {
		for _, r := range m.section.config().Rules {
			if m.direction.isSource() && !slices.Contains(list, r.From) {
				list = append(list, r.From)
			}
		}
	}
	return list
}

// sections names the sections that the peer is a source of.
func (c *conversation) sections() string {
	var list []string
	for _, m := range c.members {
		if m.direction.isSource() {
			list = append(list, m.section.name)
		}
	}
	return strings.Join(list, ", ")
}
