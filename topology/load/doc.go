// Package load makes a topology.Cluster of files, through two front doors: Topology reads one topology file and derives what every node
// needs, Deployed reads the configurations that hosts run. Files come from an fs.FS. It alone sees both what was written
// (package grammar) and what is meant; mistakes are findings that point at what was written, and a Go error is a file that cannot be read.
package load
