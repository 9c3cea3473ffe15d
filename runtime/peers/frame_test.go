package peers

import (
	"bytes"
	"errors"
	"testing"
)

// frameOf cuts the only message in b.
func frameOf(t testing.TB, b []byte) Frame {
	t.Helper()
	f, n, err := ParseFrame(b, MaxFrame)
	if err != nil || n != len(b) {
		t.Fatalf("%x: got %d of %d bytes, error %v", b, n, len(b), err)
	}
	return f
}

// bodyOf cuts the only message in b and checks its type.
func bodyOf(t testing.TB, b []byte, want Type) []byte {
	t.Helper()
	f := frameOf(t, b)
	if f.Class != StickTable || f.Type != want {
		t.Fatalf("%x is %q, want type %#x", b, f, want)
	}
	return f.Body
}

func TestTwoByteMessages(t *testing.T) {
	for _, c := range []struct {
		hex, name string
		class     Class
		typ       Type
		appendTo  func([]byte, Type) []byte
	}{
		{"0000", "resync request", Control, ResyncRequest, AppendControl},
		{"0001", "resync finished", Control, ResyncFinished, AppendControl},
		{"0002", "resync partial", Control, ResyncPartial, AppendControl},
		{"0003", "resync confirm", Control, ResyncConfirm, AppendControl},
		{"0004", "heartbeat", Control, Heartbeat, AppendControl},
		{"0100", "protocol error", Error, ProtocolError, AppendError},
		{"0101", "size limit error", Error, SizeLimitError, AppendError},
	} {
		b := unhex(t, c.hex)
		wantAppended(t, b, func(b []byte) []byte { return c.appendTo(b, c.typ) })
		if f := frameOf(t, b); f.Class != c.class || f.Type != c.typ || f.Body != nil || f.String() != c.name {
			t.Errorf("%s: got %+v, %q", c.hex, f, f)
		}
	}
}

func TestFrameString(t *testing.T) {
	for typ, want := range map[Type]string{
		UpdateEntry: "update", IncUpdate: "inc update", DefineTable: "define table", SwitchTable: "switch table",
		AckUpdate: "ack update", UpdateTimed: "update timed", IncUpdateTimed: "inc update timed",
		0x87: "class 0x0a type 0x87", 0x00: "class 0x0a type 0x00",
	} {
		if got := (Frame{Class: StickTable, Type: typ}).String(); got != want {
			t.Errorf("type %#x: got %q, want %q", byte(typ), got, want)
		}
	}
	if got, want := (Frame{Class: 0x0b, Type: 5}).String(), "class 0x0b type 0x05"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := (Frame{Class: Control, Type: 5}).String(), "class 0x00 type 0x05"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParseFrame(t *testing.T) {
	for _, c := range []struct {
		name, in string
		limit    int
		n, body  int
		err      error
	}{
		{"nothing", "", 100, 0, 0, nil},
		{"class only", "0a", 100, 0, 0, nil},
		{"no length yet", "0a80", 100, 0, 0, nil},
		{"half a length", "0a80 f0", 1000, 0, 0, nil},
		{"half a body", "0a80 02 00", 100, 0, 0, nil},
		{"empty body", "0a80 00 99", 100, 3, 0, nil},
		{"something behind", "0a80 01 aa 0004", 100, 4, 1, nil},
		{"unknown class with body", "7f80 01 aa", 100, 4, 1, nil},
		{"unknown class without body", "7f7f 01 aa", 100, 2, 0, nil},
		{"control with body", "0080 01 aa", 100, 4, 1, nil},
		{"at the limit", "0a80 02 aaaa", 2, 5, 2, nil},
		{"above the limit, body not there", "0a80 03", 2, 0, 0, ErrTooLong},
		{"64 bit length", "0a80 fff0fefefefefefefe0e", MaxFrame, 0, 0, ErrTooLong},
		{"length of five bytes and on", "0a80 f080808080", MaxFrame, 0, 0, ErrTooLong},
		{"length of four bytes and on", "0a80 f0808080", MaxFrame, 0, 0, nil},
		{"reserved", "ff00", 100, 0, 0, ErrReserved},
		{"reserved with body", "ff80 01 00", 100, 0, 0, ErrReserved},
	} {
		f, n, err := ParseFrame(unhex(t, c.in), c.limit)
		if n != c.n || len(f.Body) != c.body || !errors.Is(err, c.err) {
			t.Errorf("%s: got %d bytes with a body of %d, error %v; want %d, %d, %v", c.name, n, len(f.Body), err, c.n, c.body, c.err)
		}
	}
}

// TestParseFrameInPieces feeds a stream byte by byte: a message must not appear before it is whole.
func TestParseFrameInPieces(t *testing.T) {
	long := bytes.Repeat([]byte{'x'}, 3000)
	b, body := beginBody(nil, UpdateEntry)
	stream := AppendControl(endBody(append(b, long...), body), Heartbeat)
	for i := range stream[:len(stream)-2] {
		if _, n, err := ParseFrame(stream[:i], MaxFrame); n != 0 || err != nil {
			t.Fatalf("with %d bytes: got %d, %v", i, n, err)
		}
	}
	f, n, err := ParseFrame(stream, MaxFrame)
	if err != nil || !bytes.Equal(f.Body, long) || n != len(stream)-2 {
		t.Fatalf("got %d bytes, body of %d, %v", n, len(f.Body), err)
	}
	if cap(f.Body) != len(f.Body) {
		t.Errorf("appending to the body would overwrite the next message")
	}
}

// TestBodyLengths covers each length of the length, where the body has to move.
func TestBodyLengths(t *testing.T) {
	for _, n := range []int{0, 1, 239, 240, 241, 2287, 2288, 16384, MaxFrame} {
		want := bytes.Repeat([]byte{0xa5}, n)
		header := AppendInt([]byte{0x0a, 0x85}, uint64(n))
		wantAppended(t, append(header, want...), func(b []byte) []byte {
			b, body := beginBody(b, UpdateTimed)
			return endBody(append(b, want...), body)
		})
	}
}

func FuzzParseFrame(f *testing.F) {
	for _, s := range []string{"", "0a", "0004", "0a80", "0a8001aa", "0a80f000", "ff00", "0a80fff0fefefefefefefe0e", "0a840506000000010004"} {
		f.Add(unhex(f, s), 1000)
	}
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		limit &= 0x1ffff
		frame, n, err := ParseFrame(b, limit)
		switch {
		case n < 0 || n > len(b) || len(frame.Body) > limit:
			t.Fatalf("%d of %d bytes, body of %d above limit %d", n, len(b), len(frame.Body), limit)
		case err != nil && n != 0:
			t.Fatalf("%d bytes and error %v", n, err)
		case err != nil || n == 0:
			return
		}
		again := []byte{byte(frame.Class), byte(frame.Type)}
		if frame.Type&hasBody != 0 {
			again = append(AppendInt(again, uint64(len(frame.Body))), frame.Body...)
		}
		if !bytes.Equal(again, b[:n]) {
			t.Errorf("%x became %x", b[:n], again)
		}
	})
}
