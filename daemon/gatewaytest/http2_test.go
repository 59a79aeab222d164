package gatewaytest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/claimd/claimd/etc/gateways"
)

// ask2 sends one HTTP/2 request of these lines without TLS, which HAProxy takes on any port, then data, and gives the
// status or how the stream ended.
func ask2(address, data string, lines ...string) string {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		return err.Error()
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(2 * time.Second))
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, line := range lines {
		i := strings.Index(line[1:], ":") + 1
		_ = encoder.WriteField(hpack.HeaderField{Name: line[:i], Value: strings.TrimPrefix(line[i+1:], " ")}) // into memory
	}
	framer := http2.NewFramer(connection, connection)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_, _ = io.WriteString(connection, http2.ClientPreface) // what is read tells
	_ = framer.WriteSettings()
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: data == ""})
	got := ""
	for {
		frame, err := framer.ReadFrame()
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			got += f.PseudoValue("status")
			if data == "" {
				return got
			}
			_ = framer.WriteData(1, false, []byte(data)) // it may have ended
			data = ""
			_ = connection.SetDeadline(time.Now().Add(300 * time.Millisecond))
		case *http2.DataFrame:
			got += fmt.Sprintf(" %.300q", f.Data())
		case *http2.RSTStreamFrame:
			return got + " " + f.ErrCode.String()
		case *http2.GoAwayFrame:
			return got + " go away: " + f.ErrCode.String()
		}
		if err != nil {
			return got + " " + err.Error()
		}
	}
}

// TestHTTP2AtHAProxyLeadsNowherePastClaimd: HAProxy takes HTTP/2 with TLS, and without it from who begins with its preface.
// What it makes of a request for the API is what claimd was asked about. Its Upgrade for a CONNECT with :protocol
// "websocket, h2c" once opened a tunnel.
func TestHTTP2AtHAProxyLeadsNowherePastClaimd(t *testing.T) {
	t.Parallel()
	s, api, token := openStage(t, "haproxy", true)
	gateway, _ := gateways.Find("haproxy")
	front := s.open(gateway, gateways.Site{Claimd: s.claimd.server, API: api.address})
	bearer := "authorization: Bearer " + token
	get := []string{":method: GET", ":scheme: http", ":path: /a", ":authority: api.example", bearer}
	with := func(lines ...string) []string { return append(lines, bearer) }
	and := func(lines ...string) []string { return slices.Concat(get, lines) }
	var all sync.WaitGroup
	for _, test := range []struct {
		story, data string
		lines       []string
	}{
		{"a request", "", get},
		{"an authority and another host", "", and("host: inner.example")},
		{"no authority, a host", "", with(":method: GET", ":scheme: http", ":path: /a", "host: inner.example")},
		{"an address as the path", "", with(":method: GET", ":scheme: http", ":path: http://inner.example/a", ":authority: api.example")},
		{"a path with a request in it", "", with(":method: GET", ":scheme: http", ":path: /open/a HTTP/1.1\r\nX: /admin/a", ":authority: api.example")},
		{"a path with a blank", "", with(":method: GET", ":scheme: http", ":path: /admin/a /open/", ":authority: api.example")},
		{"a path without a slash", "", with(":method: GET", ":scheme: http", ":path: admin/a", ":authority: api.example")},
		{"a public path with a fragment", "", []string{":method: GET", ":scheme: http", ":path: /open/#/../../admin/a", ":authority: api.example"}},
		{"a header with a new line", "", and("x-note: a\r\nRemote-Email: root")},
		{"a header with an underscore", "", and("remote_email: root")},
		{"a transfer encoding", "", and("transfer-encoding: chunked")},
		{"an upgrade", "", and("upgrade: h2c", "connection: upgrade")},
		{"CONNECT", inner, with(":method: CONNECT", ":authority: api.example:80")},
		{"extended CONNECT to h2c", inner, with(":method: CONNECT", ":protocol: h2c", ":scheme: http", ":path: /a", ":authority: api.example")},
		{"extended CONNECT to WebSocket", inner, with(":method: CONNECT", ":protocol: websocket", ":scheme: http", ":path: /a", ":authority: api.example", "sec-websocket-version: 13")},
		{"extended CONNECT to both", inner, with(":method: CONNECT", ":protocol: websocket, h2c", ":scheme: http", ":path: /a", ":authority: api.example")},
		{"extended CONNECT to /admin/", inner, with(":method: CONNECT", ":protocol: websocket", ":scheme: http", ":path: /admin/a", ":authority: api.example")},
	} {
		all.Go(func() { t.Logf("%s: %s", test.story, ask2(front.address, test.data, test.lines...)) })
	}
	all.Wait()
	for _, one := range api.forged() {
		t.Errorf("the API got %s", one)
	}
	reached := api.reached()
	for _, r := range reached {
		if meansAdmin(r.RequestURI) || strings.HasPrefix(r.Host, "inner.example") {
			t.Errorf("the API got %s %s of %s", r.Method, r.RequestURI, r.Host)
		}
	}
	if len(reached) == 0 {
		t.Error("the API got nothing: the first request is let in")
	}
}

// selfSigned writes a certificate for localhost with its key, and gives the roots that hold it.
func selfSigned(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	made, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}}, &key.PublicKey, key)
	must(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err,
		os.WriteFile(filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made}), 0o600),
		os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600))
	leaf, err := x509.ParseCertificate(made)
	must(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return roots
}

// TestCONNECTOverHTTP2AtCaddyCarriesNoFurtherRequests: over HTTP/2, which Caddy speaks with TLS, a CONNECT has no length, and
// Go's transport writes its body behind it to the API without framing. The API read that body as the next request, which
// claimd never saw.
func TestCONNECTOverHTTP2AtCaddyCarriesNoFurtherRequests(t *testing.T) {
	t.Parallel()
	s, api, token := openStage(t, "caddy", false)
	dir := t.TempDir()
	roots := selfSigned(t, dir)
	program := programs()["caddy"]
	program.front = func(address string) string { return "https://localhost" + address[strings.LastIndex(address, ":"):] }
	around := program.around
	program.around = func(inner, address string) string {
		return strings.Replace(around(inner, address), "\troute {\n", "\ttls "+dir+"/cert.pem "+dir+"/key.pem\n\troute {\n", 1)
	}
	gateway, _ := gateways.Find("caddy")
	front := program.run(t, gateway, gateways.Site{Claimd: s.claimd.server, API: api.address})
	_, port, _ := strings.Cut(front.address, ":")
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	ask := func(method string, body io.Reader, want int) {
		t.Helper()
		response, err := client.Do(&http.Request{
			Method: method, URL: &url.URL{Scheme: "https", Host: "localhost:" + port, Path: map[bool]string{true: "/a"}[method == "GET"]},
			Header: http.Header{"Authorization": {"Bearer " + token}}, Body: io.NopCloser(body), ContentLength: -1,
		})
		must(t, err)
		defer response.Body.Close()
		if response.StatusCode != want || response.ProtoMajor != 2 {
			t.Errorf("%s: want %d over HTTP/2, got %s %s\n%s", method, want, response.Proto, response.Status, front.log())
		}
	}
	reader, writer := io.Pipe()
	go func() {
		_, _ = io.WriteString(writer, inner) // nobody may read it
		time.Sleep(200 * time.Millisecond)
		_ = writer.Close()
	}()
	ask(http.MethodConnect, reader, http.StatusMethodNotAllowed)
	ask(http.MethodGet, strings.NewReader(""), http.StatusOK)
	for _, one := range api.forged() {
		t.Errorf("the API got %s", one)
	}
}
