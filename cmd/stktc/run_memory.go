package main

import (
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// memoryLimit reads what --max-memory says: bytes with a unit, a percentage of what the machine or the control group has, or off. 0 is no limit.
func memoryLimit(text string) (int64, error) {
	refused := usagef("--max-memory %q: accepted are a size such as 512m or 2g, a percentage such as 80%%, and off", text)
	if text == "off" {
		return 0, nil
	}
	if digits, ok := strings.CutSuffix(text, "%"); ok {
		percent, err := strconv.Atoi(digits)
		if err != nil || percent < 1 || percent > 100 {
			return 0, refused
		}
		return totalMemory() / 100 * int64(percent), nil
	}
	shift, digits := 0, text
	for unit, s := range map[string]int{"k": 10, "m": 20, "g": 30} {
		if d, ok := strings.CutSuffix(strings.ToLower(text), unit); ok {
			shift, digits = s, d
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64>>shift {
		return 0, refused
	}
	if n<<shift < leastLimit {
		return 0, usagef("--max-memory %q: the least is 64m, of which the program itself takes half", text)
	}
	return n << shift, nil
}

const leastLimit = 64 << 20

// totalMemory is what the machine has, or the control group where that has less; 0 where the system does not tell.
func totalMemory() int64 {
	total := int64(0)
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		total = meminfoTotal(string(b))
	}
	b, _ := os.ReadFile("/proc/self/cgroup")
	for _, file := range cgroupLimits(string(b)) {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 && (total == 0 || n < total) {
			total = n
		}
	}
	return total
}

func meminfoTotal(text string) int64 {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kilobytes, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

// cgroupLimits lists the files in which the limits of our control groups stand, of both versions, from the innermost outwards.
func cgroupLimits(groups string) (files []string) {
	const root = "/sys/fs/cgroup"
	for line := range strings.Lines(strings.TrimSpace(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 || parts[1] != "" && !strings.Contains(","+parts[1]+",", ",memory,") {
			continue
		}
		dir, name := root, "memory.max"
		if parts[1] != "" {
			dir, name = root+"/memory", "memory.limit_in_bytes"
		}
		for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
			files = append(files, path.Join(dir, at, name))
			if at == "/" {
				break
			}
		}
	}
	return files
}
