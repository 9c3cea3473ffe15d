package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"

	"stktc/cmd/internal/aggregator"
	"stktc/cmd/internal/haproxy"
	"stktc/runtime/node"
	"stktc/topology"
)

// balancer is a running HAProxy, or what plays one.
type balancer interface {
	// missing lists the peers without a session.
	missing(ctx context.Context) ([]string, error)
	// count has a client counted in a table. It gives what the entry must then show, as far as it is known beforehand.
	count(ctx context.Context, t *topology.Table, k key, client netip.Addr, want values) (values, error)
	// read gives the values of those keys that the table has, in the order of keys; nil for the others.
	read(ctx context.Context, t *topology.Table, keys []key) ([]values, error)
	// failure tells why a balancer that should be running is not.
	failure() error
	stop() error
}

// real is a HAProxy.
type real struct {
	process  *haproxy.Process
	trackers map[string]tracker
}

func (r *real) missing(ctx context.Context) ([]string, error) {
	sections, err := r.process.ShowPeers(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range sections {
		for _, p := range s.Peers {
			if !p.IsLocal && !p.IsEstablished() {
				names = append(names, p.Name)
			}
		}
	}
	return names, nil
}

// count sends requests where a frontend tracks the table; one request counts once in http_req_*. Other tables are set over the command
// line, and so are those whose frontend turns the client away before it counts it.
func (r *real) count(ctx context.Context, t *topology.Table, k key, client netip.Addr, want values) (values, error) {
	if tr, ok := r.trackers[cliName(t)]; ok && k.shown == client.String() {
		known, counted, err := r.request(ctx, tr, t, k, client, want)
		if counted || err != nil {
			return known, err
		}
		delete(r.trackers, cliName(t))
	}
	var data strings.Builder
	set := values{}
	for _, c := range cells(&t.Shape.Definition) {
		if !c.column.Spec().Array { // HAProxy 2.6 cannot set elements
			fmt.Fprintf(&data, " data.%s %d", c.column, want[c])
			set[c] = want[c]
		}
	}
	if len(set) == 0 {
		return set, nil
	}
	return set, r.process.SetTable(ctx, cliName(t), k.shown, strings.TrimSpace(data.String()))
}

// request sends as many requests as the first cell is to show, and tells whether they made an entry.
func (r *real) request(ctx context.Context, tr tracker, t *topology.Table, k key, client netip.Addr, want values) (known values, counted bool, err error) {
	all := cells(&t.Shape.Definition)
	n := want[all[0]]
	known = values{}
	for _, c := range all {
		if name := c.column.String(); name == "http_req_cnt" || name == "http_req_rate" {
			known[c] = n
		}
	}
	if err := haproxy.Request(ctx, client, tr.address, int(n)); err != nil {
		return nil, false, ctx.Err() // a proxy that is disabled, or one that closes without an answer
	}
	e, err := r.process.ShowTableKey(ctx, cliName(t), k.shown)
	return known, e != nil, err
}

func (r *real) read(ctx context.Context, t *topology.Table, keys []key) ([]values, error) {
	table, err := r.process.ShowTable(ctx, cliName(t))
	if err != nil {
		return nil, err
	}
	found := make([]values, len(keys))
	for i, k := range keys {
		e := table.Entry(k.shown)
		if e == nil {
			continue
		}
		found[i] = values{}
		for _, c := range cells(&t.Shape.Definition) {
			if n, ok := e.Uint(c.name()); ok {
				found[i][c] = n
			}
		}
	}
	return found, nil
}

func (r *real) failure() error {
	if r.process.Running() {
		return nil
	}
	return errors.New("haproxy has ended on its own:\n" + r.process.Log())
}

func (r *real) stop() error { return r.process.Stop() }

// played is a HAProxy played by runtime/node, one for each peers section.
type played struct {
	sections map[string]*node.Node // by the peers section's name
	order    []string
	cancel   context.CancelFunc
	done     chan error
	running  int
}

func play(ctx context.Context, n *topology.Node, log *slog.Logger) (*played, error) {
	p := &played{sections: map[string]*node.Node{}, done: make(chan error, len(n.Peers))}
	ctx, p.cancel = context.WithCancel(ctx)
	for _, s := range n.Peers {
		if s.Local.IsZero() {
			continue // HAProxy removes such a section
		}
		c := node.Config{Name: s.Local.Value, Listen: aggregator.Endpoint(s.Listen), Logger: log}
		for _, peer := range s.Peers {
			c.Peers = append(c.Peers, node.Peer{Name: peer.Name.Value, Address: aggregator.Endpoint(peer.Address)})
		}
		for _, t := range n.Tables {
			if t.Peers.Value == s.Name.Value {
				c.Tables = append(c.Tables, node.TableConfig{WireName: t.WireName(), Definition: t.Shape.Definition, Size: int(t.Shape.Size)})
			}
		}
		made, err := node.New(c)
		if err != nil {
			p.stop()
			return nil, err
		}
		p.sections[s.Name.Value] = made
		p.order = append(p.order, s.Name.Value)
		p.running++
		go func() { p.done <- made.Serve(ctx) }()
	}
	return p, nil
}

func (p *played) missing(context.Context) ([]string, error) {
	var names []string
	for _, s := range p.order {
		for _, state := range p.sections[s].Peers() {
			if !state.Established {
				names = append(names, state.Name)
			}
		}
	}
	return names, nil
}

func (p *played) count(_ context.Context, t *topology.Table, k key, _ netip.Addr, want values) (values, error) {
	var changes []node.Change
	for _, c := range cells(&t.Shape.Definition) {
		changes = append(changes, node.Change{Column: c.column, Elem: c.elem, Delta: want[c]})
	}
	return want, p.sections[t.Peers.Value].Touch(t.WireName(), k.wire, changes...)
}

func (p *played) read(_ context.Context, t *topology.Table, keys []key) ([]values, error) {
	found := make([]values, len(keys))
	for i, k := range keys {
		e, ok := p.sections[t.Peers.Value].Lookup(t.WireName(), k.wire)
		if !ok {
			continue
		}
		found[i] = values{}
		for _, c := range cells(&t.Shape.Definition) {
			found[i][c] = e.ElemValue(c.column, c.elem)
		}
	}
	return found, nil
}

// failure sees a section that could not listen.
func (p *played) failure() error {
	select {
	case err := <-p.done:
		p.running--
		if err == nil {
			err = errors.New("it has ended")
		}
		return err
	default:
		return nil
	}
}

func (p *played) stop() error {
	p.cancel()
	var first error
	for ; p.running > 0; p.running-- {
		if err := <-p.done; err != nil && first == nil {
			first = err
		}
	}
	return first
}
