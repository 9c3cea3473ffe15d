package cli

import (
	"encoding/json"
	"time"
)

// The JSON forms of the replies, which programs read: fields may be added, those that are there stay as they are.

// Section is an aggregations section in "show peers json" and "show aggrs json".
type Section struct {
	Name      string `json:"name"`
	Local     string `json:"local"`
	Listen    string `json:"listen"`
	Condition string `json:"condition"` // a sentence
	Released  bool   `json:"released"`  // sums are sent
	Writing   bool   `json:"writing"`   // to nodes; false while a replica does it
	Learned   bool   `json:"learned"`   // every source that is connected has ended a lesson
	Whole     bool   `json:"whole"`     // and none is missing
	// Since the start: other members of groups that came to count, and times that this aggregator began to write to the nodes after a replica did.
	GroupTakeovers   uint64   `json:"group_takeovers"`
	ReplicaTakeovers uint64   `json:"replica_takeovers"`
	Missing          []string `json:"missing"`
	Rules            []Rule   `json:"rules"`
	Forwards         []string `json:"forwards"`
	Peers            []Peer   `json:"peers"`
	Tables           []Sum    `json:"tables"`
	Mismatches       []string `json:"mismatches"` // sentences
}

// Rule is which tables become which.
type Rule struct {
	From   string `json:"from"` // empty: any
	To     string `json:"to"`
	UpOnly bool   `json:"up_only"`
}

// Peer is a peer of a section.
type Peer struct {
	Name          string    `json:"name"`
	Address       string    `json:"address"`
	Direction     string    `json:"direction"`
	Group         int       `json:"group"`   // 0: none
	Counts        bool      `json:"counts"`  // of its group this one does
	Dynamic       bool      `json:"dynamic"` // not in the configuration
	Missing       bool      `json:"missing"` // a source that is not connected, or has not taught
	TLS           string    `json:"tls"`     // "TLS 1.3"; empty: clear text
	TLSCipher     string    `json:"tls_cipher"`
	TLSPeer       string    `json:"tls_peer"`     // the names in the certificate that it showed
	TLSVerified   bool      `json:"tls_verified"` // an authority that is trusted vouches for it
	Connected     bool      `json:"connected"`
	Inbound       bool      `json:"inbound"`
	Remote        string    `json:"remote"`
	PID           int       `json:"pid"`
	Since         time.Time `json:"since"`
	AgeSeconds    float64   `json:"age_seconds"` // of being connected, or away, by a clock that nobody sets
	Sessions      int       `json:"sessions"`
	Lesson        string    `json:"lesson"`
	Status        string    `json:"last_status"`
	StatusText    string    `json:"last_status_text"`
	LastError     string    `json:"last_error"`
	UpdatesIn     uint64    `json:"updates_in"`
	UpdatesOut    uint64    `json:"updates_out"`
	Ignored       uint64    `json:"ignored"`
	BytesIn       uint64    `json:"bytes_in"`
	BytesOut      uint64    `json:"bytes_out"`
	HeartbeatsIn  uint64    `json:"heartbeats_in"`
	HeartbeatsOut uint64    `json:"heartbeats_out"`
	Lag           float64   `json:"lag_seconds"`     // the oldest change that was not sent yet waits for so long
	Unacked       float64   `json:"unacked_seconds"` // it has acknowledged nothing for so long of what it was sent last in a table
	Sends         []Send    `json:"sends"`
	Refused       []Refused `json:"refused"`
}

// Send is a table that a peer is sent.
type Send struct {
	Table      string `json:"table"`
	ID         uint32 `json:"id"`
	Pushed     uint32 `json:"pushed"`
	Acked      uint32 `json:"acked"`
	Unaccepted bool   `json:"unaccepted"`
}

// Refused is a table of a peer that is not summed.
type Refused struct {
	Table  string `json:"table"`
	Reason string `json:"reason"`
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

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
