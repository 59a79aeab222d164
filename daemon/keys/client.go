package keys

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/claimd/claimd/daemon/config"
)

// Outbound says how providers are reached. The environment's proxy settings are never read.
type Outbound struct {
	Proxy string // http://host:port; "" = direct. An authority on loopback is always reached directly.
	CA    []byte // further roots, PEM; nil = the system's alone
}

// NewClient makes the client for keys: TLS 1.2 or later, no redirect followed, 10 seconds in all, answers cut at 1 MiB
// by the reader. The error tells what is wrong with Proxy or CA.
func NewClient(outbound Outbound) (*http.Client, error) {
	proxy, err := proxyOf(outbound.Proxy)
	if err != nil {
		return nil, err
	}
	roots, err := rootsOf(outbound.CA)
	if err != nil {
		return nil, err
	}
	return clientOf(proxy, roots), nil
}

// directClient is the client of a Ring that was given none.
func directClient() *http.Client { return clientOf(nil, nil) }

// clientOf makes the client. Compression is off: an answer of 1 MiB is 1 MiB. nil roots are the system's.
func clientOf(proxy *url.URL, roots *x509.CertPool) *http.Client {
	transport := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  maxFetch,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConnsPerHost:    2,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}
	if proxy != nil {
		transport.Proxy = func(request *http.Request) (*url.URL, error) { return route(proxy, request.URL), nil }
	}
	return &http.Client{
		Transport:     transport,
		Timeout:       maxFetch,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// route gives the proxy for an address, nil for loopback: through a proxy, loopback would be the proxy's own, and http
// that is safe because it stays on this host would leave it.
func route(proxy, address *url.URL) *url.URL {
	if config.IsLoopback(address.Hostname()) {
		return nil
	}
	return proxy
}

// proxyOf reads Outbound.Proxy; nil = direct.
func proxyOf(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || u.Port() == "" {
		return nil, fmt.Errorf("proxy: want http://host:port, got %s", quote(text))
	}
	if u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("proxy: want http://host:port, got more than that")
	}
	return u, nil
}

// rootsOf gives the system's roots and those in the PEM text; nil = the system's alone.
func rootsOf(text []byte) (*x509.CertPool, error) {
	if text == nil {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("ca_file: want the system's roots beside it, got %w", err)
	}
	count := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("ca_file: want certificates, got %s", quote(block.Type))
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("ca_file: want certificates, got one that cannot be read: %w", err)
		}
		roots.AddCert(certificate)
		count++
	}
	if count == 0 {
		return nil, errors.New("ca_file: want at least one certificate in PEM form, got none")
	}
	return roots, nil
}
