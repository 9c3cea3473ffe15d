package aggregator

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"stktc/grammar"
	"stktc/grammar/diag"
	"stktc/runtime"
	"stktc/topology"
)

// keyring reads the files that TLS keywords name. What it cannot use is a finding at the keyword's value. Paths are as HAProxy takes them: a relative one begins in the
// directory that the process runs in.
type keyring struct {
	findings *diag.List
	now      time.Time
}

// forPeer gives what a peer is dialled with, nil for clear text. As on HAProxy's server lines the peer's certificate must come from ca-file unless verify says none. Its
// name does not matter, peers are mostly addressed by IP, but for the one that verifyhost gives, or without it sni. Our own certificate is shown when asked for.
func (k keyring) forPeer(t topology.TLS) *tls.Config {
	if !t.On {
		return nil
	}
	cfg := base(t)
	cfg.ServerName = topology.SNIName(t.SNI.Value)
	cfg.InsecureSkipVerify = true // VerifyConnection does it: a name is not always asked for
	if !t.Crt.IsZero() {
		// Shown whatever authorities the peer says that it knows, as OpenSSL does: the peer says best what is wrong with it.
		if own := k.certificate(t, x509.ExtKeyUsageClientAuth); own != nil {
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil }
		}
	}
	if t.Verify.Value == "none" {
		return cfg
	}
	cfg.RootCAs = k.authorities(t.CAFile)
	name := t.VerifyHost.Value
	if name == "" {
		name = cfg.ServerName
	}
	roots := cfg.RootCAs
	cfg.VerifyConnection = func(s tls.ConnectionState) error {
		return verify(s.PeerCertificates, roots, x509.ExtKeyUsageServerAuth, name)
	}
	return cfg
}

// forListener gives what a listener serves with, nil for clear text. As on HAProxy's bind lines nobody is asked for a certificate unless verify says optional or required.
func (k keyring) forListener(t topology.TLS) *tls.Config {
	if !t.On {
		return nil
	}
	cfg := base(t)
	if own := k.certificate(t, x509.ExtKeyUsageServerAuth); own != nil {
		cfg.Certificates = []tls.Certificate{*own}
	}
	required := t.Verify.Value == "required"
	if !required && t.Verify.Value != "optional" {
		return cfg
	}
	cfg.ClientCAs, cfg.ClientAuth = k.authorities(t.CAFile), tls.VerifyClientCertIfGiven
	if required {
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
	}
	roots := cfg.ClientCAs
	cfg.VerifyConnection = func(s tls.ConnectionState) error { // for sessions that are looked at again after a reload
		if len(s.PeerCertificates) == 0 && !required {
			return nil
		}
		return verify(s.PeerCertificates, roots, x509.ExtKeyUsageClientAuth, "")
	}
	return cfg
}

func base(t topology.TLS) *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, SessionTicketsDisabled: true} // sessions are long: resuming them would save nothing
	if t.MinVersion.Value == "TLSv1.3" {
		cfg.MinVersion = tls.VersionTLS13
	}
	if t.MaxVersion.Value == "TLSv1.2" {
		cfg.MaxVersion = tls.VersionTLS12
	}
	return cfg
}

// verify looks at what the other end showed: its own certificate first, then those that lead to an authority. With a name, the first must bear it.
func verify(chain []*x509.Certificate, roots *x509.CertPool, usage x509.ExtKeyUsage, name string) error {
	if len(chain) == 0 {
		return errors.New("the other end showed no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
		return err
	}
	if name != "" && !runtime.BearsName(chain[0], name) {
		return fmt.Errorf("the other end's certificate is not for `%s`", name)
	}
	return nil
}

// certificate reads our own certificate with its chain, and its key: from the same file, as HAProxy has it, from the file that key names, or from one beside it that ends in ".key".
func (k keyring) certificate(t topology.TLS, usage x509.ExtKeyUsage) *tls.Certificate {
	text, ok := k.read("crt", t.Crt)
	if !ok {
		return nil
	}
	key, where := text, t.Crt
	switch {
	case !t.Key.IsZero():
		where = t.Key
		if key, ok = k.read("key", t.Key); !ok {
			return nil
		}
	case !bytes.Contains(text, []byte("PRIVATE KEY-----")):
		beside := topology.Text{Value: t.Crt.Value + ".key", Span: t.Crt.Span}
		if _, err := os.Stat(beside.Value); errors.Is(err, fs.ErrNotExist) {
			k.bad(t.Crt, "`%s` holds no private key, and there is no `%s`", t.Crt.Value, beside.Value)
			return nil
		}
		if key, ok = k.read("key", beside); !ok {
			return nil
		}
	}
	pair, err := tls.X509KeyPair(text, key)
	if err != nil {
		k.bad(where, "certificate `%s` cannot be used: %s", t.Crt.Value, strings.TrimPrefix(err.Error(), "tls: "))
		return nil
	}
	k.look(t.Crt, pair.Leaf, usage)
	return &pair
}

// look warns of what the other end will refuse, if it verifies.
func (k keyring) look(at topology.Text, cert *x509.Certificate, usage x509.ExtKeyUsage) {
	fits := len(cert.ExtKeyUsage) == 0 && len(cert.UnknownExtKeyUsage) == 0
	for _, u := range cert.ExtKeyUsage {
		fits = fits || u == usage || u == x509.ExtKeyUsageAny
	}
	side := map[x509.ExtKeyUsage]string{x509.ExtKeyUsageServerAuth: "servers, that is for listening", x509.ExtKeyUsageClientAuth: "clients, that is for dialling"}[usage]
	switch {
	case k.now.After(cert.NotAfter):
		k.warn(at, "certificate `%s` expired on %s", at.Value, cert.NotAfter.UTC().Format(time.DateTime))
	case k.now.Before(cert.NotBefore):
		k.warn(at, "certificate `%s` is not valid before %s", at.Value, cert.NotBefore.UTC().Format(time.DateTime))
	case !fits:
		k.warn(at, "certificate `%s` is not meant for %s", at.Value, side)
	}
}

// systemAuthorities is HAProxy's word for the authorities that the system trusts.
const systemAuthorities = "@system-ca"

// authorities reads whom to trust.
func (k keyring) authorities(file topology.Text) *x509.CertPool {
	pool := x509.NewCertPool()
	if file.Value == systemAuthorities {
		system, err := x509.SystemCertPool()
		if err != nil {
			k.bad(file, "the system's authorities cannot be read: %s", reason(err))
			return pool
		}
		return system
	}
	text, ok := k.read("ca-file", file)
	if !ok {
		return pool
	}
	count := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			k.bad(file, "ca-file `%s` holds a certificate that cannot be read: %s", file.Value, err)
			return pool
		}
		pool.AddCert(cert)
		count++
	}
	if count == 0 {
		k.bad(file, "ca-file `%s` holds no certificate in PEM", file.Value)
	}
	return pool
}

func (k keyring) read(keyword string, file topology.Text) ([]byte, bool) {
	text, err := os.ReadFile(file.Value)
	if err != nil {
		k.bad(file, "%s `%s` cannot be read: %s", keyword, file.Value, reason(err))
		return nil, false
	}
	return text, true
}

// reason is what went wrong, without the path, which is said already.
func reason(err error) string {
	var path *fs.PathError
	if errors.Is(err, syscall.EISDIR) {
		return "it is a directory"
	}
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

func (k keyring) bad(at topology.Text, format string, args ...any) {
	k.findings.Add(*grammar.Findingf(grammar.CodeCertificate, at.Span, format, args...))
}

func (k keyring) warn(at topology.Text, format string, args ...any) {
	f := grammar.Findingf(grammar.CodeCertificate, at.Span, format+": other ends that verify it refuse it", args...)
	f.Severity = diag.Warning
	k.findings.Add(*f)
}
