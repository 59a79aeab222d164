package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// site is what httptest's client takes for its own server.
const site = "https://example.com/"

// What reaches the upstream over HTTP/2 is what HTTP/1 would bring, byte for byte (FAULTS 110, 111, 116, 117). There
// names are in lower case, and the host is a field of its own.
func TestTheUpstreamGetsTheSameOverHTTP2(t *testing.T) {
	token := "authorization: Bearer " + mint(t, "reader")
	identity := []string{
		"Remote-Admin: false", "Remote-Email: ada@contoso.example", "Remote-Groups: Analysts", "Remote-Name: Ada Reader",
		"Remote-Provider: contoso", "Remote-Roles: ", "Remote-User: " + reader,
		"X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: api.example", "X-Forwarded-Proto: https",
	}
	for _, c := range []struct {
		story   string
		request []string
		want    []string // request line and header lines beside identity and Host
	}{
		{"a plain request", []string{":path: /a%2fb//c;d?e=%zz&f;g", "accept: */*"}, []string{"GET /a%2fb//c;d?e=%zz&f;g HTTP/1.1", "Accept: */*"}},
		{"the client's identity headers go, in every spelling", []string{
			":path: /", "remote-user: root", "remote_user: root", "remote.admin: true", "remote-groups: a", "remote-groups: b",
		}, []string{"GET / HTTP/1.1"}},
		{"so does what it says of an original request", []string{
			":path: /", "x-forwarded-for: 10.0.0.1", "x-forwarded-host: evil", "x_forwarded_proto: http", "forwarded: for=1", "x-original-uri: /",
		}, []string{"GET / HTTP/1.1"}},
		{"a host beside the authority that says the same", []string{":path: /", "host: api.example"}, []string{"GET / HTTP/1.1"}},
		{"cookies are one field again", []string{":path: /", "cookie: a=1", "cookie: b=2"}, []string{"GET / HTTP/1.1", "Cookie: a=1; b=2"}},
		{"the scheme http is https on a connection with TLS", []string{":path: /", ":scheme: http"}, []string{"GET / HTTP/1.1"}},
		{"te", []string{":path: /", "te: trailers"}, []string{"GET / HTTP/1.1", "Te: trailers"}},
	} {
		t.Run(c.story, func(t *testing.T) {
			behind := startAPI(t, "tcp", "127.0.0.1:0", ok)
			address, _ := serveTLS(t, Handler(newGate(t, towards("http://"+behind.address)), nil))
			lines := append([]string{":method: GET", ":authority: api.example"}, append(c.request, token)...)
			if !slices.Contains(c.request, ":scheme: http") {
				lines = append([]string{":scheme: https"}, lines...)
			}
			if got := dialRaw(t, address).ask(lines...); got != "200" {
				t.Fatalf("answered %s, want 200", got)
			}
			compareLines(t, behind.last(), append(append(c.want, "Host: api.example"), identity...))
		})
	}
}

// HTTP/2 has the method, the path and the host in fields of their own, where net/http lets a blank pass: a path
// `/public HTTP/1.1` came to the upstream as a request line with two versions, which each reader takes for another path.
func TestWhatHTTP1WouldSayInAnotherWayNeverReachesTheUpstream(t *testing.T) {
	behind := startAPI(t, "tcp", "127.0.0.1:0", ok)
	address, _ := serveTLS(t, Handler(newGate(t, towards("http://"+behind.address)), nil))
	token := "authorization: Bearer " + mint(t, "reader")
	const protocol = "reset PROTOCOL_ERROR"
	get, https, host, path := ":method: GET", ":scheme: https", ":authority: api.example", ":path: /"
	for _, c := range []struct {
		story string
		lines []string
		want  string
	}{
		{"a blank in the path", []string{get, https, host, ":path: /public HTTP/1.1"}, "400"},
		{"a blank in the query", []string{get, https, host, ":path: /?a HTTP/1.1"}, "400"},
		{"a blank at the path's end", []string{get, https, host, ":path: / "}, "400"},
		{"a path that is an address", []string{get, https, host, ":path: http://evil.example/a"}, "400"},
		{"an asterisk with GET", []string{get, https, host, ":path: *"}, "400"},
		{"a blank in the method", []string{":method: GET /admin", https, host, path}, "400"},
		{"a slash in the authority", []string{get, https, ":authority: api.example/evil", path}, "400"},
		{"a blank in the authority", []string{get, https, ":authority: api.example evil", path}, "400"},
		{"an authority with a user", []string{get, https, ":authority: root@api.example", path}, protocol},
		{"no authority and no host", []string{get, https, path}, "400"},
		{"another host than the authority", []string{get, https, host, path, "host: evil.example"}, "400"},
		{"two hosts", []string{get, https, path, "host: api.example", "host: evil.example"}, "400"},
		{"another scheme", []string{get, ":scheme: ftp", host, path}, protocol},
		{"no path", []string{get, https, host}, protocol},
		{"a path without a slash", []string{get, https, host, ":path: a"}, protocol},
		{"two paths", []string{get, https, host, path, ":path: /b"}, protocol},
		{"a pseudo-header that is none", []string{get, https, host, path, ":remote-user: root"}, protocol},
		{"a pseudo-header after a header", []string{get, https, host, "accept: */*", path}, protocol},
		{"a name in capitals", []string{get, https, host, path, "Remote-User: root"}, protocol},
		{"a line end in a value", []string{get, https, host, path, "x-note: a\r\nremote-user: root"}, protocol},
		{"connection", []string{get, https, host, path, "connection: remote-user"}, "400"},
		{"transfer-encoding", []string{get, https, host, path, "transfer-encoding: chunked"}, "400"},
		{"upgrade", []string{get, https, host, path, "upgrade: websocket"}, "400"},
		{"keep-alive", []string{get, https, host, path, "keep-alive: 5"}, "400"},
		{"te that is more than trailers", []string{get, https, host, path, "te: gzip"}, "400"},
		{"CONNECT", []string{":method: CONNECT", ":authority: api.example:443"}, "405"},
		{"CONNECT with a path", []string{":method: CONNECT", https, host, path}, protocol},
		{"CONNECT with a protocol (RFC 8441)", []string{":method: CONNECT", ":protocol: websocket", https, host, path}, protocol},
	} {
		t.Run(c.story, func(t *testing.T) {
			if got := dialRaw(t, address).ask(append(c.lines, token)...); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if seen := behind.last(); seen != "" {
				t.Errorf("the upstream got\n%s", seen)
			}
		})
	}
}

// The connection of a refused request with a body goes on: what nobody reads is reset with its stream.
func TestARefusalOverHTTP2LeavesTheConnection(t *testing.T) {
	behind := startAPI(t, "tcp", "127.0.0.1:0", ok)
	address, _ := serveTLS(t, Handler(newGate(t, towards("http://"+behind.address)), nil))
	conn := dialRaw(t, address)
	request := []string{":method: POST", ":scheme: https", ":authority: api.example", ":path: /"}
	conn.send(false, request...)
	if got := conn.answer(); got != "401" {
		t.Errorf("without a token: %s, want 401", got)
	}
	if seen := behind.last(); seen != "" {
		t.Errorf("the upstream got\n%s", seen)
	}
	if got := conn.ask(append(request, "authorization: Bearer "+mint(t, "reader"))...); got != "200" {
		t.Errorf("on the same connection: %s, want 200", got)
	}
}

// Trailers of the request could name what was stripped; those of the answer pass.
func TestTrailersOverHTTP2(t *testing.T) {
	got := make(chan http.Header, 1)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %v", body, r.Trailer)
		w.Header().Set("Grpc-Status", "0")
		got <- r.Header
	}))
	t.Cleanup(api.Close)
	handler := Handler(newGate(t, towards(api.URL)), nil)
	t.Cleanup(func() { handler.(*door).upstreams.find(api.URL).transport.CloseIdleConnections() })
	_, client := serveTLS(t, handler)
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, site, io.NopCloser(strings.NewReader("body")))
	request.Trailer = http.Header{"Remote-User": {"root"}}
	response, body := over2(t, client, request, mint(t, "reader"))
	if body != "body map[]" || response.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("got %q and the trailers %v, want the body, no trailer of the request, and the answer's", body, response.Trailer)
	}
	if user := (<-got)["Remote-User"]; len(user) != 1 || user[0] != reader {
		t.Errorf("the upstream got Remote-User %q", user)
	}
}

// A call in both directions at once: each piece is answered before the next is sent.
func TestBothDirectionsPassAtOnceOverHTTP2(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		_ = control.Flush()
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			fmt.Fprintf(w, "heard %s\n", lines.Text())
			_ = control.Flush()
		}
	}))
	t.Cleanup(api.Close)
	handler := Handler(newGate(t, towards(api.URL)), nil)
	t.Cleanup(func() { handler.(*door).upstreams.find(api.URL).transport.CloseIdleConnections() })
	_, client := serveTLS(t, handler)
	from, into := io.Pipe()
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, site, from)
	request.Header.Set("Authorization", "Bearer "+mint(t, "reader"))
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewReader(response.Body)
	for i := range 5 {
		fmt.Fprintf(into, "%d\n", i)
		if line, err := lines.ReadString('\n'); line != fmt.Sprintf("heard %d\n", i) || err != nil {
			t.Fatalf("piece %d: %q, %v", i, line, err)
		}
	}
	_ = into.Close()
	if rest, err := io.ReadAll(lines); len(rest) > 0 || err != nil {
		t.Errorf("at the end: %q, %v", rest, err)
	}
}

// The decision's id is in the answer for an upstream that is not there, and for one that takes too long.
func TestUpstreamErrorsOverHTTP2(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	mute, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mute.Close() })
	for _, c := range []struct {
		address string
		status  int
		word    string
	}{{gone.Addr().String(), http.StatusBadGateway, "bad_gateway"}, {mute.Addr().String(), http.StatusGatewayTimeout, "gateway_timeout"}} {
		handler := Handler(newGate(t, towards("http://"+c.address)), nil).(*door)
		handler.upstreams.responseTime = 50 * time.Millisecond
		_, client := serveTLS(t, handler)
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, site, strings.NewReader("body"))
		response, body := over2(t, client, request, mint(t, "reader"))
		id := response.Header.Get("X-Claimd-Decision")
		want := fmt.Sprintf("{\"error\":%q,\"decision_id\":%q}\n", c.word, id)
		if response.StatusCode != c.status || body != want || id == "" {
			t.Errorf("got %d %s, want %d %s", response.StatusCode, body, c.status, want)
		}
	}
}

// CVE-2023-44487: a client that opens streams and resets them at once has the server begin more work than it counts.
// CVE-2023-45288: one that sends CONTINUATION frames without end has it read headers for ever. Others are answered.
func TestFloodsOnOneConnectionLeaveTheOthersAlone(t *testing.T) {
	behind := startAPI(t, "tcp", "127.0.0.1:0", ok)
	address, client := serveTLS(t, Handler(newGate(t, towards("http://"+behind.address)), nil))
	token := mint(t, "reader")
	get := func(story string) {
		t.Helper()
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, site, nil)
		if response, _ := over2(t, client, request, token); response.StatusCode != http.StatusOK {
			t.Errorf("%s: another client got %s", story, response.Status)
		}
	}
	get("before")

	resets := dialRaw(t, address)
	lines := []string{":method: GET", ":scheme: https", ":authority: api.example", ":path: /"}
	go func() { _, _ = io.Copy(io.Discard, resets.conn) }()
	for i := range 5000 {
		stream := uint32(2*i + 1)
		err := resets.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block(lines...), EndStream: true, EndHeaders: true})
		if err != nil || resets.framer.WriteRSTStream(stream, http2.ErrCodeCancel) != nil {
			break // the server had enough
		}
	}
	get("rapid reset")

	endless := dialRaw(t, address)
	endless.must(endless.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block(lines...)}))
	junk := block("x-note: " + strings.Repeat("a", 8<<10))
	sent, limit := 0, 64<<20
	for ; sent < limit; sent += len(junk) {
		if endless.framer.WriteContinuation(1, false, junk) != nil {
			break
		}
	}
	if sent >= limit {
		t.Errorf("a header of %d bytes was taken", sent)
	}
	get("continuation")
}
