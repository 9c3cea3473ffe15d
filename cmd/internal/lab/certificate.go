package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"time"

	"stktc/grammar"
	"stktc/topology"
)

// certificateLife is from now, with an hour before for clocks that are set back; a lab that is kept lives for days at most.
const certificateLife = 30 * 24 * time.Hour

// authority is the file with the lab's own authority.
func (p *plan) authority() string { return filepath.Join(p.dir, "ca.pem") }

// certificate is the file that stands for one that the host's configuration names.
func (p *place) certificate(written string) string {
	if p.certs[written] == "" {
		p.certs[written] = filepath.Join(p.dir, fmt.Sprintf("certificate-%d.pem", len(p.certs)+1))
	}
	return p.certs[written]
}

// ask notes the names that whoever dials this host wants to see in its certificate.
func (p *place) ask(options []grammar.Scalar) {
	for i := 0; i+1 < len(options); i++ {
		name := ""
		switch options[i].Value {
		case "verifyhost":
			name = options[i+1].Value
		case "sni":
			name = topology.SNIName(options[i+1].Value)
		}
		if name != "" && !slices.Contains(p.asked, name) {
			p.asked = append(p.asked, name)
		}
	}
}

// encryptionWords are the options of HAProxy's peers that say how sessions are encrypted, by whether a value follows. The others, which are about
// health, interfaces and users, have no place in the lab.
var encryptionWords = map[string]bool{
	"ssl": false, "no-sslv3": false, "no-tlsv10": false, "no-tlsv11": false, "no-tlsv12": false, "no-tlsv13": false, "no-tls-tickets": false,
	"force-tlsv12": false, "force-tlsv13": false, "no-ssl-reuse": false,
	"crt": true, "ca-file": true, "verify": true, "verifyhost": true, "sni": true, "alpn": true, "ciphers": true, "ciphersuites": true,
	"curves": true, "ssl-min-ver": true, "ssl-max-ver": true,
}

// encryption keeps of a HAProxy line's options what concerns TLS.
func (r *rewriter) encryption(options []grammar.Scalar) []string {
	var kept []grammar.Scalar
	for i := 0; i < len(options); i++ {
		valued, known := encryptionWords[options[i].Value]
		if !known {
			continue
		}
		kept = append(kept, options[i])
		if valued && i+1 < len(options) {
			i++
			kept = append(kept, options[i])
		}
	}
	return r.certificates(kept)
}

// certificates puts the lab's own certificates into the place of the host's; lists of revoked ones are none of the lab's.
func (r *rewriter) certificates(options []grammar.Scalar) []string {
	var words []string
	for i := 0; i < len(options); i++ {
		word := options[i].Value
		if i+1 == len(options) {
			return append(words, r.source(options[i])...)
		}
		switch word {
		case "crt":
			words = append(words, word, r.place.certificate(options[i+1].Value))
		case "ca-file":
			words = append(words, word, r.plan.authority())
		case "key", "crl-file": // the key is in the certificate's file
		default:
			words = append(words, r.source(options[i])...)
			continue
		}
		i++
	}
	return words
}

// certificates counts the files with certificates that the hosts' files name.
func (p *plan) certificates() (n int) {
	for _, pl := range p.places {
		n += len(pl.certs)
	}
	return n
}

// issuer signs.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// writeCertificates makes the authority and all certificates that the hosts' files name, each with the names that the host bears or is asked for.
func (p *plan) writeCertificates() error {
	ca, text, err := newIssuer()
	if err != nil {
		return err
	}
	if err := os.WriteFile(p.authority(), text, 0o600); err != nil {
		return err
	}
	for _, pl := range p.places {
		for _, path := range slices.Sorted(maps.Values(pl.certs)) {
			text, err := ca.issue(p.names(pl))
			if err != nil {
				return err
			}
			if err := os.WriteFile(path, text, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// names lists what a host's certificates are for.
func (p *plan) names(pl *place) []string {
	names := []string{pl.name}
	for _, name := range slices.Sorted(maps.Keys(p.byPeer)) {
		if p.byPeer[name] == pl {
			names = append(names, name)
		}
	}
	names = append(names, pl.asked...)
	slices.Sort(names[1:])
	return slices.Compact(names)
}

func newIssuer() (*issuer, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := certificateFor([]string{"stktc lab"})
	template.DNSNames, template.ExtKeyUsage = nil, nil
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &issuer{cert, key}, block("CERTIFICATE", der), err
}

// issue gives a certificate and its key in one text, as HAProxy has it.
func (i *issuer) issue(names []string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, certificateFor(names), i.cert, &key.PublicKey, i.key)
	secret, bad := x509.MarshalPKCS8PrivateKey(key)
	return append(block("CERTIFICATE", der), block("PRIVATE KEY", secret)...), errors.Join(err, bad)
}

func certificateFor(names []string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // the system has no randomness
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(certificateLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
