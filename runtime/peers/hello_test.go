package peers

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestAppendHello(t *testing.T) {
	wantAppended(t, []byte("HAProxyS 2.1\nagg\nlb1 20349 1\n"), func(b []byte) []byte {
		return AppendHello(b, Hello{Called: "agg", Caller: "lb1", PID: 20349})
	})
}

func TestReadHello(t *testing.T) {
	full := Hello{2, 1, "agg", "lb1", 20349}
	for _, c := range []struct {
		name, in string
		want     Hello
		status   Status
	}{
		{"as HAProxy sends it", "HAProxyS 2.1\nagg\nlb1 20349 1\n", full, StatusSuccess},
		{"carriage returns", "HAProxyS 2.1\r\nagg\r\nlb1 20349 1\r\n", full, StatusSuccess},
		{"only one carriage return is dropped", "HAProxyS 2.1\nagg\r\r\nlb1 20349 1\n", Hello{2, 1, "agg\r", "lb1", 20349}, StatusSuccess},
		{"version 2.0", "HAProxyS 2.0\nagg\nlb1 20349 1\n", Hello{2, 0, "agg", "lb1", 20349}, StatusSuccess},
		{"no numbers", "HAProxyS 2.1\nagg\nlb1 \n", Hello{2, 1, "agg", "lb1", 0}, StatusSuccess},
		{"pid is a word", "HAProxyS 2.1\nagg\nlb1 x 1\n", Hello{2, 1, "agg", "lb1", 0}, StatusSuccess},
		{"pid is negative", "HAProxyS 2.1\nagg\nlb1 -7 1\n", Hello{2, 1, "agg", "lb1", 0}, StatusSuccess},
		{"pid is too great", "HAProxyS 2.1\nagg\nlb1 99999999999999999999 1\n", Hello{2, 1, "agg", "lb1", 0}, StatusSuccess},
		{"empty names", "HAProxyS 2.1\n\n 1 1\n", Hello{2, 1, "", "", 1}, StatusSuccess},
		{"caller without space", "HAProxyS 2.1\nagg\nlb1\n", Hello{2, 1, "agg", "", 0}, StatusProtocol},
		{"version 2.2", "HAProxyS 2.2\n", Hello{Major: 2, Minor: 2}, StatusVersion},
		{"version 3.0", "HAProxyS 3.0\n", Hello{Major: 3}, StatusVersion},
		{"version 1.1", "HAProxyS 1.1\n", Hello{Major: 1, Minor: 1}, StatusVersion},
		{"version goes on", "HAProxyS 2.1.0\n", Hello{}, StatusVersion},
		{"space behind the version", "HAProxyS 2.1 \n", Hello{}, StatusVersion},
		{"signed version", "HAProxyS +2.1\n", Hello{}, StatusVersion},
		{"no minor", "HAProxyS 2.\n", Hello{}, StatusVersion},
		{"no dot", "HAProxyS 2\n", Hello{}, StatusVersion},
		{"no version", "HAProxyS \n", Hello{}, StatusVersion},
		{"no space", "HAProxyS\n", Hello{}, StatusProtocol},
		{"other case", "haproxys 2.1\n", Hello{}, StatusProtocol},
		{"another protocol answers at its first line", "GET / HTTP/1.1\r\n", Hello{}, StatusProtocol},
		{"endless line", "HAProxyS 2.1\n" + strings.Repeat("a", 10_000), Hello{Major: 2, Minor: 1}, StatusProtocol},
		{"endless lines", "HAProxyS 2.1\n" + strings.Repeat("a", 4000) + "\n" + strings.Repeat("b", 4000) + " 1 1\n", Hello{2, 1, strings.Repeat("a", 4000), "", 0}, StatusProtocol},
	} {
		h, s, err := ReadHello(bufio.NewReaderSize(strings.NewReader(c.in), 16))
		if h != c.want || s != c.status || err != nil {
			t.Errorf("%s: got %+v, %d, %v; want %+v, %d", c.name, h, s, err, c.want, c.status)
		}
	}
}

// TestReadHelloStops makes sure that nothing behind the hello is taken off the reader.
func TestReadHelloStops(t *testing.T) {
	r := bufio.NewReader(strings.NewReader("HAProxyS 2.1\nagg\nlb1 1 1\n\x00\x04"))
	if _, s, err := ReadHello(r); s != StatusSuccess || err != nil {
		t.Fatal(s, err)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "\x00\x04" {
		t.Errorf("left %q", rest)
	}
}

func TestReadHelloCutShort(t *testing.T) {
	whole := "HAProxyS 2.1\nagg\nlb1 20349 1\n"
	for i := range whole {
		if _, _, err := ReadHello(bufio.NewReader(strings.NewReader(whole[:i]))); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: got %v", whole[:i], err)
		}
	}
}

func TestHelloRoundTrip(t *testing.T) {
	want := Hello{2, 1, "aggr1.example", "lb-1:a", 4194304}
	lines := strings.Split(string(AppendHello(nil, want)), "\n")
	if got, s := ParseHello(lines[0], lines[1], lines[2]); got != want || s != StatusSuccess {
		t.Errorf("got %+v, %d", got, s)
	}
}

func TestReadStatus(t *testing.T) {
	for in, want := range map[string]Status{
		"200\n": StatusSuccess, "200\r\n": StatusSuccess, "200 OK\n": StatusSuccess, "300\n": StatusTryAgain, "501\n": StatusProtocol,
		"502\n": StatusVersion, "503\n": StatusLocalName, "504\n": StatusRemoteName, "599\n": 599,
	} {
		if got, err := ReadStatus(bufio.NewReader(strings.NewReader(in))); got != want || err != nil {
			t.Errorf("%q: got %d, %v; want %d", in, got, err, want)
		}
	}
	for in, want := range map[string]error{
		"\n": ErrStatus, "20\n": ErrStatus, "2000\n": ErrStatus, "OK\n": ErrStatus, "-20\n": ErrStatus, "+20\n": ErrStatus,
		"HTTP/1.1 400 Bad Request\r\n": ErrStatus, "": io.ErrUnexpectedEOF, "200": io.ErrUnexpectedEOF,
		strings.Repeat("2", 5000): ErrLineTooLong,
	} {
		if got, err := ReadStatus(bufio.NewReader(strings.NewReader(in))); !errors.Is(err, want) {
			t.Errorf("%.20q: got %d, %v; want %v", in, got, err, want)
		}
	}
}

func TestStatusTexts(t *testing.T) {
	for s, want := range map[Status]string{
		StatusNone: "NONE", StatusConnecting: "CONN", StatusConnected: "HSHK", StatusSuccess: "ESTA", StatusTryAgain: "RETR",
		StatusProtocol: "PROT", StatusVersion: "VERS", StatusLocalName: "NAME", StatusRemoteName: "UNKN", 599: "NONE",
	} {
		if got := s.String(); got != want {
			t.Errorf("%d: got %q, want %q", int(s), got, want)
		}
	}
	if got, want := Status(599).Explain(), "unknown status `599`"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	wantAppended(t, []byte("504\n"), func(b []byte) []byte { return AppendStatus(b, StatusRemoteName) })
}

func FuzzReadHello(f *testing.F) {
	f.Add("HAProxyS 2.1\nagg\nlb1 20349 1\n")
	f.Add("HAProxyS 2.0\r\n\r\n \r\n")
	f.Fuzz(func(t *testing.T, in string) {
		h, s, err := ReadHello(bufio.NewReader(strings.NewReader(in)))
		if err != nil || s != StatusSuccess {
			return
		}
		h.Minor = Minor
		lines := strings.Split(string(AppendHello(nil, h)), "\n")
		if again, s := ParseHello(lines[0], lines[1], lines[2]); again != h || s != StatusSuccess {
			t.Errorf("%+v became %+v, %d", h, again, s)
		}
	})
}
