package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stktc/runtime/store"
	"stktc/topology/sticktable"
)

// request is what "show table" and "clear table" ask of a table: one key, or the entries that all filters take.
type request struct {
	key     []byte // nil: not one key
	filters []filter
}

// filter compares a value of each entry with a number.
type filter struct {
	element element
	holds   func(order int) bool
	value   int64
}

func (r *request) takes(e *store.Entry) bool {
	for i := range r.filters {
		f := &r.filters[i]
		if !f.holds(f.element.compare(e.Values, f.value)) {
			return false
		}
	}
	return true
}

// operators are HAProxy's; each tells whether it takes the order of the entry's value and the filter's.
var operators = map[string]func(order int) bool{
	"eq": func(o int) bool { return o == 0 },
	"ne": func(o int) bool { return o != 0 },
	"le": func(o int) bool { return o <= 0 },
	"ge": func(o int) bool { return o >= 0 },
	"lt": func(o int) bool { return o < 0 },
	"gt": func(o int) bool { return o > 0 },
}

const maxFilters = 4 // HAProxy's STKTABLE_FILTER_LEN

// parseRequest reads what follows a table's name. Problem is what HAProxy says of it, syntax its word for arguments of no known form. Words behind a
// key are ignored, as there.
func parseRequest(v *view, args []string, syntax string) (r request, problem string) {
	switch {
	case len(args) == 0:
		return r, ""
	case args[0] == "key":
		return parseKeyRequest(v, args[1:])
	case !strings.HasPrefix(args[0], "data."):
		return r, syntax
	}
	for i := 0; len(args) > 0; i++ {
		if i == maxFilters {
			return r, fmt.Sprintf("Detected extra data in filter, %dth word of input, after '%d'", 3+3*i+1, r.filters[i-1].value)
		}
		f, problem := parseFilter(v, args)
		if problem != "" {
			return r, fmt.Sprintf("Filter entry #%d: %s", i+1, problem)
		}
		r.filters = append(r.filters, f)
		args = args[min(3, len(args)):]
	}
	return r, ""
}

func parseKeyRequest(v *view, args []string) (request, string) {
	if len(args) == 0 {
		return request{}, "Key value expected"
	}
	key, ok := parseKey(&v.def, args[0])
	if !ok {
		return request{}, "Invalid key"
	}
	return request{key: key}, ""
}

// parseFilter reads "data.TYPE OPERATOR VALUE". An array's place is named as HAProxy does since 3.x, "data.gpc[1]"; without one the first counts.
func parseFilter(v *view, args []string) (f filter, problem string) {
	name, isData := strings.CutPrefix(args[0], "data.")
	name, index, ok := cutIndex(name)
	t, known := sticktable.ParseDataType(name)
	if !isData || !known || !ok {
		return f, "Unknown data type"
	}
	at := slices.IndexFunc(v.elements, func(e element) bool { return v.def.Columns[e.column].Type == t && e.index == index })
	if at < 0 {
		return f, "Data type not stored in this table"
	}
	f.element = v.elements[at]
	if len(args) > 1 {
		f.holds = operators[args[1]]
	}
	if f.holds == nil {
		return f, `Require and operator among "eq", "ne", "le", "ge", "lt", "gt"`
	}
	err := strconv.ErrSyntax
	if len(args) > 2 && !strings.HasPrefix(args[2], "+") {
		f.value, err = strconv.ParseInt(args[2], 10, 64)
	}
	if err != nil {
		return f, "Require a valid integer value to compare against"
	}
	return f, ""
}

// cutIndex takes the place of an array off a name.
func cutIndex(s string) (name string, index int, ok bool) {
	name, rest, found := strings.Cut(s, "[")
	if !found {
		return s, 0, true
	}
	digits, closed := strings.CutSuffix(rest, "]")
	n, err := strconv.ParseUint(digits, 10, 31)
	return name, int(n), closed && err == nil
}
