package load

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
	"stktc/topology/sticktable"
)

// readShape reads what a "stick-table" or "table" line says of keys and values. What cannot be read is a finding and marked unknown.
func readShape(t *grammar.Table, findings *diag.List) topology.Shape {
	var s topology.Shape
	readKey(&s, t, findings)
	readSize(&s, t.Size, findings)
	readExpire(&s, t.Expire, findings)
	readStore(&s, t, findings)
	return s
}

func readKey(s *topology.Shape, t *grammar.Table, findings *diag.List) {
	s.Key = t.Type.Span
	if !t.Len.IsZero() {
		s.Key.End = t.Len.Span.End
	}
	if s.KeyUnknown = t.Type.Unresolved || t.Len.Unresolved || t.Type.IsZero(); s.KeyUnknown {
		return
	}
	key, ok := sticktable.ParseKeyType(t.Type.Value)
	if !ok {
		accepted := grammar.Accepted(t.Type.Value, keyTypes)
		if name, length, found := strings.Cut(t.Type.Value, " len "); found && slices.Contains(keyTypes, name) {
			accepted = fmt.Sprintf("its length has a key of its own: `type: %s`, `len: %s`", name, length)
		}
		findings.Add(*grammar.Findingf(grammar.CodeLine, t.Type.Span, "table type `%s` is not known; %s", t.Type.Value, accepted))
		s.KeyUnknown = true
		return
	}
	length, bad := keyLen(key, t.Len)
	if bad != nil {
		findings.Add(*bad)
		s.KeyUnknown = true
		return
	}
	s.Definition.Key, s.Definition.KeyLen = key, key.WireLen(length)
}

var keyTypes = []string{"ip", "ipv4", "ipv6", "integer", "string", "binary"}

// maxKeyLen is the longest key that we take for meant: HAProxy states no limit, but a key must fit into a peers message.
const maxKeyLen = 16384

// keyLen reads the configured length of a key.
func keyLen(key sticktable.KeyType, length grammar.Scalar) (int, *diag.Finding) {
	if length.IsZero() {
		return key.DefaultLen(), nil
	}
	if key.DefaultLen() == 0 {
		return 0, grammar.Findingf(grammar.CodeLine, length.Span, "a table of type `%s` takes no `len`; only `string` and `binary` do", key)
	}
	n, err := strconv.ParseUint(length.Value, 10, 31)
	if err != nil || n == 0 || n > maxKeyLen {
		return 0, grammar.Findingf(grammar.CodeLine, length.Span, "key length `%s` is not a number from 1 to %d", length.Value, maxKeyLen)
	}
	return int(n), nil
}

func readSize(s *topology.Shape, size grammar.Scalar, findings *diag.List) {
	s.SizeSpan = size.Span
	if s.SizeUnknown = size.Unresolved || size.IsZero(); s.SizeUnknown {
		return
	}
	n, bad := grammar.ParseSize(size)
	if bad != nil {
		findings.Add(*bad)
		s.SizeUnknown = true
	}
	s.Size = n
}

func readExpire(s *topology.Shape, expire grammar.Scalar, findings *diag.List) {
	s.Expire = expire.Span
	if s.ExpireUnknown = expire.Unresolved; s.ExpireUnknown || expire.IsZero() {
		return
	}
	d, bad := grammar.ParseDuration(expire)
	if bad != nil {
		findings.Add(*bad)
		s.ExpireUnknown = true
	}
	s.Definition.Expire = d
}

func readStore(s *topology.Shape, t *grammar.Table, findings *diag.List) {
	s.StoreUnknown = t.StoreUnknown
	for _, item := range t.Store {
		c, unknown := column(item, findings)
		if unknown {
			s.StoreUnknown = true
			continue
		}
		if first, twice := s.Columns.Of(c.Type); twice {
			f := grammar.Findingf(grammar.CodeDuplicate, item.Span, "data type `%s` stands twice in the store list; HAProxy ignores the second", c.Type)
			f.Severity = diag.Warning
			f.Related = []diag.Note{{Span: first, Label: "the first"}}
			findings.Add(*f)
			continue
		}
		s.Columns = append(s.Columns, topology.ColumnSpan{Type: c.Type, Span: item.Span})
		s.Definition.Columns = append(s.Definition.Columns, c)
		spanStore(s, item.Span)
	}
	overridden(s, findings)
	s.Definition.SortColumns()
}

// spanStore makes Store cover all items.
func spanStore(s *topology.Shape, item diag.Span) {
	if s.Store.IsZero() {
		s.Store = item
	}
	s.Store.End = item.End
}

// overrides lists the arrays that replace single counters: HAProxy refuses a table that holds both.
var overrides = []struct {
	array  sticktable.DataType
	single []sticktable.DataType
}{
	{sticktable.GPT, []sticktable.DataType{sticktable.GPT0}},
	{sticktable.GPC, []sticktable.DataType{sticktable.GPC0, sticktable.GPC1}},
	{sticktable.GPCRate, []sticktable.DataType{sticktable.GPC0Rate, sticktable.GPC1Rate}},
}

func overridden(s *topology.Shape, findings *diag.List) {
	for _, o := range overrides {
		array, both := s.Columns.Of(o.array)
		for _, t := range o.single {
			at, stored := s.Columns.Of(t)
			if !both || !stored {
				continue
			}
			f := grammar.Findingf(grammar.CodeStore, at, "data types `%s` and `%s` cannot stand in one table; HAProxy refuses both together", t, o.array)
			f.Related = []diag.Note{{Span: array, Label: "the array"}}
			findings.Add(*f)
		}
	}
}

// column reads one item of a store list: an array takes its number of elements, a rate its period. With unknown, the item is a
// finding, or holds an environment variable.
func column(item grammar.StoreItem, findings *diag.List) (c sticktable.Column, unknown bool) {
	t, ok := sticktable.ParseDataType(item.Type.Value)
	if !ok {
		findings.Add(*grammar.Findingf(grammar.CodeStore, item.Type.Span, "data type `%s` is not known; %s", item.Type.Value, grammar.Accepted(item.Type.Value, sticktable.DataTypeNames())))
		return c, true
	}
	c = sticktable.Column{Type: t, Elems: 1}
	spec := t.Spec()
	var wanted []string
	if spec.Array {
		wanted = append(wanted, "ELEMENTS")
	}
	if spec.Kind == sticktable.FreqCtr {
		wanted = append(wanted, "PERIOD")
	}
	if len(item.Args) != len(wanted) {
		findings.Add(*grammar.Findingf(grammar.CodeStore, item.Span, "`%s` has %s; accepted is `%s`", itemText(item), grammar.Count(len(item.Args), "argument"), form(t, wanted)))
		return c, true
	}
	args := item.Args
	if spec.Array {
		if bad := elements(&c, args[0]); bad != nil {
			findings.Add(*bad)
			return c, true
		}
		args = args[1:]
	}
	if spec.Kind == sticktable.FreqCtr {
		if bad := period(&c, args[0]); bad != nil {
			findings.Add(*bad)
			return c, true
		}
	}
	return c, false
}

func elements(c *sticktable.Column, arg grammar.Scalar) *diag.Finding {
	n, err := strconv.Atoi(arg.Value)
	if err != nil || n < 1 || n > sticktable.MaxElems {
		return grammar.Findingf(grammar.CodeStore, arg.Span, "`%s` elements of `%s`; accepted is a number from 1 to %d", arg.Value, c.Type, sticktable.MaxElems)
	}
	c.Elems = n
	return nil
}

// period refuses 0: HAProxy takes it, and every rate over it is without meaning.
func period(c *sticktable.Column, arg grammar.Scalar) *diag.Finding {
	d, bad := grammar.ParseDuration(arg)
	if bad == nil && d == 0 {
		bad = grammar.Findingf(grammar.CodeDuration, arg.Span, "the period `%s` of `%s` is no time; accepted is 1 ms and more", arg.Value, c.Type)
	}
	c.Period = d
	return bad
}

// itemText writes an item as it was read.
func itemText(item grammar.StoreItem) string {
	if item.Args == nil {
		return item.Type.Value
	}
	args := make([]string, len(item.Args))
	for i := range item.Args {
		args[i] = item.Args[i].Value
	}
	return item.Type.Value + "(" + strings.Join(args, ",") + ")"
}

// form writes how an item of the type must look.
func form(t sticktable.DataType, args []string) string {
	if args == nil {
		return t.String()
	}
	return t.String() + "(" + strings.Join(args, ",") + ")"
}
