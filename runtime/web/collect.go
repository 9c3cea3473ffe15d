package web

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"stktc/runtime"
	"stktc/runtime/store"
)

// registry has this server's metrics and no others.
func (s *Server) registry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	c := collector{s: s, metrics: s.metrics()}
	for _, m := range c.metrics {
		c.descs = append(c.descs, prometheus.NewDesc(m.name, m.help, m.labels, nil))
	}
	r.MustRegister(c, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// collector gives Prometheus the table of metrics.
type collector struct {
	s       *Server
	metrics []metric
	descs   []*prometheus.Desc // of metrics, in their order
}

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	snap := c.s.snapshot()
	for i, m := range c.metrics {
		m.collect(snap, func(v float64, labels ...string) {
			for j := range labels {
				labels[j] = labelValue(labels[j])
			}
			out <- prometheus.MustNewConstMetric(c.descs[i], m.kind, v, labels...)
		})
	}
}

// labelValue makes a name that came over the wire fit for a label, which must be UTF-8: with one bad name the whole scrape would fail.
func labelValue(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	q := strconv.QuoteToASCII(name)
	return q[1 : len(q)-1]
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func (snap *snapshot) members(f func(*runtime.SectionStatus, *runtime.PeerStatus)) {
	for i := range snap.Sections {
		for j := range snap.Sections[i].Peers {
			f(&snap.Sections[i], &snap.Sections[i].Peers[j])
		}
	}
}

func (snap *snapshot) tables(f func(*runtime.SectionStatus, runtime.TableStatus)) {
	for i := range snap.Sections {
		for _, t := range snap.Sections[i].Tables {
			f(&snap.Sections[i], t)
		}
	}
}

// sections makes a metric of each section's number; members, links and tables do so of each place of a peer, each session, and each table.
func sections(value func(*runtime.SectionStatus) float64) func(*snapshot, func(float64, ...string)) {
	return func(snap *snapshot, emit func(float64, ...string)) {
		for i := range snap.Sections {
			emit(value(&snap.Sections[i]), snap.Sections[i].Name)
		}
	}
}

func links(value func(*runtime.PeerStatus) float64) func(*snapshot, func(float64, ...string)) {
	return func(snap *snapshot, emit func(float64, ...string)) {
		snap.links(func(sec *runtime.SectionStatus, p *runtime.PeerStatus) { emit(value(p), sec.Name, p.Name) })
	}
}

func tables(value func(runtime.TableStatus) float64) func(*snapshot, func(float64, ...string)) {
	return func(snap *snapshot, emit func(float64, ...string)) {
		snap.tables(func(sec *runtime.SectionStatus, t runtime.TableStatus) { emit(value(t), sec.Name, t.Table.Name()) })
	}
}

func members(value func(*runtime.PeerStatus) float64) func(*snapshot, func(float64, ...string)) {
	return func(snap *snapshot, emit func(float64, ...string)) {
		snap.members(func(sec *runtime.SectionStatus, p *runtime.PeerStatus) { emit(value(p), sec.Name, p.Name) })
	}
}

// counted makes a metric of one of the numbers that each table counts.
func counted(value func(*store.Stats) uint64) func(*snapshot, func(float64, ...string)) {
	return func(snap *snapshot, emit func(float64, ...string)) {
		snap.tables(func(sec *runtime.SectionStatus, t runtime.TableStatus) {
			stats := snap.stats[t.Table]
			emit(float64(value(&stats)), sec.Name, t.Table.Name())
		})
	}
}

// contributors counts the peers whose shape the table has taken.
func contributors(t *store.Table) (n int) {
	for _, c := range t.Contributors() {
		if c.Defined {
			n++
		}
	}
	return n
}
