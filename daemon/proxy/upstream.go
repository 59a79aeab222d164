package proxy

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The limits towards an upstream.
const (
	dialTime       = 5 * time.Second  // for a connection, without its TLS
	tlsTime        = 5 * time.Second  // for the TLS handshake
	responseTime   = 5 * time.Minute  // from the end of the request to the answer's header; a body may take longer
	idleTime       = 90 * time.Second // an idle connection is kept
	continueTime   = time.Second      // for an upstream's 100 Continue before the body is sent anyway
	idlePerHost    = 64               // idle connections kept
	maxHeaderBytes = 256 << 10        // of an answer
)

// upstream is one address to pass requests on to, with the connections kept to it.
type upstream struct {
	scheme, host string
	transport    *http.Transport
}

// upstreams keeps one upstream for each address that was ever configured. There are no more of them than edits of the
// configuration; those that are no longer asked lose their idle connections.
type upstreams struct {
	responseTime time.Duration
	mu           sync.Mutex
	known        map[string]*upstream
}

func newUpstreams(responseTime time.Duration) *upstreams {
	return &upstreams{responseTime: responseTime, known: make(map[string]*upstream)}
}

// find gives the upstream of the address: http://host:port, https://host[:port] or unix:/path.
func (u *upstreams) find(address string) *upstream {
	u.mu.Lock()
	defer u.mu.Unlock()
	if found, ok := u.known[address]; ok {
		return found
	}
	for _, former := range u.known {
		former.transport.CloseIdleConnections()
	}
	made := newUpstream(address, u.responseTime)
	u.known[address] = made
	return made
}

// newUpstream makes the transport: HTTP/1 (which WebSockets need), without the environment's proxy, and without
// compression of its own, so that bodies pass as they are.
func newUpstream(address string, responseTime time.Duration) *upstream {
	dialer := &net.Dialer{Timeout: dialTime}
	dial := dialer.DialContext
	scheme, host, _ := strings.Cut(address, "://")
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		scheme, host = "http", "localhost"
		dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", path)
		}
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &upstream{scheme: strings.ToLower(scheme), host: strings.TrimSuffix(host, "/"), transport: &http.Transport{
		DialContext:            dial,
		Protocols:              protocols,
		TLSHandshakeTimeout:    tlsTime,
		ResponseHeaderTimeout:  responseTime,
		ExpectContinueTimeout:  continueTime,
		IdleConnTimeout:        idleTime,
		MaxIdleConnsPerHost:    idlePerHost,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true,
	}}
}
