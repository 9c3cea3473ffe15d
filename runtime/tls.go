package runtime

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// The first byte of a TLS record, of those that can come first: a greeting, or the complaint about a greeting that is none (RFC 8446, 5.1).
const (
	recordAlert     = 0x15
	recordHandshake = 0x16
)

// isTLS tells by its first byte whether the other end speaks TLS. Hellos and status lines are text.
func isTLS(first []byte) bool {
	return len(first) > 0 && (first[0] == recordAlert || first[0] == recordHandshake)
}

var (
	errWantsTLS  = errors.New("the other end speaks TLS, and no `ssl` is configured for it here")
	errClosed    = errors.New("the other end closes the connection instead of shaking hands: it may speak clear text, and `ssl` is configured for it here")
	errHungUp    = errors.New("the other end closes the connection: it may want TLS, and no `ssl` is configured for it here")
	errNoTLS     = errors.New("the other end speaks clear text, and `ssl` is configured for it here")
	errNoLonger  = errors.New("the session is encrypted, which is no longer configured")
	errClearText = errors.New("the session is in clear text, and `ssl` is configured now")
)

// explainTLS says in an operator's words why a connection failed, where TLS is the reason.
func explainTLS(err error) error {
	var header tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.As(err, &header) && isText(header.RecordHeader[:]):
		return errNoTLS
	case errors.As(err, &op) && op.Op == "remote error":
		return explainAlert(op.Err)
	}
	return err
}

// explainAlert says what the other end complains of.
func explainAlert(alert error) error {
	if strings.Contains(alert.Error(), "certificate") {
		return fmt.Errorf("the other end refuses our certificate: %w", alert)
	}
	return fmt.Errorf("the other end ends the handshake: %w", alert)
}

// alertEar keeps the last bytes that came over a connection. OpenSSL's client refuses our certificate in clear text, where TLS 1.3 is encrypted already, and crypto/tls
// calls that a bad record. Only a handshake is listened to.
type alertEar struct {
	net.Conn
	last [7]byte
	deaf bool
}

// Read implements net.Conn.
func (e *alertEar) Read(b []byte) (int, error) {
	n, err := e.Conn.Read(b)
	if !e.deaf {
		for _, c := range b[:max(n, 0)] {
			copy(e.last[:], e.last[1:])
			e.last[6] = c
		}
	}
	return n, err
}

// alert gives the complaint that came last, if one did: a fatal alert is 15 03 0x 00 02, the level 02, and what it is.
func (e *alertEar) alert() (tls.AlertError, bool) {
	l := e.last
	return tls.AlertError(l[6]), l[0] == recordAlert && l[1] == 3 && l[3] == 0 && l[4] == 2 && l[5] == 2
}

// shakeHands makes sure that the connection is encrypted as configured, and certificates were looked at.
func shakeHands(conn *tls.Conn) error {
	if err := conn.Handshake(); err != nil {
		return fmt.Errorf("TLS: %w", explainTLS(err))
	}
	return nil
}

// isText tells whether bytes are part of a hello or a status line.
func isText(b []byte) bool {
	for _, c := range b {
		if c != '\n' && (c < ' ' || c > '~') {
			return false
		}
	}
	return true
}

// secure does the TLS handshake where the listener asks for one.
func (l *listener) secure(conn net.Conn) (net.Conn, error) {
	cfg := l.serves.Load().tls
	if cfg == nil {
		return conn, nil
	}
	ear := &alertEar{Conn: conn}
	secured := tls.Server(ear, cfg)
	err := shakeHands(secured)
	ear.deaf = true
	if alert, ok := ear.alert(); ok && err != nil {
		err = fmt.Errorf("TLS: %w", explainAlert(alert))
	}
	return secured, err
}

// trust tells why the peer's connection is not, or no longer, as it is configured: nil when it is. Certificates are looked at as in a handshake, so that a reload that
// withdraws an authority ends the sessions that rest on it, and one that only brings new certificates ends none.
func (l *link) trust(conn net.Conn, cfg *tls.Config) error {
	secured, encrypted := conn.(*tls.Conn)
	switch {
	case encrypted && cfg == nil:
		return errNoLonger
	case !encrypted && cfg != nil:
		return errClearText
	case !encrypted:
		return l.prove(nil)
	}
	state := secured.ConnectionState()
	if state.Version < cfg.MinVersion {
		return fmt.Errorf("the session has %s, and %s is configured now", tls.VersionName(state.Version), tls.VersionName(cfg.MinVersion))
	}
	if cfg.VerifyConnection != nil {
		if err := cfg.VerifyConnection(state); err != nil {
			return fmt.Errorf("TLS: %w", err)
		}
	}
	return l.prove(state.PeerCertificates)
}

// prove tells whether the certificates that came over the connection bear the peer's name, where sections want that.
func (l *link) prove(chain []*x509.Certificate) error {
	for _, m := range l.currentMembers() {
		if !m.section.config().StrictNames {
			continue
		}
		if len(chain) == 0 {
			return fmt.Errorf("nothing proves that the other end is `%s`: it showed no certificate", l.name)
		}
		if !BearsName(chain[0], l.name) {
			return fmt.Errorf("the other end's certificate is for %s, not for `%s`", certificateNames(chain[0]), l.name)
		}
	}
	return nil
}

// BearsName tells whether a certificate is for a name, as HAProxy's verifyhost does: one of its DNS names or its common name is it, or stands for it with "*." in place of the first label.
func BearsName(cert *x509.Certificate, name string) bool {
	_, domain, _ := strings.Cut(name, ".")
	for _, has := range append(cert.DNSNames[:len(cert.DNSNames):len(cert.DNSNames)], cert.Subject.CommonName) {
		wild, ok := strings.CutPrefix(has, "*.")
		if strings.EqualFold(has, name) || ok && domain != "" && strings.EqualFold(wild, domain) {
			return has != ""
		}
	}
	return false
}

// certificateNames lists a certificate's names for a message.
func certificateNames(cert *x509.Certificate) string {
	names := namesOf(cert)
	if len(names) == 0 {
		return "no name"
	}
	return "`" + strings.Join(names, "`, `") + "`"
}

// namesOf lists the names that a certificate bears: its DNS names and the common name, each once.
func namesOf(cert *x509.Certificate) []string {
	names := slices.Clone(cert.DNSNames)
	if cn := cert.Subject.CommonName; cn != "" && !slices.Contains(names, cn) {
		names = append(names, cn)
	}
	return names
}

// revouch ends the sessions that the present configuration would not let come up: those that are encrypted and should not be, or the reverse, and those whose certificates no
// longer pass. The caller holds a.mu.
func (a *Aggregator) revouch() {
	for _, l := range a.links {
		l.mu.Lock()
		conn, via, sess, cfg := l.conn, l.via, l.sess, l.tls
		l.mu.Unlock()
		if sess == nil {
			continue
		}
		if via != nil {
			cfg = a.listensWith(l, via)
		}
		err := l.trust(conn, cfg)
		if err == nil && !l.sameReach(via) {
			err = errReconfigured
		}
		if err != nil {
			sess.Stop(err)
		}
	}
}

// listensWith gives how the peer would be accepted now: through the listener that it came by, or if that is gone, at its section's own.
func (a *Aggregator) listensWith(l *link, via *listener) *tls.Config {
	for _, open := range a.listeners {
		if open == via {
			return via.serves.Load().tls
		}
	}
	for _, m := range l.currentMembers() {
		return m.section.config().Local.TLS
	}
	return nil
}
