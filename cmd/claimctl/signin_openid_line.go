package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"github.com/claimd/claimd/daemon/keys"
)

// openIDLine is what golang.org/x/oauth2 speaks to a provider through. That library polls without heed of lost
// connections, never proves the client where it asks for a device code (RFC 8628 section 3.1), asks for it without the
// caller's context, and takes answers of other forms than JSON: openIDLine mends that on tenantLine's ways.
type openIDLine struct {
	*tenantLine
	endpoints keys.SignInEndpoints
	clientID  string
	secret    string // "" = a public client
	byForm    bool   // the secret goes in the form (client_secret_post) and not in the header (client_secret_basic)
	hidden    []string
}

func newOpenIDLine(s *signIn, endpoints keys.SignInEndpoints) *openIDLine {
	l := &openIDLine{
		tenantLine: &tenantLine{client: s.client, peer: "the provider", screen: s.screen},
		endpoints:  endpoints, clientID: s.clientID, secret: s.secret,
		byForm: endpoints.SecretByForm && !endpoints.SecretByHeader,
	}
	if s.secret != "" {
		escaped := url.QueryEscape(s.secret)
		pair := url.QueryEscape(s.clientID) + ":" + escaped
		l.hide(base64.StdEncoding.EncodeToString([]byte(pair)), s.secret, escaped)
	}
	return l
}

// hide names texts that no failure may hold.
func (l *openIDLine) hide(texts ...string) {
	for _, text := range texts {
		if text != "" {
			l.hidden = append(l.hidden, text)
		}
	}
}

// blotted takes out of a failure what the provider was sent and might repeat.
func (l *openIDLine) blotted(failed *failedSignIn) *failedSignIn {
	for _, hidden := range l.hidden {
		for _, text := range []*string{&failed.OAuthError, &failed.Description, &failed.Problem} {
			*text = strings.ReplaceAll(*text, hidden, "(a secret)")
		}
	}
	return failed
}

// httpClient gives the line in the form that golang.org/x/oauth2 wants. ctx ends what has no context of its own. No
// redirect is followed: the secret or the code would go along.
func (l *openIDLine) httpClient(ctx context.Context) *http.Client {
	return &http.Client{
		Transport:     through(func(request *http.Request) (*http.Response, error) { return l.ask(ctx, request) }),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// through is a function as an http.RoundTripper.
type through func(*http.Request) (*http.Response, error)

func (f through) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// errNoObject: an answer with status 200 is no JSON object.
var errNoObject = errors.New("want a JSON object, got something else")

// ask sends a question of the library's, with what proves the client, and reads the answer. Where the provider does not
// take the secret in one way, it is sent in the other one too, if the discovery document names both.
func (l *openIDLine) ask(ctx context.Context, request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		defer request.Body.Close()
	}
	if request.Context().Done() != nil {
		ctx = request.Context()
	}
	response, err := l.askOnce(ctx, request)
	if err == nil && l.secret != "" && !l.byForm && l.endpoints.SecretByForm && l.lastExchange().refusesClient() {
		l.byForm = true
		response, err = l.askOnce(ctx, request)
	}
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 == 2 && !(bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) && json.Valid(body)) {
		return nil, errNoObject
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	response.Header.Set("Content-Type", "application/json") // whatever it calls itself
	return response, nil
}

func (l *openIDLine) askOnce(ctx context.Context, request *http.Request) (*http.Response, error) {
	body, err := request.GetBody()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, err
	}
	switch {
	case l.secret != "" && l.byForm:
		form.Set("client_secret", l.secret)
	case l.secret != "":
		form.Del("client_id") // one way to name the client is enough (RFC 6749 section 2.3)
	}
	question, err := http.NewRequestWithContext(ctx, http.MethodPost, request.URL.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	question.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	question.Header.Set("Accept", "application/json")
	question.Header.Set("User-Agent", "claimctl-test-access")
	if l.secret != "" && !l.byForm {
		question.SetBasicAuth(url.QueryEscape(l.clientID), url.QueryEscape(l.secret)) // RFC 6749 section 2.3.1
	}
	return l.carry(question, !form.Has("grant_type"))
}

// lastExchange gives the last question and answer.
func (l *tenantLine) lastExchange() exchange {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// refusesClient reports whether the provider does not take the client's proof. Some say so by the status alone: glewlwyd
// by 401 or 403 without a body.
func (e exchange) refusesClient() bool {
	return e.refusal.Error == "invalid_client" ||
		e.refusal.Error == "" && (e.status == http.StatusUnauthorized || e.status == http.StatusForbidden && e.empty)
}

// failure tells why there is no token. The library's own errors may hold a whole answer, so they are not shown.
func (l *openIDLine) failure(err error) *failedSignIn {
	last := l.lastExchange()
	switch {
	case last.err != nil:
		return &failedSignIn{Kind: signInUnreachable, Problem: problemOf(last.err)}
	case errors.Is(err, context.DeadlineExceeded):
		return &failedSignIn{Kind: signInExpired}
	case last.refusal.Error != "":
		return failedByOpenID(last.refusal)
	case last.refusesClient():
		return &failedSignIn{Kind: signInRefused, OAuthError: "invalid_client"}
	case last.status/100 == 3:
		return &failedSignIn{Kind: signInStrange, Problem: fmt.Sprintf("%s answers %s, and redirects are not followed", last.path, statusWords(last.status))}
	case last.status/100 != 2:
		return &failedSignIn{Kind: signInStrange, Problem: fmt.Sprintf("%s answers %s, and does not say why", last.path, statusWords(last.status))}
	}
	return &failedSignIn{Kind: signInStrange, Problem: fmt.Sprintf("%s answers %s, and nothing in it is what was asked for", last.path, statusWords(last.status))}
}

// failedByOpenID tells what a refusal means (RFC 6749 sections 4.1.2.1 and 5.2, RFC 8628 section 3.5).
func failedByOpenID(r refusal) *failedSignIn {
	failed := &failedSignIn{Kind: signInRefused, OAuthError: r.Error, Description: firstSentences(r.Description)}
	if r.Error == "expired_token" {
		failed.Kind = signInExpired
	}
	return failed
}

// bearer gives the access token. One that has to be proved with a key at each use (RFC 9449) is of no use to claimd.
func (l *openIDLine) bearer(token *oauth2.Token) (string, error) {
	if kind := token.Type(); !strings.EqualFold(kind, "Bearer") {
		return "", l.blotted(&failedSignIn{Kind: signInStrange, Problem: "it gives a token of the type " + safe(kind) + ", and claimd takes bearer tokens alone"})
	}
	return token.AccessToken, nil
}
