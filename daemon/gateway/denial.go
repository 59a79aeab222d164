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
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Claimd-Decision", decision.ID)
	r := decision.Reason
	if r == reason.None {
		writeJSON(w, http.StatusInternalServerError, denialBody{Error: "server_error", DecisionID: decision.ID})
		return
	}
	if r.Status() == http.StatusServiceUnavailable {
		header.Set("Retry-After", retryAfter(decision.RetryAfter))
	} else {
		header["Www-Authenticate"] = []string{challenge(r, decision.Scope)}
	}
	writeJSON(w, r.Status(), denialBody{r.ErrorCode(), r.String(), decision.ID})
}

// challenge is the value of WWW-Authenticate (RFC 6750 section 3): no error code where no token was sent, and none for
// access_denied, which section 3.1 does not know.
func challenge(r reason.Reason, scope string) string {
	if r == reason.NoToken {
		return "Bearer"
	}
	switch code := r.ErrorCode(); code {
	case "invalid_request", "invalid_token":
		return `Bearer error="` + code + `"`
	case "insufficient_scope":
		return `Bearer error="` + code + `", scope="` + scopeWords(scope) + `"`
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
	seconds := int64((d + time.Second - 1) / time.Second)
	return strconv.FormatInt(max(seconds, 1), 10)
}
