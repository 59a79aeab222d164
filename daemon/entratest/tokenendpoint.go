package entratest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxForm is the largest form that is read, in bytes.
const maxForm = 64 << 10

// readForm begins an OAuth request: it counts it, waits and refuses as the faults say, and reads the form. It answers,
// and reports false, where that is the end of it.
func (t *Tenant) readForm(w http.ResponseWriter, r *http.Request, what string) bool {
	faults, ok := t.begin(w, r, what)
	if !ok {
		return false
	}
	if faults.refuses(what) {
		t.refuse(w, canned(faults.Refuse))
		return false
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		t.refuse(w, malformed.with())
		return false
	}
	return true
}

// token serves the token endpoint of version 1 or 2. The first takes client credentials alone. Which version the token
// has is the API's business all the same.
func (t *Tenant) token(version int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !t.readForm(w, r, "token") {
			return
		}
		if refusal := t.grantToken(w, r, version); refusal != nil {
			t.refuse(w, refusal)
		}
	}
}

// grantToken answers with tokens, or gives the refusal.
func (t *Tenant) grantToken(w http.ResponseWriter, r *http.Request, version int) *refusal {
	form := r.PostForm
	grantType := form.Get("grant_type")
	if grantType == "" {
		return noParameter.with("grant_type")
	}
	redeem := t.userGrant(grantType, version)
	if redeem == nil && grantType != "client_credentials" {
		return noSuchGrant.with(grantType)
	}
	caller, refusal := t.authenticate(r)
	if refusal != nil {
		return refusal
	}
	if redeem == nil {
		return t.answerApp(w, version, caller, form)
	}
	who, refusal := redeem(caller, form)
	if refusal != nil {
		return refusal
	}
	return t.answerUser(w, who, form)
}

// userGrant gives what turns a form of that grant type into a user who has signed in; nil = the grant is none of these.
// Microsoft's libraries give the device code's grant a short name.
func (t *Tenant) userGrant(grantType string, version int) func(caller, url.Values) (signedIn, *refusal) {
	if version == 1 {
		return nil
	}
	switch grantType {
	case "device_code", "urn:ietf:params:oauth:grant-type:device_code":
		return func(c caller, form url.Values) (signedIn, *refusal) {
			return t.redeemDevice(c, form.Get("device_code"))
		}
	case "authorization_code":
		return t.redeemCode
	case "refresh_token":
		return func(c caller, form url.Values) (signedIn, *refusal) {
			return t.redeemRefresh(c, form.Get("refresh_token"), form.Get("scope"))
		}
	}
	return nil
}

// answerApp answers with an application's own token for the API that the form names.
func (t *Tenant) answerApp(w http.ResponseWriter, version int, caller caller, form url.Values) *refusal {
	if caller.ObjectID == "" {
		return noServiceUser.with(caller.ApplicationID)
	}
	parameter := map[int]string{1: "resource", 2: "scope"}[version]
	asked := form.Get(parameter)
	if asked == "" {
		return noParameter.with(parameter)
	}
	name, isDefault := strings.CutSuffix(withoutOpenID(asked), "/.default")
	if version == 2 && (!isDefault || name == "" || strings.Contains(name, " ")) {
		return wrongScope.with(asked)
	}
	api, found := t.api(name)
	if !found {
		return noSuchAPI.with(name, t.directory.TenantID)
	}
	if refusal := t.mayAsk(caller.App, api); refusal != nil {
		return refusal
	}
	if !api.admits(caller.ApplicationID) {
		return notAssignedApp.with(caller.ApplicationID, api.ApplicationID)
	}
	claims, refusal := t.claimsAsked(form, api)
	if refusal != nil {
		return refusal
	}
	token, err := t.issue(Request{API: name, Client: caller.ApplicationID, Claims: claims}, issuance{audience: name, by: caller.by})
	if err != nil {
		return asRefusal(err)
	}
	writeJSON(w, http.StatusOK, token.answer(version))
	return nil
}

// withoutOpenID takes out the words that Microsoft's libraries add to every scope.
func withoutOpenID(scope string) string {
	var words []string
	for _, word := range strings.Fields(scope) {
		if word != "openid" && word != "profile" && word != "offline_access" {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// answer gives the body of a token endpoint's success: v1.0 writes numbers as text.
func (i issued) answer(version int) map[string]any {
	seconds := int(i.to.Sub(i.from) / time.Second)
	if version == 2 {
		return map[string]any{
			"token_type":     "Bearer",
			"expires_in":     seconds,
			"ext_expires_in": seconds,
			"access_token":   i.text,
		}
	}
	return map[string]any{
		"token_type":     "Bearer",
		"expires_in":     strconv.Itoa(seconds),
		"ext_expires_in": strconv.Itoa(seconds),
		"not_before":     strconv.FormatInt(i.from.Unix(), 10),
		"expires_on":     strconv.FormatInt(i.to.Unix(), 10),
		"resource":       i.audience,
		"access_token":   i.text,
	}
}
