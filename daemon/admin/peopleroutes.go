package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/directory"
)

// maxUnmatched is how many unmatched values one answer holds at most.
const maxUnmatched = 1000

// statusRefused is the status of what the daemon understands and does not do.
const statusRefused = http.StatusUnprocessableEntity

func (s *Server) addPeople(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/users", s.users)
	mux.HandleFunc("GET /v1/users/one", s.user)
	mux.HandleFunc("POST /v1/users/change", s.change)
	mux.HandleFunc("GET /v1/users/claims", s.claims)
	mux.HandleFunc("GET /v1/groups", s.locals)
	mux.HandleFunc("GET /v1/unmatched", s.unmatched)
}

func (s *Server) users(w http.ResponseWriter, r *http.Request) {
	if !readNothing(w, r) {
		return
	}
	query, ok := readUserQuery(w, r)
	if !ok {
		return
	}
	page, err := s.backend.Users(r.Context(), query)
	s.answerOr(w, page, err)
}

func (s *Server) user(w http.ResponseWriter, r *http.Request) {
	if !readNothing(w, r) {
		return
	}
	values, ok := readQuery(w, r, "provider", "id")
	if !ok {
		return
	}
	detail, err := s.backend.User(r.Context(), values.Get("provider"), values.Get("id"))
	s.answerOr(w, detail, err)
}

// change does not end with its client: an administrator who presses Ctrl-C has asked already.
func (s *Server) change(w http.ResponseWriter, r *http.Request) {
	var request ChangeRequest
	if !readJSON(w, r, &request) {
		return
	}
	switch request.Action {
	case directory.Activate, directory.Deactivate, directory.Invite, directory.Forget, directory.Revoke:
	default:
		refuse(w, http.StatusBadRequest, "action: want activate, deactivate, invite, forget or revoke", "")
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), s.limits.change)
	defer cancel()
	changed, err := s.backend.Change(ctx, request, visitorOf(r.Context()).peer.name())
	s.answerOr(w, changed, err)
}

func (s *Server) locals(w http.ResponseWriter, r *http.Request) {
	if !readNothing(w, r) {
		return
	}
	values, ok := readQuery(w, r, "kind")
	if !ok {
		return
	}
	kind := directory.Kind(values.Get("kind"))
	if kind != directory.Groups && kind != directory.Roles {
		refuse(w, http.StatusBadRequest, "kind: want group or role", "")
		return
	}
	locals, err := s.backend.Locals(r.Context(), kind)
	s.answerOr(w, locals, err)
}

func (s *Server) unmatched(w http.ResponseWriter, r *http.Request) {
	if !readNothing(w, r) {
		return
	}
	values, ok := readQuery(w, r, "limit")
	if !ok {
		return
	}
	limit, ok := readLimit(w, values, maxUnmatched)
	if !ok {
		return
	}
	unmatched, err := s.backend.Unmatched(r.Context(), limit)
	s.answerOr(w, unmatched, err)
}

// end is the last line of a stream: without it the stream was cut off. Problem says why it ends early.
type end struct {
	Users   *int   `json:"users,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// claims streams every user, one JSON object a line. A client that stops reading is cut off once a line has waited for
// limits.write.
func (s *Server) claims(w http.ResponseWriter, r *http.Request) {
	if !readNothing(w, r) {
		return
	}
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "application/x-ndjson")
	buffered := bufio.NewWriterSize(w, 32<<10)
	lines := json.NewEncoder(buffered)
	count := 0
	err := s.backend.Judge(r.Context(), func(judged Judged) error {
		count++
		_ = control.SetWriteDeadline(time.Now().Add(s.limits.write))
		return lines.Encode(judged)
	})
	if err != nil && count == 0 {
		s.answerOr(w, nil, err)
		return
	}
	last := end{Users: &count}
	if err != nil {
		last = end{Problem: err.Error()}
	}
	_ = control.SetWriteDeadline(time.Now().Add(s.limits.write))
	if lines.Encode(last) == nil {
		_ = buffered.Flush()
	}
}

// answerOr answers with the value, or with why there is none.
func (s *Server) answerOr(w http.ResponseWriter, value any, err error) {
	if err == nil {
		s.answer(w, value)
		return
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.limits.write))
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		refuse(w, refusal.Status, refusal.Problem, refusal.Hint)
		return
	}
	s.log.Warn("admin socket: the directory of users could not be asked", zap.Error(err))
	refuse(w, http.StatusServiceUnavailable, "the directory of users could not be asked: "+err.Error(), "claimctl status tells how it is")
}
