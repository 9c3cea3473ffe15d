package load

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// picker says which keys a node uses next. A batch at a time, so that the choice costs no call for each update.
type picker interface {
	pick(batch []uint32)
}

// newPickers makes a node's pickers for the load and for the fill, which uses each key once. Nodes are at different places of a lap: two that used one key at the same time would spare the target a cache miss.
func newPickers(c *Config, node int) (load, fill picker) {
	r := rand.New(rand.NewPCG(c.Seed, uint64(node)))
	n := uint32(c.Keys)
	fill = &shuffled{n: n, at: n, random: r}
	if c.Order == InOrder {
		fill = &ascending{n: n, next: uint32(uint64(n) * uint64(node) / uint64(len(c.Nodes)))}
	}
	if c.Distribution != Zipf {
		return fill, fill
	}
	places := newPermutation(n, rand.New(rand.NewPCG(c.Seed, zipfStream)))
	return &zipf{quantiles: zipfQuantiles(n, c.ZipfExponent), random: r, places: places, isScattered: c.Order == Scattered}, fill
}

// zipfStream is no node's number: all nodes have the same frequent keys.
const zipfStream = math.MaxUint64

type ascending struct{ n, next uint32 }

func (a *ascending) pick(batch []uint32) {
	for i := range batch {
		batch[i] = a.next
		if a.next++; a.next == a.n {
			a.next = 0
		}
	}
}

// shuffled goes through all keys in another order each lap: entries lie in memory in the order in which they came first, so that a second lap in the
// order of the first would walk through memory.
type shuffled struct {
	n, at  uint32
	order  permutation
	random *rand.Rand
}

func (s *shuffled) pick(batch []uint32) {
	for i := range batch {
		if s.at == s.n {
			s.order, s.at = newPermutation(s.n, s.random), 0
		}
		batch[i] = s.order.of(s.at)
		s.at++
	}
}

// permutation shuffles 0 to n-1 without a table: rounds that can be undone within the next power of two, again and again until the result is below n.
type permutation struct {
	n, mask uint32
	shift   int
	factor  [rounds]uint32
	term    [rounds]uint32
}

const rounds = 3

func newPermutation(n uint32, r *rand.Rand) permutation {
	width := max(2, bits.Len32(n-1))
	p := permutation{n: n, mask: uint32(1)<<width - 1, shift: (width + 1) / 2}
	for i := range rounds {
		p.factor[i], p.term[i] = r.Uint32()|1, r.Uint32()
	}
	return p
}

func (p *permutation) of(i uint32) uint32 {
	for {
		for r := range rounds {
			i = (i*p.factor[r] + p.term[r]) & p.mask
			i ^= i >> p.shift
		}
		if i < p.n {
			return i
		}
	}
}

// zipf draws ranks by the quantiles of their distribution: one of quantiles' steps at random, then a rank within it. Exact for ranks more frequent than a
// step, uniform between neighbours for the others.
type zipf struct {
	quantiles   []uint32
	random      *rand.Rand
	places      permutation
	isScattered bool // whether the frequent keys are spread or are the first ones
}

const zipfSteps = 1 << 16

func (z *zipf) pick(batch []uint32) {
	for i := range batch {
		u := z.random.Uint64()
		step := u % zipfSteps
		from, to := z.quantiles[step], z.quantiles[step+1]
		rank := from + uint32((u>>32)*uint64(to-from)>>32)
		if z.isScattered {
			rank = z.places.of(rank)
		}
		batch[i] = rank
	}
}

// zipfQuantiles gives the rank at each step of the cumulative distribution.
func zipfQuantiles(n uint32, exponent float64) []uint32 {
	var all float64
	for k := range n {
		all += math.Pow(float64(k+1), -exponent)
	}
	q := make([]uint32, zipfSteps+1)
	step, sum := 1, 0.0
	for k := range n {
		sum += math.Pow(float64(k+1), -exponent)
		for step < zipfSteps && sum/all*zipfSteps > float64(step) {
			q[step] = k
			step++
		}
	}
	for ; step <= zipfSteps; step++ {
		q[step] = n - 1
	}
	return q
}
