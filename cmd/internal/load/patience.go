package load

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// No load waits for ever for a target that does not answer.
const (
	nothingLimit  = 5 * time.Second                     // for the first answer to what was pushed: more than an aggregator's learn-timeout, which may just have begun
	leastPatience = silenceLimit + ackEvery + beatEvery // with a load that stands still
)

// isAnswered tells whether the target has answered anything of what was pushed: sent sums, if only in a table that is wrong, or acknowledged updates where no sums
// are expected.
func (l *load) isAnswered() bool {
	return slices.ContainsFunc(l.nodes, func(n *node) bool {
		if l.To == "" {
			return n.out.acked.Load() != 0
		}
		_, isWrong := n.tables()
		return isWrong || n.in.updates.Load() > n.updatesBefore
	})
}

// tables are those that the target has defined to the node, and whether that of sums is wrong.
func (n *node) tables() (names []string, isWrong bool) {
	n.in.mu.Lock()
	defer n.in.mu.Unlock()
	return slices.Clone(n.in.heard), len(n.in.faults) > 0
}

// unanswered says what may be wrong when nothing of what was pushed was answered.
func (l *load) unanswered() error {
	if l.To == "" {
		return fmt.Errorf("the target has acknowledged nothing of table `%s`: has it one of that name, key type `%s` and data types `%s`?",
			l.source.Name, l.source.KeyString(), l.source.StoreString())
	}
	var others []string
	lacks := "defined no"
	for _, n := range l.nodes {
		names, _ := n.tables()
		for _, name := range names {
			switch quoted := "`" + name + "`"; {
			case name == l.sum.Name:
				lacks = "sent nothing of"
			case name != l.source.Name && !slices.Contains(others, quoted):
				others = append(others, quoted)
			}
		}
	}
	defined := ""
	if len(others) > 0 {
		defined = ", but has " + strings.Join(others, ", ")
	}
	return fmt.Errorf("the target has %s table `%s`%s: does it sum `%s` to `%s`? see --table, --from, --to; a HAProxy that only receives is loaded with --receive-only",
		lacks, l.sum.Name, defined, l.From, l.To)
}

// watch notices that nodes push nothing any more, though not all are done.
type watch struct {
	pushed uint64
	since  time.Time // when that was first seen
}

func (w *watch) check(l *load, at stage) error {
	pushed, now := l.pushed(), time.Now()
	if pushed != w.pushed || w.since.IsZero() {
		w.pushed, w.since = pushed, now
		return nil
	}
	limit := l.patience(at)
	if now.Sub(w.since) <= limit {
		return nil
	}
	return fmt.Errorf("the load stood still for %v, see --settle: %w", limit, l.obstacle())
}

// pushed is how many updates the nodes have sent, or encoded, but for idle ones, which go on as long as the others have to.
func (l *load) pushed() (all uint64) {
	for _, n := range l.checked {
		all += n.out.sent.Load() + n.out.taught.Load() + n.out.encoded.Load()
	}
	return all
}

// patience is how long a load may push nothing: it may be meant to.
func (l *load) patience(at stage) time.Duration {
	limit := max(l.Settle, leastPatience) + l.Away
	if at == fading {
		limit += l.Definition.Expire + fadeSlack
	}
	if at > loading {
		limit += l.Linger
	}
	for _, rate := range []int{l.Rate, l.FillRate} {
		if rate > 0 {
			limit += time.Duration(l.loaders()) * time.Second / time.Duration(rate)
		}
	}
	return limit
}

// obstacle says which node cannot go on, and why.
func (l *load) obstacle() error {
	for _, n := range l.nodes {
		if err := n.isConnected(); err != nil {
			return fmt.Errorf("node `%s` and `%s`: %w", n.name, l.TargetName, err)
		}
	}
	return errors.New("all sessions are up; does the target still read?")
}
