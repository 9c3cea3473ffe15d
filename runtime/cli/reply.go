package cli

import (
	"encoding/json"
	"time"

	"stktc/runtime"
)

// The JSON forms of the replies, which programs read: fields may be added, those that are there stay as they are.

// Section is an aggregations section in "show peers json" and "show aggrs json".
type Section struct {
	runtime.SectionJSON
	Peers      []Peer   `json:"peers"`
	Tables     []Sum    `json:"tables"`
	Mismatches []string `json:"mismatches"` // sentences
}

// Peer is a peer of a section.
type Peer struct {
	runtime.PeerJSON
	TLS         string  `json:"tls"` // "TLS 1.3"; empty: clear text
	TLSCipher   string  `json:"tls_cipher"`
	TLSPeer     string  `json:"tls_peer"`     // the names in the certificate that it showed
	TLSVerified bool    `json:"tls_verified"` // an authority that is trusted vouches for it
	AgeSeconds  float64 `json:"age_seconds"`  // of being connected, or away, by a clock that nobody sets
	Sends       []Send  `json:"sends"`
}

// Send is a table that a peer is sent.
type Send struct {
	Table      string `json:"table"`
	ID         uint32 `json:"id"`
	Pushed     uint32 `json:"pushed"`
	Acked      uint32 `json:"acked"`
	Unaccepted bool   `json:"unaccepted"`
}

// Sum is a table of a section.
type Sum struct {
	Name         string   `json:"name"`
	Kind         string   `json:"kind"` // sum, forwarded or lease
	Forwarded    bool     `json:"forwarded"`
	Source       string   `json:"source"`
	Type         string   `json:"type"` // empty before the first definition
	Store        string   `json:"store"`
	Used         int      `json:"used"`
	Evicted      uint64   `json:"evicted"` // keys that went for want of memory, since the start
	Contributors []string `json:"contributors"`
}

// Table is a table in "show table json"; there its entries follow.
type Table struct {
	Name      string `json:"name"`
	Section   string `json:"section"`
	Type      string `json:"type"`
	KeyLen    int    `json:"key_len"`   // as on the wire
	Expire    *int64 `json:"expire_ms"` // null: entries do not expire
	Store     string `json:"store"`
	Used      int    `json:"used"`
	Kind      string `json:"kind"` // sum, forwarded or lease
	Forwarded bool   `json:"forwarded"`
	Source    string `json:"source"`
}

// Entry is one of the "entries" of a table. Its key is written as "show table" does, so that it can be given back and needs no UTF-8.
type Entry struct {
	Key  string          `json:"key"`
	Exp  *uint32         `json:"exp_ms"` // null: it does not expire
	Data json.RawMessage `json:"data"`   // by the names of the data types in the order of the table's store: a number, a list of them, or null
}

// Contributions is the sum of a key and what it is made of.
type Contributions struct {
	Table         string          `json:"table"`
	Section       string          `json:"section"`
	Store         string          `json:"store"`
	Key           json.RawMessage `json:"key"`
	Exp           *uint32         `json:"exp_ms"`
	Sum           json.RawMessage `json:"sum"` // as Entry.Data
	Contributions []Contribution  `json:"contributions"`
}

// Contribution is what one peer counted.
type Contribution struct {
	Peer      string          `json:"peer"`
	Connected bool            `json:"connected"`
	Standby   bool            `json:"standby"` // another member of its group counts
	Stale     bool            `json:"stale"`   // not updated in the peer's present session
	Exp       *uint32         `json:"exp_ms"`
	Data      json.RawMessage `json:"data"`
}

// Cleared is what "clear table" did.
type Cleared struct {
	Table   string `json:"table"`
	Section string `json:"section"`
	Cleared int    `json:"cleared"`
	Note    string `json:"note"`
}

// Fault is one of "show errors json".
type Fault struct {
	Time       time.Time `json:"time"`
	AgeSeconds float64   `json:"age_seconds"`
	Peer       string    `json:"peer"`
	Remote     string    `json:"remote"`
	Kind       string    `json:"kind"` // malformed, too long or reported
	Error      string    `json:"error"`
	Bytes      string    `json:"bytes"` // the beginning of the message, hexadecimal
}

// Reload is "show reload json".
type Reload struct {
	OK         bool      `json:"ok"` // no reload has failed since the last one that succeeded
	Successes  uint64    `json:"successes"`
	Failures   uint64    `json:"failures"`
	Last       time.Time `json:"last,omitzero"`
	AgeSeconds float64   `json:"age_seconds"` // of the last one
	Error      string    `json:"error,omitempty"`
	Waits      []string  `json:"waits_for_restart,omitempty"` // what of the file takes effect at the next start only
}

// InfoField is one of "show info json", in the shape of HAProxy's "show schema json".
type InfoField struct {
	Field struct {
		Pos  int    `json:"pos"`
		Name string `json:"name"`
	} `json:"field"`
	ProcessNum int `json:"processNum"`
	Tags       struct {
		Origin string `json:"origin"`
		Nature string `json:"nature"`
		Scope  string `json:"scope"`
	} `json:"tags"`
	Value struct {
		Type  string `json:"type"`
		Value any    `json:"value"`
	} `json:"value"`
}
