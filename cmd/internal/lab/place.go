package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
)

// The lab's addresses: host i of a topology is 127.NET.(i/250).(1+i%250). The network is the first of several in which every
// address that is to be listened at is free, so that two labs can run at once.
const (
	firstNet     = 77
	nets         = 23 // each lab that runs has one
	hostsPerByte = 250
	clientByte   = 254 // third byte of the clients' addresses
	sinkByte     = 255 // and of the server that stands for all servers
	sinkPort     = 18080
	maxHosts     = clientByte * hostsPerByte

	privileged = 1024  // ports below need privilege
	movedPorts = 10000 // they are moved up by this
)

// maxSocketPath is what fits into a UNIX socket's address (sun_path, 108 bytes on Linux, 104 elsewhere) with HAProxy's
// suffix for the time of binding (".12345.tmp").
const maxSocketPath = 92

// plan is where everything is in one attempt at a network.
type plan struct {
	net    int
	dir    string
	places []*place
	byPeer map[string]*place // by every name that a host bears in the peers protocol
	ports  map[string][]int  // the ports that such a name listens at, as they are written
	// guard listens at the sink's address from the choice of the network on, and so keeps other labs away from it.
	guard net.Listener
}

// place is one host's.
type place struct {
	name    string
	dir     string
	ip      netip.Addr
	taken   map[int]bool      // ports that the host's files write
	moved   map[int]int       // ports below 1024, and where they are now
	listens []string          // what the host listens at, host:port
	certs   map[string]string // files with the lab's certificates, by what is written
	asked   []string          // names that others want to see in them
	sockets map[string]string // paths that stand for UNIX sockets, by what is written
}

func newPlan(network int, dir string, hosts []Host) *plan {
	p := &plan{net: network, dir: dir, byPeer: map[string]*place{}, ports: map[string][]int{}}
	for i, h := range hosts {
		p.places = append(p.places, &place{
			name: h.Name, dir: filepath.Join(dir, h.Name),
			ip:    netip.AddrFrom4([4]byte{127, byte(network), byte(i / hostsPerByte), byte(1 + i%hostsPerByte)}),
			taken: map[int]bool{}, moved: map[int]int{}, certs: map[string]string{}, sockets: map[string]string{},
		})
		p.byPeer[h.Name] = p.places[i]
	}
	return p
}

// client is the source address of the n-th client.
func (p *plan) client(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(p.net), clientByte, byte(1 + n)})
}

func (p *plan) sink() string {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, byte(p.net), sinkByte, 1}), sinkPort).String()
}

// port gives the port that stands for a written one: the same, or if it needs privilege a higher one, on every call the same.
func (p *place) port(written int) int {
	if written >= privileged {
		return written
	}
	if p.moved[written] == 0 {
		p.moved[written] = p.free(movedPorts + written)
	}
	return p.moved[written]
}

func (p *place) free(port int) int {
	for p.taken[port] {
		port++
	}
	p.taken[port] = true
	return port
}

// at is the address that stands for a port of this host.
func (p *place) at(written int) string {
	return net.JoinHostPort(p.ip.String(), strconv.Itoa(p.port(written)))
}

// listen is the address at which the host is to listen for a written port. Two lines with one port, told apart by their
// addresses, become two ports.
func (p *place) listen(written int) string {
	at := p.at(written)
	for _, other := range p.listens {
		if other == at {
			at = net.JoinHostPort(p.ip.String(), strconv.Itoa(p.free(movedPorts+written%movedPorts)))
			break
		}
	}
	p.listens = append(p.listens, at)
	return at
}

// socket is the path that stands for a UNIX socket's: the last part of the written one in the host's directory, with a number where two
// sockets would meet, or a short name in the lab's where that is too long.
func (p *place) socket(written string) string {
	if known, ok := p.sockets[written]; ok {
		return known
	}
	path := filepath.Join(p.dir, filepath.Base(written))
	for _, other := range p.sockets {
		if other == path {
			path = fmt.Sprintf("%s-%d", path, len(p.sockets))
		}
	}
	if len(path) > maxSocketPath {
		path = filepath.Join(filepath.Dir(p.dir), fmt.Sprintf("%s-%d.sock", p.ip, len(p.sockets)+1))
	}
	p.sockets[written] = path
	return path
}

// reserve takes the network, or gives the error of the first address that cannot be listened at.
func (p *plan) reserve() (err error) {
	if p.guard, err = net.Listen("tcp", p.sink()); err != nil {
		return err
	}
	for _, pl := range p.places {
		for _, at := range pl.listens {
			if err := tryListen(at); err != nil {
				p.guard.Close()
				return fmt.Errorf("%s: %w", pl.name, err)
			}
		}
	}
	return nil
}

func tryListen(at string) error {
	l, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	return l.Close()
}

// relocate finds a network for the hosts and writes their files for it. The caller closes the plan's guard.
func relocate(dir string, hosts []Host, form form) (*plan, []relocated, error) {
	if len(hosts) > maxHosts {
		return nil, nil, fmt.Errorf("%d hosts; the lab has addresses for %d", len(hosts), maxHosts)
	}
	var first error
	for n := range nets {
		p := newPlan(firstNet+n, dir, hosts)
		files := p.rewrite(hosts, form)
		busy := p.reserve()
		if busy == nil {
			if err := errors.Join(writeFiles(files), p.writeCertificates()); err != nil {
				p.guard.Close()
				return nil, nil, err
			}
			return p, files, nil
		}
		if first == nil {
			first = busy
		}
	}
	return nil, nil, fmt.Errorf("no network from 127.%d to 127.%d is free for the hosts: %w", firstNet, firstNet+nets-1, first)
}

func writeFiles(files []relocated) error {
	for _, f := range files {
		err := errors.Join(os.MkdirAll(filepath.Dir(f.path), 0o700), os.WriteFile(f.path, f.text, 0o600))
		if err != nil {
			return err
		}
	}
	return nil
}
