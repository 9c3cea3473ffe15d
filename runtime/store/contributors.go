package store

// Contributor is a peer that the table takes contributions from, or did.
type Contributor struct {
	Peer      string
	Connected bool // it counts in data types that count connected peers only
	Defined   bool // the table has its shape also from this peer; false before it sent one, and after its contributions were dropped for good
}

// Contributors lists who contributes to the table, in the order in which they came up.
func (t *Table) Contributors() []Contributor {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]Contributor, len(t.peers))
	for i, p := range t.peers {
		list[i] = Contributor{Peer: p.name, Connected: p.connected, Defined: p.defined}
	}
	return list
}

// Used is the number of keys that have a sum. Unlike Rows it leaves out those that are only kept to tell receivers of their end; it looks at every row for that, 5 ns each.
func (t *Table) Used() int {
	n := 0
	for i := range t.shards {
		from, all := uint64(0), false
		for !all {
			var k int
			k, from, all = t.shards[i].used(from)
			n += k
		}
	}
	return n
}

// used counts some rows from a place on, under one lock.
func (s *shard) used(from uint64) (n int, at uint64, all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	budget := turnRows
	at, all = s.eachRow(from, func(_ ref, row []uint32) bool {
		if budget--; budget < 0 {
			return false
		}
		if count(row) > 0 {
			n++
		}
		return true
	})
	return n, at, all
}
