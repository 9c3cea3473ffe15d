package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	unitFile = "../../../testdata/systemd/stktc.service"
	program  = "/usr/bin/stktc" // as the unit calls it
)

func readUnit(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// analyze has systemd look at the unit, with a program in it that exists here.
func analyze(t *testing.T, unit string, args ...string) string {
	t.Helper()
	analyzer, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "stktc.service")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(unit, program, self)), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyzer, append(args, file)...).CombinedOutput()
	if err != nil {
		return string(out) + err.Error()
	}
	return string(out)
}

func TestUnitVerifies(t *testing.T) {
	unit := readUnit(t)
	if out := analyze(t, unit, "verify", "--man=no"); out != "" {
		t.Errorf("systemd-analyze verify: %s", out)
	}
	// What is to be found is found.
	if out := analyze(t, strings.Replace(unit, "ProtectSystem", "ProtectSytem", 1), "verify", "--man=no"); !strings.Contains(out, "ProtectSytem") {
		t.Errorf("a key that does not exist passes: %q", out)
	}
}

// TestUnitHardened holds the exposure that systemd sees to 1.5 of 10.
func TestUnitHardened(t *testing.T) {
	out := analyze(t, readUnit(t), "security", "--offline=true", "--no-pager", "--threshold=15")
	if strings.Contains(out, "exit status") || !strings.Contains(out, "Overall exposure level") {
		t.Errorf("systemd-analyze security: %s", out)
	}
}

// TestUnitFlags: the unit uses commands and flags that the program has.
func TestUnitFlags(t *testing.T) {
	stktc := filepath.Join(t.TempDir(), "stktc")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", stktc, "stktc/cmd/stktc").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	calls := regexp.MustCompile(`(?m)^Exec\w+=`+program+` (.*)$`).FindAllStringSubmatch(readUnit(t), -1)
	if len(calls) != 3 {
		t.Fatalf("the unit calls the program %d times: has it another name?", len(calls))
	}
	for _, c := range calls {
		words := strings.Fields(c[1])
		help, err := exec.Command(stktc, words[0], "--help").CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", words[0], err, help)
		}
		for _, w := range words[1:] {
			flag := regexp.MustCompile(`(?m)^\s+(?:-\w, )?` + regexp.QuoteMeta(w) + `\b`)
			if strings.HasPrefix(w, "-") && !flag.Match(help) {
				t.Errorf("stktc %s has no flag %s:\n%s", words[0], w, help)
			}
		}
	}
	t.Run("exit status", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "bad.cfg")
		if err := os.WriteFile(file, []byte("aggregations x\n  peer\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		for code, args := range map[int][]string{78: {"run", "-f", file}, 2: {"run", "--no-such-flag"}} {
			err := exec.Command(stktc, args...).Run()
			exit, ok := err.(*exec.ExitError)
			if !ok || exit.ExitCode() != code {
				t.Errorf("%v: %v, want exit status %d, which the unit does not restart on", args, err, code)
			}
		}
		if !regexp.MustCompile(`(?m)^RestartPreventExitStatus=78 2$`).MatchString(readUnit(t)) {
			t.Error("the unit restarts on them")
		}
	})
}

// TestUnitReload: the reload waits for its answer, through a socket that the unit's own advice opens for that.
func TestUnitReload(t *testing.T) {
	unit := readUnit(t)
	for _, want := range []string{
		`(?m)^#     stats socket /run/stktc/stats\.socket level admin$`,
		`(?m)^Environment=STKTC_SOCKET=/run/stktc/stats\.socket$`,
		`(?m)^ExecReload=` + program + ` reload --socket \$\{STKTC_SOCKET\}$`,
	} {
		if !regexp.MustCompile(want).MatchString(unit) {
			t.Errorf("the unit has no line %s", want)
		}
	}
	if strings.Contains(unit, "\nExecReload=/bin/kill") {
		t.Error("a signal is not waited for")
	}
}
