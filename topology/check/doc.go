// Package check finds what is wrong with a cluster as a whole: names, links, tables and sums that do not fit each other
// across hosts. Run is the one entry point for compiler and linter; Structure looks at one aggregator alone. Each check
// is one literal in a file of its own, with its documentation and an example of the mistake and of its repair; the
// registry lists them, and its test runs the examples.
//
// Who is blamed: what a host says of itself (its own name, its listener) is authority, and a line elsewhere that deviates
// is the place to mend, unless at least three lines speak of it and most of them agree against it. Two lines that agree
// may be one that was copied. Nothing is said of a host whose files were not given, or of a value that the environment decides.
//
// The package reads no files and knows no syntax.
package check
