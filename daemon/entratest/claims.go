package entratest

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// maxGroups is how many groups a JWT holds; with more Entra leaves the claim out and names where to ask
// (learn.microsoft.com, identity-platform/id-token-claims-reference, groups overage claim).
const maxGroups = 200

// claims gives the payload of the token: what its version and its caller bring, then what the user and the request
// change.
func (t *Tenant) claims(g grant, request Request) map[string]any {
	claims := map[string]any{
		"aud": g.audience,
		"iss": t.Issuer(g.version),
		"iat": g.issued.Unix(),
		"nbf": g.issued.Unix(),
		"exp": g.expires.Unix(),
		"tid": t.directory.TenantID,
		"uti": randomText(16),
		"aio": "A" + randomText(32),
	}
	t.addClient(claims, g)
	if g.user == nil {
		t.addApp(claims, g)
	} else {
		t.addUser(claims, g)
	}
	if t.currentFaults().ExtraMembers {
		addStrangers(claims)
	}
	if g.user != nil {
		override(claims, g.user.Claims)
	}
	override(claims, request.Claims)
	return claims
}

// addClient adds the version and who calls: azp and azpacr in v2.0 tokens, appid and appidacr in v1.0 tokens.
func (t *Tenant) addClient(claims map[string]any, g grant) {
	if g.version == 1 {
		claims["ver"], claims["appid"], claims["appidacr"] = "1.0", g.client.ApplicationID, g.by
		return
	}
	claims["ver"], claims["azp"], claims["azpacr"] = "2.0", g.client.ApplicationID, g.by
}

// addApp adds what an app-only token has: no scp, and oid equal to sub.
func (t *Tenant) addApp(claims map[string]any, g grant) {
	claims["oid"], claims["sub"] = g.client.ObjectID, g.client.ObjectID
	claims["rh"] = t.stable("rh", g.api.ApplicationID, g.client.ObjectID)
	roles := g.client.Roles
	if g.api.ApplicationID == graphID {
		roles = t.graphPermissions(g.client)
	}
	if len(roles) > 0 {
		claims["roles"] = roles
	}
	if g.api.EmitsIDTyp {
		claims["idtyp"] = "app"
	}
	if g.version == 1 {
		claims["idp"] = t.Issuer(1)
	}
}

// addUser adds what a delegated token has.
func (t *Tenant) addUser(claims map[string]any, g grant) {
	user := g.user
	claims["oid"] = user.ObjectID
	claims["sub"] = t.stable("sub", g.api.ApplicationID, user.ObjectID) // pairwise: another one for each API
	claims["rh"] = t.stable("rh", g.api.ApplicationID, user.ObjectID)
	claims["scp"] = g.scopes
	claims["name"] = cmp.Or(strings.TrimSpace(user.FirstName+" "+user.LastName), user.Name)
	if len(user.Roles) > 0 {
		claims["roles"] = user.Roles
	}
	t.addProfile(claims, g)
	t.addGroups(claims, g)
}

// addProfile adds the claims about the person. v1.0 tokens have them by default, v2.0 tokens where the registration asks;
// a guest's have an e-mail address and idp, and no upn.
func (t *Tenant) addProfile(claims map[string]any, g grant) {
	user, signIn := g.user, cmp.Or(g.user.Email, g.user.Name+"@contoso.example")
	if g.version == 1 {
		claims["acr"], claims["amr"], claims["ipaddr"] = "1", []string{"pwd"}, "192.0.2.7"
		claims["unique_name"], claims["upn"] = signIn, signIn
	} else {
		claims["preferred_username"] = signIn
	}
	if user.FirstName != "" && (g.version == 1 || g.api.emits("given_name")) {
		claims["given_name"] = user.FirstName
	}
	if user.LastName != "" && (g.version == 1 || g.api.emits("family_name")) {
		claims["family_name"] = user.LastName
	}
	if user.Email != "" && (user.Guest || g.api.emits("email")) {
		claims["email"] = user.Email
	}
	if g.api.emits("acct") {
		claims["acct"] = 0
	}
	if !user.Guest {
		return
	}
	claims["idp"] = "live.com"
	if g.version == 1 {
		claims["unique_name"] = "live.com#" + signIn
		delete(claims, "upn")
	}
	if g.api.emits("acct") {
		claims["acct"] = 1
	}
}

// addGroups adds the groups claim, or the overage marker in its place. The address in the marker is that of the retired
// Azure AD Graph, as Entra still writes it.
func (t *Tenant) addGroups(claims map[string]any, g grant) {
	groups := t.groupValues(g)
	if len(groups) > maxGroups {
		claims["_claim_names"] = map[string]any{"groups": "src1"}
		claims["_claim_sources"] = map[string]any{"src1": map[string]any{
			"endpoint": "https://graph.windows.net/" + t.directory.TenantID + "/users/" + g.user.ObjectID + "/getMemberObjects",
		}}
		return
	}
	if len(groups) > 0 {
		claims["groups"] = groups
	}
}

// groupValues gives the user's groups as the registration wants them. By name, those without one are left out.
func (t *Tenant) groupValues(g grant) []string {
	var values []string
	for _, id := range g.user.Groups {
		value := id
		if g.api.GroupClaims == "name" {
			value = t.groupName(id)
		}
		if value != "" {
			values = append(values, value)
		}
	}
	if g.api.GroupClaims == "name" {
		return values
	}
	for i := range g.user.MoreGroups {
		values = append(values, inventedGUID(g.user.ObjectID, i))
	}
	return values
}

// groupName gives the name of the group of that object id; "" = it has none.
func (t *Tenant) groupName(id string) string {
	for _, group := range t.directory.Groups {
		if strings.EqualFold(group.ObjectID, id) {
			return group.Name
		}
	}
	return ""
}

// allScopes gives the scp claim of a client that asked for API/.default.
func (a API) allScopes() string { return cmp.Or(strings.Join(a.Scopes, " "), "user_impersonation") }

// stable gives 43 characters that are the same for the same words in this tenant.
func (t *Tenant) stable(words ...string) string {
	sum := sha256.Sum256([]byte(t.directory.TenantID + " " + strings.Join(words, " ")))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// inventedGUID gives the object id of the user's i-th made-up group.
func inventedGUID(objectID string, i int) string {
	sum := sha256.Sum256([]byte{byte(i >> 8), byte(i)})
	sum = sha256.Sum256(append(sum[:], objectID...))
	text := hex.EncodeToString(sum[:16])
	return text[:8] + "-" + text[8:12] + "-4" + text[13:16] + "-a" + text[17:20] + "-" + text[20:]
}

// randomText gives n random bytes in base64url.
func randomText(n int) string {
	random := make([]byte, n)
	rand.Read(random) // never fails
	return base64.RawURLEncoding.EncodeToString(random)
}
