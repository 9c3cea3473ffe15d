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
	from, to uint64 // positions
	number   uint32 // pieces are counted as they come
	made     uint64 // and as they are made, or made anew
	at       uint32 // when that was, ms
	begin    uint64 // of its bytes, counted as they are made
	bytes    uint32
	updates  uint32
	lastID   uint32 // if there are updates
}

// pieces are those that are kept of a log: each begins where the one before ends, and receivers come by the same places, as none but who comes to the end of the last makes another. One that has
// become old is made anew, up to the same place, without the rows that changed since. Who comes too late for what is kept gets sums of its own up to where the first one begins.
type pieces struct {
	list  []piece // a ring, by number
	ring  []byte  // what they say
	end   uint64  // bytes ever made
	count uint32
	made  uint64
	enc   *Encoder
	age   uint32 // ms, up to which they serve
}

const (
	manyPieces = 64 // what is kept for many receivers
	manyBytes  = 64 << 10
	fewPieces  = 16
	fewBytes   = 8 << 10
	pieceBytes = 4<<10 - 128 // one more update may pass it
)

// forget forgets all pieces, but not how many there were.
func (k *pieces) forget() { *k = pieces{end: k.end, count: k.count, made: k.made} }

// makeRoom sees to it that there is room for the pieces of an encoder.
func (k *pieces) makeRoom(many bool, enc *Encoder, age uint32) {
	n, bytes := fewPieces, fewBytes
	if many {
		n, bytes = manyPieces, manyBytes
	}
	if len(k.list) != n || k.enc != enc {
		k.forget()
		k.list, k.ring, k.enc, k.age = make([]piece, n), make([]byte, bytes), enc, age
	}
}

func (k *pieces) numbered(n uint32) *piece { return &k.list[n%uint32(len(k.list))] }

// next finds the piece that begins at a place, or else where the first one behind that begins.
func (k *pieces) next(at *place) (p *piece, end uint64) {
	if p := k.numbered(at.piece); p.number == at.piece && p.from == at.pos && p.to > at.pos {
		return p, p.to
	}
	end = never64
	for n := k.count; n != k.count-uint32(len(k.list)); n-- {
		p := k.numbered(n)
		if p.number != n || p.from < at.pos || p.to == p.from {
			break
		}
		if p.from == at.pos {
			return p, p.to
		}
		end = p.from
	}
	return nil, end
}

// serves tells whether a piece can be given to who is at its begin as it is.
func (k *pieces) serves(p *piece, at *place, now uint32) bool {
	return now-p.at <= k.age && k.end-p.begin <= uint64(len(k.ring)) && p.made > at.after
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

// keep keeps what was made of a piece, the end of a stretch.
func (k *pieces) keep(p *piece, out *Stretch, begin, updates int, now uint32) {
	bytes := out.Bytes[begin:]
	n := uint64(len(bytes))
	if at := k.end % uint64(len(k.ring)); at+n > uint64(len(k.ring)) {
		k.end += uint64(len(k.ring)) - at // no piece lies across the end of the ring
	}
	k.made++
	p.made, p.at, p.begin, p.bytes, p.updates, p.lastID = k.made, now, k.end, uint32(n), uint32(out.Updates-updates), out.LastID
	copy(k.ring[k.end%uint64(len(k.ring)):], bytes)
	k.end += n
}

// pass gives a receiver the next piece of the log, which the ring holds.
func (s *shard) pass(at *place, out *Stretch, now uint32, enc *Encoder) {
	k := &s.pieces
	k.makeRoom(s.hasMany(), enc, s.lay.pieceAge)
	p, end := k.next(at)
	if p != nil && k.serves(p, at, now) {
		k.give(p, out)
		at.pos, at.piece = p.to, p.number+1
		return
	}
	begin, updates, from := len(out.Bytes), out.Updates, at.pos
	at.pos = s.encodeLog(out, from, min(end, s.log.head), p != nil, now, enc)
	if len(out.Bytes)-begin > len(k.ring)/2 {
		return // it is of no use to keep so much
	}
	if p == nil && end == never64 {
		k.count++
		p = k.numbered(k.count)
		*p = piece{from: from, to: at.pos, number: k.count}
	}
	if p != nil {
		k.keep(p, out, begin, updates, now)
		at.piece = p.number + 1
	}
}

// encodeLog appends what a stretch of the log tells, all of it or about as much as makes a piece, and gives the place where it ended.
func (s *shard) encodeLog(out *Stretch, pos, end uint64, all bool, now uint32, enc *Encoder) uint64 {
	limit := len(out.Bytes) + pieceBytes
	for warm := pos; pos < end && (all || len(out.Bytes) < limit); pos++ {
		if pos == warm {
			warm = min(pos+aheadRows, end)
			s.warmRows(pos, warm)
		}
		if row := s.listedRow(s.log.row(pos)); row != nil && s.log.at(row) == pos {
			s.encodeRow(out, row, now, enc)
			if pos >= s.log.mark {
				row[meta] &^= owed | pressing // all receivers come by here; a walk is for one, and so is what one has again that is late
			}
		}
	}
	s.log.mark = max(s.log.mark, pos)
	return pos
}

const never64 = ^uint64(0)

// hasMany tells whether most rows have contributions of three peers and more: then there are as many receivers.
func (s *shard) hasMany() bool { return s.class >= 2 }

const aheadRows = 16

// warmRows brings the rows of a stretch of the log near.
func (s *shard) warmRows(from, to uint64) {
	for ; from < to; from++ {
		s.prefetchListed(s.log.row(from))
	}
}
