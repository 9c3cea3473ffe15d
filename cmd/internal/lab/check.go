package lab

import (
	"context"
	"errors"
	"fmt"

	"stktc/cmd/internal/haproxy"
)

// Refusal is what haproxy says against a balancer's files.
type Refusal struct {
	Host string
	Text string // by the lines of the topology and the bases, where they are known
	Ours bool   // a line that was compiled is refused
}

// Error shows all that haproxy says.
func (r *Refusal) Error() string {
	return fmt.Sprintf("haproxy refuses the configuration of %s:\n%s", r.Host, indent(r.Text))
}

// relocate writes the files. If HAProxy cannot run an operator's own configuration here, it gets the part of it that counts.
func (l *lab) relocate(ctx context.Context) error {
	refused, err := l.try(ctx, whole)
	if refused == nil || err != nil {
		return err
	}
	still, err := l.try(ctx, reduced)
	if err != nil {
		return err
	}
	if still != nil {
		return still
	}
	fmt.Fprintf(l.Progress, "haproxy cannot run the balancers' own configuration on this machine; of it only listeners, tables and tracking are run; on %s it says:\n%s\n",
		refused.Host, indent(refused.Text))
	return nil
}

// try writes the files in one form and has haproxy read them. Of files that are refused nothing is held.
func (l *lab) try(ctx context.Context, f form) (refused *Refusal, err error) {
	if l.plan, l.files, err = relocate(l.dir, l.hosts, f); err != nil {
		return nil, err
	}
	err = l.check(ctx)
	if err == nil {
		l.startSink()
		return nil, nil
	}
	l.plan.guard.Close()
	if errors.As(err, &refused) {
		return refused, nil
	}
	return nil, err
}

// check has haproxy read every balancer's files. A *Refusal is of the first that it does not accept.
func (l *lab) check(ctx context.Context) error {
	if l.HAProxy == "" {
		return nil
	}
	refused := make([]*Refusal, len(l.hosts))
	err := inParallel(len(l.hosts), func(i int) error {
		files, _ := l.split(i)
		if len(files) == 0 {
			return nil
		}
		_, err := haproxy.Check(ctx, l.HAProxy, localName(l.hosts[i].Name, files), paths(files)...)
		var bad *haproxy.CheckError
		if errors.As(err, &bad) {
			refused[i] = &Refusal{Host: l.hosts[i].Name}
			refused[i].Text, refused[i].Ours = l.explain(i, bad.Output)
			return nil
		}
		return err
	})
	for _, r := range refused {
		if err == nil && r != nil {
			return r
		}
	}
	return err
}

func (l *lab) explain(host int, output string) (text string, ours bool) {
	if l.Explain == nil {
		return output, false
	}
	return l.Explain(l.hosts[host].Name, l.plan.places[host].dir, output)
}
