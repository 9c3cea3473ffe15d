package load

import (
	"context"
	"flag"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"stktc/cmd/internal/haproxy"
	"stktc/cmd/internal/haproxy/haproxytest"
	"stktc/runtime"
	"stktc/topology/sticktable"
)

// TestMain lets sixteen tests run at a time, unless -parallel says otherwise: they wait most of theirs.
func TestMain(m *testing.M) {
	flag.Set("test.parallel", "16")
	m.Run()
}

// aggregator runs the real one for nodes, until the test ends, and gives its address.
func aggregator(t *testing.T, addresses map[string]string, names ...string) string {
	t.Helper()
	return aggregatorOf(t, runtime.Section{}, addresses, names...)
}

// aggregatorOf runs one with settings of its own.
func aggregatorOf(t *testing.T, section runtime.Section, addresses map[string]string, names ...string) string {
	t.Helper()
	_, address := serve(t, section, addresses, names...)
	return address
}

func serve(t *testing.T, section runtime.Section, addresses map[string]string, names ...string) (*runtime.Aggregator, string) {
	t.Helper()
	section.Name, section.Local, section.Rules = "s", runtime.Peer{Name: "agg", Address: "127.0.0.1:0"}, []runtime.Rule{{From: ".raw", To: ".sum"}}
	for _, n := range names {
		address := addresses[n]
		if address == "" {
			address = closedAddress(t)
		}
		section.Peers = append(section.Peers, runtime.Peer{Name: n, Address: address})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a, err := runtime.New(runtime.Config{Sections: []runtime.Section{section}}, runtime.Options{
		Listen: func(string, string) (net.Listener, error) { return l, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- a.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return a, l.Addr().String()
}

// closedAddress is one where nobody listens.
func closedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// column makes a column from the words of a store list.
func column(c sticktable.DataType, elems int, period time.Duration) sticktable.Column {
	return sticktable.Column{Type: c, Elems: elems, Period: period}
}

// usual is the common table.
func usual(key sticktable.KeyType) sticktable.Definition {
	return sticktable.Definition{Key: key, KeyLen: key.WireLen(key.DefaultLen()), Expire: time.Hour, Columns: []sticktable.Column{
		column(sticktable.GPC0, 1, 0), column(sticktable.HTTPReqCnt, 1, 0), column(sticktable.HTTPReqRate, 1, 10*time.Second),
	}}
}

func config(names ...string) Config {
	return Config{
		Nodes: names, TargetName: "agg", Table: "t", From: ".raw", To: ".sum", Definition: usual(sticktable.IPv4),
		Keys: 500, Order: Scattered, Distribution: Uniform, Updates: 20_000, Probes: 500,
		Settle: 10 * time.Second, Looks: 2, LookEvery: 300 * time.Millisecond,
	}
}

// mustBeRight runs a load and demands that all sums are right.
func mustBeRight(t *testing.T, c Config) *Report {
	t.Helper()
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if !r.IsRight() {
		for _, k := range r.Looks {
			t.Logf("look at %.1f s: %d wrong: %v, rates %+v", k.After, k.Wrong, k.ByColumn, k.Rates)
			for _, m := range k.Mistakes[:min(4, len(k.Mistakes))] {
				t.Logf("%+v", m)
			}
		}
		t.Fatalf("settled: %v; %d went back, %d live wrong; faults %q, notes %q, latency %+v", r.Stages[len(r.Stages)-1].Settled, r.WentBack, r.BadLife, r.Faults, r.Notes, r.Latency)
	}
	return r
}

// TestKeysAndTypes: whatever the keys and the data types are, everything is summed right.
func TestKeysAndTypes(t *testing.T) {
	t.Parallel()
	for name, def := range keyShapes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config("lb1", "lb2", "lb3")
			c.Definition = everything(10 * time.Second)
			c.Definition.Key, c.Definition.KeyLen = def.Key, def.KeyLen
			c.Table, c.Target = "/st_src", aggregator(t, nil, c.Nodes...)
			c.Keys = greatEvery // one of them has great values
			r := mustBeRight(t, c)
			const fields = 16 + 3*3 + 2 // server_id to http_fail_rate without server_key, which has no value; three arrays of three; glitches
			if look := r.Looks[0]; look.Checked != look.Keys*fields*3 || look.Keys < greatEvery {
				t.Errorf("%d fields of %d keys were compared, want %d of each on each node", look.Checked, look.Keys, fields)
			}
			if look := r.Looks[0]; look.Rates.Moving == 0 || look.Rates.Mean < 1 {
				t.Errorf("no rate was above 0: %+v", look.Rates)
			}
		})
	}
}

// TestRatesFade looks at rates of a short period through all of their decay.
func TestRatesFade(t *testing.T) {
	t.Parallel()
	c := config("lb1", "lb2")
	c.Definition.Columns[2].Period = time.Second
	c.Target = aggregator(t, nil, c.Nodes...)
	c.Updates, c.Duration, c.Rate = 0, 1500*time.Millisecond, 10_000
	c.Looks, c.LookEvery = 8, 300*time.Millisecond
	r := mustBeRight(t, c)
	if first, last := r.Looks[0].Rates, r.Looks[len(r.Looks)-1].Rates; first.Mean < 10 || last.Moving != 0 {
		t.Errorf("rates went from %+v to %+v", first, last)
	}
}

func TestManners(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"in order":   func(c *Config) { c.Order = InOrder },
		"zipf":       func(c *Config) { c.Distribution = Zipf },
		"no fill":    func(c *Config) { c.NoFill = true },
		"one node":   func(c *Config) { c.Nodes = c.Nodes[:1] },
		"no probes":  func(c *Config) { c.Probes = 0 },
		"deaf":       func(c *Config) { c.Deaf, c.Updates = c.Nodes[1:], 100_000 },
		"slow":       func(c *Config) { c.Slow, c.SlowRate, c.Updates = c.Nodes[1:], 1<<20, 100_000 },
		"rates only": func(c *Config) { c.Definition.Columns = c.Definition.Columns[2:] },
		"reconnects": func(c *Config) { c.Reconnects, c.Rate, c.Away = 3, 50_000, 20*time.Millisecond },
		"recorded":   func(c *Config) { c.Recorded, c.Probes, c.Updates = true, 0, 100_000 },
		"restarts":   func(c *Config) { c.Restarts, c.Rate, c.Away = 2, 50_000, 20*time.Millisecond },
		"both":       func(c *Config) { c.Restarts, c.Reconnects, c.Updates, c.Away = 1, 2, 200_000, 0 },
		"kept short": func(c *Config) {
			c.Recorded, c.Probes, c.Updates, c.Slow, c.SlowRate = true, 0, 100_000, c.Nodes[1:], 1<<20
		},
		"all away": func(c *Config) { c.Reconnects, c.Updates, c.Away = 5, 200_000, 0 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config("lb1", "lb2")
			c.Target = aggregator(t, nil, c.Nodes...)
			change(&c)
			r := mustBeRight(t, c)
			load := r.Stage("load")
			if load == nil || int(load.UpdatesIn) < c.Updates {
				t.Errorf("load: %+v", load)
			}
			if fill := r.Stage("fill"); (fill == nil) != c.NoFill || fill != nil && fill.UpdatesIn != uint64(c.Keys*len(c.Nodes)) {
				t.Errorf("fill: %+v", fill)
			}
			if want := int64(len(c.Nodes) * (1 + c.Reconnects + c.Restarts)); r.Sessions != want || r.Losses != 0 {
				t.Errorf("%d sessions, %d lost, want %d: %q", r.Sessions, r.Losses, want, r.Notes)
			}
			if (r.GivenBack > 0) != (c.Restarts > 0) {
				t.Errorf("%d updates were given back", r.GivenBack)
			}
			hasProbes := (c.Probes > 0 || c.Recorded) && len(c.Definition.Columns) == 3
			if (r.Latency != nil) != hasProbes {
				t.Errorf("latency %+v", r.Latency)
			}
		})
	}
}

// TestEvents: what happens behind the load costs no sum, and idle nodes time their pushes all the while.
func TestEvents(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		event    Event
		giveBack bool
		left     uint64 // keys that are looked at besides those of probes
	}{
		"relearn":           {Relearn, false, 500},
		"forget":            {Forget, false, 500},
		"forget, give back": {Forget, true, 500},
		"fade":              {Fade, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config("lb1", "lb2", "lb3", "lb4")
			cfg.Idle, cfg.Events, cfg.Linger = cfg.Nodes[2:], []Event{c.event}, 500*time.Millisecond
			cfg.FillRate, cfg.Rate, cfg.Probes = 20_000, 50_000, 200
			if c.event == Fade {
				cfg.Definition.Expire = 2 * time.Second
			}
			cfg.Target = aggregatorOf(t, runtime.Section{NoGiveBack: !c.giveBack}, nil, cfg.Nodes...)
			r := mustBeRight(t, cfg)
			for _, s := range r.Stages {
				if s.Latency == nil || s.Latency.Count < 1 {
					t.Errorf("nothing was timed in %+v", s)
				}
			}
			if k := r.Looks[0].Keys; k < c.left || k > c.left+2*probesPerNode {
				t.Errorf("%d keys were looked at, want %d and those of probes", k, c.left)
			}
			if r.Stage(string(c.event)) == nil || r.Losses != 0 {
				t.Errorf("%+v", r)
			}
			if (r.GivenBack > 0) != c.giveBack {
				t.Errorf("%d updates were given back", r.GivenBack)
			}
		})
	}
}

// TestNothingCounted: a stage in which no sum changes takes the time until all is there again.
func TestNothingCounted(t *testing.T) {
	t.Parallel()
	c := config("lb1", "lb2")
	c.Events, c.Updates = []Event{Relearn}, 1000
	c.Target = aggregator(t, nil, c.Nodes...)
	s := mustBeRight(t, c).Stage(string(Relearn))
	if s.Sending <= 0 || s.Seconds < s.Sending || s.UpdatesIn != 0 || s.Taught == 0 || s.OutPerSecond <= 0 {
		t.Errorf("%+v", s)
	}
}

// TestCountsUpdates: what is told of updates in and out, on which every figure rests, is what the aggregator itself has taken and given.
func TestCountsUpdates(t *testing.T) {
	t.Parallel()
	for name, isRecorded := range map[string]bool{"live": false, "recorded": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config("lb1", "lb2", "lb3")
			c.Definition.Columns = c.Definition.Columns[:2] // rates are sent again whenever a period ends
			c.Recorded, c.Probes, c.Updates, c.Looks = isRecorded, 0, 100_000, 1
			agg, address := serve(t, runtime.Section{}, nil, c.Nodes...)
			c.Target = address
			r := mustBeRight(t, c)
			var in, out, theirIn, theirOut uint64
			for _, s := range r.Stages {
				in, out = in+s.UpdatesIn+s.Taught, out+s.UpdatesOut
			}
			for _, p := range agg.Status().Sections[0].Peers {
				theirIn, theirOut = theirIn+p.UpdatesIn, theirOut+p.UpdatesOut
			}
			if in != theirIn || out != theirOut || in < 100_000 || out == 0 {
				t.Errorf("%d updates in and %d out, the aggregator says %d and %d", in, out, theirIn, theirOut)
			}
		})
	}
}

// TestWarmUp: a recorded load is all there, after an eighth of it that is no part of it.
func TestWarmUp(t *testing.T) {
	t.Parallel()
	c := config("lb1", "lb2")
	c.Target = aggregator(t, nil, c.Nodes...)
	c.Recorded, c.Probes, c.Updates, c.Looks = true, 0, 80_000, 1
	r := mustBeRight(t, c)
	want := []struct {
		name    string
		updates int
	}{{"fill", c.Keys * len(c.Nodes)}, {warmUp, c.Updates / warmUpPart}, {"load", c.Updates}}
	if len(r.Stages) != len(want) {
		t.Fatalf("%d stages, want %d", len(r.Stages), len(want))
	}
	for i, s := range r.Stages {
		if more := int(s.UpdatesIn) - want[i].updates; s.Name != want[i].name || more < 0 || more > len(c.Nodes)*recordedProbes {
			t.Errorf("stage %s of %d updates, want %s of %d", s.Name, s.UpdatesIn, want[i].name, want[i].updates)
		}
	}
}

// TestPace: a paced load keeps its pace.
func TestPace(t *testing.T) {
	t.Parallel()
	c := config("lb1", "lb2")
	c.Target = aggregator(t, nil, c.Nodes...)
	c.Rate, c.Updates, c.Probes = 20_000, 10_000, 0
	load := mustBeRight(t, c).Stage("load")
	if took := float64(load.Sending); took < 0.49 {
		t.Errorf("10,000 updates at 20,000 a second took %f s", took)
	}
}

// TestTargetDials: the nodes wait, and the target calls.
func TestTargetDials(t *testing.T) {
	t.Parallel()
	c := config("lb1", "lb2")
	addresses := map[string]string{}
	for _, n := range c.Nodes {
		addresses[n] = closedAddress(t)
		c.Listen = append(c.Listen, addresses[n])
	}
	aggregator(t, addresses, c.Nodes...)
	mustBeRight(t, c)
}

// TestAgain: a second run against a target that remembers the first one begins from nothing.
func TestAgain(t *testing.T) {
	t.Parallel()
	c := config("lb1", "lb2")
	c.Keys, c.Target = 20_000, aggregator(t, nil, c.Nodes...)
	mustBeRight(t, c)
	c.Keys, c.NoFill, c.Updates = 10_000, true, 5_000
	if r := mustBeRight(t, c); r.Looks[0].Keys > 5_000+2*probesPerNode {
		t.Errorf("%d keys are known", r.Looks[0].Keys)
	}
}

func TestCannotBePlayed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"wrong target name": {func(c *Config) { c.TargetName = "other" }, "`503`"},
		"unknown node":      {func(c *Config) { c.Nodes[1] = "lb9" }, "refuses node `lb9` with `504`"},
		"nobody there":      {func(c *Config) { c.Target = closedAddress(t); c.Connect = 300 * time.Millisecond }, "refused"},
		"process has ended": {func(c *Config) { c.PID = 1 << 30 }, "process 1073741824 has ended"},
		"same names":        {func(c *Config) { c.Nodes[1] = "lb1" }, "there twice"},
		"no keys":           {func(c *Config) { c.Keys = 0 }, "`0` keys"},
		"too many keys":     {func(c *Config) { c.Keys = MaxKeys + 1 }, "accepted are 1 to"},
		"no amount":         {func(c *Config) { c.Updates = 0 }, "neither a number of updates nor a duration"},
		"short strings":     {func(c *Config) { c.Definition.Key, c.Definition.KeyLen = sticktable.String, 5 }, "of `4` characters"},
		"same tables":       {func(c *Config) { c.To = c.From }, "must differ"},
		"unknown deaf":      {func(c *Config) { c.Deaf = []string{"x"} }, "`x` is not one of the nodes"},
		"address taken":     {func(c *Config) { c.Listen = []string{c.Target, c.Target} }, "in use"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config("lb1", "lb2")
			cfg.Target = aggregator(t, nil, cfg.Nodes...)
			c.change(&cfg)
			if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestHAProxyReceives: a real one takes all updates, and has of each key what the last node to push it said.
func TestHAProxyReceives(t *testing.T) {
	t.Parallel()
	binary := haproxytest.Binary(t)
	c := config("lb1", "lb2")
	c.Table, c.To, c.Target, c.Keys = "/t", "", closedAddress(t), 300
	text := fmt.Sprintf("peers p\n  peer agg %s\n  peer lb1 %s\n  peer lb2 %s\n  table t.raw type ip size 1k expire 1h store %s\n",
		c.Target, closedAddress(t), closedAddress(t), c.Definition.StoreString())
	p := haproxytest.Start(t, haproxy.Config{Binary: binary, Name: "agg", Text: text})
	c.PID = p.PID()
	r := mustBeRight(t, c)
	if s := r.Stage("load"); s.Target == nil || s.UpdatesIn != uint64(c.Updates) || s.UpdatesOut != 0 {
		t.Errorf("%+v", s)
	}
	table, err := p.ShowTable(t.Context(), "p/t.raw")
	if err != nil || int(table.Used) != c.Keys {
		t.Fatalf("%+v, %v", table, err)
	}
	for _, e := range table.Entries {
		n, ok := e.Uint("http_req_cnt")
		if least := uint64(c.Updates / 2 / c.Keys); !ok || n < least {
			t.Fatalf("%+v: http_req_cnt is below the number of laps, %d", e, least)
		}
	}
}

// TestProgress: it is told, it grows, and its stages come in order.
func TestProgress(t *testing.T) {
	t.Parallel()
	c := config("lb1", "lb2")
	c.Target = aggregator(t, nil, c.Nodes...)
	c.Updates, c.Rate = 30_000, 30_000
	var all []Progress
	c.Progress = func(p Progress) { all = append(all, p) }
	mustBeRight(t, c)
	loads := 0
	for i, p := range all {
		if p.Done < 0 || p.Done > 1 || p.Sessions != 2 {
			t.Errorf("%+v", p)
		}
		if p.Stage == "load" {
			loads++
			if i > 0 && all[i-1].Stage == "load" && all[i-1].Done > p.Done {
				t.Errorf("%+v after %+v", p, all[i-1])
			}
		}
	}
	if loads < 2 {
		t.Errorf("told %d times of a load of a second", loads)
	}
}
