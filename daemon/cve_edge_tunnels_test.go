package daemon_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// tunnelAdvisories: one request becomes two, or a connection becomes something that nobody judges.
func tunnelAdvisories() []edgeAdvisory {
	return []edgeAdvisory{
		{"CVE-2026-71324", "CONNECT puts nothing into a connection of the API", connectBodies},
		{"CVE-2025-64763", "what is sent early behind CONNECT or Upgrade is judged by itself", earlyData},
		{"CVE-2026-88008", "Upgrade: h2c opens no tunnel to the API", upgradesToHTTP2},
		{"CVE-2026-26999", "a client that says nothing is hung up on", silentClients},
		{"CVE-2026-56853", "a client that might speak HTTP/2 one day is hung up on", halfPrefaces},
	}
}

const smuggled = "GET /smuggled HTTP/1.1\r\nHost: api.example\r\nRemote-User: root\r\n\r\n"

// Traefik passed CONNECT with a body on over a connection that it kept for all. The backend took the body for a request
// of its own, and its answer went to whoever asked next.
func connectBodies(t *testing.T, e *edge) {
	for _, target := range []string{"api.example:80", "127.0.0.1:22", "/"} {
		length := fmt.Sprintf("Content-Length: %d", len(smuggled))
		e.proxyText(t, "401 no_token", wire("CONNECT "+target+" HTTP/1.1", length)+smuggled)
		e.proxyText(t, "405 method_not_allowed", wire("CONNECT "+target+" HTTP/1.1", e.bearer, length)+smuggled)
		e.proxyText(t, "405 method_not_allowed", wire("CONNECT "+target+" HTTP/1.1", e.bearer, "Transfer-Encoding: chunked")+smuggled)
	}
	for range 3 {
		if a := e.one(t, e.c.proxy, wire("GET /mine HTTP/1.1", e.bearer)); a.body != "/mine" {
			t.Errorf("the answer to another request: %d %q", a.status, a.body)
		}
	}
	e.letsIn(t)
}

// Envoy passed on what a client had sent behind a CONNECT before the backend agreed to it; a backend that did not agree
// read it as a request that nobody had judged.
func earlyData(t *testing.T, e *edge) {
	open := func(lines ...string) string {
		return strings.Replace(wire(lines...), "Connection: close, ", "Connection: ", 1)
	}
	for _, c := range []struct {
		text string
		want []int
	}{
		{open("CONNECT api.example:80 HTTP/1.1", "Connection: keep-alive") + smuggled + wire("GET / HTTP/1.1"), []int{401, 401, 401}},
		{open("CONNECT api.example:80 HTTP/1.1", "Connection: keep-alive", e.bearer) + smuggled + wire("GET / HTTP/1.1"), []int{405, 401, 401}},
		{open("GET / HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket") + smuggled + wire("GET / HTTP/1.1"), []int{401, 401, 401}},
	} {
		before := len(e.api.requests())
		var got []int
		for _, a := range sayTo(t, e.c.proxy, c.text, http.MethodGet) {
			got = append(got, a.status)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) || len(e.api.requests()) != before {
			t.Errorf("%.60q: answers %v and %d requests to the API, want %v and none", c.text, got, len(e.api.requests())-before, c.want)
		}
	}
	e.letsIn(t)
}

// Traefik passed Upgrade: h2c on. A backend that answered 101 had Traefik open a tunnel of bytes, through which requests
// went past all routes and middlewares.
func upgradesToHTTP2(t *testing.T, e *edge) {
	for _, protocol := range []string{"h2c", "websocket, h2c", "HTTP/2.0", "TLS/1.2", "root"} {
		lines := []string{"Connection: Upgrade, HTTP2-Settings", "Upgrade: " + protocol, "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"}
		reached := e.proxy(t, passes, append([]string{"GET / HTTP/1.1", e.bearer}, lines...)...)
		for name := range headerOf(t, reached) {
			if name == "Upgrade" || name == "Connection" || strings.EqualFold(name, "HTTP2-Settings") {
				t.Errorf("Upgrade: %s: the API got %s", protocol, name)
			}
		}
		e.both(t, "401 no_token", lines...)
		e.gate(t, passes, append([]string{"GET /auth HTTP/1.1", e.bearer}, lines...)...)
	}
}

// slowClient is a connection that never completes a request.
type slowClient struct {
	door, said string
	connection net.Conn
	opened     time.Time
}

// The beginnings of requests that do not go on: nothing, parts of a header, and parts of the preface of HTTP/2.
var (
	silences = []string{"", "G", "GET /auth HTTP/1.1\r\nHost: api.example\r\nAuthorization: Bearer "}
	prefaces = []string{"PRI", "PRI * HTTP/2.0\r\n", "PRI * HTTP/2.0\r\nS"}
)

func keepWaiting(t *testing.T, c *claimd) (slow []*slowClient) {
	t.Helper()
	for _, door := range []string{c.gate, c.proxy} {
		for _, said := range append(append([]string{}, silences...), prefaces...) {
			connection, err := net.Dial("tcp", strings.TrimPrefix(door, "http://"))
			must(t, err)
			t.Cleanup(func() { _ = connection.Close() })
			_, err = io.WriteString(connection, said)
			must(t, err)
			slow = append(slow, &slowClient{door, said, connection, time.Now()})
		}
	}
	return slow
}

// hungUp wants the doors to have closed the connections that said one of these. Their time is 5 s; a starved host may
// need longer to see it.
func (e *edge) hungUp(t *testing.T, said []string) {
	t.Helper()
	const most = 30 * time.Second
	checked := 0
	for _, s := range e.slow {
		for _, text := range said {
			if s.said != text {
				continue
			}
			checked++
			must(t, s.connection.SetReadDeadline(s.opened.Add(most)))
			answer, err := io.ReadAll(s.connection)
			if err != nil {
				t.Errorf("after %q the door still waits: %v", text, err)
			}
			if lasted := time.Since(s.opened); strings.Contains(string(answer), " 200 ") || lasted < 4*time.Second {
				t.Errorf("after %q: %q, and %s since", text, answer, lasted)
			}
		}
	}
	if checked != 2*len(said) {
		t.Errorf("%d connections were looked at, want %d", checked, 2*len(said))
	}
}

// Traefik forgot a connection's time limit before the TLS handshake was over. A few thousand clients that said nothing
// further kept everybody else out.
func silentClients(t *testing.T, e *edge) {
	e.letsIn(t) // beside those that wait
	e.hungUp(t, silences)
	e.letsIn(t)
}

// Where net/http may speak HTTP/2 without TLS, it reads a connection's first bytes to find its preface, and
// ReadHeaderTimeout did not hold for that: a client that sent half of it stayed for ever.
func halfPrefaces(t *testing.T, e *edge) {
	e.hungUp(t, prefaces)
	e.gate(t, "404 not_found", "PRI * HTTP/2.0") // the whole of it is a request for something that is not there
	e.proxy(t, "401 no_token", "PRI * HTTP/2.0")
	e.letsIn(t)
}
