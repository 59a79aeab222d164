package entratest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/claimd/claimd/daemon/entra"
)

// ExpireGraphTokens makes Microsoft Graph refuse every token that it has been shown so far.
func (t *Tenant) ExpireGraphTokens() {
	t.graph.mu.Lock()
	defer t.graph.mu.Unlock()
	t.graph.expired = maps.Clone(t.graph.seen)
}

// graphClaims is what Graph looks at in a token.
type graphClaims struct {
	Audience string   `json:"aud"`
	Expires  int64    `json:"exp"`
	Roles    []string `json:"roles"`
}

func badToken(message string) *graphError {
	return &graphError{http.StatusUnauthorized, "InvalidAuthenticationToken", message}
}

// admitToGraph tells what is wrong with the request's token, or with the permissions of its application.
func (t *Tenant) admitToGraph(r *http.Request) *graphError {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return badToken("Access token is empty.")
	}
	claims, ok := t.readGraphToken(token)
	if !ok {
		return badToken("The signature of the access token is not valid.")
	}
	api := t.microsoftGraph()
	if !entra.AudienceMatches(entra.V1, claims.Audience, api.ApplicationID, api.IdentifierURIs) {
		return badToken("The audience of the access token is not valid.")
	}
	if time.Now().Unix() >= claims.Expires || t.isExpired(token) {
		return badToken("The access token has expired.")
	}
	if !mayReadMembers(claims.Roles) {
		return &graphError{http.StatusForbidden, "Authorization_RequestDenied", "The application lacks a permission for this."}
	}
	return nil
}

// isExpired notes that the token was shown.
func (t *Tenant) isExpired(token string) bool {
	t.graph.mu.Lock()
	defer t.graph.mu.Unlock()
	if t.graph.seen == nil {
		t.graph.seen = make(map[string]bool)
	}
	t.graph.seen[token] = true
	return t.graph.expired[token]
}

// mayReadMembers holds an application's permissions against what checkMemberGroups and its like ask for.
func mayReadMembers(roles []string) bool {
	has := func(one ...string) bool {
		return slices.ContainsFunc(one, func(role string) bool { return slices.Contains(roles, role) })
	}
	return has("Directory.Read.All") || has("User.Read.All", "User.ReadBasic.All") && has("GroupMember.Read.All", "Group.Read.All")
}

// readGraphToken gives the claims of a token that the tenant signed for Graph.
func (t *Tenant) readGraphToken(token string) (claims graphClaims, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims, false
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			return claims, false
		}
	}
	var header map[string]any
	if json.Unmarshal(decoded[0], &header) != nil || json.Unmarshal(decoded[1], &claims) != nil {
		return claims, false
	}
	keyID, _ := header["kid"].(string)
	if nonce, isGraph := header["nonce"].(string); isGraph { // see signForGraph
		hashed := sha256.Sum256([]byte(nonce))
		header["nonce"] = base64.RawURLEncoding.EncodeToString(hashed[:])
		text, err := json.Marshal(header)
		if err != nil {
			return claims, false
		}
		parts[0] = base64.RawURLEncoding.EncodeToString(text)
	}
	key, err := t.signer(keyID, "")
	if err != nil || keyID == "" {
		return claims, false
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	return claims, rsa.VerifyPKCS1v15(&key.private.PublicKey, crypto.SHA256, digest[:], decoded[2]) == nil
}
