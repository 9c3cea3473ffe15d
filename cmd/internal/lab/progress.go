package lab

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stktc/cmd/internal/haproxy"
)

// announce says what runs where, and what of the files had to change for it.
func (l *lab) announce() {
	nodes := 0
	for _, b := range l.balancers {
		if b != nil {
			nodes++
		}
	}
	by := "played by stktc"
	if l.HAProxy != "" {
		by = l.HAProxy
	}
	first, last := l.plan.places[0], l.plan.places[len(l.plan.places)-1]
	fmt.Fprintf(l.Progress, "%s (%s) and %s run on %s to %s, from files in %s\n",
		plural(nodes, "balancer"), by, plural(len(l.aggregators), "aggregator"), first.ip, last.ip, l.dir)
	all := changes{}
	for _, f := range l.files {
		for what, n := range f.changes {
			all[what] += n
		}
	}
	if len(all) > 0 {
		fmt.Fprintf(l.Progress, "changed for this machine: %s\n", all)
	}
	if n := l.plan.certificates(); n > 0 {
		fmt.Fprintf(l.Progress, "sessions are encrypted with %s of one authority that was made for this run: whether the hosts' own fit is not tried\n", plural(n, "certificate"))
	}
	if !l.Keep { // else hold says it
		l.announceSockets()
	}
}

// maxSockets is how many aggregators' sockets are named; the others are beside their files.
const maxSockets = 8

func (l *lab) announceSockets() {
	for i, a := range l.aggregators {
		if i == maxSockets {
			fmt.Fprintf(l.Progress, "and so for %d more, beside their files\n", len(l.aggregators)-i)
			return
		}
		fmt.Fprintf(l.Progress, "ask %s: stktc show --socket %s\n", l.hosts[a.host].Name, a.sockets[0])
	}
}

// hold leaves everything running until ctx ends.
func (l *lab) hold(ctx context.Context) {
	fmt.Fprintln(l.Progress, "everything runs on until Ctrl-C; to look at it:")
	l.announceSockets()
	named := 0
	for i, b := range l.balancers {
		r, ok := b.(*real)
		if !ok {
			continue
		}
		if named++; named > maxSockets {
			fmt.Fprintf(l.Progress, "and so on, %s in the directory of each balancer\n", filepath.Base(r.own.stats))
			break
		}
		fmt.Fprintf(l.Progress, "ask %s: echo 'show table' | socat - %s\n", l.hosts[i].Name, r.own.stats)
	}
	if l.HAProxy == "" {
		fmt.Fprintln(l.Progress, "the balancers are played, and have no sockets of their own: their tables are seen in the aggregators")
	}
	<-ctx.Done()
}

// String lists the changes with their numbers, what was left out last.
func (c changes) String() string {
	var changed, dropped []string
	for _, what := range slices.Sorted(maps.Keys(c)) {
		if name, ok := strings.CutPrefix(what, leftOut); ok {
			dropped = append(dropped, name)
			continue
		}
		changed = append(changed, fmt.Sprintf("%d × %s", c[what], what))
	}
	s := strings.Join(changed, ", ")
	if dropped != nil {
		s += "; left out: " + strings.Join(dropped, ", ")
	}
	return strings.TrimPrefix(s, "; ")
}

// plural writes "3 balancers" and "1 balancer".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprint(n, " ", what, "s")
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ")
}

// awaitSessions waits until every balancer has a session with each of its peers, or its limit is over: then the sums will
// tell, and missingSessions why.
func (l *lab) awaitSessions(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, l.sessionLimit())
	defer cancel()
	var failed error
	haproxy.Poll(limited, func() bool {
		if failed = l.failure(); failed != nil {
			return true
		}
		return len(l.missingSessions(limited)) == 0
	})
	if ctx.Err() != nil && failed == nil {
		return ctx.Err()
	}
	return failed
}

// missingSessions lists links without a session, "hapee1 and aggr1".
func (l *lab) missingSessions(ctx context.Context) []string {
	var links []string
	for i, b := range l.balancers {
		if b == nil {
			continue
		}
		peers, err := b.missing(ctx)
		if err != nil {
			links = append(links, fmt.Sprintf("%s: %v", l.hosts[i].Name, err))
		}
		for _, p := range peers {
			links = append(links, l.hosts[i].Name+" and "+p)
		}
	}
	return links
}

// failure is that of the first balancer that has ended.
func (l *lab) failure() error {
	for i, b := range l.balancers {
		if b == nil {
			continue
		}
		if err := b.failure(); err != nil {
			return fmt.Errorf("%s: %w", l.hosts[i].Name, err)
		}
	}
	return nil
}

// seconds writes a duration for a progress line.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
