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

func (to *Stretch) add(s *Stretch) {
	to.Bytes = append(to.Bytes, s.Bytes...)
	to.Updates += s.Updates
	if s.LastID != 0 {
		to.LastID = s.LastID
	}
}

// piece is a stretch of the log as bytes, kept for the receivers that come to its begin next: the sums are made once for all of them. It does not tell of changes since, but those stand in
// the log behind it. All receivers that are about as fast as each other meet at the log's head, and so at the same pieces.
type piece struct {
	Stretch
	from, to uint64 // positions; equal if it is none
	number   uint32 // pieces are counted as they are made
	at       uint32 // when it was made, ms
	enc      *Encoder
}

const (
	numPieces  = 16              // what a receiver takes in a turn: another one comes by before they are all new
	fewPieces  = 4               // where there are few receivers
	pieceBytes = pieceRoom - 128 // one more update may pass it
	pieceRoom  = 4 << 10
	pieceAge   = 8 // ms; as if the link to the receiver were so much longer
)

// pieceAt gives the piece that begins at a place, which the ring holds; made now if there is none.
func (s *shard) pieceAt(at *place, now uint32, enc *Encoder) *piece {
	for i := range s.pieces {
		p := &s.pieces[i]
		if p.from == at.pos && p.to > at.pos && p.enc == enc && now-p.at <= pieceAge && int32(p.number-at.after) > 0 {
			return p
		}
	}
	s.made++
	p := &s.pieces[s.made%s.keeps()]
	p.number = s.made
	s.makePiece(p, at.pos, now, enc)
	return p
}

// keeps is how many pieces are kept.
func (s *shard) keeps() uint32 {
	if s.hasMany() {
		return numPieces
	}
	return fewPieces
}

// hasMany tells whether most rows have contributions of three peers and more: then there are as many receivers.
func (s *shard) hasMany() bool { return s.class >= 2 }

func (s *shard) makePiece(p *piece, pos uint64, now uint32, enc *Encoder) {
	if p.Bytes == nil {
		p.Bytes = make([]byte, 0, pieceRoom)
	}
	*p = piece{Stretch: Stretch{Bytes: p.Bytes[:0]}, number: p.number, from: pos, at: now, enc: enc}
	warm := pos
	for ; pos < s.log.head && len(p.Bytes) < pieceBytes; pos++ {
		if pos == warm {
			warm = min(pos+aheadRows, s.log.head)
			s.warmRows(pos, warm)
		}
		if row := s.listedRow(s.log.row(pos)); row != nil && s.log.at(row) == pos {
			s.encodeRow(&p.Stretch, row, now, enc)
			row[meta] &^= owed | pressing // all receivers come by here; a walk is for one
		}
	}
	p.to = pos
	s.log.mark = max(s.log.mark, pos)
}

const aheadRows = 16

// warmRows brings the rows of a stretch of the log near.
func (s *shard) warmRows(from, to uint64) {
	for ; from < to; from++ {
		s.prefetchListed(s.log.row(from))
	}
}
