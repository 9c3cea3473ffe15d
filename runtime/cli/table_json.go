package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"stktc/runtime"
	"stktc/runtime/store"
)

func (v *view) json() Table {
	var expire *int64
	if ms := v.def.Expire.Milliseconds(); ms > 0 {
		expire = &ms
	}
	return Table{
		Name: v.Table.Name(), Section: v.section, Type: v.def.Key.String(), KeyLen: v.def.KeyLen, Expire: expire,
		Store: v.def.StoreString(), Used: v.Table.Used(), Kind: v.Kind.String(), Forwarded: v.Kind == runtime.Forwarded, Source: v.Source,
	}
}

// dumpJSON writes a list of tables with their entries, entry by entry.
func (c *client) dumpJSON(views []*view, requests []request) {
	c.w.WriteByte('[')
	for i, v := range views {
		if i > 0 {
			c.w.WriteByte(',')
		}
		header, err := json.Marshal(v.json())
		if err != nil {
			panic(err)
		}
		c.w.Write(bytes.TrimSuffix(header, []byte("}")))
		c.w.WriteString(`,"entries":`)
		c.dumpEntriesJSON(v, &requests[i])
		c.w.WriteByte('}')
	}
	c.w.WriteString("]\n")
}

func (c *client) dumpEntriesJSON(v *view, r *request) {
	if c.level < Operator {
		fmt.Fprintf(c.w, `null,"notice":%q`, notDumped)
		return
	}
	c.w.WriteByte('[')
	var line []byte
	comma := false
	write := func(e *store.Entry) bool {
		line = line[:0]
		if comma {
			line = append(line, ',')
		}
		comma = true
		line = v.appendEntryJSON(line, e)
		_, err := c.w.Write(line)
		return err == nil
	}
	complete := v.each(r, c.srv.agg.Now(), write)
	c.w.WriteByte(']')
	if !complete {
		fmt.Fprintf(c.w, `,"notice":%q`, redefined)
	}
}

// appendEntryJSON appends an Entry.
func (v *view) appendEntryJSON(b []byte, e *store.Entry) []byte {
	b = append(b, `{"key":`...)
	b = v.appendKeyJSON(b, e.Key)
	b = append(b, `,"exp_ms":`...)
	b = appendLifeJSON(b, e.Life)
	b = append(b, `,"data":`...)
	b = v.appendValuesJSON(b, e.Values)
	return append(b, '}')
}

func (v *view) appendKeyJSON(b, key []byte) []byte {
	text, err := json.Marshal(string(appendKey(nil, &v.def, key)))
	if err != nil {
		panic(err)
	}
	return append(b, text...)
}

// appendLifeJSON writes the rest of a life in ms, null without an end.
func appendLifeJSON(b []byte, life uint32) []byte {
	if life == store.Forever {
		return append(b, "null"...)
	}
	return strconv.AppendUint(b, uint64(life), 10)
}

// appendValuesJSON writes values by the names of their types, in the order of their numbers: a number, a list of them for an array, null for
// what has none.
func (v *view) appendValuesJSON(b []byte, values []uint64) []byte {
	b = append(b, '{')
	for i := range v.elements {
		el := &v.elements[i]
		column := &v.def.Columns[el.column]
		isArray := column.Type.Spec().Array
		if i > 0 {
			b = append(b, ',')
		}
		if el.index == 0 {
			b = fmt.Appendf(b, "%q:", column.Type)
			if isArray {
				b = append(b, '[')
			}
		}
		b = el.append(b, values, "null")
		if isArray && el.index == max(column.Elems, 1)-1 {
			b = append(b, ']')
		}
	}
	return append(b, '}')
}
