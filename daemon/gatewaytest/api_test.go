package gatewaytest

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// seen is a request as it reached the API.
type seen struct {
	method, host, target string
	header, trailer      http.Header
	body                 string
}

// api stands behind the gateway and remembers what reached it.
type api struct {
	address string
	mu      sync.Mutex
	all     []seen
}

// startAPI serves the API until the test ends. It answers 200, and a WebSocket's upgrade with 101 and an echo.
func startAPI(t *testing.T) *api {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	a := &api{address: listener.Addr().String()}
	server := &http.Server{Handler: a, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 256 << 10}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // ends with ErrServerClosed
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return a
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // what arrived counts
	a.mu.Lock()
	a.all = append(a.all, seen{r.Method, r.Host, r.RequestURI, r.Header.Clone(), r.Trailer.Clone(), string(body)})
	a.mu.Unlock()
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		connection, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer connection.Close()
		_, _ = io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
		_, _ = io.CopyN(connection, buffered, 5) // the test sees what comes back
		return
	}
	w.Header().Set("X-From-The-Api", "yes")
	w.Header().Set("X-Answers", r.URL.Path+" "+r.Header.Get("Remote-User"))
	_, _ = io.WriteString(w, "the API\n") // the test sees what comes back
}

// since gives the requests that came after the first n.
func (a *api) since(n int) []seen {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all[n:]
}

func (a *api) count() int { return len(a.since(0)) }
