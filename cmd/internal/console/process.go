package console

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"stktc/runtime/cli"
)

// Info writes the reply to "show info json".
func (p *Printer) Info(r io.Reader) error {
	fields, err := decode[[]cli.InfoField](r)
	if err != nil {
		return err
	}
	width := 0
	for _, f := range fields {
		width = max(width, length(f.Field.Name))
	}
	for _, f := range fields {
		name := printable(f.Field.Name)
		text := infoValue(f.Field.Name, fmt.Sprint(f.Value.Value))
		p.raw(p.paint(quiet, name) + strings.Repeat(" ", width-length(name)+2) + p.paint(infoTone(f.Field.Name, text), text))
	}
	return p.err
}

// infoValue writes a value with its unit, which the end of a name says.
func infoValue(name, text string) string {
	var n uint64
	if _, err := fmt.Sscanf(text, "%d", &n); err != nil || text != fmt.Sprint(n) {
		return text
	}
	switch {
	case name == "Pid":
		return text
	case strings.HasPrefix(name, "Bytes_") || strings.HasSuffix(name, "_bytes"):
		return size(n)
	case name == "Start_time_sec":
		return time.Unix(int64(n), 0).Format(time.DateTime)
	case strings.HasSuffix(name, "_sec"):
		return span(float64(n))
	}
	return count(n)
}

// troubles are the numbers that should be 0.
var troubles = []string{"Sources_missing", "Keys_evicted", "Keys_partial", "Updates_crowded", "Tables_refused", "Faults_malformed", "Faults_too_long", "Faults_reported"}

func infoTone(name, text string) tone {
	for _, t := range troubles {
		if name == t && text != "0" {
			return doubt
		}
	}
	return plain
}

// bytesPerLine of a message in hexadecimal: 32 take 95 characters.
const bytesPerLine = 32

// Errors writes the reply to "show errors json".
func (p *Printer) Errors(r io.Reader) error {
	faults, err := decode[[]cli.Fault](r)
	if err != nil {
		return err
	}
	if len(faults) == 0 {
		p.text(0, good, "no message broke the protocol")
	}
	for i, f := range faults {
		p.between(i)
		p.raw(p.paint(head, f.Peer) + p.paint(plain, " ("+f.Remote+"), ") + p.paint(bad, f.Kind) + p.paint(plain, ", "+span(f.AgeSeconds)+" ago, "+f.Time.Local().Format(time.DateTime)))
		p.text(2, plain, f.Error)
		p.hex(f.Bytes)
	}
	return p.err
}

func (p *Printer) hex(digits string) {
	b, err := hex.DecodeString(digits)
	if err != nil {
		p.text(2, plain, digits)
		return
	}
	n := max(1, min(bytesPerLine, (p.width()-1)/3))
	for ; len(b) > 0; b = b[min(n, len(b)):] {
		p.raw(fmt.Sprintf("  % x", b[:min(n, len(b))]))
	}
}

// Reload writes the reply to "show reload json" or "reload json", and tells whether the last reload succeeded.
func (p *Printer) Reload(r io.Reader) (ok bool, err error) {
	j, err := decode[cli.Reload](r)
	if err != nil {
		return false, err
	}
	when := span(j.AgeSeconds) + " ago"
	if j.AgeSeconds < 1 {
		when = "just now"
	}
	tried := fmt.Sprintf("%s succeeded, %s refused", count(j.Successes), count(j.Failures))
	switch {
	case j.Last.IsZero():
		p.text(0, good, "ok: not reloaded since the start")
	case j.OK:
		p.text(0, good, fmt.Sprintf("ok: reloaded %s (%s)", when, tried))
	default:
		p.text(0, bad, fmt.Sprintf("failed: refused %s, everything is as it was before (%s)", when, tried))
		for line := range strings.Lines(j.Error) {
			p.text(2, plain, strings.TrimSuffix(line, "\n"))
		}
	}
	for _, w := range j.Waits {
		p.text(2, doubt, fmt.Sprintf("waits for a restart: `%s`, which is taken over at the start only", w))
	}
	return j.OK, p.err
}
