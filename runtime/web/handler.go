package web

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// handler answers every path there is.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	page := newPage()
	mux.HandleFunc("/{$}", page.serve)
	mux.HandleFunc("/status.json", s.serveStatus)
	mux.HandleFunc("/healthz", s.serveHealth)
	mux.HandleFunc("/readyz", s.serveReady)
	mux.Handle("/metrics", promhttp.HandlerFor(s.registry(), promhttp.HandlerOpts{
		ErrorLog: scrapeLog{s}, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: maxScrapes,
	}))
	return guard(mux)
}

// guard lets only requests through that read, and gives every reply the headers that keep a browser from doing with it what it is not for.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "accepted are GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) serveStatus(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	out := json.NewEncoder(w)
	out.SetIndent("", " ")
	if err := out.Encode(s.status(s.snapshot())); err != nil {
		s.log.Debug("status not delivered", "err", err)
	}
}

// serveHealth tells whether the process works at all: what restarts it asks here.
func (s *Server) serveHealth(w http.ResponseWriter, _ *http.Request) {
	if err := s.Alive(); err != nil {
		answer(w, http.StatusServiceUnavailable, "dead: "+err.Error())
		return
	}
	answer(w, http.StatusOK, "alive")
}

// serveReady tells whether the sums may be used. What is missing is told in any case, a section a line.
func (s *Server) serveReady(w http.ResponseWriter, _ *http.Request) {
	st := s.source.Status()
	code, lines := http.StatusOK, []string{"ready"}
	if !isReady(&st) {
		code, lines[0] = http.StatusServiceUnavailable, "not ready"
	}
	if err := s.Alive(); err != nil {
		code, lines[0] = http.StatusServiceUnavailable, "not ready: "+err.Error()
	}
	for i := range st.Sections {
		if sec := &st.Sections[i]; !sec.Whole {
			lines = append(lines, fmt.Sprintf("section %s: %s", sec.Name, sec.Condition()))
		}
	}
	answer(w, code, strings.Join(lines, "\n"))
}

func answer(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	io.WriteString(w, text+"\n")
}

// scrapeLog takes what went wrong when metrics were collected.
type scrapeLog struct{ s *Server }

// Println implements promhttp.Logger.
func (l scrapeLog) Println(v ...any) {
	l.s.log.Error("metrics", "err", strings.TrimSpace(fmt.Sprintln(v...)))
}
