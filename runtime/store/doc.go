// Package store is the aggregator's memory: what each peer said of each key, and the sums.
//
// A Table holds the contributions of one aggregated table. A Source writes one peer's updates into it; a Cursor reads the sums
// that changed, each receiver at its own pace. Nothing is queued for a receiver: what it has not read yet is found again in the
// table, newest value only, so that a stopped receiver costs no memory. What is made for one receiver is kept as bytes for the others, for some milliseconds (piece.go): all of them
// go by the same places in the log.
//
// A table is cut into 64 shards by the key's hash, each with one lock; no goroutine holds two of them, but for rebuild, and who brings updates or takes news goes on with other shards where one is in use. A shard's
// entries are rows of 32-bit words in chunks of 32 KiB outside the Go heap, without pointers, so that the garbage collector never looks into them:
//
//	index    12 × reference to a row, 12 × 8 bits of the key's hash                        a bucket, one cache line
//	           │
//	row      seq due sentUntil meta | key, padded to words | who … who | record … record    in a chunk of rows of its class
//	           ▲   ▲                                          │           └ of each contribution: deadline, values …
//	           │   │                                          └ of each contribution: peer|generation|flag
//	log        │   └ wheel: references by the time when a contribution dies or a rate enters its next period
//	         references of rows in the order of their changes; a cursor is a place in it
//
//	values   UInt, SInt: 1 word   ULongLong: 2 words   FreqCtr: 3 words (tick, curr, prev)   Dict: none
//
// A row has room for 1, 2, 4, 8 … 1,024 contributions; the class is part of its reference, and a row that outgrows its class moves. Who contributed stands
// together, so that finding one among 64 is to look at 4 cache lines. A row with room for 16 and more keeps the sums of all as well, behind its key: 24 bytes, 12
// for a counter and 32 for a rate (running.go). Costs: 16 bytes a key for the row's head, the key, and for each contribution 8 bytes plus the values; around it
// 6 to 11 bytes a key in the index, 1 to 2 in the log (8 to 16 where most have contributions of three and more), 4 to 7 in the wheel. With two contributors of two counters and a rate that is 76 bytes in the row of an IPv4 key and
// at most 24 around it (TestBytesAKey).
//
// What is new goes first. A receiver that is to have everything is sent what changed before the rows that it has not had, and those in the order of its own trees (walk.go); what
// a rate's boundary would send again is left to that walk where it comes by yet, and waits for
// it where all receivers began it together, as after a start. Who brings much at
// once waits until the receiver that is the farthest behind has taken most of what came before (giveway.go), and wheels turn as fast as half of the receivers can take what is sent again; one that takes nothing is
// not waited for.
//
// What takes milliseconds with 10 million keys is not done at once while others wait for a shard: rows move to a larger index a few with each row that comes, stale entries of the wheel are swept a block at a time (sweep.go), the next
// huge page is touched ahead (arena.go). A redefinition lays all rows out anew, under all locks, and so does a wheel whose entries cannot be told apart, under one.
//
// Times are milliseconds of a clock that the caller chooses, 32 bits that wrap, as HAProxy's own (now_ms); spans stay under 2³¹.
package store
