package peers

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stktc/topology/sticktable"
)

// everyTypeConfig has a table for each type of key and every data type of HAProxy 2.6 (gpt, gpc and gpc_rate exclude
// their numbered sisters, hence two tables).
var everyTypeConfig = `
global
	stats socket {{.}}/stats level admin
defaults
	mode http
	timeout connect 5s
	timeout client 5s
	timeout server 5s
peers mypeers
	peer lb1 unix@{{.}}/lb1
	peer agg unix@{{.}}/agg
	table tip type ip size 1k expire 1m store server_id,gpt0,gpc0,gpc0_rate(10s),conn_cnt,conn_rate(20s),conn_cur,sess_cnt,sess_rate(30s)
	table tall type string len 10 size 1k expire 1h store server_id,gpt0,gpc0,gpc0_rate(1h),conn_cnt,conn_rate(2s),conn_cur,sess_cnt,sess_rate(3s),http_req_cnt,http_req_rate(4s),http_err_cnt,http_err_rate(5s),bytes_in_cnt,bytes_in_rate(6s),bytes_out_cnt,bytes_out_rate(7s),gpc1,gpc1_rate(8s),http_fail_cnt,http_fail_rate(9s)
	table tint type integer size 1k expire 1m store gpt(2),gpc(3),gpc_rate(2,1h)
	table tip6 type ipv6 size 1k store gpc0
	table tbin type binary len 5 size 1k expire 1h store gpc0
	table tstr type string len 300 size 1k expire 1m store server_id,server_key,gpc0
frontend web
	bind unix@{{.}}/web
	http-request track-sc0 int(305419896) table mypeers/tint if { path /int }
	http-request sc-set-gpt(0,0) 1 if { path /int }
` + strings.Repeat("\thttp-request sc-inc-gpc(1,0) if { path /int }\n", 25) + `
	http-request track-sc1 bin(6162630064) table mypeers/tbin if { path /bin }
	http-request sc-inc-gpc0(1) if { path /bin }
	default_backend bk
backend bk
	stick-table type ip size 1k expire 1m store gpc0 peers mypeers
	stick on path table mypeers/tstr if { path_beg /stick }
	server srv1 unix@{{.}}/origin
`

// capture is a stream from a real HAProxy, described as it comes in.
type capture struct {
	*receiver
	lines []string
}

func (c *capture) follow(h *haproxy) {
	h.seen = func(f Frame) {
		text, err := c.describe(f)
		if err != nil {
			h.t.Errorf("%x: %v", raw(f), err)
		}
		c.lines = append(c.lines, fmt.Sprintf("%x # %s\n", raw(f), text))
	}
}

// TestRealHAProxySends sets values in a real HAProxy and finds them in what it sends.
func TestRealHAProxySends(t *testing.T) {
	h := startHAProxy(t, everyTypeConfig)
	if h.hello.Called != "agg" || h.hello.Caller != "lb1" || h.hello.Major != 2 || h.hello.Minor != 1 || h.hello.PID == 0 {
		t.Errorf("hello: got %+v", h.hello)
	}
	h.serveOrigin()
	c := capture{receiver: newReceiver()}
	c.follow(h)
	c.setByCommand(h)
	c.setByTraffic(h)
	c.learn(h)
	if *update {
		name := filepath.Join(wireFolder, haproxyVersion(t)+"-every-type.hex")
		if err := os.WriteFile(name, []byte(strings.Join(c.lines, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *capture) setByCommand(h *haproxy) {
	h.t.Helper()
	want := map[sticktable.DataType]uint64{}
	set := ""
	for i, next := sticktable.ServerID, uint64(3); i <= sticktable.HTTPFailRate; i++ {
		if i == sticktable.ServerKey {
			continue
		}
		want[i] = next
		set += fmt.Sprintf(" data.%s %d", i, next)
		next = next*7 + 1 // up to the greatest 32 bit can hold
		if i.Spec().Kind != sticktable.ULongLong && next > 1<<31 {
			next = 200
		}
	}
	want[sticktable.BytesInCnt] = 5_000_000_000
	set += " data.bytes_in_cnt 5000000000"
	h.cli("set table mypeers/tall key abcdefghij%s", set)
	h.cli("set table mypeers/tip key 1.2.3.4 data.gpc0 7 data.server_id -1 data.conn_cur 4294967295")
	h.cli("set table mypeers/tip6 key 2001:db8::1 data.gpc0 10000")
	h.cli("set table bk key 10.0.0.1 data.gpc0 239")
	h.cli("set table bk key 10.0.0.2 data.gpc0 1")

	h.await("entry of /tall", func() bool { return c.entries["/tall 6162636465666768696a"] != nil })
	c.wantTall(h.t, want)
	h.await("entry of bk", func() bool { return slices.Equal(c.entries["bk 0a000002"], []uint64{1}) })
	h.await("entry of /tip6", func() bool { return slices.Equal(c.entries["/tip6 20010db8000000000000000000000001"], []uint64{10000}) })
	h.await("entry of /tip", func() bool { return c.entries["/tip 01020304"] != nil })
	for slot, want := range map[int]uint64{0: 1<<64 - 1, 2: 7, 10: 1<<32 - 1} {
		if got := c.entries["/tip 01020304"][slot]; got != want {
			h.t.Errorf("/tip: slot %d: got %d, want %d", slot, got, want)
		}
	}
}

// wantTall compares the last entry of the table of all scalar types with what was set: rates as (now, value, 0).
func (c *capture) wantTall(t *testing.T, want map[sticktable.DataType]uint64) {
	t.Helper()
	var def *TableDefinition
	for _, d := range c.tables {
		if d.Name == "/tall" {
			def = d
		}
	}
	if got := len(def.Columns); got != len(want) || def.Key != sticktable.String || def.KeyLen != 11 {
		t.Fatalf("/tall: got %d columns, want %d; %+v", got, len(want), def)
	}
	l := NewLayout(def)
	values := c.entries["/tall 6162636465666768696a"]
	for typ, v := range want {
		slot, _ := l.SlotOf(typ)
		if typ.Spec().Kind != sticktable.FreqCtr {
			if values[slot] != v {
				t.Errorf("%s: got %d, want %d", typ, values[slot], v)
			}
			continue
		}
		if got := values[slot : slot+3]; got[0] > uint64(patience.Milliseconds()) || got[1] != v || got[2] != 0 {
			t.Errorf("%s: got %d, want %d set just now", typ, got, v)
		}
	}
}

func (c *capture) setByTraffic(h *haproxy) {
	h.t.Helper()
	for range 12 {
		h.get("/int")
	}
	h.await("entry of /tint", func() bool {
		v := c.entries["/tint 12345678"]
		return len(v) == 2+3+6 && slices.Equal(v[:5], []uint64{1, 0, 0, 300, 0}) && v[9]+v[10] == 300
	})
	h.get("/bin")
	h.await("entry of /tbin", func() bool { return slices.Equal(c.entries["/tbin 6162630064"], []uint64{1}) })
	for _, path := range []string{"/stick/1", "/stick/2"} { // the second has srv1 by its cache id alone
		h.get(path)
		h.await("entry of /tstr", func() bool { return slices.Equal(c.entries[fmt.Sprintf("/tstr %x", path)], []uint64{1, 0}) })
	}
}

// learn asks for everything again, which comes with lifetimes and, where ids follow on each other, without ids.
func (c *capture) learn(h *haproxy) {
	h.t.Helper()
	before := c.entries
	c.entries = map[string][]uint64{}
	timed := map[Type]int{}
	over := false
	follow := h.seen
	h.seen = func(f Frame) {
		follow(f)
		timed[f.Type]++
		over = over || f.Class == Control && (f.Type == ResyncPartial || f.Type == ResyncFinished)
	}
	h.write(AppendControl(nil, ResyncRequest))
	h.await("end of the lesson", func() bool { return over })
	if timed[UpdateTimed] == 0 || timed[IncUpdateTimed] == 0 {
		h.t.Errorf("the lesson had messages %v, want timed updates with and without id", timed)
	}
	for entry := range before {
		if c.entries[entry] == nil {
			h.t.Errorf("%s was not taught", entry)
		}
	}
}

// TestRealHAProxyLearns teaches a real HAProxy and finds the values in its tables.
func TestRealHAProxyLearns(t *testing.T) {
	h := startHAProxy(t, everyTypeConfig)
	acks := map[uint32]uint32{}
	h.seen = func(f Frame) {
		if f.Class == StickTable && f.Type == AckUpdate {
			table, id, err := ParseAck(f.Body)
			if err != nil {
				t.Error(err)
			}
			acks[table] = id
		}
	}
	scalars := table(1, "/tall", sticktable.String, 11, time.Hour, sticktable.ServerID, sticktable.GPC0, rate(sticktable.GPC0Rate, time.Hour),
		sticktable.ConnCur, sticktable.BytesInCnt, sticktable.HTTPFailCnt)
	arrays := table(2, "/tint", sticktable.Integer, 4, time.Minute, array(sticktable.GPT, 2, 0), array(sticktable.GPC, 3, 0),
		array(sticktable.GPCRate, 2, time.Hour))
	dictionary := table(3, "/tstr", sticktable.String, 301, time.Minute, sticktable.ServerID, sticktable.GPC0, sticktable.ServerKey)
	ipv6 := table(4, "/tip6", sticktable.IPv6, 16, 0, sticktable.GPC0)
	binary := table(5, "/tbin", sticktable.Binary, 5, time.Hour, sticktable.GPC0)
	long := strings.Repeat("k", 280) // the message's length takes two bytes
	for i, c := range []struct {
		def    TableDefinition
		key    string
		values []uint64
		name   string
		want   []string
	}{
		{scalars, "abcdefghij", []uint64{1<<64 - 1, 240, 0, 2288, 0, 5, 1 << 40, 1<<32 - 1}, "mypeers/tall",
			[]string{"key=abcdefghij ", "server_id=-1 ", "gpc0=240 ", "gpc0_rate(3600000)=2288 ", "conn_cur=0 ", "bytes_in_cnt=1099511627776 ", "http_fail_cnt=4294967295 "}},
		{arrays, "\x12\x34\x56\x78", []uint64{1, 2, 3, 4, 264432, 1000, 7, 0, 60_000, 33818864, 0}, "mypeers/tint",
			[]string{"key=305419896 ", "gpt0=1 gpt1=2 ", "gpc0=3 gpc1=4 gpc2=264432 ", "gpc0_rate(3600000)=7 gpc1_rate(3600000)=33818864"}},
		{dictionary, "", []uint64{9, 10}, "mypeers/tstr", []string{"key= ", "server_id=9 ", "gpc0=10 ", "server_key=-"}},
		{dictionary, long, []uint64{0, 11}, "mypeers/tstr", []string{"key=" + long + " ", "gpc0=11 "}},
		{ipv6, "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", []uint64{77}, "mypeers/tip6", []string{"key=2001:db8::1 ", "gpc0=77"}},
		{binary, "ab\x00cd", []uint64{77}, "mypeers/tbin", []string{"key=6162006364 ", "gpc0=77"}},
	} {
		id := uint32(41 + i)
		h.write(NewLayout(&c.def).AppendUpdate(AppendTableDefinition(nil, &c.def), id, 50_000, []byte(c.key), c.values))
		h.await("ack of "+c.def.Name, func() bool { return acks[c.def.ID] == id })
		shown := h.cli("show table %s", c.name)
		for _, want := range c.want {
			if !strings.Contains(shown, want) {
				t.Errorf("%s: no %q in\n%s", c.name, want, shown)
			}
		}
	}
}
