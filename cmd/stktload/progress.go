package main

import (
	"fmt"
	"io"
	"strings"

	"stktc/cmd/internal/load"
)

// progress draws a line that replaces itself. Without an out it draws nothing.
type progress struct {
	out io.Writer
}

const barWidth = 30

// eraseLine returns to the line's beginning and clears it (ECMA-48 EL).
const eraseLine = "\r\x1b[K"

func (p *progress) show(now load.Progress) {
	full := int(now.Done * barWidth)
	bar := strings.Repeat("#", full) + strings.Repeat(".", barWidth-full)
	seconds := max(now.Elapsed.Seconds(), 0.001)
	fmt.Fprintf(p.out, "%s%-6s [%s] %3.0f %%  %s/s in  %s/s out  %.1f s  %d sessions", eraseLine, now.Stage, bar, 100*now.Done,
		short(float64(now.In)/seconds), short(float64(now.Out)/seconds), seconds, now.Sessions)
}

func (p *progress) clear() {
	if p.out != nil {
		io.WriteString(p.out, eraseLine)
	}
}

// short writes a number with three digits: "4.65 M".
func short(n float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, " G"}, {1e6, " M"}, {1e3, " k"}} {
		if n >= unit.size {
			return fmt.Sprintf("%.3g%s", n/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%.3g", n)
}
