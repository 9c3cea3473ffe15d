package cli

import (
	"time"

	"stktc/runtime"
)

func (c *client) sectionsJSON(sections []runtime.SectionStatus) []Section {
	now := c.srv.now()
	list := make([]Section, len(sections))
	for i := range sections {
		s := &sections[i]
		list[i] = Section{SectionJSON: s.JSON(), Peers: []Peer{}, Tables: sums(s), Mismatches: mismatches(s)}
		for k := range s.Peers {
			list[i].Peers = append(list[i].Peers, newPeer(s, &s.Peers[k], now))
		}
	}
	return list
}

func newPeer(s *runtime.SectionStatus, p *runtime.PeerStatus, now time.Time) Peer {
	j := Peer{
		PeerJSON: s.PeerJSON(p), AgeSeconds: age(now, p.Since), Sends: []Send{},
		TLS: p.TLS.Version, TLSCipher: p.TLS.Cipher, TLSPeer: p.TLS.Peer, TLSVerified: p.TLS.Verified,
	}
	for _, t := range p.Sends {
		j.Sends = append(j.Sends, Send{t.Name, t.ID, t.Pushed, t.Acked, t.Unaccepted})
	}
	return j
}

// age is how long ago something was, in seconds with its milliseconds.
func age(now, then time.Time) float64 { return max(0, now.Sub(then).Round(time.Millisecond).Seconds()) }
