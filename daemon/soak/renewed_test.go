package soak

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/entratest"
)

// FAULTS 139: what a *_file key names is renewed in its place, by hands that do not touch claimd.toml. A daemon that read
// it at its start alone would trust the old roots, and fetch no keys under the new ones until somebody restarts it.
func TestARenewedFileThatAKeyNamesIsTaken(t *testing.T) {
	r := newRig(t)
	before, beforeRoots := certify(t)
	after, afterRoots := certify(t)
	var serving atomic.Pointer[tls.Certificate]
	serving.Store(&before)
	r.tenant.refuse()
	listener, err := net.Listen("tcp", r.tenant.address)
	must(t, err)
	r.tenant.serve(tls.NewListener(listener, &tls.Config{
		GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return serving.Load(), nil },
		SessionTicketsDisabled: true, // each connection shows the certificate of the moment
	}))
	roots := filepath.Join(r.dir, "roots.pem")
	must(t, os.WriteFile(roots, beforeRoots, 0o600))
	r.tenant.inside.SetFaults(overTLS())
	r.write(r.toml(`authority = "http://`, `authority = "https://`) + "[outbound]\nca_file = \"" + roots + "\"\n")
	d := r.start()

	serving.Store(&after)
	r.tenant.server.SetKeepAlivesEnabled(false) // the open connections knew the old certificate
	eventuallyRefreshes(t, d, "claimd trusts roots that it was not given", func(problem string) bool {
		return strings.Contains(problem, "signed by an unknown authority")
	})
	must(t, os.WriteFile(roots, afterRoots, 0o600))
	d.waitStatus("the new roots serve", func(s admin.Status) bool { return s.Generation == 2 && s.LastRefused == nil })
	eventuallyRefreshes(t, d, "claimd does not trust the new roots", func(problem string) bool { return problem == "" })
}

func eventuallyRefreshes(t *testing.T, d *daemonProcess, what string, wanted func(problem string) bool) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		results, err := d.admin.RefreshKeys(t.Context(), "")
		must(t, err)
		if wanted(results[0].Problem) {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%s: %+v", what, results)
		}
	}
}

// certify makes a certificate of this host that signs itself, and the PEM that trusts it.
func certify(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "tenant"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// overTLS has the tenant's documents name the address as claimd reaches it here.
func overTLS() entratest.Faults {
	return entratest.Faults{Rewrite: func(_ string, body []byte) []byte {
		return bytes.ReplaceAll(body, []byte(`"http://`), []byte(`"https://`))
	}}
}
