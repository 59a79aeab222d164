package daemon

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/gateway"
)

// A process that had got no time for two seconds found a thousand connections in its queue, took them all before any had
// been read, and closed the oldest of them for being silent: each had sent its request.
func TestWhoHasSentWhatNobodyHasReadIsNotSilent(t *testing.T) {
	t.Run("net/http", func(t *testing.T) {
		whoHasSentIsNotSilent(t, func(s *http.Server, listener net.Listener) (server, net.Listener) { return s, listener })
	})
	t.Run("with the front before it", func(t *testing.T) {
		whoHasSentIsNotSilent(t, func(s *http.Server, listener net.Listener) (server, net.Listener) {
			return gateway.NewFront(nil, s, nil), gateway.Raw(listener)
		})
	})
}

func whoHasSentIsNotSilent(t *testing.T, serving func(*http.Server, net.Listener) (server, net.Listener)) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newSilence(2, 2)
	inner := gateway.NewServer(http.NotFoundHandler())
	inner.ConnState, inner.ReadHeaderTimeout = s.note, 10*time.Second
	server, accepting := serving(inner, listener)
	t.Cleanup(func() { _ = server.Close() })
	var asking []net.Conn
	for range 200 { // all are in the queue before the first is accepted
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
		asking = append(asking, conn)
	}
	go func() { _ = server.Serve(acceptor{accepting, s}) }()
	for i, conn := range asking {
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, err := conn.Read(make([]byte, 12)); n != 12 || err != nil {
			t.Fatalf("connection %d: want an answer, got %d bytes and %v", i, n, err)
		}
	}
}
