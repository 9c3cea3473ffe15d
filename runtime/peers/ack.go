package peers

import (
	"encoding/binary"
	"math"
)

// AppendAck appends an ack update message: everything of the table up to id has been applied. The table's id is the one
// that the receiver of the ack has given it.
func AppendAck(b []byte, tableID, id uint32) []byte {
	b, body := beginBody(b, AckUpdate)
	b = AppendInt(b, uint64(tableID))
	b = binary.BigEndian.AppendUint32(b, id)
	return endBody(b, body)
}

// ParseAck reads the body of an ack update message; the table's id is one of ours. HAProxy 3.3 and later swaps the bytes of id
// when it acks an inc update.
func ParseAck(body []byte) (tableID, id uint32, err error) {
	r := fields{message: "ack update", rest: body}
	tableID = uint32(r.integer("table id", 0, math.MaxUint32))
	if r.err == nil && len(r.rest) < 4 {
		r.fail("update id", ErrShort)
	}
	if r.err != nil {
		return 0, 0, r.err
	}
	return tableID, binary.BigEndian.Uint32(r.rest), nil
}

// AppendSwitch appends a switch table message: the updates that follow are of the table that was defined with this id.
func AppendSwitch(b []byte, tableID uint32) []byte {
	b, body := beginBody(b, SwitchTable)
	b = AppendInt(b, uint64(tableID))
	return endBody(b, body)
}

// ParseSwitch reads the body of a switch table message. HAProxy never sends one; it defines the table again.
func ParseSwitch(body []byte) (tableID uint32, err error) {
	r := fields{message: "switch table", rest: body}
	tableID = uint32(r.integer("table id", 0, math.MaxUint32))
	return tableID, r.err
}
