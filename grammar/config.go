package grammar

import "stktc/grammar/diag"

// ConfigFile is a file in HAProxy's syntax: a balancer's configuration, or an aggregator's. Its lines cover the text
// exactly: printing every line and its end gives the file byte for byte.
type ConfigFile struct {
	Name     string
	Text     []byte
	Preamble []Line // before the first section
	Sections []*Section
	// Incomplete tells that a line or a section of ours was not understood, or that the file ends in the middle: what it seems to lack may be there.
	Incomplete bool
}

// Section is a header line and what follows up to the next header.
type Section struct {
	Keyword Scalar // "global", "defaults", "peers", "frontend", "aggregations" …
	Name    Scalar // zero when it has none
	Header  Line
	Lines   []Line // every further line, blank ones and comments included
}

// Line is one line of the file.
type Line struct {
	Span        diag.Span // without the line's end
	End         int       // offset behind the line's end ("\n", "\r\n" or the file's)
	Words       []Scalar  // empty for blank lines and pure comments
	Comment     Scalar    // with its "#"; zero when there is none
	Conditional bool      // between .if and .endif
	Broken      bool      // HAProxy cannot split it into words: Words may lack some
	Statement   Statement // what the line says, nil when it is not ours to understand or is wrong
}

// Statement is the meaning of a line that we own: one of the types below.
type Statement interface{ statement() }

// LocalPeer is "localpeer NAME" of a global section.
type LocalPeer struct{ Name Scalar }

// StatsSocket is "stats socket ADDRESS [mode M] [level L] …" of a global section.
type StatsSocket struct {
	Address     Scalar
	Mode, Level Scalar
	Options     []Scalar // everything else
}

// Bind is "bind ADDRESS …": of a peers section, of a proxy, or of an aggregator's global.
type Bind struct {
	Address Scalar
	Options []Scalar
}

// Server is a "server NAME [ADDRESS …]" or "peer NAME ADDRESS …" line of a peers section.
type Server struct {
	Keyword Scalar // "server" or "peer"
	Name    Scalar
	Address Scalar // zero for the local server of the new style
	Options []Scalar
}

// Peer is a "peer NAME ADDRESS [local|up|down] [group N] …" line of an aggregations section.
type Peer struct {
	Name, Address Scalar
	Direction     Scalar // zero for an HAProxy node
	Group         Scalar
	Options       []Scalar // TLS keywords, "replica"
}

// From is a "from SUFFIX|any to SUFFIX [up-only]" line of an aggregations section.
type From struct {
	From, To Scalar
	UpOnly   Scalar
}

// Forward is a "forward SUFFIX" line of an aggregations section.
type Forward struct{ Suffix Scalar }

// Setting is a directive that has no type of its own here. Of an aggregator: source, cpu-map, trash-batch, hash-table, dynamic-peers,
// strict-names, hold, pace, give-back, lease, learn-timeout. Of a peers section: default-server, default-bind.
type Setting struct {
	Keyword Scalar
	Args    []Scalar
}

// Table is a "table NAME …" line of a peers section, or a "stick-table …" line of a proxy.
type Table struct {
	Name   Scalar // zero for stick-table: the proxy's name counts
	Type   Scalar
	Len    Scalar
	Size   Scalar
	Expire Scalar
	Store  []StoreItem
	// StoreUnknown is set when a store list could not be read, or holds an environment variable.
	StoreUnknown bool
	Peers        Scalar   // of stick-table
	Options      []Scalar // nopurge, srvkey, write-to, recv-only, brates-factor and their values
}

// StoreItem is one item of a store list: "gpc_rate(3,10s)".
type StoreItem struct {
	Type Scalar
	Args []Scalar
	Span diag.Span
}

func (*LocalPeer) statement()   {}
func (*StatsSocket) statement() {}
func (*Bind) statement()        {}
func (*Server) statement()      {}
func (*Peer) statement()        {}
func (*From) statement()        {}
func (*Forward) statement()     {}
func (*Setting) statement()     {}
func (*Table) statement()       {}
