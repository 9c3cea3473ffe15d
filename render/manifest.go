package render

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"

	"stktc/compile"
)

// ManifestName is the manifest's place below the output directory.
const ManifestName = "manifest.json"

// manifestFormat counts incompatible changes of the manifest.
const manifestFormat = 1

// Output is one file of a compiled cluster as it is written.
type Output struct {
	Node  string
	File  *compile.File
	Text  []byte
	Lines []MappedLine
}

// Tree prints every file of a result, in the result's order.
func Tree(r *compile.Result) []Output {
	var tree []Output
	for _, h := range r.Hosts {
		for _, f := range h.Files {
			text, lines := Config(f)
			tree = append(tree, Output{Node: h.Node, File: f, Text: text, Lines: lines})
		}
	}
	return tree
}

// Manifest says what was written and why each line is there. It holds no time, no name and no path of the machine that built it.
type Manifest struct {
	Format int    `json:"format"`
	Source string `json:"source"` // the topology, without its directory
	// Rollout is the order in which the hosts' files should take effect, from the top of the cluster down: a HAProxy or an
	// aggregator dials as soon as it starts, and HAProxy does not dial again after it was refused by name (503, 504). So
	// whoever is dialled learns of its callers first: upper aggregators, lower aggregators, load balancers.
	Rollout []string       `json:"rollout"`
	Files   []ManifestFile `json:"files"`
	Left    []LeftFile     `json:"left,omitempty"` // of nodes that are no longer in the topology
}

// ManifestFile is one written file.
type ManifestFile struct {
	Path         string        `json:"path"` // below the output directory, with slashes
	Node         string        `json:"node"`
	SHA256       string        `json:"sha256"`
	Install      string        `json:"install,omitempty"`      // where it belongs on the host; absent when the topology does not tell HAProxy's version
	LocalPeer    string        `json:"localpeer,omitempty"`    // the name that HAProxy must be started with (-L) where the host is not called so; absent when the files say it
	Base         string        `json:"base,omitempty"`         // the operator's file, without its directory; absent when all lines are ours
	AddedLineEnd string        `json:"addedLineEnd,omitempty"` // what the base's last line lacked
	Inserted     []InsertedRun `json:"inserted"`
}

// InsertedRun is a run of lines that one line of the topology made. The file without all its runs (and without the line end
// in AddedLineEnd, behind the last line that stays) is its base.
type InsertedRun struct {
	First int    `json:"first"` // from 1
	Last  int    `json:"last"`
	From  string `json:"from"` // "topology.yaml:14"
}

// LeftFile is a file that was written for a node that has left the topology since.
type LeftFile struct {
	Path   string `json:"path"`
	Node   string `json:"node"`
	SHA256 string `json:"sha256"`
}

// NewManifest describes a printed result.
func NewManifest(r *compile.Result, tree []Output) *Manifest {
	m := &Manifest{Format: manifestFormat, Source: r.Source, Rollout: r.Rollout, Files: []ManifestFile{}}
	names := map[string]string{}
	for _, h := range r.Hosts {
		names[h.Node] = h.LocalPeer
	}
	for _, o := range tree {
		name := names[o.Node]
		if o.File.Aggregator {
			name = ""
		}
		m.Files = append(m.Files, ManifestFile{
			Path:         o.File.Path,
			Node:         o.Node,
			SHA256:       Hash(o.Text),
			Install:      o.File.Install,
			LocalPeer:    name,
			Base:         baseName(o.File.BaseName),
			AddedLineEnd: AddedLineEnd(o.File),
			Inserted:     insertedRuns(o.Lines),
		})
	}
	return m
}

// Hash is how a manifest identifies a file's text.
func Hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// baseName drops the directory, which may be one of the building machine.
func baseName(file string) string {
	if file == "" {
		return ""
	}
	return path.Base(filepath.ToSlash(file))
}

func insertedRuns(lines []MappedLine) []InsertedRun {
	runs := []InsertedRun{}
	for _, l := range lines {
		from := fmt.Sprintf("%s:%d", baseName(l.Origin.File), l.Origin.Start.Line)
		if n := len(runs); n > 0 && runs[n-1].From == from && runs[n-1].Last == l.Number-1 {
			runs[n-1].Last = l.Number
			continue
		}
		runs = append(runs, InsertedRun{l.Number, l.Number, from})
	}
	return runs
}

// JSON writes the manifest as it stands in its file: a run of lines on one line each, so that diffs of it can be read.
func (m *Manifest) JSON() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n  \"format\": %d,\n  \"source\": %s,\n  \"rollout\": %s,\n  \"files\": [", m.Format, compact(m.Source), compact(m.Rollout))
	for i, f := range m.Files {
		runs := f.Inserted
		f.Inserted = nil
		head := bytes.TrimSuffix(compact(f), []byte(`"inserted":null}`))
		fmt.Fprintf(&b, "%s\n    %s\n     \"inserted\": [", separator(i), bytes.TrimSuffix(head, []byte(" ")))
		for j, run := range runs {
			fmt.Fprintf(&b, "%s\n       %s", separator(j), compact(run))
		}
		b.WriteString("]}")
	}
	b.WriteString("]")
	if len(m.Left) > 0 {
		b.WriteString(",\n  \"left\": [")
		for i, f := range m.Left {
			fmt.Fprintf(&b, "%s\n    %s", separator(i), compact(f))
		}
		b.WriteString("]")
	}
	b.WriteString("\n}\n")
	return b.Bytes()
}

func separator(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

func compact(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // strings and numbers only
	}
	return bytes.TrimSpace(b.Bytes())
}

// ParseManifest reads what JSON writes.
func ParseManifest(text []byte) (*Manifest, error) {
	m := &Manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%s is no manifest: %w", ManifestName, err)
	}
	if m.Format != manifestFormat {
		return nil, fmt.Errorf("%s has format %d, this stktc reads %d", ManifestName, m.Format, manifestFormat)
	}
	return m, nil
}
