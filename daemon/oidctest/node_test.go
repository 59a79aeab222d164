package oidctest

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// part decodes one part of a JWT.
func part(t *testing.T, token string, i int) (members map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("the token has %d parts, want 3", len(parts))
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[i])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

// What tests elsewhere rely on: forms of tokens, algorithms, the claims of this provider.
func TestNodeProviderGivesBothFormsOfTokens(t *testing.T) {
	p := Start(t, Settings{Algorithm: "ES256", Slash: true, Claims: map[string]any{"groups": []string{"Analysts"}}})
	if !strings.HasSuffix(p.Issuer, "/") {
		t.Errorf("the issuer is %q, want one with a slash at its end", p.Issuer)
	}
	tokens := p.UserTokens(t, "ada", JWT)
	header, claims := part(t, tokens.Access, 0), part(t, tokens.Access, 1)
	if header["typ"] != "at+jwt" || header["alg"] != "ES256" || header["kid"] != "key-ES256" {
		t.Errorf("the header is %v, want an at+jwt with ES256", header)
	}
	if claims["iss"] != p.Issuer || claims["sub"] != "ada" || claims["aud"] != JWTResource || claims["client_id"] != "desk" {
		t.Errorf("the claims are %v", claims)
	}
	want := []string{"aud", "client_id", "exp", "groups", "iat", "iss", "jti", "scope", "sub"}
	if got := slices.Sorted(maps.Keys(claims)); !slices.Equal(got, want) {
		t.Errorf("the claims are %v, want %v", got, want)
	}
	if tokens.Refresh == "" || tokens.ID == "" {
		t.Error("no refresh token or no ID token, want both")
	}
	for _, opaque := range []string{p.ServiceToken(t, Opaque), p.UserTokens(t, "ada", Opaque).Access, p.UserinfoToken(t, "ada")} {
		if strings.Contains(opaque, ".") {
			t.Error("an opaque token holds a dot, want one part")
		}
	}
	if claims := part(t, p.ServiceToken(t, JWT), 1); claims["sub"] != "service" || claims["client_id"] != "service" {
		t.Errorf("the claims of a service are %v", claims)
	}
}
