package grammar

import (
	"strings"
	"testing"
	"time"

	"stktc/grammar/diag"
)

// word makes a scalar as it would stand in line 3 from column 5 on.
func word(value string) Scalar {
	start := diag.Pos{Line: 3, Column: 5, Offset: 40}
	return Scalar{Value: value, Span: diag.Span{File: "f", Start: start, End: advance(start, len(value))}}
}

// checkFinding compares a finding with the wanted part of its summary, "" for none, and with the text it points at.
func checkFinding(t *testing.T, s Scalar, got *diag.Finding, code diag.Code, want, at string) {
	t.Helper()
	if got == nil {
		if want != "" {
			t.Errorf("%q: no finding, want %q", s.Value, want)
		}
		return
	}
	if want == "" || !strings.Contains(got.Summary, want) {
		t.Errorf("%q: finding %q, want %q", s.Value, got.Summary, want)
	}
	if got.Code != code || got.Slug == "" || got.Severity != diag.Error {
		t.Errorf("%q: finding is %s %q %v, want %s", s.Value, got.Code, got.Slug, got.Severity, code)
	}
	span := got.Primary.Span
	from, to := span.Start.Offset-40, span.End.Offset-40
	if from < 0 || to > len(s.Value) || from > to || s.Value[from:to] != at || span.Start.Column != from+5 || span.Start.Line != 3 {
		t.Errorf("%q: finding points at %v, want %q", s.Value, span, at)
	}
}

func TestParseDuration(t *testing.T) {
	for _, tt := range []struct {
		text string
		want time.Duration
		bad  string
		at   string
	}{
		{text: "0"},
		{text: "1000", want: time.Second},
		{text: "1us", want: time.Millisecond},
		{text: "1001us", want: 2 * time.Millisecond},
		{text: "250ms", want: 250 * time.Millisecond},
		{text: "10s", want: 10 * time.Second},
		{text: "5m", want: 5 * time.Minute},
		{text: "1h", want: time.Hour},
		{text: "24d", want: 24 * 24 * time.Hour},
		{text: "2147483647", want: 2147483647 * time.Millisecond},
		{text: "2147483648", bad: "too long", at: "2147483648"},
		{text: "25d", bad: "too long", at: "25d"},
		{text: "99999999999999999999s", bad: "too long", at: "99999999999999999999s"},
		{text: "", bad: "empty", at: ""},
		{text: "h", bad: "not understood from `h` on", at: "h"},
		{text: "10x", bad: "from `x` on", at: "x"},
		{text: "1h30m", bad: "from `30m` on", at: "30m"},
		{text: "10S", bad: "from `S` on", at: "S"},
		{text: "-1s", bad: "from `-1s` on", at: "-1s"},
		{text: "1.5s", bad: "from `.5s` on", at: ".5s"},
		{text: "10 s", bad: "from ` s` on", at: " s"},
		{text: "1\xffs", bad: `from "\xffs" on`, at: "\xffs"},
	} {
		s := word(tt.text)
		got, bad := ParseDuration(s)
		if got != tt.want {
			t.Errorf("ParseDuration(%q) = %v, want %v", tt.text, got, tt.want)
		}
		checkFinding(t, s, bad, CodeDuration, tt.bad, tt.at)
	}
}

func TestParseUnitDuration(t *testing.T) {
	if got, bad := ParseUnitDuration(word("90s")); got != 90*time.Second || bad != nil {
		t.Errorf("90s is %v, %v", got, bad)
	}
	for text, want := range map[string]string{"90": "no unit", "0": "no unit", "9x": "from `x` on", "30d": "too long"} {
		if got, bad := ParseUnitDuration(word(text)); bad == nil || got != 0 || !strings.Contains(bad.Summary, want) {
			t.Errorf("%q is %v, %v; want %q", text, got, bad, want)
		}
	}
}

func TestParseSize(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int64
		bad  string
		at   string
	}{
		{text: "1", want: 1},
		{text: "100", want: 100},
		{text: "1k", want: 1024},
		{text: "200K", want: 200 << 10},
		{text: "2m", want: 2 << 20},
		{text: "3G", want: 3 << 30},
		{text: "4294967295", want: 4294967295},
		{text: "4294967296", bad: "too great", at: "4294967296"},
		{text: "4g", bad: "too great", at: "4g"},
		{text: "99999999999999999999", bad: "too great", at: "99999999999999999999"},
		{text: "0", bad: "no room", at: "0"},
		{text: "0k", bad: "no room", at: "0k"},
		{text: "", bad: "empty", at: ""},
		{text: "k", bad: "from `k` on", at: "k"},
		{text: "10t", bad: "from `t` on", at: "t"},
		{text: "10kb", bad: "from `b` on", at: "b"},
		{text: "-5", bad: "from `-5` on", at: "-5"},
	} {
		s := word(tt.text)
		got, bad := ParseSize(s)
		if got != tt.want {
			t.Errorf("ParseSize(%q) = %v, want %v", tt.text, got, tt.want)
		}
		checkFinding(t, s, bad, CodeSize, tt.bad, tt.at)
	}
}

func TestParseStore(t *testing.T) {
	for _, tt := range []struct {
		text string
		want string // items as "type(arg,arg)@text", with blanks between
		bad  string
		at   string
	}{
		{text: ""},
		{text: "gpc0", want: "gpc0()@gpc0"},
		{text: "http_req_rate(10s),gpc0", want: "http_req_rate(10s)@http_req_rate(10s) gpc0()@gpc0"},
		{text: "gpc_rate(3,10s)", want: "gpc_rate(3,10s)@gpc_rate(3,10s)"},
		{text: "gpc0,", want: "gpc0()@gpc0"},
		{text: "what-ever", want: "what-ever()@what-ever"},
		{text: "gpc0,http_req_rate(10s", bad: "ends too early", at: ""},
		{text: "http_req_rate(", bad: "ends too early", at: ""},
		{text: "http_req_rate()", bad: "from `)` on", at: ")"},
		{text: "gpc0 ,gpc1", bad: "from ` ,gpc1` on", at: " ,gpc1"},
		{text: "gpc0)", bad: "from `)` on", at: ")"},
		{text: "gpc0,,gpc1", bad: "from `,gpc1` on", at: ",gpc1"},
		{text: ",gpc0", bad: "from `,gpc0` on", at: ",gpc0"},
		{text: "a(1)(2)", bad: "from `(2)` on", at: "(2)"},
		{text: "a(1)b", bad: "from `b` on", at: "b"},
	} {
		s := word(tt.text)
		items, bad := ParseStore(s)
		var got []string
		for _, it := range items {
			var args []string
			for _, a := range it.Args {
				args = append(args, a.Value)
				if at := s.Value[a.Span.Start.Offset-40 : a.Span.End.Offset-40]; at != a.Value {
					t.Errorf("%q: argument %q points at %q", tt.text, a.Value, at)
				}
			}
			at := s.Value[it.Span.Start.Offset-40 : it.Span.End.Offset-40]
			got = append(got, it.Type.Value+"("+strings.Join(args, ",")+")@"+at)
		}
		if g := strings.Join(got, " "); g != tt.want {
			t.Errorf("ParseStore(%q) = %q, want %q", tt.text, g, tt.want)
		}
		if tt.bad == "" && len(bad) > 0 || tt.bad != "" && len(bad) != 1 {
			t.Errorf("ParseStore(%q) has findings %v", tt.text, bad)
		} else if len(bad) == 1 {
			checkFinding(t, s, &bad[0], CodeStore, tt.bad, tt.at)
		}
	}
}

func TestParseAddress(t *testing.T) {
	for _, tt := range []struct {
		text, family, host string
		port               int
		unix               string
		bad, at            string
	}{
		{text: "192.168.56.111:11111", host: "192.168.56.111", port: 11111},
		{text: "10.0.0.1", host: "10.0.0.1"},
		{text: "10.0.0.1:", host: "10.0.0.1"},
		{text: "[2001:db8::1]:80", host: "2001:db8::1", port: 80},
		{text: "[2001:db8::1]", host: "2001:db8::1"},
		{text: "2001:db8::1:80", host: "2001:db8::1", port: 80},
		{text: "fe80::1%eth0:80", host: "fe80::1%eth0", port: 80},
		{text: ":::10000", host: "::", port: 10000},
		{text: "*:80", host: "*", port: 80},
		{text: ":80", port: 80},
		{text: "ipv4@10.0.0.1:9999", family: "ipv4", host: "10.0.0.1", port: 9999},
		{text: "ipv6@:80", family: "ipv6", port: 80},
		{text: "quic4@:443", family: "quic4", port: 443},
		{text: "mptcp@10.0.0.1:1", family: "mptcp", host: "10.0.0.1", port: 1},
		{text: "stream+ipv4@10.0.0.1:1", family: "ipv4", host: "10.0.0.1", port: 1},
		{text: "node-1.example.com:10000", host: "node-1.example.com", port: 10000},
		{text: "localhost", host: "localhost"},
		{text: "/tmp/stktagg.socket", unix: "/tmp/stktagg.socket"},
		{text: "/tmp/a:b", unix: "/tmp/a:b"},
		{text: "unix@run/x.sock", family: "unix", unix: "run/x.sock"},
		{text: "abns@name:1", family: "abns", unix: "@name:1"},
		{text: "fd@3", family: "fd"},
		{text: "", bad: "empty", at: ""},
		{text: "unix@", family: "unix", bad: "no path", at: "unix@"},
		{text: "192.168.", host: "192.168.", bad: "not an IPv4 address", at: "192.168."},
		{text: "192.168.56.1111:80", host: "192.168.56.1111", bad: "not an IPv4 address", at: "192.168.56.1111"},
		{text: "::1", host: ":", bad: "not an IPv6 address", at: ":"},
		{text: "[::1:80", host: "[::1", bad: "not an IPv6 address", at: "[::1"},
		{text: "10.0.0.1:70000", host: "10.0.0.1", bad: "port `70000`", at: "70000"},
		{text: "10.0.0.1:0", host: "10.0.0.1", bad: "port `0`", at: "0"},
		{text: "10.0.0.1:80x", host: "10.0.0.1", bad: "port `80x`", at: "80x"},
		{text: "10.0.0.1:80-90", host: "10.0.0.1", bad: "port `80-90`", at: "80-90"},
		{text: "10.0.0.1:+80", host: "10.0.0.1", bad: "port `+80`", at: "+80"},
		{text: "a b:80", host: "a b", bad: "holds ` `", at: "a b"},
		{text: "host/x:80", bad: "from `/x:80` on", at: "/x:80"},
	} {
		s := word(tt.text)
		got, bad := ParseAddress(s)
		if got.Family != tt.family || got.Host.Value != tt.host || got.Port != tt.port || got.Unix != tt.unix {
			t.Errorf("ParseAddress(%q) = family %q host %q port %d unix %q", tt.text, got.Family, got.Host.Value, got.Port, got.Unix)
		}
		if got.Unresolved != strings.HasPrefix(tt.text, "fd@") {
			t.Errorf("ParseAddress(%q): unresolved %v", tt.text, got.Unresolved)
		}
		if bad == nil && got.Port != 0 {
			from, to := got.PortAt.Start.Offset-40, got.PortAt.End.Offset-40
			if !strings.HasSuffix(tt.text, tt.text[from:to]) || tt.text[from-1] != ':' {
				t.Errorf("ParseAddress(%q): port at %q", tt.text, tt.text[from:to])
			}
		}
		checkFinding(t, s, bad, CodeAddress, tt.bad, tt.at)
		checkPlain(t, tt.text)
	}
}

// checkPlain: what an address is read as without the parser is what the parser reads.
func checkPlain(t *testing.T, text string) {
	t.Helper()
	plain, ok := plainAddress(text)
	if !ok {
		return
	}
	parsed, err := addressParser.ParseString("", text)
	if err != nil || parsed.Prefix.Value != "" || parsed.Path.Value != "" || parsed.Host != plain.Host ||
		parsed.Port.Value != plain.Port.Value || parsed.Port.Pos.Offset != plain.Port.Pos.Offset {
		t.Fatalf("%q: %+v without the parser, %+v with it (%v)", text, plain, parsed, err)
	}
}

func TestUnresolvedIsNeverAFinding(t *testing.T) {
	s := word("${VAR}!")
	s.Unresolved = true
	if d, bad := ParseDuration(s); d != 0 || bad != nil {
		t.Errorf("duration: %v, %v", d, bad)
	}
	if d, bad := ParseUnitDuration(s); d != 0 || bad != nil {
		t.Errorf("duration with unit: %v, %v", d, bad)
	}
	if n, bad := ParseSize(s); n != 0 || bad != nil {
		t.Errorf("size: %v, %v", n, bad)
	}
	if items, bad := ParseStore(s); items != nil || bad != nil {
		t.Errorf("store: %v, %v", items, bad)
	}
	if a, bad := ParseAddress(s); !a.Unresolved || a.Host.Value != "" || bad != nil {
		t.Errorf("address: %+v, %v", a, bad)
	}
}

func FuzzScalars(f *testing.F) {
	for _, s := range []string{"10s", "4g", "gpc_rate(3,10s),gpc0", "[::1]:80", "unix@/x", "1h30m", "a(b", "ipv4@1.2.3.4:5", "\xff:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := word(text)
		inside := func(span diag.Span) {
			if span.Start.Offset < 40 || span.End.Offset > 40+len(text) || span.Start.Offset > span.End.Offset {
				t.Fatalf("%q: span %v is outside", text, span)
			}
		}
		d, bad := ParseDuration(s)
		if bad != nil {
			inside(bad.Primary.Span)
		}
		if d < 0 || d > maxDuration || bad != nil && d != 0 {
			t.Fatalf("%q: duration %v, %v", text, d, bad)
		}
		n, bad := ParseSize(s)
		if bad != nil {
			inside(bad.Primary.Span)
		}
		if n < 0 || n > 1<<32-1 || (bad != nil) != (n == 0) {
			t.Fatalf("%q: size %v, %v", text, n, bad)
		}
		items, list := ParseStore(s)
		for _, item := range items {
			inside(item.Span)
		}
		for _, bad := range list {
			inside(bad.Primary.Span)
		}
		checkPlain(t, text)
		a, bad := ParseAddress(s)
		inside(a.Whole.Span)
		if bad != nil {
			inside(bad.Primary.Span)
		}
		if a.Port < 0 || a.Port > 65535 {
			t.Fatalf("%q: port %d", text, a.Port)
		}
	})
}
