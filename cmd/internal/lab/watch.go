package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// maxRows is how many nodes the table shows; of more, the last row tells the rest.
const maxRows = 24

// maxSentences is how many mistakes are told one by one.
const maxSentences = 20

// watch looks again and again until all has been right for the steady time, or time is up.
func (s *score) watch(ctx context.Context) (bool, error) {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	screen := &screen{out: s.lab.Out, isTerminal: s.lab.Terminal}
	var rightSince time.Time
	for {
		if err := s.lookAgain(ctx); err != nil {
			if ctx.Err() != nil {
				break
			}
			return false, err
		}
		wrong := s.wrong()
		switch {
		case wrong > 0:
			rightSince = time.Time{}
		case rightSince.IsZero():
			rightSince = time.Now()
		case time.Since(rightSince) >= s.lab.Steady:
			screen.draw(s.render(), true)
			return s.conclude(time.Since(rightSince)), nil
		}
		screen.draw(s.render(), false)
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
		}
		break
	}
	screen.draw(s.render(), true)
	if errors.Is(ctx.Err(), context.Canceled) {
		return false, ctx.Err()
	}
	s.explain()
	return false, nil
}

func (s *score) lookAgain(ctx context.Context) error {
	if err := s.lab.failure(); err != nil {
		return err
	}
	return s.look(ctx)
}

func (s *score) wrong() (n int) {
	for _, t := range s.tables {
		n += len(t.mistakes())
	}
	return n
}

// explain says what is wrong, and what may be why.
func (s *score) explain() {
	var all []mistake
	for _, t := range s.tables {
		all = append(all, t.mistakes()...)
	}
	if len(all) == 0 {
		fmt.Fprintf(s.lab.Out, "time is up after %s: all is right now, but was not for %s\n", seconds(time.Since(s.start)), seconds(s.lab.Steady))
	} else {
		fmt.Fprintf(s.lab.Out, "wrong after %s: %s\n", seconds(time.Since(s.start)), plural(len(all), "value"))
	}
	for i, m := range all {
		if i == maxSentences {
			fmt.Fprintf(s.lab.Out, "  and %d more\n", len(all)-i)
			break
		}
		fmt.Fprintf(s.lab.Out, "  %s\n", s.sentence(m))
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, link := range s.lab.missingSessions(ctx) {
		fmt.Fprintf(s.lab.Out, "  no session between %s\n", link)
	}
}

// render makes the table: a row for each node, "seen/expected" for each table, of the value that the second line names.
func (s *score) render() []string {
	rows := [][]string{append([]string{"node"}, s.columns...), {""}}
	leading := map[string]cell{}
	for _, name := range s.columns {
		leading[name] = s.leading(name)
		rows[1] = append(rows[1], leading[name].name())
	}
	hidden, hiddenWrong := 0, 0
	for i, b := range s.lab.balancers {
		if b == nil {
			continue
		}
		row, wrong := s.row(i, leading)
		if len(rows) < maxRows+2 {
			rows = append(rows, row)
			continue
		}
		hidden++
		if wrong {
			hiddenWrong++
		}
	}
	lines := align(rows)
	if hidden > 0 {
		lines = append(lines, fmt.Sprintf("and %s, %d of them wrong", plural(hidden, "node"), hiddenWrong))
	}
	return lines
}

func (s *score) row(node int, leading map[string]cell) (row []string, wrong bool) {
	row = []string{s.lab.hosts[node].Name}
	for _, name := range s.columns {
		t := s.table(node, name)
		if t == nil {
			row = append(row, "")
			continue
		}
		text, isWrong := t.text(leading[name])
		row = append(row, text)
		wrong = wrong || isWrong
	}
	return row, wrong
}

// text is a table's field: "12/17", or when every value of it is right "17/17 ok"; of one that counts only what it has.
func (t *scoredTable) text(shown cell) (string, bool) {
	seen, want := t.total(shown)
	wrong := len(t.mistakes()) > 0
	text := fmt.Sprint(seen)
	if !t.counts || wrong {
		text += "/" + strings.ReplaceAll(want.String(), " to ", "-")
	}
	if !wrong {
		text += " ok"
	}
	return text, wrong
}

func align(rows [][]string) []string {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, field := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(field))
		}
	}
	var lines []string
	for _, r := range rows {
		var b strings.Builder
		for i, field := range r {
			fmt.Fprintf(&b, "%-*s  ", widths[i], field)
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}

// screen shows the table: on a terminal in place, elsewhere only its last state.
type screen struct {
	out        io.Writer
	isTerminal bool
	drawn      int // lines
}

func (s *screen) draw(lines []string, isLast bool) {
	if !s.isTerminal {
		if isLast {
			fmt.Fprintln(s.out, strings.Join(lines, "\n"))
		}
		return
	}
	var b strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.drawn)
	}
	for _, l := range lines {
		b.WriteString(l + "\x1b[K\n")
	}
	s.drawn = len(lines)
	io.WriteString(s.out, b.String())
}
