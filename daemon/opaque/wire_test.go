package opaque

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// What goes over the wire: RFC 7662 section 2.1 with client_secret_basic, whose parts are form-encoded first.
func TestIntrospectionSendsWhatTheRFCSays(t *testing.T) {
	var seen *http.Request
	var body string
	s := newSite(t, Introspection, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		seen, body = r, string(text)
		says(active)(w, r)
	})
	s.moves(s.at() + "?realm=1")
	s.vouches(t, goodToken)
	if want := "token=" + url.QueryEscape(goodToken) + "&token_type_hint=access_token"; body != want {
		t.Errorf("the body is %q, want %q", body, want)
	}
	pair, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(seen.Header.Get("Authorization"), "Basic "))
	if want := "gate%3A1:a+%252B+secret%2F%26%3D%C3%A9"; err != nil || string(pair) != want {
		t.Errorf("the credential is %q (%v), want %q", pair, err, want)
	}
	seen.Header.Del("Authorization")
	want := http.Header{"Accept": {"application/json"}, "Accept-Encoding": {"identity"}, "User-Agent": {"claimd"},
		"Content-Type": {"application/x-www-form-urlencoded"}, "Content-Length": seen.Header["Content-Length"]}
	if len(seen.Header) != len(want) || seen.Method != http.MethodPost || seen.URL.String() != "/ask?realm=1" {
		t.Errorf("the request is %s %s with %v", seen.Method, seen.URL, seen.Header)
	}
	for name, values := range want {
		if seen.Header.Get(name) != values[0] {
			t.Errorf("%s is %q, want %q", name, seen.Header.Get(name), values[0])
		}
	}
}

// OpenID Connect Core 1.0 section 5.3.1: the token is the credential; it stands in no URL.
func TestUserinfoSendsTheTokenAsItIs(t *testing.T) {
	var seen *http.Request
	s := newSite(t, Userinfo, func(w http.ResponseWriter, r *http.Request) {
		seen = r
		says(`{"sub":"ada"}`)(w, r)
	})
	if answer := s.vouches(t, goodToken); answer.Subject != "ada" || !answer.Expires.IsZero() || !answer.Until.Equal(began.Add(time.Minute)) {
		t.Errorf("the answer is %+v", answer)
	}
	if seen.Method != http.MethodGet || seen.URL.String() != "/ask" || seen.Header.Get("Authorization") != "Bearer "+goodToken || seen.ContentLength != 0 {
		t.Errorf("the request is %s %s with %v", seen.Method, seen.URL, seen.Header)
	}
}

// A provider that closes idle connections closes one just as it is used again: that is no failure. net/http asks again
// by itself where asking twice does no harm, and a POST it takes for harmful unless told.
func TestAConnectionThatWasClosedForIdlenessIsReplaced(t *testing.T) {
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 2 { // the second request on the first connection
			connection, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				connection.Close()
			}
			return
		}
		says(active)(w, r)
	}))
	defer server.Close()
	s := newSite(t, Introspection, nil)
	s.moves(server.URL)
	s.vouches(t, "token1")
	s.vouches(t, "token2")
	if got := calls.Load(); got != 3 {
		t.Errorf("the endpoint was asked %d times, want 3", got)
	}
}

// A client that follows redirects, or keeps cookies, does neither here; and it stays as it was.
func TestTheGivenClientIsLeftAsItWas(t *testing.T) {
	given := &http.Client{Transport: &http.Transport{}, Timeout: time.Second}
	own := clientOf(given)
	if given.CheckRedirect != nil || given.Transport.(*http.Transport).MaxIdleConnsPerHost != 0 {
		t.Error("the given client was changed")
	}
	if own.CheckRedirect(nil, nil) != http.ErrUseLastResponse || own.Timeout != time.Second || own.Transport == given.Transport ||
		own.Transport.(*http.Transport).MaxIdleConnsPerHost != maxFlights {
		t.Errorf("the own client is %+v", own)
	}
}
