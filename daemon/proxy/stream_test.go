package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// get asks the proxy as the reader; the caller closes the body.
func get(t *testing.T, address, path string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+mint(t, "reader"))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func TestAStreamPassesAsItComes(t *testing.T) {
	proceed := make(chan struct{})
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "first\n")
		_ = http.NewResponseController(w).Flush()
		<-proceed
		fmt.Fprint(w, "second\n")
	}))
	defer api.Close()
	response := get(t, serve(t, Handler(newGate(t, towards(api.URL)), nil)), "/events")
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	if !lines.Scan() || lines.Text() != "first" {
		t.Fatalf("got %q before the second line was written", lines.Text())
	}
	close(proceed)
	if !lines.Scan() || lines.Text() != "second" {
		t.Errorf("got %q", lines.Text())
	}
}

// FAULTS 120: an upgrade is judged as every request is, and then passes in both directions.
func TestAWebSocketPasses(t *testing.T) {
	upgraded := "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" || r.Header.Get("Remote-User") != reader {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		connection, stream, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer connection.Close()
		_, _ = io.WriteString(connection, upgraded)
		line, _ := stream.ReadString('\n')
		_, _ = io.WriteString(connection, "echo "+line)
	}))
	defer api.Close()
	connection, err := net.Dial("tcp", serve(t, Handler(newGate(t, towards(api.URL)), nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintf(connection, "GET /socket HTTP/1.1\r\nHost: claimd\r\nConnection: Upgrade, Remote-User\r\nUpgrade: websocket\r\nAuthorization: Bearer %s\r\n\r\n",
		mint(t, "reader"))
	stream := bufio.NewReader(connection)
	response, err := http.ReadResponse(stream, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get("X-Claimd-Decision") == "" {
		t.Fatalf("%v %v", response, err)
	}
	fmt.Fprint(connection, "hello\n")
	if line, err := stream.ReadString('\n'); line != "echo hello\n" {
		t.Errorf("got %q (%v)", line, err)
	}
}

func TestAnUpstreamThatDoesNotAnswerInTime(t *testing.T) {
	release := make(chan struct{})
	api := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer api.Close()
	defer close(release)
	core, lines := observer.New(zap.WarnLevel)
	d := Handler(newGate(t, towards(api.URL)), zap.New(core)).(*door)
	d.upstreams = newUpstreams(50 * time.Millisecond)
	response := get(t, serve(t, d), "/slow")
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	id := response.Header.Get("X-Claimd-Decision")
	if want := `{"error":"gateway_timeout","decision_id":"` + id + "\"}\n"; response.StatusCode != 504 || id == "" || string(body) != want {
		t.Errorf("%d %s, want 504 %s", response.StatusCode, body, want)
	}
	if all := lines.All(); len(all) != 1 || all[0].ContextMap()["decision_id"] != id {
		t.Errorf("log %v", all)
	}
}

// A client that goes away ends its request at the upstream, and no line blames the upstream for it.
func TestAClientThatGoesAway(t *testing.T) {
	arrived, ended := make(chan struct{}), make(chan struct{})
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(ended)
	}))
	defer api.Close()
	core, lines := observer.New(zap.DebugLevel)
	address := serve(t, Handler(newGate(t, towards(api.URL)), zap.New(core)))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+mint(t, "reader"))
	if response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request); err == nil {
		response.Body.Close()
		t.Error("an answer came")
	}
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("the upstream was left working")
	}
	if lines.Len() != 0 {
		t.Errorf("log %v", lines.All())
	}
}

// One connection serves many requests: the transport is kept, and with it what is dear about an upstream.
func TestConnectionsToTheUpstreamAreKept(t *testing.T) {
	var connections atomic.Int32
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	api.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	api.Start()
	defer api.Close()
	d := Handler(newGate(t, towards(api.URL)), nil).(*door)
	address := serve(t, d)
	defer d.upstreams.find(api.URL).transport.CloseIdleConnections()
	for range 5 {
		response := get(t, address, "/")
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// A reload may name another upstream: what its Snapshot judges goes there, and idle connections to the former one close.
func TestTheUpstreamIsThatOfTheSnapshotThatJudged(t *testing.T) {
	name := func(s string) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s) }))
	}
	first, second := name("first"), name("second")
	defer first.Close()
	defer second.Close()
	gate := newGate(t, towards(first.URL))
	d := Handler(gate, nil).(*door)
	address := serve(t, d)
	defer d.upstreams.find(second.URL).transport.CloseIdleConnections()
	for i, want := range []string{"first", "second"} {
		if i == 1 {
			gate.Swap(newGate(t, towards(second.URL)).Snapshot())
		}
		response := get(t, address, "/")
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if string(body) != want {
			t.Errorf("answered by %q, want %q", body, want)
		}
	}
	d.upstreams.find(first.URL).transport.CloseIdleConnections()
}

func TestAddressesOfUpstreams(t *testing.T) {
	for _, c := range []struct{ address, scheme, host string }{
		{"http://127.0.0.1:8080", "http", "127.0.0.1:8080"},
		{"https://api.contoso.example", "https", "api.contoso.example"},
		{"https://[::1]:8443/", "https", "[::1]:8443"},
		{"HTTPS://api.contoso.example", "https", "api.contoso.example"}, // the transport knows schemes in lower case alone
		{"unix:/run/api.sock", "http", "localhost"},
	} {
		u := newUpstream(c.address, time.Second)
		if u.scheme != c.scheme || u.host != c.host {
			t.Errorf("%s: %s %s, want %s %s", c.address, u.scheme, u.host, c.scheme, c.host)
		}
		if u.transport.Proxy != nil {
			t.Error("the environment's proxy is asked")
		}
	}
}

func TestTheUpstreamsCertificateIsChecked(t *testing.T) {
	api := httptest.NewTLSServer(http.NotFoundHandler())
	api.Config.ErrorLog = zap.NewStdLog(zap.NewNop())
	defer api.Close()
	response := get(t, serve(t, Handler(newGate(t, towards(api.URL)), nil)), "/")
	defer response.Body.Close()
	if response.StatusCode != http.StatusBadGateway || !strings.HasPrefix(api.URL, "https://") {
		t.Errorf("%d, want 502 for a certificate that nobody vouches for", response.StatusCode)
	}
}

// Browsers read server-sent events whatever stands behind the type; mime.ParseMediaType gives an error there, and such a
// stream outlived its token.
func TestAStreamWithAnOddTypeIsAStream(t *testing.T) {
	for kind, want := range map[string]bool{
		"text/event-stream": true, "text/event-stream; charset": true, "text/event-stream; charset=": true, "text/event-stream;;": true,
		"Text/Event-Stream ;x": true, "text/plain, text/event-stream": true, "": false, "text/event-streams": false, "text/plain; a=text/event-stream": false,
	} {
		if got := lasts(&http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {kind}}}); got != want {
			t.Errorf("%q: want %v, got %v", kind, want, got)
		}
	}
}
