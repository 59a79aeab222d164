package entratest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// answerUser answers with the tokens of a user who has signed in: what MSAL reads of a token endpoint's success. By
// client_info, where the form asks for it, MSAL keeps accounts apart.
func (t *Tenant) answerUser(w http.ResponseWriter, who signedIn, form url.Values) *refusal {
	name := cmp.Or(who.wish.name, microsoftGraph().IdentifierURIs[0])
	claims, refusal := t.claimsAsked(form, who.wish.api)
	if refusal != nil {
		return refusal
	}
	token, err := t.issue(Request{
		API: name, Client: who.caller.ApplicationID, User: who.user.Name, Scopes: who.wish.scopes, Claims: claims,
	}, issuance{audience: name, by: who.caller.by})
	if err != nil {
		return asRefusal(err)
	}
	answer := token.answer(2)
	answer["scope"] = who.wish.granted
	if who.wish.offline {
		answer["refresh_token"] = t.newRefreshToken(who)
	}
	if who.wish.openID {
		answer["id_token"] = t.idToken(who)
	}
	if form.Get("client_info") == "1" {
		info := fmt.Sprintf(`{"uid":%q,"utid":%q}`, who.user.ObjectID, t.directory.TenantID)
		answer["client_info"] = base64.RawURLEncoding.EncodeToString([]byte(info))
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// idToken signs an ID token of version 2.0 (learn.microsoft.com, identity-platform/id-token-claims-reference).
func (t *Tenant) idToken(who signedIn) string {
	now := time.Now()
	claims := map[string]any{
		"aud":                who.caller.ApplicationID,
		"iss":                t.Issuer(2),
		"iat":                now.Unix(),
		"nbf":                now.Unix(),
		"exp":                now.Add(time.Hour).Unix(),
		"name":               cmp.Or(strings.TrimSpace(who.user.FirstName+" "+who.user.LastName), who.user.Name),
		"oid":                who.user.ObjectID,
		"preferred_username": cmp.Or(who.user.Email, who.user.Name+"@contoso.example"),
		"rh":                 t.stable("rh", who.caller.ApplicationID, who.user.ObjectID),
		"sub":                t.stable("sub", who.caller.ApplicationID, who.user.ObjectID),
		"tid":                t.directory.TenantID,
		"uti":                randomText(16),
		"ver":                "2.0",
	}
	if who.nonce != "" {
		claims["nonce"] = who.nonce
	}
	key, err := t.signer("", "")
	if err != nil {
		panic(err) // there is always one
	}
	header, err := json.Marshal(map[string]any{"typ": "JWT", "alg": "RS256", "kid": key.id})
	if err != nil {
		panic(err) // strings alone
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err) // strings and numbers alone
	}
	text, err := key.sign(header, payload)
	if err != nil {
		panic(err) // the key is one of 2048 bits
	}
	return text
}
