// Package peers is the wire of HAProxy's peers protocol 2.1: bytes to messages and messages to bytes. It opens no
// connection, starts no goroutine and keeps no state between calls; what a table definition promises is compiled once
// into a Layout, and updates are read and written through it without allocating.
//
// # The encoded integer
//
// Every number below that is not marked u32 is an encoded integer (AppendInt, ParseInt; HAProxy's intencode):
//
//	v < 240:  v
//	else:     v&0xff|0xf0, v = (v-240)>>4, while v >= 128 { v&0xff|0x80, v = (v-128)>>7 }, v
//
// A u32 is four bytes, big endian.
//
// # Hello and status
//
// The dialler sends three lines, in one write; the acceptor answers with one:
//
//	HAProxyS 2.1\n
//	<name of the peer being called>\n
//	<name of the caller> <pid> 1\n
//
//	200\n
//
// After "200" both sides speak in messages, and nothing is text any more.
//
// # Messages
//
//	+-------+------+--------+------+
//	| class | type | length | body |   length and body only if type >= 0x80
//	+-------+------+--------+------+
//
//	00 00   resync request     teach me everything
//	00 01   resync finished    the lesson is over and I am up to date
//	00 02   resync partial     the lesson is over and I am not up to date
//	00 03   resync confirm     answer to either
//	00 04   heartbeat
//	00 90   writing            ms; our own, between aggregators that serve the same nodes
//	01 00   protocol error     the sender closes
//	01 01   size limit error   the sender closes
//	0a 80   update             u32 id, key, values
//	0a 81   inc update         key, values                      id = last id of this table + 1
//	0a 82   define table       see below; also selects the table for the updates that follow
//	0a 83   switch table       table id
//	0a 84   ack update         table id as its owner defined it, u32 id
//	0a 85   update timed       u32 id, u32 expire ms, key, values
//	0a 86   inc update timed   u32 expire ms, key, values
//	ff ..   reserved           refused
//
// # Table definition
//
//	table id | name length, name | key type | key length | data types, one bit each | expire ms |
//	then per data type in the order of their numbers:
//	    rate             type, period ms
//	    array            type, elements
//	    array of rates   type, elements, period ms
//
// # Key and values
//
//	integer, ip   4 bytes, big endian      ipv6     16 bytes
//	string        length, bytes            binary   exactly the key length
//
//	sint          one integer, sign extended to 64 bit
//	uint, ull     one integer
//	rate          elapsed ms, current count, previous count
//	array         its elements, one after the other
//	dict          length of what follows, cache id, string length, string; 00: none
//
// # Trust
//
// No length is believed before it is compared with what is there and with a limit. Bytes behind the last known field of a
// message are skipped, because this is how the protocol grows (HAProxy's peer_treat_* do the same).
package peers
