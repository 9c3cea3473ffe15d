package flags

import (
	"io"
	"testing"

	"github.com/urfave/cli/v2"
)

// TestExplain: a mistake names the flag as it is written, the value, and what is accepted.
func TestExplain(t *testing.T) {
	some := []cli.Flag{&cli.DurationFlag{Name: "limit"}, &cli.IntFlag{Name: "rate"}, &cli.BoolFlag{Name: "json"}, &cli.StringFlag{Name: "f", Usage: "the `FILE`"}}
	for written, want := range map[string]string{
		"--limit=10":  "--limit \"10\": accepted are times with their unit: `10s`?",
		"--limit=x":   "--limit \"x\": accepted are times with their unit, as `10s` and `500ms`",
		"--rate=many": "--rate \"many\": accepted are whole numbers",
		"--json=2":    "--json \"2\": accepted are true and false",
		"--rates=1":   "there is no flag `--rates`, did you mean `--rate`?",
		"--colour":    "there is no flag `--colour`: accepted are --limit, --rate, --json, -f",
		"-f":          "-f needs a value: the FILE",
	} {
		app := &cli.App{Flags: some, Writer: io.Discard, HideHelp: true, OnUsageError: func(_ *cli.Context, err error, _ bool) error { return Explain(err, some) }}
		if err := app.Run([]string{"x", written}); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", written, err, want)
		}
	}
}
