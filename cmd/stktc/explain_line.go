package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"stktc/render"
)

// placePattern is FILE:LINE, or FILE:LINE:COLUMN as findings write places.
var placePattern = regexp.MustCompile(`^(.+?):([0-9]+)(?::[0-9]+)?$`)

// explainLine tells why a line of a file that build wrote is there.
func (c *command) explainLine(file string, number int) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", file, errors.Unwrap(err))
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if number < 1 || number > len(lines) {
		return usagef("%s has %d lines, and so no line %d", file, len(lines), number)
	}
	dir, m, err := findManifest(file)
	if err != nil {
		return err
	}
	if m == nil {
		return usagef("%s is not a file that stktc built: there is no %s in a directory above it", file, render.ManifestName)
	}
	entry := manifestEntry(m, dir, file)
	if entry == nil {
		return usagef("%s is not in %s: it was not built", file, filepath.Join(dir, render.ManifestName))
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s:%d\n  %s\n", file, number, strings.TrimRight(lines[number-1], "\r"))
	if run := insertedBy(entry, number); run != nil {
		c.explainInserted(&out, run, dir)
	} else {
		explainKept(&out, entry, number)
	}
	if render.Hash(text) != entry.SHA256 {
		fmt.Fprintf(&out, "\nThe file was edited since it was built: the line may have been another one then.\n")
	}
	_, err = c.stdout.Write(out.Bytes())
	return err
}

// findManifest looks for the manifest in the directories above a file; nil when there is none.
func findManifest(file string) (dir string, m *render.Manifest, err error) {
	absolute, err := filepath.Abs(file)
	if err != nil {
		return "", nil, err
	}
	dir, up := filepath.Dir(file), filepath.Dir(absolute)
	for {
		text, err := os.ReadFile(filepath.Join(dir, render.ManifestName))
		switch {
		case err == nil:
			m, err := render.ParseManifest(text)
			return dir, m, err
		case !errors.Is(err, fs.ErrNotExist):
			return "", nil, fmt.Errorf("cannot read %s: %w", filepath.Join(dir, render.ManifestName), errors.Unwrap(err))
		case filepath.Dir(up) == up:
			return "", nil, nil
		}
		dir, up = filepath.Join(dir, ".."), filepath.Dir(up)
	}
}

func manifestEntry(m *render.Manifest, dir, file string) *render.ManifestFile {
	top, err := filepath.Abs(dir)
	if err != nil {
		return nil
	}
	whole, err := filepath.Abs(file)
	if err != nil {
		return nil
	}
	below, err := filepath.Rel(top, whole)
	for i := range m.Files {
		if err == nil && m.Files[i].Path == filepath.ToSlash(below) {
			return &m.Files[i]
		}
	}
	return nil
}

func insertedBy(f *render.ManifestFile, number int) *render.InsertedRun {
	for i := range f.Inserted {
		if r := &f.Inserted[i]; r.First <= number && number <= r.Last {
			return r
		}
	}
	return nil
}

// explainInserted shows the line of the topology, where its file is found: the manifest does not tell its directory.
func (c *command) explainInserted(out *bytes.Buffer, run *render.InsertedRun, dir string) {
	fmt.Fprintf(out, "\nMade by %s", run.From)
	if run.First != run.Last {
		fmt.Fprintf(out, ", as all lines from %d to %d", run.First, run.Last)
	}
	out.WriteString(":\n")
	name, number, ok := strings.Cut(run.From, ":")
	n, err := strconv.Atoi(number)
	if !ok || err != nil {
		return
	}
	for _, place := range []string{filepath.Join(dir, "..", name), filepath.Join(dir, name), name} {
		text, err := os.ReadFile(place)
		if err != nil {
			continue
		}
		lines := strings.Split(string(text), "\n")
		if n <= len(lines) {
			for _, l := range above(lines, n) {
				fmt.Fprintf(out, "  %*d | %s\n", len(number), l, strings.TrimRight(lines[l-1], "\r"))
			}
			return
		}
	}
	fmt.Fprintf(out, "  (%s is not here to be shown)\n", name)
}

// above lists the number of a line of YAML, and before it those of the keys that it stands under.
func above(lines []string, n int) []int {
	numbers := []int{n}
	depth := indent(lines[n-1])
	for i := n - 1; i > 0 && depth > 0; i-- {
		l := lines[i-1]
		if strings.TrimSpace(l) == "" || strings.HasPrefix(strings.TrimSpace(l), "#") || indent(l) >= depth {
			continue
		}
		depth = indent(l)
		numbers = append([]int{i}, numbers...)
	}
	return numbers
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// explainKept tells which line of the base the operator's line is.
func explainKept(out *bytes.Buffer, f *render.ManifestFile, number int) {
	if f.Base == "" {
		out.WriteString("\nNot a line that stktc made.\n")
		return
	}
	before := 0
	for _, r := range f.Inserted {
		if r.First < number {
			before += r.Last - r.First + 1
		}
	}
	fmt.Fprintf(out, "\nThe operator's own: line %d of the base %s, which is kept as it is.\n", number-before, path.Base(f.Base))
}
