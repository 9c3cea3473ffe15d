package grammar

// Extension is a directive of aggregators' files that is ours: `dialect: stktagg` and `gpe` keep it out of a file.
type Extension struct {
	Form    string // "hold TIME"
	Default string // what holds where it is not written
	About   string // one sentence
}

// Extensions lists them in the order of the files' vocabulary: in the global section they hold for all sections of the file, in one for that.
func Extensions() []Extension {
	list := make([]Extension, len(extensions))
	for i, t := range extensions {
		about := aboutExtensions[t.keyword]
		list[i] = Extension{Form: t.directive.form, Default: about[0], About: about[1]}
	}
	return list
}

// aboutExtensions gives for each keyword what holds without it, and what it is for.
var aboutExtensions = map[string][2]string{
	"strict-names":  {"off", "With TLS, a peer's certificate must bear its name."},
	"hold":          {"the table's `expire`, else 1h", "How long what a peer that is away counted stays in the sums, at most."},
	"pace":          {"none", "The least time between two updates of one key to one peer."},
	"give-back":     {"on", "Whether a node that restarted empty gets its own last values back."},
	"lease":         {"none", "A key of a table of strings that is kept alive as long as the sums are fresh, and is gone on the nodes that long after they are not."},
	"learn-timeout": {"3s", "How long after its start, or when its sources change, an aggregator waits for sources before it sends sums; up to ten times as long for one that is teaching."},
}
