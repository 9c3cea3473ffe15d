package load

// addRate counts events as HAProxy's update_freq_ctr_period does. Ticks are even: their lowest bit is a lock there.
func addRate(rate []uint32, now, period, events uint32) {
	age := now - rate[rateTick]
	if age < period {
		rate[rateCurr] += events
		return
	}
	rate[ratePrev], rate[rateCurr] = rate[rateCurr], events
	if age < 2*period {
		rate[rateTick] = (rate[rateTick] + period) &^ 1
		return
	}
	rate[ratePrev], rate[rateTick] = 0, now&^1
}

// rateAt is the number of events in the sliding period that ends now, the previous period counting for the part of it that is still inside, as HAProxy
// displays it but with its fraction.
func rateAt(rate []uint32, now, period uint32) float64 {
	age, p := int64(int32(now-rate[rateTick])), int64(period)
	curr, prev := float64(rate[rateCurr]), float64(rate[ratePrev])
	switch {
	case age < 0:
		return curr + prev // a tick that is not yet: rounding and delay
	case age <= p:
		return curr + prev*float64(p-age)/float64(p)
	case age <= 2*p:
		return curr * float64(2*p-age) / float64(p)
	}
	return 0
}
