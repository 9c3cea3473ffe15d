// Package grammar owns text: the topology file's YAML and the HAProxy-style files, both with the place of every value, comments, and exact
// re-printing. What it yields is what was written; meaning is given by package topology/load, the only user of these types beside the
// compiler's merging. Statements are parsed one line at a time, so that a bad line costs one finding and not the file.
package grammar
