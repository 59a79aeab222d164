package entratest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Request says which token to mint.
type Request struct {
	API    string // application id of the API, or another of its audiences (a v1.0 token bears it); "" = the directory's first
	Client string // application id of the client; "" = the directory's first
	User   string // a user's Name; "" = the client calls with a token of its own
	Scopes string // space-separated; "" = every scope of the API

	Version  int           // 1 or 2; 0 = as the API's registration says
	Issued   time.Time     // zero = now
	Lifetime time.Duration // zero = the API's

	// Header holds members that are added to the JOSE header, or replace; a nil value leaves one out, and
	// json.RawMessage("null") writes null.
	Header map[string]any
	Claims map[string]any // likewise for the claims

	// RawPayload, where not nil, is signed as it is.
	RawPayload []byte
	KeyID      string // "" = the key that signs now
}

// Mint signs a token as the tenant would. The error tells what the directory lacks.
func (t *Tenant) Mint(request Request) (string, error) {
	token, err := t.issue(request, issuance{})
	return token.text, err
}

// issued is a signed token with what the token endpoint says about it.
type issued struct {
	text     string
	from, to time.Time
	audience string
}

// issuance is what an OAuth endpoint knows of the token that it wants, beside the Request.
type issuance struct {
	audience string // the name under which the API was asked for, for tokens of version 1; "" = as Request.API says
	by       string // how the client proved who it is; "" = as its registration lets it
}

// issue signs a token. Where an OAuth endpoint asks, the error is a *refusal if the API's claims mapping is in the way.
func (t *Tenant) issue(request Request, how issuance) (issued, error) {
	grant, err := t.grant(request, how)
	if err != nil {
		return issued{}, err
	}
	key, err := t.signer(request.KeyID, grant.api.ApplicationID)
	if err != nil {
		return issued{}, err
	}
	if refusal := grant.mapped(); refusal != nil && how.by != "" {
		return issued{}, refusal
	}
	payload := request.RawPayload
	if payload == nil {
		if payload, err = json.Marshal(t.claims(grant, request)); err != nil {
			return issued{}, fmt.Errorf("claims: %w", err)
		}
	}
	header := map[string]any{"typ": "JWT", "alg": "RS256", "kid": key.id}
	if grant.version == 1 {
		header["x5t"] = key.id
	}
	override(header, request.Header)
	headerJSON, err := json.Marshal(header)
	if err != nil {
		return issued{}, fmt.Errorf("header: %w", err)
	}
	text, err := key.sign(headerJSON, payload)
	if grant.api.ApplicationID == graphID {
		text, err = key.signForGraph(header, payload)
	}
	return issued{text: text, from: grant.issued, to: grant.expires, audience: grant.audience}, err
}

// grant is a Request with everything looked up.
type grant struct {
	api             API
	client          App
	user            *User // nil: the client itself
	scopes          string
	version         int
	audience        string
	by              string
	issued, expires time.Time
}

func (t *Tenant) grant(request Request, how issuance) (grant, error) {
	api, ok := t.api(request.API)
	if !ok {
		return grant{}, fmt.Errorf("the directory has no API %q", request.API)
	}
	client, ok := t.client(request.Client)
	if !ok {
		return grant{}, fmt.Errorf("the directory has no client %q", request.Client)
	}
	g := grant{
		api:     api,
		client:  client,
		scopes:  cmp.Or(request.Scopes, api.allScopes()),
		version: t.versionOf(request, api),
		by:      cmp.Or(how.by, client.defaultProof()),
		issued:  request.Issued,
	}
	if g.issued.IsZero() {
		g.issued = time.Now()
	}
	g.expires = g.issued.Add(cmp.Or(request.Lifetime, api.lifetime()))
	g.audience = g.audienceOf(cmp.Or(how.audience, request.API), how.audience != "")
	if request.User == "" {
		if client.ObjectID == "" {
			return grant{}, errors.New("the client has no object_id, so it cannot call with a token of its own")
		}
		return g, nil
	}
	user, ok := t.user(request.User)
	if !ok {
		return grant{}, fmt.Errorf("the directory has no user %q", request.User)
	}
	g.user = &user
	return g, nil
}

// audienceOf gives the aud claim: for v2.0 always the application id; for v1.0 the name under which the client asked for
// the API, and where that is not known (asked is false and name the bare id) api://ID.
func (g grant) audienceOf(name string, asked bool) string {
	if g.version == 2 {
		return g.api.ApplicationID
	}
	if name == "" || (!asked && name == g.api.ApplicationID) {
		return "api://" + g.api.ApplicationID
	}
	return name
}

// versionOf gives the token's version: what is asked for, else what the API's registration says, but for HalfV1.
func (t *Tenant) versionOf(request Request, api API) int {
	if request.Version != 0 {
		return request.Version
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mintedAny++
	if t.faults.HalfV1 && t.mintedAny%2 == 0 {
		return 1
	}
	return api.version()
}

// override sets and, for nil values, deletes members.
func override(members, changes map[string]any) {
	maps.Copy(members, changes)
	maps.DeleteFunc(members, func(_ string, value any) bool { return value == nil })
}

// emits reports whether the API's registration asks for that optional claim.
func (a API) emits(claim string) bool { return slices.Contains(a.OptionalClaims, claim) }
