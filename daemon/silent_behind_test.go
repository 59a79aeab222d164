package daemon

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"
)

// A process that had got no time for two seconds found a thousand connections in its queue, took them all before any had
// been read, and closed the oldest of them for being silent: each had sent its request.
func TestWhoHasSentWhatNobodyHasReadIsNotSilent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newSilence(2, 2)
	server := &http.Server{ConnState: s.note, Handler: http.NotFoundHandler(), ReadHeaderTimeout: 10 * time.Second}
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
	go func() { _ = server.Serve(acceptor{listener, s}) }()
	for i, conn := range asking {
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, err := conn.Read(make([]byte, 12)); n != 12 || err != nil {
			t.Fatalf("connection %d: want an answer, got %d bytes and %v", i, n, err)
		}
	}
}
