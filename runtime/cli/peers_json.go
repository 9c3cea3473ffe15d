package cli

import (
	"slices"
	"time"

	"stktc/runtime"
)

func (c *client) sectionsJSON(sections []runtime.SectionStatus) []Section {
	now := c.srv.now()
	list := make([]Section, len(sections))
	for i := range sections {
		s := &sections[i]
		j := Section{
			Name: s.Name, Local: s.Local.Name, Listen: s.Local.Address, Condition: s.Condition(),
			Released: s.Released, Writing: s.Writing, Learned: s.Learned, Whole: s.Whole, GroupTakeovers: s.Groups, ReplicaTakeovers: s.Replicas,
			Missing: notNil(s.Missing), Rules: []Rule{}, Forwards: notNil(s.Forwards), Peers: []Peer{}, Tables: sums(s), Mismatches: notNil(mismatches(s)),
		}
		for _, r := range s.Rules {
			j.Rules = append(j.Rules, Rule{r.From, r.To, r.UpOnly})
		}
		for k := range s.Peers {
			p := newPeer(&s.Peers[k], now)
			p.Missing = slices.Contains(s.Missing, p.Name)
			j.Peers = append(j.Peers, p)
		}
		list[i] = j
	}
	return list
}

func newPeer(p *runtime.PeerStatus, now time.Time) Peer {
	j := Peer{
		Name: p.Name, Address: p.Address, Direction: p.Direction.String(), Group: p.Group, Counts: p.Counts, Dynamic: p.Dynamic,
		TLS: p.TLS.Version, TLSCipher: p.TLS.Cipher, TLSPeer: p.TLS.Peer, TLSVerified: p.TLS.Verified,
		Connected: p.Connected, Inbound: p.Inbound, Remote: p.Remote, PID: p.PID, Since: p.Since, AgeSeconds: age(now, p.Since), Sessions: p.Sessions,
		Lesson: p.Lesson, Status: p.Status.String(), StatusText: p.Status.Explain(), LastError: p.LastError,
		UpdatesIn: p.UpdatesIn, UpdatesOut: p.UpdatesOut, Ignored: p.Ignored, BytesIn: p.BytesIn, BytesOut: p.BytesOut,
		HeartbeatsIn: p.HeartbeatsIn, HeartbeatsOut: p.HeartbeatsOut, Lag: p.Lag.Round(time.Microsecond).Seconds(), Unacked: p.Unacked.Round(time.Millisecond).Seconds(), Sends: []Send{}, Refused: []Refused{},
	}
	for _, t := range p.Sends {
		j.Sends = append(j.Sends, Send{t.Name, t.ID, t.Pushed, t.Acked, t.Unaccepted})
	}
	for _, t := range p.Refused {
		j.Refused = append(j.Refused, Refused{t.Name, t.Reason})
	}
	return j
}

// age is how long ago something was, in seconds with its milliseconds.
func age(now, then time.Time) float64 { return max(0, now.Sub(then).Round(time.Millisecond).Seconds()) }
