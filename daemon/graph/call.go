package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/claimd/claimd/daemon/keys"
)

// tooLong is the kind of an answer that says to ask otherwise: the user is in more than 11,000 groups.
const tooLong Kind = "too long for getMemberGroups"

// wrongGroup is the kind of an answer that says to ask otherwise too: Graph does not take the question about these groups,
// one of which may be deleted or another tenant's. Whether it then refuses the question or leaves the group out is not
// written down (graph/api/directoryobject-checkmembergroups).
const wrongGroup Kind = "group"

// call sends one request, with a new token once where Graph refuses the one that claimd has. It gives the address of the
// next page; "" = there is none.
func (g *Graph) call(ctx context.Context, q *question, take func(id string) bool) (next string, failed *Unavailable) {
	response, failed := g.send(ctx, q)
	if failed != nil {
		return "", failed
	}
	if response.StatusCode == http.StatusUnauthorized {
		discard(response)
		if q.token, failed = g.credential.token(ctx, q.token); failed != nil {
			return "", failed
		}
		if response, failed = g.send(ctx, q); failed != nil {
			return "", failed
		}
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", g.refused(response, q)
	}
	if encoding := response.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return "", garbled("want an answer without content-encoding, got %s", quote(encoding))
	}
	most := int64(maxBody)
	if q.namesGroups {
		most = maxCheckBody
	}
	if response.ContentLength > most {
		return "", errTooLarge(most)
	}
	body := &io.LimitedReader{R: response.Body, N: most + 1}
	next, err := readPage(body, q.objects, take)
	switch broken, isBroken := errors.AsType[*brokenRead](err); {
	case err == nil:
		return next, nil
	case body.N <= 0:
		return "", errTooLarge(most)
	case isBroken:
		return "", &Unavailable{Kind: Network, Problem: "the answer did not come whole: " + causeOf(broken.error)}
	}
	return "", garbled("want a list of groups, got %s", wordOf(err))
}

// wordOf words what is wrong with an answer's JSON without the library's words for Go's types.
func wordOf(err error) string {
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return "no JSON"
	}
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return "something of another type in it"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "one that ends in the middle"
	}
	return err.Error()
}

func errTooLarge(most int64) *Unavailable {
	return garbled("want an answer of at most %d KiB, got more", most>>10)
}

// discard makes the connection fit for the next request.
func discard(response *http.Response) {
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
	response.Body.Close()
}

func (g *Graph) send(ctx context.Context, q *question) (*http.Response, *Unavailable) {
	request, err := http.NewRequestWithContext(ctx, q.method, q.address, bytes.NewReader(q.body))
	if err != nil {
		return nil, garbled("the address of a next page is none")
	}
	request.Header.Set("Authorization", "Bearer "+q.token)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Accept-Encoding", "identity")
	request.Header.Set("User-Agent", "claimd")
	if q.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	g.counts.calls.Add(1)
	response, err := g.client.Do(request)
	if err != nil {
		return nil, &Unavailable{Kind: Network, Problem: g.host.Host + " cannot be reached: " + causeOf(err)}
	}
	return response, nil
}

// refused words an answer that is none.
func (g *Graph) refused(response *http.Response, q *question) *Unavailable {
	code, message := readError(response.Body)
	status := fmt.Sprint(response.StatusCode)
	if code != "" {
		status += " " + code
	}
	switch {
	case response.StatusCode/100 == 3:
		return garbled("want status 200, got %s: redirects are not followed", status)
	case response.StatusCode == http.StatusUnauthorized:
		return &Unavailable{Kind: Credential, Problem: "it refuses a token that Entra has just given claimd (" + status + ")",
			Hint: "compare cloud under [provider.NAME] with the tenant's own, and this host's clock with the true time"}
	case response.StatusCode == http.StatusForbidden:
		g.credential.lacks(q.token)
		return lacking(g.credential.clientID, unverifiedRoles(q.token))
	case response.StatusCode == http.StatusNotFound:
		return notFound(q, message)
	case response.StatusCode == http.StatusBadRequest && code == "Directory_ResultSizeLimitExceeded":
		return &Unavailable{Kind: tooLong, Problem: "the user is in more groups than one answer holds (" + status + ")"}
	case response.StatusCode == http.StatusBadRequest && q.namesGroups:
		return &Unavailable{Kind: wrongGroup, Problem: "it does not take the question about these groups (" + status + ")",
			Hint: "are all under [groups] that users of this provider can have groups of its tenant? providers = [\"NAME\"] says whose a line is"}
	case response.StatusCode == http.StatusBadRequest:
		return &Unavailable{Kind: User, Problem: "it does not take the question about this user (" + status + ")"}
	case response.StatusCode == http.StatusTooManyRequests:
		return &Unavailable{Kind: Throttled, Problem: "too many requests of this application (" + status + ")", RetryAfter: keys.RetryAfter(response.Header)}
	}
	return &Unavailable{Kind: Server, Problem: "want status 200, got " + status, RetryAfter: keys.RetryAfter(response.Header)}
}

// notFound words a 404: Graph's message names what it did not find.
func notFound(q *question, message string) *Unavailable {
	for _, id := range guidsIn(message) {
		if id != q.user && bytes.Contains(q.body, []byte(id)) {
			return &Unavailable{Kind: wrongGroup, Problem: "it knows no group " + id + " (404)",
				Hint: "take the group out of [groups], or correct its object ID; providers = [\"NAME\"] says whose it is"}
		}
	}
	return &Unavailable{Kind: User, Problem: "it knows no user " + q.user + " (404)",
		Hint: "look for the user in the tenant: a token outlives the account by up to a day"}
}

// readError reads Graph's form of an error (graph/errors). Its text is not shown; the code is, where it is a word.
func readError(body io.Reader) (code, message string) {
	text, err := io.ReadAll(io.LimitReader(body, 64<<10))
	if err != nil {
		return "", ""
	}
	var answer struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(text, &answer) != nil {
		return "", ""
	}
	isWord := !slices.ContainsFunc([]rune(answer.Error.Code), func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.", r)
	})
	if !isWord || len(answer.Error.Code) > 64 {
		return "", answer.Error.Message
	}
	return answer.Error.Code, answer.Error.Message
}
