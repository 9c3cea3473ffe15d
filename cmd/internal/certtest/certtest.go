// Package certtest makes certificates for tests: authorities of a test's own, and what they issue, good and bad.
package certtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority issues certificates.
type Authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte // its certificate
	up   []byte // those that lead from it to the root: none for a root
}

// Leaf is what a certificate is to say. The zero value is good from an hour ago to an hour ahead, for both uses.
type Leaf struct {
	Name     string   // the common name
	DNS      []string // further names
	From, To time.Time
	Usage    []x509.ExtKeyUsage
}

// NewAuthority makes a root. What it issues is written into a directory that goes with the test.
func NewAuthority(t testing.TB, name string) *Authority {
	t.Helper()
	a := &Authority{t: t, dir: t.TempDir()}
	return a.sign(name, nil)
}

// Below makes an authority that the first one vouches for.
func (a *Authority) Below(name string) *Authority {
	a.t.Helper()
	below := &Authority{t: a.t, dir: a.dir}
	return below.sign(name, a)
}

func (a *Authority) sign(name string, by *Authority) *Authority {
	a.t.Helper()
	a.key = newKey(a.t)
	template := leaf(Leaf{Name: name})
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage, template.ExtKeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature, nil
	issuer := &Authority{cert: template, key: a.key}
	if by != nil {
		issuer = by
	}
	der := create(a.t, template, issuer, a.key)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	a.cert, a.pem = cert, block("CERTIFICATE", der)
	if by != nil {
		a.up = append(append(a.up, a.pem...), by.up...)
	}
	return a
}

// File gives a file with the authority's own certificate, for ca-file.
func (a *Authority) File() string { return a.write(a.cert.Subject.CommonName+".ca.pem", a.pem) }

// Issue gives the certificate with those that lead to the root, and the key, both in PEM.
func (a *Authority) Issue(l Leaf) (chain, key []byte) {
	a.t.Helper()
	own := newKey(a.t)
	der := create(a.t, leaf(l), a, own)
	secret, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		a.t.Fatal(err)
	}
	return append(block("CERTIFICATE", der), a.up...), block("PRIVATE KEY", secret)
}

// Pair gives one file with certificate, chain and key, as HAProxy has it.
func (a *Authority) Pair(l Leaf) string {
	a.t.Helper()
	chain, key := a.Issue(l)
	return a.write(l.Name+".pem", append(chain, key...))
}

func (a *Authority) write(name string, text []byte) string {
	a.t.Helper()
	dir, err := os.MkdirTemp(a.dir, "")
	if err != nil {
		a.t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func leaf(l Leaf) *x509.Certificate {
	if l.From.IsZero() {
		l.From = time.Now().Add(-time.Hour)
	}
	if l.To.IsZero() {
		l.To = time.Now().Add(time.Hour)
	}
	if l.Usage == nil {
		l.Usage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // the system has no randomness
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: l.Name}, DNSNames: l.DNS, NotBefore: l.From, NotAfter: l.To,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: l.Usage,
	}
}

func create(t testing.TB, template *x509.Certificate, by *Authority, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
