// Package compile turns a Cluster into the configuration of every node. A user's mistake is a finding, never a Go error; an
// internal contradiction panics and is reported as a bug in stktc. The package knows lines and words, not how they are printed,
// and reads no files: bases are in Cluster.Files.
package compile

import "stktc/grammar/diag"

// Result is what a cluster compiles to, in the order of Cluster.Nodes.
type Result struct {
	Source  string // base name of the topology file: what generated files call their source
	Hosts   []Host
	Rollout []string // names of the hosts in the order in which their files should take effect
}

// Host is one node's files.
type Host struct {
	Node  string
	Files []*File
	// LocalPeer is the name that HAProxy must be started with (-L) where the host is not called so; "" when its files say it, and without HAProxy.
	LocalPeer string
}

// File is one configuration file: the operator's own text with lines inserted, or, without a Base, only lines of ours.
type File struct {
	Path       string // below the output directory, with slashes: "aggr1/hapee-stktagg.cfg"
	Install    string // where it belongs on the host, "/etc/hapee-extras/hapee-stktagg.cfg"
	Aggregator bool   // an aggregator's file; else HAProxy's
	Base       []byte // kept byte for byte; nil when there is none
	BaseName   string // its name in Cluster.Files
	Insertions []Insertion
}

// Insertion is a run of lines that goes into the base before the byte at Offset, which is the start of a line or the end of
// the base. A file's insertions are in the order of their offsets; those of one offset in the order of the slice.
type Insertion struct {
	Offset int
	Lines  []Line
}

// Line is one generated line; without words and comment it is blank.
type Line struct {
	Indent  int    // levels, of two spaces each
	Lead    string // blanks instead of Indent: those of the operator's lines around it
	Words   []string
	Raw     string    // of a line that is kept as it stands: its text, which the words were read from
	Comment string    // without its "#"
	Origin  diag.Span // the line of the topology that made it
}
