package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/reason"
)

// TestEveryErrorOfAProviderHasASentence: the golden file is the list of them, to be read as one.
func TestEveryErrorOfAProviderHasASentence(t *testing.T) {
	names := []string{"", "expired_token", "of_their_own"}
	for name := range refusals {
		if !strings.Contains(name, " ") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		told := ""
		for _, method := range []string{methodDevice, methodBrowser, methodCredentials} {
			w := &walk{Provider: "jumpcloud", Issuer: "https://idp.contoso.example/", Client: "desk", Scope: "openid reports.read", Method: method,
				WithoutToken: &apiAnswer{Status: 401}, SignIn: failedByOpenID(refusal{Error: name}), hasSecret: method == methodCredentials}
			if method != methodDevice {
				w.Resource = "urn:contoso:reports"
			}
			got := w.ends()
			wanted := map[string]int{"declined": exitNo, "expired": exitUnknown, "provider_broken": exitUnknown, "refused_by_provider": exitNo}
			if code, ok := wanted[got.name]; !ok || got.code != code {
				t.Errorf("%s, %s: got %s and status %d", name, method, got.name, got.code)
			}
			if text := sentences(got.text); text != told {
				fmt.Fprintf(&b, "# %s, by %s: %s\n%s\n\n", name, methodWords[method], got.name, text)
				told = text
			}
			if strings.ContainsAny(got.text, "{}") {
				t.Errorf("%s, %s: a name was not filled in: %s", name, method, got.text)
			}
		}
	}
	wantGolden(t, "openid_errors", b.String())
}

// TestAProviderThatMisbehavesIsNamedAsSuch, and nothing secret is told of the talk with it.
func TestAProviderThatMisbehavesIsNamedAsSuch(t *testing.T) {
	t.Parallel()
	one := func(path string, status int, body string) map[string][]answer {
		return map[string][]answer{"/device": {{0, aCode}}, path: {{status, body}}}
	}
	device, credentials := accessTest{method: methodDevice}, accessTest{method: methodCredentials, secretFile: "x"}
	browser := accessTest{method: methodBrowser}
	tests := map[string]struct {
		answers  map[string][]answer
		document map[string]any
		test     accessTest
		ending   string
		want     string // in the sentence
	}{
		"no device endpoint": {nil, map[string]any{"device_authorization_endpoint": nil}, device, "not_offered", "names no device_authorization_endpoint that may be asked"},
		"a device endpoint by http": {nil, map[string]any{"device_authorization_endpoint": "http://idp.contoso.example/"}, device, "not_offered",
			"use --method browser"},
		"no authorization endpoint": {nil, map[string]any{"authorization_endpoint": nil}, browser, "not_offered", "use --method device"},
		"no token endpoint":         {nil, map[string]any{"token_endpoint": 7}, credentials, "not_offered", "use --method token"},
		"another issuer":            {nil, map[string]any{"issuer": "https://idp.contoso.example"}, device, "no_document", `issuer: want "http://127.0.0.1:`},
		"pending, slow down, declined": {map[string][]answer{"/device": {{0, aCode}}, "/token": {
			{400, `{"error":"authorization_pending"}`}, {400, `{"error":"access_denied","error_description":"no"}`}}}, nil, device, "declined", "run the test again and accept"},
		"expired":         {one("/token", 400, `{"error":"expired_token"}`), nil, device, "expired", "nobody signed in before the code expired"},
		"expires at once": {one("/device", 0, strings.NewReplacer("600", "-9223372036854775808", `"interval":1`, `"interval":-1`).Replace(aCode)), nil, device, "expired", "enter the code in time"},
		"gone while it waits": {map[string][]answer{"/device": {{0, strings.Replace(aCode, "600", "2", 1)}}, "/token": {{-1, ""}}}, nil, device,
			"provider_unreachable", "the connection was cut off"}, // the code's time ends the wait
		"a status of 200":        {one("/token", 0, `{"error":"invalid_grant"}`), nil, device, "refused_by_provider", "it does not redeem the code"},
		"repeats the code":       {one("/token", 400, `{"error":"invalid_grant","error_description":"`+aDeviceCode+`"}`), nil, device, "refused_by_provider", "invalid_grant"},
		"repeats the secret":     {one("/token", 401, `{"error":"nonsense","error_description":"hush hush/+ hush+hush%2F%2B"}`), nil, credentials, "refused_by_provider", "(a secret)"},
		"an error of the secret": {one("/token", 401, `{"error":"hush hush/+"}`), nil, credentials, "refused_by_provider", "(a secret)"},
		"without a word":         {one("/token", 401, ""), nil, credentials, "refused_by_provider", "does not take its secret"},
		"forbidden":              {one("/token", 403, "<html>"), nil, credentials, "strange_provider", "/token answers 403 Forbidden, and does not say why"},
		"a fault":                {one("/token", 503, ""), nil, credentials, "strange_provider", "/token answers 503 Service Unavailable"},
		"a redirect":             {one("/token", 307, ""), nil, credentials, "strange_provider", "redirects are not followed"},
		"a login page":           {one("/token", 0, "<html>access_token="+aToken), nil, credentials, "strange_provider", "nothing in it is what was asked for"},
		"null":                   {one("/device", 0, "null"), nil, device, "strange_provider", "/device answers 200 OK"},
		"no code":                {one("/device", 0, "{}"), nil, device, "strange_provider", "gives no code"},
		"no token":               {one("/token", 0, `{"refresh_token":"`+aToken+`"}`), nil, credentials, "strange_provider", "nothing in it is what was asked for"},
		"half a token":           {one("/token", 0, `{"access_token":"`+aToken), nil, credentials, "strange_provider", "nothing in it is what was asked for"},
		"of another type":        {one("/token", 0, `{"access_token":"`+aToken+`","token_type":"DPoP"}`), nil, credentials, "strange_provider", "a token of the type DPoP"},
		"of no type that is one": {one("/token", 0, `{"access_token":"`+aToken+`","token_type":5}`), nil, credentials, "strange_provider", "nothing in it is what was asked for"},
		"more than 1 MiB":        {one("/token", 0, `{"a":"`+strings.Repeat("a", 1<<20)+`",`+aGoodToken[1:]), nil, credentials, "strange_provider", "nothing in it is what was asked for"},
		"cut off":                {one("/token", -1, ""), nil, credentials, "provider_unreachable", "the connection was cut off"},
		"an unsafe address": {one("/device", 0, strings.Replace(aCode, "https://idp", "http://idp", 1)), nil, device, "unsafe_address",
			"http://idp.contoso.example/device, which is not https"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrooked(t, maps.Clone(test.answers))
			c.document = test.document
			got := c.signIn(t, test.test, nil)
			if got.ending.name != test.ending || !strings.Contains(got.ending.text, test.want) {
				t.Errorf("want %s with %q, got %v, %s: %s", test.ending, test.want, got.err, got.ending.name, got.ending.text)
			}
			wantNothingSecret(t, got.told, got.text)
			for _, asked := range c.questions() {
				if asked.path == "/elsewhere" {
					t.Error("a redirect was followed")
				}
			}
		})
	}
}

// TestASlowProviderIsAskedLessOften: 5 s more between polls after slow_down, and a lost connection is waited out (RFC 8628
// section 3.5).
func TestASlowProviderIsAskedLessOften(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		first answer
		told  string
		least time.Duration
	}{
		{answer{400, `{"error":"slow_down"}`}, "the provider asks for fewer questions: asking every 6 s now\n", 7 * time.Second},
		{answer{-1, ""}, "the provider cannot be reached (the connection was cut off); trying again in 2 s\n", 3 * time.Second},
		{answer{502, ""}, "the provider cannot be reached (answered 502); trying again in 2 s\n", 3 * time.Second},
	} {
		t.Run(test.told, func(t *testing.T) {
			t.Parallel()
			before := time.Now()
			c := newCrooked(t, map[string][]answer{"/device": {{0, aCode}}, "/token": {test.first, {400, `{"error":"authorization_pending"}`}, {0, aGoodToken}}})
			if test.least > 5*time.Second {
				c.answers["/token"] = slices.Delete(c.answers["/token"], 1, 2)
			}
			got := c.signIn(t, accessTest{method: methodDevice}, nil)
			if took := time.Since(before); got.token != aToken || !strings.Contains(got.told, test.told) || took < test.least {
				t.Errorf("want the token after %v and %q, got %v after %v and %q", test.least, test.told, got.err, took, got.told)
			}
			wantNothingSecret(t, got.told)
		})
	}
}

// TestGivingUpEndsTheWait: Ctrl-C ends the context. That is no finding about the provider, and nothing runs on.
func TestGivingUpEndsTheWait(t *testing.T) {
	t.Parallel()
	for _, method := range []string{methodDevice, methodBrowser} {
		c := newCrooked(t, map[string][]answer{"/device": {{0, aCode}}, "/token": {{400, `{"error":"authorization_pending"}`}}})
		c.giveUp = true
		if got := c.signIn(t, accessTest{method: method}, nil); !errors.Is(got.err, context.Canceled) || got.token != "" {
			t.Errorf("%s: want %v, got %v", method, context.Canceled, got.err)
		}
	}
}

// TestTheSecretGoesTheWayThatTheProviderTakes, and to nobody that is not to have it; the API is named in each question.
func TestTheSecretGoesTheWayThatTheProviderTakes(t *testing.T) {
	t.Parallel()
	methods := func(names ...string) map[string]any {
		return map[string]any{"token_endpoint_auth_methods_supported": names}
	}
	refusal := answer{401, `{"error":"invalid_client"}`}
	api := accessTest{method: methodCredentials, secretFile: "x", scope: "reports.read", resource: "urn:contoso:reports", audience: "reports"}
	for name, test := range map[string]struct {
		document map[string]any
		answers  []answer
		test     accessTest
		want     string // path, where the secret was, and the form, of each question
	}{
		"by header": {nil, []answer{{0, aGoodToken}}, api, "/token header audience=reports&grant_type=client_credentials&resource=urn%3Acontoso%3Areports&scope=reports.read"},
		"by form alone": {methods("client_secret_post"), []answer{{0, aGoodToken}}, api,
			"/token form audience=reports&client_id=desk&client_secret=hush+hush%2F%2B&grant_type=client_credentials&resource=urn%3Acontoso%3Areports&scope=reports.read"},
		"by form after all": {methods("client_secret_basic", "client_secret_post"), []answer{refusal, {0, aGoodToken}}, accessTest{method: methodCredentials, secretFile: "x"},
			"/token header grant_type=client_credentials\n/token form client_id=desk&client_secret=hush+hush%2F%2B&grant_type=client_credentials"},
		"never by form": {methods("client_secret_basic"), []answer{refusal}, accessTest{method: methodCredentials, secretFile: "x"}, "/token header grant_type=client_credentials"},
		"for a device too": {nil, []answer{{0, aGoodToken}}, accessTest{method: methodDevice, secretFile: "x", scope: "openid", resource: "urn:x"},
			"/device header resource=urn%3Ax&scope=openid\n/token header device_code=" + aDeviceCode + "&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&resource=urn%3Ax"},
		"no secret": {methods("client_secret_post"), []answer{{0, aGoodToken}}, accessTest{method: methodDevice},
			"/device - client_id=desk&scope=openid+profile+email\n/token - client_id=desk&device_code=" + aDeviceCode + "&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrooked(t, map[string][]answer{"/device": {{0, aCode}}, "/token": test.answers})
			c.document = test.document
			got := c.signIn(t, test.test, nil)
			var lines []string
			for _, asked := range c.questions() {
				way := "-"
				if asked.id+asked.word != "" {
					if way = "header"; asked.id != "desk" || asked.word != url.QueryEscape(aSecret) {
						t.Errorf("want desk and its secret, got %q and %q", asked.id, asked.word)
					}
				} else if asked.form.Has("client_secret") {
					way = "form"
				}
				lines = append(lines, asked.path+" "+way+" "+asked.form.Encode())
			}
			wantText(t, name, test.want, strings.Join(lines, "\n"))
			wantNothingSecret(t, got.told, got.text)
		})
	}
}

// TestTheBrowserHasToComeBackWithWhatWasAsked: what any page could send to the port is not taken.
func TestTheBrowserHasToComeBackWithWhatWasAsked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		back   string // what comes back, after the state
		status int    // that the browser sees then
		ending string // "" = a token
		want   string
	}{
		"a code":             {"&code=a-browser-code", 200, "", ""},
		"a code and an iss":  {"&code=a-browser-code&iss=ISSUER", 200, "", ""},
		"of another issuer":  {"&code=a-browser-code&iss=https://thief.example", 200, "strange_provider", `came back from the issuer "https://thief.example"`},
		"without a code":     {"", 200, "strange_provider", "came back without a code"},
		"declined":           {"&error=access_denied&error_description=The+user+said+no", 200, "declined", "run the test again and accept"},
		"no such scope":      {"&error=invalid_scope", 200, "refused_by_provider", "the scope openid profile email is not known to it"},
		"a fault":            {"&error=server_error", 200, "provider_broken", "it has a fault of its own"},
		"an error for HTML":  {"&error=%1b%5b31m", 200, "refused_by_provider", "\x1b[31m"},
		"another path, then": {"#", 404, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrooked(t, map[string][]answer{"/token": {{0, aGoodToken}}})
			browse := func(address string) {
				u, err := url.Parse(address)
				if err != nil {
					t.Error(err)
					return
				}
				asked := u.Query()
				back, state := asked.Get("redirect_uri"), asked.Get("state")
				if asked.Get("response_type") != "code" || asked.Get("code_challenge_method") != "S256" || len(asked.Get("code_challenge")) != 43 || len(state) < 22 {
					t.Errorf("got the address %s", address)
				}
				wantStatus(t, back+"?code=a-browser-code&state=", 400)
				wantStatus(t, back+"?code=a-browser-code&state="+state+"x", 400)
				if test.back == "#" {
					wantStatus(t, back+"favicon.ico?state="+state, 404)
					wantStatus(t, back+"?code=a-browser-code&state="+state, 200)
					return
				}
				wantStatus(t, back+"?state="+state+strings.ReplaceAll(test.back, "ISSUER", url.QueryEscape(c.server.URL)), test.status)
			}
			got := c.signIn(t, accessTest{method: methodBrowser}, browse)
			if got.ending.name != test.ending || !strings.Contains(got.ending.text, test.want) || (got.token == aToken) != (test.ending == "") {
				t.Errorf("want %q with %q, got %v, %s: %s", test.ending, test.want, got.err, got.ending.name, got.ending.text)
			}
			if asked := c.questions(); test.ending == "" && (len(asked) != 1 || asked[0].form.Get("code") != "a-browser-code" || len(asked[0].form.Get("code_verifier")) != 43) {
				t.Errorf("got the questions %v", asked)
			}
			wantNothingSecret(t, got.told, got.text)
		})
	}
}

func wantStatus(t *testing.T, address string, want int) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(address)
	if err != nil {
		t.Error(err)
		return
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != want || strings.Contains(string(body), "code=") {
		t.Errorf("%s: want %d, got %d: %s", address, want, response.StatusCode, body)
	}
}

// TestTheGatesRefusalNamesTheSettingsOfTheProvider: those of kind = "oidc" have other names, and other ways to ask for a
// token of the API.
func TestTheGatesRefusalNamesTheSettingsOfTheProvider(t *testing.T) {
	refused := func(r reason.Reason, change func(*walk)) string {
		w := letIn(func(w *walk) {
			w.Issuer, w.Client, w.clients, w.audiences = "https://idp.contoso.example/", "desk", []string{"window"}, []string{"urn:contoso:reports"}
			w.Gate = &explained{Explanation: access.Explanation{Reason: r, Sentence: "denied, why."}}
			change(w)
		})
		return w.ends().text
	}
	as := func(*walk) {}
	asked := "run the test again with --resource (RFC 8707) or --audience, or with a scope of the API, so that aud is one of audiences: urn:contoso:reports."
	for name, test := range map[string]struct{ got, want string }{
		"client":            {refused(reason.Client, as), "claimd refuses the token, why.\nThe line then reads:\n\nclient_ids = [\"window\", \"desk\"]\n"},
		"audience":          {refused(reason.Audience, as), "claimd refuses the token, why.\nMany providers write the API into aud only where the client names it: " + asked},
		"opaque":            {refused(reason.OpaqueToken, as), "claimd refuses the token, why.\nMany providers write the API into aud only where the client names it: " + asked},
		"named already":     {refused(reason.Audience, func(w *walk) { w.Audience = "x" }), "claimd refuses the token, why."},
		"from elsewhere":    {refused(reason.Audience, func(w *walk) { w.Method = methodToken }), "claimd refuses the token, why."},
		"something else":    {refused(reason.NoGroup, as), "claimd refuses the token, why."},
		"without audiences": {refused(reason.OpaqueToken, func(w *walk) { w.audiences = nil }), "claimd refuses the token, why."},
	} {
		wantText(t, name, test.want, test.got)
	}
}

// TestAPortThatIsTakenIsSaid, and which one.
func TestAPortThatIsTakenIsSaid(t *testing.T) {
	t.Parallel()
	c := newCrooked(t, nil)
	got := c.signIn(t, accessTest{method: methodBrowser, redirectURI: c.server.URL + "/back"}, nil)
	if want := "nothing can listen on " + strings.TrimPrefix(c.server.URL, "http://") + ", where the browser comes back to"; got.ending.name != "port" ||
		!strings.Contains(got.ending.text, want) {
		t.Errorf("want %q, got %v, %s", want, got.err, got.ending.text)
	}
}
