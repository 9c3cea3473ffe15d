package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// exactly is a result whose medians lie on lines: 30 ns more for ten times the keys, 80 bytes for one more key and 2 MB before, 1.5 ns for one more node, 40 bytes of a key.
func exactly() *Result {
	r := &Result{Store: "gpc0", Machine: Machine{Cores: 2}}
	for _, k := range []int{10_000, 100_000, 1_000_000} {
		at := in{byKeys + short(float64(k)), k, 2}
		r.add(at, perUpdateMoved, "ns", 30*math.Log10(float64(k)))
		mb := 2 + 80*float64(k)/1e6
		r.add(at, growth, "MB", mb)
		r.add(at, growthAKey, "bytes", 1e6*mb/float64(k))
	}
	for _, n := range []int{2, 16, 64} {
		at := in{byNodes + short(float64(n)), 1000, n}
		for _, off := range []float64{-1, 0, 1} {
			r.add(at, perUpdateIn, "ns", 100+float64(n))
			r.add(at, perUpdateMoved, "ns", 50+1.5*float64(n)+off)
			r.add(at, growthAKey, "bytes", 40*float64(n))
			r.add(at, growth, "MB", 0.04*float64(n))
		}
	}
	return r
}

func TestSlopes(t *testing.T) {
	r := exactly()
	r.slopes()
	for name, want := range map[string]float64{
		"CPU an update in or out, for ten times the keys": 30,
		"memory, for one more key":                        80,
		"CPU an update in, for one more node":             1,
		"CPU an update in or out, for one more node":      1.5,
		"memory of a key, for one more node":              40,
	} {
		if f := r.figure("slopes", name); f == nil || math.Abs(f.Median-want) > 1e-6 {
			t.Errorf("%s: %+v, want %v", name, f, want)
		}
	}
}

// TestPicture: it is well-formed, says the slopes, and every point lies on the line where the result does.
func TestPicture(t *testing.T) {
	panels := exactly().panels()
	picture := string(drawPanels(panels, "a < b", "2 cores"))
	d := xml.NewDecoder(strings.NewReader(picture))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{
		"+30 ns for ten times the keys", "80 bytes for one more key, and 2 MB before the first", "+1.5 ns for one more node", "+40 bytes for one more node",
		"a &lt; b", ">10 k<", ">1 M<", "keys, of 2 nodes each", "prefers-color-scheme:dark",
	} {
		if !strings.Contains(picture, want) {
			t.Errorf("the picture lacks %q", want)
		}
	}
	if n := strings.Count(picture, "<circle"); len(panels) != 4 || n != 12 {
		t.Errorf("%d panels with %d points, want 4 with 12", len(panels), n)
	}
	for _, p := range panels {
		for _, one := range p.points {
			if math.Abs(p.line(one.x)-one.y) > 1e-6*one.y {
				t.Errorf("%s: %v at %v is not on the line, %v", p.title, one.y, one.x, p.line(one.x))
			}
		}
	}
	if one := panels[2].points[0]; one.least != 52 || one.most != 54 {
		t.Errorf("runs reach from %v to %v, want 52 to 54", one.least, one.most)
	}
}

// TestPictureOfAPart: a result that ended early, or was not right, says so in its picture.
func TestPictureOfAPart(t *testing.T) {
	r := exactly()
	whole := r.note()
	r.Ended, r.Wrong = "interrupted", []string{"10 k keys, run 1: 3 wrong"}
	name := filepath.Join(t.TempDir(), "part.json")
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	picture, err := plotFile(name)
	if want := "ENDED EARLY: interrupted; NOT RIGHT: 10 k keys, run 1: 3 wrong; " + whole; err != nil || !strings.Contains(string(picture), want) {
		t.Errorf("the picture lacks %q (%v)", want, err)
	}
}
