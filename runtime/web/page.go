package web

import (
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"io"
	"net/http"
	"strings"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

// page is the status page: one document that asks for nothing from elsewhere. It draws what /status.json says.
type page struct {
	html, policy string
}

func newPage() *page {
	return &page{
		html: strings.NewReplacer("{{style}}", pageCSS, "{{script}}", pageJS).Replace(pageHTML),
		// Of scripts and styles only ours run, byte for byte; names from the network that should ever end up as HTML would do nothing.
		policy: "default-src 'none'; script-src " + hashOf(pageJS) + "; style-src " + hashOf(pageCSS) +
			"; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
}

// hashOf is the source expression for an inline element of that content.
func hashOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func (p *page) serve(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Security-Policy", p.policy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	io.WriteString(w, p.html)
}
