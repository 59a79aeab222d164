package entratest

import (
	"encoding/json"
	"net/url"
)

// claimsAsked gives the claims that the token endpoint's parameter claims leads to in a token for that API (OpenID
// Connect Core 1.0, section 5.5; learn.microsoft.com, identity-platform/claims-challenge): xms_cc, what the client says
// it understands, where the API's registration wants it; and acrs, the authentication context that is called for. All
// else that is asked for, a token that is issued now has.
func (t *Tenant) claimsAsked(form url.Values, api API) (map[string]any, *refusal) {
	text := form.Get("claims")
	if text == "" {
		return nil, nil
	}
	var asked struct {
		AccessToken struct {
			Capabilities struct {
				Values []string `json:"values"`
			} `json:"xms_cc"`
			Context struct {
				Value string `json:"value"`
			} `json:"acrs"`
		} `json:"access_token"`
	}
	if json.Unmarshal([]byte(text), &asked) != nil {
		return nil, malformed.with()
	}
	claims := map[string]any{}
	if values := asked.AccessToken.Capabilities.Values; len(values) > 0 && api.emits("xms_cc") {
		claims["xms_cc"] = values
	}
	if value := asked.AccessToken.Context.Value; value != "" {
		claims["acrs"] = []string{value}
	}
	return claims, nil
}
