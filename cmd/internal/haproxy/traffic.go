package haproxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// requestTimeout bounds one request.
const requestTimeout = 5 * time.Second

// Request sends n HTTP requests one after the other to an address (host:port), each on a connection of its own from the given source
// address; a source that is not valid leaves the choice to the system. Any answer counts, whatever its status.
func Request(ctx context.Context, source netip.Addr, address string, n int) error {
	dialer := &net.Dialer{Timeout: requestTimeout}
	if source.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
	}
	client := &http.Client{
		Transport:     &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       requestTimeout,
	}
	for i := range n {
		if err := requestOnce(ctx, client, address); err != nil {
			return fmt.Errorf("request %d of %d to %s: %w", i+1, n, address, err)
		}
	}
	return nil
}

func requestOnce(ctx context.Context, client *http.Client, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
