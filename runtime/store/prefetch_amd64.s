#include "textflag.h"

// func prefetch(p *uint32)
TEXT ·prefetch(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), AX
	PREFETCHT0 (AX)
	RET

// func prefetchToWrite(p, q *uint32)
// PREFETCHW, which the assembler has no name for: 0F 0D /1. Processors without it take it for nothing.
TEXT ·prefetchToWrite(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), AX
	MOVQ q+8(FP), CX
	BYTE $0x0F; BYTE $0x0D; BYTE $0x08 // (AX)
	BYTE $0x0F; BYTE $0x0D; BYTE $0x09 // (CX)
	RET
