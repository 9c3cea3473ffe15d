//go:build !linux

package aggregator

import (
	"fmt"

	"stktc/topology"
)

// Pin confines the process to processors, which is known how to do on Linux only.
func Pin(lines []topology.CPUMap) (int, error) {
	if len(lines) == 0 {
		return 0, nil
	}
	return 0, fmt.Errorf("%s: cpu-map is carried out on Linux only", lines[0].Span)
}
