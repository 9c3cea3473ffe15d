package compile_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"stktc/topology"
	"stktc/topology/sticktable"
)

// confirm lets a real HAProxy check the files of every balancer, and that it keeps the peers sections.
func confirm(t *testing.T, b *built) {
	t.Run("haproxy", func(t *testing.T) {
		binary := haproxyOf(t, b.cluster)
		dir := t.TempDir()
		certificate := writeCertificate(t, dir)
		for _, n := range b.balancers() {
			args := []string{"-c"}
			if n.Build.LocalPeer == topology.LocalPeerExternal {
				args = append(args, "-L", n.Name.Value)
			}
			for i, f := range b.laid(n) {
				file := filepath.Join(dir, fmt.Sprintf("%s-%d-%s", n.Name.Value, i, f.name))
				if err := os.WriteFile(file, pemFile.ReplaceAll(f.text, []byte(certificate)), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append(args, "-f", file)
			}
			out, err := exec.Command(binary, args...).CombinedOutput()
			var failed *exec.ExitError
			if err != nil && !errors.As(err, &failed) {
				t.Fatal(err)
			}
			if err != nil || complaint.Match(out) {
				t.Errorf("%s: %v\n%s", n.Name.Value, err, out)
			}
		}
	})
}

// complaint is what HAProxy may not say of what was built. It warns of much else that a base may do.
var complaint = regexp.MustCompile(`ALERT|incomplete section|ignored|Peers section`)

// pemFile is a certificate's or an authority's name in a configuration.
var pemFile = regexp.MustCompile(`/etc/[A-Za-z0-9/._-]+\.pem`)

// writeCertificate makes a file that serves as certificate with key, and as authority.
func writeCertificate(t *testing.T, dir string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	err = errors.Join(pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.Encode(&text, &pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}))
	file := filepath.Join(dir, "all.pem")
	if err = errors.Join(err, os.WriteFile(file, text.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return file
}

// versionOf reads what "haproxy -v" says.
func versionOf(text string) sticktable.Version {
	m := regexp.MustCompile(`version (\d+)\.(\d+)`).FindStringSubmatch(text)
	if m == nil {
		return sticktable.Version{}
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	return sticktable.Version{Major: major, Minor: minor}
}

// needed is the oldest HAProxy that knows everything in a cluster's files.
func needed(c *topology.Cluster) sticktable.Version {
	v := sticktable.Version{Major: 2, Minor: 0}
	for _, n := range c.Nodes {
		for _, t := range n.Tables {
			if t.RecvOnly || t.Shape.Definition.Key == sticktable.IPv4 && !c.HAProxy.Before(sticktable.Version{Major: 3, Minor: 2}) {
				return sticktable.Version{Major: 3, Minor: 2}
			}
			for _, column := range t.Shape.Definition.Columns {
				if since := column.Type.Spec().Since; v.Before(since) {
					v = since
				}
			}
		}
	}
	return v
}

// haproxyOf finds the HAProxy to test with, and skips what only a newer one knows.
func haproxyOf(t *testing.T, c *topology.Cluster) string {
	t.Helper()
	binary := haproxyBinary(t)
	out, err := exec.Command(binary, "-v").Output()
	if err != nil {
		t.Fatal(err)
	}
	if have := versionOf(string(out)); have.Before(needed(c)) {
		t.Skipf("haproxy %s does not know what %s does", have, needed(c))
	}
	return binary
}

// haproxyBinary is the HAProxy to test with.
func haproxyBinary(t *testing.T) string {
	t.Helper()
	name := os.Getenv("HAPROXY")
	if name == "" {
		name = "haproxy"
	}
	binary, err := exec.LookPath(name)
	switch {
	case err == nil:
		return binary
	case os.Getenv("STKTC_REQUIRE_HAPROXY") == "1":
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}
