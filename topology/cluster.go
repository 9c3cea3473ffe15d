// Package topology is the meaning of a cluster: its nodes, what each node's files say about itself and about the others, and the
// place where each value was written. A topology file and a directory of deployed configurations both become a Cluster
// (package topology/load); checks, compiler and graph read nothing else. The package knows neither YAML nor any
// configuration syntax, and it reads no files.
package topology

import (
	"strings"
	"time"

	"stktc/grammar/diag"
	"stktc/topology/sticktable"
)

// Text is a value and the place where the user wrote it.
type Text struct {
	Value string
	Span  diag.Span
	// Unresolved is set when an environment variable stands in it: then nothing is known of it, and it is never compared.
	Unresolved bool
}

// IsZero tells whether nothing was written.
func (t Text) IsZero() bool { return t.Value == "" && t.Span.IsZero() }

// Source is the kind of files that a Cluster was read from.
type Source uint8

// The two front doors.
const (
	FromTopology Source = iota + 1 // one topology file: values are derived, so most mistakes cannot be there
	FromDeployed                   // the configuration files of hosts
)

// Cluster is everything that is known about a cluster. Its slices are in the order of the files.
type Cluster struct {
	Source  Source
	File    string             // the topology file, or the directory
	HAProxy sticktable.Version // the oldest HAProxy among the balancers; zero: not stated
	// HAProxyAt is where it is stated.
	HAProxyAt diag.Span
	Levels    []Level       // of a topology file, bottom up; empty for deployed files
	Nodes     []*Node       // balancers and aggregators
	Absent    []Text        // nodes that files refer to but whose own files were not given
	Files     diag.Files    // all texts that spans point into
	Ignores   []diag.Ignore // the comments in them that silence findings
	// Partial are the hosts of deployed files of whose configuration something was not understood, or all could not be read, and Unread those of which
	// some files could be read, by Node.Dir: what seems to be missing there may be in the rest.
	Partial, Unread map[string]bool
}

// Level is one tier of summing: the first is what the nodes themselves count.
type Level struct {
	Name, Suffix Text
}

// Node is one host of the cluster. A host may be both a balancer and an aggregator.
type Node struct {
	Name     Text // by which others know it; in a topology its key, else see NameFrom
	NameFrom NameFrom
	Dir      string // deployed files: the directory, or the name given on the command line
	Site     string
	Files    []string // the files that were read for it, by the names used in spans

	LocalPeer    Text            // balancer: value of global's localpeer line
	Peers        []*PeersSection // balancer
	Tables       []*Table        // balancer: every stick table of its configuration, synchronised or not
	BaseTables   []*Table        // balancer: those that a topology's base declares besides; shared by the nodes of one base
	Uses         []*TableUse     // balancer: what its rules do with tables; shared by the nodes of one base
	CLI          []StatsSocket   // balancer: HAProxy's own command line sockets
	Aggregations []*Aggregations // aggregator: one per section
	Stats        []StatsSocket   // aggregator: its command line sockets
	Settings     Settings        // aggregator: for all its sections, if they do not say otherwise
	Binds        []*Bind         // aggregator: listeners that sections share
	DynamicPeers Switch          // aggregator: whether nodes are accepted that no section lists
	CPUMap       []CPUMap        // aggregator: which processors it may use

	Build *Build // how to write its files; set for FromTopology only
}

// IsBalancer tells whether the node runs HAProxy.
func (n *Node) IsBalancer() bool { return len(n.Peers) > 0 || len(n.Tables) > 0 }

// IsAggregator tells whether the node sums.
func (n *Node) IsAggregator() bool { return len(n.Aggregations) > 0 }

// Settings is what an aggregator's global or aggregations section says of how it works. What is not stated has a zero span.
type Settings struct {
	LearnTimeout Timing
	Hold         Timing
	Pace         Timing
	GiveBack     Switch
	StrictNames  Switch
	Source       Address // of the global section: where outgoing connections come from
	Leases       []Lease
}

// Timing is a duration that was written, in whole milliseconds.
type Timing struct {
	Value time.Duration
	Span  diag.Span
}

// Switch is "on" or "off", or a word that stands for "on" by being there.
type Switch struct {
	On   bool
	Span diag.Span
}

// Lease is a "lease TABLE TIME" line.
type Lease struct {
	Table  Text
	Period Timing
	Span   diag.Span
}

// Bind is a "bind" line of an aggregator's global section: a listener beside those of the sections' local peers.
type Bind struct {
	Address  Address
	TLS      TLS
	All      bool   // every section is reached through it; with false, Sections
	Sections []Text // names after use_aggrs
	Span     diag.Span
}

// CPUMap is a "cpu-map" line: a set of processes and threads, and the processors that they run on.
type CPUMap struct {
	Set  Text
	CPUs []int // numbers of processors, ascending; there may be fewer in the machine
	Span diag.Span
}

// StatsSocket is a "stats socket" line of an aggregator's global section.
type StatsSocket struct {
	Address Address // UNIX path, or ipv4@ip:port
	Mode    Text    // octal file mode of a UNIX socket; zero: not stated
	Level   Text    // user, operator or admin; zero: not stated
}

// NameFrom is what a node's name was taken from, best first.
type NameFrom uint8

// The sources of a name.
const (
	NameFromTopology    NameFrom = iota + 1
	NameFromLocalPeer            // a localpeer line
	NameFromLocalServer          // the server line without address in a peers section, or the aggregator's local peer
	NameFromOthers               // what an aggregator calls the node's address
	NameFromDir                  // nothing else was there
)

// PeersSection is a "peers" section of a balancer.
type PeersSection struct {
	Name   Text
	Header diag.Span // the section's first line
	Local  Text      // the section's entry for the node itself; zero when there is none
	Listen Address   // where the node accepts peers; zero when the section has no listener
	TLS    TLS       // of the listener
	Style  Style
	Peers  []*Peer // the others, without Local
	// LocalTLS is what the entry for the node itself says; HAProxy dials it when it restarts, to learn from its old process.
	LocalTLS TLS
	Shards   Text   // the number of parts that the tables' keys are split into; zero: none
	Extra    []Text // of a topology: further lines, which are written as they stand
}

// Style is how a peers section names peers.
type Style uint8

// The styles.
const (
	ServerStyle Style = iota + 1 // bind and server lines (HAProxy 2.0)
	PeerStyle                    // old peer lines
)

// Aggregations is a section of an aggregator.
type Aggregations struct {
	Name     Text
	Header   diag.Span
	Local    *Peer   // nil when the section has no local peer
	Peers    []*Peer // the others
	Rules    []*Rule // from … to …
	Forwards []Text  // suffixes of tables that come from above and go to the nodes
	Height   int     // levels above the nodes: 1 sums nodes. 0 when unknown
	Settings Settings
	Extra    []Text // of a topology: further lines, which are written as they stand
}

// Rule is one "from … to …" line.
type Rule struct {
	From Text // suffix of the source tables; Value "" with Any
	Any  bool // "from any"
	To   Text // suffix of the destination tables
	// UpOnly keeps the destination tables from the nodes: they are sent up only.
	UpOnly bool
	Span   diag.Span
}

// Peer is a line about one peer, in a peers or in an aggregations section.
type Peer struct {
	Name      Text
	Address   Address
	Direction Direction
	Role      diag.Span // of the word local, up or down; zero when unmarked
	Group     int       // 0: none
	TLS       TLS       // to dial it with; of an aggregator's local peer, to listen with
	Replica   bool      // an aggregator that sums the same nodes
	// Translated tells that the address is known to be another than the peer's own, which address translation leads to: the two are not compared.
	Translated bool
	Shard      Text      // the only part of the tables' keys that this peer gets, from 1; zero: all
	Span       diag.Span // the whole statement, or what in the topology made it
}

// TLS is what a line says of encrypting sessions, in the words of HAProxy's server and bind lines. What is not stated is zero.
type TLS struct {
	On         bool
	Span       diag.Span // of the word ssl, or what in the topology stands for it; zero when off
	Crt        Text      // file with the own certificate, its chain and its key, unless Key names another file
	Key        Text      // file with the key
	CAFile     Text      // file with the authorities that the other end's certificate must come from
	Verify     Text      // "none", "optional" (of listeners) or "required"
	VerifyHost Text      // the name that the other end's certificate must bear
	SNI        Text      // the name to ask for, as HAProxy writes it: "str(NAME)"
	MinVersion Text      // "TLSv1.2" or "TLSv1.3"
	MaxVersion Text
}

// SNIName gives the name in the value of an sni keyword, "" when it is no fixed name.
func SNIName(value string) string {
	name, ok := strings.CutPrefix(value, "str(")
	name, closed := strings.CutSuffix(name, ")")
	if !ok || !closed || strings.ContainsAny(name, "(),' ") {
		return ""
	}
	return name
}

// Direction is a peer's place relative to an aggregator.
type Direction uint8

// The directions, in the configuration's own words. Unmarked is an HAProxy node.
const (
	Unmarked Direction = iota
	Local
	Up
	Down
)

// String gives the keyword; "" for Unmarked.
func (d Direction) String() string { return [...]string{"", "local", "up", "down"}[d] }

// Table is a stick table that a balancer declares.
type Table struct {
	Name    Text   // as written: "mytable.aggr"
	Peers   Text   // the peers section that it is attached to, as written; zero: not synchronised
	InPeers bool   // declared by a "table" line inside that section: its wire name starts with a slash
	Proxy   string // "frontend", "backend" or "listen" for a stick-table line
	Shape   Shape
	// RecvOnly tells that nothing but what peers send is stored, current connections among it (HAProxy 3.2).
	RecvOnly bool
	KeyWord  Text      // the key's type as written: "ip" and "ipv4" mean the same
	Options  []Option  // what else the declaration says, in its order
	Span     diag.Span // the whole statement
}

// Option is a keyword of a table's declaration, with its value if it takes one: "nopurge", "write-to t2".
type Option struct{ Keyword, Value Text }

// Option gives the keyword of that name, nil when the declaration does not have it.
func (t *Table) Option(keyword string) *Option {
	for i := range t.Options {
		if t.Options[i].Keyword.Value == keyword {
			return &t.Options[i]
		}
	}
	return nil
}

// RuleName is what rules call the table.
func (t *Table) RuleName() string {
	if t.InPeers {
		return t.Peers.Value + "/" + t.Name.Value
	}
	return t.Name.Value
}

// UseKind is what a rule does with a stick table.
type UseKind uint8

// The kinds of uses.
const (
	Counts   UseKind = iota + 1 // makes entries, and counts in them: track-sc, stick on, stick store
	Reads                       // gives stored data
	Writes                      // changes stored data
	Mentions                    // anything else, such as whether a key is there
)

// TableUse is one place where a rule of a balancer uses a stick table.
type TableUse struct {
	Kind    UseKind
	Proxy   string              // the name of the proxy that the rule stands in; "" in a defaults section
	Key     Text                // of a rule that counts: the expression whose value is the entry's key
	Table   Text                // as written: "NAME" or "SECTION/NAME"; zero when the rule names none
	Counter int                 // of track-sc, and of what reads or changes the entry that it tracks; -1 for others
	Data    sticktable.DataType // what is read or changed, if HasData
	HasData bool
	Index   int       // of an element of an array; -1 for other types
	Span    diag.Span // of the word that says what is done

	Decides     bool // it stands in an acl or in a rule's condition
	Conditional bool // whether it is there depends on a condition of the configuration
}

// WireName is the table's name in the peers protocol.
func (t *Table) WireName() string {
	if t.InPeers {
		return "/" + t.Name.Value
	}
	return t.Name.Value
}

// Shape is what a table declaration says of keys and values, with the places.
type Shape struct {
	Definition sticktable.Definition
	Size       int64 // entries
	Key        diag.Span
	SizeSpan   diag.Span
	Expire     diag.Span // zero span: no expire
	Store      diag.Span
	Columns    ColumnSpans // of each item of the store list

	// What an environment variable hides, or what could not be read: nothing is known of it, so it is never compared.
	KeyUnknown, SizeUnknown, ExpireUnknown, StoreUnknown bool
}

// ColumnSpans tells where the data types of a store list stand. There are few of them, and a map would take a kilobyte for each table of each node.
type ColumnSpans []ColumnSpan

// ColumnSpan is the place of one data type.
type ColumnSpan struct {
	Type sticktable.DataType
	Span diag.Span
}

// Of gives the place of a data type, and whether it is stored.
func (c ColumnSpans) Of(t sticktable.DataType) (diag.Span, bool) {
	for i := range c {
		if c[i].Type == t {
			return c[i].Span, true
		}
	}
	return diag.Span{}, false
}

// At gives the place of a data type, the zero Span when it is not stored.
func (c ColumnSpans) At(t sticktable.DataType) diag.Span {
	at, _ := c.Of(t)
	return at
}

// Address is a host and a port as written. It is compared by Matches, never by text.
type Address struct {
	Host string // IP address, name, or "" / "*" / "0.0.0.0" / "::" for any
	Port int    // 0: not stated
	Unix string // path of a UNIX socket, instead of host and port
	Raw  string // as written, prefixes such as ipv4@ included
	// Unresolved is set when an environment variable stands in it: then nothing is known of it.
	Unresolved bool

	Span     diag.Span // the whole
	HostSpan diag.Span
	PortSpan diag.Span
}

// IsZero tells whether no address was written.
func (a Address) IsZero() bool { return a.Raw == "" }

// Build is what a topology file says about writing a node's files.
type Build struct {
	Output string // file name; "" for the usual one

	// Of a balancer.
	Base      []BaseFile // the operator's own configuration, in order
	Fragment  bool       // write only what is ours, for HAProxy to read behind the bases
	LocalPeer LocalPeerMode
	Style     Style

	// Of an aggregator.
	Dialect   Dialect
	DialectAt diag.Span // zero: not stated
	Extra     []Text    // further lines of the global section, which are written as they stand
}

// Dialect is the language that an aggregator's file may use.
type Dialect uint8

// The dialects. Each takes what the one before it takes, and more.
const (
	DialectStktagg Dialect = iota + 1 // the vendor's first daemon
	DialectGPE                        // the vendor's Global Profiling Engine
	DialectStktc                      // both, and our extensions
)

// String gives the word of topology files.
func (d Dialect) String() string { return [...]string{"", "stktagg", "gpe", "stktc"}[d] }

// BaseFile is one file that inserted lines go into.
type BaseFile struct {
	Path Text   // as written, {name} and {site} replaced
	Name string // the name in Cluster.Files
}

// LocalPeerMode is how a balancer learns its own name.
type LocalPeerMode uint8

// The modes.
const (
	LocalPeerExternal LocalPeerMode = iota + 1 // -L, or the host name: nothing is written
	LocalPeerEmit                              // a localpeer line
)
