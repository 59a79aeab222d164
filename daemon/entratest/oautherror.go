package entratest

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// refusal is a failure with its words filled in. It is an error whose text begins as Entra's description does, with
// AADSTS and the number.
type refusal struct {
	failure
	text string
}

func (f failure) with(arguments ...any) *refusal {
	return &refusal{failure: f, text: fmt.Sprintf(f.format, arguments...)}
}

func (r *refusal) Error() string { return fmt.Sprintf("AADSTS%d: %s", r.code, r.text) }

// status gives the HTTP status of the token endpoint's answer.
func (f failure) status() int {
	if f.oauth == "invalid_client" && !f.badRequest {
		return http.StatusUnauthorized
	}
	return http.StatusBadRequest
}

// oauthError is the body of a refusal in Microsoft's form.
type oauthError struct {
	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
	URI           string `json:"error_uri"`
	Suberror      string `json:"suberror,omitempty"`
}

func (t *Tenant) oauthError(r *refusal) oauthError {
	now := time.Now().UTC().Format("2006-01-02 15:04:05Z")
	trace, correlation := inventedGUID(randomText(8), 0), inventedGUID(randomText(8), 1)
	return oauthError{
		Error:         r.oauth,
		Description:   fmt.Sprintf("%v Trace ID: %s Correlation ID: %s Timestamp: %s", r, trace, correlation, now),
		Codes:         []int{r.code},
		Timestamp:     now,
		TraceID:       trace,
		CorrelationID: correlation,
		URI:           fmt.Sprintf("%s/error?code=%d", t.base, r.code),
		Suberror:      r.suberror,
	}
}

// refuse answers with the refusal as the token endpoint does.
func (t *Tenant) refuse(w http.ResponseWriter, r *refusal) {
	writeJSON(w, r.status(), t.oauthError(r))
}

// asRefusal gives the refusal that an error of issue is. Any other cannot be: all that it needs has been found.
func asRefusal(err error) *refusal {
	refusal, ok := errors.AsType[*refusal](err)
	if !ok {
		panic(err)
	}
	return refusal
}
