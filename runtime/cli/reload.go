package cli

import (
	"encoding/hex"
	"fmt"
	"time"
)

// reloadJSON is "show reload json".
type reloadJSON struct {
	OK        bool      `json:"ok"` // no reload has failed since the last one that succeeded
	Successes uint64    `json:"successes"`
	Failures  uint64    `json:"failures"`
	Last      time.Time `json:"last,omitzero"`
	Error     string    `json:"error,omitempty"`
}

// showReload tells what became of the last reload. The first word is ok or failed: stktc show reload exits by it.
func showReload(c *client, _ []string) {
	r := c.status().Reloads
	if c.json {
		c.writeJSON(reloadJSON{OK: r.LastError == "", Successes: r.Successes, Failures: r.Failures, Last: r.Last, Error: r.LastError})
		return
	}
	switch {
	case r.Last.IsZero():
		fmt.Fprintln(c.w, "ok: not reloaded since the start")
	case r.LastError == "":
		fmt.Fprintf(c.w, "ok: reloaded %s ago (%d succeeded, %d failed)\n", human(c.srv.now().Sub(r.Last)), r.Successes, r.Failures)
	default:
		fmt.Fprintf(c.w, "failed: %s ago, everything is as it was before (%d succeeded, %d failed)\n%s\n", human(c.srv.now().Sub(r.Last)), r.Successes, r.Failures, r.LastError)
	}
}

// faultJSON is one of "show errors json".
type faultJSON struct {
	Time  time.Time `json:"time"`
	Peer  string    `json:"peer"`
	Error string    `json:"error"`
	Bytes string    `json:"bytes"` // the beginning of the message, hexadecimal
}

func showErrors(c *client, _ []string) {
	faults := c.srv.agg.Faults()
	if c.json {
		list := []faultJSON{}
		for _, f := range faults {
			list = append(list, faultJSON{f.Time, f.Peer, f.Err, hex.EncodeToString(f.Bytes)})
		}
		c.writeJSON(list)
		return
	}
	fmt.Fprintf(c.w, "Total messages that broke the protocol, of the last kept: %d\n", len(faults))
	for _, f := range faults {
		fmt.Fprintf(c.w, "%s peer %s: %s\n  % x\n", f.Time.Format("02/Jan/2006:15:04:05.000"), f.Peer, f.Err, f.Bytes)
	}
}

// reload reads the configuration again and answers when that is done, as showReload does.
func reload(c *client, _ []string) {
	switch {
	case c.level < Admin:
		c.fail("Permission denied: the stats socket needs `level admin` for reload; kill -HUP does the same")
		return
	case c.srv.opt.Reload == nil:
		c.fail("Not available")
		return
	}
	c.srv.opt.Reload()
	showReload(c, nil)
}
