package peers

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stktc/topology/sticktable"
)

var update = flag.Bool("update", false, "rewrite testdata/wire with what the installed HAProxy sends")

// wireFolder holds captures: a line for each message, its bytes, " # ", what it says.
const wireFolder = "../../testdata/wire"

// receiver follows a stream as a session does: tables by id, and the one that updates are of.
type receiver struct {
	tables  map[uint32]*TableDefinition
	current *TableDefinition
	entries map[string][]uint64 // last values by table name and key, "/tip 01020304"

}

func newReceiver() *receiver {
	return &receiver{tables: map[uint32]*TableDefinition{}, entries: map[string][]uint64{}}
}

// describe applies a frame and says in words what is in it.
func (r *receiver) describe(f Frame) (string, error) {
	if f.Class != StickTable {
		return f.String(), nil
	}
	switch f.Type {
	case DefineTable:
		d, err := ParseTableDefinition(f.Body)
		r.tables[d.ID], r.current = &d, &d
		return fmt.Sprintf("%s %d %s: %s, key length %d, expire %s, store %s, unknown %x", f, d.ID, d.Name, d.Key, d.KeyLen,
			sticktable.FormatDuration(d.Expire), d.StoreString(), d.Unknown), err
	case SwitchTable:
		id, err := ParseSwitch(f.Body)
		r.current = r.tables[id]
		return fmt.Sprintf("%s %d", f, id), err
	case AckUpdate:
		table, id, err := ParseAck(f.Body)
		return fmt.Sprintf("%s of table %d: %d", f, table, id), err
	}
	return r.describeUpdate(f)
}

func (r *receiver) describeUpdate(f Frame) (string, error) {
	if r.current == nil {
		return "", fmt.Errorf("%s without a table", f)
	}
	l := NewLayout(r.current)
	var u Update
	if err := l.ParseUpdate(f.Type, f.Body, &u); err != nil {
		return "", err
	}
	entry := fmt.Sprintf("%s %x", r.current.Name, u.Key)
	r.entries[entry] = slices.Clone(u.Values)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", f, entry)
	if u.Explicit {
		fmt.Fprintf(&b, " id %d", u.ID)
	}
	if u.Timed {
		fmt.Fprintf(&b, " expire %d", u.Expire)
	}
	for i, c := range r.current.Columns {
		first, ok := l.SlotOf(c.Type)
		if !ok {
			continue
		}
		end := l.Slots()
		for _, next := range r.current.Columns[i+1:] {
			if s, ok := l.SlotOf(next.Type); ok {
				end = s
				break
			}
		}
		fmt.Fprintf(&b, " %s %d", c.Type, u.Values[first:end])
	}
	return b.String(), nil
}

// again encodes what a frame says, or nil for what we never send: updates without id, and dictionary values.
func (r *receiver) again(f Frame) []byte {
	switch {
	case f.Class == Control:
		return AppendControl(nil, f.Type)
	case f.Class == Error:
		return AppendError(nil, f.Type)
	case f.Type == DefineTable:
		return AppendTableDefinition(nil, r.current)
	case f.Type == AckUpdate:
		table, id, _ := ParseAck(f.Body)
		return AppendAck(nil, table, id)
	case f.Type == IncUpdate || f.Type == IncUpdateTimed || r.current.Column(sticktable.ServerKey) != nil:
		return nil
	}
	l := NewLayout(r.current)
	var u Update
	l.ParseUpdate(f.Type, f.Body, &u)
	if f.Type == UpdateEntry {
		return l.AppendUpdateUntimed(nil, u.ID, u.Key, u.Values)
	}
	return l.AppendUpdate(nil, u.ID, u.Expire, u.Key, u.Values)
}

// raw puts a frame together from its parts, which is how it was sent because an integer has one encoding.
func raw(f Frame) []byte {
	b := []byte{byte(f.Class), byte(f.Type)}
	if f.Type&hasBody == 0 {
		return b
	}
	return append(AppendInt(b, uint64(len(f.Body))), f.Body...)
}

// TestCaptures replays what real HAProxies sent. Each message must be cut at its end, say what the file says, and come out
// the same when it is encoded again.
func TestCaptures(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(wireFolder, "*.hex"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures in %s: %v", wireFolder, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { replay(t, file) })
	}
}

func replay(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := newReceiver()
	for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		sent, want, ok := strings.Cut(line, " # ")
		if !ok {
			t.Fatalf("%s:%d: no description", file, i+1)
		}
		b, err := hex.DecodeString(sent)
		if err != nil {
			t.Fatalf("%s:%d: %v", file, i+1, err)
		}
		f := frameOf(t, b)
		got, err := r.describe(f)
		if err != nil || got != want {
			t.Errorf("%s:%d: %v\ngot  %s\nwant %s", file, i+1, err, got, want)
		}
		if again := r.again(f); again != nil && !bytes.Equal(again, b) {
			t.Errorf("%s:%d: encoded again\ngot  %x\nwant %x", file, i+1, again, b)
		}
	}
}
