package peers

import (
	"errors"
	"math"
	"testing"
)

func TestAck(t *testing.T) {
	for _, c := range []struct {
		hex       string
		table, id uint32
	}{
		{"0a8405 06 00000001", 6, 1},
		{"0a8405 05 00000001", 5, 1},
		{"0a8407 f0e203 ffffffff", 10000, math.MaxUint32},
	} {
		b := unhex(t, c.hex)
		wantAppended(t, b, func(b []byte) []byte { return AppendAck(b, c.table, c.id) })
		body := bodyOf(t, b, AckUpdate)
		if table, id, err := ParseAck(append(body, 0xff)); table != c.table || id != c.id || err != nil {
			t.Errorf("%s: got table %d, id %d, %v", c.hex, table, id, err)
		}
		for i := range body {
			if _, _, err := ParseAck(body[:i]); !errors.Is(err, ErrShort) && !errors.Is(err, ErrInteger) {
				t.Errorf("%s cut to %d bytes: got %v", c.hex, i, err)
			}
		}
	}
	if _, _, err := ParseAck(unhex(t, "f08080808000 00000001")); !errors.Is(err, ErrRefused) {
		t.Errorf("table id above 32 bits: got %v", err)
	}
}

func TestSwitch(t *testing.T) {
	for _, c := range []struct {
		hex   string
		table uint32
	}{{"0a8301 05", 5}, {"0a8302 f000", 240}} {
		b := unhex(t, c.hex)
		wantAppended(t, b, func(b []byte) []byte { return AppendSwitch(b, c.table) })
		if table, err := ParseSwitch(bodyOf(t, b, SwitchTable)); table != c.table || err != nil {
			t.Errorf("%s: got %d, %v", c.hex, table, err)
		}
	}
	if _, err := ParseSwitch(nil); !errors.Is(err, ErrInteger) {
		t.Errorf("empty body: got %v", err)
	}
}
