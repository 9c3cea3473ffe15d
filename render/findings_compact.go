package render

import (
	"bytes"
	"fmt"
)

// Compact prints one line for each finding, in the form that editors and compilers' users know: "file:line:col: error: message [STK201]".
// A finding about a whole file has no line and column, one about no file begins with "stktc:".
func (f *Findings) Compact() []byte {
	var out bytes.Buffer
	heard := f.List.Heard()
	for i := range heard {
		d := &heard[i]
		place := "stktc"
		switch at := d.Primary.Span; {
		case at.Start.Line > 0:
			place = at.String()
		case at.File != "":
			place = at.File
		}
		fmt.Fprintf(&out, "%s: %s: %s", printable(place), d.Severity, printable(d.Summary))
		if d.Code != "" {
			fmt.Fprintf(&out, " [%s]", d.Code)
		}
		out.WriteByte('\n')
	}
	return out.Bytes()
}
