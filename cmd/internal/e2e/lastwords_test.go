package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// lastWords is a test that says again, below all logs, why it failed: when what a run of all tests prints is cut, the beginning of it is lost.
type lastWords struct {
	*testing.T
	mu    sync.Mutex
	words []string
}

// repeating makes a test repeat itself. What logs at its end is registered after this.
func repeating(t *testing.T) *lastWords {
	w := &lastWords{T: t}
	t.Cleanup(func() {
		if len(w.words) > 0 {
			t.Logf("it failed, as is said above its logs, for:\n%s", strings.Join(w.words[:min(len(w.words), 5)], "\n"))
		}
	})
	return w
}

func (w *lastWords) keep(text string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.words = append(w.words, text)
	return text
}

func (w *lastWords) Error(args ...any) {
	w.Helper()
	w.T.Error(w.keep(fmt.Sprint(args...)))
}

func (w *lastWords) Errorf(format string, args ...any) {
	w.Helper()
	w.T.Error(w.keep(fmt.Sprintf(format, args...)))
}

func (w *lastWords) Fatal(args ...any) {
	w.Helper()
	w.T.Fatal(w.keep(fmt.Sprint(args...)))
}

func (w *lastWords) Fatalf(format string, args ...any) {
	w.Helper()
	w.T.Fatal(w.keep(fmt.Sprintf(format, args...)))
}

// lastLines is the end of a log.
func lastLines(log string) string {
	const most = 40
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}
