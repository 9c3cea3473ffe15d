// Package store is the aggregator's memory: what each peer said of each key, and the sums.
//
// A Table holds the contributions of one aggregated table. A Source writes one peer's updates into it; a Cursor reads the sums
// that changed, each receiver at its own pace. Nothing is queued for a receiver: what it has not read yet is found again in the
// table, newest value only, so that a stopped receiver costs no memory.
//
// A table is cut into 64 shards by the key's hash, each with one lock; no goroutine holds two of them, but for rebuild. A shard's
// entries are rows of 32-bit words in flat chunks, without pointers, so that the garbage collector never looks into them:
//
//	row     seq(2) next prev due sentUntil meta | key, padded to words | contribution … contribution
//	                                                                    └ peer|generation|flags, deadline, values …
//
//	values  UInt, SInt: 1 word   ULongLong: 2 words   FreqCtr: 3 words (tick, curr, prev)   Dict: none
//
// A row has room for 1, 2, 4, 8 … contributions; the class is part of its reference, and a row that outgrows its class moves. Costs: 28 bytes
// a key for the row's head, the key, 8 bytes plus the values a contribution, and for each key 8 bytes at a load of 1/2 to 7/8 in the index
// and 2 to 4 in the log of changes.
//
// Times are milliseconds of a clock that the caller chooses, 32 bits that wrap, as HAProxy's own (now_ms); spans stay under 2³¹.
package store
