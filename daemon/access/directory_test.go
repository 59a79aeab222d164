package access

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/mapping"
)

// knowing is a fixture whose gate has a directory of users, with a store on disk.
type knowing struct {
	*fixture
	directory *directory.Directory
}

func newKnowing(t *testing.T, change func(*config.Config)) *knowing {
	t.Helper()
	f := newFixture(t, change)
	opened, err := directory.Open(t.Context(), directory.Options{Directory: t.TempDir(), Now: func() time.Time { return f.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	f.gate = NewGate(f.compile(1), Options{Now: func() time.Time { return f.now }, Directory: opened})
	return &knowing{f, opened}
}

func keyOfUser(id string) directory.Key {
	return directory.Key{Authority: entratest.Sample().TenantID, ID: id}
}

func (k *knowing) change(id string, action directory.Action) {
	k.t.Helper()
	if _, _, err := k.directory.Change(k.t.Context(), keyOfUser(id), action, "contoso", "uid 0 (root)"); err != nil {
		k.t.Fatal(err)
	}
}

// seen gives what is on record of the user; the zero User where there is nothing.
func (k *knowing) seen(id string) directory.User {
	k.t.Helper()
	if err := k.directory.Flush(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
	user, _, err := k.directory.User(k.t.Context(), keyOfUser(id))
	if err != nil && err != directory.ErrNotFound {
		k.t.Fatal(err)
	}
	return user
}

func (k *knowing) want(raw string, want reason.Reason, story string) {
	k.t.Helper()
	if d := k.decide(raw); d.Reason != want || d.Allowed() != (want == reason.None) {
		k.t.Errorf("%s: got %q, allowed %v; want %q", story, d.Reason, d.Allowed(), want)
	}
}

// CVE-2026-33031 and CVE-2026-33668: who was switched off went on with the session that he had. What is kept of a token
// holds no verdict on its user, and an administrator is a user.
func TestWhoIsDeactivatedIsOutWithTheNextRequest(t *testing.T) {
	k := newKnowing(t, func(c *config.Config) { c.Providers[0].AdminGroup = "boss" })
	raw := k.mint(entratest.Request{User: "reader", Claims: map[string]any{"groups": []string{analysts, "boss"}}})
	k.want(raw, reason.None, "before")
	k.want(raw, reason.None, "kept")
	if !k.keeps(raw) {
		t.Fatal("not kept")
	}
	k.change(reader, directory.Deactivate)
	k.want(raw, reason.UserInactive, "the same token")
	k.want(k.mint(entratest.Request{User: "reader"}), reason.UserInactive, "a new one")
	k.want(k.mint(entratest.Request{User: "reader", Claims: map[string]any{"groups": nil}}), reason.UserInactive, "one that would be refused for its groups")
	k.want(k.mint(entratest.Request{User: "reader", Claims: map[string]any{"oid": strings.ToUpper(reader)}}), reason.UserInactive, "the id in capitals")
	k.change(reader, directory.Activate)
	k.want(raw, reason.None, "let in again")
}

// FAULTS 78: an account that was deleted and made anew has another object ID, whatever its name and address are.
func TestARecreatedAccountIsSomebodyElse(t *testing.T) {
	k := newKnowing(t, nil)
	same := map[string]any{"email": "ada@contoso.example", "preferred_username": "ada@contoso.example", "name": "Ada"}
	const anew = "11111111-2222-4333-8444-555555555555"
	k.want(k.mint(entratest.Request{User: "reader", Claims: same}), reason.None, "the first account")
	k.change(reader, directory.Deactivate)
	same["oid"] = anew
	raw := k.mint(entratest.Request{User: "reader", Claims: same})
	k.want(raw, reason.None, "the second account")
	k.change(anew, directory.Deactivate)
	k.change(reader, directory.Activate)
	k.want(raw, reason.UserInactive, "the second account, switched off itself")
	if first, second := k.seen(reader), k.seen(anew); first.Email != second.Email || first.State == second.State {
		t.Errorf("got %+v and %+v", first, second)
	}
}

// An id that nobody has seen can be shut out before it ever calls, and so can an application.
func TestWhoWasNeverSeenCanBeDeactivated(t *testing.T) {
	k := newKnowing(t, func(c *config.Config) { c.ServiceAccounts = []config.ServiceAccount{activeExport()} })
	k.change(reader, directory.Deactivate)
	k.change(exportObject, directory.Deactivate)
	k.want(k.mint(entratest.Request{User: "reader"}), reason.UserInactive, "a user")
	k.want(k.mint(entratest.Request{Client: exportApp}), reason.UserInactive, "a service account")
}

func activeExport() config.ServiceAccount {
	return config.ServiceAccount{
		Provider: "contoso", ObjectID: exportObject, ApplicationID: exportApp, Name: "nightly export", Groups: []string{"Analysts"}, Active: true,
	}
}

// Where claims.user names another claim, a user can be known by either id: who is switched off under one of them is out.
func TestAUserIsSwitchedOffUnderEitherID(t *testing.T) {
	const name = "A0B1C2D3-0000-4000-8000-00000000000A" // GUIDs are one in any case
	for _, id := range []string{reader, strings.ToLower(name)} {
		k := newKnowing(t, func(c *config.Config) { c.Providers[0].Claims.User = "employee" })
		raw := k.mint(entratest.Request{User: "reader", Claims: map[string]any{"employee": name}})
		k.want(raw, reason.None, "before")
		k.want(raw, reason.None, "kept")
		if user := k.seen(reader); user.User != name {
			t.Errorf("got %+v", user)
		}
		k.change(id, directory.Deactivate)
		k.want(raw, reason.UserInactive, "the kept token, by "+id)
		k.want(k.mint(entratest.Request{User: "reader", Claims: map[string]any{"employee": name}}), reason.UserInactive, "a new token, by "+id)
		e := k.gate.Snapshot().Explain(t.Context(), raw, k.now)
		if !strings.Contains(e.Sentence, "claimctl users activate "+id) && !strings.Contains(e.Sentence, "claimctl users activate "+strings.ToUpper(id)) {
			t.Errorf("got %s", e.Sentence)
		}
	}
	k := newKnowing(t, func(c *config.Config) { c.Providers[0].Claims.User = "sub" })
	raw := k.mint(entratest.Request{User: "reader", Claims: map[string]any{"oid": nil, "sub": "it's"}})
	k.want(raw, reason.None, "no object ID")
	k.change("it's", directory.Deactivate)
	k.want(raw, reason.UserInactive, "no object ID")
	if e := k.gate.Snapshot().Explain(t.Context(), raw, k.now); !strings.Contains(e.Sentence, `claimctl users activate 'it'\''s'`) {
		t.Errorf("got %s", e.Sentence)
	}
}

// B8: by invitation, whoever is not known waits; who stands in the configuration is invited by that.
func TestWhoIsNotInvitedWaits(t *testing.T) {
	invite := func(c *config.Config) {
		c.Mapping.Invite = true
		c.ServiceAccounts = []config.ServiceAccount{activeExport()}
	}
	k := newKnowing(t, invite)
	raw := k.mint(entratest.Request{User: "reader", Claims: map[string]any{"groups": []string{analysts, "other"}}})
	for range 2 {
		k.want(raw, reason.UserInactive, "nobody has invited him")
	}
	user := k.seen(reader)
	if user.State != directory.Waiting || user.Refused != "user_inactive" || len(user.Groups) != 1 || user.Groups[0].Name != "Analysts" ||
		!reflect.DeepEqual(user.UnmatchedGroups, []string{"other"}) || user.First != "Ada" {
		t.Errorf("got %+v", user)
	}
	k.want(raw, reason.UserInactive, "known as waiting")
	k.change(reader, directory.Activate)
	k.want(raw, reason.None, "let in")
	k.want(raw, reason.None, "let in, kept")
	if user := k.seen(reader); user.State != directory.Active || user.Refused != "" {
		t.Errorf("got %+v", user)
	}
	k.change(reader, directory.Forget)
	k.want(raw, reason.UserInactive, "forgotten")
	k.want(k.mint(entratest.Request{Client: exportApp}), reason.None, "a service account is declared")

	const guest = "f63b08d4-8a1e-4c57-b2f9-0d9647ea15c8"
	k.change(guest, directory.Invite)
	k.want(k.mint(entratest.Request{User: "guest"}), reason.None, "invited before the first call")

	declared := newKnowing(t, func(c *config.Config) {
		invite(c)
		c.Users = []config.User{{Provider: "contoso", ID: strings.ToUpper(reader)}}
	})
	declared.want(raw, reason.None, "a [[user]]")
	declared.want(raw, reason.None, "a [[user]], kept")
	if user := declared.seen(reader); user.State != directory.Active {
		t.Errorf("got %+v", user)
	}
	declared.change(reader, directory.Deactivate)
	declared.want(raw, reason.UserInactive, "a [[user]] who was switched off")
}

// Whoever waited is let in once users sign up by themselves.
func TestAnInvitationIsNotWaitedForWithoutNeed(t *testing.T) {
	k := newKnowing(t, func(c *config.Config) { c.Mapping.Invite = true })
	raw := k.mint(entratest.Request{User: "reader"})
	k.want(raw, reason.UserInactive, "by invitation")
	if k.seen(reader).State != directory.Waiting {
		t.Fatal("not waiting")
	}
	k.config.Mapping.Invite = false
	k.gate.Swap(k.compile(2))
	k.want(raw, reason.None, "by himself")
	if got := k.seen(reader).State; got != directory.Active {
		t.Errorf("got %v on record, want him active", got)
	}
}

// With a database that was never read nobody's state is known: then nobody is let in, and all are told to try again.
func TestWhereTheDirectoryCannotBeReadNobodyIsLetIn(t *testing.T) {
	f := newFixture(t, nil)
	opened, err := directory.Open(t.Context(), directory.Options{
		Directory: t.TempDir(), URL: func() string { return "postgres://claimd@127.0.0.1:1/claimd" },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close(t.Context())
	raw := f.mint(entratest.Request{User: "reader"})
	if d := f.decide(raw); !d.Allowed() {
		t.Fatal(d.Reason)
	}
	f.gate = NewGate(f.compile(1), Options{Now: func() time.Time { return f.now }, Directory: opened})
	for range 2 {
		if d := f.decide(raw); d.Reason != reason.DirectoryUnavailable || d.RetryAfter != retryUnavailable {
			t.Errorf("got %q, Retry-After %v", d.Reason, d.RetryAfter)
		}
	}
	f.config.Users = []config.User{{Provider: "contoso", ID: reader, Blocked: true}}
	f.gate.Swap(f.compile(2))
	if d := f.decide(raw); d.Reason != reason.UserInactive {
		t.Errorf("got %q for whom the configuration keeps out", d.Reason)
	}
}

// What is on record of a user is what the last token told, let in or not.
func TestEachTokenIsOnRecord(t *testing.T) {
	const collector, guest = "4ac89f17-05e2-4d3b-86c1-b9e70f52d8a3", "f63b08d4-8a1e-4c57-b2f9-0d9647ea15c8"
	claim := func(names ...string) (held []directory.Held) {
		held = []directory.Held{}
		for _, name := range names {
			held = append(held, directory.Held{Name: name, Source: directory.FromClaim})
		}
		return held
	}
	raw := func(text string) json.RawMessage { return json.RawMessage(text) }
	for _, c := range []struct {
		story  string
		change func(*config.Config)
		token  entratest.Request
		id     string
		want   directory.User // beside what all have: Key, Provider, State, times
	}{
		{"a user", nil, entratest.Request{User: "reader"}, reader, directory.User{
			User: reader, Email: "ada@contoso.example", First: "Ada", Last: "Reader", Client: desktopApp, Scopes: "platform.read-write",
			Groups: claim("Analysts"), Roles: claim(), Claims: map[string]json.RawMessage{"groups": raw(`["` + analysts + `"]`)},
		}},
		{"an administrator with groups of every source", func(c *config.Config) {
			c.Groups = append(c.Groups, config.Local{Name: "Everyone"}, config.Local{Name: "Own"}, config.Local{Name: "Twice"})
			c.Roles = []config.Local{{Name: "r"}, {Name: "s"}}
			c.Mapping.DefaultGroups, c.Mapping.DefaultRoles = []string{"Everyone", "Twice"}, []string{"s"}
			c.Users = []config.User{{Provider: "contoso", ID: reader, Groups: []string{"Own", "Everyone"}}}
			c.Providers[0].Claims.Roles, c.Providers[0].Claims.Admin, c.Providers[0].UserPrefix = "/extn/roles", "wids", "c:"
		}, entratest.Request{User: "reader", Claims: map[string]any{
			"groups": []string{"Twice", "x", analysts, "x"}, "extn": map[string]any{"roles": []string{"r", "y"}}, "wids": []string{"is_admin"},
		}}, reader, directory.User{
			User: "c:" + reader, Email: "ada@contoso.example", First: "Ada", Last: "Reader", Client: desktopApp, Scopes: "platform.read-write", Admin: true,
			Groups: []directory.Held{{Name: "Analysts", Source: "claim"}, {Name: "Everyone", Source: "default"}, {Name: "Own", Source: "local"}, {Name: "Twice", Source: "claim"}},
			Roles:  []directory.Held{{Name: "r", Source: "claim"}, {Name: "s", Source: "default"}}, UnmatchedGroups: []string{"x"}, UnmatchedRoles: []string{"y"},
			Claims: map[string]json.RawMessage{
				"groups": raw(`["Twice","x","` + analysts + `","x"]`), "extn": raw(`{"roles":["r","y"]}`), "wids": raw(`["is_admin"]`),
			},
		}},
		{"a guest without a group", nil, entratest.Request{User: "guest", Claims: map[string]any{"groups": "stranger"}}, guest, directory.User{
			User: guest, Email: "-", First: "-", Last: "-", Client: desktopApp, Scopes: "platform.read-write", Guest: true, Refused: "no_group",
			Groups: claim(), Roles: claim(), UnmatchedGroups: []string{"stranger"}, Claims: map[string]json.RawMessage{"groups": raw(`"stranger"`)},
		}},
		{"a user whose groups are unknown", nil, entratest.Request{User: "collector"}, collector, directory.User{
			User: collector, Email: "-", First: "-", Last: "-", Client: desktopApp, Scopes: "platform.read-write", Refused: "groups_overage",
			Groups: claim(), Roles: claim(), Claims: map[string]json.RawMessage{"groups": raw("null"), "_claim_names": raw(`{"groups":"src1"}`)},
		}},
		{"headers that are too large", func(c *config.Config) {
			c.Groups = append(c.Groups, config.Local{Name: strings.Repeat("g", 17_000), Values: []string{"long"}})
		}, entratest.Request{User: "reader", Claims: map[string]any{"groups": []string{analysts, "long"}}}, reader, directory.User{
			User: reader, Email: "ada@contoso.example", First: "Ada", Last: "Reader", Client: desktopApp, Scopes: "platform.read-write", Refused: "header_size",
			Groups: claim("Analysts", strings.Repeat("g", 17_000)), Roles: claim(),
			Claims: map[string]json.RawMessage{"groups": raw(`["` + analysts + `","long"]`)},
		}},
		{"a service account", func(c *config.Config) {
			c.ServiceAccounts = []config.ServiceAccount{activeExport()}
			c.Providers[0].Claims.Roles = "roles"
		}, entratest.Request{Client: exportApp, Claims: map[string]any{"roles": []string{"Export.Run"}}}, exportObject, directory.User{
			User: exportObject, App: true, Client: exportApp, Groups: []directory.Held{{Name: "Analysts", Source: "local"}}, Roles: claim(),
			UnmatchedRoles: []string{"Export.Run"}, Claims: map[string]json.RawMessage{"roles": raw(`["Export.Run"]`)},
		}},
	} {
		t.Run(c.story, func(t *testing.T) {
			k := newKnowing(t, c.change)
			k.decide(k.mint(c.token))
			got := k.seen(c.id)
			if !got.LastSeen.Equal(got.FirstSeen) || got.LastSeen.Sub(k.now).Abs() > time.Minute {
				t.Errorf("seen first at %v and last at %v, want %v", got.FirstSeen, got.LastSeen, k.now)
			}
			want := c.want
			want.Key, want.Provider, want.State, want.FirstSeen, want.LastSeen = keyOfUser(c.id), "contoso", directory.Active, got.FirstSeen, got.LastSeen
			if want.Email == "-" { // as the sample has it
				want.Email, want.First, want.Last = got.Email, got.First, got.Last
			}
			if g, w := spelled(got), spelled(want); g != w {
				t.Errorf("got\n%s\nwant\n%s", g, w)
			}
		})
	}
}

// spelled is for people who compare.
func spelled(value any) string {
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// A token with an overage marker does not tell the groups: nil leaves what the token before told on record, where an empty
// list would say that there are none.
func TestGroupsThatAreUnknownAreNotToldAsNone(t *testing.T) {
	marker := map[string]any{"groups": nil, "_claim_names": map[string]any{"groups": "src1"}}
	for _, c := range []struct {
		story   string
		invite  bool
		claims  map[string]any
		want    reason.Reason
		unknown bool
	}{
		{"no groups", false, map[string]any{"groups": nil}, reason.NoGroup, false},
		{"overage", false, marker, reason.GroupsOverage, true},
		{"overage of one who waits", true, marker, reason.UserInactive, true},
		{"groups of a wrong type of one who waits", true, map[string]any{"groups": 7}, reason.UserInactive, true},
		{"one who waits", true, nil, reason.UserInactive, false},
	} {
		k := newKnowing(t, func(cfg *config.Config) { cfg.Mapping.Invite = c.invite })
		j := judgement{snapshot: k.gate.Snapshot(), now: k.now}
		j.judge(t.Context(), k.mint(entratest.Request{User: "reader", Claims: c.claims}))
		s := j.sighting()
		if j.reason != c.want || s == nil || (s.Groups == nil) != c.unknown || (s.Roles == nil) != c.unknown || s.Waiting != c.invite {
			t.Errorf("%s: %q, %+v", c.story, j.reason, s)
		}
		if c.unknown && (s.Email != "ada@contoso.example" || s.User != reader) {
			t.Errorf("%s: got the profile %+v", c.story, s)
		}
	}
}

// Who is refused before the check of his state, or is switched off, leaves no record: whoever can get some token of the
// tenant must not be able to fill the directory by an application that may not call.
func TestWhoMayNotCallLeavesNoRecord(t *testing.T) {
	k := newKnowing(t, func(c *config.Config) {
		c.Providers[0].Guests = config.GuestsDeny
		c.Providers[0].RequiredScopes = []string{"platform.read-write"}
		c.Users = []config.User{{Provider: "contoso", ID: "2f7a6d90-e8b4-4c17-9035-d1a4c8f06e5b", Blocked: true}}
	})
	hourAgo := k.now.Add(-time.Hour)
	for _, c := range []struct {
		token entratest.Request
		want  reason.Reason
	}{
		{entratest.Request{User: "reader", Issued: hourAgo, Lifetime: time.Minute}, reason.Expired},
		{entratest.Request{User: "reader", Claims: map[string]any{"azp": exportApp}}, reason.Client},
		{entratest.Request{User: "reader", Claims: map[string]any{"scp": "other"}}, reason.Scope},
		{entratest.Request{User: "guest"}, reason.Guest},
		{entratest.Request{User: "reader", Claims: map[string]any{"oid": "2f7a6d90-e8b4-4c17-9035-d1a4c8f06e5b"}}, reason.UserInactive},
		{entratest.Request{User: "reader", Claims: map[string]any{"groups": 7}}, reason.ClaimType},
		{entratest.Request{Client: exportApp}, reason.Client},
	} {
		k.want(k.mint(c.token), c.want, c.want.String())
	}
	k.gate.Snapshot().Explain(t.Context(), k.mint(entratest.Request{User: "reader"}), k.now)
	k.seen(reader)
	if page, err := k.directory.Users(t.Context(), directory.Query{}); err != nil || len(page.Users) != 0 {
		t.Errorf("got %v, %v", page, err)
	}
	if d, err := k.directory.Users(t.Context(), directory.Query{Apps: true}); err != nil || len(d.Users) != 0 {
		t.Errorf("got %v, %v", d, err)
	}
}

// A token that comes by the thousand is told to the directory once a minute.
func TestAUserIsSeenAgainOnceAMinute(t *testing.T) {
	k := newKnowing(t, nil)
	raw := k.mint(entratest.Request{User: "reader"})
	k.want(raw, reason.None, "first")
	first := k.seen(reader)
	written := k.directory.Status().Written
	for minute := range 3 {
		for range 50 {
			k.want(raw, reason.None, "again")
		}
		user := k.seen(reader)
		if status := k.directory.Status(); minute == 0 && status.Written != written || status.Written > written+uint64(minute) {
			t.Errorf("minute %d: %d rows written, %d before", minute, status.Written, written)
		}
		if minute == 2 && !user.LastSeen.After(first.LastSeen) {
			t.Errorf("last seen at %v, first at %v", user.LastSeen, first.LastSeen)
		}
		k.now = k.now.Add(time.Minute)
	}
}

// Of whom the directory was told to forget, the next request tells anew, though his token's identity is kept.
func TestWhoWasForgottenIsOnRecordAgainWithTheNextRequest(t *testing.T) {
	k := newKnowing(t, nil)
	raw := k.mint(entratest.Request{User: "reader"})
	k.want(raw, reason.None, "first")
	k.want(raw, reason.None, "kept")
	k.seen(reader)
	k.change(reader, directory.Forget)
	if user := k.seen(reader); user.User != "" {
		t.Fatalf("got %+v", user)
	}
	k.want(raw, reason.None, "again")
	if user := k.seen(reader); user.User != reader || len(user.Groups) != 1 {
		t.Errorf("got %+v", user)
	}
}

// Three parties can keep a user out, and each is told by its own words, with what to type.
func TestExplainSaysWhoKeepsAUserOut(t *testing.T) {
	const letIn = "After that it is let in: user " + reader + " of provider contoso; groups: Analysts; roles: none; no administrator."
	for _, c := range []struct {
		story, state, want string
		invite             bool
		act                directory.Action
	}{
		{"switched off in the directory", "wanted not switched off, got switched off in the directory (claimctl users)",
			`denied, 403 user_inactive: the user or service account is switched off, or not invited.
Why: the user "` + reader + `" was switched off with claimctl users deactivate; claimctl users show ` + reader + ` tells when and by whom.
To change it: claimctl users activate ` + reader + `, if that no longer holds.
` + letIn, false, directory.Deactivate},
		{"not invited", `wanted not switched off, and invited (sign_up = "invite"), got waiting for an invitation`,
			`denied, 403 user_inactive: the user or service account is switched off, or not invited.
Why: sign_up = "invite" is set under [mapping], and the user "` + reader + `" waits for an invitation.
To change it: claimctl users activate ` + reader + ` lets the user in.
` + letIn, true, ""},
		{"invited", `wanted not switched off, and invited (sign_up = "invite"), got active`, strings.TrimPrefix(letIn, "After that it is "), true, directory.Invite},
		{"not known", "wanted not switched off, got not known yet, and let in", strings.TrimPrefix(letIn, "After that it is "), false, ""},
	} {
		t.Run(c.story, func(t *testing.T) {
			k := newKnowing(t, func(cfg *config.Config) { cfg.Mapping.Invite = c.invite })
			if c.act != "" {
				k.change(reader, c.act)
			}
			e := k.gate.Snapshot().Explain(t.Context(), k.mint(entratest.Request{User: "reader"}), k.now)
			if e.Sentence != c.want {
				t.Errorf("got\n%s\nwant\n%s", e.Sentence, c.want)
			}
			for _, check := range e.Checks {
				if got := fmt.Sprintf("wanted %s, got %s", check.Want, check.Got); check.Name == "user state" && got != c.state {
					t.Errorf("got\n%s\nwant\n%s", got, c.state)
				}
			}
		})
	}
	k := newKnowing(t, func(c *config.Config) { c.ServiceAccounts = []config.ServiceAccount{activeExport()} })
	k.change(exportObject, directory.Deactivate)
	e := k.gate.Snapshot().Explain(t.Context(), k.mint(entratest.Request{Client: exportApp}), k.now)
	if want := "Why: the service account " + exportObject + " was switched off with claimctl users deactivate;"; !strings.Contains(e.Sentence, want) {
		t.Errorf("got %s", e.Sentence)
	}
}

// Of two ids one state counts: who is shut out under one of them is, whatever the other says.
func TestTheFirmerStateCounts(t *testing.T) {
	order := []directory.State{directory.Inactive, directory.Unavailable, directory.Active, directory.Waiting, directory.Unknown}
	for i, a := range order {
		for j, b := range order {
			if got, want := firmer(a, b), order[min(i, j)]; got != want {
				t.Errorf("%v and %v: got %v, want %v", a, b, got, want)
			}
		}
	}
	for state, want := range map[directory.State][2]standing{ // not invited, invited
		directory.Unknown: {uninvited, welcome}, directory.Waiting: {uninvited, welcome}, directory.Active: {welcome, welcome},
		directory.Inactive: {deactivated, deactivated}, directory.Unavailable: {unknowable, unknowable},
	} {
		if got := [2]standing{standingOf(state, false), standingOf(state, true)}; got != want {
			t.Errorf("%v: got %v, want %v", state, got, want)
		}
	}
	for source, want := range map[mapping.Source]directory.Source{
		mapping.FromGroups: "claim", mapping.FromRoles: "claim", mapping.FromDefault: "default", mapping.FromUser: "local", mapping.FromAccount: "local",
	} {
		if got := heldSource(source, directory.FromClaim); got != want {
			t.Errorf("%s: got %s, want %s", source, got, want)
		}
	}
}

// Looking up the state of a user whose identity is kept costs no memory.
func TestAskingTheDirectoryAboutAKeptIdentityAllocatesNothing(t *testing.T) {
	k, without := newKnowing(t, nil), newFixture(t, nil)
	raw := k.mint(entratest.Request{User: "reader"})
	allocations := func(f *fixture) float64 {
		request := Request{Header: bearerHeader(raw)}
		f.gate.Decide(t.Context(), request)
		return testing.AllocsPerRun(200, func() { f.gate.Decide(t.Context(), request) })
	}
	if with, without := allocations(k.fixture), allocations(without); with != without {
		t.Errorf("%v allocations with a directory, %v without", with, without)
	}
}
