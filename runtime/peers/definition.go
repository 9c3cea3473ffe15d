package peers

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"

	"stktc/topology/sticktable"
)

// Limits of a table definition.
const (
	MaxTableName = 255   // bytes
	MaxKeyLen    = 16384 // bytes; tune.bufsize's default, and an update has to fit into it with its key
)

// maxMillis is the longest time HAProxy's configuration can hold, in milliseconds (TIME_MAX of parse_time_err).
const maxMillis = math.MaxInt32

// Faults of a message's body. They come wrapped with the names of the message and the field. ErrInteger and ErrShort mean
// that the message is not what its type says, ErrRefused that it is, with a value outside of what is accepted.
var (
	ErrInteger = errors.New("encoded integer is cut short or above 64 bits")
	ErrShort   = errors.New("message ends early")
	ErrRefused = errors.New("value is refused")
)

// TableDefinition is what a peer says about a table before it sends updates of it.
type TableDefinition struct {
	ID                    uint32 // chosen by the sender, 1 and up
	Name                  string // as on the wire: "bk" for a proxy's table, "/t" for a line in a peers section
	sticktable.Definition        // Period is 0 in columns of rates, and Expire is 0, if the sender left its parameters out
	Unknown               uint64 // bits of data types newer than ours; their values end an update and are skipped
}

// AppendTableDefinition appends a define table message. Columns must be in wire order. The bits in Unknown are not sent:
// nobody can send values of a type that it does not know.
func AppendTableDefinition(b []byte, d *TableDefinition) []byte {
	b, body := beginBody(b, DefineTable)
	b = AppendInt(b, uint64(d.ID))
	b = AppendInt(b, uint64(len(d.Name)))
	b = append(b, d.Name...)
	b = AppendInt(b, uint64(d.Key))
	b = AppendInt(b, uint64(d.KeyLen))
	var set uint64
	for i := range d.Columns {
		set |= 1 << d.Columns[i].Type
	}
	b = AppendInt(b, set)
	b = AppendInt(b, uint64(d.Expire.Milliseconds()))
	for i := range d.Columns {
		b = appendParameters(b, &d.Columns[i])
	}
	return endBody(b, body)
}

func appendParameters(b []byte, c *sticktable.Column) []byte {
	spec := c.Type.Spec()
	isRate := spec.Kind == sticktable.FreqCtr
	if !spec.Array && !isRate {
		return b
	}
	b = AppendInt(b, uint64(c.Type))
	if spec.Array {
		b = AppendInt(b, uint64(c.Elems))
	}
	if isRate {
		b = AppendInt(b, uint64(c.Period.Milliseconds()))
	}
	return b
}

// ParseTableDefinition reads the body of a define table message. Everything behind the data types may be missing if no
// array is among them (HAProxy's peer_treat_definemsg); if it is there it must be complete, with periods above 0, since
// rates are divided by them.
//
// With an error the definition holds what was read before the fault. On ErrRefused HAProxy keeps the session and skips the
// table's updates until the next definition; on the other errors it closes.
func ParseTableDefinition(body []byte) (TableDefinition, error) {
	r := fields{message: "table definition", rest: body}
	d := TableDefinition{ID: uint32(r.integer("table id", 0, math.MaxUint32))}
	d.Name = r.name()
	d.Key, d.KeyLen = r.key()
	set := r.integer("data types", 0, math.MaxUint64)
	d.Unknown = set >> sticktable.NumDataTypes << sticktable.NumDataTypes
	d.Columns = columns(set &^ d.Unknown)
	if len(r.rest) > 0 || hasArray(d.Columns) {
		r.parameters(&d)
	}
	return d, r.err
}

// columns makes a column for each bit, still without arguments.
func columns(set uint64) []sticktable.Column {
	cols := make([]sticktable.Column, 0, bits.OnesCount64(set))
	for ; set != 0; set &= set - 1 {
		t := sticktable.DataType(bits.TrailingZeros64(set))
		cols = append(cols, sticktable.Column{Type: t, Elems: 1})
	}
	return cols
}

func hasArray(cols []sticktable.Column) bool {
	for i := range cols {
		if cols[i].Type.Spec().Array {
			return true
		}
	}
	return false
}

// fields reads one message's fields in order; after a fault it reads zeros, and err keeps the first fault.
type fields struct {
	message string
	rest    []byte
	err     error
}

func (r *fields) fail(field string, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %s: %w", r.message, field, err)
	}
}

func (r *fields) refuse(field string, found uint64, accepted string) {
	r.fail(field, fmt.Errorf("%w: found `%d`, accepted is %s", ErrRefused, found, accepted))
}

func interval(least, most uint64) string {
	if least == most {
		return fmt.Sprintf("`%d`", least)
	}
	return fmt.Sprintf("`%d` to `%d`", least, most)
}

// integer reads an encoded integer from least to most.
func (r *fields) integer(field string, least, most uint64) uint64 {
	if r.err != nil {
		return 0
	}
	v, n := ParseInt(r.rest)
	if n == 0 {
		r.fail(field, ErrInteger)
		return 0
	}
	if v < least || v > most {
		r.refuse(field, v, interval(least, most))
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// name copies the table's name. HAProxy's own names are letters, digits and -_.:/, so the check is a loose one; it keeps
// logs and command line answers in one piece.
func (r *fields) name() string {
	n := int(r.integer("name length", 1, MaxTableName))
	if r.err == nil && n > len(r.rest) {
		r.fail("name", ErrShort)
	}
	if r.err != nil {
		return ""
	}
	name := r.rest[:n]
	r.rest = r.rest[n:]
	for _, c := range name {
		if c <= ' ' || c == 0x7f {
			r.fail("name", fmt.Errorf("%w: found %q, accepted is a name without spaces and control characters", ErrRefused, name))
			return ""
		}
	}
	return string(name)
}

func (r *fields) key() (sticktable.KeyType, int) {
	t := sticktable.KeyType(r.integer("key type", 0, math.MaxUint8))
	if r.err == nil && !t.IsValid() {
		r.refuse("key type", uint64(t), "`2`, `4`, `5`, `6` or `7`")
	}
	least, most := keyLenRange(t)
	return t, int(r.integer("key length", least, most))
}

// keyLenRange gives what a definition may state as its key's length. A string's has room for the closing NUL.
func keyLenRange(t sticktable.KeyType) (least, most uint64) {
	switch t {
	case sticktable.String:
		return 2, MaxKeyLen
	case sticktable.Binary:
		return 1, MaxKeyLen
	}
	n := uint64(t.WireLen(0))
	return n, n
}

// parameters reads the expiry and the arguments of the known types. Those of unknown types follow; how many integers they
// take cannot be told, so reading stops before them.
func (r *fields) parameters(d *TableDefinition) {
	d.Expire = r.millis("expire", 0)
	for i := range d.Columns {
		c := &d.Columns[i]
		spec := c.Type.Spec()
		isRate := spec.Kind == sticktable.FreqCtr
		if !spec.Array && !isRate {
			continue
		}
		if t := r.integer(spec.Name+" parameter", 0, math.MaxUint64); r.err == nil && t != uint64(c.Type) {
			r.refuse(spec.Name+" parameter", t, interval(uint64(c.Type), uint64(c.Type)))
		}
		if spec.Array {
			c.Elems = int(r.integer(spec.Name+" elements", 1, sticktable.MaxElems))
		}
		if isRate {
			c.Period = r.millis(spec.Name+" period", 1)
		}
	}
}

func (r *fields) millis(field string, least uint64) time.Duration {
	return time.Duration(r.integer(field, least, maxMillis)) * time.Millisecond
}
