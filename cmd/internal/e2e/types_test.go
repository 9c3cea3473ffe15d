package e2e

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy/haproxytest"
	"stktc/runtime/node"
	"stktc/topology/sticktable"
)

// keyKind is a key type with a length, and the keys that it is tried with.
type keyKind struct {
	name    string // in the names of its tables
	decl    string // in their declarations
	fetch   string // the sample of a request that is its key
	key     sticktable.KeyType
	keyLen  int
	set     []string // written by "set table", as commands have them; HAProxy takes no binary keys there
	traffic []string // the header of requests
}

const (
	textFetch  = "req.hdr(x-key)"
	addrFetch  = "req.hdr_ip(x-key)"
	bytesFetch = "req.hdr(x-key),b64dec"
)

func encoded(keys ...string) []string {
	for i, k := range keys {
		keys[i] = base64.StdEncoding.EncodeToString([]byte(k))
	}
	return keys
}

// Keys longer than their table's length are cut by HAProxy; each node is given them with another end (see balancer.keyOf).
var keyKinds = []keyKind{
	{"int", "integer", textFetch, sticktable.Integer, 4,
		[]string{"305419896", "4294967295", "1", "77"}, []string{"4000000000", "0"}},
	{"ip", "ip", addrFetch, sticktable.IPv4, 4,
		[]string{"10.0.0.1", "255.255.255.255", "0.0.0.1", "192.0.2.77"}, []string{"192.0.2.200", "127.0.0.0"}},
	{"ipv6", "ipv6", addrFetch, sticktable.IPv6, 16,
		[]string{"2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::1", "fe80::77"}, []string{"2001:db8::c8", "::ffff:192.0.2.1"}},
	{"str", "string", textFetch + ",b64dec", sticktable.String, 32,
		[]string{`plain`, `a\ b=c\\d`, `exactly-31-characters-long-abcd`, `much-longer-than-31-characters-and-cut-there`}, encoded("tab\tand=\xc3\xa9\xff", "another-that-is-longer-than-31-characters")},
	{"str10", "string len 10", textFetch + ",b64dec", sticktable.String, 11,
		[]string{`k`, `0123456789`, `9876543210x`, `abcdefghijklmnopqrstuvwxyz`}, encoded("x", "tracked-and-cut")},
	{"bin", "binary", bytesFetch, sticktable.Binary, 32,
		nil, encoded("\x00\x01\xff\x00\x7f", strings.Repeat("\xab\x00", 16))},
	{"bin5", "binary len 5", bytesFetch, sticktable.Binary, 5,
		nil, encoded("\x00\x00\x00\x00\x01", "12345")},
}

// columnSet is a list of data types that may stand in one table: HAProxy refuses gpt beside gpt0, and so on.
type columnSet struct {
	name    string
	columns []sticktable.Column
}

func column(t sticktable.DataType, elems int) sticktable.Column {
	c := sticktable.Column{Type: t, Elems: elems}
	if t.Spec().Kind == sticktable.FreqCtr {
		c.Period = time.Hour // nothing ages while the test runs
	}
	return c
}

// columnSets gives all data types that the version has, in two tables. Dictionaries and integers of other widths stand before and after everything.
func columnSets(v sticktable.Version) []columnSet {
	scalars, arrays := columnSet{name: "s"}, columnSet{name: "a"}
	elems := map[sticktable.DataType]int{sticktable.GPT: 3, sticktable.GPC: 2, sticktable.GPCRate: 4}
	for i := range sticktable.NumDataTypes {
		t := sticktable.DataType(i)
		switch {
		case v.Before(t.Spec().Since):
		case t.Spec().Array:
			arrays.columns = append(arrays.columns, column(t, elems[t]))
		default:
			scalars.columns = append(scalars.columns, column(t, 1))
			if slices.Contains([]sticktable.DataType{sticktable.ServerID, sticktable.BytesInCnt, sticktable.ServerKey, sticktable.HTTPFailCnt, sticktable.GlitchCnt}, t) {
				arrays.columns = append(arrays.columns, column(t, 1))
			}
		}
	}
	for _, s := range []*columnSet{&scalars, &arrays} {
		slices.SortFunc(s.columns, func(a, b sticktable.Column) int { return int(a.Type) - int(b.Type) })
	}
	return []columnSet{scalars, arrays}
}

func (s columnSet) store() string {
	return (&sticktable.Definition{Columns: s.columns}).StoreString()
}

// place is where tables are declared.
type place string

const (
	inSection place = "peers"   // lines of the peers section: "/t" on the wire
	inProxies place = "proxies" // sections of their own: "t" on the wire
)

// typesTable is one table of the matrix, as its sources and as its sum.
type typesTable struct {
	kind  keyKind
	set   columnSet
	where place
}

func (x typesTable) base() string { return x.kind.name + "-" + x.set.name }

// config is how HAProxy's configuration and commands call it.
func (x typesTable) config(suffix string) string {
	if x.where == inSection {
		return inPeers(x.base() + suffix)
	}
	return x.base() + suffix
}

// wire is how the protocol calls it.
func (x typesTable) wire(suffix string) string {
	if x.where == inSection {
		return "/" + x.base() + suffix
	}
	return x.base() + suffix
}

func (x typesTable) declaration() string {
	return fmt.Sprintf("type %s size 1k expire 1h", x.kind.decl)
}

// matrix is the test of all types.
type matrix struct {
	*cluster
	tables   []typesTable
	scripted *node.Node           // contributes to tables of binary keys what requests cannot: large counts, glitches
	given    map[string][]given   // what scripted has, by table
	seen     map[string]cellMarks // by column's type, then kind's name
}

type given struct {
	key    string // as shown
	values map[string]uint64
}

type cellMarks map[string]string

// TestTypes sums every data type under every key type, in tables of proxies and of peers sections, from two HAProxys that count, and checks every
// value of every sum on both and on the aggregator's own socket.
func TestTypes(t *testing.T) {
	t.Parallel()
	m := &matrix{cluster: newCluster(t), given: map[string][]given{}, seen: map[string]cellMarks{}}
	for _, kind := range keyKinds {
		for _, set := range columnSets(m.version) {
			m.tables = append(m.tables, typesTable{kind, set, inSection}, typesTable{kind, set, inProxies})
		}
	}
	m.startAggregator(m.section(3))
	for n := range 2 {
		m.addNode(m.sectionTables(), m.frontendLines(), m.proxies(m.newBalancer(n).origin()))
	}
	m.startScripted(m.newBalancer(2))
	m.connected()
	m.fill()
	haproxytest.Eventually(m.t, m.check)
	m.stays(time.Second, m.check)
	m.prove()
	t.Logf("HAProxy %s: seen summed right (s: by set table, t: by traffic, n: with the built-in node):\n%s", m.version, m.print())

	m.nodes[1].kill()
	haproxytest.Eventually(m.t, func() error { return m.checkConnCur(m.nodes[0]) })
}

func (m *matrix) sectionTables() []string {
	var lines []string
	for _, x := range m.tables {
		if x.where == inSection {
			for _, suffix := range []string{".raw", ".sum"} {
				lines = append(lines, x.base()+suffix+" "+x.declaration()+" store "+x.set.store())
			}
		}
	}
	return lines
}

// frontendLines track a request in the tables of the kind and place that the path's end names.
func (m *matrix) frontendLines() []string {
	var lines []string
	for _, x := range m.tables {
		counter := map[string]int{"s": 0, "a": 1}[x.set.name]
		lines = append(lines, fmt.Sprintf("http-request track-sc%d %s table %s if { path_end /%s }", counter, x.kind.fetch, x.config(".raw"), x.path()))
	}
	lines = append(lines, "http-request sc-inc-gpc0(0)", "http-request sc-inc-gpc1(0)", "http-request sc-set-gpt0(0) req.hdr_val(x-tag)")
	for i := range 4 {
		lines = append(lines, fmt.Sprintf("http-request sc-inc-gpc(%d,1)", i))
		if i < 3 {
			lines = append(lines, fmt.Sprintf("http-request sc-set-gpt(%d,1) req.hdr_val(x-tag),add(%d)", i, i))
		}
	}
	for _, x := range m.tables {
		if x.set.name == "s" {
			lines = append(lines, fmt.Sprintf("use_backend be-%[1]s if { path_end /%[1]s }", x.path()))
		}
	}
	return lines
}

// path ends the path of requests that are to be counted in the table.
func (x typesTable) path() string { return x.kind.name + "-" + string(x.where) }

// proxies gives the sections of the tables outside of the peers section, and those that send requests to a server and note which one.
func (m *matrix) proxies(origin string) string {
	var b strings.Builder
	for _, x := range m.tables {
		if x.where == inProxies {
			for _, suffix := range []string{".raw", ".sum"} {
				fmt.Fprintf(&b, "backend %s\n  stick-table %s store %s peers cluster\n", x.base()+suffix, x.declaration(), x.set.store())
			}
		}
	}
	for i, x := range m.tables {
		if x.set.name == "s" {
			fmt.Fprintf(&b, "backend be-%s\n", x.path())
			for _, set := range columnSets(m.version) {
				y := typesTable{x.kind, set, x.where}
				fmt.Fprintf(&b, "  stick store-request %s table %s\n", x.kind.fetch, y.config(".raw"))
			}
			fmt.Fprintf(&b, "  server server-of-%d-with-a-name %s id %d\n", i, origin, 100+len(m.nodes))
		}
	}
	return b.String()
}

// startScripted starts a third node, which has the tables of binary keys only.
func (m *matrix) startScripted(as *balancer) {
	config := node.Config{Name: as.name, Listen: as.peerAddress(), Peers: []node.Peer{{Name: aggregatorName, Address: m.aggregatorAddress()}}}
	for _, x := range m.tables {
		if x.kind.key == sticktable.Binary {
			def := sticktable.Definition{Key: x.kind.key, KeyLen: x.kind.keyLen, Expire: time.Hour, Columns: x.set.columns}
			config.Tables = append(config.Tables, node.TableConfig{WireName: x.wire(".raw"), Definition: def})
		}
	}
	n, err := node.New(config)
	if err != nil {
		m.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Serve(ctx) }()
	m.scripted = n
	m.t.Cleanup(func() {
		if cancel(); <-done != nil {
			m.t.Error("the built-in node could not serve")
		}
	})
}

// fill lets every node count.
func (m *matrix) fill() {
	for _, x := range m.tables {
		for i := range x.kind.set {
			for n, b := range m.nodes {
				if i < 3 || n == 0 { // the last key is counted by one node only
					m.set(b, x, i, n)
				}
			}
		}
		if x.kind.key == sticktable.Binary {
			m.setScripted(x)
		}
		if x.set.name == "s" { // a request counts in both tables
			for n, b := range m.nodes {
				m.request(b, x, n)
			}
		}
	}
}

// amount is what a node has of a column in its i-th key: small numbers; numbers whose sum is beyond 32 bits; numbers whose sum is beyond 64 bits.
func amount(c sticktable.Column, elem, i, n int) int64 {
	wide := c.Type.Spec().Kind == sticktable.ULongLong
	switch {
	case c.Type == sticktable.ServerID || i == 0 || i == 3:
		return int64(1000*(n+1) + 10*int(c.Type) + elem)
	case wide && i == 1:
		return 5_000_000_000 * int64(n+1)
	case wide:
		return -2 - int64(n)
	case i == 1:
		return 4_000_000_000 + int64(n)
	}
	return 2_000_000_000 + int64(n)
}

// set writes all columns that commands can write.
func (m *matrix) set(b *balancer, x typesTable, i, n int) {
	m.t.Helper()
	var data []string
	for _, c := range x.set.columns {
		switch {
		case c.Type == sticktable.ServerKey:
		case !c.Type.Spec().Array || m.version.Before(sticktable.Version{Major: 3}): // of an array, 2.6 writes the first element
			data = append(data, fmt.Sprintf("data.%s %d", c.Type, amount(c, 0, i, n)))
		default:
			for e := range c.Elems {
				data = append(data, fmt.Sprintf("data.%s[%d] %d", c.Type, e, amount(c, e, i, n)))
			}
		}
	}
	b.set(x.config(".raw"), b.keyOf(x.kind, x.kind.set[i]), strings.Join(data, " "))
}

// keyOf gives a long string another end on each node, which HAProxy cuts off.
func (b *balancer) keyOf(k keyKind, key string) string {
	if k.key == sticktable.String && len(key) >= k.keyLen {
		return key + "-on-" + b.name
	}
	return key
}

func (m *matrix) setScripted(x typesTable) {
	m.t.Helper()
	key, err := base64.StdEncoding.DecodeString(x.kind.traffic[0])
	if err != nil {
		m.t.Fatal(err)
	}
	key = append(key, make([]byte, x.kind.keyLen-len(key))...)
	var changes []node.Change
	g := given{key: strings.ToUpper(hex.EncodeToString(key)), values: map[string]uint64{}}
	for _, c := range x.set.columns {
		if c.Type == sticktable.ServerKey {
			continue
		}
		for e := range c.Elems {
			v := uint64(amount(c, e, 1, 0))
			changes = append(changes, node.Change{Column: c.Type, Elem: e, Delta: v})
			g.values[label(c, e)] = v
		}
	}
	if err := m.scripted.Set(x.wire(".raw"), key, changes...); err != nil {
		m.t.Fatal(err)
	}
	m.given[x.wire("")] = append(m.given[x.wire("")], g)
}

// label is how "show table" names an element, without a rate's period.
func label(c sticktable.Column, elem int) string {
	if !c.Type.Spec().Array {
		return c.Type.String()
	}
	stem, rest, _ := strings.Cut(c.Type.String(), "_")
	if rest != "" {
		rest = "_" + rest
	}
	return stem + strconv.Itoa(elem) + rest
}

// request sends requests of all outcomes: some that the server answers, more that it does not find, more that fail; the second node gets more of each.
func (m *matrix) request(b *balancer, x typesTable, n int) {
	m.t.Helper()
	client := &http.Client{Transport: &http.Transport{}, Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	for _, key := range x.kind.traffic {
		if raw, err := base64.StdEncoding.DecodeString(key); err == nil && x.kind.key == sticktable.String {
			key = encoded(b.keyOf(x.kind, string(raw)))[0]
		}
		for i, outcome := range []string{"200", "404", "500"} {
			for range (i + 1) * (n + 1) {
				if err := m.requestOnce(client, b, "/"+outcome+"/"+x.path(), key, 20+n); err != nil {
					m.t.Fatal(err)
				}
			}
		}
	}
}

func (c *cluster) requestOnce(client *http.Client, b *balancer, path, key string, tag int) error {
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, "http://"+b.frontend()+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("X-Key", key)
	req.Header.Set("X-Tag", strconv.Itoa(tag))
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if want := path[1:4]; strconv.Itoa(resp.StatusCode) != want {
		return fmt.Errorf("%s: status %d, want %s", path, resp.StatusCode, want)
	}
	return nil
}
