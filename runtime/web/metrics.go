package web

import (
	goruntime "runtime"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"stktc/runtime"
	"stktc/runtime/store"
)

// metric describes one metric. All that lists metrics reads the table: /metrics, and METRICS.md. What a label multiplies is written there;
// no label ever holds a key of a table, of which there may be millions.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
	collect    func(s *snapshot, emit func(v float64, labels ...string))
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// Labels. A session's numbers are told once, under the first of the sections that it serves, so that their sum is right.
var (
	bySection = []string{"section"}
	byTable   = []string{"section", "table"}
	byPeer    = []string{"section", "peer"}
)

// metrics is the table, in the order of the document. Those of the Go runtime and of the process come on top.
func (s *Server) metrics() []metric {
	return append([]metric{{
		"stktc_build_info", "The build of this aggregator. Always 1.", gauge, []string{"version", "revision", "goversion"},
		func(_ *snapshot, emit func(float64, ...string)) {
			emit(1, s.opt.Version, s.opt.Revision, goruntime.Version())
		},
	}}, aggregatorMetrics...)
}

var aggregatorMetrics = []metric{
	{
		"stktc_uptime_seconds", "Time since the aggregator started.", gauge, nil,
		func(s *snapshot, emit func(float64, ...string)) { emit(s.at.Sub(s.Started).Seconds()) },
	},
	{
		"stktc_last_tick_age_seconds", "Time since the tables last looked at the clock, 5 ms apart when all is well. Beyond 5 s /healthz says dead.", gauge, nil,
		func(s *snapshot, emit func(float64, ...string)) { emit(s.age.Seconds()) },
	},
	{
		"stktc_ready", "1 if /readyz says ready: every section sends its sums.", gauge, nil,
		func(s *snapshot, emit func(float64, ...string)) { emit(truth(s.alive == nil && isReady(&s.Status))) },
	},
	{
		"stktc_reloads_total", "Reloads of the configuration, by result: success or failure. A failed one leaves everything as it was.", counter, []string{"result"},
		func(s *snapshot, emit func(float64, ...string)) {
			emit(float64(s.Reloads.Successes), "success")
			emit(float64(s.Reloads.Failures), "failure")
		},
	},
	{
		"stktc_last_reload_successful", "0 if the last reload was refused: what runs is not what the file says. 1 before the first.", gauge, nil,
		func(s *snapshot, emit func(float64, ...string)) { emit(truth(s.Reloads.LastError == "")) },
	},
	{
		"stktc_last_reload_timestamp_seconds", "When a reload was last tried, Unix time. Absent before the first.", gauge, nil,
		func(s *snapshot, emit func(float64, ...string)) {
			if !s.Reloads.Last.IsZero() {
				emit(seconds(s.Reloads.Last))
			}
		},
	},
	{
		"stktc_faults_total", "Messages that broke the protocol, by kind: malformed and too_long ones of peers, and those in which a peer reported ours.", counter, []string{"kind"},
		func(s *snapshot, emit func(float64, ...string)) {
			for _, f := range s.Faults {
				emit(float64(f.Count), strings.ReplaceAll(f.Kind.String(), " ", "_"))
			}
		},
	},

	{
		"stktc_section_learned", "1 if every source of the section that is connected has taught what it counted.", gauge, bySection,
		sections(func(s *runtime.SectionStatus) float64 { return truth(s.Learned) }),
	},
	{
		"stktc_section_whole", "1 if every source of the section is connected and has taught what it counted: its sums are whole.", gauge, bySection,
		sections(func(s *runtime.SectionStatus) float64 { return truth(s.Whole) }),
	},
	{
		"stktc_section_released", "1 if the section sends its sums, 0 during the silence after a start.", gauge, bySection,
		sections(func(s *runtime.SectionStatus) float64 { return truth(s.Released) }),
	},
	{
		"stktc_section_writing", "1 if the section writes to its nodes, 0 while a replica does.", gauge, bySection,
		sections(func(s *runtime.SectionStatus) float64 { return truth(s.Writing) }),
	},
	{
		"stktc_section_missing_sources", "Sources of the section that are not connected or have not taught yet.", gauge, bySection,
		sections(func(s *runtime.SectionStatus) float64 { return float64(len(s.Missing)) }),
	},
	{
		"stktc_section_takeovers_total", "Take-overs, by what: group, another member of a group counts; replica, this aggregator began to write to the nodes after it stood by.",
		counter, []string{"section", "what"},
		func(s *snapshot, emit func(float64, ...string)) {
			for i := range s.Sections {
				sec := &s.Sections[i]
				emit(float64(sec.Groups), sec.Name, "group")
				emit(float64(sec.Replicas), sec.Name, "replica")
			}
		},
	},

	{
		"stktc_peer_info", "What the peer is, always 1: direction is the configuration's word, node for an unmarked peer; group its number, empty for none; tls the version, empty for clear text or no session.",
		gauge, []string{"section", "peer", "direction", "group", "tls"},
		func(s *snapshot, emit func(float64, ...string)) {
			s.members(func(sec *runtime.SectionStatus, p *runtime.PeerStatus) {
				group := ""
				if p.Group > 0 {
					group = strconv.Itoa(p.Group)
				}
				emit(1, sec.Name, p.Name, p.Direction.String(), group, p.TLS.Version)
			})
		},
	},
	{
		"stktc_peer_connected", "1 if there is a session with the peer.", gauge, byPeer,
		members(func(p *runtime.PeerStatus) float64 { return truth(p.Connected) }),
	},
	{
		"stktc_peer_counts", "1 if this member of its group is the one that counts. Only for members of a group.", gauge, byPeer,
		func(s *snapshot, emit func(float64, ...string)) {
			s.members(func(sec *runtime.SectionStatus, p *runtime.PeerStatus) {
				if p.Group != 0 {
					emit(truth(p.Counts), sec.Name, p.Name)
				}
			})
		},
	},
	{
		"stktc_peer_learned", "1 if the peer has taught everything that it had in this session, 0 before that and while it is away.", gauge, byPeer,
		members(func(p *runtime.PeerStatus) float64 { return truth(p.Connected && p.Lesson == "finished") }),
	},
	{
		"stktc_peer_state_timestamp_seconds", "Since when the peer has been connected, or away, Unix time.", gauge, byPeer,
		members(func(p *runtime.PeerStatus) float64 { return seconds(p.Since) }),
	},
	{
		"stktc_peer_sessions_total", "Sessions with the peer.", counter, byPeer,
		links(func(p *runtime.PeerStatus) float64 { return float64(p.Sessions) }),
	},
	{
		"stktc_peer_updates_received_total", "Updates that the peer sent.", counter, byPeer,
		links(func(p *runtime.PeerStatus) float64 { return float64(p.UpdatesIn) }),
	},
	{
		"stktc_peer_updates_sent_total", "Updates that the peer was sent.", counter, byPeer,
		links(func(p *runtime.PeerStatus) float64 { return float64(p.UpdatesOut) }),
	},
	{
		"stktc_peer_updates_ignored_total", "Updates that the peer sent of tables that no rule takes, among them the sums that nodes teach back.", counter, byPeer,
		links(func(p *runtime.PeerStatus) float64 { return float64(p.Ignored) }),
	},
	{
		"stktc_peer_received_bytes_total", "Bytes that the peer sent, without those of TCP and TLS.", counter, byPeer,
		links(func(p *runtime.PeerStatus) float64 { return float64(p.BytesIn) }),
	},
	{
		"stktc_peer_sent_bytes_total", "Bytes that the peer was sent, without those of TCP and TLS.", counter, byPeer,
		links(func(p *runtime.PeerStatus) float64 { return float64(p.BytesOut) }),
	},
	{
		"stktc_peer_heartbeats_received_total", "Heartbeats that the peer sent.", counter, byPeer,
		links(func(p *runtime.PeerStatus) float64 { return float64(p.HeartbeatsIn) }),
	},
	{
		"stktc_peer_heartbeats_sent_total", "Heartbeats that the peer was sent.", counter, byPeer,
		links(func(p *runtime.PeerStatus) float64 { return float64(p.HeartbeatsOut) }),
	},
	{
		"stktc_peer_lag_seconds", "For how long the oldest change waits that the peer has not been sent: for a processor, for the peer to read, or for the sums to be whole.", gauge, byPeer,
		links(func(p *runtime.PeerStatus) float64 { return p.Lag.Seconds() }),
	},
	{
		"stktc_peer_unacknowledged_seconds", "How long the peer has acknowledged nothing of what it was sent last in a table, looked at twice a second. A peer that keeps up is at 0, or next to it under load.", gauge, byPeer,
		links(func(p *runtime.PeerStatus) float64 { return p.Unacked.Seconds() }),
	},
	{
		"stktc_peer_unaccepted_tables", "Tables that the peer was sent and never acknowledged: it does not know them, or their keys differ.", gauge, byPeer,
		links(func(p *runtime.PeerStatus) float64 { return float64(len(refuses(p))) }),
	},
	{
		"stktc_peer_refused_tables", "Tables of the peer that are not summed in this session, for their keys differ from those of other sources, or they end in no suffix of the section.", gauge, byPeer,
		links(func(p *runtime.PeerStatus) float64 { return float64(len(p.Refused)) }),
	},

	{
		"stktc_table_keys", "Keys that have a sum.", gauge, byTable,
		func(s *snapshot, emit func(float64, ...string)) {
			s.tables(func(sec *runtime.SectionStatus, t runtime.TableStatus) {
				emit(float64(s.used[t.Table]), sec.Name, t.Table.Name())
			})
		},
	},
	{
		"stktc_table_rows", "Keys in memory: those that have a sum, and those that are kept until receivers have been told of their end.", gauge, byTable,
		tables(func(t runtime.TableStatus) float64 { return float64(t.Table.Rows()) }),
	},
	{
		"stktc_table_contributors", "Peers that the table takes contributions from.", gauge, byTable,
		tables(func(t runtime.TableStatus) float64 { return float64(contributors(t.Table)) }),
	},
	{
		"stktc_table_updates_total", "Updates that were applied to the table.", counter, byTable,
		counted(func(n *store.Stats) uint64 { return n.Updates }),
	},
	{
		"stktc_table_coalesced_updates_total", "Updates of the table that joined a change which no receiver had been sent yet.", counter, byTable,
		counted(func(n *store.Stats) uint64 { return n.Coalesced }),
	},
	{
		"stktc_table_resends_total", "Sums sent again because a rate passed the boundary of a contributor's period, counted once whatever the number of receivers.", counter, byTable,
		counted(func(n *store.Stats) uint64 { return n.Resends }),
	},
	{
		"stktc_table_late_seconds", "How far the table is behind with the boundaries of rates' periods and the ends of entries: where millions of keys came at one time, they are due at one time. Counters do not wait for them.", gauge, byTable,
		tables(func(t runtime.TableStatus) float64 { return t.Table.Late().Seconds() }),
	},
	{
		"stktc_table_crowded_updates_total", "Updates that were passed over because the key has as many contributors as it can have, 1,024, or the table as many keys, 134 million or more.", counter, byTable,
		counted(func(n *store.Stats) uint64 { return n.Crowded }),
	},
	{
		"stktc_table_evicted_keys_total", "Keys that went for want of memory.", counter, byTable,
		counted(func(n *store.Stats) uint64 { return n.Evicted }),
	},
	{
		"stktc_table_partial_keys", "Keys that came back after they were evicted, and are not sent before all contributors have told of them.", gauge, byTable,
		counted(func(n *store.Stats) uint64 { return n.Partial }),
	},
	{
		"stktc_table_memory_bytes", "Memory that the table holds.", gauge, byTable,
		counted(func(n *store.Stats) uint64 { return n.Bytes }),
	},
	{
		"stktc_table_mismatched_types", "Disagreements of sources on a data type's arguments: the type is left out of the sums.", gauge, byTable,
		tables(func(t runtime.TableStatus) float64 { return float64(len(t.Table.Mismatches())) }),
	},
}
