package peers

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"stktc/topology/sticktable"
)

// table makes a definition from the columns, given as types (of one element, without period) or as whole columns.
func table(id uint32, name string, key sticktable.KeyType, keyLen int, expire time.Duration, columns ...any) TableDefinition {
	d := TableDefinition{ID: id, Name: name}
	d.Key, d.KeyLen, d.Expire = key, keyLen, expire
	d.Columns = []sticktable.Column{}
	for _, c := range columns {
		switch c := c.(type) {
		case sticktable.DataType:
			d.Columns = append(d.Columns, sticktable.Column{Type: c, Elems: 1})
		case sticktable.Column:
			d.Columns = append(d.Columns, c)
		}
	}
	return d
}

func rate(t sticktable.DataType, period time.Duration) sticktable.Column {
	return sticktable.Column{Type: t, Elems: 1, Period: period}
}

func array(t sticktable.DataType, elems int, period time.Duration) sticktable.Column {
	return sticktable.Column{Type: t, Elems: elems, Period: period}
}

// The tables of real HAProxy configurations, with the bytes that 2.6.12 and 3.5-dev5 announce them with.
var (
	tableTip = table(6, "/tip", sticktable.IPv4, 4, time.Minute, sticktable.GPC0, rate(sticktable.GPC0Rate, 10*time.Second),
		sticktable.ConnCur, sticktable.HTTPReqCnt, rate(sticktable.HTTPReqRate, 10*time.Second), sticktable.BytesInCnt)
	tableTint = table(4, "/tint", sticktable.Integer, 4, time.Minute, array(sticktable.GPT, 2, 0), array(sticktable.GPC, 3, 0),
		array(sticktable.GPCRate, 2, 5*time.Second))
	tableTstr = table(5, "/tstr", sticktable.String, 11, time.Minute, sticktable.ServerID, sticktable.GPT0, sticktable.ServerKey)
	tableTbin = table(2, "/tbin", sticktable.Binary, 5, time.Hour, sticktable.GPC0)
	tableTip6 = table(3, "/tip6", sticktable.IPv6, 16, 0, sticktable.GPC0)
	tableBk   = table(7, "bk", sticktable.IPv4, 4, time.Minute, sticktable.GPC0)
	tableOurs = table(5, "/tip", sticktable.IPv4, 4, time.Minute, sticktable.GPC0, sticktable.ConnCur,
		rate(sticktable.HTTPReqRate, 10*time.Second))
)

var definitionTable = []struct {
	hex  string
	want TableDefinition
}{
	{"0a8216 06 042f746970 04 04 fcd503 f0971c 03f0e203 0af0e203", tableTip},
	{"0a8219 04 052f74696e74 02 04 f0f1fe6e f0971c 1602 1703 1802f8a901", tableTint},
	{"0a8210 05 052f74737472 06 0b f3f1fe00 f0971c", tableTstr},
	{"0a820e 02 052f7462696e 07 05 04 f0d9dc0c", tableTbin},
	{"0a820b 03 052f74697036 05 10 04 00", tableTip6},
	{"0a820a 07 02626b 04 04 04 f0971c", tableBk},
	{"0a8211 05 042f746970 04 04 f435 f0971c 0af0e203", tableOurs},
}

func TestTableDefinition(t *testing.T) {
	for _, c := range definitionTable {
		b := unhex(t, c.hex)
		wantAppended(t, b, func(b []byte) []byte { return AppendTableDefinition(b, &c.want) })
		got, err := ParseTableDefinition(bodyOf(t, b, DefineTable))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\ngot  %+v, %v\nwant %+v", c.want.Name, got, err, c.want)
		}
	}
}

func TestTableDefinitionLenient(t *testing.T) {
	noPeriod := table(6, "/tip", sticktable.IPv4, 4, 0, sticktable.GPC0, sticktable.GPC0Rate, sticktable.ConnCur, sticktable.HTTPReqCnt,
		sticktable.HTTPReqRate, sticktable.BytesInCnt)
	newer := tableBk
	newer.Unknown = 1<<27 | 1<<63
	for name, c := range map[string]struct {
		hex  string
		want TableDefinition
	}{
		"parameters left out":                 {"06 042f746970 04 04 fcd503", noPeriod},
		"bytes behind the message":            {"07 02626b 04 04 04 f0971c 00ff", tableBk},
		"unknown types, parameters left over": {"07 02626b 04 04" + fmt.Sprintf("%x", AppendInt(nil, newer.Unknown|4)) + "f0971c 1b f0", newer},
	} {
		got, err := ParseTableDefinition(unhex(t, c.hex))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\ngot  %+v, %v\nwant %+v", name, got, err, c.want)
		}
	}
}

// TestUnknownTypesAreNotSent keeps us from announcing values that AppendUpdate cannot write.
func TestUnknownTypesAreNotSent(t *testing.T) {
	d := tableBk
	d.Unknown = 1 << 30
	wantAppended(t, unhex(t, "0a820a 07 02626b 04 04 04 f0971c"), func(b []byte) []byte { return AppendTableDefinition(b, &d) })
}

func TestTableDefinitionRefused(t *testing.T) {
	for _, c := range []struct {
		name, hex, field string
		want             error
	}{
		{"table id above 32 bits", "f08080808000", "table id", ErrRefused},
		{"no name", "07 00 04 04 04", "name length", ErrRefused},
		{"name of 256 bytes", "07 f001" + strings.Repeat("61", 256) + "04 04 04", "name length", ErrRefused},
		{"name longer than the message", "07 05 626b", "name", ErrShort},
		{"name with a space", "07 02 6220 04 04 04", "name", ErrRefused},
		{"name with a NUL", "07 02 6200 04 04 04", "name", ErrRefused},
		{"key type 0", "07 02626b 00 04 04", "key type", ErrRefused},
		{"key type 3", "07 02626b 03 04 04", "key type", ErrRefused},
		{"key type 8", "07 02626b 08 04 04", "key type", ErrRefused},
		{"key type 260, 4 in a byte", "07 02626b f401 04 04", "key type", ErrRefused},
		{"integer of 8 bytes", "07 02626b 02 08 04", "key length", ErrRefused},
		{"ip of 16 bytes", "07 02626b 04 10 04", "key length", ErrRefused},
		{"ipv6 of 4 bytes", "07 02626b 05 04 04", "key length", ErrRefused},
		{"string for no character", "07 02626b 06 01 04", "key length", ErrRefused},
		{"binary of no byte", "07 02626b 07 00 04", "key length", ErrRefused},
		{"binary of 16385 bytes", "07 02626b 07 f1f106 04", "key length", ErrRefused},
		{"binary of 2^64-1 bytes", "07 02626b 07 fff0fefefefefefefe0e 04", "key length", ErrRefused},
		{"array without parameters", "04 052f74696e74 02 04 f0f1fe0e", "expire", ErrInteger},
		{"expire above 31 bits", "07 02626b 04 04 04 f0f1fefe3e", "expire", ErrRefused},
		{"array of no element", "04 052f74696e74 02 04 f0f1fe0e 00 1600", "gpt elements", ErrRefused},
		{"array of 101 elements", "04 052f74696e74 02 04 f0f1fe0e 00 1665", "gpt elements", ErrRefused},
		{"array without number", "04 052f74696e74 02 04 f0f1fe0e 00 16", "gpt elements", ErrInteger},
		{"parameter of another type", "07 02626b 04 04 08 00 04f0e203", "gpc0_rate parameter", ErrRefused},
		{"period 0", "07 02626b 04 04 08 00 0300", "gpc0_rate period", ErrRefused},
		{"period missing", "07 02626b 04 04 08 00 03", "gpc0_rate period", ErrInteger},
		{"rate parameter missing", "07 02626b 04 04 08 00", "gpc0_rate parameter", ErrInteger},
	} {
		_, err := ParseTableDefinition(unhex(t, c.hex))
		if !errors.Is(err, c.want) || err != nil && !strings.HasPrefix(err.Error(), "table definition: "+c.field+": ") {
			t.Errorf("%s: got %v, want field %q, %v", c.name, err, c.field, c.want)
		}
	}
}

func TestTableDefinitionCutShort(t *testing.T) {
	for _, c := range definitionTable {
		body := bodyOf(t, unhex(t, c.hex), DefineTable)
		bare := parametersStart(t, body)
		for i := range body {
			_, err := ParseTableDefinition(body[:i])
			if i == bare && !hasArray(c.want.Columns) {
				if err != nil {
					t.Errorf("%s without parameters: %v", c.want.Name, err)
				}
				continue
			}
			if !errors.Is(err, ErrInteger) && !errors.Is(err, ErrShort) {
				t.Errorf("%s cut to %d bytes: got %v", c.want.Name, i, err)
			}
		}
	}
}

// parametersStart finds the byte behind the data types.
func parametersStart(t *testing.T, body []byte) int {
	t.Helper()
	rest := body[2+int(body[1])+2:]
	_, n := ParseInt(rest)
	return len(body) - len(rest) + n
}

func TestRefusedDefinitionKeepsItsName(t *testing.T) {
	d, err := ParseTableDefinition(unhex(t, "07 02626b 03 04 04"))
	if !errors.Is(err, ErrRefused) || d.ID != 7 || d.Name != "bk" {
		t.Errorf("got id %d, name %q, %v", d.ID, d.Name, err)
	}
	want := "table definition: key type: value is refused: found `3`, accepted is `2`, `4`, `5`, `6` or `7`"
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
}

func FuzzParseTableDefinition(f *testing.F) {
	for _, c := range definitionTable {
		f.Add(bodyOf(f, unhex(f, c.hex), DefineTable))
	}
	f.Add(unhex(f, "06 042f746970 04 04 fcd503"))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := ParseTableDefinition(body)
		if err != nil {
			return
		}
		for _, c := range d.Columns {
			if c.Type.Spec().Kind == sticktable.FreqCtr && c.Period == 0 {
				return // the parameters were left out, which we never do
			}
		}
		d.Unknown = 0
		again, err := ParseTableDefinition(bodyOf(t, AppendTableDefinition(nil, &d), DefineTable))
		if err != nil || !reflect.DeepEqual(again, d) {
			t.Errorf("%+v became %+v, %v", d, again, err)
		}
	})
}
