package check

import (
	"slices"
	"testing"
)

// TestSharedHostNames: of one host with both files, the balancer is called by its own name.
func TestSharedHostNames(t *testing.T) {
	const archive = `-- lb1/hapee-stktagg.cfg --
aggregations all
  peer agg1 192.168.56.111:11111 local
  peer lb1 192.168.56.101:44444
  from .uncombined to .aggr
-- lb1/hapee-lb.cfg --
global
  localpeer lb1
backend mytable.uncombined
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
backend mytable.aggr
  stick-table type ip size 100 expire 1h store http_req_rate(1h) peers mypeers
peers mypeers
  bind 0.0.0.0:44444
  server lb1
  server agg1 192.168.56.111:11111
`
	const want = "STK611 agg1 runs on the host of the balancer lb1"
	if got := found(t, archive, sharedHost.Code); !slices.Contains(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
