package load

import (
	"maps"
	"slices"
	"strings"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/topology"
)

// readTLS reads the TLS keywords among a line's options over what stood before, a default-server line say. Of a keyword that stands twice the last counts, as in HAProxy;
// words that are none are passed over.
func readTLS(t topology.TLS, options []grammar.Scalar) topology.TLS {
	for i := 0; i < len(options); i++ {
		word := options[i]
		switch word.Value {
		case "ssl":
			t.On, t.Span = true, word.Span
		case "no-ssl":
			t.On, t.Span = false, diag.Span{}
		case "force-tlsv12", "force-tlsv13":
			version := topology.Text{Value: "TLSv1." + strings.TrimPrefix(word.Value, "force-tlsv1"), Span: word.Span}
			t.MinVersion, t.MaxVersion = version, version
		default:
			if field := tlsField(&t, word.Value); field != nil && i+1 < len(options) {
				i++
				*field = text(options[i])
			}
		}
	}
	return t
}

// tlsField gives where the value of a keyword goes; nil for other words.
func tlsField(t *topology.TLS, keyword string) *topology.Text {
	switch keyword {
	case "crt":
		return &t.Crt
	case "key":
		return &t.Key
	case "ca-file":
		return &t.CAFile
	case "verify":
		return &t.Verify
	case "verifyhost":
		return &t.VerifyHost
	case "sni":
		return &t.SNI
	case "ssl-min-ver":
		return &t.MinVersion
	case "ssl-max-ver":
		return &t.MaxVersion
	}
	return nil
}

// tlsChecker finds what is wrong with the TLS keywords of an aggregator's line. HAProxy's two kinds of lines differ: one that dials verifies unless it says otherwise, a
// listener asks for a certificate only when it is told to.
type tlsChecker struct {
	line     *grammar.Line
	listens  bool
	tls      topology.TLS
	findings *diag.List
}

// tlsWords are the keywords that an aggregator carries out, with a value or without.
var tlsWords = []string{"ssl", "crt", "key", "ca-file", "verify", "verifyhost", "sni", "ssl-min-ver", "ssl-max-ver"}

// tlsFlags stand alone and are carried out as they are: no tickets are ever given out.
var tlsFlags = []string{"ssl", "no-ssl", "force-tlsv12", "force-tlsv13", "no-tls-tickets"}

// checkTLS reads and checks the TLS keywords among the options. known tells of other options whether they are accepted, and how many words each takes behind it.
func checkTLS(line *grammar.Line, options []grammar.Scalar, listens bool, known map[string]int, findings *diag.List) topology.TLS {
	c := tlsChecker{line: line, listens: listens, tls: readTLS(topology.TLS{}, options), findings: findings}
	first, explicit := c.keywords(options, known)
	if !c.tls.On {
		if !first.IsZero() && !explicit {
			c.bad(first.Span, grammar.CodeLine, "`%s` stands without `ssl`: the sessions would be in clear text; add `ssl`, or `no-ssl` if that is meant", first.Value)
		}
		return topology.TLS{}
	}
	c.certificate()
	c.verification()
	c.versions()
	return c.tls
}

func (c *tlsChecker) bad(at diag.Span, code diag.Code, format string, args ...any) {
	c.findings.Add(*grammar.Findingf(code, at, format, args...))
}

func (c *tlsChecker) warn(at diag.Span, format string, args ...any) {
	f := grammar.Findingf(grammar.CodeLine, at, format, args...)
	f.Severity = diag.Warning
	c.findings.Add(*f)
}

// keywords looks at each option, and gives the first that is about TLS besides ssl and no-ssl.
func (c *tlsChecker) keywords(options []grammar.Scalar, known map[string]int) (first grammar.Scalar, explicit bool) {
	seen := map[string]diag.Span{}
	for i := 0; i < len(options); i++ {
		word := options[i]
		takes, other := known[word.Value]
		hasValue := tlsField(&topology.TLS{}, word.Value) != nil
		switch {
		case word.Unresolved:
			continue
		case other:
			i += takes
		case hasValue:
			i++
		case !slices.Contains(tlsFlags, word.Value):
			i += c.refuse(word, known)
			continue
		}
		if i >= len(options) {
			c.bad(word.Span, grammar.CodeArgument, "`%s` ends the line; a value must follow", word.Value)
		}
		if before, twice := seen[word.Value]; twice {
			f := grammar.Findingf(grammar.CodeDuplicate, word.Span, "`%s` stands twice in the line", word.Value)
			f.Related = []diag.Note{{Span: before, Label: "the first"}}
			c.findings.Add(*f)
		}
		seen[word.Value] = word.Span
		explicit = explicit || word.Value == "no-ssl"
		if first.IsZero() && !other && word.Value != "ssl" && word.Value != "no-ssl" {
			first = word
		}
	}
	return first, explicit
}

// unusedTLS are HAProxy's keywords that are not carried out, with the number of words behind each.
var unusedTLS = map[string]int{
	"alpn": 1, "ciphers": 1, "ciphersuites": 1, "curves": 1, "crl-file": 1, "allow-0rtt": 0, "check-sni-auto": 0,
	"npn": 1, "ecdhe": 1, "crt-list": 1, "ca-verify-file": 1, "strict-sni": 0, "generate-certificates": 0, "prefer-client-ciphers": 0,
	"sigalgs": 1, "client-sigalgs": 1, "crt-ignore-err": 1, "ca-ignore-err": 1, "ca-sign-file": 1, "ca-sign-pass": 1, "tls-ticket-keys": 1,
	"no-tlsv12": 0, "no-tlsv13": 0, "no-tlsv10": 0, "no-tlsv11": 0, "no-sslv3": 0, "force-tlsv10": 0, "force-tlsv11": 0, "force-sslv3": 0,
}

// refuse reports an option that is not carried out, and gives the number of words to pass over.
func (c *tlsChecker) refuse(word grammar.Scalar, known map[string]int) int {
	accepted := append(slices.Sorted(maps.Keys(known)), tlsWords...)
	values, isTLS := unusedTLS[word.Value]
	if isTLS {
		c.bad(word.Span, grammar.CodeExecuted, "`%s` of `%s` is not carried out; accepted are %s", word.Value, c.line.Keyword(), grammar.List(accepted))
		return values
	}
	c.bad(word.Span, grammar.CodeLine, "`%s` is not understood in a `%s` line; %s", word.Value, c.line.Keyword(), grammar.Accepted(word.Value, accepted))
	return mostWords
}

// mostWords is more than a line has: behind a word that nobody knows, what the others mean is a guess.
const mostWords = 1 << 20

// certificate: a listener needs one. Which file holds the key is seen when they are read.
func (c *tlsChecker) certificate() {
	t := &c.tls
	switch {
	case c.listens && t.Crt.IsZero():
		c.bad(t.Span, grammar.CodeArgument, "`ssl` of a listener needs a certificate; add `crt FILE`")
	case !t.Key.IsZero() && t.Crt.IsZero():
		c.bad(t.Key.Span, grammar.CodeLine, "`key` stands without `crt`")
	}
}

func (c *tlsChecker) verification() {
	t := &c.tls
	accepted := []string{"none", "required"}
	if c.listens {
		accepted = []string{"none", "optional", "required"}
		for _, of := range []struct {
			keyword string
			value   topology.Text
		}{{"verifyhost", t.VerifyHost}, {"sni", t.SNI}} {
			if !of.value.IsZero() {
				c.bad(of.value.Span, grammar.CodeLine, "`%s` is for peers that are dialled; this line makes a listener", of.keyword)
			}
		}
	}
	switch {
	case t.Verify.Unresolved || t.CAFile.Unresolved:
	case !t.Verify.IsZero() && !slices.Contains(accepted, t.Verify.Value):
		c.bad(t.Verify.Span, grammar.CodeLine, "verify `%s` is not known here; %s", t.Verify.Value, grammar.Accepted(t.Verify.Value, accepted))
	case c.verifies() && t.CAFile.IsZero():
		at := t.Verify.Span
		if at.IsZero() {
			at = t.Span
		}
		c.bad(at, grammar.CodeArgument, "the other end's certificate is to be verified, but no `ca-file` says by which authorities; add `ca-file FILE`, or `verify none`")
	case !c.verifies() && !t.CAFile.IsZero():
		c.warn(t.CAFile.Span, "`ca-file` is not used: nothing is verified; add `verify required`")
	case !c.verifies() && !t.VerifyHost.IsZero() && !c.listens:
		c.warn(t.VerifyHost.Span, "`verifyhost` is not used with `verify none`")
	}
	if name := t.SNI; !name.IsZero() && !name.Unresolved && topology.SNIName(name.Value) == "" {
		c.bad(name.Span, grammar.CodeLine, "sni `%s` is not a fixed name; accepted is `str(NAME)`", name.Value)
	}
}

// verifies tells whether the other end's certificate is looked at.
func (c *tlsChecker) verifies() bool {
	v := c.tls.Verify.Value
	return v == "required" || v == "optional" || v == "" && !c.listens
}

var tlsVersions = []string{"TLSv1.2", "TLSv1.3"}

func (c *tlsChecker) versions() {
	t := &c.tls
	for _, v := range []topology.Text{t.MinVersion, t.MaxVersion} {
		if !v.IsZero() && !v.Unresolved && !slices.Contains(tlsVersions, v.Value) {
			c.bad(v.Span, grammar.CodeLine, "version `%s` is not carried out; accepted are `TLSv1.2`, `TLSv1.3`", v.Value)
			return
		}
	}
	if !t.MinVersion.IsZero() && !t.MaxVersion.IsZero() && t.MinVersion.Value > t.MaxVersion.Value {
		c.bad(t.MaxVersion.Span, grammar.CodeLine, "no version is left between `%s` and `%s`", t.MinVersion.Value, t.MaxVersion.Value)
	}
}
