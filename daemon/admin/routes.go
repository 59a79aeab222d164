package admin

import (
	"encoding/json"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/access"
)

// MaxToken is the largest token that Client.Explain takes, in bytes: twice what a request may bring (token.MaxSize), so
// that a token that is too large is explained, not only refused.
const MaxToken = 64 << 10

// maxBody is the largest body, in bytes: a token of nothing but characters that JSON escapes, and a little.
const maxBody = 6*MaxToken + 1<<10

// explainRequest is the body of POST /v1/explain.
type explainRequest struct {
	Token string `json:"token"`
	Route string `json:"route,omitempty"` // the original request, as access.ParseOriginal reads it; "" = none
}

// refreshRequest is the body of POST /v1/keys/refresh; provider "" = every one.
type refreshRequest struct {
	Provider string `json:"provider"`
}

func (s *Server) makeRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", s.status)
	mux.HandleFunc("POST /v1/reload", s.reload)
	mux.HandleFunc("POST /v1/explain", s.explain)
	mux.HandleFunc("GET /v1/denials", s.denials)
	mux.HandleFunc("GET /v1/denials/follow", s.follow)
	mux.HandleFunc("GET /v1/keys", s.keys)
	mux.HandleFunc("POST /v1/keys/refresh", s.refreshKeys)
	s.addPeople(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "this claimd has nothing of that kind",
			"claimctl and claimd should be of the same version: claimctl version, claimctl status")
	})
	return mux
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	if readNothing(w, r) {
		s.answer(w, s.backend.Status())
	}
}

func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	if readNothing(w, r) {
		s.logAsked(r, "admin socket: reload asked for")
		s.answer(w, s.backend.Reload(r.Context()))
	}
}

func (s *Server) explain(w http.ResponseWriter, r *http.Request) {
	var request explainRequest
	if !readJSON(w, r, &request) {
		return
	}
	if len(request.Token) > MaxToken {
		refuse(w, http.StatusRequestEntityTooLarge, "the token is larger than 64 KiB", "")
		return
	}
	var original *access.Original
	if request.Route != "" {
		var err error
		if original, err = access.ParseOriginal(request.Route); err != nil {
			refuse(w, http.StatusUnprocessableEntity, err.Error(), "")
			return
		}
	}
	s.answer(w, s.backend.Explain(r.Context(), request.Token, original))
}

func (s *Server) denials(w http.ResponseWriter, r *http.Request) {
	if readNothing(w, r) {
		s.answer(w, s.backend.Denials.List(r.URL.Query().Get("id")))
	}
}

func (s *Server) keys(w http.ResponseWriter, r *http.Request) {
	if readNothing(w, r) {
		s.answer(w, s.backend.Keys())
	}
}

func (s *Server) refreshKeys(w http.ResponseWriter, r *http.Request) {
	var request refreshRequest
	if !readJSON(w, r, &request) {
		return
	}
	s.logAsked(r, "admin socket: keys asked for")
	results, err := s.backend.RefreshKeys(r.Context(), request.Provider)
	if err != nil {
		refuse(w, http.StatusUnprocessableEntity, err.Error(), "")
		return
	}
	s.answer(w, results)
}

// follow streams further refusals, one JSON object a line. A client that stops reading is cut off once a line has
// waited for limits.write; meanwhile Denials leaves out what does not fit, so nobody waits for it.
func (s *Server) follow(w http.ResponseWriter, r *http.Request) {
	if !readNothing(w, r) {
		return
	}
	control := http.NewResponseController(w)
	further := s.backend.Denials.Follow(r.Context())
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	if control.Flush() != nil { // the client knows now that it misses nothing from here on
		return
	}
	lines := json.NewEncoder(w)
	for denial := range further {
		_ = control.SetWriteDeadline(time.Now().Add(s.limits.write))
		if lines.Encode(denial) != nil || control.Flush() != nil {
			return
		}
	}
}

func (s *Server) logAsked(r *http.Request, what string) {
	who := visitorOf(r.Context()).peer
	s.log.Info(what, zap.Uint32("uid", who.uid), zap.Int32("pid", who.pid))
}
