package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestBuildInfo(t *testing.T) {
	end := ", " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
	vcs := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{
			{Key: "-compiler", Value: "gc"}, {Key: "vcs", Value: "git"},
			{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"},
			{Key: "vcs.time", Value: "2026-11-22T08:00:00Z"}, {Key: "vcs.modified", Value: modified},
		}
	}
	tests := []struct {
		info *debug.BuildInfo
		want string
	}{
		{nil, "stktc devel"},
		{&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "stktc devel"},
		{&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "stktc v1.2.3"},
		{&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: vcs("false")}, "stktc v1.2.3 (commit 0123456789ab of 2026-11-22T08:00:00Z)"},
		{&debug.BuildInfo{Settings: vcs("true")}, "stktc devel (commit 0123456789ab of 2026-11-22T08:00:00Z, modified)"},
	}
	for _, tt := range tests {
		if got := newBuildInfo(tt.info).String(); got != tt.want+end {
			t.Errorf("got  %s\nwant %s", got, tt.want+end)
		}
	}
}
