package check

import "stktc/grammar/diag"

var ignoreRefused = &Check{
	Code:     "STK042",
	Slug:     "ignore-refused",
	Title:    "a comment is to silence an error that nothing outside of the files can make right",
	Severity: diag.Warning,
	Since:    "0.2",
	Text: Text{
		What:    "A comment `# stktc:ignore` names an error such as STK320, a table whose key differs between nodes. Errors that address translation, DNS, a unit file or a file that was not given may explain can be silenced, and every warning; this one cannot, and it is reported all the same.",
		Why:     "Nothing: the comment has no effect.",
		RunTime: "Nothing; HAProxy and the aggregator do not read comments.",
		Fix:     "Mend the error. What is to be mended later belongs into a baseline: `stktc lint --baseline FILE --baseline-write`.",
	},
	Bad:  shapeExample("type ip size 100 expire 1h store http_req_rate(1h)", "type string len 32 size 100 expire 1h store http_req_rate(1h)", "  # stktc:ignore STK320 -- later"),
	Good: shapeExample("type ip size 100 expire 1h store http_req_rate(1h)", "type ip size 100 expire 1h store http_req_rate(1h)", ""),
}
