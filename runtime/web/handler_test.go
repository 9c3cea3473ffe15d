package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"stktc/runtime"
)

var paths = []string{"/", "/status.json", "/metrics", "/healthz", "/readyz"}

func TestHealth(t *testing.T) {
	for _, tc := range []struct {
		age  time.Duration
		code int
		text string
	}{
		{0, 200, "alive\n"},
		{5 * time.Second, 200, "alive\n"},
		{5001 * time.Millisecond, 503, "dead: time has not passed in the tables for 5s, the limit is 5s\n"},
		{time.Hour, 503, "dead: time has not passed in the tables for 1h0m0s, the limit is 5s\n"},
	} {
		f := seedLike(t)
		f.age = tc.age
		s := newServer(t, f)
		if w := get(t, s, "/healthz"); w.Code != tc.code || w.Body.String() != tc.text {
			t.Errorf("%v after a tick: %d %q", tc.age, w.Code, w.Body)
		}
		if w := get(t, s, "/readyz"); w.Code != tc.code {
			t.Errorf("%v after a tick: readyz says %d", tc.age, w.Code)
		}
	}
}

// TestClockIsSet: a jump of the wall clock, either way, is no reason to restart the aggregator.
func TestClockIsSet(t *testing.T) {
	s := newServer(t, seedLike(t))
	for _, jump := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		s.now = func() time.Time { return present.Add(jump) }
		if w := get(t, s, "/healthz"); w.Code != 200 {
			t.Errorf("set by %v: %d %q", jump, w.Code, w.Body)
		}
		if text := get(t, s, "/metrics").Body.String(); !strings.Contains(text, "\nstktc_last_tick_age_seconds 0\n") {
			t.Errorf("set by %v: the age is not 0", jump)
		}
	}
}

func TestReady(t *testing.T) {
	whole := runtime.SectionStatus{Name: "a", Whole: true, Released: true, Writing: true}
	partial := runtime.SectionStatus{Name: "b", Released: true, Writing: true, Missing: []string{"n1", "n2"}}
	silent := runtime.SectionStatus{Name: "c", Writing: true, Missing: []string{"n3"}}
	standby := runtime.SectionStatus{Name: "d", Released: true, Missing: []string{"n4"}}
	for _, tc := range []struct {
		sections []runtime.SectionStatus
		code     int
		text     string
	}{
		{[]runtime.SectionStatus{whole}, 200, "ready\n"},
		{[]runtime.SectionStatus{whole, partial}, 200, "ready\nsection b: not whole, missing n1, n2\n"},
		{[]runtime.SectionStatus{whole, silent}, 503, "not ready\nsection c: silent until every source has taught, waiting for n3\n"},
		{
			[]runtime.SectionStatus{silent, partial, whole}, 503,
			"not ready\nsection c: silent until every source has taught, waiting for n3\nsection b: not whole, missing n1, n2\n",
		},
		{[]runtime.SectionStatus{standby}, 200, "ready\nsection d: not whole, missing n4; standing by, a replica writes to the nodes\n"},
	} {
		s := newServer(t, &fake{status: runtime.Status{Started: started, Sections: tc.sections}})
		if w := get(t, s, "/readyz"); w.Code != tc.code || w.Body.String() != tc.text {
			t.Errorf("got %d %q, want %d %q", w.Code, w.Body, tc.code, tc.text)
		}
		var st statusJSON
		if err := json.Unmarshal(get(t, s, "/status.json").Body.Bytes(), &st); err != nil || st.Ready != (tc.code == 200) {
			t.Errorf("status.json: ready %v, %v", st.Ready, err)
		}
	}
}

func TestStatus(t *testing.T) {
	goVersion, memory := regexp.MustCompile(`"go": "[^"]*"`), regexp.MustCompile(`"bytes": \d+`)
	for name, f := range map[string]*fake{"seed": seedLike(t), "sites": sites(t), "empty": {age: time.Minute, status: runtime.Status{Started: started}}} {
		w := get(t, newServer(t, f), "/status.json")
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d, %v", name, w.Code, w.Header())
		}
		golden(t, filepath.Join("testdata", name+".json"), memory.ReplaceAllString(goVersion.ReplaceAllString(w.Body.String(), `"go": "GO"`), `"bytes": 0`))
	}
}

// TestReadOnly: no request changes anything, and none is answered as if it did.
func TestReadOnly(t *testing.T) {
	s := newServer(t, seedLike(t))
	for _, path := range append(paths, "/nowhere", "*") {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "BREW"} {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Method, r.URL.Path, r.RequestURI = method, path, path
			s.http.Handler.ServeHTTP(w, r)
			if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, Allow: %q", method, path, w.Code, w.Header().Get("Allow"))
			}
		}
	}
	for _, path := range []string{"/nowhere", "/metrics/", "/status.json/x", "/index.html", "/debug/pprof/", "/metricsx"} {
		if w := get(t, s, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// TestHeaders: a browser is told, of every reply, not to guess, keep, frame or pass it on; and only the page may run anything.
func TestHeaders(t *testing.T) {
	s := newServer(t, seedLike(t))
	for _, path := range append(paths, "/nowhere") {
		w := get(t, s, path)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; ") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if strings.Contains(policy, "script-src") != (path == "/") {
			t.Errorf("%s: policy %q", path, policy)
		}
	}
}

// TestPageSelfContained: the page loads nothing, and its policy fits what is in it.
func TestPageSelfContained(t *testing.T) {
	w := get(t, newServer(t, seedLike(t)), "/")
	html := w.Body.String()
	if ct := w.Header().Get("Content-Type"); ct != "text/html; charset=utf-8" {
		t.Errorf("type %q", ct)
	}
	for _, m := range regexp.MustCompile(`https?://[^'"\s]*`).FindAllString(html, -1) {
		if m != "http://www.w3.org/2000/svg" { // a name, not a place
			t.Errorf("the page names %s", m)
		}
	}
	for _, bad := range []string{" src=", "@import", "url(", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "{{"} {
		if strings.Contains(html, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	for _, e := range []string{"script", "style"} {
		_, rest, _ := strings.Cut(html, "<"+e+">")
		content, _, found := strings.Cut(rest, "</"+e+">")
		if !found || !strings.Contains(w.Header().Get("Content-Security-Policy"), e+"-src "+hashOf(content)+";") {
			t.Errorf("the policy does not allow the page's own %s", e)
		}
	}
}

// TestCountedOnce: however many ask, the tables are counted once a second.
func TestCountedOnce(t *testing.T) {
	f := seedLike(t)
	s := newServer(t, f)
	now := present
	s.now = func() time.Time { return now }
	for _, step := range []struct {
		wait time.Duration
		want int
	}{{0, 1}, {0, 1}, {999 * time.Millisecond, 1}, {time.Millisecond, 2}, {0, 2}, {-time.Hour, 3}} {
		now = now.Add(step.wait)
		for _, path := range []string{"/status.json", "/metrics"} {
			get(t, s, path)
		}
		if f.asked != step.want {
			t.Errorf("after %v: %d times, want %d", step.wait, f.asked, step.want)
		}
	}
}
