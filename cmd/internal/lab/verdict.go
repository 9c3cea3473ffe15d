package lab

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"stktc/topology/sticktable"
)

// conclude gives the verdict on sums that are as they must be. Where nothing was counted nothing is shown to be right.
func (s *score) conclude(steady time.Duration) bool {
	idle, idleTables := s.idle()
	tried := s.tried()
	switch {
	case tried == 0:
		fmt.Fprintf(s.lab.Out, "not tried: every value is 0, so nothing is shown to be right: nothing counts in %s\n", strings.Join(idle, "; "))
		return false
	case idleTables+len(s.skipped) > 0:
		fmt.Fprint(s.lab.Out, "right as far as it was tried: ")
	default:
		fmt.Fprint(s.lab.Out, "all right: ")
	}
	fmt.Fprintf(s.lab.Out, "%s, the same for the last %s\n", plural(tried, "value"), seconds(steady))
	for _, name := range s.skipped {
		idle = append(idle, name+", of which no value is summed")
	}
	if len(idle) > 0 {
		fmt.Fprintf(s.lab.Out, "not tried, since nothing counts there: %s\n", strings.Join(idle, "; "))
	}
	return true
}

// tried counts the values that have something other than 0 to be compared with.
func (s *score) tried() (n int) {
	for _, t := range s.tables {
		for client := range t.keys {
			for _, c := range cells(&t.table.Shape.Definition) {
				if want, isKnown := t.expected(client, c); isKnown && want.most > 0 {
					n++
				}
			}
		}
	}
	return n
}

// idle lists what is 0 in the tables of a name on all nodes, "users: gpc1 gpc2", and how many tables have nothing else.
func (s *score) idle() (list []string, whole int) {
	for _, name := range s.columns {
		var still, all []string
		for _, t := range s.tables {
			if !t.counts || t.table.Name.Value != name {
				continue
			}
			for _, c := range cells(&t.table.Shape.Definition) {
				if slices.Contains(all, c.name()) {
					continue
				}
				all = append(all, c.name())
				if !s.moves(name, c) {
					still = append(still, c.name())
				}
			}
		}
		if len(still) > 0 {
			list = append(list, name+": "+strings.Join(still, " "))
		}
		if len(still) == len(all) && len(all) > 0 {
			whole++
		}
	}
	return list, whole
}

// moves tells whether a cell is anything but 0 in any table of a name.
func (s *score) moves(name string, c cell) bool {
	for _, t := range s.tables {
		if t.table.Name.Value != name {
			continue
		}
		if seen, want := t.total(c); seen > 0 || want.most > 0 {
			return true
		}
	}
	return false
}

// leading is the cell that stands for all tables of a name: the first that the traffic is known to have changed, else the first that is not 0.
func (s *score) leading(name string) cell {
	var first, moved *cell
	for _, t := range s.tables {
		if t.table.Name.Value != name {
			continue
		}
		for _, c := range requestsFirst(cells(&t.table.Shape.Definition)) {
			if t.sent(c) {
				return c
			}
			if first == nil {
				first = &c
			}
			if moved == nil && s.moves(name, c) {
				moved = &c
			}
		}
	}
	if moved != nil {
		return *moved
	}
	return *first
}

// requestsFirst puts the cells in front that every request counts in.
func requestsFirst(all []cell) []cell {
	slices.SortStableFunc(all, func(a, b cell) int { return cmp.Compare(requestRank(a), requestRank(b)) })
	return all
}

func requestRank(c cell) int {
	switch c.column {
	case sticktable.HTTPReqCnt:
		return 0
	case sticktable.HTTPReqRate:
		return 1
	}
	return 2
}

// sent tells whether a cell, or one that it is the sum of, is known to have been counted in.
func (t *scoredTable) sent(c cell) bool {
	return slices.ContainsFunc(t.known, func(v values) bool { return v[c] > 0 }) ||
		slices.ContainsFunc(t.sums, func(from *scoredTable) bool { return from.sent(c) })
}
