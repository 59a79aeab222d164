package config

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entra"
)

func defaults() *Config {
	return &Config{
		Mapping: Mapping{CaseSensitive: true},
		Server: Server{
			Listen:     []string{"127.0.0.1:4180"},
			SocketMode: 0o660,

			OriginalRequest: OriginalNone,
			Headers: Headers{
				User: "Remote-User", Email: "Remote-Email", Name: "Remote-Name", Groups: "Remote-Groups",
				Roles: "Remote-Roles", Admin: "Remote-Admin", Provider: "Remote-Provider",
			},
		},
		Admin: Admin{Socket: "/run/claimd/admin.sock"},
		State: State{Directory: "/var/lib/claimd"},
		Log:   Log{Level: "info", Format: "auto", Denials: true},
	}
}

func TestCommentsOnlyAreADisabledConfiguration(t *testing.T) {
	for _, text := range []string{"# nothing\n", "\n", "#", "\ufeff# marked\r\n"} {
		if got := parsed(t, text); !reflect.DeepEqual(got, defaults()) {
			t.Errorf("%q: got %+v, want %+v", text, got, defaults())
		}
	}
}

func TestAProviderHasItsDefaults(t *testing.T) {
	global, _ := entra.CloudByName("global")
	want := defaults()
	want.Enabled = true
	want.Providers = []Provider{{
		Name:                 "contoso",
		Kind:                 KindEntra,
		TenantID:             "aaaaaaaa-0000-4000-8000-000000000001",
		ApplicationID:        "aaaaaaaa-0000-4000-8000-000000000002",
		ClientApplicationIDs: []string{"aaaaaaaa-0000-4000-8000-000000000003"},
		RequiredScopes:       []string{"read"},
		Cloud:                global,
		ClockSkew:            time.Minute,
		Guests:               GuestsAllow,
		AdminValue:           "is_admin",
		Claims: ClaimNames{
			User: "oid", Email: "email", FirstName: "given_name", LastName: "family_name", Groups: "groups", Roles: "groups",
		},
	}}
	got := parsed(t, "enabled = true\n"+minimal)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := got.Providers[0].AuthorityURL(); got != "https://login.microsoftonline.com" {
		t.Errorf("got the authority %s", got)
	}
}

func TestEveryKeyIsRead(t *testing.T) {
	global, _ := entra.CloudByName("global")
	got := parsed(t, `enabled = true
[provider.fabrikam]
tenant_id = "aaaaaaaa-0000-4000-8000-000000000001"
application_id = "aaaaaaaa-0000-4000-8000-000000000012"
client_application_ids = []
required_scopes = ["a", "b.c:d/e"]
[provider.contoso]
kind = "entra"
tenant_id = "aaaaaaaa-0000-4000-8000-000000000001"
application_id = "aaaaaaaa-0000-4000-8000-000000000002"
client_application_ids = []
application_id_uris = ["api://contoso.com/Reports/", "https://contoso.com/x"]
required_scopes = ["read"]
cloud = "global"
authority = "http://[::1]:8080/mirror/"
clock_skew = "1m30s"
groups_overage = "deny"
guests = "deny"
admin_value = "yes"
admin_group = "Root"
user_prefix = "c:"
[provider.contoso.claims]
user = "/extn/employee~1id"
email = ""
first_name = ""
last_name = ""
groups = "https://contoso.com/groups"
roles = "/roles"
admin = "extn.admin"
[mapping]
default_groups = ["A"]
default_roles = ["R"]
case_sensitive = false
sign_up = "invite"
[groups]
Z = "last letter"
A = ""
M = { label = "m", values = ["x"], providers = ["contoso"] }
E.label = "dotted"
[roles]
R = { values = [] }
[[user]]
provider = "contoso"
id = "ada"
groups = ["A"]
roles = ["R"]
blocked = true
[[service_account]]
provider = "fabrikam"
object_id = "AAAAAAAA-0000-4000-8000-000000000004"
application_id = "AAAAAAAA-0000-4000-8000-000000000005"
name = "export"
groups = ["A"]
roles = ["R"]
active = false
[[route]]
match = "GET api.example/reports/"
groups = ["A", "Z"]
roles = ["R"]
scopes = ["read", "reports.all"]
admin = true
acrs = "c7"
public = false
[[route]]
match = "/health"
public = true
[server]
listen = ["0.0.0.0:80", "unix:/run/x"]
socket_mode = "600"
socket_group = "www-data"
plaintext = "anywhere"
trusted_proxies = ["unix", "10.1.0.0/16", "fd00::/8"]
original_request = "x-forwarded"
[server.headers]
user = "x-auth-user"
email = ""
name = "X-Auth-Name"
groups = "X-Auth-Groups"
roles = "X-Auth-Roles"
admin = ""
provider = ""
client = "X-Auth-Client"
scopes = "X-Auth-Scopes"
[proxy]
listen = [":81"]
upstream = "https://api.example/"
tls_certificate = ""
tls_key_file = ""
forward_authorization = true
[outbound]
proxy = "http://proxy.example:3128/"
ca_file = "/etc/ssl/ca.pem"
[metrics]
listen = []
[admin]
socket = "/run/a"
[state]
directory = "/srv/claimd"
[directory]
url_file = "/etc/claimd/database.url"
[log]
level = "debug"
format = "text"
denials = false
`)
	want := &Config{
		Enabled: true,
		Providers: []Provider{
			{
				Name: "contoso", Kind: KindEntra, TenantID: "aaaaaaaa-0000-4000-8000-000000000001", ApplicationID: "aaaaaaaa-0000-4000-8000-000000000002",
				ClientApplicationIDs: []string{}, ApplicationIDURIs: []string{"api://contoso.com/Reports/", "https://contoso.com/x"},
				RequiredScopes: []string{"read"}, Cloud: global, Authority: "http://[::1]:8080/mirror", ClockSkew: 90 * time.Second,
				Guests: GuestsDeny, AdminValue: "yes", AdminGroup: "Root", UserPrefix: "c:",
				Claims: ClaimNames{User: "/extn/employee~1id", Groups: "https://contoso.com/groups", Roles: "/roles", Admin: "extn.admin"},
			},
			{
				Name: "fabrikam", Kind: KindEntra, TenantID: "aaaaaaaa-0000-4000-8000-000000000001", ApplicationID: "aaaaaaaa-0000-4000-8000-000000000012",
				ClientApplicationIDs: []string{}, RequiredScopes: []string{"a", "b.c:d/e"}, Cloud: global, ClockSkew: time.Minute,
				Guests: GuestsAllow, AdminValue: "is_admin",
				Claims: ClaimNames{User: "oid", Email: "email", FirstName: "given_name", LastName: "family_name", Groups: "groups", Roles: "groups"},
			},
		},
		Mapping: Mapping{DefaultGroups: []string{"A"}, DefaultRoles: []string{"R"}, Invite: true},
		Groups: []Local{
			{Name: "Z", Label: "last letter"}, {Name: "A"}, {Name: "M", Label: "m", Values: []string{"x"}, Providers: []string{"contoso"}},
			{Name: "E", Label: "dotted"},
		},
		Roles: []Local{{Name: "R", Values: []string{}}},
		Users: []User{{Provider: "contoso", ID: "ada", Groups: []string{"A"}, Roles: []string{"R"}, Blocked: true}},
		ServiceAccounts: []ServiceAccount{{
			Provider: "fabrikam", ObjectID: "aaaaaaaa-0000-4000-8000-000000000004", ApplicationID: "aaaaaaaa-0000-4000-8000-000000000005",
			Name: "export", Groups: []string{"A"}, Roles: []string{"R"},
		}},
		Routes: []Route{
			{
				Match: "GET api.example/reports/", Groups: []string{"A", "Z"}, Roles: []string{"R"}, Scopes: []string{"read", "reports.all"},
				Admin: true, ACRS: "c7", Place: "claimd.toml:56",
			},
			{Match: "/health", Public: true, Place: "claimd.toml:64"},
		},
		Server: Server{
			Listen: []string{"0.0.0.0:80", "unix:/run/x"}, SocketMode: 0o600, SocketGroup: "www-data", PlaintextAnywhere: true,
			TrustedProxies:  TrustedProxies{Unix: true, Nets: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")}},
			OriginalRequest: OriginalXForwarded,
			Headers: Headers{
				User: "X-Auth-User", Name: "X-Auth-Name", Groups: "X-Auth-Groups", Roles: "X-Auth-Roles",
				Client: "X-Auth-Client", Scopes: "X-Auth-Scopes",
			},
		},
		Proxy:     Proxy{Listen: []string{":81"}, Upstream: "https://api.example", ForwardAuthorization: true},
		Metrics:   Metrics{Listen: []string{}},
		Outbound:  Outbound{Proxy: "http://proxy.example:3128", CAFile: "/etc/ssl/ca.pem"},
		Admin:     Admin{Socket: "/run/a"},
		State:     State{Directory: "/srv/claimd"},
		Directory: Directory{URLFile: "/etc/claimd/database.url"},
		Log:       Log{Level: "debug", Format: "text"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if got := got.Providers[0].AuthorityURL(); got != "http://[::1]:8080/mirror" {
		t.Errorf("got the authority %s", got)
	}
}

// TestLaterKeysMayStandAtTheirDefaults: a configuration that spells every default out is sound; the parts that have no
// default to stand at are in testdata/faults.
func TestLaterKeysMayStandAtTheirDefaults(t *testing.T) {
	got := parsed(t, minimal+`custom_signing_keys = false
groups_overage = "deny"
opaque_tokens = "refuse"
issuer = ""
audiences = []
client_ids = []
algorithms = ["RS256"]
introspection_client_id = ""
introspection_client_secret_file = ""
`)
	if want := parsed(t, minimal); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
