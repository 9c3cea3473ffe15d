package grammar

// The keys of topology files: a function for each kind of mapping, which gives the table that reads it.

// Forms of values.
var (
	versionForm  = form{pattern: `^1$`, examples: []string{"1"}}
	haproxyForm  = form{pattern: `^[0-9]{1,3}\.[0-9]{1,3}$`, examples: []string{"2.6", "3.0"}}
	boolForm     = form{words: []string{"true", "false"}}
	switchForm   = form{words: []string{"on", "off", "true", "false"}}
	dialectForm  = form{words: []string{"stktc", "gpe", "stktagg"}}
	durationForm = form{pattern: `^[0-9]+(us|ms|s|m|h|d)$`, examples: []string{"10s", "30m", "1h"}}
	sizeForm     = form{pattern: `^[0-9]+[kKmMgG]?$`, examples: []string{"100", "100k", "2m"}}
	keyTypeForm  = form{examples: []string{"ip", "ipv6", "integer", "string", "binary"}}
	storeForm    = form{examples: []string{"http_req_rate(10s)", "gpc0,conn_cnt"}}
	suffixForm   = form{examples: []string{".local", ".sum"}}
	selectorForm = form{examples: []string{"edge1", "edge*", "edge[1-4]", "@par"}}
	endpointForm = form{examples: []string{"192.0.2.1:10000", "[2001:db8::1]:10000"}}
	hostForm     = form{examples: []string{"192.0.2.1", "2001:db8::1", "192.0.2.[1-4]"}}
	portForm     = form{examples: []string{"10000"}}
	socketForm   = form{examples: []string{"/run/stktagg.sock mode 600 level admin"}}
)

const (
	aboutLease   = "How fresh sums are: the aggregators refresh a key of the string table `stktc.lease` on the nodes, which is gone when they have not done so for this long."
	aboutDialect = "Which daemon is to run the aggregators' files: `stktc` (default), or `stktagg` or `gpe`, the vendor's, whose files get none of our extensions."
)

func topologyKeys(f *TopologyFile, top *topEntries) []field {
	return []field{
		{key: "version", into: &top.version, form: versionForm, about: "The version of the topology file's format."},
		{key: "haproxy", into: &f.HAProxy, form: haproxyForm, about: "The oldest HAProxy among the nodes, as `2.6`: it decides which keywords are allowed. In quotes, or YAML takes `2.10` for the number 2.1."},
		{key: "tables", into: &top.tables, needed: true, holds: &mapping{keys: tableKeys(&TableEntry{}), named: true},
			about: "The stick tables that are summed, by name, without the levels' suffixes."},
		{key: "levels", into: &top.levels, needed: true, holds: &mapping{keys: levelKeys(&LevelEntry{}), list: true},
			about: "The tiers of summing, bottom up: the first is what the nodes themselves count."},
		{key: "defaults", into: &top.defaults, holds: &mapping{keys: defaultsKeys(&defaultEntries{})},
			about: "What holds for all aggregators and balancers that do not say otherwise."},
		{key: "aggregators", into: &top.aggregators, needed: true, holds: &mapping{keys: aggregatorEntryKeys(&AggregatorEntry{}), named: true},
			about: "The aggregators by name. A name may hold a range: `agg[1-2]`."},
		{key: "balancers", into: &top.balancers, needed: true, holds: &mapping{keys: balancerKeys(&BalancerEntry{}), named: true},
			about: "The nodes that run HAProxy, by name. A name may hold a range: `edge[01-20]`."},
		{key: "lease", into: &f.Lease, form: durationForm, about: aboutLease},
		{key: "dialect", into: &f.Dialect, form: dialectForm, about: aboutDialect},
	}
}

func levelKeys(l *LevelEntry) []field {
	return []field{
		{key: "name", into: &l.Name, needed: true, about: "The level's name. Of a level that sums, it names the aggregations sections."},
		{key: "suffix", into: &l.Suffix, needed: true, form: suffixForm, about: "What the names of the level's tables end in. An empty first suffix means `from any`."},
		{key: "deliver", into: &l.Deliver, form: boolForm, about: "`false`: the level's sums are sent up only, and the nodes do not declare its tables."},
	}
}

func tableKeys(e *TableEntry) []field {
	return []field{
		{key: "type", into: &e.Type, form: keyTypeForm, needed: true, about: "The type of the keys, in HAProxy's words."},
		{key: "len", into: &e.Len, about: "The length of the keys of type `string` or `binary`."},
		{key: "size", into: &e.Size, form: sizeForm, needed: true, about: "How many keys a table holds, or a mapping from levels to that: `{nodes: 200k, global: 2m}`."},
		{key: "expire", into: &e.Expire, form: durationForm, about: "How long a key stays that is not seen any more, or a mapping from levels to that."},
		{key: "store", into: &e.Store, form: storeForm, needed: true, about: "What is counted for each key: HAProxy's own list of data types."},
		{key: "declare", into: &e.Declare, form: form{words: []string{"proxies", "peers"}},
			about: "Where balancers declare the table: `proxies` (default), in a proxy of its name, or `peers`, in the peers section."},
		{key: "suffixes", into: &e.Suffixes, form: suffixForm, about: "Suffixes of this table instead of the levels' own; fewer of them stop at a lower level."},
		{key: "on", into: &e.On, form: selectorForm, about: "The balancers that have the table; all if it is not there."},
		{key: "peers", into: &e.Peers, about: "The peers section that shares the table; the balancers' first if it is not there."},
	}
}

func defaultsKeys(d *defaultEntries) []field {
	return []field{
		{key: "any", into: &d.any, holds: &mapping{keys: bothKeys(&bothEntry{})}, about: "Of aggregators and balancers."},
		{key: "aggregator", into: &d.aggregator, holds: &mapping{keys: aggregatorKeys(&AggregatorEntry{})}, about: "Of aggregators."},
		{key: "balancer", into: &d.balancer, holds: &mapping{keys: balancerKeys(&BalancerEntry{})}, about: "Of balancers."},
	}
}

const aboutSite = "The site that a host stands in. `@SITE` selects a site's balancers, and `{site}` stands for its name."

func bothKeys(both *bothEntry) []field {
	return []field{{key: "site", into: &both.site, about: aboutSite}, tlsKey(&both.tls)}
}

func tlsKey(e *TLSEntry) field {
	return field{key: "tls", into: e, form: form{words: []string{"off", "false"}}, about: "Encrypts the host's sessions; the other end of each link needs it too. `off` takes back what defaults say.", holds: &mapping{keys: []field{
		{key: "crt", into: &e.Crt, about: "The file with the host's certificate, its chain and its key. `{name}` and `{site}` stand for the host's own."},
		{key: "ca_file", into: &e.CAFile, about: "The file with the authorities that the other end's certificate must come from."},
		{key: "verify", into: &e.Verify, form: form{words: []string{"none", "optional", "required"}},
			about: "Whether the other end must show a certificate: `required` (default beside `ca_file`), `optional` of who dials in, or `none`."},
	}}}
}

func seenAsKey(e *[]Pair, f form) field {
	return field{key: "seen_as", into: e, form: f, about: "The address that hosts of other sites dial, by site, where address translation makes it another."}
}

// aggregatorKeys are those that defaults may have too.
func aggregatorKeys(e *AggregatorEntry) []field {
	return []field{
		{key: "address", into: &e.Address, form: endpointForm, about: "Address and port that the aggregator listens on, and that its peers dial."},
		{key: "site", into: &e.Site, about: aboutSite},
		{key: "section", into: &e.Section, about: "The name of the aggregations section, if not the level's."},
		{key: "peers", into: &e.Peers, about: "The balancers' peers section that dials it; their first if it is not there."},
		{key: "stats_socket", into: &e.StatsSocket, form: socketForm, about: "Where `stktc show` asks the aggregator: `ADDRESS [mode MODE] [level LEVEL]`."},
		{key: "host", into: &e.Host, about: "The aggregator whose file the section goes into, as a second one with a listener of its own."},
		tlsKey(&e.TLS),
		seenAsKey(&e.SeenAs, endpointForm),
		{key: "file", into: &e.File, about: "The name of the file that is written, `hapee-stktagg.cfg` if it is not there."},
		{key: "dialect", into: &e.Dialect, form: dialectForm, about: aboutDialect},
		{key: "lease", into: &e.Lease, form: durationForm, about: aboutLease},
		{key: "learn_timeout", into: &e.LearnTimeout, form: durationForm, about: "How long after its start the aggregator waits for sources before it sends sums; 3s if it is not there."},
		{key: "hold", into: &e.Hold, form: durationForm, about: "How long what a lost peer counted stays in the sums; as long as the table's keys if it is not there."},
		{key: "pace", into: &e.Pace, form: durationForm, about: "The least time between two updates of one key to one peer; none if it is not there."},
		{key: "give_back", into: &e.GiveBack, form: switchForm, about: "Whether a node that restarted empty gets its own last values back."},
		{key: "extra", into: &e.Extra, about: "Lines that are written as they stand.", holds: &mapping{keys: []field{
			{key: "global", into: &e.Extra.Global, about: "Into the global section of the aggregator's file."},
			{key: "section", into: &e.Extra.Section, about: "Into its aggregations section."},
		}}},
	}
}

func aggregatorEntryKeys(e *AggregatorEntry) []field {
	sums := field{key: "sums", into: &e.Sums, form: selectorForm, needed: true,
		about: "Whom it sums: names, globs, ranges and `@SITE`, of balancers or of aggregators of one level."}
	return append([]field{sums}, aggregatorKeys(e)...)
}

func balancerKeys(e *BalancerEntry) []field {
	return []field{
		{key: "address", into: &e.Address, form: hostForm, about: "The address that aggregators know the balancer by, without a port."},
		{key: "base", into: &e.Base, about: "The operator's own HAProxy configuration, a file or several in order. `{name}` and `{site}` stand for the host's own.",
			spared: func() bool { return e.Emit.Value == "fragment" }},
		{key: "peers", into: &e.Peers, form: portForm, about: "The peers sections and the port of each: `{mypeers: 44444}`."},
		{key: "site", into: &e.Site, about: aboutSite},
		{key: "bind", into: &e.Bind, form: hostForm, about: "The address that the peers sections listen on, if not the balancer's own; `0.0.0.0` for all."},
		{key: "style", into: &e.Style, form: form{words: []string{"server", "peer"}}, about: "`server` (default) writes `bind` and `server` lines, `peer` the old `peer` lines."},
		{key: "localpeer", into: &e.LocalPeer, form: form{words: []string{"external", "emit"}},
			about: "How HAProxy learns its own name: `external` (default), from `-L` or the host name, or `emit`, from a `localpeer` line."},
		{key: "file", into: &e.File, about: "The name of the file that is written, `hapee-lb.cfg` if it is not there."},
		{key: "emit", into: &e.Emit, form: form{words: []string{"merged", "fragment"}},
			about: "`merged` (default) inserts what is ours into the bases, `fragment` writes it alone, for a further `-f`; bases are then only checked."},
		tlsKey(&e.TLS),
		seenAsKey(&e.SeenAs, hostForm),
		{key: "extra", into: &e.Extra, about: "Lines that are written as they stand.", holds: &mapping{keys: []field{
			{key: "section", into: &e.Extra.Section, about: "Into the peers sections that are ours."},
		}}},
	}
}
