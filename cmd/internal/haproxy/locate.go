package haproxy

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"

	"stktc/topology/sticktable"
)

// Find gives the binary to use: path if it is not empty, else "haproxy" on PATH. The error says what was looked for.
func Find(path string) (string, error) {
	if path == "" {
		path = "haproxy"
	}
	found, err := exec.LookPath(path)
	if err != nil {
		return "", fmt.Errorf("no haproxy: %w", err)
	}
	return found, nil
}

var versionLine = regexp.MustCompile(`(?m)^HA-?Proxy version (\d+)\.(\d+)`)

// Version asks a binary for its version.
func Version(ctx context.Context, binary string) (sticktable.Version, error) {
	out, err := exec.CommandContext(ctx, binary, "-v").CombinedOutput()
	if err != nil {
		return sticktable.Version{}, fmt.Errorf("%s is not HAProxy: %s -v: %w", binary, binary, err)
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return sticktable.Version{}, fmt.Errorf("%s is not HAProxy: its -v tells no version of it", binary)
	}
	major, _ := strconv.Atoi(string(m[1]))
	minor, _ := strconv.Atoi(string(m[2]))
	return sticktable.Version{Major: major, Minor: minor}, nil
}

// CheckError is haproxy's refusal of a configuration.
type CheckError struct {
	Output string // what haproxy printed, warnings included
}

// Error shows all that haproxy printed.
func (e *CheckError) Error() string { return "haproxy refuses the configuration:\n" + e.Output }

// Check runs "haproxy -c" on files that are one configuration. A refusal is a *CheckError; without one, the output holds the warnings.
func Check(ctx context.Context, binary, name string, files ...string) (output string, err error) {
	args := []string{"-c"}
	for _, f := range files {
		args = append(args, "-f", f)
	}
	if name != "" {
		args = append(args, "-L", name)
	}
	out, err := exec.CommandContext(ctx, binary, args...).CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return string(out), &CheckError{Output: string(out)}
	case err != nil:
		return "", fmt.Errorf("%s -c: %w", binary, err)
	}
	return string(out), nil
}
