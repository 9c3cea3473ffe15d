package main

import (
	"slices"
	"testing"
)

func TestMemoryLimit(t *testing.T) {
	for text, want := range map[string]int64{"64m": 64 << 20, "2G": 2 << 30, "80000k": 80000 << 10, "1000000000": 1_000_000_000, "off": 0, "50%": totalMemory() / 100 * 50} {
		if got, err := memoryLimit(text); err != nil || got != want {
			t.Errorf("%s: %d %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "m", "-1g", "0", "12", "63m", "101%", "0%", "80 %", "1t", "9999999999g"} {
		if got, err := memoryLimit(text); err == nil {
			t.Errorf("%q: %d, want an error", text, got)
		}
	}
}

func TestControlGroups(t *testing.T) {
	if got := meminfoTotal("MemTotal:       24610272 kB\nMemFree:  1 kB\n"); got != 24610272<<10 {
		t.Error(got)
	}
	got := cgroupLimits("0::/system.slice/stktc.service\n")
	want := []string{"/sys/fs/cgroup/system.slice/stktc.service/memory.max", "/sys/fs/cgroup/system.slice/memory.max", "/sys/fs/cgroup/memory.max"}
	if !slices.Equal(got, want) {
		t.Error(got)
	}
	got = cgroupLimits("12:memory:/a\n11:cpu,cpuacct:/b\n")
	want = []string{"/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}
	if !slices.Equal(got, want) {
		t.Error(got)
	}
}
