package peers

// maxIntLen is the length of the longest encoded integer, that of 2^64-1.
const maxIntLen = 10

// longInt is the smallest value, and the smallest first byte, of an encoding of more than one byte.
const longInt = 240

// AppendInt appends v as an encoded integer (HAProxy's intencode), 1 to 10 bytes.
func AppendInt(b []byte, v uint64) []byte {
	if v < longInt {
		return append(b, byte(v))
	}
	return appendLongInt(b, v)
}

func appendLongInt(b []byte, v uint64) []byte {
	b = append(b, byte(v)|0xf0)
	v = (v - longInt) >> 4
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v = (v - 0x80) >> 7
	}
	return append(b, byte(v))
}

// ParseInt reads the encoded integer at the start of b and tells how many bytes it takes. n is 0 if b ends before the
// integer does, if it is longer than 10 bytes, or if its value is above 2^64-1. Each value has exactly one encoding.
func ParseInt(b []byte) (v uint64, n int) {
	if len(b) > 0 && b[0] < longInt {
		return uint64(b[0]), 1
	}
	return parseLongInt(b)
}

// parseLongInt adds whole bytes, their top bit included: the encoder subtracts 240 and 128 to make up for it. The first nine
// bytes stay below 2^62, so only the tenth, worth c<<60, can leave 64 bits.
func parseLongInt(b []byte) (v uint64, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	v = uint64(b[0])
	shift := 4
	for i, c := range b[1:min(len(b), maxIntLen-1)] {
		v += uint64(c) << (shift & 63) // the mask spares a compare: half a nanosecond a value
		if c < 0x80 {
			return v, i + 2
		}
		shift += 7
	}
	if len(b) < maxIntLen || b[maxIntLen-1] > 0x0f {
		return 0, 0
	}
	sum := v + uint64(b[maxIntLen-1])<<60
	if sum < v {
		return 0, 0
	}
	return sum, maxIntLen
}
