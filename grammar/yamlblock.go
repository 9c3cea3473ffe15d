package grammar

// maxIndentTries bounds the search for the indentation of a block scalar. 64 levels are far beyond any topology file.
const maxIndentTries = 64

// blockHeader is what follows the "|" or ">" of a block scalar.
type blockHeader struct {
	chomp  byte // '-', '+', or 0: one line break stays at the end
	indent int  // spaces more than the parent has; 0: the first line that is not blank decides
}

// block reads a literal or a folded scalar. What its parent's indentation is, yaml.v3 does not tell: it is found by reading the text
// with one after the other until the value is the library's.
func (w *scalarTrace) block(value string, folded bool) *scalarTrace {
	header := w.blockHeader()
	body := w.at
	least := header.indent
	if least == 0 {
		least = w.blockIndent()
	}
	for indent := least; indent < least+maxIndentTries; indent++ {
		try := &scalarTrace{yamlText: w.yamlText, at: body}
		try.blockBody(indent, folded, header.chomp)
		if string(try.value) == value {
			return try
		}
	}
	return w
}

func (w *scalarTrace) blockHeader() blockHeader {
	var h blockHeader
	for w.at++; w.at < len(w.text); w.at++ {
		switch c := w.text[w.at]; {
		case c == '-', c == '+':
			h.chomp = c
		case '1' <= c && c <= '9':
			h.indent = int(c - '0')
		default:
			w.skipLine()
			return h
		}
	}
	return h
}

// skipLine goes to the start of the next line.
func (w *scalarTrace) skipLine() {
	for w.at < len(w.text) {
		n, _ := w.lineBreak(w.at)
		w.at += max(n, 1)
		if n > 0 {
			return
		}
	}
}

// blockIndent is the indentation of the first line that is not blank, or of a longer blank one before it; at least 1.
func (w *scalarTrace) blockIndent() int {
	most := 1
	for at := w.at; ; {
		start := at
		for at < len(w.text) && w.text[at] == ' ' {
			at++
		}
		most = max(most, at-start)
		n, _ := w.lineBreak(at)
		if n == 0 {
			return most
		}
		at += n
	}
}

// blockBody reads the lines of a block scalar that are indented by at least so many spaces.
func (w *scalarTrace) blockBody(indent int, folded bool, chomp byte) {
	var pending scalarTrace // breaks that count only if a line follows
	lastBreak, lastAt := "", 0
	afterBlank := false
	w.end = w.at
	for w.blockBreaks(indent, &pending) {
		blank := isSpaceOrTab(w.text[w.at])
		switch folds := folded && !afterBlank && !blank && lastBreak == "\n"; {
		case !folds:
			w.put(lastBreak, lastAt)
		case len(pending.value) == 0:
			w.put(" ", lastAt)
		default:
			pending.from[0] = lastAt
		}
		w.take(&pending)
		afterBlank = blank
		w.restOfLine()
		w.end = w.at
		var n int
		lastAt = w.at
		n, lastBreak = w.lineBreak(w.at)
		w.at += n
	}
	if chomp != '-' {
		w.put(lastBreak, lastAt)
	}
	if chomp == '+' {
		w.take(&pending)
	}
	w.at = w.end
	for i := range w.from {
		w.from[i] = min(w.from[i], w.end)
	}
}

// take appends what was read apart.
func (w *scalarTrace) take(pending *scalarTrace) {
	w.value = append(w.value, pending.value...)
	w.from = append(w.from, pending.from...)
	pending.value, pending.from = nil, nil
}

// blockBreaks skips the indentation and reads blank lines into pending. It tells whether a line of the scalar follows.
func (w *scalarTrace) blockBreaks(indent int, pending *scalarTrace) bool {
	for {
		start := w.at
		for w.at < len(w.text) && w.at-start < indent && w.text[w.at] == ' ' {
			w.at++
		}
		n, value := w.lineBreak(w.at)
		if n == 0 {
			return w.at-start == indent && w.at < len(w.text)
		}
		pending.put(value, w.at)
		w.at += n
	}
}

func (w *scalarTrace) restOfLine() {
	start := w.at
	for end := w.at; ; end++ {
		if n, _ := w.lineBreak(end); n > 0 || end == len(w.text) {
			w.copy(end - start)
			return
		}
	}
}
