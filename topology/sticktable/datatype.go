// Package sticktable is the vocabulary of HAProxy's stick tables: data types, key types, the shape of a table. It is one table
// (types), read by the compiler, the checks, the daemon and the documents; nothing else in the tree lists data types. A leaf.
package sticktable

import "fmt"

// Version is a HAProxy release. The zero value stands for "any".
type Version struct{ Major, Minor int }

// String gives "2.6".
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// Before tells whether v is older than o.
func (v Version) Before(o Version) bool {
	return v.Major < o.Major || v.Major == o.Major && v.Minor < o.Minor
}

// DataType is what a table stores for each key. Its number is the bit in the wire's definition message and the place in
// an update: HAProxy's STKTABLE_DT_* (include/haproxy/stick_table-t.h). The zero value is ServerID, as the wire has it.
type DataType uint8

// The data types that HAProxy 3.5 knows.
const (
	ServerID DataType = iota
	GPT0
	GPC0
	GPC0Rate
	ConnCnt
	ConnRate
	ConnCur
	SessCnt
	SessRate
	HTTPReqCnt
	HTTPReqRate
	HTTPErrCnt
	HTTPErrRate
	BytesInCnt
	BytesInRate
	BytesOutCnt
	BytesOutRate
	GPC1
	GPC1Rate
	ServerKey
	HTTPFailCnt
	HTTPFailRate
	GPT
	GPC
	GPCRate
	GlitchCnt
	GlitchRate
	NumDataTypes = int(iota)
)

// ValueKind is how a value is encoded: HAProxy's STD_T_*.
type ValueKind uint8

// The kinds of values.
const (
	SInt      ValueKind = iota + 1 // one encoded integer, sign extended to 64 bit
	UInt                           // one encoded integer, 32 bit
	ULongLong                      // one encoded integer, 64 bit
	FreqCtr                        // three encoded integers: elapsed ms, current count, previous count
	Dict                           // length, cache id, string
)

// Arithmetic is how the contributions of several nodes become one value.
type Arithmetic uint8

// The arithmetics.
const (
	NotAggregated Arithmetic = iota + 1 // sent as 0 or none
	Sum                                 // added, saturating at the type's width
	SumConnected                        // added over the peers that are connected now
	SumRate                             // added as rates, exact in value and slope at the moment of sending
	Greatest                            // the greatest of all
)

// Spec is a data type's row in the table.
type Spec struct {
	Name       string
	Kind       ValueKind
	Array      bool // takes a number of elements, 1 to MaxElems
	Arithmetic Arithmetic
	Since      Version // first HAProxy version that has it; zero: all that speak the protocol 2.1
}

// MaxElems is the greatest number of elements of gpt, gpc and gpc_rate (HAProxy STKTABLE_MAX_DT_ARRAY_SIZE).
const MaxElems = 100

var specs = [NumDataTypes]Spec{
	ServerID:     {Name: "server_id", Kind: SInt, Arithmetic: NotAggregated},
	GPT0:         {Name: "gpt0", Kind: UInt, Arithmetic: Greatest},
	GPC0:         {Name: "gpc0", Kind: UInt, Arithmetic: Sum},
	GPC0Rate:     {Name: "gpc0_rate", Kind: FreqCtr, Arithmetic: SumRate},
	ConnCnt:      {Name: "conn_cnt", Kind: UInt, Arithmetic: Sum},
	ConnRate:     {Name: "conn_rate", Kind: FreqCtr, Arithmetic: SumRate},
	ConnCur:      {Name: "conn_cur", Kind: UInt, Arithmetic: SumConnected},
	SessCnt:      {Name: "sess_cnt", Kind: UInt, Arithmetic: Sum},
	SessRate:     {Name: "sess_rate", Kind: FreqCtr, Arithmetic: SumRate},
	HTTPReqCnt:   {Name: "http_req_cnt", Kind: UInt, Arithmetic: Sum},
	HTTPReqRate:  {Name: "http_req_rate", Kind: FreqCtr, Arithmetic: SumRate},
	HTTPErrCnt:   {Name: "http_err_cnt", Kind: UInt, Arithmetic: Sum},
	HTTPErrRate:  {Name: "http_err_rate", Kind: FreqCtr, Arithmetic: SumRate},
	BytesInCnt:   {Name: "bytes_in_cnt", Kind: ULongLong, Arithmetic: Sum},
	BytesInRate:  {Name: "bytes_in_rate", Kind: FreqCtr, Arithmetic: SumRate},
	BytesOutCnt:  {Name: "bytes_out_cnt", Kind: ULongLong, Arithmetic: Sum},
	BytesOutRate: {Name: "bytes_out_rate", Kind: FreqCtr, Arithmetic: SumRate},
	GPC1:         {Name: "gpc1", Kind: UInt, Arithmetic: Sum},
	GPC1Rate:     {Name: "gpc1_rate", Kind: FreqCtr, Arithmetic: SumRate},
	ServerKey:    {Name: "server_key", Kind: Dict, Arithmetic: NotAggregated},
	HTTPFailCnt:  {Name: "http_fail_cnt", Kind: UInt, Arithmetic: Sum, Since: Version{2, 4}},
	HTTPFailRate: {Name: "http_fail_rate", Kind: FreqCtr, Arithmetic: SumRate, Since: Version{2, 4}},
	GPT:          {Name: "gpt", Kind: UInt, Array: true, Arithmetic: Greatest, Since: Version{2, 5}},
	GPC:          {Name: "gpc", Kind: UInt, Array: true, Arithmetic: Sum, Since: Version{2, 5}},
	GPCRate:      {Name: "gpc_rate", Kind: FreqCtr, Array: true, Arithmetic: SumRate, Since: Version{2, 5}},
	GlitchCnt:    {Name: "glitch_cnt", Kind: UInt, Arithmetic: Sum, Since: Version{3, 0}},
	GlitchRate:   {Name: "glitch_rate", Kind: FreqCtr, Arithmetic: SumRate, Since: Version{3, 0}},
}

// Spec gives the data type's row. It panics for a number that is not one of the constants.
func (t DataType) Spec() *Spec { return &specs[t] }

// String gives the name that configurations use, "http_req_rate".
func (t DataType) String() string {
	if int(t) < NumDataTypes {
		return specs[t].Name
	}
	return fmt.Sprintf("datatype(%d)", uint8(t))
}

// ParseDataType finds a data type by its name in configurations.
func ParseDataType(name string) (DataType, bool) {
	for i := range specs {
		if specs[i].Name == name {
			return DataType(i), true
		}
	}
	return 0, false
}

// DataTypeNames lists all names in the order of their numbers.
func DataTypeNames() []string {
	names := make([]string, NumDataTypes)
	for i := range specs {
		names[i] = specs[i].Name
	}
	return names
}
