// Package proxy is claimd itself in front of the API: it asks the gate, strips the client's identity headers in every
// spelling, sets its own, and passes the request on as it came.
//
// Path, query, Host and body reach the upstream unchanged, and so do the upstream's answer and WebSocket connections in
// both directions. What is changed: the identity headers, Authorization (taken away unless forward_authorization),
// the headers about another request (see forwarded.go; X-Forwarded-For, -Host and -Proto are set), hop-by-hop headers and
// trailers of the request, and an Upgrade to any protocol but WebSocket. A request target whose path cannot be passed on
// unchanged is answered 400, and so is a body that breaks. The answer gets X-Claimd-Decision. A WebSocket connection, and
// a stream of server-sent events, ends within a second or two after the gate would refuse its request.
//
// In front it speaks HTTP/1, and on a connection with TLS HTTP/2 too, where a request that HTTP/1 would say in another
// way is answered 400; WebSockets come by HTTP/1 (RFC 8441 is not offered). Behind it speaks HTTP/1 alone: trailers of
// the answer pass, gRPC, which wants HTTP/2 from end to end, does not. An https upstream's certificate is verified for
// the host in its address with the roots of this host (or SSL_CERT_FILE); [outbound] and its ca_file are for providers.
//
// Limits in front: 48 KiB of header, 5 s for the TLS handshake, 5 s for a header, 60 s idle, 100 requests at once on an
// HTTP/2 connection; a body may be of any size and take any time. Behind: see upstream.go.
package proxy

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/gateway"
)

// Handler proxies to [proxy] upstream of the Snapshot that judges the request.
func Handler(gate *access.Gate, log *zap.Logger) http.Handler {
	if log == nil {
		log = zap.NewNop()
	}
	return &door{gate: gate, log: log, errorLog: zap.NewStdLog(log), upstreams: newUpstreams(responseTime), every: askAgain}
}

// door is the proxy's handler.
type door struct {
	gate      *access.Gate
	log       *zap.Logger
	errorLog  *log.Logger
	upstreams *upstreams
	every     time.Duration // between two looks at a stream
	outages   access.Throttle
}

// ServeHTTP judges the request and passes it on, or refuses it as the gateway's door does.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request := access.Request{
		Header: r.Header, Strips: true, Original: original(r),
	}
	decision := d.gate.Decide(r.Context(), request)
	if !decision.Allowed() {
		leaveBody(w, r)
		gateway.WriteDenial(w, &decision)
		return
	}
	if !translates(r) {
		leaveBody(w, r)
		gateway.WriteError(w, http.StatusBadRequest, "bad_request", decision.ID)
		return
	}
	if r.Method == http.MethodConnect {
		// It asks for a tunnel to an address of the client's choice, which no API behind a proxy gives.
		leaveBody(w, r)
		gateway.WriteError(w, http.StatusMethodNotAllowed, "method_not_allowed", decision.ID)
		return
	}
	if !keepsPath(r) {
		leaveBody(w, r)
		gateway.WriteError(w, http.StatusBadRequest, "bad_request", decision.ID)
		return
	}
	if len(r.TransferEncoding) > 0 {
		// There may have been a Content-Length beside it, which net/http hides. A front proxy that goes by the length
		// would take what follows for the next client's request, so nothing follows (RFC 9112 section 6.1).
		w.Header().Set("Connection", "close")
	}
	d.pass(w, r, request, &decision)
}

// pass hands the request to the upstream. The ReverseProxy is made for the one request, so that its functions know the
// Decision; what is dear, the transport, is kept.
func (d *door) pass(w http.ResponseWriter, r *http.Request, request access.Request, decision *access.Decision) {
	ctx, end := context.WithCancel(r.Context())
	defer end()
	upstream := d.upstreams.find(decision.Snapshot().Config().Proxy.Upstream)
	closing := w.Header()["Connection"] // ReverseProxy would write it in a 1xx, and empty the answer's header with that
	w.Header().Del("Connection")
	body := &clientBody{ReadCloser: r.Body}
	proxy := httputil.ReverseProxy{
		Transport:     upstream.transport,
		FlushInterval: -1, // streams and server-sent events pass as they come
		ErrorLog:      d.errorLog,
		Rewrite:       func(p *httputil.ProxyRequest) { rewrite(p, upstream, decision) },
		ModifyResponse: func(response *http.Response) error {
			response.Header.Set("X-Claimd-Decision", decision.ID)
			if closing != nil && response.StatusCode != http.StatusSwitchingProtocols {
				response.Header["Connection"] = closing
			}
			if lasts(response) {
				go d.watch(ctx, end, request)
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if closing != nil {
				w.Header()["Connection"] = closing
			}
			d.failed(w, r, decision.ID, body.broke.Load(), err)
		},
	}
	r = r.WithContext(ctx)
	r.Body = body
	proxy.ServeHTTP(w, r)
}

// failed answers for an upstream that did not: 504 where it took too long, else 502; and for a body of the client's that
// broke, which is no fault of the upstream, with 400.
func (d *door) failed(w http.ResponseWriter, r *http.Request, id string, bodyBroke bool, err error) {
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // the client went away: nobody is left to answer
	}
	if bodyBroke {
		leaveBody(w, r)
		gateway.WriteError(w, http.StatusBadRequest, "bad_request", id)
		return
	}
	if suppressed, due := d.outages.Due(time.Now()); due {
		d.log.Warn("the upstream did not answer", zap.String("decision_id", id),
			zap.String("error", access.Clean(err.Error())), suppressed)
	}
	leaveBody(w, r)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		gateway.WriteError(w, http.StatusGatewayTimeout, "gateway_timeout", id)
		return
	}
	gateway.WriteError(w, http.StatusBadGateway, "bad_gateway", id)
}
