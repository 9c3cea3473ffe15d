package main

import "strings"

// with is an example with texts replaced: old, new, old, new …
func with(example string, pairs ...string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		if !strings.Contains(example, pairs[i]) {
			panic("the example lacks " + pairs[i])
		}
		example = strings.Replace(example, pairs[i], pairs[i+1], 1)
	}
	return example
}
