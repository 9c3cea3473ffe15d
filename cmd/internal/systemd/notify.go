// Package systemd tells systemd how a service of Type=notify stands: ready, reloading, stopping, alive. New reads the environment; without systemd in it
// every call does nothing. The protocol is sd_notify(3): one datagram of NAME=value lines for each message.
package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Notifier speaks to the service manager. A nil one is silent.
type Notifier struct {
	address  string        // of the manager's socket, '@' for the abstract name space; empty: nobody listens
	watchdog time.Duration // longest time between two signs of life; 0: none wanted
	send     func(message string) error
}

// New reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. The error is that one of them makes no sense; there is no Notifier then.
func New(getenv func(string) string) (*Notifier, error) {
	n := &Notifier{address: getenv("NOTIFY_SOCKET")}
	n.send = n.datagram
	if n.address != "" && n.address[0] != '/' && n.address[0] != '@' {
		return nil, fmt.Errorf("NOTIFY_SOCKET is `%s`: accepted are an absolute path and, behind an @, an abstract name", n.address)
	}
	interval, err := watchdog(getenv)
	if n.watchdog = interval; err != nil {
		return nil, err
	}
	return n, nil
}

// watchdog is the time between two signs of life; 0 when none are wanted, or of another process.
func watchdog(getenv func(string) string) (time.Duration, error) {
	text := getenv("WATCHDOG_USEC")
	if text == "" {
		return 0, nil
	}
	if pid := getenv("WATCHDOG_PID"); pid != "" {
		of, err := strconv.Atoi(pid)
		if err != nil {
			return 0, fmt.Errorf("WATCHDOG_PID is `%s`: accepted is a process id", pid)
		}
		if of != os.Getpid() {
			return 0, nil
		}
	}
	const most = uint64(1<<63-1) / uint64(time.Microsecond)
	usec, err := strconv.ParseUint(text, 10, 64)
	if err != nil || usec == 0 || usec > most {
		return 0, fmt.Errorf("WATCHDOG_USEC is `%s`: accepted are microseconds above 0", text)
	}
	return time.Duration(usec) * time.Microsecond, nil
}

// Ready says that the service does its work, after its start or a reload, whatever came of that; status is what it would say of itself.
func (n *Notifier) Ready(status string) error { return n.notify("READY=1", "STATUS="+line(status)) }

// Reloading says that the configuration is read anew. Ready ends that.
func (n *Notifier) Reloading() error {
	// The manager tells a reload that began before its own signal from one that answers it by this clock.
	return n.notify("RELOADING=1", "MONOTONIC_USEC="+strconv.FormatInt(monotonic().Microseconds(), 10))
}

// Stopping says that the service is about to end.
func (n *Notifier) Stopping() error { return n.notify("STOPPING=1") }

// Status is what "systemctl status" shows, one line.
func (n *Notifier) Status(status string) error { return n.notify("STATUS=" + line(status)) }

// line makes a text fit for one line: a line end in it would begin another message.
func line(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}

func (n *Notifier) notify(lines ...string) error {
	if n == nil || n.address == "" {
		return nil
	}
	if err := n.send(strings.Join(lines, "\n")); err != nil {
		return fmt.Errorf("cannot notify systemd: %w", err)
	}
	return nil
}

// patience is how long the manager may take to have room for a message: the service does not wait for it for ever.
const patience = time.Second

// datagram sends one message. The socket is opened for each, as a manager that was replaced has another one behind the same name.
func (n *Notifier) datagram(message string) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.address, Net: "unixgram"})
	if err != nil {
		return err
	}
	conn.SetWriteDeadline(time.Now().Add(patience))
	_, err = conn.Write([]byte(message))
	return errors.Join(err, conn.Close())
}
