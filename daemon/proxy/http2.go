package proxy

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"

	"github.com/claimd/claimd/daemon/gateway"
)

// maxStreams is how many requests one HTTP/2 connection may have under way. RFC 9113 section 6.5.2 recommends no fewer.
const maxStreams = 100

// SpeakHTTP2 has a server that gateway.NewServer made speak HTTP/2 on those of its connections whose TLS handshake chose
// it. Without TLS there is none: h2c would be a second way to say a request that front proxies do not look into. It is
// called before Serve, when all else of the server is set.
//
// goAway has all those connections end: their clients ask nothing further on them, and may ask elsewhere what the GOAWAY
// does not name (RFC 9113 section 6.8). It waits for nothing. A connection without requests is closed a second later, if
// its client has not done so. net/http has only Shutdown for it, which drops requests of HTTP/1 that were just read; so
// HTTP/2 has a server of its own, to which nothing else belongs.
func SpeakHTTP2(server *http.Server) (goAway func()) {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	second := &http.Server{
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		MaxHeaderBytes:    server.MaxHeaderBytes,
		ReadHeaderTimeout: server.ReadHeaderTimeout,
		IdleTimeout:       server.IdleTimeout,
		ConnState:         server.ConnState,
		ErrorLog:          server.ErrorLog,
	}
	_ = second.Serve(nobody{}) // sets HTTP/2 up, and ends
	server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
		"h2": func(_ *http.Server, conn *tls.Conn, handler http.Handler) {
			second.TLSNextProto["h2"](second, conn, handler)
		},
	}
	return func() {
		ended, end := context.WithCancel(context.Background())
		end()
		_ = second.Shutdown(ended)
	}
}

// nobody is a listener to which nobody connects.
type nobody struct{}

// Accept implements net.Listener.
func (nobody) Accept() (net.Conn, error) { return nil, net.ErrClosed }

// Close implements net.Listener.
func (nobody) Close() error { return nil }

// Addr implements net.Listener.
func (nobody) Addr() net.Addr { return &net.TCPAddr{} }

// translates reports whether an HTTP/2 request can be said in HTTP/1 without being another one there. In HTTP/2 the
// method, the path and the host are fields of their own, which may hold what ends them in a request line or a Host
// header: a path `/public HTTP/1.1` is two things to two readers. net/http has refused control characters, names in
// capitals, headers of the connection (Connection, Transfer-Encoding, Upgrade ...) and CONNECT with a protocol.
func translates(r *http.Request) bool {
	if r.ProtoMajor != 2 {
		return true
	}
	hosts := r.Header["Host"] // kept beside :authority (RFC 9113 section 8.3.1: they must not differ)
	sameHost := len(hosts) == 0 || len(hosts) == 1 && hosts[0] == r.Host
	isPath := strings.HasPrefix(r.RequestURI, "/") || r.RequestURI == "*" && r.Method == http.MethodOptions
	isPath = isPath || r.Method == http.MethodConnect
	return sameHost && isHostText(r.Host) && isPath && isVisible(r.RequestURI) && isToken(r.Method)
}

// isVisible reports whether a text holds no blank and no control character. Bytes above ASCII pass, as in HTTP/1.
func isVisible(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == 0x7f })
}

// isHostText reports whether a text is made of what a Host header may hold (RFC 3986 section 3.2.2), user information
// left out: what net/http asks of it in HTTP/1.
func isHostText(text string) bool {
	return text != "" && only(text, "!$%&'()*+,-.:;=[]_~")
}

// isToken reports whether a text is a token (RFC 9110 section 5.6.2).
func isToken(text string) bool { return text != "" && only(text, "!#$%&'*+-.^_`|~") }

// only reports whether a text holds letters, digits and these marks alone.
func only(text, marks string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool {
		isWord := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		return !isWord && !strings.ContainsRune(marks, c)
	})
}

// leaveBody is gateway.LeaveBody for HTTP/1. An HTTP/2 stream whose body nobody reads is reset when it is answered, and
// nothing of it is waited for: the connection goes on.
func leaveBody(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 2 {
		return
	}
	gateway.LeaveBody(w, r)
}
