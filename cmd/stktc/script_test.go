package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata/script")

func TestMain(m *testing.M) {
	if os.Getenv("STKTC_TEST_MAIN") != "" { // a test runs stktc as a process of its own
		main()
	}
	flag.Set("test.parallel", "4") // scripts wait half of their time, so that TestGrowth works meanwhile
	testscript.Main(m, map[string]func(){"stktc": main})
}

// TestScripts runs testdata/script/*.txtar. Each has an empty directory of its own as working directory; $REPO is the
// top of the module, for the data under testdata.
func TestScripts(t *testing.T) {
	t.Parallel()
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join(repo, "testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition:           condition,
		Setup: func(env *testscript.Env) error {
			env.Setenv("REPO", repo)
			env.Setenv("HAPROXY", os.Getenv("HAPROXY"))
			return nil
		},
	})
}

// condition knows [root]: modes do not bind it.
func condition(name string) (bool, error) {
	if name == "root" {
		return os.Getuid() == 0, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}
