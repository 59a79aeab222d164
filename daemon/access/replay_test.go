package access

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/mapping"
)

// replayOf compiles the configuration without any keys, as a look at files on disk does.
func (k *knowing) replayOf(change func(*config.Config)) *Replay {
	k.t.Helper()
	cfg := sampleConfig(k.tenant.URL())
	if change != nil {
		change(cfg)
	}
	policy, faults := mapping.Compile(cfg.Rules())
	if policy == nil {
		k.t.Fatal(faults)
	}
	return NewReplay(cfg, policy)
}

// A replay of what was seen last of a user comes to what the same configuration makes of his token.
func TestAReplayComesToWhatTheTokenWould(t *testing.T) {
	open := func(c *config.Config) { // lets everybody in who is seen below, so that all are on record
		c.Groups = append(c.Groups, config.Local{Name: "Everyone"})
		c.Mapping.DefaultGroups = []string{"Everyone"}
		c.Providers[0].Claims.Roles, c.Providers[0].Claims.Admin = "roles", "wids"
		c.ServiceAccounts = []config.ServiceAccount{activeExport()}
	}
	const guest = "f63b08d4-8a1e-4c57-b2f9-0d9647ea15c8"
	many := map[string]any{"groups": []string{analysts, "Operators", "x"}, "roles": []string{"r"}, "wids": []string{"is_admin"}}
	overage := map[string]any{"groups": nil, "_claim_names": map[string]any{"groups": "src1"}}
	for _, c := range []struct {
		story  string
		token  entratest.Request
		id     string
		change func(*config.Config) // of the configuration that judges; open comes first
		want   reason.Reason
	}{
		{"the same configuration", entratest.Request{User: "reader"}, reader, nil, reason.None},
		{"no default group any more", entratest.Request{User: "reader", Claims: map[string]any{"groups": "x"}}, reader,
			func(c *config.Config) { c.Mapping.DefaultGroups = nil }, reason.NoGroup},
		{"more groups, roles and an administrator", entratest.Request{User: "reader", Claims: many}, reader, func(c *config.Config) {
			c.Groups = append(c.Groups, config.Local{Name: "Operators"})
			c.Roles = []config.Local{{Name: "r"}}
			c.Users = []config.User{{Provider: "contoso", ID: reader, Roles: []string{"r"}}}
		}, reason.None},
		{"other values of administrators", entratest.Request{User: "reader", Claims: many}, reader, func(c *config.Config) {
			c.Providers[0].AdminValue, c.Providers[0].AdminGroup = "no", "Operators"
		}, reason.None},
		{"names in any case", entratest.Request{User: "reader", Claims: map[string]any{"groups": "OPERATORS"}}, reader, func(c *config.Config) {
			c.Groups, c.Mapping.DefaultGroups, c.Mapping.CaseSensitive = append(c.Groups, config.Local{Name: "Operators"}), nil, false
		}, reason.None},
		{"another client", entratest.Request{User: "reader"}, reader,
			func(c *config.Config) { c.Providers[0].ClientApplicationIDs = []string{exportApp} }, reason.Client},
		{"another scope", entratest.Request{User: "reader"}, reader,
			func(c *config.Config) { c.Providers[0].RequiredScopes = []string{"platform.admin"} }, reason.Scope},
		{"the scope that it has", entratest.Request{User: "reader"}, reader,
			func(c *config.Config) { c.Providers[0].RequiredScopes = []string{"platform.read-write"} }, reason.None},
		{"no guests", entratest.Request{User: "guest"}, guest, func(c *config.Config) { c.Providers[0].Guests = config.GuestsDeny }, reason.Guest},
		{"no guests, and a member", entratest.Request{User: "reader"}, reader, func(c *config.Config) { c.Providers[0].Guests = config.GuestsDeny }, reason.None},
		{"blocked", entratest.Request{User: "reader"}, reader,
			func(c *config.Config) { c.Users = []config.User{{Provider: "contoso", ID: reader, Blocked: true}} }, reason.UserInactive},
		{"by invitation, and seen before", entratest.Request{User: "reader"}, reader, func(c *config.Config) { c.Mapping.Invite = true }, reason.None},
		{"overage", entratest.Request{User: "reader", Claims: overage}, reader, nil, reason.GroupsOverage},
		{"overage of a claim that is no more read", entratest.Request{User: "reader", Claims: overage}, reader,
			func(c *config.Config) { c.Providers[0].Claims.Groups = "roles" }, reason.None},
		{"groups from the roles claim", entratest.Request{User: "reader", Claims: map[string]any{"roles": []string{"Operators"}}}, reader, func(c *config.Config) {
			c.Groups = append(c.Groups, config.Local{Name: "Operators"})
			c.Providers[0].Claims.Groups = "roles"
		}, reason.None},
		{"groups from a part of a claim", entratest.Request{User: "reader", Claims: map[string]any{"wids": []string{"a", analysts}}}, reader, func(c *config.Config) {
			c.Mapping.DefaultGroups, c.Providers[0].Claims.Groups = nil, "/wids/1"
		}, reason.None},
		{"a claim of a wrong type", entratest.Request{User: "reader", Claims: map[string]any{"wids": 7}}, reader,
			func(c *config.Config) { c.Providers[0].Claims.Groups = "wids" }, reason.ClaimType},
		{"a service account", entratest.Request{Client: exportApp}, exportObject, nil, reason.None},
		{"a service account with other groups", entratest.Request{Client: exportApp, Claims: map[string]any{"roles": []string{"r"}}}, exportObject, func(c *config.Config) {
			c.ServiceAccounts[0].Groups, c.Roles = []string{"Everyone"}, []config.Local{{Name: "r"}}
		}, reason.None},
		{"a service account that is gone", entratest.Request{Client: exportApp}, exportObject,
			func(c *config.Config) {
				c.ServiceAccounts, c.Providers[0].ClientApplicationIDs = nil, []string{exportApp}
			}, reason.UnknownServiceAccount},
		{"a service account of another application", entratest.Request{Client: exportApp}, exportObject,
			func(c *config.Config) { c.ServiceAccounts[0].ApplicationID = desktopApp }, reason.Client},
		{"a service account that is switched off", entratest.Request{Client: exportApp}, exportObject,
			func(c *config.Config) { c.ServiceAccounts[0].Active = false }, reason.UserInactive},
	} {
		t.Run(c.story, func(t *testing.T) {
			k := newKnowing(t, open)
			raw := k.mint(c.token)
			k.decide(raw)
			user := k.seen(c.id)
			if user.LastSeen.IsZero() {
				t.Fatal("not on record")
			}
			change := func(cfg *config.Config) {
				open(cfg)
				if c.change != nil {
					c.change(cfg)
				}
			}
			got := k.replayOf(change).Judge(user)
			if !got.Known || got.Reason != c.want || got.Allowed != (c.want == reason.None) {
				t.Errorf("got %+v, want %q", got, c.want)
			}
			k.config = sampleConfig(k.tenant.URL())
			change(k.config)
			k.gate.Swap(k.compile(2))
			d := k.decide(raw)
			if d.Reason != got.Reason || d.Allowed() != got.Allowed {
				t.Fatalf("the replay says %+v, the judge %q", got, d.Reason)
			}
			if who := d.Identity; who != nil && (!slices.Equal(who.Groups, got.Groups) || !slices.Equal(who.Roles, got.Roles) || who.Admin != got.Admin) {
				t.Errorf("the replay says %+v, the judge %+v", got, who)
			}
		})
	}
}

// What a replay cannot know it does not guess: least of all that somebody loses what he has.
func TestAReplayKnowsWhatItDoesNotKnow(t *testing.T) {
	k := newKnowing(t, nil)
	k.decide(k.mint(entratest.Request{User: "reader"}))
	seen := k.seen(reader)
	twin := func(name string) func(*config.Config) {
		return func(c *config.Config) {
			c.Groups[0].Providers = nil
			p := c.Providers[0]
			c.Providers[0].Name, p.Name, p.UserPrefix, p.ApplicationID = name, name+"-2", "2:", exportApp
			c.Providers = append(c.Providers, p)
		}
	}
	for _, c := range []struct {
		story  string
		user   func(*directory.User)
		change func(*config.Config)
		want   Outcome
	}{
		{"as it is", nil, nil, Outcome{Known: true, Allowed: true, Groups: []string{"Analysts"}, Roles: []string{}}},
		{"never seen", func(u *directory.User) { u.LastSeen = time.Time{} }, nil, Outcome{}},
		{"a claim that was not read", nil, func(c *config.Config) { c.Providers[0].Claims.Groups = "wids" }, Outcome{}},
		{"a part of a claim that was not read", nil, func(c *config.Config) { c.Providers[0].Claims.Roles = "/extn/roles" }, Outcome{}},
		{"another user claim", nil, func(c *config.Config) { c.Providers[0].Claims.User = "employee" }, Outcome{}},
		{"an administrator's claim that was not read", nil, func(c *config.Config) { c.Providers[0].Claims.Admin = "wids" }, Outcome{}},
		{"claims that are damaged", func(u *directory.User) { u.Claims["groups"] = []byte(`["`) }, nil, Outcome{}},
		{"the provider has another name", nil, func(c *config.Config) { c.Providers[0].Name = "renamed" },
			Outcome{Known: true, Allowed: true, Groups: []string{"Analysts"}, Roles: []string{}}},
		{"two other providers of the tenant", nil, twin("other"), Outcome{}},
		{"a second provider of the tenant", nil, twin("contoso"), Outcome{Known: true, Allowed: true, Groups: []string{"Analysts"}, Roles: []string{}}},
		{"a provider of that name, of another tenant", nil, func(c *config.Config) { c.Providers[0].TenantID = exportApp }, Outcome{Known: true, Reason: reason.Issuer}},
		{"no provider at all", nil, func(c *config.Config) { c.Providers = nil }, Outcome{Known: true, Reason: reason.Issuer}},
		{"switched off in the directory", func(u *directory.User) { u.State = directory.Inactive }, nil, Outcome{Known: true, Reason: reason.UserInactive}},
		{"waiting, by invitation", func(u *directory.User) { u.State = directory.Waiting }, func(c *config.Config) { c.Mapping.Invite = true },
			Outcome{Known: true, Reason: reason.UserInactive}},
		{"waiting, and no invitation is needed", func(u *directory.User) { u.State = directory.Waiting }, nil,
			Outcome{Known: true, Allowed: true, Groups: []string{"Analysts"}, Roles: []string{}}},
		{"waiting, by invitation, and declared", func(u *directory.User) { u.State = directory.Waiting }, func(c *config.Config) {
			c.Mapping.Invite, c.Users = true, []config.User{{Provider: "contoso", ID: reader}}
		}, Outcome{Known: true, Allowed: true, Groups: []string{"Analysts"}, Roles: []string{}}},
		{"a client that is not on record", func(u *directory.User) { u.Client = "" }, nil, Outcome{Known: true, Reason: reason.Client}},
		{"disabled", nil, func(c *config.Config) { c.Enabled = false }, Outcome{Known: true, Allowed: true, Groups: []string{"Analysts"}, Roles: []string{}}},
	} {
		user := seen
		user.Claims = maps.Clone(seen.Claims)
		if c.user != nil {
			c.user(&user)
		}
		if got := k.replayOf(c.change).Judge(user); spelled(got) != spelled(c.want) {
			t.Errorf("%s: got %s, want %s", c.story, spelled(got), spelled(c.want))
		}
	}
}

// Where the user claim is no object ID, [[user]] adds to whom that claim names: it is on record for that.
func TestAReplayKnowsTheUserByTheUserClaim(t *testing.T) {
	byEmployee := func(c *config.Config) { c.Providers[0].Claims.User = "/extn/employee" }
	k := newKnowing(t, byEmployee)
	raw := k.mint(entratest.Request{User: "reader", Claims: map[string]any{"extn": map[string]any{"employee": "4711"}}})
	k.want(raw, reason.None, "seen")
	got := k.replayOf(func(c *config.Config) {
		byEmployee(c)
		c.Groups = append(c.Groups, config.Local{Name: "Own"})
		c.Users = []config.User{{Provider: "contoso", ID: "4711", Groups: []string{"Own"}}}
	}).Judge(k.seen(reader))
	if strings.Join(got.Groups, " ") != "Analysts Own" {
		t.Errorf("got %+v", got)
	}
}
