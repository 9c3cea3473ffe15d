package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// columns names the values of a table's entries, from its store: "gpc0,http_req_rate(10s),gpc(2)" are gpc0, http_req_rate(10s), gpc0 and gpc1.
func columns(store string) []string {
	var names []string
	for _, item := range splitStore(store) {
		name, arguments, _ := strings.Cut(strings.TrimSuffix(item, ")"), "(")
		number, period, isRate := strings.Cut(arguments, ",")
		n, err := strconv.Atoi(number)
		if err != nil { // a period, or nothing
			names = append(names, item)
			continue
		}
		stem, rest, hasRest := strings.Cut(name, "_")
		for i := range n {
			label := stem + strconv.Itoa(i)
			if hasRest {
				label += "_" + rest
			}
			if isRate {
				label += "(" + period + ")"
			}
			names = append(names, label)
		}
	}
	return names
}

// splitStore cuts at the commas that are not within brackets.
func splitStore(store string) []string {
	var items []string
	depth, start := 0, 0
	for i, c := range store {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			items = append(items, store[start:i])
			start = i + 1
		}
	}
	if store != "" {
		items = append(items, store[start:])
	}
	return items
}

// values lists the values of an entry's data, those of arrays one by one, in their order.
func values(data json.RawMessage) ([]string, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var list []string
	depth := 0
	for {
		t, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("the reply is not JSON as expected: %w", err)
		}
		switch v := t.(type) {
		case json.Delim:
			depth += map[json.Delim]int{'{': 1, '[': 1, '}': -1, ']': -1}[v]
			if depth == 0 {
				return list, nil
			}
		case nil:
			list = append(list, "-")
		case json.Number:
			list = append(list, grouped(v.String()))
		}
	}
}

// grouped writes a number's thousands apart.
func grouped(number string) string {
	digits, isNegative := strings.CutPrefix(number, "-")
	n, err := strconv.ParseUint(digits, 10, 64)
	switch {
	case err != nil:
		return number
	case isNegative:
		return "-" + count(n)
	}
	return count(n)
}
