package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/keys"
)

// maxTokenBody bounds the authority's document and its answers, in bytes.
const maxTokenBody = 1 << 20

// line is how MSAL reaches the authority. It sends the credential to no other host, follows no redirect, and hears what
// went wrong: MSAL's own errors hold whole answers, and are never shown. It is for one request at a time.
type line struct {
	client   *http.Client
	host     string
	requests atomic.Uint64
	heard    heard
}

// heard is what the authority said last.
type heard struct {
	status     int
	code       int    // AADSTS
	cause      string // what went wrong on the way; "" = an answer came
	retryAfter time.Duration
	kind       Kind
}

// Do sends one of MSAL's requests.
func (l *line) Do(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme != "https" || !strings.EqualFold(request.URL.Host, l.host) {
		l.heard = heard{kind: Garbled, cause: "the authority's document leads to another host, " + quote(request.URL.Host) + ": it is not asked"}
		return nil, errors.New("another host than the authority's")
	}
	l.requests.Add(1)
	request.Header.Set("User-Agent", "claimd")
	response, err := l.client.Do(request)
	if err != nil {
		l.heard = heard{kind: Network, cause: "the authority " + l.host + " cannot be reached: " + causeOf(err)}
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxTokenBody+1))
	if err == nil && len(body) > maxTokenBody {
		err = errors.New("more than 1 MiB")
	}
	if err != nil {
		l.heard = heard{kind: Network, cause: "the authority's answer did not come whole: " + causeOf(err)}
		return nil, err
	}
	l.heard = hear(response, body)
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// CloseIdleConnections does nothing: the client is not MSAL's.
func (l *line) CloseIdleConnections() {}

// hear reads what the authority said.
func hear(response *http.Response, body []byte) heard {
	h := heard{status: response.StatusCode, retryAfter: keys.RetryAfter(response.Header)}
	var answer struct {
		Description string `json:"error_description"`
		Codes       []int  `json:"error_codes"`
	}
	if h.status != http.StatusOK && json.Unmarshal(body, &answer) == nil {
		h.code = entra.FindCode(answer.Codes, answer.Description)
	}
	return h
}

// problem words why no token came.
func (h heard) problem(clientID string) *Unavailable {
	switch {
	case h.cause != "":
		return &Unavailable{Kind: h.kind, Problem: h.cause}
	case h.status == http.StatusTooManyRequests:
		return &Unavailable{Kind: Throttled, Problem: "the authority gives no token now: too many requests (429)", RetryAfter: h.retryAfter}
	case h.status >= 500:
		return &Unavailable{Kind: Server, Problem: fmt.Sprintf("the authority gives no token: status %d", h.status), RetryAfter: h.retryAfter}
	case h.status/100 == 3:
		return garbled("the authority answers with a redirect (%d): it is not followed", h.status)
	case h.code != 0:
		known := entra.ExplainCode(h.code).Named(clientID, "Microsoft Graph")
		return &Unavailable{Kind: Credential, Hint: known.Mend,
			Problem: fmt.Sprintf("Entra gives claimd's application no token: AADSTS%d, %s", h.code, known.Cause)}
	case h.status == 0 || h.status == http.StatusOK:
		return garbled("the authority's document or its answer is not one that a token can be taken from")
	}
	return &Unavailable{Kind: Server, Problem: fmt.Sprintf("the authority gives no token: status %d", h.status)}
}
