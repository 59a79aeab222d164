package gateway_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/gateway"
)

// door is a Front at a unix socket, which counts what it hears of connections, and what net/http was asked.
type door struct {
	path    string
	server  *http.Server
	front   *gateway.Front // nil: net/http alone
	closing atomic.Bool
	asked   atomic.Int64 // requests that its handler had
	handed  atomic.Int64 // connections that net/http had

	mu     sync.Mutex
	states map[http.ConnState]int
	newest net.Conn // that was accepted
}

// openDoor opens one. change edits the server before it serves; nil: it is as NewServer gives it.
func openDoor(t testing.TB, gate *access.Gate, fronted bool, change func(*http.Server)) *door {
	t.Helper()
	d := &door{path: filepath.Join(t.TempDir(), "s"), states: map[http.ConnState]int{}}
	listener, err := net.Listen("unix", d.path)
	if err != nil {
		t.Fatal(err)
	}
	handler := gateway.Handler(gate)
	d.server = gateway.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.asked.Add(1)
		if d.closing.Load() {
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	}))
	d.server.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		d.handed.Add(1)
		return ctx
	}
	d.server.WriteTimeout = 10 * time.Second
	d.server.ConnState = func(conn net.Conn, state http.ConnState) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if state == http.StateNew {
			d.newest = conn
		}
		d.states[state]++
	}
	if change != nil {
		change(d.server)
	}
	serve, end := d.server.Serve, d.server.Close
	if fronted {
		d.front = gateway.NewFront(gate, d.server, d.closing.Load)
		serve, end, listener = d.front.Serve, d.front.Close, gateway.Raw(listener)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = serve(listener)
	}()
	t.Cleanup(func() {
		_ = end()
		<-ended
	})
	return d
}

func (d *door) dial(t testing.TB) *net.UnixConn {
	t.Helper()
	connection, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: d.path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	_ = connection.SetDeadline(time.Now().Add(20 * time.Second))
	return connection
}

// says writes the pieces one after the other, says that no more follows, and gives all that comes back, comparable.
func (d *door) says(t testing.TB, pieces ...string) string {
	t.Helper()
	connection := d.dial(t)
	defer connection.Close()
	for i, piece := range pieces {
		if i > 0 {
			time.Sleep(time.Millisecond)
		}
		if _, err := io.WriteString(connection, piece); err != nil {
			break // it has answered already
		}
	}
	_ = connection.CloseWrite()
	answer, _ := io.ReadAll(connection) // a connection that is reset has said what it says
	return contentLength.ReplaceAllStringFunc(golden(string(answer)), func(line string) string {
		if len(line) == len("Content-Length: 80") { // of a refusal: the decision's id has as many digits as it needs
			return "Content-Length: N"
		}
		return line
	})
}

var contentLength = regexp.MustCompile(`Content-Length: [0-9]+`)

// told gives how often connections were told to be in the state.
func (d *door) told(state http.ConnState) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.states[state]
}

// ends gives how many connections were told to be new, and to be closed, once all are.
func (d *door) ends(t testing.TB) (begun, closed int) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		begun, closed = d.told(http.StateNew), d.told(http.StateClosed)
		if begun == closed || time.Now().After(limit) {
			return begun, closed
		}
	}
}
