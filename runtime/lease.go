package runtime

import (
	"time"

	"stktc/runtime/store"
	"stktc/topology/sticktable"
)

// leaseHolder is the name under which the aggregator contributes its own leases.
const leaseHolder = "(this aggregator)"

// leaseDef is the shape of a lease table: "type string", which is 32 bytes on the wire, "store gpc0".
func leaseDef(life time.Duration) sticktable.Definition {
	return sticktable.Definition{
		Key: sticktable.String, KeyLen: sticktable.String.WireLen(sticktable.String.DefaultLen()), Expire: life,
		Columns: []sticktable.Column{{Type: sticktable.GPC0, Elems: 1}},
	}
}

// renewLeases writes the section's key into its lease tables, with the number of sources that are missing just now, and sees to it that it is done again in time. The
// caller holds s.mu.
func (s *section) renewLeases() {
	if s.closed || len(s.cfg.Leases) == 0 {
		return
	}
	shortest := s.cfg.Leases[0].Time
	for _, l := range s.cfg.Leases {
		shortest = min(shortest, l.Time)
		s.renew(l)
	}
	if s.leases != nil {
		s.leases.Stop()
	}
	s.leases = time.AfterFunc(shortest/3, func() {
		s.a.stir() // first: what slept has no fresh sums
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.released.Load() {
			s.renewLeases()
		}
	})
}

func (s *section) renew(l Lease) {
	t := s.tables[l.Table]
	if t == nil {
		t = s.newTable(l.Table, Rule{}, Leased)
		t.Begin(leaseHolder)
	}
	src, err := t.Source(leaseHolder, leaseDef(l.Time))
	if err != nil {
		s.log.Error("lease not renewed", "table", l.Table, "err", err)
		return
	}
	var b store.Batch
	b.Add([]byte(s.name), uint32(l.Time.Milliseconds()), []uint64{uint64(len(s.missing()))})
	src.Apply(&b, s.a.now())
}
