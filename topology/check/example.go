package check

import "strings"

// oneLevel is an aggregator with two nodes, without a mistake. Their rules count in the source and decide by the aggregate.
const oneLevel = `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  peer hapee2 192.168.56.102:44444
  from .uncombined to .aggr
-- hapee1/hapee-lb.cfg --
frontend web
  bind *:80
  http-request track-sc0 src table mytable.uncombined
  http-request deny if { src,table_http_req_rate(mytable.aggr) gt 100 }
backend mytable.uncombined
  stick-table type ip size 100 expire 1h store http_req_rate(1m) peers mypeers
backend mytable.aggr
  stick-table type ip size 200 expire 1h store http_req_rate(1m) peers mypeers
peers mypeers
  bind 0.0.0.0:44444
  server hapee1
  server aggr1 192.168.56.111:11111
-- hapee2/hapee-lb.cfg --
frontend web
  bind *:80
  http-request track-sc0 src table mytable.uncombined
  http-request deny if { src,table_http_req_rate(mytable.aggr) gt 100 }
backend mytable.uncombined
  stick-table type ip size 100 expire 1h store http_req_rate(1m) peers mypeers
backend mytable.aggr
  stick-table type ip size 200 expire 1h store http_req_rate(1m) peers mypeers
peers mypeers
  bind 0.0.0.0:44444
  server hapee2
  server aggr1 192.168.56.111:11111
`

// altered is oneLevel with texts replaced, wherever they stand: old, new, old, new …
func altered(pairs ...string) string { return alter(oneLevel, pairs...) }

func alter(text string, pairs ...string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			panic("the example lacks " + pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// twoTops are two redundant aggregators above another.
const twoTops = `-- aggr1/hapee-stktagg.cfg --
aggregations myaggr
  peer aggr1  192.168.56.111:11111 local
  peer hapee1 192.168.56.101:44444
  peer aggr3  192.168.56.113:22222 up group 1
  peer aggr4  192.168.56.114:22222 up group 1
  from .uncombined to .aggr
  forward .l2
-- aggr3/hapee-stktagg.cfg --
aggregations myl2
  peer aggr3  192.168.56.113:22222 local
  peer aggr1  192.168.56.111:11111 down
  from .aggr to .l2
-- aggr4/hapee-stktagg.cfg --
aggregations myl2
  peer aggr4  192.168.56.114:22222 local
  peer aggr1  192.168.56.111:11111 down
  from .aggr to .l2
-- hapee1/hapee-lb.cfg --
frontend web
  bind *:80
  http-request track-sc0 src table mytable.uncombined
  http-request deny if { src,table_http_req_rate(mytable.l2) gt 100 }
backend mytable.uncombined
  stick-table type ip size 100 expire 1h store http_req_rate(1m) peers mypeers
backend mytable.aggr
  stick-table type ip size 100 expire 1h store http_req_rate(1m) peers mypeers
backend mytable.l2
  stick-table type ip size 100 expire 1h store http_req_rate(1m) peers mypeers
peers mypeers
  bind 0.0.0.0:44444
  server hapee1
  server aggr1 192.168.56.111:11111
`
