// Package runtime is the aggregator: it accepts and dials peers, and sums what they count. New makes one from a Config; Serve runs it until
// its context ends. The package knows neither YAML nor the topology.
package runtime
