package soak

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entratest"
)

// way is one way in which a provider breaks.
type way struct {
	name       string
	begin, end func(*side)
	keys       bool     // its documents do: a refresh of the keys is refused meanwhile
	hangs      bool     // who leans on what is broken may be kept waiting
	floods     bool     // it is asked without end meanwhile, beyond what opens a breaker
	all        bool     // every question leans on it
	instead    []string // right answers meanwhile to questions that lean on what is broken
}

// answers is a way of misbehaving at the provider's place.
func answers(name string, answer func(http.ResponseWriter, *http.Request, *misconduct), instead ...string) way {
	return way{
		name: name, instead: instead,
		begin: func(s *side) { s.place.misbehave(answer) },
		end:   func(s *side) { s.place.behave() },
	}
}

func (w way) hanging() way { w.hangs = true; return w }
func (w way) ofKeys() way  { w.keys = true; return w }

// leans reports whether some of the provider's questions lean on more than its keys.
func (s *side) leans() bool { return len(s.unavailable()) > 0 }

// unavailable is what is answered where nothing can be known of that provider.
func (s *side) unavailable() []string {
	switch s {
	case s.fabrikam:
		return []string{"503 graph_unavailable"}
	case s.partner:
		return []string{"503 provider_unavailable"}
	}
	return nil
}

const signInPage = "<!doctype html><title>Sign in</title><p>Your session has ended."

// wholly are ways in which everything of the provider breaks.
func (s *side) wholly() []way {
	none := s.unavailable()
	listen := func(s *side) { s.place.listen() }
	return []way{
		answers("500", says(500, "text/plain", "no"), none...).ofKeys(),
		{name: "connection refused", keys: true, instead: none, begin: func(s *side) { s.place.refuse() }, end: listen},
		{name: "accepts nothing", keys: true, hangs: true, instead: none, begin: func(s *side) { s.place.acceptNothing() }, end: listen},
		answers("answers nothing", freeze, none...).ofKeys().hanging(),
		answers("drips", drip, none...).ofKeys().hanging(),
		answers("HTML with 200", says(200, "text/html", signInPage), none...).ofKeys(),
		answers("HTML that calls itself JSON", says(200, "application/json", signInPage), none...).ofKeys(),
		answers("half an answer", halves, none...).ofKeys(),
	}
}

// ofTLS are ways in which the connection cannot be trusted.
func (s *side) ofTLS(t *testing.T) []way {
	foreign, _, err := entratest.NewCertificate()
	must(t, err)
	listen := func(s *side) { s.place.listen() }
	old := &tls.Config{Certificates: s.place.secured.Certificates, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	return []way{
		{name: "a certificate of nobody's", keys: true, instead: s.unavailable(), end: listen, begin: func(s *side) {
			s.place.listenWith(&tls.Config{Certificates: []tls.Certificate{foreign}})
		}},
		{name: "http at the address of https", keys: true, instead: s.unavailable(), end: listen, begin: func(s *side) { s.place.listenWith(nil) }},
		{name: "TLS 1.1", keys: true, instead: s.unavailable(), end: listen, begin: func(s *side) { s.place.listenWith(old) }},
	}
}

// ofDocuments are lies in the documents and key sets. Where one were believed, one of the load's forged tokens passed,
// or valid tokens no more.
func (s *side) ofDocuments() []way {
	onKeys := func(name string, change func(body string) string) way {
		return answers(name, rewrites(func(path, body string) string {
			if strings.HasSuffix(path, "/keys") {
				return change(body)
			}
			return body
		})).ofKeys()
	}
	onDocument := func(name, from, to string) way {
		return answers(name, rewrites(func(path, body string) string {
			if strings.HasSuffix(path, "/openid-configuration") {
				return strings.ReplaceAll(body, from, to)
			}
			return body
		})).ofKeys()
	}
	always := func(text string) func(string) string { return func(string) string { return text } }
	other := s.partner
	if s == other {
		other = s.sibling()
	}
	elsewhere := says(http.StatusTemporaryRedirect, "text/plain", "", "Location", other.openID.issuer+"keys")
	ways := []way{
		onKeys("no keys", always(`{"keys":[]}`)),
		onKeys("null for keys", always("null")),
		onKeys("2 MiB of keys", always(string(bytes.Repeat([]byte(" "), 2<<20)))),
		onKeys("symmetric keys under the same ids", func(body string) string {
			return strings.ReplaceAll(body, `"kty":"RSA"`, `"kty":"oct","k":"c2VjcmV0"`)
		}),
		answers("a redirect to another provider's keys", at("/keys", elsewhere)).ofKeys(),
	}
	if s.openID != nil {
		return append(ways,
			onDocument("the issuer without its slash", `"issuer":"`+s.openID.issuer+`"`, `"issuer":"`+strings.TrimSuffix(s.openID.issuer, "/")+`"`),
			onDocument("a sibling's document", s.openID.issuer, s.sibling().openID.issuer),
		)
	}
	id := s.tenant.Directory().TenantID
	return append(ways,
		onDocument("the document of another tenant", id, "f0f0f0f0-0d9a-4f6b-b3a8-d17f90e64c25"),
		onDocument("keys of another provider's", `"jwks_uri":"`+s.place.base, `"jwks_uri":"`+s.partner.openID.issuer+"keys?"),
		onKeys("keys of another issuer under the same ids", func(string) string { return s.bound(strangersIssuer) }),
	)
}

const strangersIssuer = "https://login.contoso.example/f0f0f0f0-0d9a-4f6b-b3a8-d17f90e64c25/v2.0"

// bound are a sibling's keys, with the ids of the tenant's own and bound to that issuer, as those of Entra ID may be.
func (s *side) bound(issuer string) string {
	theirs := strings.ReplaceAll(s.partner.openID.keys(), s.partner.openID.shared, s.tenant.KeyIDs()[0])
	return strings.ReplaceAll(theirs, `"kty":`, `"issuer":"`+issuer+`","kty":`)
}

// ofGraph are ways in which Microsoft Graph alone breaks.
func (s *side) ofGraph() []way {
	graph := func(name string, answer func(http.ResponseWriter, *http.Request, *misconduct)) way {
		return answers(name, at("/v1.0/users/", answer), s.unavailable()...)
	}
	json := func(name, body string) way { return graph(name, says(200, "application/json", body)) }
	return []way{
		graph("429 with Retry-After", says(429, "application/json", `{"error":{"code":"TooManyRequests"}}`, "Retry-After", "1")),
		graph("401", says(401, "application/json", `{"error":{"code":"InvalidAuthenticationToken"}}`)),
		graph("403", says(403, "application/json", `{"error":{"code":"Authorization_RequestDenied"}}`)),
		graph("500", says(500, "application/json", `{"error":{"code":"UnknownError"}}`)),
		graph("503", says(503, "text/html", signInPage)),
		graph("half an answer", halves),
		graph("HTML with 200", says(200, "text/html", signInPage)),
		graph("answers nothing", freeze).hanging(),
		graph("drips", drip).hanging(),
		graph("a redirect to where the right answer is", func(w http.ResponseWriter, r *http.Request, m *misconduct) {
			if r.URL.RawQuery == "elsewhere" {
				m.serves.ServeHTTP(w, r)
				return
			}
			says(307, "text/plain", "", "Location", r.URL.Path+"?elsewhere")(w, r, m)
		}),
		json("an answer without a list", `{}`),
		json("null for a list", `{"value":null}`),
		json("a group that was not asked about", `{"value":["`+operators+`"]}`),
		json("an error with 200", `{"error":{"code":"Busy"},"value":[]}`),
		json("an answer cut short", `{"value":["`+analysts+`"]`),
		graph("5 MiB", says(200, "application/json", "", "Content-Length", "5000000")),
		{name: "no token for Graph", instead: s.unavailable(), end: func(s *side) { s.place.behave() }, begin: func(s *side) {
			s.tenant.ExpireGraphTokens()
			s.place.misbehave(at("/oauth2/", says(500, "text/plain", "no")))
		}},
	}
}

// ofIntrospection are ways in which the introspection endpoint alone breaks, or says what is not good enough.
func (s *side) ofIntrospection() []way {
	endpoint := func(name string, answer func(http.ResponseWriter, *http.Request, *misconduct), instead ...string) way {
		return answers(name, at("/introspect", answer), instead...)
	}
	none := s.unavailable()[0]
	changed := func(name, from, to, instead string) way {
		return endpoint(name, rewrites(func(_, body string) string { return strings.ReplaceAll(body, from, to) }), instead)
	}
	json := func(name, body, instead string) way {
		return endpoint(name, says(200, "application/json", body), instead)
	}
	return []way{
		endpoint("500", says(500, "text/plain", "no"), none),
		endpoint("401 for claimd itself", says(401, "text/plain", "no"), none),
		endpoint("429 with Retry-After", says(429, "text/plain", "no", "Retry-After", "1"), none),
		endpoint("HTML with 200", says(200, "text/html", signInPage), none),
		endpoint("half an answer", halves, none),
		endpoint("answers nothing", freeze, none).hanging(),
		endpoint("drips", drip, none).hanging(),
		endpoint("a redirect to a sibling that vouches", says(307, "text/plain", "", "Location", s.sibling().openID.issuer+"introspect"), none),
		changed("active is a text", `"active":true`, `"active":"true"`, "401 opaque_token"),
		changed("active is 1", `"active":true`, `"active":1`, "401 opaque_token"),
		changed("active is null", `"active":true`, `"active":null`, "401 opaque_token"),
		changed("active is no more", `"active":true`, `"x":true`, "401 opaque_token"),
		changed("active twice", `"active":true`, `"active":true,"active":true`, none),
		changed("Active beside active", `"active":true`, `"active":true,"Active":false`, none),
		changed("a sibling's issuer", s.openID.issuer, s.sibling().openID.issuer, "401 issuer"),
		changed("a refresh token", `"token_type":"Bearer"`, `"token_type":"refresh_token"`, "401 opaque_token"),
		json("active, and nothing else", `{"active":true}`, "401 audience"),
		json("nothing", ``, none),
		json("a list", `[{"active":true}]`, none),
		json("2 MiB", `{"active":true,"x":"`+strings.Repeat("x", 2<<20)+`"}`, none),
	}
}
