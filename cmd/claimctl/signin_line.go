package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	usualInterval  = 5 * time.Second // between polls where Entra ID names none (RFC 8628 section 3.2)
	slowedBy       = 5 * time.Second // more after each slow_down (RFC 8628 section 3.5)
	longestBackoff = time.Minute
	maxTenantBody  = 1 << 20 // bytes of an answer
)

// tenantLine is what MSAL speaks to the tenant through. MSAL polls for a device code at a pace of its own, gives up at
// the first lost connection and hides what it waits for: tenantLine holds back polls that come too early (RFC 8628
// sections 3.2 and 3.5), repeats those that were lost, and remembers the last answer.
//
// It speaks to the authority's host alone, so that a document of the tenant cannot send a secret elsewhere.
type tenantLine struct {
	client *http.Client
	host   string // of the authority, with its port
	peer   string // what it is called on the screen
	screen *screen

	mu       sync.Mutex
	last     exchange
	secret   bool // whether an answer may have held a token
	interval time.Duration
	nextPoll time.Time
}

// exchange is one question to the tenant and what came of it.
type exchange struct {
	path    string
	status  int
	refusal refusal // where the body is one
	empty   bool    // there is no body
	err     error   // of the network
}

// leadsElsewhere is the host that a document of the tenant names in place of its own.
type leadsElsewhere struct{ host string }

func (e leadsElsewhere) Error() string {
	return "its document leads to " + e.host + ", which is another host"
}

func newTenantLine(client *http.Client, authority string, screen *screen) *tenantLine {
	_, host, _ := strings.Cut(authority, "://")
	return &tenantLine{client: client, host: host, peer: "the tenant", screen: screen}
}

// CloseIdleConnections is part of what MSAL asks of a client.
func (l *tenantLine) CloseIdleConnections() { l.client.CloseIdleConnections() }

// Do sends a request of MSAL's, which has its body in GetBody.
func (l *tenantLine) Do(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme != "https" || !strings.EqualFold(request.URL.Host, l.host) {
		return nil, l.remember(exchange{path: request.URL.Path, err: leadsElsewhere{request.URL.Scheme + "://" + request.URL.Host}})
	}
	return l.carry(request, strings.HasSuffix(request.URL.Path, "/devicecode"))
}

// carry sends the request, which has its body in GetBody, at the pace that the device code allows.
func (l *tenantLine) carry(request *http.Request, asksForCode bool) (*http.Response, error) {
	if !isPoll(request) {
		response, err := l.send(request)
		if err == nil && asksForCode {
			err = l.begin(response)
		}
		return response, err
	}
	for {
		if err := l.waitForTurn(request.Context()); err != nil {
			return nil, err
		}
		response, err := l.send(request)
		if !l.lost(response, err) || request.Context().Err() != nil {
			return response, err
		}
	}
}

// isPoll reports whether a request asks for the token of a device code. MSAL's and RFC 8628's names of the grant end
// alike.
func isPoll(request *http.Request) bool {
	if request.Method != http.MethodPost || request.GetBody == nil {
		return false
	}
	body, err := request.GetBody()
	if err != nil {
		return false
	}
	text, err := io.ReadAll(io.LimitReader(body, maxTenantBody))
	form, notForm := url.ParseQuery(string(text))
	return err == nil && notForm == nil && strings.HasSuffix(form.Get("grant_type"), "device_code")
}

// send sends the request, reads the whole answer and remembers what it says.
func (l *tenantLine) send(request *http.Request) (*http.Response, error) {
	again := request.Clone(request.Context())
	if request.GetBody != nil {
		body, err := request.GetBody()
		if err != nil {
			return nil, err
		}
		again.Body = body
	}
	response, err := l.client.Do(again)
	if err != nil && request.Context().Err() != nil {
		return nil, request.Context().Err() // given up, which says nothing about the tenant
	}
	if err != nil {
		return nil, l.remember(exchange{path: request.URL.Path, err: err})
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxTenantBody))
	response.Body.Close()
	if err != nil {
		return nil, l.remember(exchange{path: request.URL.Path, err: err})
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	now := exchange{path: request.URL.Path, status: response.StatusCode, empty: len(body) == 0}
	_ = json.Unmarshal(body, &now.refusal) // an answer that is no JSON is no refusal of Entra ID's
	l.mu.Lock()
	l.secret = l.secret || (request.Method == http.MethodPost && response.StatusCode == http.StatusOK)
	l.mu.Unlock()
	_ = l.remember(now)
	return response, nil
}

// remember keeps the exchange as the last one, and gives its error.
func (l *tenantLine) remember(now exchange) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = now
	return now.err
}

// begin reads how often the answer to a device code allows to poll.
func (l *tenantLine) begin(response *http.Response) error {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	var answer struct {
		Interval int `json:"interval"`
	}
	_ = json.Unmarshal(body, &answer) // MSAL tells what is wrong with it
	l.mu.Lock()
	defer l.mu.Unlock()
	l.interval = usualInterval
	if answer.Interval > 0 {
		l.interval = min(time.Duration(answer.Interval)*time.Second, longestBackoff)
	}
	l.nextPoll = time.Now().Add(l.interval)
	return nil
}

func (l *tenantLine) waitForTurn(ctx context.Context) error {
	l.mu.Lock()
	left := time.Until(l.nextPoll)
	l.mu.Unlock()
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// lost sets when the next poll is due, and reports whether this one got no answer: then MSAL is not told, and the pace
// halves.
func (l *tenantLine) lost(response *http.Response, err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	lost := err != nil || response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests
	switch {
	case lost:
		l.interval = min(2*l.interval, longestBackoff)
		text := fmt.Sprintf("answered %d", l.last.status)
		if err != nil {
			text = problemOf(err)
		}
		l.screen.note("%s cannot be reached (%s); trying again in %s", l.peer, text, span(l.interval))
	case l.last.refusal.Error == "slow_down":
		l.interval = min(l.interval+slowedBy, longestBackoff)
		l.screen.note("%s asks for fewer questions: asking every %s now", l.peer, span(l.interval))
	}
	l.nextPoll = time.Now().Add(l.interval)
	return lost
}

// failure tells why MSAL gave no token. MSAL's own error may hold a whole answer, so it is shown only where no answer
// can have held a token.
func (l *tenantLine) failure(err error) *failedSignIn {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.last
	elsewhere, ok := errors.AsType[leadsElsewhere](last.err)
	switch {
	case ok:
		return &failedSignIn{Kind: signInStrange, Problem: elsewhere.Error()}
	case last.err != nil:
		return &failedSignIn{Kind: signInUnreachable, Problem: problemOf(last.err)}
	case errors.Is(err, context.DeadlineExceeded):
		return &failedSignIn{Kind: signInExpired}
	case last.refusal.Error != "":
		return failedBy(last.refusal)
	case last.status != http.StatusOK && last.status != 0:
		return &failedSignIn{Kind: signInStrange, Problem: fmt.Sprintf("%s answers %d %s, and not in Entra ID's form",
			last.path, last.status, http.StatusText(last.status))}
	case err != nil && !l.secret:
		return &failedSignIn{Kind: signInStrange, Problem: last.path + ": " + err.Error()}
	}
	return &failedSignIn{Kind: signInStrange, Problem: last.path + " answers in a form that Microsoft's library does not take for Entra ID's"}
}
