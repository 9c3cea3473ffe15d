package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata/script")

// TestMain lets eight scripts run at a time, unless -parallel says otherwise: they wait most of theirs.
func TestMain(m *testing.M) {
	flag.Set("test.parallel", "8")
	testscript.Main(m, map[string]func(){"stktload": main})
}

// TestScripts runs testdata/script/*.txtar. $STKTC is the program under load; scripts need it as its own process. Without symbols
// it links in half the time.
func TestScripts(t *testing.T) {
	stktc := filepath.Join(t.TempDir(), "stktc")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", stktc, "stktc/cmd/stktc").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition: func(name string) (bool, error) {
			_, err := exec.LookPath(name)
			return err == nil, nil
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("STKTC", stktc)
			env.Setenv("HAPROXY", os.Getenv("HAPROXY"))
			return nil
		},
	})
}
