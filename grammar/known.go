package grammar

import "sync"

// known keeps the syntax of texts that a parser has read: the hosts of a cluster say mostly the same, and participle takes some 20 µs
// and 20 kB for a line. What is kept is only read, by all goroutines.
type known[G any] struct {
	mu     sync.RWMutex
	byText map[string]*G
}

// Bounds of what is kept, for each of the some 20 parsers: texts, and bytes of one.
const (
	maxKnown     = 1024
	maxKnownText = 512
)

// syntax gives what parse gives, or gave before for the same text. Errors are not kept.
func (k *known[G]) syntax(text []byte, parse func() (*G, error)) (*G, error) {
	k.mu.RLock()
	g := k.byText[string(text)]
	k.mu.RUnlock()
	if g != nil {
		return g, nil
	}
	g, err := parse()
	if err != nil || len(text) > maxKnownText {
		return g, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.byText == nil {
		k.byText = map[string]*G{}
	}
	if len(k.byText) == maxKnown { // most texts may be one host's only: those that are many hosts' come back at once
		clear(k.byText)
	}
	k.byText[string(text)] = g
	return g, nil
}
