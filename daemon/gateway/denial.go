package gateway

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/reason"
)

// denialBody is the JSON body of a refusal. It holds nothing that the request brought.
type denialBody struct {
	Error      string `json:"error"`
	Reason     string `json:"reason,omitempty"`
	DecisionID string `json:"decision_id"`
}

// WriteDenial writes the refusal's status, headers (WWW-Authenticate, Retry-After, Cache-Control, X-Claimd-Decision)
// and JSON body. The proxy refuses with it too. A Decision that was not judged is answered 500.
func WriteDenial(w http.ResponseWriter, decision *access.Decision) {
	r := decision.Reason
	if r == reason.None {
		WriteError(w, http.StatusInternalServerError, "server_error", decision.ID)
		return
	}
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Claimd-Decision", decision.ID)
	if r.Status() == http.StatusServiceUnavailable {
		header.Set("Retry-After", retryAfter(decision.RetryAfter))
	} else {
		header["Www-Authenticate"] = []string{challenge(decision)}
	}
	writeJSON(w, statusOf(decision), denialBody{errorCode(decision), r.String(), decision.ID})
}

// WriteError answers with a code of the door's own, where it is no refusal that keeps a request from an answer. It
// holds nothing that the request or the upstream brought.
func WriteError(w http.ResponseWriter, status int, code, decisionID string) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Claimd-Decision", decisionID)
	writeJSON(w, status, denialBody{Error: code, DecisionID: decisionID})
}

// statusOf gives the answer's status: 401 instead of 403 where a claims challenge goes with it, as clients look for one
// in a 401 alone.
func statusOf(decision *access.Decision) int {
	if decision.Challenge != nil {
		return http.StatusUnauthorized
	}
	return decision.Reason.Status()
}

// errorCode gives the `error` member of the body: a route that scopes are missing for says so.
func errorCode(decision *access.Decision) string {
	if decision.Reason == reason.Route && decision.Scope != "" {
		return reason.Scope.ErrorCode()
	}
	return decision.Reason.ErrorCode()
}

// challenge is the value of WWW-Authenticate (RFC 6750 section 3): no error code where no token was sent, and none for
// access_denied, which section 3.1 does not know.
func challenge(decision *access.Decision) string {
	if decision.Reason == reason.NoToken {
		return "Bearer"
	}
	if c := decision.Challenge; c != nil {
		return `Bearer realm="` + c.Realm + `", authorization_uri="` + c.AuthorizationURI +
			`", error="insufficient_claims", claims="` + c.Claims + `"`
	}
	switch code := errorCode(decision); code {
	case "invalid_request", "invalid_token":
		return `Bearer error="` + code + `"`
	case "insufficient_scope":
		return `Bearer error="` + code + `", scope="` + scopeWords(decision.Scope) + `"`
	}
	return "Bearer"
}

// scopeWords drops what a quoted scope cannot hold: RFC 6749 section 3.3 allows %x21 / %x23-5B / %x5D-7E and blanks.
func scopeWords(scope string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return -1
		}
		return c
	}, scope)
}

// retryAfter gives whole seconds, rounded up and at least one.
func retryAfter(d time.Duration) string {
	seconds := int64(d / time.Second)
	if d%time.Second > 0 { // not added before: the sum could run over
		seconds++
	}
	return strconv.FormatInt(max(seconds, 1), 10)
}
