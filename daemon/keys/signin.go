package keys

import (
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// SignInEndpoints are where a client application signs in. Each address is "" where the document names none that may be
// asked: https on any host, or http that stays on this host where the issuer is such too.
type SignInEndpoints struct {
	Authorization string // RFC 6749 section 3.1
	Token         string // RFC 6749 section 3.2
	Device        string // RFC 8628 section 4
	// SecretByHeader and SecretByForm are the ways to prove a client by its secret (OpenID Connect Core 1.0 section 9):
	// client_secret_basic, which holds where the document names no way at all, and client_secret_post.
	SecretByHeader, SecretByForm bool
}

// SignInEndpoints gives where client applications sign in, as the last good document has it; the zero value as long as
// there is none, and of Entra ID, at which Microsoft's library signs in.
func (p *Provider) SignInEndpoints() SignInEndpoints {
	for _, set := range slices.Backward(p.state.Load().sets) {
		if set != nil {
			return set.document.signIn
		}
	}
	return SignInEndpoints{}
}

// unverifiedSignIn is what a document says of signing in. Its members may be anything: keys are not bad for what claimd
// itself never uses.
type unverifiedSignIn struct {
	Authorization jsontext.Value `json:"authorization_endpoint"`
	Token         jsontext.Value `json:"token_endpoint"`
	Device        jsontext.Value `json:"device_authorization_endpoint"`
	SecretMethods jsontext.Value `json:"token_endpoint_auth_methods_supported"`
}

// readSignIn reads what a document says of signing in. What has not the form that it should have is not there.
func (e edition) readSignIn(raw []byte) SignInEndpoints {
	var unverified unverifiedSignIn
	if json.Unmarshal(raw, &unverified) != nil {
		return SignInEndpoints{}
	}
	address := func(value jsontext.Value) string {
		var text string
		if value == nil || json.Unmarshal(value, &text) != nil {
			return ""
		}
		return e.endpoint(text)
	}
	methods := []string{"client_secret_basic"} // OpenID Connect Discovery 1.0, section 3
	if unverified.SecretMethods != nil && json.Unmarshal(unverified.SecretMethods, &methods) != nil {
		methods = nil
	}
	return SignInEndpoints{
		Authorization:  address(unverified.Authorization),
		Token:          address(unverified.Token),
		Device:         address(unverified.Device),
		SecretByHeader: slices.Contains(methods, "client_secret_basic"),
		SecretByForm:   slices.Contains(methods, "client_secret_post"),
	}
}
