package haproxy

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// The lines are as HAProxy 2.6.12 and 3.5-dev5 printed them.
func TestParseTable(t *testing.T) {
	reply := `# table: mypeers/tip, type: ip, size:1024, used:2
0x5624dbddbe00: key=1.2.3.4 use=0 exp=50386 gpc0=7 gpc0_rate(10000)=5 bytes_in_cnt=5000000000
0x55e340597480: key=1.2.3.5 use=1 exp=0 shard=3 gpc0=7 server_key=-

`
	got, err := ParseTable(reply)
	if err != nil {
		t.Fatal(err)
	}
	want := &Table{Name: "mypeers/tip", Type: "ip", Size: 1024, Used: 2, Entries: []Entry{
		{Key: "1.2.3.4", Exp: 50386 * time.Millisecond, Values: []Value{
			{Name: "gpc0", Text: "7"}, {Name: "gpc0_rate", Period: 10 * time.Second, Text: "5"}, {Name: "bytes_in_cnt", Text: "5000000000"},
		}},
		{Key: "1.2.3.5", Use: 1, Values: []Value{{Name: "gpc0", Text: "7"}, {Name: "server_key", Text: "-"}}},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	e := got.Entry("1.2.3.4")
	if n, ok := e.Uint("bytes_in_cnt"); !ok || n != 5000000000 {
		t.Errorf("bytes_in_cnt = %d, %v", n, ok)
	}
	if _, ok := e.Uint("gpc1"); ok {
		t.Error("gpc1 found")
	}
	if _, ok := got.Entry("1.2.3.5").Uint("server_key"); ok {
		t.Error("server_key is no number")
	}
	if got.Entry("9.9.9.9") != nil {
		t.Error("9.9.9.9 found")
	}
}

func TestParseTableKeys(t *testing.T) {
	for _, c := range []struct{ shown, want string }{
		{`abc`, "abc"},
		{`a\=b\ c`, "a=b c"},
		{`a\\b`, `a\b`},
		{`\t\n\r\e`, "\t\n\r\x1b"},
		{`\x00\xFF`, "\x00\xff"},
		{``, ""},
	} {
		got, err := ParseTable("# table: t, type: string, size:1, used:1\n0x1: key=" + c.shown + " use=0 exp=1 gpc0=2\n")
		if err != nil {
			t.Errorf("%s: %v", c.shown, err)
			continue
		}
		e := got.Entries[0]
		if e.Key != c.want {
			t.Errorf("%s: key %q, want %q", c.shown, e.Key, c.want)
		}
		if n, _ := e.Uint("gpc0"); n != 2 {
			t.Errorf("%s: gpc0 %d, want 2", c.shown, n)
		}
	}
}

func TestParseTableRefuses(t *testing.T) {
	const header = "# table: t, type: ip, size:1, used:1\n"
	for _, reply := range []string{
		"No such table\n",
		"# table: t, type: ip\n",
		"0x1: key=1.2.3.4 use=0 exp=1\n",
		header + "0x1 key\n",
		header + "0x1: key=1.2.3.4 use=x exp=1\n",
		header + `0x1: key=a\` + "\n",
		header + `0x1: key=\xZZ use=0` + "\n",
		header + `0x1: key=\x1` + "\n",
		header + "0x1: key=1.2.3.4 use=0 gpc0_rate(x)=1\n",
		header + header,
		"",
	} {
		if got, err := ParseTable(reply); err == nil {
			t.Errorf("%q gave %+v", reply, got)
		}
	}
}

func TestParseTables(t *testing.T) {
	got, err := ParseTables("# table: b, type: string, size:10, used:0\n# table: a, type: integer, size:20, used:1\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []Table{{Name: "b", Type: "string", Size: 10}, {Name: "a", Type: "integer", Size: 20, Used: 1}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

const showPeers26 = `0x5624dbd00000: [22/Nov/2026:04:50:48] id=mypeers disabled=0 flags=0x6833 resync_timeout=<PAST> task_calls=7
  0x5624dbd00001: id=agg(remote,active) addr=127.0.0.1:20002 last_status=ESTA last_hdshk=9s
        reconnect=3s heartbeat=1s confirm=0 tx_hbt=0 rx_hbt=1 no_hbt=0 new_conn=1 proto_err=0 coll=2
        flags=0x200 appctx:0x5624dbdd6cb0 st0=7 st1=0 task_calls=31 state=EST
        last_local_table:0x5624dbd24b70 id=bk local_id=7 remote_id=0
        shared tables:
          0x5624dbd24b70 local_id=7 remote_id=3 flags=0x0 remote_data=0x0
              last_acked=1 last_pushed=3 last_get=0 teaching_origin=0 update=2
              table:0x5624dbbf8eb0 id=bk update=3 localupdate=3 commitupdate=3 refcnt=1
        Dictionary cache not dumped (use "show peers dict")
  0x5624dbd00002: id=lb1(local,inactive) addr=127.0.0.1:20001 last_status=NONE last_hdshk=<NEVER>
        reconnect=<NEVER> heartbeat=<NEVER> confirm=0 tx_hbt=0 rx_hbt=0 no_hbt=0 new_conn=0 proto_err=0 coll=0
        flags=0x0

`

func TestParsePeers(t *testing.T) {
	head := strings.Replace(showPeers26, "last_status=ESTA", "app_state=RUNNING learn_state=NOTASSIGNED last_status=ESTA", 1)
	head = strings.Replace(head, " commitupdate=3", "", 1)
	for _, reply := range []string{showPeers26, head} {
		got, err := ParsePeers(reply)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || got[0].Name != "mypeers" || !got[0].IsSynchronised() || len(got[0].Peers) != 2 {
			t.Fatalf("got %+v", got)
		}
		agg, lb1 := got[0].Peer("agg"), got[0].Peer("lb1")
		if !agg.IsEstablished() || agg.IsLocal || agg.Address != "127.0.0.1:20002" || agg.Counters["coll"] != 2 || agg.Counters["rx_hbt"] != 1 {
			t.Errorf("agg: %+v", agg)
		}
		if want := (SharedTable{Name: "bk", LocalID: 7, RemoteID: 3, LastAcked: 1, LastPushed: 3, Update: 2}); *agg.Table("bk") != want {
			t.Errorf("bk: %+v, want %+v", *agg.Table("bk"), want)
		}
		if !lb1.IsLocal || lb1.IsEstablished() || lb1.LastStatus != "NONE" {
			t.Errorf("lb1: %+v", lb1)
		}
	}
	if _, err := ParsePeers("No such peers\n"); err == nil {
		t.Error("no error")
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add("# table: t, type: ip, size:1, used:1\n0x1: key=a\\ b use=0 exp=1 gpc0_rate(10)=1\n")
	f.Fuzz(func(t *testing.T, reply string) {
		ParseTables(reply)
		ParsePeers(reply)
	})
}
