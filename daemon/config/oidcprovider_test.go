package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entra"
)

// oidcMinimal is the least that kind = "oidc" needs.
const oidcMinimal = `[provider.jumpcloud]
kind = "oidc"
issuer = "https://oauth.id.jumpcloud.com/"
audiences = ["https://api.contoso.example"]
client_ids = ["web app"]
`

func oidcDefaults() Provider {
	return Provider{
		Name: "jumpcloud", Kind: KindOIDC, ClockSkew: time.Minute, AdminValue: "is_admin",
		Issuer: "https://oauth.id.jumpcloud.com/", Audiences: []string{"https://api.contoso.example"}, ClientIDs: []string{"web app"},
		Algorithms: []string{"RS256"}, OpaqueTokens: OpaqueRefuse,
		Claims: ClaimNames{User: "sub", Email: "email", FirstName: "given_name", LastName: "family_name", Groups: "groups", Roles: "groups"},
	}
}

func TestAnOIDCProviderHasItsDefaults(t *testing.T) {
	p := parsed(t, oidcMinimal).Providers[0]
	if want := oidcDefaults(); !reflect.DeepEqual(p, want) {
		t.Errorf("got\n%+v\nwant\n%+v", p, want)
	}
	if !p.IsOIDC() || p.TakesOpaque() || p.UserAuthority() != p.Issuer || p.AuthorityURL() != "" {
		t.Errorf("got %v, %v, %q, %q", p.IsOIDC(), p.TakesOpaque(), p.UserAuthority(), p.AuthorityURL())
	}
}

func TestEveryKeyOfAnOIDCProviderIsRead(t *testing.T) {
	p := parsed(t, `[provider.jumpcloud]
kind = "oidc"
issuer = "http://[::1]:8080/realms/a"
audiences = ["a", "urn:b", "https://c/"]
client_ids = ["*"]
algorithms = ["ES256", "RS256", "PS256"]
opaque_tokens = "refuse"
introspection_client_id = ""
introspection_client_secret_file = ""
required_scopes = ["read"]
clock_skew = "5m"
admin_value = "yes"
admin_group = "Root"
user_prefix = "j:"
[provider.jumpcloud.claims]
user = "https://contoso.example/id"
groups = "https://app.contoso.example/groups"
roles = "/realm_access/roles"
`).Providers[0]
	want := oidcDefaults()
	want.Issuer, want.Audiences, want.ClientIDs, want.AnyClient = "http://[::1]:8080/realms/a", []string{"a", "urn:b", "https://c/"}, nil, true
	want.Algorithms, want.RequiredScopes, want.ClockSkew = []string{"ES256", "RS256", "PS256"}, []string{"read"}, 5*time.Minute
	want.AdminValue, want.AdminGroup, want.UserPrefix = "yes", "Root", "j:"
	want.Claims.User, want.Claims.Groups, want.Claims.Roles = "https://contoso.example/id", "https://app.contoso.example/groups", "/realm_access/roles"
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got\n%+v\nwant\n%+v", p, want)
	}
}

// A claim is Entra's object ID, or a role of Entra's, at Entra's providers only: elsewhere "oid" may hold anything.
func TestTheRulesOfAnOIDCProviderKnowNothingOfEntraID(t *testing.T) {
	for kind, want := range map[string]bool{minimal: true, oidcMinimal: false} {
		name := parsed(t, kind).Providers[0].Name
		text := kind + "[provider." + name + ".claims]\nuser = \"oid\"\nroles = \"roles\"\n"
		if rules := parsed(t, text).Rules().Providers[0]; rules.UserIsGUID != want || rules.RolesForApps != want {
			t.Errorf("%s: got %+v, want %v", name, rules, want)
		}
	}
}

func TestEachCloudAndCustomSigningKeysAreRead(t *testing.T) {
	for _, name := range entra.CloudNames() {
		p := parsed(t, strings.Replace(minimal, "[provider.contoso]\n", "[provider.contoso]\ncustom_signing_keys = true\ncloud = \""+name+"\"\n", 1)).Providers[0]
		if want, _ := entra.CloudByName(name); p.Cloud != want || !p.CustomSigningKeys || p.AuthorityURL() != want.Authority() {
			t.Errorf("%s: got %+v", name, p)
		}
	}
}

// The secret is read under the rule for secrets, is in no hash that is shown, and in no fault.
func TestTheIntrospectionSecretIsReadFromItsFile(t *testing.T) {
	text := strings.Replace(oidcMinimal, "[provider.jumpcloud]\n", "[provider.jumpcloud]\nintrospection_client_id = \"claimd\"\n"+
		"introspection_client_secret_file = \"DIR/secret\"\nopaque_tokens = \"introspection\"\n", 1)
	for content, want := range map[string]string{
		"top-secret":      "",
		"top-secret\n":    "",
		"top-secret\nx\n": "DIR/claimd.toml:3: provider.jumpcloud.introspection_client_secret_file: want one line, the client secret, got more\n",
		"\n":              "DIR/claimd.toml:3: provider.jumpcloud.introspection_client_secret_file: want one line, the client secret, got an empty file\n",
	} {
		dir := folder(t, map[string]string{"claimd.toml": "", "secret": content})
		write(t, dir+"/claimd.toml", strings.ReplaceAll(text, "DIR", dir))
		chmod(t, dir+"/secret", 0o600)
		tree, faults := Read(dir+"/claimd.toml", ReadOptions{})
		config, found := tree.Parse()
		faults = append(faults, found...)
		if got := strings.ReplaceAll(told(faults), dir, "DIR"); got != want {
			t.Errorf("%q: got\n%s\nwant\n%s", content, got, want)
		}
		if p := config.Providers[0]; want == "" && (p.IntrospectionSecret != "top-secret" || p.IntrospectionClientID != "claimd") {
			t.Errorf("got %+v", p)
		}
		if len(tree.Extra) != 1 || tree.Extra[0].SHA256 != "" {
			t.Errorf("want one secret without a hash, got %+v", tree.Extra)
		}
		chmod(t, dir+"/secret", 0o644)
		_, faults = Read(dir+"/claimd.toml", ReadOptions{})
		if got := told(faults); !strings.Contains(got, "holds a secret: want it readable by no others, got mode 0644") {
			t.Errorf("readable by all: got %q", got)
		}
	}
}
