package entratest

import (
	"slices"
	"strings"
)

// graphID is the application id of Microsoft Graph in every tenant.
const graphID = "00000003-0000-0000-c000-000000000000"

// microsoftGraph is the resource that every tenant has. Scopes without a resource are its own, and so are the tokens of
// a client that asked for nothing but openid: whoever forgets the API's name gets one of these.
func microsoftGraph() API {
	return API{
		ApplicationID:      graphID,
		Name:               "Microsoft Graph",
		IdentifierURIs:     []string{"https://graph.microsoft.com"},
		AccessTokenVersion: 1,
		Scopes:             []string{"User.Read"},
	}
}

// wish is what a client asks for by its scope parameter.
type wish struct {
	api     API
	name    string // under which the API was asked for: a v1.0 token bears it; "" = none, which is Microsoft Graph
	scopes  string // of the scp claim
	granted string // scope of the answer
	openID  bool   // an ID token too
	offline bool   // a refresh token too
}

// readWish resolves the scope parameter for a user's token: RESOURCE/.default, or words of one resource each written
// RESOURCE/WORD; openid, profile, email and offline_access belong to none.
func (t *Tenant) readWish(client App, scope string) (wish, *refusal) {
	var asked wish
	var words []string
	for _, field := range strings.Fields(scope) {
		switch field {
		case "openid":
			asked.openID = true
		case "offline_access":
			asked.offline = true
		case "profile", "email":
		default:
			resource, word := splitScope(field)
			if len(words) > 0 && resource != asked.name {
				return wish{}, manyResources.with(scope)
			}
			asked.name, words = resource, append(words, word)
		}
	}
	if len(words) == 0 {
		words = []string{"User.Read"}
	}
	if slices.Contains(words, "") || slices.Contains(words, ".default") && len(words) > 1 {
		return wish{}, badScope.with(scope)
	}
	found, ok := t.resource(asked.name)
	if !ok {
		return wish{}, noSuchAPI.with(asked.name, t.directory.TenantID)
	}
	asked.api = found
	refusal := asked.grant(t, client, words)
	return asked, refusal
}

// grant sets what the words lead to.
func (w *wish) grant(t *Tenant, client App, words []string) *refusal {
	if refusal := t.mayAsk(client, w.api); refusal != nil {
		return refusal
	}
	offered := strings.Fields(w.api.allScopes())
	named := words // in the answer
	if words[0] == ".default" {
		words, named = offered, append(slices.Clone(offered), ".default")
	}
	for _, word := range words {
		if !slices.Contains(offered, word) {
			return noSuchScope.with(client.ApplicationID, word, w.api.ApplicationID)
		}
	}
	w.scopes = strings.Join(words, " ")
	prefix := w.name + "/"
	if w.name == "" {
		prefix = ""
	}
	w.granted = prefix + strings.Join(named, " "+prefix)
	return nil
}

// mayAsk tells what keeps the client from asking for the API at all.
func (t *Tenant) mayAsk(client App, api API) *refusal {
	if api.NotEnabled {
		return notSubscribed.with(api.ApplicationID, t.directory.TenantID)
	}
	if client.Permissions != nil && !slices.ContainsFunc(client.Permissions, func(id string) bool {
		return strings.EqualFold(id, api.ApplicationID)
	}) {
		return notListed.with(api.ApplicationID, client.ApplicationID)
	}
	return nil
}

// resource finds the API of that name, as api does, but that "" is Microsoft Graph.
func (t *Tenant) resource(name string) (API, bool) {
	if name == "" {
		return microsoftGraph(), true
	}
	return t.api(name)
}

// splitScope cuts RESOURCE/WORD at its last slash; of a resource with a final slash there are two. A word alone has no
// resource.
func splitScope(field string) (resource, word string) {
	at := strings.LastIndexByte(field, '/')
	if at < 0 {
		return "", field
	}
	return field[:at], field[at+1:]
}

// mapped tells what is wrong where the API's claims mapping is applied to a token for that audience.
func (g grant) mapped() *refusal {
	switch {
	case !g.api.ClaimsMapping || g.api.SigningKey:
		return nil
	case !g.api.AcceptMappedClaims:
		return noMappingKey.with(g.api.ApplicationID)
	case strings.HasPrefix(g.audience, "api://"):
		return mappingAudience.with(g.audience)
	}
	return nil
}
