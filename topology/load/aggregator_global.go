package load

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
)

// globalSetting reads a directive of the global section.
func (b *nodeBuilder) globalSetting(line *grammar.Line, s *grammar.Setting) {
	switch s.Keyword.Value {
	case "dynamic-peers":
		b.node.DynamicPeers = topology.Switch{On: true, Span: line.WordsSpan()}
	case "cpu-map":
		b.node.CPUMap = append(b.node.CPUMap, cpuMap(line, s, b.findings))
	case "trash-batch":
		if n, err := strconv.ParseUint(s.Args[0].Value, 10, 31); (err != nil || n == 0) && !s.Args[0].Unresolved {
			b.findings.Add(*grammar.Findingf(grammar.CodeLine, s.Args[0].Span, "trash-batch `%s` is not a number from 1 on", s.Args[0].Value))
		}
	default:
		setting(&b.node.Settings, line, s, b.findings)
	}
}

// bind reads a listener. What stands behind use_aggrs are the names of sections; without it, or with all, every section is reached.
func bind(line *grammar.Line, s *grammar.Bind, findings *diag.List) *topology.Bind {
	b := &topology.Bind{Address: readEndpoint(s.Address, findings), All: true, Span: line.WordsSpan()}
	b.TLS = checkTLS(line, s.Options, true, map[string]int{"use_aggrs": 1}, findings)
	i := slices.IndexFunc(s.Options, func(o grammar.Scalar) bool { return o.Value == "use_aggrs" })
	if i < 0 || i+1 >= len(s.Options) {
		return b
	}
	list := s.Options[i+1]
	if list.Value == "all" {
		return b
	}
	b.All = false
	at := 0
	for name := range strings.SplitSeq(list.Value, ",") {
		t := topology.Text{Value: name, Span: list.At(at, at+len(name)), Unresolved: list.Unresolved}
		at += len(name) + 1
		if name == "" {
			findings.Add(*grammar.Findingf(grammar.CodeLine, list.Span, "use_aggrs `%s` names nothing beside a comma; accepted are `all` and names as in `A,B`", list.Value))
			continue
		}
		b.Sections = append(b.Sections, t)
	}
	return b
}

// processSet is what HAProxy takes for the threads of a cpu-map. All threads of an aggregator are alike, so every set means all.
var processSet = regexp.MustCompile(`^(auto:)?(all|odd|even|\d+(-\d+)?)(/(all|odd|even|\d+(-\d+)?))?$`)

// mostCPUs is how many processors HAProxy and Linux number at most.
const mostCPUs = 1024

func cpuMap(line *grammar.Line, s *grammar.Setting, findings *diag.List) topology.CPUMap {
	m := topology.CPUMap{Set: text(s.Args[0]), Span: line.WordsSpan()}
	if !m.Set.Unresolved && !processSet.MatchString(m.Set.Value) {
		findings.Add(*grammar.Findingf(grammar.CodeLine, m.Set.Span, "`%s` is not a set of processes and threads such as `1/all`, `auto:1/1-4` or `all`", m.Set.Value))
	}
	for _, word := range s.Args[1:] {
		at := 0
		for part := range strings.SplitSeq(word.Value, ",") {
			numbers := cpuSet(part)
			if numbers == nil && !word.Unresolved {
				findings.Add(*grammar.Findingf(grammar.CodeLine, word.At(at, at+len(part)), "`%s` is not a set of processors; accepted are `N` and `N-M` up to %d, `all`, `odd` and `even`", part, mostCPUs-1))
			}
			m.CPUs = append(m.CPUs, numbers...)
			at += len(part) + 1
		}
	}
	slices.Sort(m.CPUs)
	m.CPUs = slices.Compact(m.CPUs)
	return m
}

// cpuSet gives the numbers of a set of processors, nil when it is none.
func cpuSet(text string) []int {
	first, last, step := 0, mostCPUs-1, 1
	switch text {
	case "all":
	case "odd":
		first, step = 1, 2
	case "even":
		step = 2
	default:
		from, to, isRange := strings.Cut(text, "-")
		a, err := strconv.ParseUint(from, 10, 16)
		b := a
		if isRange && err == nil {
			b, err = strconv.ParseUint(to, 10, 16)
		}
		if err != nil || b < a || b >= mostCPUs {
			return nil
		}
		first, last = int(a), int(b)
	}
	var numbers []int
	for n := first; n <= last; n += step {
		numbers = append(numbers, n)
	}
	return numbers
}
