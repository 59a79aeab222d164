package daemon_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
)

// example is one of the shipped examples, running: changed only in where tenants and this host's places are.
type example struct {
	*claimd
	tenants map[string]*entratest.Tenant // by provider
}

// startExample loads the file as it is shipped, then runs it against tenants with the IDs that it names.
func startExample(t *testing.T, name string, people map[string][]entratest.User, apps ...entratest.App) *example {
	t.Helper()
	shipped, err := os.ReadFile(filepath.Join("../etc/examples", name))
	must(t, err)
	copied := filepath.Join(t.TempDir(), "claimd.toml")
	must(t, os.WriteFile(copied, shipped, 0o600))
	loaded, err := daemon.Load(copied, config.ReadOptions{})
	must(t, err)
	e := &example{tenants: map[string]*entratest.Tenant{}}
	text := strings.Replace(string(shipped), `listen = ["127.0.0.1:4180"]`, `listen = ["127.0.0.1:0"]`, 1)
	for _, provider := range loaded.Config.Providers {
		tenant := startTenant(t, directoryOf(provider, people[provider.Name], apps))
		e.tenants[provider.Name] = tenant
		heading := "[provider." + provider.Name + "]\n"
		if strings.Count(text, heading) != 1 {
			t.Fatalf("%s: %q stands there %d times", name, heading, strings.Count(text, heading))
		}
		text = strings.Replace(text, heading, heading+"authority = \""+tenant.URL()+"\"\n", 1)
	}
	e.claimd = (&world{}).start(t, text)
	t.Cleanup(func() { e.end(t) })
	e.ready(t)
	return e
}

// directoryOf is a tenant that has the provider's application and clients, and a client that it does not list.
func directoryOf(provider config.Provider, users []entratest.User, apps []entratest.App) entratest.Directory {
	directory := entratest.Directory{
		TenantID: provider.TenantID,
		APIs: []entratest.API{{
			ApplicationID: provider.ApplicationID, Name: "API", AccessTokenVersion: 2, Scopes: provider.RequiredScopes,
			OptionalClaims: []string{"email", "given_name", "family_name", "acct"},
		}},
		Users: users,
	}
	for _, id := range provider.ClientApplicationIDs {
		directory.Clients = append(directory.Clients, entratest.App{ApplicationID: id, Name: "A client"})
	}
	directory.Clients = append(directory.Clients, entratest.App{ApplicationID: rogueApp, Name: "Rogue app"})
	directory.Clients = append(directory.Clients, apps...)
	return directory
}

// asks gives the answer to a token of the provider.
func (e *example) asks(t *testing.T, provider string, request entratest.Request) answer {
	t.Helper()
	return e.ask(t, e.world.mint(t, e.tenants[provider], request))
}

// wantIdentity checks every identity header of an answer, in the order of identityHeaders.
func (a answer) wantIdentity(t *testing.T, want ...string) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Errorf("got %s, want the identity %q", a, want)
		return
	}
	var got []string
	for _, name := range identityHeaders {
		got = append(got, a.header.Get(name))
	}
	if !slices.Equal(got, want) {
		t.Errorf("identity headers\ngot  %q\nwant %q", got, want)
	}
}

func TestTheExampleOfOneTenantBehindNginx(t *testing.T) {
	groups := []string{
		"27c5e8a1-4f36-4d9b-8270-b9e1f04c6d53", "3ae90d72-b158-4c67-9f4d-05c2e7a81b64", "4c81f6b5-07d3-4e2a-a916-7d3f8b05c2e9",
		"58d2a7c9-e461-4b05-bd38-f10c96e4a275", "63f7b014-9a8e-4d52-8c71-2e5b0d94f6a3", "7b06e3d8-25fc-4a19-9e40-c8d71a63b5f2",
		"85c9d4f1-6e70-4b3c-a2f5-19e8b7d03c46", "9e42b5a7-d013-4f68-8b96-e3a0c57f21d4", "a6f31c08-7b95-4e4d-90c2-5d8e14b7f369",
		"b8d70e95-3c2f-4a61-87de-f4b92c05a1e7", "c19e5a46-f8b7-4d20-b463-0a7c3d91e8f5",
	}
	const operations = "1d7b3f60-e924-4c85-b0a3-68f5d2c9174e" // declared, and its members administrate
	all := append([]string{operations}, groups...)
	inReverse := slices.Clone(all)
	slices.Reverse(inReverse)
	e := startExample(t, "one-tenant-nginx.toml", map[string][]entratest.User{"contoso": {
		{ObjectID: adaObject, Name: "ada", Email: "ada@contoso.example", FirstName: "Ada", LastName: "Lovelace", Groups: inReverse, Roles: []string{"Reports.Approve", "Reports.Reader", "Reports.Other"}},
		{ObjectID: blockedObject, Name: "finance", Groups: groups[:1], Roles: []string{"Reports.Reader"}},
		{ObjectID: otherObject, Name: "stranger", Groups: []string{someGroupID}, Roles: []string{"Reports.Reader"}},
		{ObjectID: nightlyObject, Name: "crowded", Groups: groups, MoreGroups: 200},
	}})
	e.asks(t, "contoso", entratest.Request{User: "ada"}).wantIdentity(t,
		adaObject, "ada@contoso.example", "Ada Lovelace", strings.Join(all, ","), "Reports.Approve,Reports.Reader", "true", "contoso")
	second := entratest.Request{User: "finance", Client: "e5a9173c-0d42-4f6b-a8e7-91b3c4d60f28"}
	e.asks(t, "contoso", second).wantIdentity(t, blockedObject, "", "", groups[0], "Reports.Reader", "false", "contoso")
	for _, row := range []struct {
		want    string
		request entratest.Request
	}{
		{"403 no_group", entratest.Request{User: "stranger"}},
		{"403 groups_overage", entratest.Request{User: "crowded"}},
		{"403 client", entratest.Request{User: "ada", Client: rogueApp}},
		{"403 scope", entratest.Request{User: "ada", Scopes: "Reports.Write"}},
		{"401 expired", entratest.Request{User: "ada", Issued: longAgo()}},
	} {
		e.asks(t, "contoso", row.request).want(t, row.request.User, row.want)
	}
}

func TestTheExampleOfTwoTenants(t *testing.T) {
	const (
		contosoAnalysts, fabrikamAnalysts = "8a2f6d05-b7e9-4c31-9460-d1f5c8037e2b", "e07c3b94-5d18-4a6f-82b3-96fa0e4d7c15"
		operators                         = "b5e1d870-4c93-4f2a-a6d8-37c9f0e2165b"
		exportObject, exportApp           = "71d9a3e6-f04b-4852-bc97-2e6d85f10ca4", "9f54e2b8-06c7-4d3a-a1e5-c7b80d93f621"
		leaver                            = "3b68f0c5-a279-4e1d-96fb-d40c5e7a8132"
	)
	users := func(groups ...string) []entratest.User {
		return []entratest.User{
			{ObjectID: adaObject, Name: "ada", Email: "ada@contoso.example", Groups: groups},
			{ObjectID: leaver, Name: "leaver", Groups: groups},
			{ObjectID: otherObject, Name: "guest", Guest: true, Email: "guest@elsewhere.example", Groups: groups},
		}
	}
	e := startExample(t, "two-tenants.toml",
		map[string][]entratest.User{"contoso": users(contosoAnalysts), "fabrikam": users(fabrikamAnalysts)},
		entratest.App{ApplicationID: exportApp, ObjectID: exportObject, Name: "Nightly export", Secret: nightlySecret},
		entratest.App{ApplicationID: nightlyApp, ObjectID: nightlyObject, Name: "Another", Secret: nightlySecret})

	e.asks(t, "contoso", entratest.Request{User: "ada"}).wantIdentity(t,
		adaObject, "ada@contoso.example", "", "Analysts", "editor", "false", "contoso")
	e.asks(t, "fabrikam", entratest.Request{User: "ada"}).wantIdentity(t,
		"fabrikam:"+adaObject, "ada@contoso.example", "", "Analysts", "viewer", "false", "fabrikam")
	e.asks(t, "contoso", entratest.Request{Client: exportApp}).wantIdentity(t,
		exportObject, "", "", "Operators", "viewer", "false", "contoso")
	e.asks(t, "contoso", entratest.Request{User: "guest"}).want(t, "a guest of contoso", "200 groups=Analysts roles=editor")
	e.asks(t, "contoso", entratest.Request{User: "ada", Claims: claims{"groups": []string{operators}}}).want(t, "on call", "200 groups=Operators roles=viewer")
	e.asks(t, "contoso", entratest.Request{User: "leaver"}).want(t, "the leaver's ID at the other tenant", "200 groups=Analysts roles=editor")

	contoso, fabrikam := e.tenants["contoso"].Directory(), e.tenants["fabrikam"].Directory()
	for _, row := range []struct {
		name, provider, want string
		request              entratest.Request
	}{
		{"a group of contoso's from fabrikam", "fabrikam", "403 no_group", entratest.Request{User: "ada", Claims: claims{"groups": []string{operators}}}},
		{"a role's name from contoso", "contoso", "403 no_group", entratest.Request{User: "ada", Claims: claims{"groups": []string{"editor", "Operators", "Analysts"}}}},
		{"the local names from fabrikam", "fabrikam", "403 no_group", entratest.Request{User: "ada", Claims: claims{"groups": []string{"Operators", "Analysts"}}}},
		{"a guest of fabrikam", "fabrikam", "403 guest", entratest.Request{User: "guest"}},
		{"who left fabrikam", "fabrikam", "403 user_inactive", entratest.Request{User: "leaver"}},
		{"contoso's client at fabrikam", "fabrikam", "403 client", entratest.Request{User: "ada", Claims: claims{"azp": contoso.Clients[0].ApplicationID}}},
		{"fabrikam's client at contoso", "contoso", "403 client", entratest.Request{User: "ada", Claims: claims{"azp": fabrikam.Clients[0].ApplicationID}}},
		{"contoso's audience from fabrikam", "fabrikam", "401 audience", entratest.Request{User: "ada", Claims: claims{"aud": contoso.APIs[0].ApplicationID}}},
		{"contoso's tenant from fabrikam", "fabrikam", "401 tenant", entratest.Request{User: "ada", Claims: claims{"tid": contoso.TenantID}}},
		{"contoso's issuer from fabrikam", "fabrikam", "401 key", entratest.Request{User: "ada", Claims: claims{
			"tid": contoso.TenantID, "iss": e.tenants["contoso"].Issuer(2), "aud": contoso.APIs[0].ApplicationID}}},
		{"the export of fabrikam", "fabrikam", "403 client", entratest.Request{Client: exportApp}},
		{"the export's application for a user", "contoso", "403 client", entratest.Request{User: "ada", Client: exportApp}},
		{"another application by itself", "contoso", "403 client", entratest.Request{Client: nightlyApp}},
		{"a listed client by itself", "contoso", "403 unknown_service_account", entratest.Request{Client: nightlyApp, Claims: claims{"azp": contoso.Clients[0].ApplicationID}}},
		{"without the scope", "fabrikam", "403 scope", entratest.Request{User: "ada", Scopes: "other"}},
	} {
		e.asks(t, row.provider, row.request).want(t, row.name, row.want)
	}
}

// Two tenants may not emit each other's names: a group that is named by text is refused until it says whose text it is.
func TestTheExampleOfTwoTenantsMustSayWhoseANameIs(t *testing.T) {
	shipped, err := os.ReadFile("../etc/examples/two-tenants.toml")
	must(t, err)
	with := func(line string) string {
		text := strings.Replace(string(shipped), "[groups]\n", "[groups]\n"+line+"\n", 1)
		var faults config.Faults
		for _, fault := range loadFaults(t, text) {
			fault.File, fault.Line = "two-tenants.toml", 0 // edits of the example move it
			if !fault.Notice {
				faults = append(faults, fault)
			}
		}
		return faults.Error()
	}
	const want = `two-tenants.toml: groups.'FABRIKAM\Planning': named by "FABRIKAM\\Planning", which is no object ID: with several providers, another tenant could emit it` +
		"\n  hint: say whose tokens may name it: providers = [\"contoso\"]"
	if got := with(`'FABRIKAM\Planning' = "planners"`); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := with(`'FABRIKAM\Planning' = { label = "planners", providers = ["fabrikam"] }`); got != "" {
		t.Errorf("got %s, want no fault", got)
	}
}

func TestTheExampleOfEclecticIQ(t *testing.T) {
	const client = "45f0b8d1-c97e-4a32-9d56-e1837fc2a04b"
	e := startExample(t, "eclecticiq.toml", map[string][]entratest.User{"azure": {{
		ObjectID: adaObject, Name: "ada", Email: "ada@contoso.example", FirstName: "Ada", LastName: "Lovelace",
		Groups: []string{someGroupID}, Roles: []string{"System Admin"},
	}}})
	const guest = "200 groups=Testing Group roles=Guest"
	custom := claims{"eclecticiqGroups": []string{"Threat Analysts", `CONTOSO\Threat Hunters`, "Unknown"}, "eclecticiqRoles": "Threat Analyst"}
	e.asks(t, "azure", entratest.Request{User: "ada", Claims: custom}).wantIdentity(t, adaObject, "ada@contoso.example", "Ada Lovelace",
		`CONTOSO\Threat Hunters,Testing Group,Threat Analysts`, "Guest,Threat Analyst", "false", "azure")
	for _, row := range []verdict{
		{"no claims of its own: the defaults", nil, guest},
		{"plain groups and roles are not looked at", claims{"groups": []string{"Threat Analysts", "EclecticIQAdminsGroup"}, "roles": []string{"System Admin"}}, guest},
		{"an administrator by claim", claims{"isEclecticIQAdmin": "is_admin"}, guest + " admin"},
		{"by claim, in an array", claims{"isEclecticIQAdmin": []string{"is_admin"}}, guest + " admin"},
		{"true is none", claims{"isEclecticIQAdmin": true}, guest},
		{"an administrator by group", claims{"eclecticiqGroups": "EclecticIQAdminsGroup"}, "200 groups=EclecticIQAdminsGroup,Testing Group roles=Guest admin"},
		{"an administrator by role", claims{"eclecticiqRoles": []string{"EclecticIQAdminsGroup"}}, guest + " admin"},
		{"almost the group", claims{"eclecticiqGroups": []string{"eclecticiqadminsgroup", "EclecticIQAdminsGroups"}}, guest},
		{"case counts", claims{"eclecticiqGroups": "threat analysts", "eclecticiqRoles": "THREAT ANALYST"}, guest},
		{"a role", claims{"eclecticiqRoles": []string{"System Admin"}}, "200 groups=Testing Group roles=Guest,System Admin"},
		{"a group is no role", claims{"eclecticiqGroups": []string{"System Admin"}}, guest},
		{"v1.0", claims{"ver": "1.0"}, "401 version"},
		{"groups that cannot be read", claims{"eclecticiqGroups": 7}, "401 claim_type"},
		{"overage of the custom claim", claims{"_claim_names": claims{"eclecticiqGroups": "src1"}}, "403 groups_overage"},
		{"without the scope", claims{"scp": "platform.read"}, "403 scope"},
		{"another client", claims{"azp": rogueApp}, "403 client"},
	} {
		e.asks(t, "azure", entratest.Request{User: "ada", Client: client, Claims: row.changes}).want(t, row.name, row.want)
	}
	e.asks(t, "azure", entratest.Request{User: "ada", Version: 1, Claims: custom}).want(t, "a v1.0 token",
		`200 groups=CONTOSO\Threat Hunters,Testing Group,Threat Analysts roles=Guest,Threat Analyst`)
}
