package entratest

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxForm is the largest form that is read, in bytes.
const maxForm = 64 << 10

// token serves the token endpoint of version 1 or 2, which takes client credentials alone. Which version the token has
// is the API's business all the same.
func (t *Tenant) token(version int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, ok := t.begin(w, r, "token"); !ok {
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			writeJSON(w, http.StatusBadRequest, t.oauthError(noParameter, "grant_type"))
			return
		}
		client, status, refusal := t.authenticate(r)
		if refusal == nil {
			status, refusal = t.answerToken(w, version, client, r.PostForm)
		}
		if refusal != nil {
			writeJSON(w, status, *refusal)
		}
	}
}

// authenticate finds the client by client_secret_post or client_secret_basic (RFC 6749 2.3.1).
func (t *Tenant) authenticate(r *http.Request) (App, int, *oauthError) {
	refuse := func(status int, f failure, arguments ...any) (App, int, *oauthError) {
		refusal := t.oauthError(f, arguments...)
		return App{}, status, &refusal
	}
	switch grantType := r.PostForm.Get("grant_type"); grantType {
	case "client_credentials":
	case "":
		return refuse(http.StatusBadRequest, noParameter, "grant_type")
	default:
		return refuse(http.StatusBadRequest, noSuchGrant, grantType)
	}
	id, secret := clientCredentials(r)
	if id == "" {
		return refuse(http.StatusBadRequest, noParameter, "client_id")
	}
	client, ok := t.client(id)
	switch {
	case !ok:
		return refuse(http.StatusBadRequest, noSuchClient, id, t.directory.TenantID)
	case secret == "":
		return refuse(http.StatusUnauthorized, noSecret)
	case client.Secret == "":
		return refuse(http.StatusUnauthorized, publicClient)
	case subtle.ConstantTimeCompare([]byte(secret), []byte(client.Secret)) != 1:
		return refuse(http.StatusUnauthorized, wrongSecret, client.ApplicationID)
	case client.ObjectID == "":
		return refuse(http.StatusBadRequest, noServiceUser, client.ApplicationID)
	}
	return client, 0, nil
}

// clientCredentials reads both from the Authorization header, where they are form-encoded, else from the form.
func clientCredentials(r *http.Request) (id, secret string) {
	user, password, ok := r.BasicAuth()
	if !ok {
		return r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	id, errID := url.QueryUnescape(user)
	secret, errSecret := url.QueryUnescape(password)
	if errID != nil || errSecret != nil {
		return user, password
	}
	return id, secret
}

// answerToken answers with a token for the API that the form names, or gives the refusal.
func (t *Tenant) answerToken(w http.ResponseWriter, version int, client App, form url.Values) (int, *oauthError) {
	parameter := map[int]string{1: "resource", 2: "scope"}[version]
	asked := form.Get(parameter)
	name, isDefault := strings.CutSuffix(asked, "/.default")
	var refusal oauthError
	switch _, found := t.api(name); {
	case asked == "":
		refusal = t.oauthError(noParameter, parameter)
	case version == 2 && (!isDefault || name == ""):
		refusal = t.oauthError(wrongScope, asked)
	case !found:
		refusal = t.oauthError(noSuchAPI, name, t.directory.TenantID)
	default:
		token, err := t.issue(Request{API: name, Client: client.ApplicationID}, name)
		if err != nil {
			panic(err) // all that it needs has been found
		}
		writeJSON(w, http.StatusOK, token.answer(version))
		return 0, nil
	}
	return http.StatusBadRequest, &refusal
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
