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
	"stktc/topology/sticktable"
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
	own      *own
	few      bool // whether requests must be few
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

// count sends requests where a frontend tracks the table; one request counts once in http_req_*. What requests do not change, and
// tables whose frontend turns the client away before it counts it, are set over the command line, and what that cannot set is counted in
// the lab's own frontend.
func (r *real) count(ctx context.Context, t *topology.Table, k key, client netip.Addr, want values) (values, error) {
	known, natural := values{}, false
	if tr, ok := r.trackers[t.RuleName()]; ok && k.shown == client.String() && countsRequests(t) {
		var err error
		if known, natural, err = r.request(ctx, tr, t, k, client, want); err != nil {
			return nil, err
		}
		if !natural {
			delete(r.trackers, t.RuleName())
		}
	}
	if needsFrontend(&t.Shape.Definition) {
		more, err := r.own.count(ctx, t, k, want)
		if err != nil {
			return nil, err
		}
		for c, n := range more {
			known[c] += n
		}
	}
	if t.Shape.Definition.Key == sticktable.Binary { // "set table" takes no such key
		return known, nil
	}
	return known, r.set(ctx, t, k, want, known, natural)
}

// set stores what requests did not count, and adds it to what is known. Where requests were natural, of what HAProxy counts by itself only
// failures are stored, if there were none.
func (r *real) set(ctx context.Context, t *topology.Table, k key, want, known values, natural bool) error {
	var entry *haproxy.Entry
	if natural {
		var err error
		if entry, err = r.process.ShowTableKey(ctx, t.RuleName(), k.shown); err != nil {
			return err
		}
	}
	var data strings.Builder
	for _, c := range cells(&t.Shape.Definition) {
		if c.column.Spec().Array || natural && !isUntouched(entry, c) { // HAProxy 2.6 cannot set elements
			continue
		}
		fmt.Fprintf(&data, " data.%s %d", c.column, want[c])
		known[c] = want[c]
	}
	if data.Len() == 0 {
		return nil
	}
	return r.process.SetTable(ctx, t.RuleName(), k.shown, strings.TrimSpace(data.String()))
}

// isUntouched tells of an entry that requests made whether they left a cell alone. Bytes and connections may still come in when a request is answered.
func isUntouched(e *haproxy.Entry, c cell) bool {
	name := c.column.String()
	isOurs := strings.HasPrefix(name, "gp") || strings.HasPrefix(name, "http_err") || strings.HasPrefix(name, "http_fail")
	if e == nil || !isOurs {
		return false
	}
	n, ok := e.Uint(c.name())
	return ok && n == 0
}

// countsRequests tells whether the table has a column that a request is known to count in.
func countsRequests(t *topology.Table) bool {
	known := values{}
	addRequests(known, &t.Shape.Definition, 1)
	return len(known) > 0
}

// Of more than manyNodes balancers each gets at most fewest requests of a client: a request takes 2 ms, and short rates fall meanwhile.
const (
	manyNodes = 24
	fewest    = 41
)

// request sends as many requests as the first cell is to show, and tells whether they made an entry.
func (r *real) request(ctx context.Context, tr tracker, t *topology.Table, k key, client netip.Addr, want values) (known values, counted bool, err error) {
	n := want[cells(&t.Shape.Definition)[0]]
	if r.few {
		n = 1 + n%fewest
	}
	known = values{}
	if err := haproxy.Request(ctx, client, tr.address, int(n)); err != nil {
		return known, false, ctx.Err() // a proxy that is disabled, or one that closes without an answer
	}
	e, err := r.process.ShowTableKey(ctx, t.RuleName(), k.shown)
	if e != nil {
		addRequests(known, &t.Shape.Definition, n)
	}
	return known, e != nil, err
}

func (r *real) read(ctx context.Context, t *topology.Table, keys []key) ([]values, error) {
	table, err := r.process.ShowTable(ctx, t.RuleName())
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
		err := encrypted(&c, s)
		var made *node.Node
		if err == nil {
			made, err = node.New(c)
		}
		if err != nil {
			if c.Listener != nil {
				c.Listener.Close()
			}
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
