package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"stktc/cmd/internal/console"
	"stktc/cmd/internal/haproxy"
)

// clearNode clears the key in the tables of a node: first where it counts, then where it shows the sum, or the node would show it until the aggregator sends again.
func (r *clear) clearNode(socket string) {
	n := node{ctx: r.ctx, socket: socket}
	reply, err := n.command("show table")
	tables, err2 := haproxy.ParseTables(reply)
	if err := errors.Join(err, err2); err != nil {
		r.report.Nodes = append(r.report.Nodes, clearedNode{Socket: socket, Error: err.Error()})
		return
	}
	found := false
	for _, wire := range []string{r.source, r.table} {
		for _, t := range tables {
			if wire == "" || wireName(t.Name) != wire {
				continue
			}
			found = true
			result, err := n.clear(t.Name, r.key)
			one := clearedNode{Socket: socket, Table: t.Name, Result: result}
			if err != nil {
				one.Error = err.Error()
			}
			r.report.Nodes = append(r.report.Nodes, one)
		}
	}
	if !found {
		r.report.Nodes = append(r.report.Nodes, clearedNode{Socket: socket, Error: fmt.Sprintf("it has none of the tables %s", strings.Trim(r.source+", "+r.table, ", "))})
	}
}

// wireName is how a table that commands call SECTION/NAME is called on the wire, where that has a slash in front; one of a proxy has the proxy's name.
func wireName(name string) string {
	if _, table, found := strings.Cut(name, "/"); found {
		return "/" + table
	}
	return name
}

// node is a HAProxy's stats socket.
type node struct {
	ctx    context.Context
	socket string
}

func (n node) command(line string) (string, error) {
	network, address := console.Network(n.socket)
	return haproxy.Command(n.ctx, network, address, line)
}

// What becomes of an entry.
const (
	resultCleared = "cleared"
	resultZero    = "set to 0"
	resultAbsent  = "absent"
)

// inUse is what HAProxy says of an entry that a connection tracks.
const inUse = "Entry currently in use, cannot remove"

// clear removes an entry. HAProxy cannot remove one that is in use, so this is set to 0; an answer that is not empty is an error.
func (n node) clear(table, key string) (string, error) {
	arguments := table + " key " + quoteHAProxy(key)
	before, err := n.command("show table " + arguments)
	switch {
	case err != nil:
		return "", err
	case strings.TrimSpace(before) == "":
		return resultAbsent, nil
	case !strings.HasPrefix(before, "# table: "):
		return "", errors.New(strings.TrimSpace(before))
	}
	answer, err := n.command("clear table " + arguments)
	switch answer = strings.TrimSpace(answer); {
	case err != nil:
		return "", err
	case answer == "":
		return resultCleared, nil
	case answer != inUse:
		return "", errors.New(answer)
	}
	return n.zero(before, arguments)
}

// zero sets the values of an entry to 0, as it was shown. conn_cur is not touched: HAProxy counts it down when the connections end.
func (n node) zero(shown, arguments string) (string, error) {
	t, err := haproxy.ParseTable(shown)
	if err != nil || len(t.Entries) != 1 {
		return "", fmt.Errorf("%s, and what it holds cannot be read: %w", inUse, err)
	}
	line := "set table " + arguments
	for _, v := range t.Entries[0].Values {
		if v.Name != "conn_cur" && v.Name != "server_id" && v.Name != "server_key" {
			line += " data." + v.Name + " 0"
		}
	}
	if answer, err := n.command(line); err != nil || strings.TrimSpace(answer) != "" {
		return "", errors.Join(err, fmt.Errorf("%s; nor can it be set to 0: %s", inUse, strings.TrimSpace(answer)))
	}
	return resultZero, nil
}

// quoteHAProxy writes a word of a command, as HAProxy's own parser reads it: a backslash takes the next character as it is.
func quoteHAProxy(word string) string {
	var b strings.Builder
	for _, c := range []byte(word) {
		if strings.IndexByte(" \t\\;", c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}
