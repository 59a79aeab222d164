package soak

import (
	"bytes"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// place is where a provider stands: an address that serves the provider, or misbehaves in its stead. Its methods but
// ServeHTTP belong to one goroutine.
type place struct {
	t       *testing.T
	address string // host:port
	base    string // without a final slash
	serves  http.Handler
	secured *tls.Config // nil: http
	fault   atomic.Pointer[misconduct]

	server *http.Server
	served chan struct{} // closed when server has ended
	silent net.Listener  // what keeps the address while nobody accepts there
}

// misconduct takes the place of the provider's answers.
type misconduct struct {
	answer func(http.ResponseWriter, *http.Request, *misconduct)
	serves http.Handler  // what would answer else
	over   chan struct{} // closed when the provider behaves again
}

// newPlace has a free loopback port, where open serves. certificate nil: http.
func newPlace(t *testing.T, certificate *tls.Certificate) (*place, net.Listener) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &place{t: t, address: listener.Addr().String(), base: "http://" + listener.Addr().String()}
	if certificate != nil {
		_, port, _ := net.SplitHostPort(p.address) // an address of net's is one
		p.base, p.secured = "https://localhost:"+port, &tls.Config{Certificates: []tls.Certificate{*certificate}}
	}
	t.Cleanup(p.refuse)
	return p, listener
}

// open serves the provider on that listener.
func (p *place) open(listener net.Listener, provider http.Handler) {
	p.serves = provider
	p.serve(listener, p.secured)
}

func (p *place) serve(listener net.Listener, secured *tls.Config) {
	if secured != nil {
		listener = tls.NewListener(listener, secured)
	}
	p.server = &http.Server{
		Handler: p, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: log.New(io.Discard, "", 0), // claimd refuses certificates, and cuts off what hangs
	}
	p.served = make(chan struct{})
	go func(server *http.Server, served chan struct{}) {
		defer close(served)
		_ = server.Serve(listener) // ends with ErrServerClosed
	}(p.server, p.served)
}

// refuse closes the address: connections are refused until listen. Twice is once.
func (p *place) refuse() {
	p.behave()
	if p.silent != nil {
		_ = p.silent.Close()
		p.silent = nil
	}
	if p.server == nil {
		return
	}
	_ = p.server.Close()
	<-p.served
	p.server = nil
}

// listen opens the address again.
func (p *place) listen() { p.t.Helper(); p.listenWith(p.secured) }

// listenWith opens the address anew, with other settings of TLS (nil: without).
func (p *place) listenWith(secured *tls.Config) {
	p.t.Helper()
	p.refuse()
	p.serve(p.take(), secured)
}

// acceptNothing leaves the address to the kernel: connections come about there, and nobody knows of them.
func (p *place) acceptNothing() {
	p.t.Helper()
	p.refuse()
	p.silent = p.take()
}

func (p *place) take() net.Listener {
	p.t.Helper()
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		listener, err := net.Listen("tcp", p.address)
		if err == nil {
			return listener
		}
		if time.Now().After(limit) {
			p.t.Fatal(err)
		}
	}
}

// misbehave answers so from now on.
func (p *place) misbehave(answer func(http.ResponseWriter, *http.Request, *misconduct)) {
	p.behave()
	p.fault.Store(&misconduct{answer: answer, serves: p.serves, over: make(chan struct{})})
}

// behave ends that. Who was kept waiting is answered now.
func (p *place) behave() {
	if old := p.fault.Swap(nil); old != nil {
		close(old.over)
	}
}

func (p *place) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := p.fault.Load()
	if m == nil {
		p.serves.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body) // from here on it is seen when the client leaves
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	m.answer(w, r, m)
}

// freeze keeps everybody waiting.
func freeze(w http.ResponseWriter, r *http.Request, m *misconduct) {
	select {
	case <-m.over:
		m.serves.ServeHTTP(w, r)
	case <-r.Context().Done():
	}
}

// drip sends a byte now and then, and never ends.
func drip(w http.ResponseWriter, _ *http.Request, m *misconduct) {
	socket, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer socket.Close()
	_, err = socket.Write([]byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10000\r\n\r\n{"))
	for err == nil {
		select {
		case <-m.over:
			return
		case <-time.After(20 * time.Millisecond):
		}
		_, err = socket.Write([]byte(" "))
	}
}

// says answers so, whatever is asked; fields are header lines, name and value.
func says(status int, media, body string, fields ...string) func(http.ResponseWriter, *http.Request, *misconduct) {
	return func(w http.ResponseWriter, _ *http.Request, _ *misconduct) {
		w.Header().Set("Content-Type", media)
		for i := 0; i < len(fields); i += 2 {
			w.Header().Set(fields[i], fields[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// halves breaks off in the midst of each answer.
func halves(w http.ResponseWriter, r *http.Request, m *misconduct) {
	whole := m.whole(r)
	w.Header().Set("Content-Type", whole.Header().Get("Content-Type"))
	w.Header().Set("Content-Length", strconv.Itoa(whole.Body.Len()))
	_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// rewrites answers with what change makes of the provider's own answer to that path.
func rewrites(change func(path, body string) string) func(http.ResponseWriter, *http.Request, *misconduct) {
	return func(w http.ResponseWriter, r *http.Request, m *misconduct) {
		whole := m.whole(r)
		w.Header().Set("Content-Type", whole.Header().Get("Content-Type"))
		w.WriteHeader(whole.Code)
		_, _ = io.WriteString(w, change(r.URL.Path, whole.Body.String()))
	}
}

// whole is the answer that the provider gives.
func (m *misconduct) whole(r *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	m.serves.ServeHTTP(answer, r)
	return answer
}

// at misbehaves at addresses that hold the part; elsewhere the provider goes on.
func at(part string, answer func(http.ResponseWriter, *http.Request, *misconduct)) func(http.ResponseWriter, *http.Request, *misconduct) {
	return func(w http.ResponseWriter, r *http.Request, m *misconduct) {
		if !strings.Contains(r.URL.Path, part) {
			m.serves.ServeHTTP(w, r)
			return
		}
		answer(w, r, m)
	}
}
