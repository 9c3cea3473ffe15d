package lab

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"

	"stktc/cmd/internal/aggregator"
	"stktc/grammar/diag"
	"stktc/runtime/node"
	"stktc/topology"
)

// encrypted gives a played peers section the listener and the dialler that its TLS keywords ask for. They mean the same as an aggregator's.
func encrypted(c *node.Config, s *topology.PeersSection) error {
	own := &topology.Peer{Name: s.Local, Address: s.Listen, Direction: topology.Local, TLS: s.TLS}
	cfg, findings := aggregator.Config(&topology.Node{Aggregations: []*topology.Aggregations{{Name: s.Name, Local: own, Peers: s.Peers}}})
	for _, f := range findings {
		if f.Severity == diag.Error {
			return fmt.Errorf("%s: %s", f.Primary.Span, f.Summary)
		}
	}
	section := cfg.Sections[0]
	dials := map[string]*tls.Config{}
	for _, p := range section.Peers {
		if p.TLS != nil {
			dials[p.Name] = p.TLS
		}
	}
	if len(dials) > 0 {
		c.Dial = func(ctx context.Context, p node.Peer) (net.Conn, error) { return dial(ctx, p, dials[p.Name]) }
	}
	if section.Local.TLS == nil {
		return nil
	}
	l, err := net.Listen(network(c.Listen), c.Listen)
	if err != nil {
		return err
	}
	c.Listener = tls.NewListener(l, section.Local.TLS)
	return nil
}

func dial(ctx context.Context, p node.Peer, config *tls.Config) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network(p.Address), p.Address)
	if err != nil || config == nil {
		return conn, err
	}
	session := tls.Client(conn, config)
	if err := session.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return session, nil
}

func network(address string) string {
	if strings.HasPrefix(address, "/") {
		return "unix"
	}
	return "tcp"
}
