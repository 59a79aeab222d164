package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
)

// streaming is an API whose answers last until their connection ends: server-sent events at /events, a text without a
// length at /text, a long download at /download, and a WebSocket at /socket. ended tells of each that has.
func streaming(t *testing.T) (url string, ended chan string) {
	t.Helper()
	ended = make(chan string, 8)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { ended <- r.URL.Path }()
		if r.URL.Path == "/socket" {
			connection, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer connection.Close()
			_, _ = io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello\n")
			_, _ = io.Copy(io.Discard, connection)
			return
		}
		kind := map[string]string{"/events": "Text/Event-Stream; charset=utf-8", "/text": "text/plain", "/download": "application/octet-stream"}[r.URL.Path]
		w.Header().Set("Content-Type", kind)
		if r.URL.Path == "/download" {
			w.Header().Set("Content-Length", strconv.Itoa(1<<20))
		}
		_, _ = io.WriteString(w, "hello\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(api.Close)
	return api.URL, ended
}

// open asks for a stream with the token and reads its first line.
func open(t *testing.T, address, path, token string) (net.Conn, *bufio.Reader) {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	_ = connection.SetDeadline(time.Now().Add(20 * time.Second))
	upgrade := ""
	if path == "/socket" {
		upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	}
	fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: claimd\r\n%sAuthorization: Bearer %s\r\n\r\n", path, upgrade, token)
	reader := bufio.NewReader(connection)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if strings.HasPrefix(line, "hello") {
			return connection, reader
		}
		if strings.Contains(line, `"reason":`) {
			t.Fatalf("%s: %s", path, line)
		}
	}
}

// A stream ends for the client and for the API once its request would not be let in any more, whatever the cause; what
// is no stream goes on to its end.
func TestAStreamEndsOnceItWouldNotBeLetIn(t *testing.T) {
	url, ended := streaming(t)
	for _, c := range []struct {
		story string
		token entratest.Request
		cause func(*config.Config)
	}{
		{"its token expires", entratest.Request{User: "reader", Lifetime: 3 * time.Second}, nil},
		{"a reload takes the client away", entratest.Request{User: "reader"}, func(c *config.Config) { c.Providers[0].ClientApplicationIDs = nil }},
		{"a reload blocks the user", entratest.Request{User: "reader"},
			func(c *config.Config) { c.Users = []config.User{{Provider: "contoso", ID: reader, Blocked: true}} }},
		{"a reload takes the route away", entratest.Request{User: "reader"}, func(c *config.Config) { c.Routes = []config.Route{{Match: "/other/"}} }},
		{"claimd is switched off", entratest.Request{User: "reader"}, func(c *config.Config) { c.Enabled = false }},
	} {
		t.Run(c.story, func(t *testing.T) {
			token, err := tenant().Mint(c.token)
			if err != nil {
				t.Fatal(err)
			}
			gate := newGate(t, towards(url))
			d := Handler(gate, nil).(*door)
			d.every = 20 * time.Millisecond
			address := serve(t, d)
			_, events := open(t, address, "/events", token)
			_, socket := open(t, address, "/socket", token)
			if c.cause != nil {
				gate.Swap(changedGate(t, towards(url), c.cause).Snapshot())
			}
			for _, stream := range []*bufio.Reader{events, socket} {
				if rest, err := io.ReadAll(stream); errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(string(rest), "hello") {
					t.Errorf("it goes on: %q, %v", rest, err)
				}
				<-ended
			}
			if n := len(gate.Denials().List("")); n != 0 {
				t.Errorf("%d refusals, want none: the request was let in", n)
			}
		})
	}
}

// A second look a second: a stream is closed within two of its token's end.
func TestAStreamIsLookedAtEverySecond(t *testing.T) {
	if d := Handler(access.NewGate(nil, access.Options{}), nil).(*door); d.every != time.Second {
		t.Errorf("every %v", d.every)
	}
}

// Half a file is no file: a download goes on, though its client would not be let in any more.
func TestADownloadIsNotCut(t *testing.T) {
	url, ended := streaming(t)
	for _, path := range []string{"/download", "/text"} {
		gate := newGate(t, towards(url))
		d := Handler(gate, nil).(*door)
		d.every = time.Millisecond
		connection, reader := open(t, serve(t, d), path, mint(t, "reader"))
		gate.Swap(changedGate(t, towards(url), func(c *config.Config) { c.Enabled = false }).Snapshot())
		_ = connection.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		rest, err := io.ReadAll(reader)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: it was cut (%q, %v)", path, rest, err)
		}
		_ = connection.Close()
		if got := <-ended; got != path {
			t.Errorf("%s ended", got)
		}
	}
}

func TestWhatLastsIsAStream(t *testing.T) {
	for kind, want := range map[string]bool{
		"text/event-stream": true, "text/event-stream;charset=utf-8": true, "TEXT/EVENT-STREAM": true, "text/event-stream; ": true, //nolint:gocritic // as a server may send it
		"text/event-streams": false, "text/plain": false, "": false, "text/event-stream/x": false, "application/octet-stream": false,
	} {
		if got := lasts(&http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {kind}}}); got != want {
			t.Errorf("%q: %v", kind, got)
		}
	}
	if !lasts(&http.Response{StatusCode: 101}) {
		t.Error("a connection that was switched does not last")
	}
}
