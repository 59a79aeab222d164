package daemon_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

// keyAdvisories are the cases about where keys come from, and how they go.
func keyAdvisories() []advisory {
	return []advisory{
		{"CVE-2026-49478", "a redirect leads to no other keys", redirectedDiscovery},
		{"CVE-2026-41413", "a document leads claimd to no other host", foreignKeySet},
		{"CVE-2022-31105", "a provider without a certificate that is trusted is none", untrustedCertificate},
		{"CVE-2026-31837", "without keys nobody is let in", noFallbackKeys},
		{"CVE-2025-64527", "two tokens in one request while keys fail break nothing", twoTokensWhileKeysFail},
		{"CVE-2025-22149", "a key that is gone from the set is gone here", removedKey},
		{"CVE-2026-42576", "a key of another type in the set breaks nothing", keysOfAllTypes},
		{"CVE-2026-49998", "a key id of two issuers opens no door between them", sharedKeyID},
		{"GHSA-q926-c743-49qj", "no setting switches a check off", noInsecureSetting},
	}
}

// Fulcio followed redirects when it fetched discovery documents: an issuer led it to hosts inside, and to another's
// keys (GHSA-f5mr-q85p-6hh6).
func redirectedDiscovery(t *testing.T, s *stage) {
	odd := s.oddly(t)
	token := s.mint(t, odd.Tenant, entratest.Request{User: "ada"})
	before := s.trap.hits.Load()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		for _, what := range []string{"openid-configuration", "keys"} {
			handler := odd.Handler()
			odd.answer(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, what) {
					http.Redirect(w, r, s.trap.URL+r.URL.Path, status)
					return
				}
				handler.ServeHTTP(w, r)
			})
			want := fmt.Sprintf("want status 200, got %d: redirects are not followed", status)
			if problem := odd.refresh(t); !strings.Contains(problem, want) {
				t.Errorf("%d of %s: %q, want %q", status, what, problem, want)
			}
		}
	}
	forged := rs256(t, s.key, claims{"alg": "RS256", "typ": "JWT", "kid": odd.KeyIDs()[0]}, payloadOf(t, token))
	odd.claimd.try(t, []attempt{{"the last good keys", token, letIn}, {"the keys of where it leads", forged, "401 signature"}})
	if n := s.trap.hits.Load() - before; n != 0 {
		t.Errorf("%d connections to where the redirect leads, want none", n)
	}
}

// Istio fetched the key set from any address in its configuration, those of the cloud's own metadata too
// (GHSA-fgw5-hp8f-xfhc). Here the address stands in the provider's document, and must be on the provider's host.
func foreignKeySet(t *testing.T, s *stage) {
	odd := s.oddly(t)
	token := s.mint(t, odd.Tenant, entratest.Request{User: "ada"})
	before, host := s.trap.hits.Load(), strings.TrimPrefix(s.trap.URL, "http://")
	own := strings.TrimPrefix(odd.URL(), "http://")
	for _, address := range []string{
		s.trap.URL + "/keys", "http://169.254.169.254/latest/meta-data", "http://localhost:1/", "file:///etc/passwd", "//" + host + "/keys",
		"http://" + own + "@" + host + "/keys", "http://" + host + "#" + own, "unix:/run/keys.sock", "",
	} {
		odd.SetFaults(entratest.Faults{Rewrite: func(what string, body []byte) []byte {
			text := string(body)
			if at := strings.Index(text, `"jwks_uri":"`); at >= 0 {
				rest := text[at+len(`"jwks_uri":"`):]
				text = text[:at] + `"jwks_uri":"` + address + rest[strings.IndexByte(rest, '"'):]
			}
			return []byte(text)
		}})
		if problem := odd.refresh(t); !strings.Contains(problem, "jwks_uri: want ") {
			t.Errorf("%q: %q, want jwks_uri refused", address, problem)
		}
	}
	odd.claimd.try(t, []attempt{{"the last good keys", token, letIn}, {"another's signature", alter(token), "401 signature"}})
	if n := s.trap.hits.Load() - before; n != 0 {
		t.Errorf("%d connections to another host, want none", n)
	}
}

// Argo CD did not verify the certificate of an OpenID provider: whoever stood in between wrote its tokens
// (GHSA-7943-82jg-wmw5).
func untrustedCertificate(t *testing.T, s *stage) {
	cloud := newCloud(t)
	trusting := cloud.text()
	blind := strings.Replace(trusting, `ca_file = "`+cloud.caFile+"\"\n", "", 1)
	token := s.mint(t, cloud.tenant, entratest.Request{User: "ada"})
	c := s.start(t, blind)
	t.Cleanup(func() { c.end(t) })
	c.ask(t, token).want(t, "an authority that nobody trusts", "503 keys_unavailable")
	results, err := c.admin.RefreshKeys(t.Context(), "contoso")
	must(t, err)
	if len(results) != 1 || !strings.Contains(results[0].Problem, "the certificate is signed by an unknown authority") {
		t.Errorf("refreshing: %+v", results)
	}
	c.write(t, trusting)
	result, err := c.admin.Reload(t.Context())
	must(t, err)
	if !result.OK {
		t.Fatalf("the reload is refused: %+v", result)
	}
	_, err = c.admin.RefreshKeys(t.Context(), "contoso")
	must(t, err)
	c.ask(t, token).want(t, "once its authority is trusted", letIn)
}

// Istio fell back to a key pair in its own source code when a key set could not be fetched: everybody had the private
// half (GHSA-v75c-crr9-733c).
func noFallbackKeys(t *testing.T, s *stage) {
	odd := s.oddly(t)
	odd.answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	c := s.start(t, plan{}.text(odd.Tenant))
	t.Cleanup(func() { c.end(t) })
	good := s.mint(t, odd.Tenant, entratest.Request{User: "ada"})
	own := rs256(t, s.key, claims{"alg": "RS256", "typ": "JWT", "kid": odd.KeyIDs()[0]}, payloadOf(t, good))
	const cannotKnow = "503 keys_unavailable"
	c.ask(t, good).want(t, "a good token without keys", cannotKnow)
	for _, kid := range []any{odd.KeyIDs()[0], "", nil, "default", "istio"} {
		token := s.mint(t, odd.Tenant, entratest.Request{User: "ada", Header: claims{"kid": kid}})
		want := cannotKnow
		if kid == nil || kid == "" {
			want = "401 key"
		}
		c.ask(t, token).want(t, fmt.Sprint("the key id ", kid), want)
	}
	c.ask(t, own).want(t, "a forged token without keys", cannotKnow)
	odd.answer(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) })
	c.ask(t, own).want(t, "a forged token with an empty set", cannotKnow)
	odd.detour.Store(nil)
	_, err := c.admin.RefreshKeys(t.Context(), "contoso")
	must(t, err)
	c.try(t, []attempt{{"a good token with keys", good, letIn}, {"a forged token with keys", own, "401 signature"}})
}

// Envoy's JWT filter crashed when the key set could not be fetched and a request brought two tokens: the second fetch
// cleared what the first one's answer came back to (GHSA-mp85-7mrq-r866).
func twoTokensWhileKeysFail(t *testing.T, s *stage) {
	odd := s.oddly(t)
	odd.answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	c := s.start(t, plan{}.text(odd.Tenant))
	t.Cleanup(func() { c.end(t) })
	token := s.mint(t, odd.Tenant, entratest.Request{User: "ada"})
	bearer := "Bearer " + token
	two := []http.Header{{"Authorization": {bearer, bearer}}, {"Authorization": {bearer + ", " + bearer}}, {"Authorization": {bearer}}}
	answers := make([]string, 12)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = c.shortly(t.Context(), two[i%len(two)]) })
	}
	all.Wait()
	for i, got := range answers {
		if want := []string{"400 invalid_request", "400 invalid_request", "503 keys_unavailable"}[i%3]; got != want {
			t.Errorf("request %d while keys fail: %s, want %s", i, got, want)
		}
	}
	odd.detour.Store(nil)
	_, err := c.admin.RefreshKeys(t.Context(), "contoso")
	must(t, err)
	c.ask(t, token).want(t, "once the keys are there", letIn)
	c.auth(t, two[0]).want(t, "two tokens then", "400 invalid_request")
	c.wantNoPanic(t)
}

// shortly asks /auth from a goroutine of its own, and gives the answer in words, or the error.
func (c *claimd) shortly(ctx context.Context, header http.Header) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.gate+"/auth", nil)
	if err != nil {
		return err.Error()
	}
	request.Header = header.Clone()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	return answerOf(response)
}

// jwkset, the library, only added keys to what it had cached: a key that the provider withdrew, as it was stolen, went
// on verifying for good (GHSA-675f-rq2r-jw82).
func removedKey(t *testing.T, s *stage) {
	odd := s.oddly(t)
	odd.publish(t, jwkOf(s.key, "stolen"))
	good := s.mint(t, odd.Tenant, entratest.Request{User: "ada"})
	stolen := rs256(t, s.key, claims{"alg": "RS256", "typ": "JWT", "kid": "stolen"}, payloadOf(t, good))
	odd.claimd.try(t, []attempt{{"by the key that stays", good, letIn}, {"by the key that goes", stolen, letIn}, {"and again", stolen, letIn}})
	odd.publish(t) // without it
	odd.claimd.try(t, []attempt{{"by the key that stays", good, letIn}, {"by the key that is gone", stolen, "401 key"}})
}

// apko took every key of a key set for an RSA key without looking: one of another type ended the program
// (GHSA-m7hm-vm4x-28jf).
func keysOfAllTypes(t *testing.T, s *stage) {
	odd := s.oddly(t)
	elliptic, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	point, err := elliptic.PublicKey.Bytes()
	must(t, err)
	private := jwkOf(s.key, "private")
	private["d"] = encode(s.key.D.Bytes())
	encrypting := jwkOf(s.key, "encrypting")
	encrypting["use"] = "enc"
	odd.publish(t,
		claims{"kty": "EC", "crv": "P-256", "kid": "ec", "x": encode(point[1:33]), "y": encode(point[33:])},
		claims{"kty": "EC", "crv": "P-521", "kid": "p521", "x": "AA", "y": "AA"},
		claims{"kty": "OKP", "crv": "Ed25519", "kid": "okp", "x": encode(make([]byte, 32))},
		claims{"kty": "oct", "kid": "oct", "k": encode([]byte("secret"))},
		claims{"kty": "AKP", "kid": "akp", "alg": "ML-DSA-65", "pub": "AA"},
		private, encrypting, claims{"kid": "nothing"}, claims{"kty": "RSA", "kid": "empty"}, claims{}, nil, 7, "x", []any{},
		jwkOf(s.key, "sound"))
	payload := payloadOf(t, s.mint(t, odd.Tenant, entratest.Request{User: "ada"}))
	by := func(kid string) string {
		return rs256(t, s.key, claims{"alg": "RS256", "typ": "JWT", "kid": kid}, payload)
	}
	rows := []attempt{{"by the key after all of them", by("sound"), letIn}, {"by the tenant's own", s.mint(t, odd.Tenant, entratest.Request{User: "ada"}), letIn}}
	rows = append(rows, attempt{"the EC key", by("ec"), "401 key"}) // is one for ES256, which Entra never uses
	odd.claimd.try(t, rows)
	odd.claimd.wantNoPanic(t)
	keys, err := odd.claimd.admin.Keys(t.Context())
	must(t, err)
	used := map[string]bool{}
	for _, document := range keys[0].Documents {
		for _, key := range document.Keys {
			used[key.ID] = used[key.ID] || key.Ignored == ""
		}
	}
	for _, kid := range []string{"p521", "okp", "oct", "akp", "private", "encrypting", "nothing", "empty"} {
		if listed, found := used[kid]; listed || !found {
			t.Errorf("key %s: listed %v, used %v; want it listed as ignored", kid, found, listed)
		}
	}
}

// Centrifugo kept keys by their id alone: of two issuers with one key id, the one that came first signed for both
// (GHSA-g6vg-wj8f-48cj).
func sharedKeyID(t *testing.T, s *stage) {
	kid := s.kid()
	s.fabrikam.SetFaults(entratest.Faults{Rewrite: func(what string, body []byte) []byte {
		return []byte(strings.ReplaceAll(string(body), s.fabrikam.KeyIDs()[0], kid))
	}})
	t.Cleanup(func() { s.fabrikam.SetFaults(entratest.Faults{}) })
	c := s.own(t, twoTenants(s.world))
	by := func(tenant *entratest.Tenant, changes claims) string {
		return s.mint(t, tenant, entratest.Request{User: "ada", Header: claims{"kid": kid}, Claims: changes})
	}
	asFabrikam := claims{"iss": s.fabrikam.Issuer(2), "tid": fabrikamTenant}
	s.quietly(t, func() {
		for range 2 { // whichever came first
			c.try(t, []attempt{
				{"contoso's own", by(s.contoso, nil), letIn},
				{"fabrikam writes one of contoso's", by(s.fabrikam, s.asContoso(nil)), "401 signature"},
				{"fabrikam's own", by(s.fabrikam, nil), letIn},
				{"contoso writes one of fabrikam's", by(s.contoso, asFabrikam), "401 signature"},
			})
		}
	})
}

// Centrifugo had a switch that left checks out. Here there is none, for the signature, TLS, the audience or the issuer.
func noInsecureSetting(t *testing.T, s *stage) {
	for _, key := range []string{
		"insecure", "insecure_skip_verify", "skip_tls_verify", "insecure_skip_token_signature_verify", "skip_audience_check", "skip_issuer_check",
		"disable_signature_check", "allow_unsigned", "allow_insecure", "tls_insecure_skip_verify", "verify",
	} {
		got := faultsOf(t, soundHead+key+" = true\n")
		if want := "claimd.toml:8: provider.contoso." + key + ": unknown key"; !strings.HasPrefix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, algorithms := range []string{`["none"]`, `["HS256"]`, `["RS256", "none"]`, `[]`} {
		if got := faultsOf(t, soundHead+"algorithms = "+algorithms+"\n"); !strings.HasPrefix(got, "claimd.toml:8: provider.contoso.algorithms") {
			t.Errorf("algorithms %s: %s", algorithms, got)
		}
	}
	wantFaults(t, []flawed{{soundHead, ""}})
}
