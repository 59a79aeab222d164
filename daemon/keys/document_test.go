package keys

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/claimd/claimd/daemon/entra"
)

// Faults 31 and 32: a document is refused as a whole, and what was good before stays.
func TestAFaultyDocumentIsRefused(t *testing.T) {
	const (
		doc    = "http://HOST/TENANT/v2.0/.well-known/openid-configuration: "
		issuer = "https://login.contoso.test/" + tenant + "/v2.0"
		other  = "9188040d-6c67-4c5b-b112-36a304b66dad"
	)
	pinned := Source{IssuerV1: "https://sts.contoso.test/" + tenant + "/", IssuerV2: issuer, CloudInstance: "contoso.test"}
	good := object{"issuer": issuer, "jwks_uri": "http://HOST/keys", "cloud_instance_name": "contoso.test"}
	tests := []struct {
		name   string
		source Source
		body   any // object or text
		want   string
	}{
		{"another issuer", pinned, with(good, "issuer", "https://login.contoso.test/"+other+"/v2.0"),
			`issuer: want "https://login.contoso.test/TENANT/v2.0", got "https://login.contoso.test/` + other + `/v2.0"`},
		{"the issuer with a slash", pinned, with(good, "issuer", issuer+"/"),
			`issuer: want "https://login.contoso.test/TENANT/v2.0", got "https://login.contoso.test/TENANT/v2.0/"`},
		{"the issuer as a template", pinned, with(good, "issuer", "https://login.contoso.test/{tenantid}/v2.0"),
			`issuer: want "https://login.contoso.test/TENANT/v2.0", got "https://login.contoso.test/{tenantid}/v2.0"`},
		{"the issuer in another case", pinned, with(good, "issuer", "https://Login.contoso.test/"+tenant+"/v2.0"),
			`issuer: want "https://login.contoso.test/TENANT/v2.0", got "https://Login.contoso.test/TENANT/v2.0"`},
		{"no issuer", pinned, with(good, "issuer", nil), `issuer: want "https://login.contoso.test/TENANT/v2.0", got ""`},
		{"issuer no text", pinned, with(good, "issuer", 5), `want a JSON object without duplicate members, got other text: wrong type at "/issuer"`},
		{"another cloud", pinned, with(good, "cloud_instance_name", "microsoftonline.us"),
			`cloud_instance_name: want "contoso.test", got "microsoftonline.us"`},
		{"not pinned, no issuer", Source{}, with(good, "issuer", nil), `issuer: want an https address, got ""`},
		{"not pinned, no address", Source{}, with(good, "issuer", tenant), `issuer: want an https address, got "TENANT"`},
		{"not pinned, http elsewhere", Source{}, with(good, "issuer", "http://login.contoso.test/"+tenant),
			`issuer: want an https address, got "http://login.contoso.test/TENANT"`},
		{"not pinned, with a query", Source{}, with(good, "issuer", issuer+"?a"), `issuer: want an https address, got "https://login.contoso.test/TENANT/v2.0?a"`},
		{"not pinned, another tenant", Source{}, with(good, "issuer", "https://login.contoso.test/"+other+"/v2.0"),
			`issuer: want one with the tenant TENANT in its path, got "https://login.contoso.test/` + other + `/v2.0"`},
		{"not pinned, the tenant as part of a segment", Source{}, with(good, "issuer", "https://login.contoso.test/x"+tenant+"/v2.0"),
			`issuer: want one with the tenant TENANT in its path, got "https://login.contoso.test/xTENANT/v2.0"`},
		{"not pinned, the tenant as host", Source{}, with(good, "issuer", "https://"+tenant+"/v2.0"),
			`issuer: want one with the tenant TENANT in its path, got "https://TENANT/v2.0"`},
		{"no jwks_uri", pinned, with(good, "jwks_uri", nil), `jwks_uri: want an address on HOST, got ""`},
		{"jwks_uri on another host", pinned, with(good, "jwks_uri", "https://evil.test/keys"), `jwks_uri: want an address on HOST, got "https://evil.test/keys"`},
		{"jwks_uri on another port", pinned, with(good, "jwks_uri", "http://127.0.0.1:1/keys"), `jwks_uri: want an address on HOST, got "http://127.0.0.1:1/keys"`},
		{"jwks_uri with a user", pinned, with(good, "jwks_uri", "http://HOST@evil.test/keys"), `jwks_uri: want an address on HOST, got "http://HOST@evil.test/keys"`},
		{"jwks_uri a file", pinned, with(good, "jwks_uri", "file:///etc/passwd"), `jwks_uri: want an address on HOST, got "file:///etc/passwd"`},
		{"jwks_uri of another scheme", pinned, with(good, "jwks_uri", "ftp://HOST/keys"), `jwks_uri: want https, got "ftp://HOST/keys"`},
		{"jwks_uri no address", pinned, with(good, "jwks_uri", "http://[::1"), `jwks_uri: want an address on HOST, got "http://[::1"`},
		{"null", pinned, "null", `issuer: want "https://login.contoso.test/TENANT/v2.0", got ""`},
		{"an empty object", pinned, "{}", `issuer: want "https://login.contoso.test/TENANT/v2.0", got ""`},
		{"a list", pinned, "[]", "want a JSON object without duplicate members, got other text: wrong type"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := served(t, rsaJWK("a", keyA()))
			host := strings.TrimPrefix(e.base, "http://")
			body, ok := test.body.(string)
			if !ok {
				body = string(encoded(test.body))
			}
			e.answer("v1 document", status(http.StatusNotFound))
			e.answer("v2 document", text(strings.ReplaceAll(body, "HOST", host)))
			source := test.source
			source.Name, source.Authority, source.Tenant = "contoso", e.base, tenant
			p := ringOf(t, Options{}).Open(source)
			want := "contoso: http://HOST/TENANT/.well-known/openid-configuration: want status 200, got 404; " + doc + test.want
			if got := refreshError(t, p, e); got != want {
				t.Errorf("want %s\ngot  %s", want, got)
			}
		})
	}
}

func TestADocumentIsReadStrictly(t *testing.T) {
	e, _ := theEdition(entra.V2)
	good := `"issuer":"https://login.contoso.test/` + tenant + `/v2.0","jwks_uri":"https://login.contoso.test/keys"`
	tests := []struct{ name, body, want string }{
		{"good", "{" + good + "}", ""},
		{"members of another case are other members", `{"Issuer":"x","JWKS_URI":5,` + good + "}", ""},
		{"issuer twice", `{"issuer":"x",` + good + "}", `want a JSON object without duplicate members, got other text: `},
		{"issuer twice, once escaped", `{"\u0069ssuer":"x",` + good + "}", `want a JSON object without duplicate members, got other text: `},
		{"an unknown member twice", `{"x":1,"x":2,` + good + "}", `want a JSON object without duplicate members, got other text: `},
		{"bad UTF-8", "{\"x\":\"\xff\"," + good + "}", `want a JSON object without duplicate members, got other text: `},
		{"more behind it", "{" + good + "}{}", `want a JSON object without duplicate members, got other text: `},
		{"cut off", "{" + good, `want a JSON object without duplicate members, got other text: `},
		{"with a byte order mark", "\ufeff{" + good + "}", `want a JSON object without duplicate members, got other text: `},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := e.readDocument([]byte(test.body))
			if got := fmt.Sprint(err); test.want == "" && err != nil || !strings.HasPrefix(got, test.want) {
				t.Errorf("want %q, got %v", test.want, err)
			}
		})
	}
}

// The authority is where keys come from; plain http is for this host alone.
func TestTheAuthorityIsHTTPSOrOnLoopback(t *testing.T) {
	for authority, want := range map[string]bool{
		"https://login.microsoftonline.com": true, "https://login.contoso.test:8443": true,
		"http://127.0.0.1:4190": true, "http://[::1]:4190": true, "http://localhost:4190": true,
		"http://login.contoso.test": false, "http://127.0.0.1.contoso.test": false, "http://localhost.contoso.test": false,
		"http://0.0.0.0:4190": false, "ftp://127.0.0.1": false, "": false, "login.contoso.test": false,
		"https://user@login.contoso.test": false, "https://login.contoso.test?x": false, "https://login.contoso.test#x": false,
	} {
		if got := newEdition(Source{Authority: authority}, entra.V2).authority != nil; got != want {
			t.Errorf("%s: want %v, got %v", authority, want, got)
		}
	}
	p := ringOf(t, Options{}).Open(Source{Name: "contoso", Authority: "http://login.contoso.test", Tenant: "t"})
	want := "contoso: http://login.contoso.test/t/.well-known/openid-configuration: authority: want an https address, or http on loopback"
	if err := p.Refresh(t.Context()); err == nil || err.Error() != want {
		t.Errorf("want %s, got %v", want, err)
	}
}

// An issuer on plain loopback is a test tenant's: a document from elsewhere may not name one.
func TestAnIssuerOnLoopbackIsForAnAuthorityOnLoopback(t *testing.T) {
	const issuer = "http://127.0.0.1:4190/" + tenant + "/v2.0"
	for authority, want := range map[string]string{
		"http://127.0.0.1:4190":      "<nil>",
		"http://localhost":           "<nil>",
		"https://login.contoso.test": `issuer: want an https address, got "` + issuer + `"`,
	} {
		err := newEdition(Source{Authority: authority, Tenant: tenant}, entra.V2).checkIssuer(issuer)
		if got := fmt.Sprint(err); got != want {
			t.Errorf("%s: want %s, got %s", authority, want, got)
		}
	}
}

func TestTheKeysAddressIsOnTheAuthoritysHost(t *testing.T) {
	tests := []struct {
		authority, address string
		want               bool
	}{
		{"https://login.contoso.test", "https://login.contoso.test/keys?appid=1", true},
		{"https://login.contoso.test", "https://LOGIN.contoso.test:443/keys", true},
		{"https://login.contoso.test", "http://login.contoso.test/keys", false},
		{"https://login.contoso.test", "http://login.contoso.test:443/keys", false},
		{"https://login.contoso.test", "https://login.contoso.test:8443/keys", false},
		{"https://login.contoso.test", "https://login.contoso.test.evil.test/keys", false},
		{"https://login.contoso.test", "//login.contoso.test/keys", false},
		{"https://login.contoso.test", "/keys", false},
		{"https://login.contoso.test", "https://login.contoso.test/keys#x", false},
		{"http://localhost", "http://localhost:80/keys", true},
		{"http://localhost", "https://localhost/keys", false},
		{"http://localhost:443", "https://localhost/keys", true},
		{"http://localhost", "http://127.0.0.1/keys", false},
	}
	for _, test := range tests {
		e := newEdition(Source{Authority: test.authority}, entra.V2)
		if err := e.checkKeysURL(test.address); (err == nil) != test.want {
			t.Errorf("%s and %s: want fit = %v, got %v", test.authority, test.address, test.want, err)
		}
	}
}

// Faults 23, 33 and 34: whatever comes instead of documents and keys, the keys that were good stay in use.
func TestABadAnswerNeverReplacesGoodKeys(t *testing.T) {
	const (
		doc  = "contoso: http://HOST/TENANT/.well-known/openid-configuration: "
		keys = "contoso: http://HOST/TENANT/discovery/keys: "
	)
	gzipped := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		for range 4 {
			z.Write(make([]byte, 1<<20))
		}
		z.Close()
	}
	chunked := func(w http.ResponseWriter, _ *http.Request) {
		for range 40 {
			w.Write(bytes.Repeat([]byte(" "), 64<<10))
			w.(http.Flusher).Flush()
		}
	}
	redirect := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }
	tests := []struct {
		name    string
		handler http.HandlerFunc
		on      string // documents or keys
		want    string
	}{
		{"empty object for the keys", text("{}"), "keys", keys + "want an array of keys, got none"},
		{"null for the keys", text("null"), "keys", keys + "want one JSON object with keys, got other text"},
		{"no keys", text(`{"keys":[]}`), "keys", keys + "want at least one usable key, got an empty set"},
		{"empty body for the document", text(""), "document", doc + `want a JSON object without duplicate members, got other text: "unexpected EOF"`},
		{"redirect from the document", redirect, "document", doc + "want status 200, got 302: redirects are not followed"},
		{"redirect from the keys", redirect, "keys", keys + "want status 200, got 302: redirects are not followed"},
		{"204", status(204), "keys", keys + "want status 200, got 204"},
		{"404", status(404), "document", doc + "want status 200, got 404"},
		{"503", status(503), "document", doc + "want status 200, got 503"},
		{"1 MiB and a byte", text(strings.Repeat(" ", 1<<20+1)), "document", doc + "want at most 1 MiB, got more"},
		{"2.5 MiB in chunks", chunked, "keys", keys + "want at most 1 MiB, got more"},
		{"a gzip bomb", gzipped, "keys", keys + `want no content-encoding, got "gzip"`},
	}
	e := served(t, rsaJWK("a", keyA()))
	p := opened(t, e)
	changes := p.Changes()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e.answer("v1 "+test.on, test.handler)
			e.answer("v2 "+test.on, test.handler)
			defer e.answer("v1 "+test.on, nil)
			defer e.answer("v2 "+test.on, nil)
			if got := refreshError(t, p, e); got != test.want {
				t.Errorf("want %s\ngot  %s", test.want, got)
			}
			wantKey(t, p, "a")
			if !p.Live() || p.Changes() != changes {
				t.Errorf("want live keys without a change, got live %v, %d changes more", p.Live(), p.Changes()-changes)
			}
		})
	}
	if got := e.requests(""); got != 0 {
		t.Errorf("want no redirect followed, got %d requests elsewhere", got)
	}
}

// Fault 34: a provider that hangs or drips costs ten seconds and nothing else.
func TestAHangOrADripIsCutAfterTenSeconds(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	drip := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			w.Write([]byte(" "))
			w.(http.Flusher).Flush()
			time.Sleep(time.Second)
		}
	}
	slow := func(w http.ResponseWriter, r *http.Request) { // each answer within its time, both together not
		time.Sleep(6 * time.Second)
		w.WriteHeader(http.StatusOK)
		w.Write([]byte(`{"issuer":"http://127.0.0.1/` + tenant + `/v2.0","jwks_uri":"http://127.0.0.1/slow"}`))
	}
	for name, handler := range map[string]http.HandlerFunc{"hang": hang, "drip": drip, "slow": slow} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, client := within(t, rsaJWK("a", keyA()))
				p := ringOf(t, Options{Client: client}).Open(e.source())
				refreshed(t, p)
				e.answerAll(handler)
				began := time.Now()
				if got := refreshError(t, p, e); !strings.HasSuffix(got, ": want a whole answer within 10 s, got none") {
					t.Errorf("want the time limit named, got %s", got)
				}
				if took := time.Since(began); took != maxFetch {
					t.Errorf("want 10 s, got %s", took)
				}
				wantKey(t, p, "a")
				e.answerAll(nil)
			})
		})
	}
}

// A client that follows redirects and inflates answers is held to the same rules: the fetch itself keeps them.
func TestTheRulesHoldWithAnyClient(t *testing.T) {
	e := served(t, rsaJWK("a", keyA()))
	client := &http.Client{Transport: &http.Transport{}}
	p := ringOf(t, Options{Client: client}).Open(e.source())
	refreshed(t, p)
	e.answerAll(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) })
	if got := refreshError(t, p, e); !strings.HasSuffix(got, "redirects are not followed") {
		t.Errorf("want the redirect refused, got %s", got)
	}
	e.answerAll(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "identity" {
			t.Error("want no offer to inflate, got one")
		}
		w.WriteHeader(http.StatusBadGateway)
	})
	refreshError(t, p, e)
}

// One version without keys does not hurt the other (v1.0 and v2.0 are two documents).
func TestOneGoodVersionIsEnough(t *testing.T) {
	e := served(t, rsaJWK("a", keyA()))
	e.answer("v1 keys", text("{}"))
	log, logs := logged()
	p := ringOf(t, Options{Log: log}).Open(e.source())
	refreshed(t, p)
	wantKey(t, p, "a")
	if _, err := p.Lookup(t.Context(), entra.V1, "a"); err != ErrUnavailable {
		t.Errorf("v1.0: want ErrUnavailable, got %v", err)
	}
	if !p.Live() {
		t.Error("want live, got dead")
	}
	warned := logs.FilterMessage("signing keys cannot be fetched").All()
	want := "[" + e.base + "/" + tenant + "/discovery/keys: want an array of keys, got none]"
	if len(warned) != 1 || fmt.Sprint(warned[0].ContextMap()["errors"]) != want {
		t.Errorf("want one warning %s, got %v", want, warned)
	}
}

// Fault 50: the clocks of others have no say.
func TestAProvidersClockHasNoEffect(t *testing.T) {
	e := served(t, rsaJWK("a", keyA()))
	p := opened(t, e)
	e.answerAll(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", "Thu, 01 Jan 1970 00:00:00 GMT")
		w.Header().Set("Expires", "Thu, 01 Jan 1970 00:00:00 GMT")
		w.Header().Set("Cache-Control", "no-store")
		w.Write(e.body(addresses[r.URL.Path]))
	})
	refreshed(t, p)
	wantKey(t, p, "a")
}

// The documents that Microsoft publishes hold far more than is read.
func TestUnknownMembersAreLetPass(t *testing.T) {
	e := served(t, rsaJWK("a", keyA()))
	e.documents = maps.Clone(object{"rbac_url": "https://pas.windows.net", "stranger": object{"issuer": []any{nil, 1.5}}})
	opened(t, e)
}

// Fault 35: what TLS refuses is named, and nothing skips its checks.
func TestTLSFaultsAreNamed(t *testing.T) {
	e := newTenant("", rsaJWK("a", keyA()))
	server := httptest.NewTLSServer(e)
	defer server.Close()
	server.Config.ErrorLog = silent
	e.base = server.URL
	p := ringOf(t, Options{}).Open(e.source())
	want := "contoso: https://HOST/TENANT/.well-known/openid-configuration: the certificate is signed by an unknown authority; " +
		"hint: a private root goes into [outbound] ca_file"
	if got := refreshError(t, p, e); got != want {
		t.Errorf("want %s\ngot  %s", want, got)
	}
}
