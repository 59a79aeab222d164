// Package gateway is the door for gateways: forward-auth, whoami and health. It turns the wire into an access.Request
// and a Decision back into the wire, and decides nothing.
package gateway

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/claimd/claimd/daemon/access"
)

// Handler answers /auth, /ext_authz/..., /whoami, /livez and /readyz, byte for byte these paths; all else is 404. No path
// is cleaned or redirected.
func Handler(gate *access.Gate) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		LeaveBody(w, r)
		// EscapedPath is the path as it was sent, without the query: /%61uth stays what it is.
		switch r.URL.EscapedPath() {
		case "/auth":
			auth(gate, w, r, nil)
		case "/whoami":
			whoami(gate, w, r)
		case "/livez":
			health(w, r, true)
		case "/readyz":
			health(w, r, gate.Ready())
		default:
			if original := extAuthz(r); original != nil {
				auth(gate, w, r, original)
				return
			}
			writeJSON(w, http.StatusNotFound, errorBody{"not_found"})
		}
	})
}

// auth is the forward-auth check: any method, no body in the answer, every identity header where the request may pass.
func auth(gate *access.Gate, w http.ResponseWriter, r *http.Request, original *access.Original) {
	decision := gate.Decide(r.Context(), access.Request{Header: r.Header, Peer: peer(r), Original: original})
	answerAuth(w, &decision)
}

func answerAuth(w http.ResponseWriter, decision *access.Decision) {
	if !decision.Allowed() {
		WriteDenial(w, decision)
		return
	}
	header := w.Header()
	header.Set("X-Claimd-Decision", decision.ID)
	decision.SetHeaders(header)
	header.Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}

// whoami shows the caller his identity. Nothing of the request is passed on, so identity headers in it do no harm.
func whoami(gate *access.Gate, w http.ResponseWriter, r *http.Request) {
	if !reads(w, r) {
		return
	}
	decision := gate.Decide(r.Context(), access.Request{Header: r.Header, Strips: true, Unrouted: true})
	if !decision.Allowed() {
		WriteDenial(w, &decision)
		return
	}
	w.Header().Set("X-Claimd-Decision", decision.ID)
	writeJSON(w, http.StatusOK, decision.Identity.Whoami())
}

func health(w http.ResponseWriter, r *http.Request, good bool) {
	if !reads(w, r) {
		return
	}
	if !good {
		writeJSON(w, http.StatusServiceUnavailable, statusBody{"unavailable"})
		return
	}
	writeJSON(w, http.StatusOK, statusBody{"ok"})
}

// reads answers every method but GET and HEAD with 405; false: it did.
func reads(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	writeJSON(w, http.StatusMethodNotAllowed, errorBody{"method_not_allowed"})
	return false
}

// bodyTime is how long a body that nobody reads may take to arrive before its connection is closed.
const bodyTime = 5 * time.Second

// LeaveBody has the connection close after an answer that does not read the request's body. Otherwise net/http would read
// up to 256 KiB of it, however slowly it drips, to use the connection again.
func LeaveBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	w.Header().Set("Connection", "close")
	// A ResponseWriter that has no connection (in a test) has no deadline to set.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
}

type errorBody struct {
	Error string `json:"error"`
}

type statusBody struct {
	Status string `json:"status"`
}

// writeJSON writes one line of JSON. Only the types of this package and access.Whoami go in, which cannot fail.
func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // the client went away: nobody is left to tell
}
