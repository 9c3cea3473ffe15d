package load

import (
	"stktc/grammar"
	"stktc/grammar/diag"
)

// needless are directives with which the vendor's daemon is tuned, and why there is nothing to tune here.
var needless = map[string]string{
	"trash-batch": "entries expire one by one, when their time has come",
	"hash-table":  "tables grow and shrink by themselves",
}

// notExecuted reports what an aggregator's file asks for and is not done.
func notExecuted(config *grammar.ConfigFile, findings *diag.List) {
	for line := range config.AllLines() {
		if line.Keyword() == ".if" && !line.Conditional {
			refuse(findings, line.Words[0].Span, "`.if`")
		}
		for i := range line.Words {
			if line.Words[i].Unresolved {
				refuse(findings, line.Words[i].Span, "the variable in `"+line.Words[i].Value+"`")
			}
		}
		switch s := line.Statement.(type) {
		case *grammar.Setting:
			if why := needless[s.Keyword.Value]; why != "" {
				ignore(findings, s.Keyword.Span, "`%s` has no effect: %s", s.Keyword.Value, why)
			}
		case *grammar.StatsSocket:
			if len(s.Options) > 0 {
				ignore(findings, s.Options[0].Span, "`%s` of `stats socket` is not carried out", s.Options[0].Value)
			}
		}
	}
}

func refuse(findings *diag.List, at diag.Span, what string) {
	f := grammar.Findingf(grammar.CodeExecuted, at, "%s is not carried out", what)
	f.Impact = "without it the nodes would see wrong sums, or sums that they should not see"
	findings.Add(*f)
}

func ignore(findings *diag.List, at diag.Span, format string, args ...any) {
	f := grammar.Findingf(grammar.CodeExecuted, at, format, args...)
	f.Severity = diag.Warning
	findings.Add(*f)
}
