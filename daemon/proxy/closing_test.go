package proxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/claimd/claimd/daemon/config"
)

// After a body in chunks the connection ends, so that a front proxy that went by a Content-Length beside it cannot have the
// rest taken for a request. ReverseProxy empties the answer's header when it passes on a 1xx, that of
// `Expect: 100-continue` included, and Connection: close went with it.
func TestAChunkedRequestIsTheLastOneAfterEarlyHintsToo(t *testing.T) {
	var mu sync.Mutex
	var reached []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hints" {
			w.WriteHeader(http.StatusEarlyHints)
		}
		_, _ = io.Copy(io.Discard, r.Body)
		mu.Lock()
		defer mu.Unlock()
		reached = append(reached, r.URL.Path)
	}))
	defer api.Close()
	bearer := "Host: claimd\r\nAuthorization: Bearer " + mint(t, "reader") + "\r\n"
	address := serve(t, Handler(newGate(t, config.Proxy{Upstream: api.URL}), nil))
	for path, expect := range map[string]string{"/plain": "", "/hints": "", "/expect": "Expect: 100-continue\r\n"} {
		answer := speak(t, address, "POST "+path+" HTTP/1.1\r\n"+bearer+expect+
			"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n"+bearer+"Connection: close\r\n\r\n")
		if closes := strings.Count(answer, "\r\nConnection: close\r\n"); closes != 1 {
			t.Errorf("%s: Connection: close stands %d times in %q", path, closes, answer)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if slices.Contains(reached, "/smuggled") || len(reached) != 3 {
		t.Errorf("the upstream got %v", reached)
	}
}

// What stands around the proxy says Connection: close while claimd's door closes, and where a connection speaks TLS and the
// door does no longer. After a 1xx, and where the upstream did not answer, that was lost, and clients stayed.
func TestAConnectionThatIsToEndEndsAfterA1xxToo(t *testing.T) {
	api := startAPI(t, "tcp", "127.0.0.1:0", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	broken := startAPI(t, "tcp", "127.0.0.1:0", "HTTP/1.1 103 Early Hints\r\n\r\nno answer")
	for upstream, want := range map[string]string{api.address: "HTTP/1.1 200 OK\r\n", broken.address: "HTTP/1.1 502 Bad Gateway\r\n"} {
		proxy := Handler(newGate(t, config.Proxy{Upstream: "http://" + upstream}), nil)
		address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "close")
			proxy.ServeHTTP(w, r)
		}))
		answer := speak(t, address, "GET /a HTTP/1.1\r\nHost: claimd\r\nAuthorization: Bearer "+mint(t, "reader")+"\r\n\r\n")
		if !strings.Contains(answer, want) || strings.Count(answer, "\r\nConnection: close\r\n") != 1 {
			t.Errorf("want %q and Connection: close once, got %q", want, answer)
		}
	}
}
