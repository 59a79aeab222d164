// Package oidctest starts OpenID providers that others wrote, for tests: the npm package oidc-provider, which
// `make node-modules` installs, and Debian's glewlwyd. Only tests import it.
//
// Both run on loopback with http, and end with the test. Where one is not installed the test is skipped, or fails with
// CI set.
package oidctest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Client is a client as a provider knows it.
type Client struct {
	ID     string `json:"id"`
	Secret string `json:"secret"` // "" = a public client
}

// Discovery is what of a discovery document the tests use.
type Discovery struct {
	Issuer        string `json:"issuer"`
	Token         string `json:"token_endpoint"`
	Keys          string `json:"jwks_uri"`
	Introspection string `json:"introspection_endpoint"`
	Userinfo      string `json:"userinfo_endpoint"`
	Device        string `json:"device_authorization_endpoint"`
	Revocation    string `json:"revocation_endpoint"`
}

// Tokens are what a token endpoint gives; what it does not give is "".
type Tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Error   string `json:"error"`
}

const deviceCode = "urn:ietf:params:oauth:grant-type:device_code"

// patience is how long a provider may take to start on a machine that has much else to do.
const patience = time.Minute

// client makes an HTTP client that keeps no connection: a provider that ends must not leave goroutines behind.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
}

// discover fetches the discovery document of an issuer.
func discover(t testing.TB, issuer string) (d Discovery) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	send(t, client(), request, &d)
	if d.Issuer != issuer {
		t.Fatalf("the discovery document is %q's, want %q's", d.Issuer, issuer)
	}
	return d
}

// post sends a form, with the client's credential where it has one, and reads the answer.
func post(t testing.TB, address string, by Client, form url.Values, encode func(string) string, into any) {
	t.Helper()
	if by.Secret == "" {
		form.Set("client_id", by.ID)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if by.Secret != "" {
		request.SetBasicAuth(encode(by.ID), encode(by.Secret))
	}
	send(t, client(), request, into)
}

// send does the request and reads its answer, which is JSON where anything is to be read into. An answer that is no JSON
// fails the test; a refusal in JSON is for the caller to see.
func send(t testing.TB, by *http.Client, request *http.Request, into any) (status int) {
	t.Helper()
	response, err := by.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if into == nil {
		return response.StatusCode
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s answers %d %q: %v", request.URL.Path, response.StatusCode, text, err)
	}
	return response.StatusCode
}
