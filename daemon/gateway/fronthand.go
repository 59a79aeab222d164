package gateway

import (
	"iter"
	"net"
	"sync"
)

// handed is the listener at which net/http gets the connections that the Front hands over.
type handed struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newHanded() *handed {
	return &handed{conns: make(chan net.Conn, 64), done: make(chan struct{})}
}

// give reports false once the listener is closed: then the connection is the caller's still.
func (h *handed) give(conn net.Conn) bool {
	select {
	case <-h.done:
		return false
	default:
	}
	select {
	case h.conns <- conn:
		return true
	case <-h.done:
		return false
	}
}

// Accept implements net.Listener.
func (h *handed) Accept() (net.Conn, error) {
	select {
	case conn := <-h.conns:
		return conn, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. It may be called more than once.
func (h *handed) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

// Addr implements net.Listener. Each connection has the address of its own door.
func (h *handed) Addr() net.Addr { return &net.UnixAddr{Name: "front", Net: "unix"} }

// left gives what net/http has not taken, after Close.
func (h *handed) left() iter.Seq[net.Conn] {
	return func(yield func(net.Conn) bool) {
		for {
			select {
			case conn := <-h.conns:
				if !yield(conn) {
					return
				}
			default:
				return
			}
		}
	}
}
