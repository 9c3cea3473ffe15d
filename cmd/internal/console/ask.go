// Package console is the stats socket's client: Ask sends it a command and hands over the reply, and a Printer writes replies for a person, aligned, with units, and no
// wider than the terminal.
package console

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"time"
)

// Times that the other end may take.
const (
	dialTimeout = 5 * time.Second
	readTimeout = 30 * time.Second // between two pieces of a reply: a filter may look at millions of entries for one
)

// errCut is a reply without its end.
var errCut = errors.New("the reply was cut off")

// Ask sends a command to the stats socket, PATH or HOST:PORT, and gives read the reply, without the empty line at its end. What the aggregator says instead of an answer is an error; asked for
// JSON it is so too. The context ends the wait.
func Ask(ctx context.Context, address, line string, read func(io.Reader) error) error {
	conn, err := dial(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	err = converse(conn, line, read)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func dial(ctx context.Context, address string) (net.Conn, error) {
	network, at := Network(address)
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, network, at)
	if err != nil {
		return nil, fmt.Errorf("no aggregator answers on `%s`: %w", address, err)
	}
	return conn, nil
}

// Network tells a path from host:port, which may be written as in a configuration, ipv4@host:port.
func Network(address string) (network, rest string) {
	for prefix, network := range map[string]string{"ipv4@": "tcp4", "ipv6@": "tcp6", "unix@": "unix"} {
		if rest, ok := strings.CutPrefix(address, prefix); ok {
			return network, rest
		}
	}
	if strings.Contains(address, ":") && !strings.Contains(address, "/") {
		return "tcp", address
	}
	return "unix", address
}

// feedback is what "set severity-output number" puts before a message that is not what was asked for, errorJSON how the JSON form of one begins.
var feedback = regexp.MustCompile(`^\[\d\]: `)

const errorJSON = `{"error":`

// maxMessage bounds a message that comes instead of an answer.
const maxMessage = 64 << 10

func converse(conn net.Conn, line string, read func(io.Reader) error) error {
	conn.SetWriteDeadline(time.Now().Add(dialTimeout))
	if _, err := io.WriteString(conn, "set severity-output number;"+line+"\n"); err != nil {
		return fmt.Errorf("cannot ask `%s`: %w", conn.RemoteAddr(), err)
	}
	r := bufio.NewReader(patientReader{conn})
	if empty, err := r.ReadString('\n'); err != nil || empty != "\n" {
		return fmt.Errorf("%w: %q is not what a stats socket says", errCut, empty)
	}
	head, _ := r.Peek(len(errorJSON))
	isMessage := len(head) > 4 && feedback.Match(head)
	if !isMessage && string(head) != errorJSON {
		return finish(read, &reply{r: r})
	}
	text, err := io.ReadAll(io.LimitReader(&reply{r: r}, maxMessage))
	if err != nil {
		return err
	}
	if isMessage {
		return errors.New(strings.TrimSpace(string(text[len("[3]: "):])))
	}
	var j struct{ Error string }
	if err := json.Unmarshal(text, &j); err != nil {
		return fmt.Errorf("the reply is not JSON: %w", err)
	}
	return &Refusal{Message: j.Error, JSON: bytes.TrimSuffix(text, []byte("\n"))}
}

// Refusal is what the aggregator says instead of an answer in JSON.
type Refusal struct {
	Message string
	JSON    []byte
}

// Error gives the message.
func (r *Refusal) Error() string { return r.Message }

// finish lets read have the reply, and sees that there is nothing wrong with what it left of it.
func finish(read func(io.Reader) error, r *reply) error {
	if err := read(r); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, r)
	return err
}

type patientReader struct{ conn net.Conn }

// Read reads with a deadline of its own.
func (r patientReader) Read(b []byte) (int, error) {
	r.conn.SetReadDeadline(time.Now().Add(readTimeout))
	return r.conn.Read(b)
}

// reply reads up to the empty line at the end. A reply that ends without one was cut off.
type reply struct {
	r      *bufio.Reader
	part   []byte // of what was read, not given out yet
	within bool   // a line
	done   bool
}

// Read reads the next part of a line.
func (p *reply) Read(b []byte) (int, error) {
	for len(p.part) == 0 {
		if err := p.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, p.part)
	p.part = p.part[n:]
	return n, nil
}

func (p *reply) next() error {
	if p.done {
		return io.EOF
	}
	part, err := p.r.ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		return fmt.Errorf("%w: %w", errCut, err)
	}
	isEmpty := !p.within && string(part) == "\n"
	p.within = err != nil
	p.part = part
	if isEmpty {
		p.part = []byte("\n") // Peek may move what was read
		if _, err := p.r.Peek(1); errors.Is(err, io.EOF) {
			p.done, p.part = true, nil
			return io.EOF
		}
	}
	return nil
}
