// Package aggregator is where the two rows meet: what an aggregator's file means becomes what the runtime executes.
package aggregator

import (
	"cmp"
	"net"
	"strconv"

	"stktc/runtime"
	"stktc/topology"
)

// Config gives what the runtime executes for a node whose sections were checked.
func Config(n *topology.Node) runtime.Config {
	var cfg runtime.Config
	for _, a := range n.Aggregations {
		cfg.Sections = append(cfg.Sections, section(n, a))
	}
	return cfg
}

func section(n *topology.Node, a *topology.Aggregations) runtime.Section {
	s := runtime.Section{
		Name: a.Name.Value, Local: peer(a.Local),
		LearnTimeout: cmp.Or(a.Settings.LearnTimeout.Value, n.Settings.LearnTimeout.Value),
		Hold:         cmp.Or(a.Settings.Hold.Value, n.Settings.Hold.Value),
		NoGiveBack:   isOff(a.Settings.GiveBack, n.Settings.GiveBack),
	}
	for _, p := range a.Peers {
		s.Peers = append(s.Peers, peer(p))
	}
	for _, r := range a.Rules {
		s.Rules = append(s.Rules, runtime.Rule{From: r.From.Value, To: r.To.Value})
	}
	for _, f := range a.Forwards {
		s.Forwards = append(s.Forwards, f.Value)
	}
	return s
}

// isOff tells whether the first of the switches that was written says off.
func isOff(switches ...topology.Switch) bool {
	for _, s := range switches {
		if !s.Span.IsZero() {
			return !s.On
		}
	}
	return false
}

var directions = map[topology.Direction]runtime.Direction{
	topology.Unmarked: runtime.Node, topology.Local: runtime.Local, topology.Up: runtime.Up, topology.Down: runtime.Down,
}

func peer(p *topology.Peer) runtime.Peer {
	return runtime.Peer{Name: p.Name.Value, Address: Endpoint(p.Address), Direction: directions[p.Direction]}
}

// Endpoint writes an address as package net takes it: a UNIX socket's path, or host:port with an empty host for any.
func Endpoint(a topology.Address) string {
	if a.Unix != "" {
		return a.Unix
	}
	host := a.Host
	if host == "*" {
		host = ""
	}
	return net.JoinHostPort(host, strconv.Itoa(a.Port))
}
