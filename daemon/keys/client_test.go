package keys

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var silent = log.New(io.Discard, "", 0)

// authority signs certificates for a test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "private root"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	key := newEC()
	return &authority{certificate: signed(t, template, template, key, key), key: key}
}

func signed(t *testing.T, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// issue gives a server's certificate for a name that ends then.
func (a *authority) issue(t *testing.T, name string, end time.Time) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: end,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	key := newEC()
	return tls.Certificate{Certificate: [][]byte{signed(t, template, a.certificate, key, a.key).Raw}, PrivateKey: key}
}

// servedTLS starts a tenant on loopback with that configuration of TLS.
func servedTLS(t *testing.T, config *tls.Config) *entraTenant {
	t.Helper()
	e := newTenant("", rsaJWK("a", keyA()))
	server := httptest.NewUnstartedServer(e)
	server.TLS = config
	server.Config.ErrorLog = silent
	server.StartTLS()
	t.Cleanup(server.Close)
	e.base = server.URL
	return e
}

func clientFor(t *testing.T, outbound Outbound) *http.Client {
	t.Helper()
	client, err := NewClient(outbound)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// Faults 35 and 49: a private root is trusted beside the system's, and nothing else of TLS is loosened.
func TestTLSWithAPrivateRoot(t *testing.T) {
	root := newAuthority(t)
	later := time.Now().Add(time.Hour)
	tests := []struct {
		name   string
		config *tls.Config
		want   string // "" = good
	}{
		{"good", &tls.Config{Certificates: []tls.Certificate{root.issue(t, "127.0.0.1", later)}}, ""},
		{"wrong name", &tls.Config{Certificates: []tls.Certificate{root.issue(t, "login.contoso.test", later)}},
			`the certificate is not for "127.0.0.1"`},
		{"expired", &tls.Config{Certificates: []tls.Certificate{root.issue(t, "127.0.0.1", time.Now().Add(-time.Hour))}},
			"the certificate has expired or is not valid yet; hint: check this host's clock too"},
		{"another root", &tls.Config{Certificates: []tls.Certificate{newAuthority(t).issue(t, "127.0.0.1", later)}},
			"the certificate is signed by an unknown authority; hint: a private root goes into [outbound] ca_file"},
		{"TLS 1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
			Certificates: []tls.Certificate{root.issue(t, "127.0.0.1", later)}},
			"no answer: remote error: tls: protocol version not supported"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := servedTLS(t, test.config)
			p := ringOf(t, Options{Client: clientFor(t, Outbound{CA: root.pem()})}).Open(e.source())
			if test.want == "" {
				refreshed(t, p)
				return
			}
			want := "contoso: https://HOST/TENANT/.well-known/openid-configuration: " + test.want
			if got := refreshError(t, p, e); got != want {
				t.Errorf("want %s\ngot  %s", want, got)
			}
		})
	}
}

// Fault 49: a rotated ca_file is taken up by a new client, and the keys stay.
func TestSetClientTakesUpARotatedRoot(t *testing.T) {
	before, after := newAuthority(t), newAuthority(t)
	var config atomic.Pointer[tls.Config]
	present := func(a *authority) {
		config.Store(&tls.Config{Certificates: []tls.Certificate{a.issue(t, "127.0.0.1", time.Now().Add(time.Hour))}})
	}
	present(before)
	e := servedTLS(t, &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return config.Load(), nil }})
	r := ringOf(t, Options{Client: clientFor(t, Outbound{CA: before.pem()})})
	p := r.Open(e.source())
	refreshed(t, p)
	present(after)
	r.SetClient(clientFor(t, Outbound{CA: before.pem()})) // its connections are fresh
	if got := refreshError(t, p, e); !strings.Contains(got, "unknown authority") {
		t.Errorf("want the new root unknown, got %s", got)
	}
	wantKey(t, p, "a")
	r.SetClient(clientFor(t, Outbound{CA: append(before.pem(), after.pem()...)}))
	refreshed(t, p)
	r.SetClient(nil)
	refreshError(t, p, e)
}

// Fault 49: the configured proxy is used and the environment's is not; loopback never leaves this host.
func TestTheProxyIsTheConfiguredOne(t *testing.T) {
	root := newAuthority(t)
	e := servedTLS(t, &tls.Config{Certificates: []tls.Certificate{root.issue(t, "login.contoso.test", time.Now().Add(time.Hour))}})
	behind := strings.TrimPrefix(e.base, "https://")
	var asked sync.Map // hosts
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Host, true)
		tunnel(w, behind)
	}))
	defer proxy.Close()
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("ALL_PROXY", "http://127.0.0.1:1")

	e.base = "https://login.contoso.test"
	r := ringOf(t, Options{Client: clientFor(t, Outbound{Proxy: proxy.URL, CA: root.pem()})})
	refreshed(t, r.Open(e.source()))
	refreshed(t, r.Open(served(t, rsaJWK("a", keyA())).source()))
	var hosts []string
	for host := range asked.Range {
		hosts = append(hosts, host.(string))
	}
	if want := []string{"login.contoso.test:443"}; !slices.Equal(hosts, want) {
		t.Errorf("want the proxy asked for %v and not for loopback, got %v", want, hosts)
	}
}

// tunnel joins the caller of a proxy to an address until both are done.
func tunnel(w http.ResponseWriter, address string) {
	far, err := net.Dial("tcp", address)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	near, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { io.Copy(far, near); far.Close() }()
	io.Copy(near, far)
	near.Close()
}

func TestNewClientTellsWhatIsWrong(t *testing.T) {
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}))
	tests := []struct {
		name     string
		outbound Outbound
		want     string
	}{
		{"no scheme", Outbound{Proxy: "proxy.contoso.test:3128"}, `proxy: want http://host:port, got "proxy.contoso.test:3128"`},
		{"https", Outbound{Proxy: "https://proxy.contoso.test:3128"}, `proxy: want http://host:port, got "https://proxy.contoso.test:3128"`},
		{"no port", Outbound{Proxy: "http://proxy.contoso.test"}, `proxy: want http://host:port, got "http://proxy.contoso.test"`},
		{"no host", Outbound{Proxy: "http://:3128"}, `proxy: want http://host:port, got "http://:3128"`},
		{"a password", Outbound{Proxy: "http://ada:secret@proxy.contoso.test:3128"}, "proxy: want http://host:port, got more than that"},
		{"a path", Outbound{Proxy: "http://proxy.contoso.test:3128/x"}, "proxy: want http://host:port, got more than that"},
		{"an empty ca_file", Outbound{CA: []byte{}}, "ca_file: want at least one certificate in PEM form, got none"},
		{"no PEM", Outbound{CA: []byte("hello")}, "ca_file: want at least one certificate in PEM form, got none"},
		{"a key", Outbound{CA: []byte(key)}, `ca_file: want certificates, got "PRIVATE KEY"`},
		{"a broken certificate", Outbound{CA: []byte(strings.ReplaceAll(key, "PRIVATE KEY", "CERTIFICATE"))},
			"ca_file: want certificates, got one that cannot be read: x509: malformed certificate"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := NewClient(test.outbound); err == nil || err.Error() != test.want {
				t.Errorf("want %s, got %v", test.want, err)
			}
		})
	}
}

func TestRetryAfterIsReadByTheProvidersOwnClock(t *testing.T) {
	const sent = "Thu, 01 Jan 1970 00:00:00 GMT"
	tests := []struct {
		text, date string
		want       time.Duration
	}{
		{"", sent, 0}, {"120", sent, 2 * time.Minute}, {"-1", sent, 0}, {"soon", sent, 0},
		{"999999999", sent, (1 << 20) * time.Second}, {"99999999999999999999", sent, 0},
		{"Thu, 01 Jan 1970 00:01:00 GMT", sent, time.Minute},
		{"Wed, 31 Dec 1969 00:00:00 GMT", sent, 0}, {"Thu, 01 Jan 2099 00:00:00 GMT", "", 0},
	}
	for _, test := range tests {
		if got := RetryAfter(http.Header{"Retry-After": {test.text}, "Date": {test.date}}); got != test.want {
			t.Errorf("%q sent %q: want %s, got %s", test.text, test.date, test.want, got)
		}
	}
}
