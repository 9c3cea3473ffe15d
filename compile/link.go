package compile

import (
	"fmt"

	"stktc/topology"
)

// tlsWords are the keywords of a line about a session, or of one that listens. Who dials wants a certificate, or none at all: only a
// listener can leave it to the other end.
func tlsWords(t topology.TLS, listens bool) []string {
	if !t.On {
		return nil
	}
	words := []string{"ssl"}
	verify := t.Verify
	if verify.Value == "optional" && !listens {
		verify.Value = "required"
	}
	for _, k := range []struct {
		keyword string
		value   topology.Text
	}{{"crt", t.Crt}, {"ca-file", t.CAFile}, {"verify", verify}} {
		if !k.value.IsZero() {
			words = append(words, k.keyword, k.value.Value)
		}
	}
	return words
}

// translation is the comment on a line whose address is not the peer's own: from the files alone that would be a mistake, and lint
// has no other way to know better.
func translation(p *topology.Peer) string {
	if !p.Translated {
		return ""
	}
	return fmt.Sprintf("stktc:ignore STK201 -- address translation leads to %s", p.Name.Value)
}
