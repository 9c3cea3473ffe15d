// Package e2e tries the product as its users run it: the stktc binary and real HAProxys, each host in a network namespace of its own with
// the addresses of its configuration file, and in a mount namespace, since hosts share the paths of their sockets. It needs root, ip and unshare.
package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Network is a switch with hosts on it, all in namespaces of this process's own.
type Network struct {
	prefix string
	hosts  map[string]netip.Addr
}

// NewNetwork makes a switch without hosts, under a name that no other of this process has. Close ends it.
func NewNetwork(name string) (*Network, error) {
	n := &Network{prefix: fmt.Sprintf("stk%d%s", os.Getpid(), name), hosts: map[string]netip.Addr{}}
	return n, n.ip(
		"netns add "+n.namespace("switch"),
		"-n "+n.namespace("switch")+" link add br0 type bridge",
		"-n "+n.namespace("switch")+" link set br0 up",
	)
}

func (n *Network) namespace(host string) string { return n.prefix + "-" + host }

// ip runs commands of iproute2.
func (n *Network) ip(commands ...string) error {
	for _, c := range commands {
		out, err := exec.Command("ip", strings.Fields(c)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ip %s: %w: %s", c, err, out)
		}
	}
	return nil
}

// Add puts a host with that address, in a network of 24 bits, on the switch.
func (n *Network) Add(host string, address netip.Addr) error {
	n.hosts[host] = address
	sw, ns := n.namespace("switch"), n.namespace(host)
	return n.ip(
		"netns add "+ns,
		fmt.Sprintf("-n %s link add %s type veth peer name eth0 netns %s", sw, host, ns),
		fmt.Sprintf("-n %s link set %s master br0", sw, host),
		fmt.Sprintf("-n %s link set %s up", sw, host),
		fmt.Sprintf("-n %s addr add %s/24 dev eth0", ns, address),
		fmt.Sprintf("-n %s link set eth0 up", ns),
		fmt.Sprintf("-n %s link set lo up", ns),
	)
}

// Cut takes a host off the switch; Heal puts it back.
func (n *Network) Cut(host string) error {
	return n.ip(fmt.Sprintf("-n %s link set %s down", n.namespace("switch"), host))
}

// Heal ends a Cut.
func (n *Network) Heal(host string) error {
	return n.ip(fmt.Sprintf("-n %s link set %s up", n.namespace("switch"), host))
}

// Close removes all namespaces. Processes in them must have ended.
func (n *Network) Close() error {
	var errs []error
	for host := range n.hosts {
		errs = append(errs, n.ip("netns del "+n.namespace(host)))
	}
	return errors.Join(append(errs, n.ip("netns del "+n.namespace("switch")))...)
}

// Wrap gives the command that executes its arguments on a host, with private directories mounted over the given paths. The process keeps its id.
func (n *Network) Wrap(host string, private ...string) []string {
	script := ""
	for _, dir := range private {
		script += fmt.Sprintf("mount -t tmpfs tmpfs %[1]s && mkdir -p %[1]s/hapee-2.7 && ", dir)
	}
	return []string{"ip", "netns", "exec", n.namespace(host), "unshare", "-m", "--propagation", "private", "sh", "-c", script + `exec "$@"`, "sh"}
}

// Do calls f on a thread that is in the host's network namespace: connections that f makes by address are made there.
func (n *Network) Do(host string, f func() error) error {
	goruntime.LockOSThread()
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(home)
	there, err := unix.Open(filepath.Join("/run/netns", n.namespace(host)), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(there)
	if err := unix.Setns(there, unix.CLONE_NEWNET); err != nil {
		return err
	}
	result := f()
	// The thread goes home and lives on: the kernel would kill the processes that it has started if it ended (PR_SET_PDEATHSIG).
	if err := unix.Setns(home, unix.CLONE_NEWNET); err != nil {
		panic(err)
	}
	goruntime.UnlockOSThread()
	return result
}

// Request sends HTTP requests from one host to another, each on a connection of its own. Any answer counts.
func (n *Network) Request(ctx context.Context, from, to string, count int) error {
	return n.Do(from, func() error {
		for range count {
			if err := request(ctx, net.JoinHostPort(n.hosts[to].String(), "80")); err != nil {
				return err
			}
		}
		return nil
	})
}

func request(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"); err != nil {
		return err
	}
	_, err = bufio.NewReader(conn).ReadString('\n')
	return err
}
