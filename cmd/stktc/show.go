package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	statscli "stktc/runtime/cli"
)

// defaultSocket is the path of the vendor's own samples.
const defaultSocket = "/tmp/stktagg.socket"

func (c *command) showCommand() *cli.Command {
	return &cli.Command{
		Name:  "show",
		Usage: "ask a running aggregator what it does, through its stats socket",
		UsageText: "stktc show [aggrs [SECTION] | peers [SECTION] | info | table [NAME [key KEY | data.TYPE OPERATOR VALUE …]] |\n" +
			"            contributions TABLE KEY | errors | reload] [--socket PATH|HOST:PORT] [--json]",
		Description: "Without an argument it shows the aggregations. OPERATOR is eq, ne, le, ge, lt or gt; of several comparisons all must hold.\n" +
			"Exits with 3 when the aggregator does not answer or refuses the question, and with 1 from reload when the last one failed.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "socket", Value: defaultSocket, Usage: "the stats socket: `PATH` or HOST:PORT"},
			&cli.BoolFlag{Name: "json", Usage: "answer in JSON"},
		},
		Action: c.show,
	}
}

func (c *command) show(ctx *cli.Context) error {
	line, err := showLine(ctx.Args().Slice(), ctx.Bool("json"))
	if err != nil {
		return err
	}
	if ctx.Args().First() == "reload" {
		return c.showReload(ctx.String("socket"), line)
	}
	return c.askSocket(ctx.String("socket"), line)
}

// showReload fails when the last reload did, so that a unit file can tell.
func (c *command) showReload(socket, line string) error {
	var reply bytes.Buffer
	asking := *c
	asking.stdout = io.MultiWriter(c.stdout, &reply)
	if err := asking.askSocket(socket, line); err != nil {
		return err
	}
	if bytes.HasPrefix(reply.Bytes(), []byte("failed")) || bytes.Contains(reply.Bytes(), []byte(`"ok":false`)) {
		return exit(exitFindings)
	}
	return nil
}

// showLine writes the socket's command for the arguments. They reach the server as they are, whatever bytes they hold.
func showLine(args []string, json bool) (string, error) {
	if len(args) == 0 {
		args = []string{"aggrs"}
	}
	most := map[string]int{"aggrs": 2, "peers": 2, "info": 1, "table": 14, "contributions": 4, "errors": 1, "reload": 1}
	switch limit, known := most[args[0]]; {
	case !known:
		return "", usagef("show %q: accepted are aggrs, peers, info, table, contributions, errors and reload", args[0])
	case len(args) > limit:
		return "", usagef("show %s: too many arguments, from %q on", args[0], args[limit])
	case slices.Contains(args, ""):
		return "", usagef("show %s: an argument is empty", args[0])
	case args[0] == "contributions" && len(args) == 3:
		args = []string{args[0], args[1], "key", args[2]}
	}
	words := []string{"show"}
	for _, a := range args {
		words = append(words, statscli.Quote(a))
	}
	if json {
		words = append(words, "json")
	}
	return strings.Join(words, " "), nil
}

// Times that the other end may take.
const (
	socketDialTimeout = 5 * time.Second
	socketReadTimeout = 30 * time.Second // between two pieces of a reply: a filter may look at millions of entries for one
)

// askSocket sends a command to a stats socket and prints the reply.
func (c *command) askSocket(address, line string) error {
	network, address := socketNetwork(address)
	conn, err := net.DialTimeout(network, address, socketDialTimeout)
	if err != nil {
		return fmt.Errorf("no aggregator answers on `%s`: %w", address, err)
	}
	defer conn.Close()
	conn.SetWriteDeadline(time.Now().Add(socketDialTimeout))
	if _, err := io.WriteString(conn, "set severity-output number;"+line+"\n"); err != nil {
		return fmt.Errorf("cannot ask `%s`: %w", address, err)
	}
	return c.printReply(bufio.NewReader(patientReader{conn}))
}

// socketNetwork tells a path from host:port, which may be written as in a configuration, ipv4@host:port.
func socketNetwork(address string) (network, rest string) {
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

type patientReader struct{ conn net.Conn }

func (r patientReader) Read(b []byte) (int, error) {
	r.conn.SetReadDeadline(time.Now().Add(socketReadTimeout))
	return r.conn.Read(b)
}

// errCut is a reply without its end.
var errCut = errors.New("the reply was cut off")

// feedback is what "set severity-output number" puts before a message that is not what was asked for, errorJSON how the JSON form of one begins.
var feedback = regexp.MustCompile(`^\[\d\]: `)

const errorJSON = `{"error":`

// printReply prints what follows the empty answer to "set severity-output": a reply, which an empty line ends, to stdout, or a message to stderr.
func (c *command) printReply(r *bufio.Reader) error {
	if empty, err := r.ReadString('\n'); err != nil || empty != "\n" {
		return fmt.Errorf("%w: %q is not what a stats socket says", errCut, empty)
	}
	head, _ := r.Peek(len(errorJSON))
	if len(head) > 4 && feedback.Match(head) {
		message, err := io.ReadAll(io.LimitReader(r, 64<<10))
		if err != nil {
			return err
		}
		return errors.New(strings.TrimSpace(string(message[len("[3]: "):])))
	}
	if err := copyReply(c.stdout, r); err != nil {
		return err
	}
	if string(head) == errorJSON {
		return exit(exitFailed)
	}
	return nil
}

// copyReply copies up to the empty line at the end.
func copyReply(w io.Writer, r *bufio.Reader) error {
	begins := true // a line, with what comes next
	for {
		part, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return fmt.Errorf("%w: %w", errCut, err)
		}
		if begins && string(part) == "\n" {
			if _, err := r.Peek(1); errors.Is(err, io.EOF) {
				return nil
			}
			part = []byte("\n") // Peek may have moved it
		}
		begins = err == nil
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
}
