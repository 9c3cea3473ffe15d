package check

import (
	"cmp"
	"slices"

	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

// Check is one kind of mistake: how it is found, and everything that there is to know about it.
type Check struct {
	Code     diag.Code
	Slug     string // the code in words, stable: "peer-address-mismatch"
	Title    string // one line without full stop
	Severity diag.Severity
	Since    string // the version of stktc that brought it
	Text     Text
	Bad      string // a txtar archive of deployed files, DIR/node/file, that has just this finding
	Good     string // the same, mended: it has no finding
	// Stated is the HAProxy that the examples are said to run on; zero for any.
	Stated sticktable.Version
	// Outside is what outside of the files may make an error of this kind right, a comment may silence it then; "" when nothing can. Warnings
	// and infos can always be silenced.
	Outside string
	// Asked tells that it is reported only to those who ask for it by its code: most clusters have it, few mind.
	Asked bool
	// Alone tells that one host's files are enough to find it: an aggregator refuses to start for an error of this kind.
	Alone bool
	Run   func(*Pass)
}

// Text is a check's documentation. Each part is one paragraph.
type Text struct {
	What    string // what is found
	Why     string // what the mistake does to the cluster
	RunTime string // what an operator sees of it, and what HAProxy says
	Fix     string // what to do
}

// checks holds every check in the order of the codes.
var checks = []*Check{
	ignoreUnused, ignoreRefused,
	localpeer, localpeerLate, peerName, directory, duplicateName, duplicateAddress, absent, longName,
	peerAddress, oneWay, loopback, noListener, upWithoutDown, downWithoutUp, twoParents, cycle, local, tlsOneSide, island, mark, groupDiffers, binds, localPlain, shards, replicaOneSided,
	fromMatchesNothing, destinationMissing, unattached, tableReference, forward, twoForms, sourceMissing, notStored, tableMisspelt,
	tableKey, tableStore, ratePeriod, tableSize, tableExpire, connCur, aggregateWritten, notSummed, bratesFactor, noExpire, trackedKey,
	rules, countedTwice, twoWriters, sourceRead, suffixReused, nodesMeshed, aggregateUnread, suffixDot, anySums, reversedRule,
	keywordTooNew, typeIP, oldProtocol,
	mayOverflow, dynamicLimit, singlePoint, sharedHost,
	statsInTmp, statsExposed, peersOpen, socketMode, clearText, unverified,
}

// Checks lists all checks in the order of their codes. The literals are shared: do not change them.
func Checks() []*Check { return slices.Clone(checks) }

// Lookup finds a check by its code or slug; nil when there is none.
func Lookup(id string) *Check {
	for _, c := range checks {
		if id == string(c.Code) || id == c.Slug {
			return c
		}
	}
	return nil
}

// Run applies every check to a cluster and gives the findings sorted. Those that a comment silences are marked. Of hosts whose configuration is known only in
// part nothing is said.
func Run(c *topology.Cluster) diag.List {
	return run(c, func(*Check) bool { return true })
}

// Structure applies the checks that need no other host's files: what makes an aggregator's configuration contradict itself.
func Structure(c *topology.Cluster) diag.List {
	return run(c, func(k *Check) bool { return k.Alone })
}

func run(c *topology.Cluster, wanted func(*Check) bool) diag.List {
	var all []result
	v := withMended(newView(whole(c)))
	for _, k := range checks {
		if wanted(k) && k.Run != nil {
			k.Run(&Pass{view: v, check: k, found: &all})
		}
	}
	found := v.withoutLack(sideBySide(all))
	v.ignores.mark(found)
	found.Sort()
	return found
}

// Pass is one check at work on one cluster.
type Pass struct {
	*view
	check *Check
	found *[]result
}

// result is a finding on its way. Those that set the same two declarations side by side become one.
type result struct {
	diag.Finding
	pair     pair
	row      diag.ComparisonRow
	mismatch *mismatch
	wording  wording
}

// report adds a finding: code and slug are the check's, so is the severity unless the finding has a milder one. Findings
// that a graver one explains are left out by the caller, not here.
func (p *Pass) report(f diag.Finding) { p.add(result{Finding: f}) }

func (p *Pass) add(r result) {
	f := &r.Finding
	f.Code, f.Slug = p.check.Code, p.check.Slug
	f.Severity = cmp.Or(f.Severity, p.check.Severity)
	f.Related = apart(f.Primary, f.Related)
	order(f)
	*p.found = append(*p.found, r)
}

// order sorts the names that a finding concerns.
func order(f *diag.Finding) {
	for _, list := range []*[]string{&f.Nodes, &f.Edges, &f.Tables} {
		slices.SortFunc(*list, topology.CompareNatural)
		*list = slices.Compact(*list)
	}
}

// apart drops what is nowhere, and places that are marked already: what a topology writes once concerns many hosts at one place.
func apart(primary diag.Note, related []diag.Note) []diag.Note {
	marked := []diag.Span{{}, primary.Span}
	return slices.DeleteFunc(related, func(n diag.Note) bool {
		again := slices.Contains(marked, n.Span)
		marked = append(marked, n.Span)
		return again
	})
}
