package entratest

import (
	"crypto/subtle"
	"net/http"
	"net/url"
)

// assertionType is what client_assertion_type must be (RFC 7523 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// How a client proved who it is, as azpacr says it.
const (
	byNothing     = "0"
	bySecret      = "1"
	byCertificate = "2"
)

// caller is a client and how it proved who it is.
type caller struct {
	App
	by string
}

// authenticate finds the client by client_secret_post, client_secret_basic (RFC 6749 2.3.1) or private_key_jwt (RFC
// 7523). Without a credential it is a public client, where its registration lets it be one.
func (t *Tenant) authenticate(r *http.Request) (caller, *refusal) {
	id, secret := clientCredentials(r)
	client, refusal := t.knownClient(id)
	if refusal != nil {
		return caller{}, refusal
	}
	assertion := r.PostForm.Get("client_assertion")
	switch {
	case (secret != "" || assertion != "") && client.onlyPublic():
		return caller{}, publicClient.with()
	case assertion != "":
		return caller{client, byCertificate}, t.checkAssertion(client, r.PostForm.Get("client_assertion_type"), assertion)
	case secret != "":
		return caller{client, bySecret}, client.checkSecret(secret)
	case r.PostForm.Get("grant_type") == "client_credentials":
		return caller{}, noSecret.with()
	case !client.public():
		return caller{}, noCredential.with()
	}
	return caller{client, byNothing}, nil
}

// knownClient finds a client that may be used.
func (t *Tenant) knownClient(id string) (App, *refusal) {
	if id == "" {
		return App{}, noParameter.with("client_id")
	}
	client, ok := t.client(id)
	if !ok {
		return App{}, noSuchClient.with(id, t.directory.TenantID)
	}
	if client.Disabled {
		return App{}, clientDisabled.with(client.ApplicationID)
	}
	return client, nil
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

// public reports whether the client may ask for users' tokens without a credential.
func (a App) public() bool {
	if a.AllowPublicClient != nil {
		return *a.AllowPublicClient
	}
	return !a.confidential()
}

// confidential reports whether the registration has a credential, be it an expired one.
func (a App) confidential() bool {
	return a.Secret != "" || len(a.ExpiredSecrets) > 0 || len(a.Certificates) > 0
}

// onlyPublic reports whether a credential is wrong whichever it is.
func (a App) onlyPublic() bool { return a.public() && !a.confidential() }

func (a App) checkSecret(secret string) *refusal {
	for _, expired := range a.ExpiredSecrets {
		if same(secret, expired) {
			return secretExpired.with(a.ApplicationID)
		}
	}
	if a.Secret == "" || !same(secret, a.Secret) {
		return wrongSecret.with(a.ApplicationID)
	}
	return nil
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// defaultProof gives how the client proves who it is where a token is minted for it.
func (a App) defaultProof() string {
	switch {
	case a.Secret != "":
		return bySecret
	case len(a.Certificates) > 0:
		return byCertificate
	}
	return byNothing
}
