package grammar

import (
	"fmt"
	"strings"
	"testing"

	"stktc/grammar/diag"
)

func describeIgnores(ignores []diag.Ignore, findings diag.List) string {
	var b strings.Builder
	for _, i := range ignores {
		fmt.Fprintf(&b, "%s %d-%d %s\n", i.Code, i.First, i.Last, i.Reason)
	}
	for _, f := range findings {
		fmt.Fprintf(&b, "%d:%d %s\n", f.Primary.Span.Start.Line, f.Primary.Span.Start.Column, f.Summary)
	}
	return b.String()
}

func TestConfigIgnores(t *testing.T) {
	f, _ := ParseConfig("f", []byte(`# stktc:ignore STK101 -- the first section
global
  localpeer a

# stktc:ignore STK701 -- above
# and more words

  # stktc:ignore STK702,peer-address-mismatch -- both, with -- dashes
  stats socket /x
  stats socket /y #stktc:ignore STK703 STK704 -- behind
peers p # stktc:ignore STK215 -- all of p
  bind :1

  server a # stktc:ignored STK1 -- x
  server b 1.1.1.1:1 # stktc:ignore STK201
  server c 1.1.1.1:1 # stktc:ignore -- why
  server d 1.1.1.1:1 # stktc:ignore STK2 -- why
  server e 1.1.1.1:1 # see stktc:ignore STK201 -- in words only
  server "f # stktc:ignore STK201 -- quoted" 1.1.1.1:1
# stktc:ignore STK999 -- nothing follows
`))
	want := "STK101 2-10 the first section\nSTK701 9-9 above\nSTK702 9-9 both, with -- dashes\npeer-address-mismatch 9-9 both, with -- dashes\n" +
		"STK703 10-10 behind\nSTK704 10-10 behind\nSTK215 11-19 all of p\nSTK999 0-0 nothing follows\n" +
		"14:12 comment `# stktc:ignored STK1 -- x` is not understood; accepted is `# stktc:ignore CODE[,CODE…] -- REASON`\n" +
		"15:22 comment `# stktc:ignore STK201` gives no reason; accepted is `# stktc:ignore CODE[,CODE…] -- REASON`\n" +
		"16:22 comment `# stktc:ignore -- why` gives no code; accepted is `# stktc:ignore CODE[,CODE…] -- REASON`\n" +
		"17:22 `STK2` is not a finding's code; accepted is `# stktc:ignore CODE[,CODE…] -- REASON`\n"
	if got := describeIgnores(f.Ignores()); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestTopologyIgnores(t *testing.T) {
	text := `version: 1
tables:
  # stktc:ignore STK323 -- of st alone
  st: {type: ip, size: 1m}   # stktc:ignore STK324 -- behind
  b:
    type: "a # stktc:ignore STK1 -- quoted"
aggregators:   # stktc:ignore STK701 -- all of them
  a: {}

  # a comment
  b: {}
it's: "x" # stktc:ignore STK702 -- behind an apostrophe` + "\r\n"
	want := "STK323 4-4 of st alone\nSTK324 4-4 behind\nSTK701 7-11 all of them\nSTK702 12-12 behind an apostrophe\n"
	if got := describeIgnores(TopologyIgnores("f", []byte(text))); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	ignores, _ := TopologyIgnores("f", []byte(text))
	for _, i := range ignores {
		if s := i.Span; !strings.HasPrefix(text[s.Start.Offset:s.End.Offset], "# stktc:ignore "+string(i.Code)) {
			t.Errorf("%s marks %q", i.Code, text[s.Start.Offset:s.End.Offset])
		}
	}
}
