package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"

	"github.com/urfave/cli/v2"
)

// echoCommand is for this program itself, see startEcho.
func (c *command) echoCommand() *cli.Command {
	return &cli.Command{
		Name:   "echo",
		Hidden: true,
		Usage:  "send back what comes, until the standard input ends",
		Action: func(*cli.Context) error { return c.echo() },
	}
}

func (c *command) echo() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.Copy(struct{ io.Writer }{conn}, conn) // read and written, not spliced: as an aggregator does
			}()
		}
	}()
	fmt.Fprintln(c.stdout, l.Addr())
	_, err = io.Copy(io.Discard, c.stdin)
	return err
}

// startEcho starts a process that only echoes, and gives its address.
func startEcho() (address string, end func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command(self, "echo")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	end = func() { stdin.Close(); cmd.Wait() }
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		end()
		return "", nil, fmt.Errorf("%s echo: %w", self, err)
	}
	return strings.TrimSpace(line), end, nil
}
