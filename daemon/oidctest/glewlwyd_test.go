package oidctest

import (
	"strings"
	"testing"
)

// What tests elsewhere rely on: its access tokens are JWTs of every algorithm, its refresh tokens are opaque.
func TestGlewlwydGivesJWTsAndOpaqueRefreshTokens(t *testing.T) {
	for _, algorithm := range []string{"RS256", "PS256", "ES256"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			g := StartGlewlwyd(t, algorithm)
			tokens := g.UserTokens(t)
			header, claims := part(t, tokens.Access, 0), part(t, tokens.Access, 1)
			if header["typ"] != "at+jwt" || header["alg"] != algorithm {
				t.Errorf("the header is %v, want an at+jwt with %s", header, algorithm)
			}
			if claims["iss"] != g.Issuer || claims["client_id"] != "gate" || claims["aud"] != "openid reports.read" || claims["sub"] == User {
				t.Errorf("the claims are %v", claims)
			}
			if tokens.Refresh == "" || strings.Contains(tokens.Refresh, ".") {
				t.Errorf("the refresh token is %q, want one part", tokens.Refresh)
			}
			if claims := part(t, g.ServiceToken(t, g.Service), 1); claims["sub"] != "service" || claims["aud"] != "reports.read" {
				t.Errorf("the claims of a service are %v", claims)
			}
		})
	}
}
