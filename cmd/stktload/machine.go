package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"

	"stktc/cmd/internal/load"
)

// Machine is where figures were measured, and how busy it was with other things when that began.
type Machine struct {
	CPU     string `json:"cpu,omitempty"`
	Cores   int    `json:"cores"`
	Kernel  string `json:"kernel,omitempty"`
	LoadAvg string `json:"load_average,omitempty"` // of the last 1, 5 and 15 minutes
	Stktc   string `json:"stktc,omitempty"`
	HAProxy string `json:"haproxy,omitempty"`
}

// machine asks the system and the programs. What they do not tell stays empty.
func (s *stand) machine() Machine {
	m := Machine{Cores: runtime.NumCPU(), LoadAvg: load.LoadAverage(), Kernel: strings.TrimSpace(fileText("/proc/sys/kernel/osrelease"))}
	if model := cpuModel.FindStringSubmatch(fileText("/proc/cpuinfo")); model != nil {
		m.CPU = model[1]
	}
	m.Stktc = firstLine(s.stktc, "version")
	if s.haproxy != "" {
		m.HAProxy = firstLine(s.haproxy, "-v")
	}
	return m
}

var cpuModel = regexp.MustCompile(`(?m)^model name\s*:\s*(.*)$`)

func fileText(name string) string {
	text, _ := os.ReadFile(name)
	return string(text)
}

func firstLine(program, arg string) string {
	out, err := exec.Command(program, arg).Output()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// String writes it in a line.
func (m *Machine) String() string {
	parts := []string{fmt.Sprintf("%d cores", m.Cores)}
	if m.CPU != "" {
		parts[0] += " of " + m.CPU
	}
	if m.Kernel != "" {
		parts = append(parts, "Linux "+m.Kernel)
	}
	if m.LoadAvg != "" {
		parts = append(parts, "load average before: "+m.LoadAvg)
	}
	for _, program := range []string{m.Stktc, m.HAProxy} {
		if program != "" {
			parts = append(parts, program)
		}
	}
	return strings.Join(parts, "; ")
}
