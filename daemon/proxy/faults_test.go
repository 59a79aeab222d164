package proxy

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/config"
)

// FAULTS 135: between the verdict and the upstream a reload names another upstream and other headers. What was judged by
// the one configuration is passed on by it.
func TestAReloadBetweenVerdictAndUpstreamChangesNothing(t *testing.T) {
	answering := func(name string) *httptest.Server {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s %s", name, r.Header.Get("Remote-Groups"))
		}))
		t.Cleanup(server.Close)
		return server
	}
	first, second := answering("first"), answering("second")
	gate := newGate(t, towards(first.URL))
	d := Handler(gate, nil).(*door)
	request := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	request.Header.Set("Authorization", "Bearer "+mint(t, "reader"))
	decision := gate.Decide(t.Context(), access.Request{Header: request.Header, Strips: true})
	if !decision.Allowed() {
		t.Fatalf("refused: %q", decision.Reason)
	}
	gate.Swap(newGate(t, towards(second.URL)).Snapshot())
	w := httptest.NewRecorder()
	d.pass(w, request, access.Request{}, &decision)
	if got := w.Body.String(); got != "first Analysts" {
		t.Errorf("answered by %q, want the upstream of the configuration that judged", got)
	}
	d.upstreams.find(first.URL).transport.CloseIdleConnections()
}

// An API whose server library speaks HTTP/2 without TLS takes `Upgrade: h2c`. Through a connection that was switched to
// it, a reader could send requests of his own making past the proxy, Remote-Admin: true included. So WebSocket is the
// one protocol that is passed on; a request for another one is answered as if it had not asked, as RFC 9110 section 7.8
// allows.
func TestNoUpgradeButWebSocketReachesTheUpstream(t *testing.T) {
	const switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
	token := "Authorization: Bearer " + mint(t, "reader")
	for _, c := range []struct{ story, connection, upgrade string }{
		{"as RFC 7540 says", "Upgrade, HTTP2-Settings", "h2c"},
		{"with the settings passed on", "Upgrade", "h2c"},
		{"beside WebSocket", "Upgrade", "websocket, h2c"},
		{"in a field of its own", "Upgrade", "h2c\r\nUpgrade: websocket"},
		{"TLS within the connection (RFC 2817)", "upgrade", "TLS/1.2"},
	} {
		t.Run(c.story, func(t *testing.T) {
			upgrades := make(chan []string, 1)
			api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				upgrades <- append(r.Header.Values("Upgrade"), r.Header.Values("Http2-Settings")...)
				connection, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					return
				}
				defer connection.Close()
				fmt.Fprint(connection, switched, "the tunnel is open")
			}))
			defer api.Close()
			answer := speak(t, serve(t, Handler(newGate(t, towards(api.URL)), nil)), strings.Join([]string{
				"GET / HTTP/1.1", "Host: claimd", token, "Connection: close, " + c.connection, "Upgrade: " + c.upgrade, "HTTP2-Settings: AAMAAABk", "\r\n",
			}, "\r\n"))
			if got := <-upgrades; len(got) > 0 {
				t.Errorf("the upstream was asked to switch: %q", got)
			}
			// An API that switches without being asked is one that babbles.
			if !strings.HasPrefix(answer, "HTTP/1.1 502 ") || strings.Contains(answer, "tunnel") {
				t.Errorf("answered %q", answer)
			}
		})
	}
}

// net/http takes any address for a request target. `GET x:http://other/` reached the upstream as `GET http://other/`
// with the Host of this API, which RFC 9112 section 3.2.2 has it ignore; and of two slashes with a character that
// net/url escapes, %2f arrived as a slash.
func TestATargetThatCannotBePassedOnIsRefused(t *testing.T) {
	token := "Authorization: Bearer " + mint(t, "reader")
	for _, target := range []string{"x:http://other.example/admin", "x:/a", "api:a", "x://api.example/a", `//a"b%2fc`, `http://api.example//a"b%2fc`} {
		t.Run(target, func(t *testing.T) {
			behind := startAPI(t, "tcp", "127.0.0.1:0", ok)
			answer := speak(t, serve(t, Handler(newGate(t, towards("http://"+behind.address)), nil)), http1("GET "+target+" HTTP/1.1", token))
			if _, body, _ := strings.Cut(golden(answer), "\n\n"); body != `{"error":"bad_request","decision_id":"ID"}`+"\n" ||
				!strings.HasPrefix(answer, "HTTP/1.1 400 ") {
				t.Errorf("answer %q", answer)
			}
			if got := behind.last(); got != "" {
				t.Errorf("the upstream got %q", got)
			}
		})
	}
}

// FAULTS 161: whoever holds one good token could have a line written for each request while the API is down.
func TestAnUpstreamThatIsDownIsLoggedOnceASecond(t *testing.T) {
	core, lines := observer.New(zap.WarnLevel)
	gone := "unix:" + filepath.Join(t.TempDir(), "none.sock")
	address := serve(t, Handler(newGate(t, towards(gone)), zap.New(core)))
	begin, request := time.Now(), http1("GET / HTTP/1.1", "Authorization: Bearer "+mint(t, "reader"))
	const requests = 100
	for range requests {
		speak(t, address, request)
	}
	written := lines.FilterMessage("the upstream did not answer").Len()
	if most := int(time.Since(begin)/time.Second) + 2; written == 0 || written > most || most >= requests {
		t.Errorf("%d lines for %d requests in %s, want 1 to %d", written, requests, time.Since(begin), most)
	}
}

// A body whose chunks are malformed is the client's fault. It was told as 502 and logged as an upstream that did not answer,
// which wakes people up. A client that goes away in the middle of its body gets no answer, and no line either.
func TestTheUpstreamIsNotBlamedForTheClientsBody(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer api.Close()
	core, logged := observer.New(zap.WarnLevel)
	address := serve(t, Handler(newGate(t, config.Proxy{Upstream: api.URL}), zap.New(core)))
	for body, want := range map[string]string{
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\nhello\r\n": "HTTP/1.1 400 Bad Request",
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhell":                     "",
		"Content-Length: 9\r\n\r\nhello":                                  "",
	} {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(connection, "POST /a HTTP/1.1\r\nHost: claimd\r\nAuthorization: Bearer "+mint(t, "reader")+"\r\n"+body)
		_ = connection.(*net.TCPConn).CloseWrite() // the answer tells
		answer, _ := io.ReadAll(connection)
		_ = connection.Close()
		if status, _, _ := strings.Cut(string(answer), "\r\n"); status != want {
			t.Errorf("%q: want %q, got %q", body, want, status)
		}
	}
	for _, line := range logged.All() {
		t.Errorf("logged: %s %v", line.Message, line.ContextMap())
	}
}
