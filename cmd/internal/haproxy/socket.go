package haproxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// commandTimeout bounds one exchange on a stats socket, when the context has no nearer end.
const commandTimeout = 5 * time.Second

// Command sends one line to the process's stats socket and gives the reply without the empty line that ends it.
func (p *Process) Command(ctx context.Context, line string) (string, error) {
	return Command(ctx, "unix", p.config.Socket, line)
}

// Command sends one line to any stats socket; network is "unix" or "tcp".
func Command(ctx context.Context, network, address, line string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		return "", err
	}
	reply, err := io.ReadAll(conn)
	if err != nil {
		return "", fmt.Errorf("%q on %s: %w", line, address, err)
	}
	return strings.TrimSuffix(string(reply), "\n"), nil
}

// ShowTable reads a whole table; name is as configurations write it ("st_src", "mypeers/st_src").
func (p *Process) ShowTable(ctx context.Context, name string) (*Table, error) {
	return p.tableCommand(ctx, "show table "+name)
}

// ShowTableKey reads one entry. The entry is nil if the table does not have the key. The key is written as HAProxy shows it.
func (p *Process) ShowTableKey(ctx context.Context, name, key string) (*Entry, error) {
	reply, err := p.Command(ctx, "show table "+name+" key "+key)
	if err != nil || strings.TrimSpace(reply) == "" {
		return nil, err
	}
	t, err := ParseTable(reply)
	if err != nil || len(t.Entries) == 0 {
		return nil, err
	}
	return &t.Entries[0], nil
}

// ShowTables lists all tables, without their entries.
func (p *Process) ShowTables(ctx context.Context) ([]Table, error) {
	reply, err := p.Command(ctx, "show table")
	if err != nil {
		return nil, err
	}
	return ParseTables(reply)
}

func (p *Process) tableCommand(ctx context.Context, line string) (*Table, error) {
	reply, err := p.Command(ctx, line)
	if err != nil {
		return nil, err
	}
	return ParseTable(reply)
}

// SetTable stores values in one entry, as a local touch, which HAProxy pushes to its peers. Data is the rest of the command:
// "data.gpc0 5 data.http_req_rate 7".
func (p *Process) SetTable(ctx context.Context, name, key, data string) error {
	return p.silentCommand(ctx, fmt.Sprintf("set table %s key %s %s", name, key, data))
}

// ClearTable removes one entry, or with an empty key all of them.
func (p *Process) ClearTable(ctx context.Context, name, key string) error {
	if key != "" {
		key = " key " + key
	}
	return p.silentCommand(ctx, "clear table "+name+key)
}

func (p *Process) silentCommand(ctx context.Context, line string) error {
	reply, err := p.Command(ctx, line)
	if err != nil {
		return err
	}
	if reply = strings.TrimSpace(reply); reply != "" {
		return fmt.Errorf("%q: %s", line, reply)
	}
	return nil
}

// ShowPeers reads the state of all peers sections.
func (p *Process) ShowPeers(ctx context.Context) ([]PeersSection, error) {
	reply, err := p.Command(ctx, "show peers")
	if err != nil {
		return nil, err
	}
	return ParsePeers(reply)
}
