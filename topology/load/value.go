package load

import (
	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
)

// text is a scalar as the model has it.
func text(s grammar.Scalar) topology.Text {
	return topology.Text{Value: s.Value, Span: s.Span, Unresolved: s.Unresolved}
}

// address is an address as the model has it.
func address(a grammar.Address) topology.Address {
	out := topology.Address{
		Host: a.Host.Value, Port: a.Port, Unix: a.Unix, Raw: a.Whole.Value, Unresolved: a.Unresolved,
		Span: a.Whole.Span, HostSpan: a.Host.Span, PortSpan: a.PortAt,
	}
	return out
}

// readAddress reads an address of a configuration. One that cannot be read is a finding, and nothing is known of it.
func readAddress(s grammar.Scalar, findings *diag.List) topology.Address {
	a, bad := grammar.ParseAddress(s)
	out := address(a)
	if bad != nil {
		findings.Add(*bad)
		out.Unresolved = true
	}
	return out
}

// readEndpoint reads an address that must have a port, unless it is a UNIX socket's.
func readEndpoint(s grammar.Scalar, findings *diag.List) topology.Address {
	a := readAddress(s, findings)
	if !a.Unresolved && a.Port == 0 && a.Unix == "" {
		findings.Add(*grammar.Findingf(grammar.CodeAddress, s.Span, "address `%s` has no port; accepted are IP:PORT, [IPV6]:PORT, NAME:PORT and the path of a UNIX socket", s.Value))
		a.Unresolved = true
	}
	return a
}

// readTiming reads a duration of a configuration. One that cannot be read is a finding, and counts as not stated.
func readTiming(s grammar.Scalar, findings *diag.List) topology.Timing {
	d, bad := grammar.ParseDuration(s)
	if bad != nil {
		findings.Add(*bad)
		return topology.Timing{}
	}
	return topology.Timing{Value: d, Span: s.Span}
}
