package load

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of times in /proc/PID/stat, which Linux shows in hundredths of a second on all architectures that Go knows.
const clockTick = time.Second / 100

// LoadAverage is how busy the machine was in the last 1, 5 and 15 minutes; "" where there is no /proc.
func LoadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	return strings.Join(fields[:min(3, len(fields))], " ")
}

// usage is what a process has used.
type usage struct {
	cpu time.Duration // user and system, all threads
	rss int64         // bytes
}

// usageOf reads a process's usage. It fails when the process is gone, or where there is no /proc.
func usageOf(pid int) (usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, err
	}
	return parseStat(stat)
}

// Places in /proc/PID/stat behind the command's closing parenthesis (proc_pid_stat(5): state is the third field).
const (
	fieldState = 3
	fieldUser  = 14
	fieldSys   = 15
	fieldRSS   = 24 // pages
)

func parseStat(stat []byte) (usage, error) {
	end := bytes.LastIndexByte(stat, ')') // the command may hold spaces and parentheses
	fields := strings.Fields(string(stat[end+1:]))
	number := func(field int) int64 {
		if i := field - fieldState; i < len(fields) {
			if n, err := strconv.ParseInt(fields[i], 10, 64); err == nil {
				return n
			}
		}
		return -1
	}
	user, sys, rss := number(fieldUser), number(fieldSys), number(fieldRSS)
	if end < 0 || user < 0 || sys < 0 || rss < 0 {
		return usage{}, fmt.Errorf("cannot read %q", stat)
	}
	if strings.HasPrefix(fields[0], "Z") {
		return usage{}, os.ErrProcessDone
	}
	return usage{cpu: time.Duration(user+sys) * clockTick, rss: rss * int64(os.Getpagesize())}, nil
}
