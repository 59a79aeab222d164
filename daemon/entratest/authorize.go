package entratest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// codeLifetime is how long an authorization code can be redeemed.
const codeLifetime = 10 * time.Minute

// authorization is a request of the authorization code flow (RFC 6749 4.1, RFC 7636) that is in order.
type authorization struct {
	client    App
	wish      wish
	redirect  string
	mode      string // query, fragment or form_post
	state     string
	nonce     string
	challenge string // of S256; "" = none
}

// authorizationCode is what an authorization request led to.
type authorizationCode struct {
	text    string
	expires time.Time
	used    bool
	authorization
	user User
}

// authorizePage shows the sign-in page.
func (t *Tenant) authorizePage(w http.ResponseWriter, r *http.Request) {
	if _, ok := t.begin(w, r, "authorize"); !ok {
		return
	}
	query := r.URL.Query()
	request, refusal := t.readAuthorization(query)
	if refusal != nil {
		t.endAuthorization(w, r, request, nil, refusal)
		return
	}
	if query.Get("prompt") == "none" {
		t.endAuthorization(w, r, request, nil, mustInteract.with())
		return
	}
	t.showPage(w, http.StatusOK, page{
		Action:  r.URL.Path,
		Client:  cmp.Or(request.client.Name, request.client.ApplicationID),
		Request: r.URL.RawQuery,
		Hint:    query.Get("login_hint"),
	})
}

// authorizeForm is what the sign-in page sends: who signs in, or that nobody does.
func (t *Tenant) authorizeForm(w http.ResponseWriter, r *http.Request) {
	faults, ok := t.begin(w, r, "authorize")
	if !ok {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	query, err := readQuery(r)
	if err != nil {
		t.refuse(w, malformed.with())
		return
	}
	request, refusal := t.readAuthorization(query)
	if refusal == nil && faults.refuses("authorize") {
		refusal = canned(faults.Refuse)
	}
	var user User
	if refusal == nil {
		user, refusal = t.admit(request.client, request.wish, r.PostForm.Get("user"), false)
	}
	if request != nil && r.PostForm.Get("answer") == "decline" {
		refusal = declined.with()
	}
	t.endAuthorization(w, r, request, &user, refusal)
}

// readQuery gives the authorization request that the sign-in page was shown for.
func readQuery(r *http.Request) (url.Values, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	return url.ParseQuery(r.PostForm.Get("request"))
}

// readAuthorization reads an authorization request. Where it is nil the refusal must stay on the page: there is no place
// that it may be sent to.
func (t *Tenant) readAuthorization(query url.Values) (*authorization, *refusal) {
	client, refusal := t.knownClient(query.Get("client_id"))
	if refusal != nil {
		return nil, refusal
	}
	redirect := cmp.Or(query.Get("redirect_uri"), client.redirects()[0])
	if !slices.ContainsFunc(client.redirects(), func(registered string) bool { return sameRedirect(registered, redirect) }) {
		return nil, wrongRedirect.with(redirect, client.ApplicationID)
	}
	request := &authorization{
		client:    client,
		redirect:  redirect,
		mode:      cmp.Or(query.Get("response_mode"), "query"),
		state:     query.Get("state"),
		nonce:     query.Get("nonce"),
		challenge: query.Get("code_challenge"),
	}
	switch {
	case query.Get("response_type") == "":
		return request, noParameter.with("response_type")
	case query.Get("response_type") != "code":
		return request, noSuchResponse.with(query.Get("response_type"))
	case query.Get("scope") == "":
		return request, noParameter.with("scope")
	case request.challenge != "" && query.Get("code_challenge_method") != "S256":
		return request, malformed.with()
	}
	request.wish, refusal = t.readWish(client, query.Get("scope"))
	return request, refusal
}

// redirects gives the registered redirect URIs.
func (a App) redirects() []string {
	if a.RedirectURIs == nil {
		return []string{"http://localhost"}
	}
	return append(slices.Clip(a.RedirectURIs), "") // "" matches nothing, and is what stands for the first of none
}

// sameRedirect compares byte for byte, but that the port of http on loopback is free (RFC 8252 7.3) and a path of / is
// the same as none there.
func sameRedirect(registered, redirect string) bool {
	if redirect == "" {
		return false
	}
	if registered == redirect {
		return true
	}
	a, errA := url.Parse(registered)
	b, errB := url.Parse(redirect)
	return errA == nil && errB == nil && a.Scheme == "http" && b.Scheme == "http" && isLoopback(a.Hostname()) &&
		a.Hostname() == b.Hostname() && strings.TrimSuffix(a.Path, "/") == strings.TrimSuffix(b.Path, "/") &&
		a.RawQuery == b.RawQuery && b.Fragment == "" && b.User == nil
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// endAuthorization sends the browser back to the client with a code or with the refusal, or shows that.
func (t *Tenant) endAuthorization(w http.ResponseWriter, r *http.Request, request *authorization, user *User, refusal *refusal) {
	if request == nil || refusal != nil && refusal.code != declined.code && t.directory.RefusesInBrowser {
		t.showPage(w, http.StatusBadRequest, page{Refusal: t.oauthError(refusal).Description})
		return
	}
	answer := url.Values{}
	if refusal != nil {
		body := t.oauthError(refusal)
		answer.Set("error", body.Error)
		answer.Set("error_description", body.Description)
		answer.Set("error_uri", body.URI)
	} else {
		answer.Set("code", t.newCode(*request, *user))
	}
	if request.state != "" {
		answer.Set("state", request.state)
	}
	t.sendBack(w, r, *request, answer)
}

// sendBack answers in the response mode of the request.
func (t *Tenant) sendBack(w http.ResponseWriter, r *http.Request, request authorization, answer url.Values) {
	if request.mode == "form_post" {
		back := page{Action: request.redirect}
		for name := range answer {
			back.Fields = append(back.Fields, field{name, answer.Get(name)})
		}
		t.showPage(w, http.StatusOK, back)
		return
	}
	var target bytes.Buffer
	target.WriteString(request.redirect)
	switch {
	case request.mode == "fragment":
		target.WriteByte('#')
	case strings.Contains(request.redirect, "?"):
		target.WriteByte('&')
	default:
		target.WriteByte('?')
	}
	target.WriteString(answer.Encode())
	w.Header().Set("Cache-Control", "no-store, no-cache")
	http.Redirect(w, r, target.String(), http.StatusFound)
}

// newCode gives an authorization code.
func (t *Tenant) newCode(request authorization, user User) string {
	code := &authorizationCode{
		text:          "1." + randomText(60),
		expires:       time.Now().Add(codeLifetime),
		authorization: request,
		user:          user,
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.codes = keep(t.codes, code)
	return code.text
}

// redeemCode gives the user that the authorization code stands for. A code is good once.
func (t *Tenant) redeemCode(caller caller, form url.Values) (signedIn, *refusal) {
	if form.Get("code") == "" {
		return signedIn{}, noField.with("code")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.IndexFunc(t.codes, func(code *authorizationCode) bool { return same(code.text, form.Get("code")) })
	if at < 0 || t.codes[at].client.ApplicationID != caller.ApplicationID {
		return signedIn{}, wrongCode.with()
	}
	code := t.codes[at]
	switch {
	case code.used:
		return signedIn{}, codeUsed.with()
	case time.Now().After(code.expires):
		return signedIn{}, codeExpired.with()
	case form.Get("redirect_uri") != code.redirect:
		return signedIn{}, codeRedirect.with(form.Get("redirect_uri"))
	case code.challenge != "" && form.Get("code_verifier") == "":
		return signedIn{}, noVerifier.with()
	case code.challenge != "" && !same(challengeOf(form.Get("code_verifier")), code.challenge):
		return signedIn{}, wrongVerifier.with()
	}
	code.used = true
	return signedIn{caller: caller, user: code.user, wish: code.wish, nonce: code.nonce}, nil
}

// challengeOf gives the S256 challenge of a code verifier (RFC 7636 4.2).
func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
