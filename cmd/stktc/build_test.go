package main

import (
	"bytes"
	"strings"
	"testing"

	"stktc/compile"
	"stktc/grammar/diag"
	"stktc/render"
	"stktc/topology"
)

func TestBugIsOneSentence(t *testing.T) {
	for _, debug := range []string{"", "1"} {
		var stderr bytes.Buffer
		c := &command{stdin: strings.NewReader(""), stdout: &bytes.Buffer{}, stderr: &stderr, env: func(name string) string {
			if name == "STKTC_DEBUG" {
				return debug
			}
			panic("the environment is gone")
		}}
		if code := c.main([]string{"build", "../../testdata/seed/topology.yaml", "--stdout"}); code != exitFailed {
			t.Errorf("exit code %d, want %d", code, exitFailed)
		}
		if got := stderr.String(); !strings.HasPrefix(got, "stktc: bug in stktc") || !strings.Contains(got, "the environment is gone") || strings.Contains(got, "goroutine") != (debug != "") {
			t.Errorf("STKTC_DEBUG=%q: stderr is\n%s", debug, got)
		}
	}
}

func TestParseMessages(t *testing.T) {
	got := parseMessages(`[NOTICE]   (7395) : haproxy version is 2.6.12
[ALERT]    (7395) : config : parsing [/tmp/x/lb.cfg:15]: Missing LF on last line.
[WARNING]  (7418) : config : parsing [/tmp/x/lb.cfg:5] : 'http-request' is odd.
[WARNING]  (7418) : config : missing timeouts for frontend 'f'.
   | While not properly invalid.

[ALERT]    (7395) : config : Error(s) found in configuration file : /tmp/x/lb.cfg
[ALERT]    (7395) : config : Fatal errors found in configuration.
Warnings were found.
`)
	want := []message{
		{"ALERT", "/tmp/x/lb.cfg", 15, "Missing LF on last line."},
		{"WARNING", "/tmp/x/lb.cfg", 5, "'http-request' is odd."},
		{"WARNING", "", 0, "missing timeouts for frontend 'f'.\n   | While not properly invalid."},
	}
	if len(got) != len(want) {
		t.Fatalf("got %d messages, want %d: %+v", len(got), len(want), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("message %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

// TestPlace maps HAProxy's places: to the topology for lines of ours, to the base for the operator's.
func TestPlace(t *testing.T) {
	at := func(line int) diag.Span { return diag.Span{File: "t.yaml", Start: diag.Pos{Line: line, Column: 1}} }
	file := &compile.File{Path: "lb/x.cfg", BaseName: "base.cfg", Base: []byte("frontend t.own\n  bind :1\n"), Insertions: []compile.Insertion{
		{Offset: 15, Lines: []compile.Line{{Words: []string{"stick-table"}, Origin: at(7)}}},
		{Offset: 25, Lines: []compile.Line{{Words: []string{"backend", "t.sum"}, Origin: at(8)}}},
	}}
	out := render.Output{Node: "lb", File: file}
	out.Text, out.Lines = render.Config(file)
	node := &topology.Node{
		Build:  &topology.Build{Base: []topology.BaseFile{{Name: "base.cfg"}}},
		Peers:  []*topology.PeersSection{{Name: topology.Text{Value: "mypeers", Span: at(9)}}},
		Tables: []*topology.Table{{Name: topology.Text{Value: "t.own", Span: at(5)}}, {Name: topology.Text{Value: "t.sum", Span: at(6)}}},
	}
	b := &build{cluster: &topology.Cluster{Files: diag.Files{"base.cfg": file.Base}}}
	v := &verdict{build: b, node: node, files: map[string]*render.Output{"/tmp/x.cfg": &out}}
	tests := []struct {
		message message
		where   string
		ours    bool
	}{
		{message{file: "/tmp/x.cfg", line: 1}, "base.cfg:1", false},
		{message{file: "/tmp/x.cfg", line: 2}, "t.yaml:7", true},
		{message{file: "/tmp/x.cfg", line: 3}, "base.cfg:2", false},
		{message{file: "/tmp/x.cfg", line: 4}, "t.yaml:8", true},
		{message{text: "Removing incomplete section 'peers mypeers' (no peer named 'x')."}, "t.yaml:9", true},
		{message{text: "Proxy 't.sum': unable to find it."}, "t.yaml:6", true},
		{message{text: "missing timeouts for frontend 't.own'."}, "base.cfg:1", false},
		{message{text: "Proxy 't.own': unable to find sticky-table 'x'."}, "base.cfg:1", false},
		{message{text: "Proxy 'web': no."}, "", false},
	}
	for _, test := range tests {
		if where, ours := v.place(test.message); where != test.where || ours != test.ours {
			t.Errorf("%+v is at %q, ours %v; want %q, %v", test.message, where, ours, test.where, test.ours)
		}
	}
}
