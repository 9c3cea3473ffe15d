#include "textflag.h"

// func prefetch(p *uint32)
TEXT ·prefetch(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), AX
	PREFETCHT0 (AX)
	RET

// func prefetchTwo(p, q *uint32)
TEXT ·prefetchTwo(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), AX
	MOVQ q+8(FP), CX
	PREFETCHT0 (AX)
	PREFETCHT0 (CX)
	RET
