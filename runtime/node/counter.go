package node

import "time"

// clock counts milliseconds as HAProxy's now_ms does: 32 bits that wrap.
type clock struct{ start time.Time }

// bootTick is the clock's value at the start. Like HAProxy's since 3.0 it wraps 20 s later, so that whoever cannot stand that is found out early.
const bootTick = ^uint32(0) - 20_000 + 1

func newClock() clock { return clock{time.Now()} }

// millis is the time since the start; it does not wrap.
func (c clock) millis() int64 { return time.Since(c.start).Milliseconds() }

func (c clock) tick() uint32 { return bootTick + uint32(c.millis()) }

// A rate is three neighbouring slots: the tick at which the current period began, the events in it, the events in the one before
// (HAProxy's struct freq_ctr).
const (
	rateTick = iota
	rateCurr
	ratePrev
	rateSlots
)

// addRate counts events (update_freq_ctr_period). Ticks are even because HAProxy keeps a lock in their lowest bit.
func addRate(rate []uint64, now, period, events uint32) {
	tick := uint32(rate[rateTick])
	if now-tick < period {
		rate[rateCurr] = uint64(uint32(rate[rateCurr]) + events)
		return
	}
	rate[ratePrev], rate[rateCurr] = rate[rateCurr], uint64(events)
	tick += period
	if now-tick >= period {
		rate[ratePrev] = 0
		tick = now
	}
	rate[rateTick] = uint64(tick &^ 1)
}

// readRate is the number of events per period that HAProxy displays (_freq_ctr_total_from_values): the previous period counts for
// the part of it that is still within one period of now.
func readRate(rate []uint64, now, period uint32) uint32 {
	curr, past := uint64(uint32(rate[rateCurr])), uint64(uint32(rate[ratePrev]))
	remain := int32(uint32(rate[rateTick]) + period - now)
	if remain < 0 {
		remain += int32(period)
		past = 0
		if remain >= 0 {
			past = curr
		}
		curr = 0
	}
	if curr == 0 && past <= 1 {
		return uint32(past) // anti-flapping
	}
	return uint32((past*uint64(remain) + curr*uint64(period)) / uint64(period))
}

// tickOf is the tick that an elapsed time from the wire stands for.
func tickOf(now uint32, elapsed uint64) uint64 { return uint64((now - uint32(elapsed)) &^ 1) }

// elapsedOf is a tick's age for the wire. Of a rate that was never used it is the clock itself.
func elapsedOf(now uint32, tick uint64) uint64 { return uint64(now - uint32(tick)) }
