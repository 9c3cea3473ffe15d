package peers

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"stktc/topology/sticktable"
)

func parseOne(t testing.TB, def *TableDefinition, typ Type, body []byte) (Update, error) {
	t.Helper()
	var u Update
	err := NewLayout(def).ParseUpdate(typ, body, &u)
	return u, err
}

func wantUpdate(t *testing.T, got, want Update) {
	t.Helper()
	if got.ID != want.ID || got.Explicit != want.Explicit || got.Timed != want.Timed || got.Expire != want.Expire {
		t.Errorf("header: got %+v, want %+v", got, want)
	}
	if !bytes.Equal(got.Key, want.Key) {
		t.Errorf("key: got %x, want %x", got.Key, want.Key)
	}
	if !slices.Equal(got.Values, want.Values) {
		t.Errorf("values: got %d, want %d", got.Values, want.Values)
	}
}

// The messages that HAProxy or a peer of it sent; those with an explicit id are written again, byte for byte.
var updateTable = []struct {
	name string
	def  *TableDefinition
	hex  string
	want Update
}{
	{"counters and rates", &tableTip, "0a801d 00000001 01020304 07 fecb00 05 00 00 f82f fadaf664 00 00 f091bd809400", Update{
		ID: 1, Explicit: true, Key: []byte{1, 2, 3, 4}, Values: []uint64{7, 3502, 5, 0, 0, 1000, 26721946, 0, 0, 5_000_000_000},
	}},
	{"timed, string key, dictionary", &tableTstr, "0a8516 00000001 0000e221 0a6162636465666768696a 03 09 00", Update{
		ID: 1, Explicit: true, Timed: true, Expire: 57889, Key: []byte("abcdefghij"), Values: []uint64{3, 9},
	}},
	{"arrays", &tableTint, "0a8018 00000001 12345678 0100 00fc0300 f8b8f7fe7e0000 002c00", Update{
		ID: 1, Explicit: true, Key: []byte{0x12, 0x34, 0x56, 0x78}, Values: []uint64{1, 0, 0, 300, 0, 4294952056, 0, 0, 0, 44, 0},
	}},
	{"ours", &tableOurs, "0a800d 00000001 0a000001 0b 00 00050a", Update{
		ID: 1, Explicit: true, Key: []byte{10, 0, 0, 1}, Values: []uint64{11, 0, 0, 5, 10},
	}},
	{"inc timed", &tableBk, "0a8609 0000e934 0a000002 01", Update{
		Timed: true, Expire: 59700, Key: []byte{10, 0, 0, 2}, Values: []uint64{1},
	}},
	{"inc", &tableBk, "0a8105 0a000002 01", Update{
		Key: []byte{10, 0, 0, 2}, Values: []uint64{1},
	}},
	{"learned entry", &tableBk, "0a850d 80000002 0000e934 0a000002 01", Update{
		ID: 1<<31 | 2, Explicit: true, Timed: true, Expire: 59700, Key: []byte{10, 0, 0, 2}, Values: []uint64{1},
	}},
	{"negative int", &tableTstr, "0a8012 00000007 0161 fff0fefefefefefefe0e 09 00", Update{
		ID: 7, Explicit: true, Key: []byte("a"), Values: []uint64{math.MaxUint64, 9},
	}},
	{"ipv6", &tableTip6, "0a8017 00000001 20010db8000000000000000000000001 f0e203", Update{
		ID: 1, Explicit: true, Key: unhexKey("20010db8000000000000000000000001"), Values: []uint64{10000},
	}},
	{"binary", &tableTbin, "0a850e 00000001 0036ee80 6162636400 07", Update{
		ID: 1, Explicit: true, Timed: true, Expire: 3_600_000, Key: []byte("abcd\x00"), Values: []uint64{7},
	}},
	{"empty string", &tableTstr, "0a8008 00000007 00 03 09 00", Update{
		ID: 7, Explicit: true, Key: nil, Values: []uint64{3, 9},
	}},
}

// unhexKey is for tables, which have no *testing.T.
func unhexKey(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func TestUpdate(t *testing.T) {
	for _, c := range updateTable {
		t.Run(c.name, func(t *testing.T) {
			b := unhex(t, c.hex)
			f := frameOf(t, b)
			l := NewLayout(c.def)
			var u Update
			if err := l.ParseUpdate(f.Type, append(f.Body, "behind"...), &u); err != nil {
				t.Fatal(err)
			}
			wantUpdate(t, u, c.want)
			switch f.Type {
			case UpdateEntry:
				wantAppended(t, b, func(b []byte) []byte { return l.AppendUpdateUntimed(b, u.ID, u.Key, u.Values) })
			case UpdateTimed:
				wantAppended(t, b, func(b []byte) []byte { return l.AppendUpdate(b, u.ID, u.Expire, u.Key, u.Values) })
			}
		})
	}
}

func TestUpdateCutShort(t *testing.T) {
	for _, c := range updateTable {
		f := frameOf(t, unhex(t, c.hex))
		for i := range f.Body {
			if _, err := parseOne(t, c.def, f.Type, f.Body[:i]); !errors.Is(err, ErrShort) && !errors.Is(err, ErrInteger) {
				t.Errorf("%s cut to %d bytes: got %v", c.name, i, err)
			}
		}
	}
}

// TestUpdateOfNewerSender has values of types that we do not know behind the others.
func TestUpdateOfNewerSender(t *testing.T) {
	def, err := ParseTableDefinition(slices.Concat(unhex(t, "07 02626b 04 04"), AppendInt(nil, 1<<40|1<<2), unhex(t, "00 28 f0 ff")))
	if err != nil || def.Unknown != 1<<40 {
		t.Fatal(def, err)
	}
	u, err := parseOne(t, &def, UpdateEntry, unhex(t, "00000001 0a000001 05 ff ff ff"))
	if err != nil || !slices.Equal(u.Values, []uint64{5}) {
		t.Errorf("got %v, %v", u.Values, err)
	}
}

func TestStringKeys(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"fits", "\x0aabcdefghij", "abcdefghij"},
		{"cut to the table's length", "\x0dabcdefghijklm", "abcdefghij"},
		{"cut at a NUL", "\x05ab\x00cd", "ab"},
		{"NUL behind the table's length", "\x0dabcdefghij\x00lm", "abcdefghij"},
		{"NUL alone", "\x01\x00", ""},
		{"long", "\xf0\x01" + strings.Repeat("x", 256), "xxxxxxxxxx"},
	} {
		body := slices.Concat([]byte{0, 0, 0, 1}, []byte(c.in), []byte{3, 9, 0})
		u, err := parseOne(t, &tableTstr, UpdateEntry, body)
		if err != nil || string(u.Key) != c.want || !slices.Equal(u.Values, []uint64{3, 9}) {
			t.Errorf("%s: got key %q, values %d, %v; want %q", c.name, u.Key, u.Values, err, c.want)
		}
		if cap(u.Key) != len(u.Key) {
			t.Errorf("%s: appending to the key would overwrite the message", c.name)
		}
	}
}

// TestKeysFit checks that a key of the wrong size cannot shift the values behind it.
func TestKeysFit(t *testing.T) {
	for _, c := range []struct {
		def       *TableDefinition
		key, want string
	}{
		{&tableTbin, "ab", "ab\x00\x00\x00"},
		{&tableTbin, "abcdefg", "abcde"},
		{&tableTstr, "abcdefghijklm", "abcdefghij"},
		{&tableBk, "", "\x00\x00\x00\x00"},
	} {
		l := NewLayout(c.def)
		values := []uint64{1, 2}[:l.Slots()]
		u, err := parseOne(t, c.def, UpdateTimed, bodyOf(t, l.AppendUpdate(nil, 1, 0, []byte(c.key), values), UpdateTimed))
		if err != nil || string(u.Key) != c.want || !slices.Equal(u.Values, values) {
			t.Errorf("%s: key %q: got %q, %d, %v; want %q", c.def.Name, c.key, u.Key, u.Values, err, c.want)
		}
	}
}

func TestValuesAreCut(t *testing.T) {
	def := table(1, "t", sticktable.IPv4, 4, 0, sticktable.ServerID, sticktable.GPC0, rate(sticktable.GPC0Rate, time.Second),
		sticktable.BytesInCnt, array(sticktable.GPT, 2, 0))
	body := []byte{0, 0, 0, 1, 10, 0, 0, 1}
	wire := []uint64{1<<32 - 2, 1<<32 + 7, 1 << 33, 1<<40 + 1, math.MaxUint64, math.MaxUint64, 1 << 32, 1<<63 + 3}
	for _, v := range wire {
		body = AppendInt(body, v)
	}
	want := []uint64{math.MaxUint64 - 1, 7, 0, 1, math.MaxUint32, math.MaxUint64, 0, 3}
	u, err := parseOne(t, &def, UpdateEntry, body)
	if err != nil || !slices.Equal(u.Values, want) {
		t.Errorf("parsed   %d, %v\nwant     %d", u.Values, err, want)
	}
	l := NewLayout(&def)
	u, err = parseOne(t, &def, UpdateTimed, bodyOf(t, l.AppendUpdate(nil, 1, 0, u.Key, wire), UpdateTimed))
	if err != nil || !slices.Equal(u.Values, want) {
		t.Errorf("appended %d, %v\nwant     %d", u.Values, err, want)
	}
}

func TestDictionaryValues(t *testing.T) {
	// gpt0 before it and http_fail_cnt behind it show that its length is right
	def := table(1, "t", sticktable.IPv4, 4, 0, sticktable.GPT0, sticktable.ServerKey, sticktable.HTTPFailCnt)
	for _, c := range []struct {
		name, dict, field string
		err               error
	}{
		{"none", "00", "", nil},
		{"with value", "06 01 04 73727631", "", nil},
		{"cached", "01 01", "", nil},
		{"greatest id", "01 80", "", nil},
		{"empty value", "02 01 00", "", nil},
		{"bytes behind the value", "04 01 01 61 ff", "", nil},
		{"id 0", "01 00", "server_key cache id", ErrRefused},
		{"id 129", "01 81", "server_key cache id", ErrRefused},
		{"id cut short", "01 f0", "server_key cache id", ErrInteger},
		{"longer than the message", "7f 01 04", "server_key", ErrShort},
		{"64 bit length", "fff0fefefefefefefe0e", "server_key", ErrShort},
		{"value longer than the dictionary's part", "02 01 04 73727631", "server_key value", ErrShort},
		{"value with a 64 bit length", "0b 01 fff0fefefefefefefe0e", "server_key value", ErrShort},
	} {
		u, err := parseOne(t, &def, UpdateEntry, unhex(t, "00000001 0a000001 05"+c.dict+"f0e203"))
		if !errors.Is(err, c.err) || err != nil && !strings.HasPrefix(err.Error(), "update: "+c.field+": ") {
			t.Errorf("%s: got %v, want field %q, %v", c.name, err, c.field, c.err)
		}
		if err == nil && !slices.Equal(u.Values, []uint64{5, 10000}) {
			t.Errorf("%s: got values %d", c.name, u.Values)
		}
	}
}

func TestUpdateFaultsNameTheField(t *testing.T) {
	for _, c := range []struct{ hex, want string }{
		{"0000", "update: update id: message ends early"},
		{"00000001 01", "update: key: message ends early"},
		{"00000001 01020304 07 01 01", "update: gpc0_rate: encoded integer is cut short or above 64 bits"},
		{"00000001 01020304 07 010101", "update: conn_cur: encoded integer is cut short or above 64 bits"},
		{"00000001 01020304 07 010101 00 01 010101 f0", "update: bytes_in_cnt: encoded integer is cut short or above 64 bits"},
	} {
		if _, err := parseOne(t, &tableTip, UpdateEntry, unhex(t, c.hex)); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.hex, err, c.want)
		}
	}
	_, err := parseOne(t, &tableTip, AckUpdate, nil)
	if want := "update: type: value is refused: found `0x84`, accepted is an update"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = parseOne(t, &tableTip, IncUpdateTimed, []byte{0})
	if want := "update: expire: message ends early"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSlots(t *testing.T) {
	def := table(1, "t", sticktable.IPv4, 4, 0, sticktable.ServerID, sticktable.GPT0, rate(sticktable.ConnRate, time.Second), sticktable.ServerKey,
		sticktable.HTTPFailCnt, array(sticktable.GPT, 100, 0), array(sticktable.GPCRate, 100, time.Second), sticktable.GlitchCnt)
	l := NewLayout(&def)
	if got, want := l.Slots(), 1+1+3+1+100+300+1; got != want {
		t.Errorf("got %d slots, want %d", got, want)
	}
	for typ, want := range map[sticktable.DataType]int{
		sticktable.ServerID: 0, sticktable.GPT0: 1, sticktable.ConnRate: 2, sticktable.HTTPFailCnt: 5, sticktable.GPT: 6,
		sticktable.GPCRate: 106, sticktable.GlitchCnt: 406, sticktable.ServerKey: -1, sticktable.GPC0: -1,
	} {
		if got, ok := l.SlotOf(typ); ok != (want >= 0) || ok && got != want {
			t.Errorf("%s: got %d, %t, want %d", typ, got, ok, want)
		}
	}
}

// TestEveryDataType sends a table with all of them, so that a type added to the vocabulary cannot be forgotten here.
func TestEveryDataType(t *testing.T) {
	def := everything()
	parsed, err := ParseTableDefinition(bodyOf(t, AppendTableDefinition(nil, &def), DefineTable))
	if err != nil {
		t.Fatal(err)
	}
	l := NewLayout(&parsed)
	values := make([]uint64, l.Slots())
	for i := range values {
		values[i] = uint64(i) * 1009 % (1 << 31)
	}
	u, err := parseOne(t, &parsed, UpdateTimed, bodyOf(t, l.AppendUpdate(nil, 9, 8, []byte("key"), values), UpdateTimed))
	if err != nil {
		t.Fatal(err)
	}
	wantUpdate(t, u, Update{ID: 9, Explicit: true, Timed: true, Expire: 8, Key: []byte("key"), Values: values})
}

func everything() TableDefinition {
	d := table(1, "all", sticktable.String, 65, time.Minute)
	for i := range sticktable.NumDataTypes {
		c := sticktable.Column{Type: sticktable.DataType(i), Elems: 1}
		if c.Type.Spec().Array {
			c.Elems = sticktable.MaxElems
		}
		if c.Type.Spec().Kind == sticktable.FreqCtr {
			c.Period = time.Second
		}
		d.Columns = append(d.Columns, c)
	}
	return d
}

func FuzzParseUpdate(f *testing.F) {
	all := everything()
	for _, def := range []*TableDefinition{&tableTip, &tableTint, &tableTstr, &tableTbin, &tableTip6, &tableBk, &all} {
		definition := bodyOf(f, AppendTableDefinition(nil, def), DefineTable)
		for _, c := range updateTable {
			frame := frameOf(f, unhex(f, c.hex))
			f.Add(definition, byte(frame.Type), frame.Body)
		}
	}
	f.Fuzz(func(t *testing.T, definition []byte, typ byte, body []byte) {
		def, err := ParseTableDefinition(definition)
		if err != nil {
			return
		}
		l := NewLayout(&def)
		var u, again Update
		if l.ParseUpdate(Type(typ), body, &u) != nil {
			return
		}
		if len(u.Values) != l.Slots() || len(u.Key) > def.KeyLen {
			t.Fatalf("%d values for %d slots, key of %d bytes for %d", len(u.Values), l.Slots(), len(u.Key), def.KeyLen)
		}
		written := bodyOf(t, l.AppendUpdate(nil, u.ID, u.Expire, u.Key, u.Values), UpdateTimed)
		if err := l.ParseUpdate(UpdateTimed, written, &again); err != nil {
			t.Fatalf("%x: %v", written, err)
		}
		u.Explicit, u.Timed = true, true
		wantUpdate(t, again, u)
	})
}

// TestNextUpdate: what NextUpdate reads ParseFrame and ParseUpdate read alike, and it reads all updates but for those that it leaves to them.
func TestNextUpdate(t *testing.T) {
	all := everything()
	for _, def := range []*TableDefinition{&tableTip, &tableTint, &tableTstr, &tableTbin, &tableTip6, &tableBk, &all} {
		for _, c := range updateTable {
			message := unhex(t, c.hex)
			for end := range message {
				sameNext(t, def, message[:end])
			}
			if n := sameNext(t, def, append(message, 0x0a)); n == 0 && def == &tableTip && readable(def, message) {
				t.Errorf("%x is left to others", message)
			}
		}
	}
}

func readable(def *TableDefinition, message []byte) bool {
	f, _, _ := ParseFrame(message, MaxFrame)
	return NewLayout(def).ParseUpdate(f.Type, f.Body, &Update{}) == nil
}

// sameNext compares the two ways to read a message, and gives what NextUpdate took of it.
func sameNext(t *testing.T, def *TableDefinition, b []byte) (n int) {
	t.Helper()
	l := NewLayout(def)
	u := Update{Values: make([]uint64, l.Slots())}
	if n = l.NextUpdate(b, &u); n == 0 {
		return 0
	}
	f, want, err := ParseFrame(b, MaxFrame)
	if err != nil || n != want || f.Class != StickTable {
		t.Fatalf("%x: an update of %d bytes; as a frame it has %d, class %v: %v", b, n, want, f.Class, err)
	}
	var again Update
	if err := l.ParseUpdate(f.Type, f.Body, &again); err != nil {
		t.Fatalf("%x: an update, and %v", b, err)
	}
	wantUpdate(t, u, again)
	return n
}

func FuzzNextUpdate(f *testing.F) {
	for _, c := range updateTable {
		f.Add(unhex(f, c.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		all := everything()
		for _, def := range []*TableDefinition{&tableTip, &tableTint, &tableBk, &all} {
			sameNext(t, def, b)
		}
	})
}
