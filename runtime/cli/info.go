package cli

import (
	"fmt"
	"runtime/metrics"
	"strings"
	"time"

	goruntime "runtime"

	"stktc/runtime"
	"stktc/runtime/store"
)

// infoField is a line of "show info". The tags are HAProxy's (stats-t.h), for its JSON form.
type infoField struct {
	name                  string
	value                 any // string, uint32 or uint64
	origin, nature, scope string
}

func showInfo(c *client, _ []string) {
	fields := c.info()
	if c.json {
		c.writeJSON(infoJSON(fields))
		return
	}
	for _, f := range fields {
		fmt.Fprintf(c.w, "%s: %v\n", f.name, f.value)
	}
}

// info lists what there is to say of the process, under HAProxy's names where it has one.
func (c *client) info() []infoField {
	st := c.status()
	up := c.srv.now().Sub(st.Started)
	n := count(st)
	fields := []infoField{
		{"Name", "stktc", "Product", "Output", "Service"},
		{"Version", c.srv.opt.Version, "Product", "Output", "Service"},
		{"Nbthread", uint32(goruntime.GOMAXPROCS(0)), "Config", "Gauge", "Service"},
		{"Pid", uint32(c.srv.pid), "Status", "Gauge", "Process"},
		{"Uptime", uptime(up), "Metric", "Duration", "Process"},
		{"Uptime_sec", uint32(up.Seconds()), "Metric", "Duration", "Process"},
		{"Start_time_sec", uint64(st.Started.Unix()), "Metric", "Duration", "Process"},
		{"Memory_bytes", memory(), "Metric", "Gauge", "Process"},
		{"CurrConns", uint32(len(c.srv.slots)), "Metric", "Gauge", "Process"},
		{"node", c.srv.node, "Config", "Output", "Service"},
		{"Sections", uint32(len(st.Sections)), "Config", "Gauge", "Service"},
		{"Sections_whole", n.whole, "Status", "Gauge", "Service"},
		{"Sources_missing", n.missing, "Status", "Gauge", "Service"},
		{"Peers", n.peers, "Config", "Gauge", "Service"},
		{"ConnectedPeers", n.connected, "Metric", "Gauge", "Service"},
		{"Tables", n.tables, "Metric", "Gauge", "Service"},
		{"Entries", n.entries, "Metric", "Gauge", "Service"},
		{"Updates_applied", n.stats.Updates, "Metric", "Counter", "Service"},
		{"Updates_in", n.in, "Metric", "Counter", "Service"},
		{"Updates_out", n.out, "Metric", "Counter", "Service"},
		{"Updates_ignored", n.ignored, "Metric", "Counter", "Service"},
		{"Bytes_in", n.bytesIn, "Metric", "Counter", "Service"},
		{"Bytes_out", n.bytesOut, "Metric", "Counter", "Service"},
		{"Table_bytes", n.stats.Bytes, "Metric", "Gauge", "Service"},
		{"Sums_resent", n.stats.Resends, "Metric", "Counter", "Service"},
		{"Updates_coalesced", n.stats.Coalesced, "Metric", "Counter", "Service"},
		{"Updates_crowded", n.stats.Crowded, "Metric", "Counter", "Service"},
		{"Keys_evicted", n.stats.Evicted, "Metric", "Counter", "Service"},
		{"Keys_partial", n.stats.Partial, "Metric", "Gauge", "Service"},
		{"Takeovers", n.takeovers, "Metric", "Counter", "Service"},
		{"Tables_refused", n.refused, "Metric", "Gauge", "Service"},
	}
	for _, f := range st.Faults {
		fields = append(fields, infoField{"Faults_" + strings.ReplaceAll(f.Kind.String(), " ", "_"), f.Count, "Metric", "Counter", "Service"})
	}
	return fields
}

// counts are sums over sections, tables and peers.
type counts struct {
	whole, missing, peers, connected, tables uint32
	refused                                  uint32
	entries                                  uint64
	in, out, ignored, bytesIn, bytesOut      uint64 // since the start
	takeovers                                uint64
	stats                                    store.Stats
}

// count adds up. A peer that several sections list under one local name has one session, which counts once.
func count(st runtime.Status) counts {
	var n counts
	seen := map[[2]string]bool{}
	for _, s := range st.Sections {
		if s.Whole {
			n.whole++
		}
		n.missing += uint32(len(s.Missing))
		n.takeovers += s.Groups + s.Replicas
		for _, t := range s.Tables {
			n.tables++
			n.entries += uint64(t.Table.Used())
			n.addTable(t.Table.Stats())
		}
		for _, p := range s.Peers {
			if link := [2]string{s.Local.Name, p.Name}; !seen[link] {
				seen[link] = true
				n.addPeer(&p)
			}
		}
	}
	return n
}

func (n *counts) addTable(s store.Stats) {
	n.stats.Updates += s.Updates
	n.stats.Coalesced += s.Coalesced
	n.stats.Resends += s.Resends
	n.stats.Crowded += s.Crowded
	n.stats.Evicted += s.Evicted
	n.stats.Partial += s.Partial
	n.stats.Bytes += s.Bytes
}

func (n *counts) addPeer(p *runtime.PeerStatus) {
	n.peers++
	if p.Connected {
		n.connected++
	}
	n.refused += uint32(len(p.Refused))
	n.in += p.UpdatesIn
	n.out += p.UpdatesOut
	n.ignored += p.Ignored
	n.bytesIn += p.BytesIn
	n.bytesOut += p.BytesOut
}

// uptime writes a span as "show info" does: "0d 0h00m33s".
func uptime(d time.Duration) string {
	s := int64(d.Seconds())
	return fmt.Sprintf("%dd %dh%02dm%02ds", s/86400, s%86400/3600, s%3600/60, s%60)
}

// memory is what the process has resident, in bytes; where the system does not tell, what it has for data, code and stacks.
func memory() uint64 {
	if resident := runtime.ResidentMemory(); resident > 0 {
		return uint64(resident)
	}
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64() - sample[1].Value.Uint64()
}

// infoJSON gives the fields in the shape of HAProxy's "show schema json".
func infoJSON(fields []infoField) []InfoField {
	list := make([]InfoField, len(fields))
	for i, f := range fields {
		j := &list[i]
		j.Field.Pos, j.Field.Name, j.ProcessNum = i, f.name, 1
		j.Tags.Origin, j.Tags.Nature, j.Tags.Scope = f.origin, f.nature, f.scope
		j.Value.Type, j.Value.Value = jsonType(f.value), f.value
	}
	return list
}

func jsonType(v any) string {
	switch v.(type) {
	case uint32:
		return "u32"
	case uint64:
		return "u64"
	}
	return "str"
}
