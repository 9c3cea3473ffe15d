package load

import (
	"stktc/grammar"
	"stktc/topology"
	"stktc/topology/sticktable"
)

var useKinds = map[grammar.UseKind]topology.UseKind{
	grammar.Counts: topology.Counts, grammar.Reads: topology.Reads, grammar.Writes: topology.Writes, grammar.Mentions: topology.Mentions,
}

// tableUses reads what the rules of a configuration file do with stick tables.
func tableUses(config *grammar.ConfigFile) []*topology.TableUse {
	var uses []*topology.TableUse
	for _, u := range grammar.TableUses(config) {
		use := &topology.TableUse{Kind: useKinds[u.Kind], Key: text(u.Key), Table: text(u.Table), Counter: u.Counter, Index: u.Index, Span: u.At, Decides: u.Decides, Conditional: u.Conditional}
		if u.Section.Value != "defaults" {
			use.Proxy = u.Proxy.Value
		}
		if u.Data != "" {
			use.Data, use.HasData = sticktable.ParseDataType(u.Data)
		}
		uses = append(uses, use)
	}
	return uses
}

// options reads what a table's declaration says besides its shape.
func options(t *grammar.Table) []topology.Option {
	var list []topology.Option
	for i := 0; i < len(t.Options); i++ {
		o := topology.Option{Keyword: text(t.Options[i])}
		switch o.Keyword.Value {
		case "srvkey", "write-to", "brates-factor":
			if i+1 < len(t.Options) {
				i++
				o.Value = text(t.Options[i])
			}
		}
		list = append(list, o)
	}
	return list
}

// declared makes a table of its declaration.
func declared(table topology.Table, t *grammar.Table) *topology.Table {
	table.KeyWord, table.Options = text(t.Type), options(t)
	table.RecvOnly = table.Option("recv-only") != nil
	return &table
}
