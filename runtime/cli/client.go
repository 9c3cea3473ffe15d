package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"stktc/runtime"
)

// client is one conversation.
type client struct {
	srv         *Server
	conn        net.Conn
	at          Address // where it came in
	r           *bufio.Reader
	w           *bufio.Writer // its errors stick, so that replies need not look at each
	level       Level
	interactive bool
	quit        bool
	severity    string // "set severity-output": none, number or string
	json        bool   // the command at hand is to be answered so
}

func newClient(s *Server, conn net.Conn, at Address) *client {
	return &client{
		srv: s, conn: conn, at: at, level: at.Level, severity: "none",
		r: bufio.NewReaderSize(conn, maxLine),
		w: bufio.NewWriterSize(&patientWriter{conn, s.opt.Timeout}, writeBuffer),
	}
}

// patientWriter gives each write its own deadline, so that a client has to read, but may take as long as it does for a long reply.
type patientWriter struct {
	conn    net.Conn
	timeout time.Duration
}

func (w *patientWriter) Write(b []byte) (int, error) {
	w.conn.SetWriteDeadline(time.Now().Add(w.timeout))
	return w.conn.Write(b)
}

// run answers line after line: in interactive mode until the client leaves, else those that have come in together.
func (c *client) run() {
	defer c.conn.Close()
	for !c.quit {
		line, err := c.readLine()
		if errors.Is(err, bufio.ErrBufferFull) {
			c.refuseLine()
			return
		}
		if err != nil {
			return // a line that was cut off is not executed: half a key is another key
		}
		c.runLine(line)
		if c.w.Flush() != nil {
			c.srv.log.Warn("stats socket: client does not read, cut off", "from", c.from())
			return
		}
		if !c.interactive && !c.hasLine() {
			return
		}
	}
}

// from says where the client is. One on a UNIX socket has no address, and the socket's own is the one where it was made, not where it was moved to.
func (c *client) from() string {
	if remote := c.conn.RemoteAddr(); remote.Network() != "unix" {
		return remote.String()
	}
	return "UNIX socket " + c.at.Address
}

func (c *client) readLine() (string, error) {
	timeout := c.srv.opt.Timeout
	if c.interactive {
		timeout = promptTimeout
	}
	c.conn.SetReadDeadline(time.Now().Add(timeout))
	line, err := c.r.ReadSlice('\n')
	return string(bytes.TrimSuffix(line, []byte("\n"))), err
}

// hasLine tells whether another line is there already.
func (c *client) hasLine() bool {
	there, _ := c.r.Peek(c.r.Buffered())
	return bytes.IndexByte(there, '\n') >= 0
}

// refuseLine says that a line is too long, and reads some more of it: to close with unread input would take the message away from the client, too.
func (c *client) refuseLine() {
	c.fail(fmt.Sprintf("Line is too long, at most %d bytes are accepted", maxLine-1))
	c.end()
	c.w.Flush()
	if half, ok := c.conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	c.conn.SetReadDeadline(time.Now().Add(time.Second))
	io.CopyN(io.Discard, c.r, 64<<10)
}

// runLine executes the commands of a line. Empty ones between semicolons are passed over, where HAProxy lists its commands.
func (c *client) runLine(line string) {
	ran := false
	for _, text := range splitCommands(line) {
		words := splitWords(text)
		if len(words) == 0 {
			continue
		}
		ran = true
		if c.runCommand(words); c.quit {
			return
		}
	}
	if ran {
		return
	}
	if !c.interactive {
		c.unknown(nil)
	}
	c.end()
}

// runCommand executes one command. One that may be answered as JSON has the word json last; behind "key" it is a key.
func (c *client) runCommand(words []string) {
	cmd := findCommand(words)
	if cmd == nil {
		c.unknown(words)
		c.end()
		return
	}
	args := words[len(cmd.words):]
	last := len(args) - 1
	c.json = cmd.json && last >= 0 && args[last] == "json" && (last == 0 || args[last-1] != "key")
	if c.json {
		args = args[:last]
	}
	cmd.run(c, args)
	c.json = false
	if !c.quit {
		c.end()
	}
}

// end ends a reply.
func (c *client) end() {
	c.w.WriteByte('\n')
	if c.interactive {
		c.w.WriteString("> ")
	}
}

// severities of HAProxy's feedback messages that occur here, as "set severity-output" shows them.
var severities = map[string]map[string]string{
	"error": {"number": "[3]: ", "string": "[err]: "},
	"info":  {"number": "[6]: ", "string": "[info]: "},
}

// fail answers with an error message.
func (c *client) fail(message string) {
	if c.json {
		c.writeJSON(map[string]string{"error": message})
		return
	}
	fmt.Fprintf(c.w, "%s%s\n", severities["error"][c.severity], message)
}

// denied answers that the level does not suffice, and tells whether that is so.
func (c *client) denied(least Level) bool {
	if c.level >= least {
		return false
	}
	c.fail("Permission denied")
	return true
}

func (c *client) writeJSON(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // replies hold strings, numbers and times only
	}
	c.w.Write(b)
	c.w.WriteByte('\n')
}

func (c *client) status() runtime.Status { return c.srv.agg.Status() }

// words joins what a reply lists; none stands for nothing.
func list(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}
