package main

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/claimd/claimd/daemon/keys"
)

// openID is what a sign-in at a provider that is not Entra ID needs beside the rest of signIn.
type openID struct {
	source      keys.Source // where the discovery document is, and what it must name
	resource    string      // RFC 8707; "" = none
	audience    string      // the same as some providers call it; "" = none
	redirectURI string      // where the browser comes back to; "" = a free port of 127.0.0.1
}

// longestCode is how long a device code is waited for at most; providers give one for 5 to 30 minutes.
const longestCode = 30 * time.Minute

// openIDToken signs in by the method and gives the access token, as token does. Whom to ask stands in the discovery
// document, held to the same rules as for the keys; nothing else is ever asked.
func (s *signIn) openIDToken(ctx context.Context, method string) (string, error) {
	endpoints, err := s.discover(ctx)
	if err != nil {
		return "", err
	}
	line := newOpenIDLine(s, endpoints)
	through := context.WithValue(ctx, oauth2.HTTPClient, line.httpClient(ctx))
	var token *oauth2.Token
	switch method {
	case methodDevice:
		token, err = s.byOpenIDDevice(through, line)
	case methodBrowser:
		token, err = s.byOpenIDBrowser(through, line)
	default:
		token, err = s.byOpenIDCredentials(through, line)
	}
	switch failed, ok := errors.AsType[*failedSignIn](err); {
	case err == nil:
		return line.bearer(token)
	case ctx.Err() != nil:
		return "", ctx.Err()
	case ok:
		return "", line.blotted(failed)
	}
	return "", line.blotted(line.failure(err))
}

// discover fetches the discovery document as claimd does.
func (s *signIn) discover(ctx context.Context) (keys.SignInEndpoints, error) {
	ring := keys.NewRing(keys.Options{Client: s.client})
	defer ring.Close()
	provider := ring.Open(s.openID.source)
	if err := provider.Refresh(ctx); err != nil {
		if ctx.Err() != nil {
			return keys.SignInEndpoints{}, ctx.Err()
		}
		return keys.SignInEndpoints{}, &failedSignIn{Kind: signInDocument, Problem: strings.TrimPrefix(err.Error(), s.provider.Name+": ")}
	}
	endpoints := provider.SignInEndpoints()
	if endpoints.Token == "" {
		return endpoints, &failedSignIn{Kind: signInNotOffered, Problem: "token_endpoint"}
	}
	return endpoints, nil
}

// oauth is the client as golang.org/x/oauth2 knows it. The secret is not: the line adds it.
func (s *signIn) oauth(endpoints keys.SignInEndpoints) *oauth2.Config {
	return &oauth2.Config{
		ClientID: s.clientID,
		Endpoint: oauth2.Endpoint{AuthURL: endpoints.Authorization, TokenURL: endpoints.Token, DeviceAuthURL: endpoints.Device,
			AuthStyle: oauth2.AuthStyleInParams},
	}
}

// api gives the parameters that name the API. They go along with each question (RFC 8707 section 2).
func (s *signIn) api() url.Values {
	values := url.Values{}
	for name, value := range map[string]string{"resource": s.openID.resource, "audience": s.openID.audience} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values
}

// options are the parameters of api in the form that golang.org/x/oauth2 wants, and further ones.
func (s *signIn) options(more ...oauth2.AuthCodeOption) []oauth2.AuthCodeOption {
	for name, values := range s.api() {
		more = append(more, oauth2.SetAuthURLParam(name, values[0]))
	}
	return more
}

// byOpenIDDevice shows an address and a code, and waits until somebody has signed in there (RFC 8628).
func (s *signIn) byOpenIDDevice(ctx context.Context, line *openIDLine) (*oauth2.Token, error) {
	if line.endpoints.Device == "" {
		return nil, &failedSignIn{Kind: signInNotOffered, Problem: "device_authorization_endpoint"}
	}
	asking := s.oauth(line.endpoints)
	asking.Scopes = strings.Fields(s.scope)
	code, err := asking.DeviceAuth(ctx, s.options()...)
	if err != nil {
		return nil, err
	}
	line.hide(code.DeviceCode)
	switch {
	case code.DeviceCode == "" || code.UserCode == "" || code.VerificationURI == "":
		return nil, &failedSignIn{Kind: signInStrange, Problem: "the device authorization endpoint gives no code, or no address to enter it at"}
	case !safeToOpen(code.VerificationURI):
		return nil, &failedSignIn{Kind: signInAddress, Problem: code.VerificationURI}
	}
	if code.Interval < 1 {
		code.Interval = int64(usualInterval / time.Second)
	}
	code.Interval = min(code.Interval, int64(longestBackoff/time.Second))
	if latest := time.Now().Add(longestCode); code.Expiry.IsZero() || code.Expiry.After(latest) {
		code.Expiry = latest
	}
	s.screen.say("Sign in as the user to test with. In any browser, open\n\n  %s\n\nand enter the code\n\n  %s\n\n",
		escape(code.VerificationURI), safe(code.UserCode))
	stop := s.screen.wait("waiting for the sign-in", code.Expiry)
	defer stop()
	return s.oauth(line.endpoints).DeviceAccessToken(ctx, code, s.options()...)
}

// byOpenIDCredentials asks for a token of the client's own (RFC 6749 section 4.4).
func (s *signIn) byOpenIDCredentials(ctx context.Context, line *openIDLine) (*oauth2.Token, error) {
	client := &clientcredentials.Config{
		ClientID: s.clientID, TokenURL: line.endpoints.Token, Scopes: strings.Fields(s.scope), EndpointParams: s.api(),
		AuthStyle: oauth2.AuthStyleInParams,
	}
	return client.Token(ctx)
}
