package entratest

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// browse opens the address, or sends it a form, and gives the page; redirects are not followed.
func browse(t *testing.T, address string, form url.Values) (int, string) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var response *http.Response
	var err error
	if form == nil {
		response, err = client.Get(address)
	} else {
		response, err = client.PostForm(address, form)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Location") + "\n" + string(body)
}

func contains(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in %s", want, text)
		}
	}
}

const verifier = "a-code-verifier-of-forty-three-characters-or-more"

// authorization gives the address of a good authorization request with the changes; "" removes a parameter.
func authorizationOf(tenant *Tenant, redirect string, changes map[string]string) string {
	query := url.Values{"client_id": {samplePublic}, "response_type": {"code"}, "redirect_uri": {redirect},
		"scope": {sampleScope + " openid offline_access"}, "state": {"a state & more"}, "nonce": {"n1"},
		"code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"}}
	for name, value := range changes {
		query.Set(name, value)
		if value == "" {
			query.Del(name)
		}
	}
	return tenant.URL() + "/" + tenant.Directory().TenantID + "/oauth2/v2.0/authorize?" + query.Encode()
}

// callback is a client that waits on loopback for what the browser brings.
func callback(t *testing.T) (address string, got chan url.Values) {
	t.Helper()
	got = make(chan url.Values, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		form := maps.Clone(r.Form)
		form.Set("method", r.Method)
		got <- form
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1), got
}

// codeOf lets the reader sign in and gives the authorization code.
func codeOf(t *testing.T, tenant *Tenant, redirect string, got chan url.Values) string {
	t.Helper()
	if err := tenant.Browse(authorizationOf(tenant, redirect, nil), "reader"); err != nil {
		t.Fatal(err)
	}
	return (<-got).Get("code")
}

func TestABrowserBringsTheCodeBackInEachResponseMode(t *testing.T) {
	tenant := start(t, nil)
	redirect, got := callback(t)
	for mode, method := range map[string]string{"": "GET", "query": "GET", "form_post": "POST"} {
		t.Run(mode, func(t *testing.T) {
			if err := tenant.Browse(authorizationOf(tenant, redirect, map[string]string{"response_mode": mode}), "reader"); err != nil {
				t.Fatal(err)
			}
			answer := <-got
			equal(t, "members", len(answer), 3) // code, state, and method of this test's own
			equal(t, "state", answer.Get("state"), "a state & more")
			equal(t, "method", answer.Get("method"), method)
			status, body := oauth(t, tenant, "token", url.Values{"grant_type": {"authorization_code"}, "client_id": {samplePublic},
				"code": {answer.Get("code")}, "redirect_uri": {redirect}, "code_verifier": {verifier}})
			equal(t, "status", status, 200)
			equal(t, "members", names(body), "access_token expires_in ext_expires_in id_token refresh_token scope token_type")
			_, claims := parts(t, body["id_token"].(string))
			equal(t, "nonce", claims["nonce"], "n1")
		})
	}
}

func TestAFragmentIsForTheBrowserAlone(t *testing.T) {
	tenant := start(t, nil)
	address := authorizationOf(tenant, "http://localhost:1/", map[string]string{"response_mode": "fragment", "response_type": "token"})
	status, page := browse(t, address, nil)
	equal(t, "status", status, 302)
	contains(t, page, "http://localhost:1/#error=unsupported_response_type&error_description=AADSTS700054")
}

func TestACodeIsGoodOnceForItsClientRedirectURIAndVerifier(t *testing.T) {
	tenant := start(t, func(d *Directory) { d.Clients[1].AllowPublicClient = new(true) })
	redirect, got := callback(t)
	tests := []struct {
		name    string
		changes map[string]string
		code    int
	}{
		{"no code", map[string]string{"code": ""}, 90014},
		{"an unknown code", map[string]string{"code": "x"}, 70000},
		{"another client", map[string]string{"client_id": sampleService}, 70000},
		{"another redirect URI", map[string]string{"redirect_uri": redirect + "/"}, 500112},
		{"no verifier", map[string]string{"code_verifier": ""}, 50148},
		{"a wrong verifier", map[string]string{"code_verifier": verifier + "x"}, 501481},
		{"all in order", nil, 0},
		{"the same again", nil, 54005},
	}
	code := codeOf(t, tenant, redirect, got)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			form := url.Values{"grant_type": {"authorization_code"}, "client_id": {samplePublic}, "code": {code},
				"redirect_uri": {redirect}, "code_verifier": {verifier}}
			for name, value := range test.changes {
				form.Set(name, value)
			}
			_, body := oauth(t, tenant, "token", form)
			if test.code == 0 {
				equal(t, "error", body["error"], nil)
				return
			}
			equal(t, "error_codes", body["error_codes"], []int{test.code})
		})
	}
	code = codeOf(t, tenant, redirect, got)
	tenant.mu.Lock()
	tenant.codes[len(tenant.codes)-1].expires = time.Now().Add(-time.Second)
	tenant.mu.Unlock()
	_, body := oauth(t, tenant, "token", url.Values{"grant_type": {"authorization_code"}, "client_id": {samplePublic}, "code": {code},
		"redirect_uri": {redirect}, "code_verifier": {verifier}})
	equal(t, "error_codes of an old one", body["error_codes"], []int{70008})
}

// What cannot be sent back to the client in safety stays on the page: nobody may have an answer sent where the
// registration does not say.
func TestNothingIsSentToAnAddressThatIsNotRegistered(t *testing.T) {
	tenant := start(t, func(d *Directory) {
		d.Clients[0].RedirectURIs = []string{"http://localhost/back", "http://127.0.0.1", "https://app.contoso.example/back?a=1"}
		d.Clients[1].RedirectURIs = []string{}
	})
	tests := []struct {
		redirect string
		sent     bool
	}{
		{"http://localhost/back", true}, {"http://localhost:1/back", true}, {"http://localhost:65535/back/", true},
		{"http://127.0.0.1:1", true}, {"http://127.0.0.1:1/", true}, {"https://app.contoso.example/back?a=1", true},
		{"", true}, // the first that is registered
		{"http://localhost:1", false}, {"http://localhost:1/other", false}, {"https://localhost:1/back", false},
		{"http://localhost.example/back", false}, {"http://localhost@stranger.example/back", false}, {"http://x@localhost:1/back", false},
		{"http://[::1]:1/", false}, {"http://127.0.0.1:1/?a=1", false}, {"http://localhost:1/back#x", false}, {"http://127.0.0.2:1", false},
		{"https://app.contoso.example/back", false}, {"https://app.contoso.example:443/back?a=1", false}, {"javascript:alert(1)", false},
		{"http://%zz", false},
	}
	for _, test := range tests {
		t.Run(test.redirect, func(t *testing.T) {
			status, page := browse(t, authorizationOf(tenant, test.redirect, map[string]string{"redirect_uri": test.redirect, "scope": ""}), nil)
			want := map[bool]int{true: 302, false: 400}[test.sent]
			equal(t, "status", status, want)
			if !test.sent {
				contains(t, page, "AADSTS50011: The redirect URI")
			}
		})
	}
	status, page := browse(t, authorizationOf(tenant, "http://localhost", map[string]string{"client_id": sampleService}), nil)
	equal(t, "status of a client without a redirect URI", status, 400)
	contains(t, page, "AADSTS50011")
}

func TestAnAuthorizationRequestIsRefusedOnThePageOrToTheClient(t *testing.T) {
	tests := []struct {
		name    string
		changes map[string]string
		user    string
		change  func(*Directory)
		code    string
		oauth   string // "" = on the page
	}{
		{"no client", map[string]string{"client_id": ""}, "reader", nil, "AADSTS900144", ""},
		{"an unknown client", map[string]string{"client_id": sampleAPI}, "reader", nil, "AADSTS700016", ""},
		{"a disabled client", nil, "reader", func(d *Directory) { d.Clients[0].Disabled = true }, "AADSTS7000112", ""},
		{"no response type", map[string]string{"response_type": ""}, "reader", nil, "AADSTS900144", "invalid_request"},
		{"another response type", map[string]string{"response_type": "id_token"}, "reader", nil, "AADSTS700054", "unsupported_response_type"},
		{"no scope", map[string]string{"scope": ""}, "reader", nil, "AADSTS900144", "invalid_request"},
		{"a plain challenge", map[string]string{"code_challenge_method": "plain"}, "reader", nil, "AADSTS9002313", "invalid_request"},
		{"an unknown resource", map[string]string{"scope": "api://x/.default"}, "reader", nil, "AADSTS500011", "invalid_resource"},
		{"prompt=none", map[string]string{"prompt": "none"}, "reader", nil, "AADSTS50058", "login_required"},
		{"an unknown user", nil, "nobody", nil, "AADSTS50034", "invalid_grant"},
		{"declined", nil, "", nil, "AADSTS65004", "access_denied"},
		{"no consent", nil, "reader", func(d *Directory) { d.Clients[0].NoConsent = true }, "AADSTS65001", "invalid_grant"},
		{"told on the page", nil, "reader", func(d *Directory) { d.Clients[0].NoConsent, d.RefusesInBrowser = true, true }, "AADSTS65001", ""},
		{"declined, and others told on the page", nil, "", func(d *Directory) { d.RefusesInBrowser = true }, "AADSTS65004", "access_denied"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tenant := start(t, test.change)
			redirect, got := callback(t)
			err := tenant.Browse(authorizationOf(tenant, redirect, test.changes), test.user)
			if test.oauth == "" {
				if err == nil || !strings.HasPrefix(err.Error(), test.code+": ") {
					t.Errorf("the page says %v, want %s", err, test.code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			answer := <-got
			equal(t, "error", answer.Get("error"), test.oauth)
			equal(t, "state", answer.Get("state"), "a state & more")
			contains(t, answer.Get("error_description"), test.code+": ", " Trace ID: ", " Correlation ID: ", " Timestamp: ")
			equal(t, "code", answer.Has("code"), false)
		})
	}
}

func TestTheSignInPageShowsNothingAsHTML(t *testing.T) {
	tenant := start(t, func(d *Directory) { d.Clients[0].Name = "<script>" })
	_, page := browse(t, authorizationOf(tenant, "http://localhost", map[string]string{"state": `"><script>`, "login_hint": `"><script>`}), nil)
	if strings.Contains(page, "<script>") {
		t.Errorf("the page holds what was sent: %s", page)
	}
	contains(t, page, "Sign in to &lt;script&gt;.", `<input type="hidden" name="request" value="client_id=`)
	status, page := browse(t, authorizationOf(tenant, "http://localhost", map[string]string{"client_id": "<script>"}), nil)
	equal(t, "status", status, 400)
	contains(t, page, "Application &#39;&lt;script&gt;&#39; was not found")
}
