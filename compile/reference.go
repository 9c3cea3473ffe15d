package compile

import (
	"stktc/grammar"
	"stktc/grammar/diag"
)

// reference is a place in a base where a rule uses a stick table.
type reference struct {
	use     use
	table   string    // as written; "" for the one that the proxy bears, or that counter tracks
	proxy   string    // the section's name; "" in a defaults section
	counter int       // of track-sc and of fetches that read a tracked counter; else -1
	at      diag.Span // of the table's name; without one, of the word that implies it
	gap     diag.Span // without a table: where one may be named
	insert  string    // the text that names one there, with %s for its name; "" when there is no such place
	known   bool      // false: an environment variable stands in the name
}

// use is what a rule does with a table.
type use uint8

const (
	counts use = iota + 1 // track-sc, stick on, stick store
	reads                 // a fetch or a converter that gives stored data
	names                 // any other mention: a fetch that writes, in_table …
)

var uses = map[grammar.UseKind]use{grammar.Counts: counts, grammar.Reads: reads, grammar.Writes: names, grammar.Mentions: names}

// references collects what the rules of a file say of tables.
func references(cfg *grammar.ConfigFile) []reference {
	var refs []reference
	for _, u := range grammar.TableUses(cfg) {
		r := reference{use: uses[u.Kind], table: u.Table.Value, counter: u.Counter, at: u.At, gap: u.Gap, insert: u.Naming, known: !u.Table.Unresolved}
		if u.Section.Value != "defaults" {
			r.proxy = u.Proxy.Value
		}
		if !u.Table.IsZero() {
			r.at = u.Table.Span
		}
		refs = append(refs, r)
	}
	return refs
}
