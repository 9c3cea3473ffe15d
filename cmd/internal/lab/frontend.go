package lab

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"stktc/topology"
	"stktc/topology/sticktable"
)

// own is what the lab adds to a real HAProxy, in a file of its own: a stats socket, and a frontend that counts a key of ours in tables
// that HAProxy's command line cannot fill (arrays, and keys of type binary).
type own struct {
	file   string // the configuration
	stats  string // UNIX sockets
	counts string
	tables map[string]int // number of a table in the frontend's paths, by its name in rules
}

// maxElements is how many elements of an array are counted in, each by requests of its own.
const maxElements = 8

// needsFrontend tells whether the command line cannot fill the table whole.
func needsFrontend(d *sticktable.Definition) bool {
	return d.Key == sticktable.Binary || elements(d) > 0
}

// elements is how many elements of arrays are counted in.
func elements(d *sticktable.Definition) (n int) {
	for _, c := range cells(d) {
		if c.column.Spec().Array {
			n = max(n, min(c.elem+1, maxElements))
		}
	}
	return n
}

// writeOwn writes the file for a balancer.
func writeOwn(p *place, n *topology.Node) (*own, error) {
	o := &own{
		file: filepath.Join(p.dir, "stktc-lab.cfg"), stats: p.socket("stktc-lab.sock"), counts: p.socket("stktc-lab-count.sock"),
		tables: map[string]int{},
	}
	var b strings.Builder
	fmt.Fprintf(&b, "global\n  stats socket %s mode 600 level admin\n", o.stats)
	fmt.Fprintf(&b, "defaults\n  mode http\n  timeout client 10s\nfrontend stktc-lab\n  bind %s mode 600\n", o.counts)
	for _, t := range n.Tables {
		if d := &t.Shape.Definition; needsFrontend(d) && t.Peers.Value != "" {
			o.tables[t.RuleName()] = len(o.tables)
			o.rules(&b, t)
		}
	}
	b.WriteString("  http-request deny deny_status 403\n") // an answer that http_err_cnt counts
	return o, os.WriteFile(o.file, []byte(b.String()), 0o600)
}

// rules have a request for /TABLE/ELEMENT counted under the key of its header.
func (o *own) rules(b *strings.Builder, t *topology.Table) {
	number, d := o.tables[t.RuleName()], &t.Shape.Definition
	key := "req.hdr(x-key)"
	if d.Key == sticktable.Binary {
		key += ",b64dec"
	}
	fmt.Fprintf(b, "  http-request track-sc0 %s table %s if { path_beg /%d/ }\n", key, t.RuleName(), number)
	for e := range elements(d) {
		if e < length(d, sticktable.GPC) || e < length(d, sticktable.GPCRate) {
			fmt.Fprintf(b, "  http-request sc-inc-gpc(%d,0) if { path /%d/%d }\n", e, number, e)
		}
		if e < length(d, sticktable.GPT) {
			fmt.Fprintf(b, "  http-request sc-set-gpt(%d,0) req.hdr_val(x-value) if { path /%d/%d }\n", e, number, e)
		}
	}
}

// length is how many elements a table's array has; 0 without one.
func length(d *sticktable.Definition, array sticktable.DataType) int {
	if c := d.Column(array); c != nil {
		return c.Elems
	}
	return 0
}

// count has a key counted: every element of arrays by requests of its own, or without arrays the key alone. It gives what is known then.
func (o *own) count(ctx context.Context, t *topology.Table, k key, want values) (values, error) {
	d := &t.Shape.Definition
	known, sent := values{}, uint64(0)
	for e := range max(elements(d), 1) {
		times := elementTimes(d, e, want)
		if length(d, sticktable.GPT) > e {
			tag := cell{sticktable.GPT, e}
			known[tag] = want[tag]
		}
		for _, counter := range []sticktable.DataType{sticktable.GPC, sticktable.GPCRate} {
			if length(d, counter) > e {
				known[cell{counter, e}] = times
			}
		}
		if err := o.request(ctx, fmt.Sprintf("/%d/%d", o.tables[t.RuleName()], e), header(d, k), known[cell{sticktable.GPT, e}], times); err != nil {
			return nil, fmt.Errorf("counting %s: %w", k.shown, err)
		}
		sent += times
	}
	addRequests(known, d, sent)
	return known, nil
}

// elementTimes is how many requests an element gets: few, as every element of every key takes some, but not the same on all nodes.
func elementTimes(d *sticktable.Definition, element int, want values) uint64 {
	all := cells(d)
	return 1 + (want[all[0]]+uint64(element))%7
}

// addRequests counts requests in the columns that are known to count them.
func addRequests(known values, d *sticktable.Definition, n uint64) {
	for _, c := range cells(d) {
		if c.column == sticktable.HTTPReqCnt || c.column == sticktable.HTTPReqRate {
			known[c] += n
		}
	}
}

// request sends requests, each on a connection of its own.
func (o *own) request(ctx context.Context, path, key string, value, times uint64) error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", o.counts)
		},
	}}
	for range times {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://lab"+path, nil)
		if err != nil {
			return err
		}
		req.Header.Set("x-key", key)
		req.Header.Set("x-value", fmt.Sprint(value))
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	return nil
}

// header is how a key is written for the frontend.
func header(d *sticktable.Definition, k key) string {
	if d.Key == sticktable.Binary {
		return base64.StdEncoding.EncodeToString(k.wire)
	}
	return k.shown
}
