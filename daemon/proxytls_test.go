package daemon

import (
	"bufio"
	"bytes"
	"context"
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
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/config"
)

// pair is a certificate of its own signature with its key, both in PEM.
type pair struct{ certificate, key []byte }

func newPair(t *testing.T, serial int64, until time.Time) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	mustDo(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "api.contoso.example"}, DNSNames: []string{"api.contoso.example"},
		NotBefore: until.Add(-48 * time.Hour), NotAfter: until, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	mustDo(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	mustDo(t, err)
	return pair{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	}
}

// tlsSite is a site whose proxy has TLS on a port of its own, before an API that answers with the user.
type tlsSite struct {
	*site
	address string
}

func newTLSSite(t *testing.T) *tlsSite {
	t.Helper()
	s := &tlsSite{site: newSite(t)}
	s.pace.grace = 50 * time.Millisecond
	s.put(newPair(t, 1, time.Now().Add(24*time.Hour)))
	return s
}

// put writes the pair in place.
func (s *tlsSite) put(p pair) {
	s.t.Helper()
	mustDo(s.t, os.WriteFile(s.dir+"/etc/key.pem", p.key, 0o600), os.WriteFile(s.dir+"/etc/chain.pem", p.certificate, 0o644))
}

// replace puts the pair in the place of the other by renaming.
func (s *tlsSite) replace(p pair) {
	s.t.Helper()
	mustDo(s.t, os.WriteFile(s.dir+"/etc/key.new", p.key, 0o600), os.WriteFile(s.dir+"/etc/chain.new", p.certificate, 0o644),
		os.Rename(s.dir+"/etc/key.new", s.dir+"/etc/key.pem"), os.Rename(s.dir+"/etc/chain.new", s.dir+"/etc/chain.pem"))
}

const tlsLines = "tls_certificate = \"DIR/etc/chain.pem\"\ntls_key_file = \"DIR/etc/key.pem\"\n"

// configure writes a configuration with a proxy before the API, and these further lines of [proxy].
func (s *tlsSite) configure(api http.Handler, lines string) {
	s.t.Helper()
	upstream := httptest.NewServer(api)
	s.t.Cleanup(upstream.Close)
	if s.address == "" {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		mustDo(s.t, err)
		s.address = free.Addr().String()
		mustDo(s.t, free.Close())
	}
	s.write(s.toml() + "[proxy]\nlisten = [\"" + s.address + "\"]\nupstream = \"" + upstream.URL + "\"\n" + strings.ReplaceAll(lines, "DIR", s.dir))
}

var answersUser = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	fmt.Fprintf(w, "%s over %s", r.Header.Get("Remote-Groups"), r.Header.Get("X-Forwarded-Proto"))
})

// tlsClient speaks HTTP/1 or HTTP/2 with TLS to the address, whoever has signed, and keeps connections.
func tlsClient(t *testing.T, address string, isHTTP2 bool) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!isHTTP2)
	protocols.SetHTTP2(isHTTP2)
	transport := &http.Transport{
		Protocols: protocols, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// call gives "status proto: body" of a GET.
func call(client *http.Client, target, token string) string {
	request, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %s: %s", response.StatusCode, response.Proto, body)
}

// serial gives that of the certificate which a new connection is shown.
func serial(t *testing.T, address, name string) int64 {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, ServerName: name})
	mustDo(t, err)
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func (s *tlsSite) wantSerial(want int64) {
	s.t.Helper()
	eventually(s.t, func() (string, bool) {
		got := serial(s.t, s.address, "")
		return fmt.Sprintf("certificate %d is shown, want %d", got, want), got == want
	})
}

const overTLS = analysts + " over https"

func TestTheProxySpeaksTLS(t *testing.T) {
	t.Parallel()
	s := newTLSSite(t)
	s.configure(answersUser, tlsLines)
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	if got, want := call(tlsClient(t, s.address, true), "https://api/", token), "200 HTTP/2.0: "+overTLS; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := call(tlsClient(t, s.address, false), "https://api/", token), "200 HTTP/1.1: "+overTLS; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, name := range []string{"", "api.contoso.example", "another.example"} {
		if got := serial(t, s.address, name); got != 1 {
			t.Errorf("asked for %q: certificate %d", name, got)
		}
	}
	if got := s.status().Listeners; len(got) != 2 || !got[1].TLS || got[0].TLS {
		t.Errorf("status shows %+v", got)
	}
	_, err := tls.Dial("tcp", s.address, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if got, want := errorText(err), "remote error: tls: protocol version not supported"; got != want {
		t.Errorf("TLS 1.1: %s, want %s", got, want)
	}
	plain, err := net.Dial("tcp", s.address)
	mustDo(t, err)
	defer plain.Close()
	_ = plain.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(plain, "GET / HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer %s\r\n\r\n", token)
	answer, _ := io.ReadAll(plain)
	if !bytes.HasPrefix(answer, []byte("HTTP/1.0 400 Bad Request\r\n")) {
		t.Errorf("without TLS: %q", answer)
	}
}

// Whoever renews a certificate renames over the old files, or writes into them; the watcher sees both.
func TestARenewedCertificateIsTakenUp(t *testing.T) {
	t.Parallel()
	s := newTLSSite(t)
	s.configure(answersUser, tlsLines)
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	kept := tlsClient(t, s.address, true)
	want := "200 HTTP/2.0: " + overTLS
	if got := call(kept, "https://api/", token); got != want {
		t.Fatalf("got %s", got)
	}
	s.wantSerial(1)
	s.replace(newPair(t, 2, time.Now().Add(24*time.Hour)))
	s.wantSerial(2)
	s.put(newPair(t, 3, time.Now().Add(24*time.Hour)))
	s.wantSerial(3)
	if got := call(kept, "https://api/", token); got != want {
		t.Errorf("on the connection that was open: %s", got)
	}

	other := newPair(t, 4, time.Now().Add(24*time.Hour))
	mustDo(t, os.WriteFile(s.dir+"/etc/chain.pem", other.certificate, 0o644))
	result := s.reload()
	wrong := "proxy.tls_key_file: want the key of tls_certificate, got that of another one"
	if result.OK || !strings.Contains(result.Faults.Error(), wrong) {
		t.Errorf("a pair that is none: %+v", result)
	}
	s.wantSerial(3)
	mustDo(t, os.WriteFile(s.dir+"/etc/key.pem", other.key, 0o600), os.Chmod(s.dir+"/etc/key.pem", 0o644))
	result = s.reload()
	open := "holds a secret: want it readable by no others, got mode 0644, so that everybody may read it\n  hint: chmod 0600 " + s.dir + "/etc/key.pem"
	if result.OK || !strings.Contains(result.Faults.Error(), open) {
		t.Errorf("a key for everybody: %s", result.Faults.Error())
	}
	s.wantSerial(3)
	mustDo(t, os.Chmod(s.dir+"/etc/key.pem", 0o600)) // the watcher sees it
	s.wantSerial(4)

	s.put(newPair(t, 5, time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)))
	s.wantSerial(5)
	expired := "proxy.tls_certificate: certificate 1 has expired on 2024-03-01: clients refuse it"
	told := func(fault config.Fault) bool { return fault.Notice && strings.HasSuffix(fault.String(), expired) }
	if result = s.reload(); !result.OK || !slices.ContainsFunc(result.Faults, told) {
		t.Errorf("an expired one: %+v", result)
	}
}

// hammer asks in a loop until it is ended, on kept connections and on new ones, by both protocols; it gives how many were
// answered, and the first failure.
func hammer(t *testing.T, address, token string) (end func() (answered int64, failure string)) {
	var answered atomic.Int64
	var failure atomic.Pointer[string]
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i := range 4 {
		isHTTP2, isKept := i%2 == 0, i < 2
		all.Go(func() {
			client := tlsClient(t, address, isHTTP2)
			for {
				select {
				case <-stop:
					return
				default:
				}
				got := call(client, "https://api/", token)
				if !strings.HasPrefix(got, "200 ") {
					failure.CompareAndSwap(nil, &got)
					return
				}
				answered.Add(1)
				if !isKept {
					client.CloseIdleConnections()
				}
			}
		})
	}
	return func() (int64, string) {
		close(stop)
		all.Wait()
		if first := failure.Load(); first != nil {
			return answered.Load(), *first
		}
		return answered.Load(), ""
	}
}

// No request is lost while the certificate changes twenty times.
func TestACertificateChangesUnderLoad(t *testing.T) {
	t.Parallel()
	s := newTLSSite(t)
	s.configure(answersUser, tlsLines)
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	end := hammer(t, s.address, token)
	for i := range 20 {
		s.replace(newPair(t, int64(i+2), time.Now().Add(24*time.Hour)))
		if result := s.reload(); !result.OK {
			t.Errorf("verdict %+v", result)
		}
	}
	answered, failure := end()
	t.Logf("%d requests were answered", answered)
	if failure != "" || answered == 0 {
		t.Errorf("%d were answered, then: %s", answered, failure)
	}
	s.wantSerial(21)
}

// No request is lost over restarts: the socket is kept by systemd, HTTP/1 is told to close, HTTP/2 to go away.
func TestARestartWithTLSLosesNoRequest(t *testing.T) {
	t.Parallel()
	s := newTLSSite(t)
	s.pace.drain = 10 * time.Second
	m := newManager(t, s.dir)
	s.systemd = &Systemd{notify: m.path}
	s.configure(answersUser, tlsLines)
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	end := hammer(t, s.address, token)
	for range 3 {
		time.Sleep(50 * time.Millisecond)
		mustDo(t, s.end())
		s.systemd = m.unit(t)
		s.start()
		if s.logged("requests were cut off") > 0 {
			t.Error("requests were cut off")
		}
	}
	answered, failure := end()
	t.Logf("%d requests were answered", answered)
	if failure != "" || answered == 0 {
		t.Errorf("%d were answered, then: %s", answered, failure)
	}
}

// A request under way on an HTTP/2 connection ends before claimd does.
func TestStoppingDrainsHTTP2(t *testing.T) {
	t.Parallel()
	s := newTLSSite(t)
	s.pace.drain = 10 * time.Second
	arrived, answer := make(chan struct{}), make(chan struct{})
	s.configure(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(arrived)
			<-answer
		}
		answersUser(w, r)
	}), tlsLines)
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	client := tlsClient(t, s.address, true)
	slow := make(chan string, 1)
	go func() { slow <- call(client, "https://api/slow", token) }()
	<-arrived
	idle := tlsClient(t, s.address, true)
	if got := call(idle, "https://api/", token); !strings.HasPrefix(got, "200 ") {
		t.Error(got)
	}
	s.stop()
	eventually(t, func() (string, bool) {
		conn, err := net.Dial("tcp", s.address)
		if err == nil {
			conn.Close()
		}
		return "new connections are accepted", err != nil
	})
	close(answer)
	if got, want := <-slow, "200 HTTP/2.0: "+overTLS; got != want {
		t.Errorf("the request under way got %s, want %s", got, want)
	}
	mustDo(t, s.end())
	if s.logged("requests were cut off") != 0 {
		t.Error("requests were cut off")
	}
}

// The listener stays when TLS is switched on and off; who kept a connection of before is answered once more and leaves.
func TestTLSIsSwitchedOnAndOff(t *testing.T) {
	t.Parallel()
	s := newTLSSite(t)
	s.configure(answersUser, "")
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	kept, err := net.Dial("tcp", s.address)
	mustDo(t, err)
	defer kept.Close()
	reader := bufio.NewReader(kept)
	ask := func() *http.Response {
		t.Helper()
		fmt.Fprintf(kept, "GET / HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer %s\r\n\r\n", token)
		response, err := http.ReadResponse(reader, nil)
		mustDo(t, err)
		_, _ = io.Copy(io.Discard, response.Body)
		return response
	}
	if r := ask(); r.StatusCode != http.StatusOK || r.Close {
		t.Errorf("%s, close %t", r.Status, r.Close)
	}
	s.configure(answersUser, tlsLines)
	if result := s.reload(); !result.OK {
		t.Fatalf("verdict %+v", result)
	}
	s.wantSerial(1)
	if r := ask(); r.StatusCode != http.StatusOK || !r.Close {
		t.Errorf("after TLS was switched on: %s, close %t, want 200 and Connection: close", r.Status, r.Close)
	}
	if got := s.logs.FilterMessage("the proxy has a certificate").Len(); got != 1 {
		t.Errorf("the log told %d times of the certificate", got)
	}
	s.configure(answersUser, "")
	if result := s.reload(); !result.OK {
		t.Fatalf("verdict %+v", result)
	}
	if got, want := call(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, "http://"+s.address+"/", token), "200 HTTP/1.1: "+analysts+" over http"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A stranger shakes hands slowly, or not at all: 5 s after its connection it is closed. Here the time is shorter.
func TestASlowHandshakeIsClosed(t *testing.T) {
	t.Parallel()
	d := newDoors(zap.NewNop(), nil, map[string]http.Handler{doorProxy: http.NotFoundHandler()}, usualPace, nil, &inherited{})
	s, err := bind("127.0.0.1:0", ownOnly, false)
	mustDo(t, err)
	slow := &door{name: doorProxy, address: s.Addr().String(), socket: s}
	certificate, err := tls.X509KeyPair(func() ([]byte, []byte) {
		p := newPair(t, 1, time.Now().Add(time.Hour))
		return p.certificate, p.key
	}())
	mustDo(t, err)
	d.secure([]*door{slow}, newTLS(&certificate))
	d.serve(slow)
	defer func() { d.shut(slow); d.running.Wait() }()
	if got := slow.server.(*http.Server).ReadHeaderTimeout; got != 5*time.Second {
		t.Errorf("the handshake may take %s, want 5s", got)
	}
	conn, err := net.Dial("tcp", slow.shown())
	mustDo(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte{22, 3, 1, 2, 0, 1}) // the beginning of a ClientHello
	mustDo(t, err)
	began := time.Now()
	_ = conn.SetReadDeadline(began.Add(20 * time.Second))
	_, err = io.ReadAll(conn)
	if took := time.Since(began); err != nil || took < 4*time.Second {
		t.Errorf("closed after %s (%v), want 5s", took, err)
	}
}

// Before its handshake, and over HTTP/2 before its first request, a connection is one that has asked nothing; then it is
// one between two requests.
func TestSilentTLSConnectionsAreCounted(t *testing.T) {
	t.Parallel()
	s := newTLSSite(t)
	s.configure(answersUser, tlsLines)
	tree, faults := config.Read(s.config, config.ReadOptions{})
	loaded, _ := judge(tree, faults)
	d := &daemon{options: Options{ConfigPath: s.config}, pace: s.pace, log: zap.NewNop()}
	mustDo(t, d.start(t.Context(), loaded, fingerprint(tree, faults), &inherited{}, s.watcher))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.serve(ctx) }()
	defer func() {
		stop()
		mustDo(t, <-ended)
	}()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	var silent *silence
	for _, door := range d.doors.open {
		if door.name == doorProxy {
			silent = door.drained.silence
		}
	}
	counts := func(want string) {
		t.Helper()
		eventually(t, func() (string, bool) {
			silent.mu.Lock()
			defer silent.mu.Unlock()
			got := fmt.Sprintf("%d unasked, %d idle", silent.unasked.count, silent.idle.count)
			return got + ", want " + want, got == want
		})
	}
	mute, err := net.Dial("tcp", s.address)
	mustDo(t, err)
	counts("1 unasked, 0 idle")
	shaken, err := tls.Dial("tcp", s.address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	mustDo(t, err)
	counts("2 unasked, 0 idle")
	_, err = io.WriteString(shaken, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00") // and empty SETTINGS
	mustDo(t, err)
	reader := bufio.NewReader(shaken)
	_, err = reader.ReadByte()
	mustDo(t, err)
	counts("2 unasked, 0 idle")
	client := tlsClient(t, s.address, true)
	for range 2 {
		if got := call(client, "https://api/", token); !strings.HasPrefix(got, "200 HTTP/2.0") {
			t.Error(got)
		}
		counts("2 unasked, 1 idle")
	}
	mustDo(t, mute.Close(), shaken.Close())
	counts("0 unasked, 1 idle")
	client.CloseIdleConnections()
	counts("0 unasked, 0 idle")
}

// claimd-proxy.socket listens on port 443 of all addresses. Without TLS that is refused, unless [server] allows it; with
// TLS it needs no leave.
func TestASocketUnitOfTheProxyServesTLSToOtherHosts(t *testing.T) {
	t.Parallel()
	s := newTLSSite(t)
	s.configure(answersUser, "")
	refused := handOver(t, doorProxy, "tcp", "0.0.0.0:0")
	want := "systemd hands over the socket " + portOf(t, refused) + " of the door proxy, which is not on loopback, and claimd has no TLS there\n" +
		"  hint: set tls_certificate and tls_key_file under [proxy], listen on loopback or a unix socket, or set plaintext = \"anywhere\" under [server]"
	err := Run(t.Context(), Options{ConfigPath: s.config, Systemd: &Systemd{sockets: []*os.File{refused}}, Log: zap.NewNop()})
	if got := errorText(err); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.configure(answersUser, tlsLines)
	file := handOver(t, doorProxy, "tcp", "0.0.0.0:0")
	_, port, err := net.SplitHostPort(portOf(t, file))
	mustDo(t, err)
	s.systemd = &Systemd{sockets: []*os.File{file}}
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	if got, want := call(tlsClient(t, "127.0.0.1:"+port, true), "https://api/", token), "200 HTTP/2.0: "+overTLS; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s.configure(answersUser, "")
	if result := s.reload(); result.OK || !strings.Contains(result.Problem, "and claimd has no TLS there") {
		t.Errorf("TLS switched off: %+v", result)
	}
	if got, want := serial(t, "127.0.0.1:"+port, ""), int64(1); got != want {
		t.Errorf("certificate %d after the refusal", got)
	}
}

// A unix socket of the proxy stays without TLS beside a port that has it: who connects to it is on this host.
func TestAUnixSocketOfTheProxyStaysWithoutTLS(t *testing.T) {
	t.Parallel()
	s := newTLSSite(t)
	s.configure(answersUser, tlsLines)
	text, err := os.ReadFile(s.config)
	mustDo(t, err)
	s.write(strings.Replace(string(text), `listen = ["`+s.address+`"]`, `listen = ["`+s.address+`", "unix:`+s.dir+`/run/proxy.sock"]`, 1))
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	if got, want := call(socketClient(t, s.dir+"/run/proxy.sock"), "http://api/", token), "200 HTTP/1.1: "+analysts+" over http"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s.wantSerial(1)
}
