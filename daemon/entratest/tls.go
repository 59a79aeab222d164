package entratest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"time"
)

// StartTLS is Start over https, with a certificate of NewCertificate. The tenant's authority is https://localhost:PORT.
func StartTLS(directory Directory) (*Tenant, error) {
	certificate, ca, err := NewCertificate()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen on loopback: %w", err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String()) // an address of net's is one
	secured := tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}})
	t, err := New(directory, "https://localhost:"+port)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	t.ca = ca
	t.serve(secured)
	return t, nil
}

// CA gives the PEM of the certificate authority that the tenant's own certificate is of: for ca_file, SSL_CERT_FILE and
// NODE_EXTRA_CA_CERTS. It is nil for a tenant over http.
func (t *Tenant) CA() []byte { return t.ca }

// Client makes an HTTP client that trusts the tenant's CA and nobody else's, and keeps no connection open.
func (t *Tenant) Client() *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(t.ca)
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		DisableKeepAlives: true,
	}}
}

// NewCertificate makes a certificate for localhost and the loopback addresses, and the CA that signed it, as PEM. The
// CA's key is gone when this returns, so it signs nothing else ever. Both last 30 days.
func NewCertificate() (tls.Certificate, []byte, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make a CA's key: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make a key: %w", err)
	}
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber:          big.NewInt(now.UnixNano()),
		Subject:               pkix.Name{CommonName: "fakeentra CA, not for production"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(0, 0, 30),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano() + 1),
		Subject:      pkix.Name{CommonName: "fakeentra"},
		NotBefore:    ca.NotBefore,
		NotAfter:     ca.NotAfter,
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make a CA: %w", err)
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), nil
}
