package daemon

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// drainage ends the connections of a door so that no request is lost.
//
// http.Server.Shutdown is not enough for that: it drops a request that arrives on a connection which was accepted just
// before. So it comes last here. First, while connections are still accepted, each answer asks its client to close the
// connection (HTTP/2: with GOAWAY, which net/http makes of Connection: close); then nothing is accepted any more, idle
// connections are closed or told to go away, and the others are waited for.
type drainage struct {
	silence *silence
	closing atomic.Bool
	served  chan struct{} // closed when the last connection was accepted
	goAway  func()        // has HTTP/2 connections end

	mu    sync.Mutex // guards open
	open  int        // connections, but for those that were taken over (WebSocket)
	empty chan struct{}
}

// server is an http.Server, or a gateway.Front before one.
type server interface {
	Serve(net.Listener) error
	SetKeepAlivesEnabled(bool)
	Close() error
}

func newDrainage() *drainage {
	return &drainage{silence: newSilence(maxUnasked, maxIdle), served: make(chan struct{}), goAway: func() {}, empty: make(chan struct{}, 1)}
}

// handler has each answer say Connection: close once the door closes.
func (d *drainage) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.closing.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// note is the server's ConnState.
func (d *drainage) note(conn net.Conn, state http.ConnState) {
	d.silence.note(conn, state)
	switch state {
	case http.StateNew:
		d.add(1)
	case http.StateClosed, http.StateHijacked:
		d.add(-1)
	case http.StateActive, http.StateIdle:
	}
}

func (d *drainage) add(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open += n
	if d.open > 0 {
		return
	}
	select {
	case d.empty <- struct{}{}:
	default: // is told already
	}
}

func (d *drainage) isEmpty() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open == 0
}

// askedAgain is how soon after the first time silent connections are closed again.
const askedAgain = 100 * time.Millisecond

// drain ends all connections of the server and reports whether each request was answered within the limit. Connections
// that have not asked anything by then are closed after the time unasked.
func (d *drainage) drain(server server, socket net.Listener, grace, unasked, limit time.Duration) bool {
	end, silent := time.NewTimer(limit), time.NewTimer(grace+unasked)
	defer end.Stop()
	defer silent.Stop()
	d.closing.Store(true)
	select {
	case <-time.After(grace):
	case <-end.C:
	}
	_ = socket.Close()
	<-d.served
	server.SetKeepAlivesEnabled(false)
	d.goAway()
	for !d.isEmpty() {
		select {
		case <-d.empty:
		case <-silent.C:
			d.silence.closeUnasked()
			silent.Reset(askedAgain) // one may have been in the midst of its handshake, or had sent what nobody had read
		case <-end.C:
			_ = server.Close()
			return false
		}
	}
	_ = server.Close() // nothing is open: it only ends
	return true
}
