package web

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"stktc/runtime"
)

// TestPageInBrowser lets a browser draw the page, if there is one. Chromium's console says what the page's policy refused and what its script threw.
func TestPageInBrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium")
	}
	hostile := seedLike(t)
	hostile.status.Sections[0].Name = `<img src=x onerror=document.title="owned">`
	hostile.status.Sections[0].Peers[1].LastError = "</script><script>document.title='owned'</script>\nsecond line"
	for name, tc := range map[string]struct {
		f    *fake
		want []string
	}{
		"seed": {seedLike(t), []string{
			"<title>▲ aggr1 – stktc</title>", "Sums are not whole; missing hapee2", "2 of 3", "aggr1 on 192.168.56.111:11111", ".uncombined → .aggr", "forward .l2",
			"connected for 59 min", "away for 1 min", "does not take mytable.l2", "connect: connection refused", "↑ up", "everything",
			"sum of <code>mytable.uncombined</code>", "from above", "type ip store gpc0,http_req_rate(10s)", "hapee2 (away)", "v1.2.3 (0123456789ab)",
		}},
		"sites": {sites(t), []string{
			"<title>○ top – stktc</title>", "Silent until every source has taught; waiting for stranger", "3 of 4", "What runs is not what the file says.", "did you mean `from`?",
			"any → .sum", ".x → .y (up only)", "standing by", "group 1, counts", "group 1, stands by", "not in the configuration", "our own lease", "1,234,567",
			"left out of the sum, http_req_rate: shared has http_req_rate(10s), low1 has http_req_rate(1m)", "No tables yet",
			"its table st.x is not summed: key type or length differs", "TLS 1.3, stranger, n1", "protocol faults", "1 change of who counts", "2 take-overs from a replica",
		}},
		"stuck":   {&fake{age: time.Minute, status: runtime.Status{Started: started}}, []string{"<title>✕ stktc – stktc</title>", "Stuck: time has not passed in the tables for 1m0s"}},
		"hostile": {hostile, []string{"<title>▲ aggr1 – stktc</title>", "&lt;img src=x onerror", "&lt;/script&gt;&lt;script&gt;"}},
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := serve(t, newServer(t, tc.f))
			dom, console := browse(t, chromium, "http://"+address+"/")
			for _, want := range tc.want {
				if !strings.Contains(dom, want) {
					t.Errorf("the page does not show %q", want)
				}
			}
			for _, bad := range []string{"owned</title>", "<img", "undefined", "NaN", "[object", "does not answer:"} {
				if strings.Contains(dom[:strings.Index(dom, "<footer>")], bad) {
					t.Errorf("the page shows %q", bad)
				}
			}
			for line := range strings.Lines(console) {
				if strings.Contains(line, ":CONSOLE") {
					t.Errorf("console: %s", line)
				}
			}
			if t.Failed() {
				t.Log(dom)
			}
		})
	}
}

// browse gives the document after the page has had a while to draw, and the browser's log.
func browse(t *testing.T, chromium, url string) (dom, console string) {
	t.Helper()
	profile, err := os.MkdirTemp("", "browser")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(profile) // not t.TempDir: a child that is slow to end may still write there
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--user-data-dir="+profile, "--virtual-time-budget=5000", "--dump-dom", url)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	cmd.WaitDelay = time.Second // its children may hold the pipes
	if err := cmd.Run(); err != nil {
		t.Skipf("chromium does not work here: %v\n%s", err, &log)
	}
	return out.String(), log.String()
}
