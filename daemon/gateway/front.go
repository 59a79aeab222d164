package gateway

import (
	"errors"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/claimd/claimd/daemon/access"
)

// Front stands before an http.Server and answers what nearly every request of a gateway is: a plain question at /auth or
// /ext_authz/. Everything else is net/http's, with the bytes that were read: a request that the Front does not recognise
// byte for byte (head), and all that follows on its connection. So it is a fast path through what net/http does, and never
// laxer; what it writes is what net/http would have written. (One thing it does not forgive as net/http does: old clients'
// empty line between a POST and the next request, which is answered 400.)
//
// net/http spends a goroutine, two deadlines, a background read and two maps on each request, and each wakes threads: with
// nginx in front that is half of what a request costs. Here one goroutine waits for many connections (epoll(7)) and
// answers those whose identity is kept itself, which takes microseconds and never waits (access.Gate.Recall). A request
// that has to be judged gets a goroutine until it is answered.
type Front struct {
	gate    *access.Gate
	server  *http.Server
	note    func(net.Conn, http.ConnState) // of the server; never nil
	closing func() bool
	handed  *handed
	leaves  atomic.Bool // keep-alives are switched off

	mu       sync.Mutex // guards what follows
	listener net.Listener
	loops    []*loop
	closed   bool
	running  sync.WaitGroup // loops, and the server
}

// NewFront puts a Front before a server that NewServer gave, whose handler answers as Handler(gate) does. Its limits and
// its ErrorLog are the Front's too, and its ConnState hears of all connections. Once closing says so each answer asks its
// client to close the connection; nil: never. The server is the Front's from now on.
func NewFront(gate *access.Gate, server *http.Server, closing func() bool) *Front {
	f := &Front{gate: gate, server: server, note: server.ConnState, closing: closing, handed: newHanded()}
	if f.note == nil {
		f.note = func(net.Conn, http.ConnState) {}
	}
	if f.closing == nil {
		f.closing = func() bool { return false }
	}
	note := f.note
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if state != http.StateNew { // it was told when the connection was accepted
			note(conn, state)
		}
	}
	return f
}

// mostLoops bounds the goroutines that wait for connections: one answers some 50,000 requests a second, which a gateway
// takes four processors for. More of them share less of each wake-up.
const mostLoops = 4

// Serve takes connections until the listener is closed. The Front knows those of a listener that Raw gave; all others are
// net/http's from the start. Serve is called once.
func (f *Front) Serve(listener net.Listener) error {
	if err := f.start(listener); err != nil {
		return err
	}
	for next := 0; ; next++ {
		accepted, err := f.accept(listener)
		if err != nil {
			return err
		}
		f.note(accepted, http.StateNew)
		held := heldBy(accepted)
		if held != nil && f.loops[next%len(f.loops)].add(held) {
			continue
		}
		if held != nil {
			_ = held.give(nil, nil, 0) // it is package net's still, which cannot fail
		}
		f.hand(accepted)
	}
}

func (f *Front) start(listener net.Listener) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return http.ErrServerClosed
	}
	for range min(mostLoops, (runtime.GOMAXPROCS(0)+3)/4) {
		l, err := newLoop(f)
		if err != nil {
			return err
		}
		f.loops = append(f.loops, l)
		f.running.Go(l.run)
	}
	f.listener = listener
	f.running.Go(func() { _ = f.server.Serve(f.handed) }) // ends with Close
	return nil
}

// accept waits a moment where the kernel has no more descriptors or memory, as net/http does: 5 ms to 1 s.
func (f *Front) accept(listener net.Listener) (net.Conn, error) {
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		accepted, err := listener.Accept()
		if err == nil {
			return accepted, nil
		}
		if passing, ok := errors.AsType[interface {
			error
			Temporary() bool
		}](err); !ok || !passing.Temporary() {
			return nil, err
		}
		f.logf("http: Accept error: %v; retrying in %v", err, wait)
		time.Sleep(wait)
	}
}

// hand gives a connection to net/http for good.
func (f *Front) hand(conn net.Conn) {
	if !f.handed.give(conn) {
		_ = conn.Close()
		f.note(conn, http.StateClosed)
	}
}

func (f *Front) logf(format string, arguments ...any) {
	if f.server.ErrorLog != nil {
		f.server.ErrorLog.Printf(format, arguments...)
	}
}

// SetKeepAlivesEnabled is http.Server's: false closes the connections that are between two requests, and each other one
// after its answer. What such a connection has sent before it was closed is still answered.
func (f *Front) SetKeepAlivesEnabled(enabled bool) {
	f.leaves.Store(!enabled)
	f.server.SetKeepAlivesEnabled(enabled)
	if enabled {
		return
	}
	for _, l := range f.all() {
		l.leaveIdle()
	}
}

// Close is http.Server's: it closes the listener and all connections at once.
func (f *Front) Close() error {
	f.mu.Lock()
	f.closed = true
	listener := f.listener
	f.mu.Unlock()
	if listener != nil {
		_ = listener.Close() // it may be closed already
	}
	for _, l := range f.all() {
		l.stop()
	}
	err := f.server.Close()
	_ = f.handed.Close() // which never fails
	f.running.Wait()
	for conn := range f.handed.left() {
		_ = conn.Close()
		f.note(conn, http.StateClosed)
	}
	return err
}

func (f *Front) all() []*loop {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.loops
}
