package systemd

import (
	"context"
	"log/slog"
	"time"
)

// Watch gives a sign of life whenever half of the watchdog's time has passed, until ctx ends, as long as alive finds none that speaks against it. After
// that systemd ends the service; its status says why. Without a watchdog Watch returns at once.
func (n *Notifier) Watch(ctx context.Context, alive func() error, log *slog.Logger) {
	if n == nil || n.address == "" || n.watchdog == 0 {
		return
	}
	ticker := time.NewTicker(max(n.watchdog/2, time.Microsecond))
	defer ticker.Stop()
	w := watch{n: n, alive: alive, log: log}
	for {
		w.look()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// watch is what Watch remembers of its last look.
type watch struct {
	n             *Notifier
	alive         func() error
	log           *slog.Logger
	stuck, failed bool
}

// look gives the sign of life, or says once why there is none.
func (w *watch) look() {
	var err error
	switch dead := w.alive(); {
	case dead != nil && !w.stuck:
		w.stuck = true
		w.log.Error("no sign of life for the watchdog", "because", dead, "limit", w.n.watchdog)
		err = w.n.Status("stuck: " + dead.Error())
	case dead == nil:
		if w.stuck {
			w.stuck = false
			w.log.Warn("alive again")
			err = w.n.Status("alive again after it was stuck")
		}
		if e := w.n.notify("WATCHDOG=1"); e != nil {
			err = e
		}
	}
	if err != nil && !w.failed {
		w.log.Error("watchdog", "err", err)
	}
	w.failed = err != nil
}
