package store

import "stktc/topology/sticktable"

// Encoder turns sums of a table into bytes for its receivers. All receivers of a table share one, so that what one was given can be given to the next as it is.
type Encoder struct {
	version uint64

	// Append appends one sum as an update: an id that is never 0, the life left in ms (0 without an end, as HAProxy sends it), the key, and the values in slots. Key and values
	// are only good during the call. It may be called by several goroutines at once.
	Append func(buf []byte, id, life uint32, key []byte, values []uint64) []byte
}

// Encoder is the one for the table's present definition; nil if it has none. It is made by calling appender with the definition, the first time.
func (t *Table) Encoder(appender func(sticktable.Definition) func(buf []byte, id, life uint32, key []byte, values []uint64) []byte) (*Encoder, sticktable.Definition) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.def.Key.IsValid() {
		return nil, t.def
	}
	if v := t.version.Load(); t.encoder == nil || t.encoder.version != v {
		t.encoder = &Encoder{version: v, Append: appender(t.def)}
	}
	return t.encoder, t.def
}

// Stretch is a number of updates as bytes.
type Stretch struct {
	Bytes   []byte
	Updates int
	LastID  uint32 // of the last of them; 0 while there is none
}

// piece is a stretch of the log as bytes, kept for the receivers that come to its begin next: the sums are made once for all of them. It does not tell of changes since, but those stand in
// the log behind it.
type piece struct {
	from, to uint64 // positions; equal if it is none
	begin    uint64 // of its bytes, counted as they are made
	bytes    uint32
	number   uint32 // pieces are counted as they are made
	at       uint32 // when it was made, ms
	updates  uint32
	lastID   uint32 // if there are updates
}

// pieces are those that are kept of a log: each begins where the one before ends, and all receivers come by the same places, as none but who comes to the end of the last makes another. One that comes too late
// for what is kept gets sums of its own, without those that changed since, up to where the next piece begins.
type pieces struct {
	list []piece // a ring, by number
	ring []byte  // what they say
	end  uint64  // bytes ever made
	made uint32  // pieces ever made
	enc  *Encoder
	age  uint32 // ms, up to which they serve
}

const (
	manyPieces = 64 // what is kept for many receivers
	manyBytes  = 64 << 10
	fewPieces  = 16
	fewBytes   = 8 << 10
	pieceBytes = 4<<10 - 128 // one more update may pass it
)

// forget forgets all pieces, but not how many there were.
func (k *pieces) forget() { *k = pieces{end: k.end, made: k.made} }

// keeps sees to it that there is room for the pieces of an encoder.
func (k *pieces) keeps(many bool, enc *Encoder, age uint32) {
	n, bytes := fewPieces, fewBytes
	if many {
		n, bytes = manyPieces, manyBytes
	}
	if len(k.list) != n || k.enc != enc {
		*k = pieces{list: make([]piece, n), ring: make([]byte, bytes), end: k.end, made: k.made, enc: enc, age: age}
	}
}

func (k *pieces) numbered(n uint32) *piece { return &k.list[n%uint32(len(k.list))] }

// serves tells whether a piece can be given to who is at a place.
func (k *pieces) serves(p *piece, at *place, now uint32) bool {
	return p.from != p.to && now-p.at <= k.age && k.end-p.begin <= uint64(len(k.ring)) && int32(p.number-at.after) > 0
}

// next finds the piece that begins at a place, or else where the first one behind that begins.
func (k *pieces) next(at *place, now uint32) (p *piece, end uint64) {
	if p := k.numbered(at.piece); p.number == at.piece && p.from == at.pos && k.serves(p, at, now) {
		return p, 0
	}
	end = never64
	for n := k.made; n != k.made-uint32(len(k.list)); n-- {
		p := k.numbered(n)
		if p.number != n || p.from < at.pos || !k.serves(p, at, now) {
			break
		}
		if end = p.from; end == at.pos {
			return p, 0
		}
	}
	return nil, end
}

// keep keeps what was made of a stretch of the log, if it is the one behind the last piece, or nothing is kept that could be of use.
func (k *pieces) keep(from, to uint64, made []byte, updates int, lastID, now uint32) {
	n := len(made)
	if n > len(k.ring)/2 {
		return
	}
	if free := len(k.ring) - int(k.end%uint64(len(k.ring))); free < n {
		k.end += uint64(free) // no piece lies across the end of the ring
	}
	k.made++
	*k.numbered(k.made) = piece{from: from, to: to, begin: k.end, bytes: uint32(n), number: k.made, at: now, updates: uint32(updates), lastID: lastID}
	copy(k.ring[k.end%uint64(len(k.ring)):], made)
	k.end += uint64(n)
}

// give appends a piece.
func (k *pieces) give(p *piece, out *Stretch) {
	at := p.begin % uint64(len(k.ring))
	out.Bytes = append(out.Bytes, k.ring[at:at+uint64(p.bytes)]...)
	out.Updates += int(p.updates)
	if p.updates > 0 {
		out.LastID = p.lastID
	}
}

// pass gives a receiver the next piece of the log, which the ring holds.
func (s *shard) pass(at *place, out *Stretch, now uint32, enc *Encoder) {
	k := &s.pieces
	k.keeps(s.hasMany(), enc, s.lay.pieceAge)
	p, end := k.next(at, now)
	if p != nil {
		k.give(p, out)
		at.pos, at.piece = p.to, p.number+1
		return
	}
	begin, updates, from := len(out.Bytes), out.Updates, at.pos
	at.pos = s.encodeLog(out, from, min(end, s.log.head), now, enc)
	if end == never64 {
		k.keep(from, at.pos, out.Bytes[begin:], out.Updates-updates, out.LastID, now)
		at.piece = k.made + 1
	}
}

const never64 = ^uint64(0)

// encodeLog appends what a stretch of the log tells, a piece at most, and gives the place where it ended.
func (s *shard) encodeLog(out *Stretch, pos, end uint64, now uint32, enc *Encoder) uint64 {
	limit := len(out.Bytes) + pieceBytes
	for warm := pos; pos < end && len(out.Bytes) < limit; pos++ {
		if pos == warm {
			warm = min(pos+aheadRows, end)
			s.warmRows(pos, warm)
		}
		if row := s.listedRow(s.log.row(pos)); row != nil && s.log.at(row) == pos {
			s.encodeRow(out, row, now, enc)
			row[meta] &^= owed | pressing // all receivers come by here; a walk is for one
		}
	}
	s.log.mark = max(s.log.mark, pos)
	return pos
}

// hasMany tells whether most rows have contributions of three peers and more: then there are as many receivers.
func (s *shard) hasMany() bool { return s.class >= 2 }

const aheadRows = 16

// warmRows brings the rows of a stretch of the log near.
func (s *shard) warmRows(from, to uint64) {
	for ; from < to; from++ {
		s.prefetchListed(s.log.row(from))
	}
}
