package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy/haproxytest"
)

const leaseTime = 2 * time.Second

// leaseFrontend has limits of the cluster, 50 requests, and of the node, 30, and says which of them it uses. Probes do not count.
var leaseFrontend = []string{
	"http-request track-sc0 src table " + inPeers("life.raw") + " unless { path /probe }",
	"acl kept str(test),in_table(" + inPeers("stktc.lease") + ")",
	"acl complete str(test),table_gpc0(" + inPeers("stktc.lease") + ") eq 0",
	"http-request set-var(txn.limit) str(cluster) if kept",
	"http-request set-var(txn.limit) str(node) unless kept",
	"http-request set-var(txn.strict) str(cluster) if kept complete",
	"http-request set-var(txn.strict) str(node) unless kept complete",
	"http-request return status 429 hdr limit %[var(txn.limit)] hdr strict %[var(txn.strict)] if kept { src,table_http_req_cnt(" + inPeers("life.sum") + ") gt 50 }",
	"http-request return status 429 hdr limit %[var(txn.limit)] hdr strict %[var(txn.strict)] if !kept { src,table_http_req_cnt(" + inPeers("life.raw") + ") gt 30 }",
	"http-request return status 200 hdr limit %[var(txn.limit)] hdr strict %[var(txn.strict)]",
}

// leased is an aggregator with a lease, as a process of its own, and two nodes with 20 and 40 requests of one client.
type leased struct {
	*cluster
	stktc string
	agg   *daemon
}

func newLeased(t *testing.T) *leased {
	t.Helper()
	l := &leased{cluster: newCluster(t), stktc: buildStktc(t)}
	l.agg = l.startBinary(l.stktc, 2, "lease /stktc.lease "+leaseTime.String())
	tables := append(lifeTables("1h"), "stktc.lease type string size 100 expire "+leaseTime.String()+" store gpc0")
	for i := range 2 {
		b := l.addNode(tables, leaseFrontend, "")
		l.requests(b, 20+20*i)
	}
	l.settles(60)
	return l
}

// wants polls until both nodes answer probes as they should: a limit of the cluster stops both, that of the node only the second. It gives how long that took.
func (l *leased) wants(since time.Time, limit, strict string) time.Duration {
	l.t.Helper()
	statuses := map[string][]int{"cluster": {429, 429}, "node": {200, 429}}[limit]
	haproxytest.Eventually(l.t, func() error {
		for i, b := range l.nodes {
			want := fmt.Sprintf("%d limit %s strict %s", statuses[i], limit, strict)
			if got, err := l.probe(b); got != want || err != nil {
				return fmt.Errorf("%s answers %q (%v), want %q", b.name, got, err, want)
			}
		}
		return nil
	})
	return time.Since(since)
}

// probe tells the status and the limits that the node's rules use.
func (l *leased) probe(b *balancer) (string, error) {
	conn, err := net.Dial("tcp", b.frontend())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintf(conn, "GET /probe HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d limit %s strict %s", r.StatusCode, r.Header.Get("limit"), r.Header.Get("strict")), nil
}

// answers gives a check of what the first node answers probes.
func (l *leased) answers(want string) func() error {
	return func() error {
		if got, err := l.probe(l.nodes[0]); got != want || err != nil {
			return fmt.Errorf("answers %q (%v), want %q", got, err, want)
		}
		return nil
	}
}

// TestLease: rules use the cluster's limit as long as the aggregator keeps its lease. When it hangs or dies they fall back to the node's own within the time of the lease, and
// return when it is back and has learned.
func TestLease(t *testing.T) {
	t.Parallel()
	l := newLeased(t)
	l.wants(time.Now(), "cluster", "cluster")
	l.stays(2*leaseTime, l.answers("429 limit cluster strict cluster")) // it is kept without any traffic
	l.agg.signal(syscall.SIGSTOP)
	l.fallsBack("stopped")
	l.requests(l.nodes[1], 5)
	l.stays(6*time.Second, l.answers("200 limit node strict node")) // its sessions end meanwhile
	l.agg.signal(syscall.SIGCONT)
	took := l.wants(time.Now(), "cluster", "cluster")
	if err := l.sumsAre(65); err != nil {
		t.Errorf("the lease is back before the sums: %v", err)
	}
	t.Logf("back %v after it went on", took.Round(ms))

	l.agg.end(syscall.SIGKILL)
	l.fallsBack("killed")
	l.agg = l.startBinary(l.stktc, 2, "lease /stktc.lease "+leaseTime.String())
	t.Logf("back %v after it was started again", l.wants(time.Now(), "cluster", "cluster").Round(ms))
}

// fallsBack waits until the nodes no longer use the cluster's limit. The last refresh was a third of the lease ago at most. HAProxy looks for entries that are over when the first of them may be.
func (l *leased) fallsBack(what string) {
	l.t.Helper()
	took := l.wants(time.Now(), "node", "node")
	l.t.Logf("nodes fall back %v after it was %s, of a lease of %v", took.Round(ms), what, leaseTime)
	if most := leaseTime + l.slack(); took > most {
		l.t.Errorf("nodes fell back %v after it was %s, %v is the most", took, what, most)
	}
}

// TestStrictLease: with a source missing sums are sent, and the lease is kept: only the strict rule falls back, until the source is back.
func TestStrictLease(t *testing.T) {
	t.Parallel()
	l := newLeased(t)
	l.wants(time.Now(), "cluster", "cluster")
	gone := l.nodes[1]
	if err := gone.Kill(); err != nil {
		t.Fatal(err)
	}
	haproxytest.Eventually(l.t, l.answers("429 limit cluster strict node"))
	l.stays(2*leaseTime, l.answers("429 limit cluster strict node"))
	restarted := time.Now()
	gone.start()
	haproxytest.Eventually(l.t, l.answers("429 limit cluster strict cluster"))
	t.Logf("the strict rule returns %v after the source was started again", time.Since(restarted).Round(ms))
	haproxytest.Eventually(l.t, func() error { return l.sumsAre(60) })
}
