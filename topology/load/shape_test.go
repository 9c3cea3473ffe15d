package load

import (
	"strings"
	"testing"
	"time"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

func scalarAt(value string, column int) grammar.Scalar {
	if value == "" {
		return grammar.Scalar{}
	}
	start := diag.Pos{Line: 1, Column: column, Offset: column - 1}
	end := diag.Pos{Line: 1, Column: column + len(value), Offset: column - 1 + len(value)}
	return grammar.Scalar{Value: value, Span: diag.Span{File: "f", Start: start, End: end}}
}

func tableLine(t *testing.T, kind, length, size, expire, store string) *grammar.Table {
	t.Helper()
	items, bad := grammar.ParseStore(scalarAt(store, 50))
	if len(bad) > 0 {
		t.Fatalf("store %q: %v", store, bad)
	}
	return &grammar.Table{Type: scalarAt(kind, 10), Len: scalarAt(length, 20), Size: scalarAt(size, 30), Expire: scalarAt(expire, 40), Store: items}
}

func TestReadShape(t *testing.T) {
	var findings diag.List
	s := readShape(tableLine(t, "string", "64", "2k", "10m", "gpc_rate(3,10s),http_req_cnt,gpt(2)"), &findings)
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	d := s.Definition
	if d.Key != sticktable.String || d.KeyLen != 65 || d.Expire != 10*time.Minute || s.Size != 2048 {
		t.Errorf("shape is %+v", s)
	}
	if got := d.StoreString(); got != "http_req_cnt,gpt(2),gpc_rate(3,10s)" {
		t.Errorf("store is %s", got)
	}
	if s.Store.Start.Column != 50 || s.Store.End.Column != 85 || s.Columns.At(sticktable.GPT).Start.Column != 79 {
		t.Errorf("store at %+v, gpt at %+v", s.Store, s.Columns.At(sticktable.GPT))
	}
	if s.Key.Start.Column != 10 || s.Key.End.Column != 22 {
		t.Errorf("key at %+v", s.Key)
	}
	if s.KeyUnknown || s.SizeUnknown || s.ExpireUnknown || s.StoreUnknown {
		t.Error("something is unknown")
	}
}

func TestReadShapeFindings(t *testing.T) {
	for _, tt := range []struct {
		kind, length, size, expire, store string
		code                              diag.Code
		want                              string
		column                            int
		unknown                           func(topology.Shape) bool
	}{
		{"ipv5", "", "1", "", "", grammar.CodeLine, "did you mean `ipv4`", 10, func(s topology.Shape) bool { return s.KeyUnknown }},
		{"ip", "4", "1", "", "", grammar.CodeLine, "takes no `len`", 20, func(s topology.Shape) bool { return s.KeyUnknown }},
		{"string", "0", "1", "", "", grammar.CodeLine, "from 1 to", 20, func(s topology.Shape) bool { return s.KeyUnknown }},
		{"string", "10x", "1", "", "", grammar.CodeLine, "from 1 to", 20, func(s topology.Shape) bool { return s.KeyUnknown }},
		{"ip", "", "1z", "", "", grammar.CodeSize, "`1z`", 31, func(s topology.Shape) bool { return s.SizeUnknown }},
		{"ip", "", "1", "1x", "", grammar.CodeDuration, "`1x`", 41, func(s topology.Shape) bool { return s.ExpireUnknown }},
		{"ip", "", "1", "", "gpc0,http_rec_rate(1s)", grammar.CodeStore, "did you mean `http_req_rate`", 55, func(s topology.Shape) bool { return s.StoreUnknown }},
		{"ip", "", "1", "", "http_req_rate", grammar.CodeStore, "no argument; accepted is `http_req_rate(PERIOD)`", 50, func(s topology.Shape) bool { return s.StoreUnknown }},
		{"ip", "", "1", "", "gpc0(1)", grammar.CodeStore, "accepted is `gpc0`", 50, func(s topology.Shape) bool { return s.StoreUnknown }},
		{"ip", "", "1", "", "gpc_rate(3)", grammar.CodeStore, "accepted is `gpc_rate(ELEMENTS,PERIOD)`", 50, func(s topology.Shape) bool { return s.StoreUnknown }},
		{"ip", "", "1", "", "gpc(0)", grammar.CodeStore, "from 1 to 100", 54, func(s topology.Shape) bool { return s.StoreUnknown }},
		{"ip", "", "1", "", "gpc(101)", grammar.CodeStore, "from 1 to 100", 54, func(s topology.Shape) bool { return s.StoreUnknown }},
		{"ip", "", "1", "", "conn_rate(10q)", grammar.CodeDuration, "`10q`", 62, func(s topology.Shape) bool { return s.StoreUnknown }},
		{"ip", "", "1", "", "conn_rate(0)", grammar.CodeDuration, "no time", 60, func(s topology.Shape) bool { return s.StoreUnknown }},
		{"ip", "", "1", "", "gpc0,gpc0", grammar.CodeDuplicate, "stands twice", 55, nil},
		{"ip", "", "1", "", "gpc(2),gpc1", grammar.CodeStore, "cannot stand in one table", 57, nil},
	} {
		var findings diag.List
		s := readShape(tableLine(t, tt.kind, tt.length, tt.size, tt.expire, tt.store), &findings)
		name := strings.Join([]string{tt.kind, tt.length, tt.size, tt.expire, tt.store}, " ")
		if len(findings) != 1 {
			t.Errorf("%s: findings %v", name, findings)
			continue
		}
		f := findings[0]
		if f.Code != tt.code || !strings.Contains(f.Summary, tt.want) || f.Primary.Span.Start.Column != tt.column {
			t.Errorf("%s: %s at column %d: %s", name, f.Code, f.Primary.Span.Start.Column, f.Summary)
		}
		if tt.unknown != nil && !tt.unknown(s) {
			t.Errorf("%s: not marked unknown", name)
		}
	}
}
