package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"stktc/cmd/internal/outdir"
	"stktc/grammar/diag"
)

// baseline is a file of findings that are known and not shown. Fingerprints hold no line numbers, so that edits elsewhere in a file do not bring a
// finding back; equal ones are counted, so that one more of a kind is news.
type baseline struct {
	Version  int            `json:"version"`
	Findings []knownFinding `json:"findings"`
}

type knownFinding struct {
	Fingerprint string `json:"fingerprint"`
	Count       int    `json:"count"`
	Message     string `json:"message"` // of the first, for people
}

const baselineVersion = 1

func readBaseline(file string) (*baseline, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot read %s: no such file; --baseline-write makes it", file)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", file, errors.Unwrap(err))
	}
	b := &baseline{}
	if err := json.Unmarshal(text, b); err != nil {
		return nil, fmt.Errorf("%s is no baseline: %w", file, err)
	}
	if b.Version != baselineVersion {
		return nil, fmt.Errorf("%s has version %d, this stktc reads %d", file, b.Version, baselineVersion)
	}
	return b, nil
}

// newBaseline takes down what is not silenced otherwise.
func newBaseline(list diag.List) *baseline {
	byPrint := map[string]*knownFinding{}
	for _, f := range list.Heard() {
		p := f.Fingerprint()
		if byPrint[p] == nil {
			byPrint[p] = &knownFinding{Fingerprint: p, Message: f.Summary}
		}
		byPrint[p].Count++
	}
	b := &baseline{Version: baselineVersion, Findings: []knownFinding{}}
	for _, p := range slices.Sorted(maps.Keys(byPrint)) {
		b.Findings = append(b.Findings, *byPrint[p])
	}
	return b
}

func (b *baseline) write(file string) error {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(b); err != nil {
		return err
	}
	old, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return os.WriteFile(file, out.Bytes(), 0o644)
	}
	if err != nil {
		return err
	}
	return outdir.Replace([]outdir.Replacement{{Path: file, Old: old, New: out.Bytes()}})
}

// apply silences the findings that the baseline knows, and counts its entries that are found no longer.
func (b *baseline) apply(list diag.List) (gone int) {
	left := map[string]int{}
	for _, k := range b.Findings {
		left[k.Fingerprint] += k.Count
	}
	for i := range list {
		f := &list[i]
		if p := f.Fingerprint(); f.Silenced == nil && left[p] > 0 {
			left[p]--
			f.Silenced = &diag.Silence{Reason: "in the baseline"}
		}
	}
	for _, n := range left {
		gone += n
	}
	return gone
}

// baselined carries out --baseline and --baseline-write.
func (l *lint) baselined(file string, write bool) error {
	if file == "" {
		return nil
	}
	b := newBaseline(l.report.List)
	if write {
		if err := b.write(file); err != nil {
			return err
		}
		fmt.Fprintf(l.stderr, "baseline %s: %d findings written\n", file, len(l.report.List.Heard()))
	} else {
		var err error
		if b, err = readBaseline(file); err != nil {
			return err
		}
	}
	if gone := b.apply(l.report.List); gone > 0 {
		fmt.Fprintf(l.stderr, "baseline %s: %d findings of it are gone; --baseline-write renews it\n", file, gone)
	}
	return nil
}
