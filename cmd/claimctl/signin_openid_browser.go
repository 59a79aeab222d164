package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// cameBack is what the browser brought back from the provider.
type cameBack struct {
	code   string
	failed *failedSignIn // nil = there is a code
}

// byOpenIDBrowser shows an address, and waits until the browser comes back from it to a port of this host with a code
// (RFC 6749 section 4.1, RFC 8252 section 7.3, with PKCE: RFC 7636).
func (s *signIn) byOpenIDBrowser(ctx context.Context, line *openIDLine) (*oauth2.Token, error) {
	if line.endpoints.Authorization == "" {
		return nil, &failedSignIn{Kind: signInNotOffered, Problem: "authorization_endpoint"}
	}
	limited, cancel := context.WithTimeout(ctx, browserTime)
	defer cancel()
	back, listener, err := s.awaitBrowser(limited)
	if err != nil {
		return nil, err
	}
	state, verifier := rand.Text(), oauth2.GenerateVerifier()
	line.hide(state, verifier)
	asking := s.oauth(line.endpoints)
	asking.Scopes, asking.RedirectURL = strings.Fields(s.scope), back.String()
	address := asking.AuthCodeURL(state, s.options(oauth2.S256ChallengeOption(verifier))...)

	came := make(chan cameBack, 1)
	server := &http.Server{
		Handler: s.browserDoor(back, state, came), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10,
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // ends with Shutdown
	}()
	defer func() {
		closing, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second) // for the page to get to the browser
		defer done()
		_ = server.Shutdown(closing)
		_ = server.Close()
		<-served
	}()
	s.screen.say("Sign in as the user to test with. In a browser on this host, open\n\n  %s\n\n", escape(address))
	s.screen.say("If the browser runs on another host, let its port lead here first:\n\n  ssh -L %s:%s THIS-HOST\n\n", back.Port(), back.Host)
	stop := s.screen.wait("waiting for the browser to come back", time.Now().Add(browserTime))
	defer stop()
	select {
	case <-limited.Done():
		return nil, &failedSignIn{Kind: signInExpired}
	case answer := <-came:
		if answer.failed != nil {
			return nil, answer.failed
		}
		line.hide(answer.code)
		return asking.Exchange(limited, answer.code, s.options(oauth2.VerifierOption(verifier))...)
	}
}

// awaitBrowser listens where the browser comes back to: on loopback alone, at the port of --redirect-uri or a free one.
func (s *signIn) awaitBrowser(ctx context.Context) (*url.URL, net.Listener, error) {
	back, err := url.Parse(cmp.Or(s.openID.redirectURI, "http://127.0.0.1/"))
	if err != nil {
		return nil, nil, err // checkOpenID has read it
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(back.Hostname(), cmp.Or(back.Port(), "0")))
	if err != nil {
		return nil, nil, &failedSignIn{Kind: signInPort, Problem: back.Host}
	}
	if back.Port() == "" {
		_, port, _ := net.SplitHostPort(listener.Addr().String())
		back.Host = net.JoinHostPort(back.Hostname(), port)
	}
	return back, listener, nil
}

// browserDoor takes the first answer that has the state, and no other: any page in the browser can call a port of this
// host (RFC 6749 section 10.12).
func (s *signIn) browserDoor(back *url.URL, state string, came chan<- cameBack) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		answer := r.URL.Query()
		if r.Method != http.MethodGet || r.URL.Path != cmp.Or(back.Path, "/") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(state)) != 1 {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, "This is not the sign-in that claimctl waits for.\n")
			return
		}
		select {
		case came <- s.cameBackWith(answer):
		default: // there was an answer already
		}
		_, _ = io.WriteString(w, "claimctl has the provider's answer. This window can be closed.\n")
	})
}

// cameBackWith reads what the provider sent the browser back with. An answer that names another issuer is another
// provider's (RFC 9207 section 2.4).
func (s *signIn) cameBackWith(answer url.Values) cameBack {
	code := answer.Get("code")
	switch {
	case answer.Has("iss") && answer.Get("iss") != s.provider.Issuer:
		return cameBack{failed: &failedSignIn{Kind: signInStrange, Problem: fmt.Sprintf("the browser came back from the issuer %q", answer.Get("iss"))}}
	case answer.Get("error") != "":
		return cameBack{failed: failedByOpenID(refusal{Error: answer.Get("error"), Description: answer.Get("error_description")})}
	case code == "":
		return cameBack{failed: &failedSignIn{Kind: signInStrange, Problem: "the browser came back without a code"}}
	}
	return cameBack{code: code}
}
