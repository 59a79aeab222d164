// Package proxy is claimd itself in front of the API: it asks the gate, strips the client's identity headers in every
// spelling, sets its own, and passes the request on as it came.
//
// Path, query, Host and body reach the upstream unchanged, and so do the upstream's answer and WebSocket connections in both
// directions. What is changed: the identity headers, Authorization (taken away unless forward_authorization), X-Forwarded-*,
// Forwarded and X-Original-* (the client's go; X-Forwarded-For, -Host and -Proto are set), hop-by-hop headers and trailers of
// the request. The answer gets X-Claimd-Decision. A WebSocket connection lives on after its token has expired.
package proxy

import (
	"encoding/json"
	"errors"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/gateway"
)

// Handler proxies to [proxy] upstream of the Snapshot that judges the request.
func Handler(gate *access.Gate, log *zap.Logger) http.Handler {
	if log == nil {
		log = zap.NewNop()
	}
	return &door{gate: gate, log: log, errorLog: zap.NewStdLog(log), upstreams: newUpstreams(responseTime)}
}

// door is the proxy's handler.
type door struct {
	gate      *access.Gate
	log       *zap.Logger
	errorLog  *log.Logger
	upstreams *upstreams
}

// ServeHTTP judges the request and passes it on, or refuses it as the gateway's door does.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	decision := d.gate.Decide(r.Context(), access.Request{Header: r.Header, Strips: true})
	if !decision.Allowed() {
		gateway.LeaveBody(w, r)
		gateway.WriteDenial(w, &decision)
		return
	}
	if r.Method == http.MethodConnect {
		// It asks for a tunnel to an address of the client's choice, which no API behind a proxy gives.
		gateway.LeaveBody(w, r)
		writeError(w, http.StatusMethodNotAllowed, "method_not_allowed", decision.ID)
		return
	}
	d.pass(w, r, &decision)
}

// pass hands the request to the upstream. The ReverseProxy is made for the one request, so that its functions know the
// Decision; what is dear, the transport, is kept.
func (d *door) pass(w http.ResponseWriter, r *http.Request, decision *access.Decision) {
	upstream := d.upstreams.find(decision.Snapshot().Config().Proxy.Upstream)
	proxy := httputil.ReverseProxy{
		Transport:     upstream.transport,
		FlushInterval: -1, // streams and server-sent events pass as they come
		ErrorLog:      d.errorLog,
		Rewrite:       func(p *httputil.ProxyRequest) { rewrite(p, upstream, decision) },
		ModifyResponse: func(response *http.Response) error {
			response.Header.Set("X-Claimd-Decision", decision.ID)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) { d.failed(w, r, decision.ID, err) },
	}
	proxy.ServeHTTP(w, r)
}

// failed answers for an upstream that did not: 504 where it took too long, else 502.
func (d *door) failed(w http.ResponseWriter, r *http.Request, id string, err error) {
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // the client went away: nobody is left to answer
	}
	d.log.Warn("the upstream did not answer", zap.String("decision_id", id), zap.String("error", access.Clean(err.Error())))
	gateway.LeaveBody(w, r)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		writeError(w, http.StatusGatewayTimeout, "gateway_timeout", id)
		return
	}
	writeError(w, http.StatusBadGateway, "bad_gateway", id)
}

type errorBody struct {
	Error      string `json:"error"`
	DecisionID string `json:"decision_id"`
}

// writeError writes an answer of the proxy's own. It holds nothing that the request or the upstream brought.
func writeError(w http.ResponseWriter, status int, code, id string) {
	text, err := json.Marshal(errorBody{code, id})
	if err != nil {
		text = []byte("{}") // two strings always marshal
	}
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Claimd-Decision", id)
	header.Set("Content-Type", "application/json")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // the client went away: nobody is left to tell
}

// rawPath gives the request's path as it was sent, without the query; "" for forms that have none.
func rawPath(requestURI string) string {
	if !strings.HasPrefix(requestURI, "/") {
		return ""
	}
	path, _, _ := strings.Cut(requestURI, "?")
	return path
}
