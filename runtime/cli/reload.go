package cli

import (
	"encoding/hex"
	"fmt"
)

// showReload tells what became of the last reload. The first word is ok or failed: stktc show reload exits by it.
func showReload(c *client, _ []string) {
	r := c.status().Reloads
	if c.json {
		j := Reload{OK: r.LastError == "", Successes: r.Successes, Failures: r.Failures, Last: r.Last, Error: r.LastError, Waits: r.Waits}
		if !r.Last.IsZero() {
			j.AgeSeconds = age(c.srv.now(), r.Last)
		}
		c.writeJSON(j)
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
	for _, w := range r.Waits {
		fmt.Fprintf(c.w, "waits for a restart: `%s`, which is taken over at the start only\n", w)
	}
}

func showErrors(c *client, _ []string) {
	faults := c.srv.agg.Faults()
	if c.json {
		list := []Fault{}
		for _, f := range faults {
			list = append(list, Fault{f.Time, age(c.srv.now(), f.Time), f.Peer, f.Remote, f.Kind.String(), f.Err, hex.EncodeToString(f.Bytes)})
		}
		c.writeJSON(list)
		return
	}
	fmt.Fprintf(c.w, "Total messages that broke the protocol, of the last kept: %d\n", len(faults))
	for _, f := range faults {
		fmt.Fprintf(c.w, "%s peer %s at %s, %s: %s\n  % x\n", f.Time.Format("02/Jan/2006:15:04:05.000"), f.Peer, f.Remote, f.Kind, f.Err, f.Bytes)
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
