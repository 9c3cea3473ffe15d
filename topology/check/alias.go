package check

import (
	"regexp"
	"strings"

	"stktc/grammar/diag"
	"stktc/topology"
)

// alias is one end's wrong name for the other where neither name nor address leads there: the end that is called so
// dials, is not listed, and bears a name much like one that belongs to no host.
type alias struct {
	by   *topology.Vertex // whose files have the wrong name
	of   *topology.Vertex // the one that is meant
	line *topology.Peer   // by's line
	host *topology.Vertex // the vertex that the wrong name stands for; it does not exist
	edge *topology.Edge   // the edge to that vertex
}

// aliases finds them, by the edge of the one who is not listed.
func (v *view) aliases() map[*topology.Edge]alias {
	found := map[*topology.Edge]alias{}
	taken := map[*topology.Vertex]bool{}
	for _, e := range v.Graph.Edges {
		for _, by := range []*topology.Vertex{e.Lower, e.Upper} {
			of := other(e, by)
			if !defect(e, by, topology.OneWay) || v.isUnnamed(e, of) {
				continue
			}
			if a, ok := v.lookAlike(e, by, of); ok && !taken[a.host] {
				taken[a.host] = true
				found[e] = a
			}
		}
	}
	return found
}

// lookAlike looks among by's lines that lead to no known host for one that may mean of: a name much like it, and the port that it listens on.
func (v *view) lookAlike(e *topology.Edge, by, of *topology.Vertex) (alias, bool) {
	listen := v.listen(e, of)
	for _, f := range v.edges[by] {
		line, host := lineOf(f, by), other(f, by)
		if line == nil || !host.Absent() || line.Name.Unresolved {
			continue
		}
		samePort := listen.Port == 0 || line.Address.Port == 0 || listen.Port == line.Address.Port
		if samePort && resembles(line.Name.Value, of.Name) {
			return alias{by, of, line, host, f}, true
		}
	}
	return alias{}, false
}

// resembles tells whether two different names may be meant as one: a slip of the keyboard, another case, other leading
// zeros, or a host's full and short name. Names that differ in their numbers are siblings, as hapee1 and hapee2 are.
func resembles(a, b string) bool {
	if sameFold(a, b) {
		return true
	}
	shortA, _, _ := strings.Cut(a, ".")
	shortB, _, _ := strings.Cut(b, ".")
	if sameFold(shortA, b) || sameFold(a, shortB) {
		return true
	}
	return diag.Nearest(a, []string{b}) != "" && digit.ReplaceAllString(a, "") != digit.ReplaceAllString(b, "")
}

var (
	digit = regexp.MustCompile(`[0-9]`)
	zeros = regexp.MustCompile(`(^|[^0-9])0+([0-9])`)
)

func sameFold(a, b string) bool {
	return strings.EqualFold(zeros.ReplaceAllString(a, "$1$2"), zeros.ReplaceAllString(b, "$1$2"))
}
