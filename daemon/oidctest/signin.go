package oidctest

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// signIn walks the device flow (RFC 8628): the client asks for a code, the user signs in on the pages that the provider
// shows and consents, the client gets the tokens.
func (p *Provider) signIn(t testing.TB, by Client, user string, wanted url.Values) (tokens Tokens) {
	t.Helper()
	var code struct {
		DeviceCode string `json:"device_code"`
		UserCode   string `json:"user_code"`
		Page       string `json:"verification_uri_complete"`
		Error      string `json:"error_description"`
	}
	post(t, p.Device, by, wanted, url.QueryEscape, &code)
	if code.DeviceCode == "" {
		t.Fatalf("no device code: %s", code.Error)
	}
	walk(t, code.Page, map[string]string{"login": user, "password": "any", "user_code": code.UserCode})
	form := url.Values{"grant_type": {deviceCode}, "device_code": {code.DeviceCode}}
	if resource := wanted.Get("resource"); resource != "" {
		form.Set("resource", resource)
	}
	post(t, p.Token, by, form, url.QueryEscape, &tokens)
	if tokens.Access == "" {
		t.Fatalf("no token by device code: %s", tokens.Error)
	}
	return tokens
}

// EnterCode is a person who enters the code of a device on the page that the device shows, signs in and consents.
func (p *Provider) EnterCode(t testing.TB, page, code, user string) {
	t.Helper()
	walk(t, page, map[string]string{"login": user, "password": "any", "user_code": code})
}

// Browse is a person with a browser at the address that an application shows: signs in, consents, and is sent back to
// the application.
func (p *Provider) Browse(t testing.TB, address, user string) {
	t.Helper()
	walk(t, address, map[string]string{"login": user, "password": "any"})
}

var (
	forms  = regexp.MustCompile(`(?s)<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>`)
	inputs = regexp.MustCompile(`<(?:input|button)[^>]*>`)
	named  = regexp.MustCompile(`name="([^"]+)"`)
	valued = regexp.MustCompile(`value="([^"]*)"`)
)

// walk is a person with a browser who fills in one form after another until there is none.
func walk(t testing.TB, page string, known map[string]string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := client()
	browser.Jar = jar
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		response, err := browser.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("a page of the sign-in answers %d: %v", response.StatusCode, err)
		}
		found := forms.FindSubmatch(text)
		if found == nil {
			return
		}
		if request, err = fill(t.Context(), response.Request.URL, html.UnescapeString(string(found[1])), string(found[2]), known); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the sign-in has more than ten pages")
}

// fill gives the request that sends a form; its way out (a button named abort) is not taken.
func fill(ctx context.Context, page *url.URL, action, form string, known map[string]string) (*http.Request, error) {
	values := url.Values{}
	for _, input := range inputs.FindAllString(form, -1) {
		name := named.FindStringSubmatch(input)
		if name == nil || name[1] == "abort" {
			continue
		}
		value := known[name[1]]
		if given := valued.FindStringSubmatch(input); value == "" && given != nil {
			value = html.UnescapeString(given[1])
		}
		values.Set(name[1], value)
	}
	target, err := page.Parse(action)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), strings.NewReader(values.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return request, nil
}

// postForm sends a form and gives the status of the answer.
func postForm(t testing.TB, by *http.Client, address string, form url.Values) (status int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return send(t, by, request, nil)
}
