package daemon

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/vectors"
)

const (
	northTenant = "6b1f0c58-93d7-4e2a-8f64-0a5be7c219d3"
	southTenant = "e29d7a40-58c6-4b13-9d0e-71f3a86c42b5"
	goneTenant  = "a8e3716c-2d40-4b9f-b5c8-07f1d96e34a2"
	adaID       = "c40b9e15-7fd2-4863-a1e0-8d5c36f27b94"
	bobID       = "2f7a6d90-e8b4-4c17-9035-d1a4c8f06e5b"
	nightlyID   = "57d20f8b-c1e9-4a34-86d5-3b9f0e72c16a"
	nobodyID    = "18c4f7b9-6e05-4d92-b87a-f3a21d5c09e6"
)

// north is one provider; south is another one beside it, whose users are named by a claim of its own.
const (
	north = `enabled = true
[provider.north]
tenant_id = "` + northTenant + `"
application_id = "3d84f6b1-0e97-4c5a-b2d8-96a17fe05c43"
client_application_ids = ["90e5d2c7-3b18-4fa6-a7d4-c2f86b019e35"]
user_prefix = "n:"
`
	south = `[provider.south]
tenant_id = "` + southTenant + `"
application_id = "b7c0951e-64fa-4d38-8e21-5f09d3a7168c"
client_application_ids = ["90e5d2c7-3b18-4fa6-a7d4-c2f86b019e35"]
user_prefix = "s:"
[provider.south.claims]
user = "employee_id"
`
)

// peopleOf opens a directory and gives people of the configuration; the log holds what the directory tells.
func peopleOf(t *testing.T, text string) (*people, *observer.ObservedLogs) {
	t.Helper()
	core, lines := observer.New(zapcore.InfoLevel)
	d, err := directory.Open(t.Context(), directory.Options{Directory: t.TempDir(), Log: zap.New(core), Host: "api1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	loaded := loadText(t, text)
	return &people{directory: d, serving: func() *Loaded { return loaded }}, lines
}

func loadText(t *testing.T, text string) *Loaded {
	t.Helper()
	path := filepath.Join(t.TempDir(), "claimd.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(path, config.ReadOptions{})
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return loaded
}

// seen has the directory see somebody with these values of the groups claim.
func (p *people) seen(t *testing.T, provider, tenant, id, user string, groups ...string) {
	t.Helper()
	text, _ := json.Marshal(groups)
	sighting := &directory.Sighting{
		Key: directory.Key{Authority: tenant, ID: id}, At: time.Now(), Provider: provider, User: user, Client: "90e5d2c7-3b18-4fa6-a7d4-c2f86b019e35",
		First: "Ada", Email: "ada@contoso.example",
		Claims: map[string]json.RawMessage{"groups": text, "": nil, "employee_id": json.RawMessage(`"` + strings.TrimPrefix(user, "s:") + `"`)},
	}
	declared := localsOf(p.serving().Config, directory.Groups)
	for _, group := range groups {
		if slices.ContainsFunc(declared, func(l config.Local) bool { return l.Name == group }) {
			sighting.Groups = append(sighting.Groups, directory.Held{Name: group, Source: directory.FromClaim})
			continue
		}
		sighting.UnmatchedGroups = append(sighting.UnmatchedGroups, group)
	}
	p.directory.Seen(sighting)
	if err := p.directory.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func wantRefusal(t *testing.T, what string, err error, want string) {
	t.Helper()
	refusal, ok := errors.AsType[*admin.Refusal](err)
	switch {
	case want == "" && err == nil:
	case want == "" || !ok || refusal.Status != 422:
		t.Errorf("%s: want the refusal %q, got %v", what, want, err)
	case refusal.Error() != want:
		t.Errorf("%s\nwant %s\ngot  %s", what, want, refusal)
	}
}

func TestWhomAnAdministratorMeans(t *testing.T) {
	p, _ := peopleOf(t, north+south+"[groups]\n"+adaID+" = \"\"\n")
	p.seen(t, "north", northTenant, adaID, "n:"+adaID)
	p.seen(t, "south", southTenant, bobID, "E-17")
	p.seen(t, "south", southTenant, nobodyID, "it's 18")
	p.seen(t, "south", southTenant, nightlyID, adaID)        // who is called like the id of another
	p.seen(t, "south", southTenant, "ada@contoso", "mail@x") // ids may look like addresses; names that do are none
	p.seen(t, "old", goneTenant, bobID, "o:"+bobID)
	p.seen(t, "old", goneTenant, "9e4b7c02-63fa-4d18-a5b9-0f7d21c86e35", "it's 18")

	key := func(tenant, id string) directory.Key { return directory.Key{Authority: tenant, ID: id} }
	noID := func(id string) string {
		return `the directory knows nobody of the id "` + id + `"` + "\n  hint: claimctl users list shows who has come, with their ids"
	}
	const email = "an e-mail address names nobody for good: it can be given to somebody else\n  hint: name the user by his id; claimctl users list shows it"
	tests := map[string]struct {
		provider, id string
		unseen       bool
		want         directory.Key
		refusal      string
	}{
		"an object ID":                           {id: adaID, want: key(northTenant, adaID)},
		"an object ID in capitals":               {id: strings.ToUpper(adaID), want: key(northTenant, adaID)},
		"with its provider":                      {provider: "north", id: strings.ToUpper(adaID), want: key(northTenant, adaID)},
		"with its tenant":                        {provider: strings.ToUpper(northTenant), id: adaID, want: key(northTenant, adaID)},
		"by the user name":                       {id: "n:" + adaID, want: key(northTenant, adaID)},
		"by another user name":                   {id: "E-17", want: key(southTenant, bobID)},
		"by a name in another case":              {id: "e-17", refusal: noID("e-17")},
		"a name that is another's id":            {provider: "south", id: adaID, want: key(southTenant, nightlyID)},
		"an id like an address":                  {id: "ada@contoso", want: key(southTenant, "ada@contoso")},
		"a name like an address":                 {id: "mail@x", refusal: email},
		"an address":                             {id: "ada@contoso.example", refusal: email},
		"an address, to be shut out":             {provider: "south", id: "ada@contoso.example", unseen: true, refusal: email},
		"a provider that is gone":                {provider: goneTenant, id: bobID, want: key(goneTenant, bobID)},
		"nothing":                                {id: "", refusal: "want the id of a user, got nothing\n  hint: claimctl users list shows the ids"},
		"an unknown provider":                    {provider: "west", id: adaID, refusal: `want a provider in use (north, south), got "west"`},
		"at the wrong provider":                  {provider: "north", id: bobID, refusal: noID(bobID)},
		"nobody":                                 {id: "18c4f7b9-6e05-4d92-b87a-000000000000", refusal: noID("18c4f7b9-6e05-4d92-b87a-000000000000")},
		"somebody new at one of two providers":   {provider: "north", id: strings.ToUpper(nobodyID), unseen: true, want: key(northTenant, nobodyID)},
		"somebody new of a name":                 {provider: "south", id: "E-99", unseen: true, want: key(southTenant, "E-99")},
		"somebody new of a name where ids count": {provider: "north", id: "E-99", unseen: true, refusal: "\"E-99\" is no object ID, and the directory knows nobody of that name\n  hint: the object ID stands on the user's page in the Entra admin center"},
		"somebody new of no provider": {id: "E-99", unseen: true, refusal: "the directory knows nobody of the id \"E-99\", and there are several providers\n" +
			"  hint: say whose user it is: claimctl users show PROVIDER ID; PROVIDER is one of north, south"},
		"the id of two": {id: bobID, refusal: "\"" + bobID + "\" can mean 2 users\n  hint: say which:\n" +
			"claimctl users show " + goneTenant + " " + bobID + "\nclaimctl users show south " + bobID},
		"the name of two": {id: "it's 18", refusal: "\"it's 18\" can mean 2 users\n  hint: say which:\n" +
			"claimctl users show " + goneTenant + " 9e4b7c02-63fa-4d18-a5b9-0f7d21c86e35\nclaimctl users show south " + nobodyID},
	}
	for name, test := range tests {
		got, err := p.whom(t.Context(), "show", test.provider, test.id, test.unseen)
		wantRefusal(t, name, err, test.refusal)
		if got != test.want {
			t.Errorf("%s: want %v, got %v", name, test.want, got)
		}
	}
}

// FAULTS 176: each change is on record with who made it, and leaves one line in the log; what changes nothing leaves none.
func TestAChangeIsOnRecordAndInTheLogOnce(t *testing.T) {
	p, lines := peopleOf(t, north+"[mapping]\nsign_up = \"invite\"\n[[user]]\nid = \""+bobID+"\"\nblocked = true\n[groups]\nAnalysts = \"\"\n")
	p.seen(t, "north", northTenant, adaID, "n:"+adaID, "Analysts")
	change := func(action directory.Action, id string) (admin.Changed, error) {
		return p.change(t.Context(), admin.ChangeRequest{Action: action, ID: id}, "uid 0 (root)")
	}
	const who = "uid 0 (root)"
	ada, bob := directory.Key{Authority: northTenant, ID: adaID}, directory.Key{Authority: northTenant, ID: bobID}
	steps := []struct {
		action directory.Action
		id     string
		want   admin.Changed
		line   string // "action before after"
	}{
		{directory.Deactivate, strings.ToUpper(adaID), admin.Changed{Changed: true, Key: ada, User: "n:" + adaID, Name: "Ada", Before: directory.Active, After: directory.Inactive}, "deactivate active inactive"},
		{directory.Deactivate, adaID, admin.Changed{Key: ada, User: "n:" + adaID, Name: "Ada", Before: directory.Inactive, After: directory.Inactive}, ""},
		{directory.Activate, "n:" + adaID, admin.Changed{Changed: true, Key: ada, User: "n:" + adaID, Name: "Ada", Before: directory.Inactive, After: directory.Active}, "activate inactive active"},
		{directory.Forget, adaID, admin.Changed{Changed: true, Key: ada, User: "n:" + adaID, Name: "Ada", Before: directory.Active, After: directory.Unknown}, "forget active unknown"},
		{directory.Invite, bobID, admin.Changed{Changed: true, Key: bob, Before: directory.Unknown, After: directory.Active, Blocked: true}, "invite unknown active"},
		{directory.Deactivate, bobID, admin.Changed{Changed: true, Key: bob, Before: directory.Active, After: directory.Inactive, Blocked: true}, "deactivate active inactive"},
	}
	for _, step := range steps {
		lines.TakeAll()
		got, err := change(step.action, step.id)
		step.want.Action, step.want.Provider, step.want.Invite = step.action, "north", true
		if err != nil || got != step.want {
			t.Errorf("%s %s\nwant %+v\ngot  %+v, %v", step.action, step.id, step.want, got, err)
		}
		var told []string
		for _, line := range lines.All() {
			if fields := line.ContextMap(); fields["by"] != nil {
				told = append(told, strings.Join([]string{fields["action"].(string), fields["before"].(string), fields["after"].(string)}, " "))
				if fields["by"] != who || fields["provider"] != "north" || fields["authority"] != northTenant || fields["id"] != step.want.Key.ID {
					t.Errorf("%s: the line tells %v", step.action, fields)
				}
			}
		}
		if want := step.line; want == "" && len(told) > 0 || want != "" && !slices.Equal(told, []string{want}) {
			t.Errorf("%s %s: want the line %q, got %q", step.action, step.id, want, told)
		}
	}
	lines.TakeAll()
	_, err := change(directory.Forget, bobID)
	wantRefusal(t, "forget", err, "he is inactive: forgotten, he could come in again\n  hint: claimctl users activate north "+bobID+" first, if that is what you want")
	_, err = change(directory.Activate, adaID)
	wantRefusal(t, "activate somebody forgotten", err, `the directory knows nobody of the id "`+adaID+"\"\n  hint: claimctl users list shows who has come, with their ids")
	if lines.Len() > 0 {
		t.Errorf("refused changes: want no line, got %v", lines.All())
	}

	forgotten, err := p.user(t.Context(), "", adaID)
	if err != nil || forgotten.State != directory.Unknown || forgotten.Provider != "north" || len(forgotten.History) != 3 {
		t.Errorf("somebody forgotten: got %+v, %v", forgotten, err)
	}
	_, err = p.user(t.Context(), "", nobodyID)
	wantRefusal(t, "show nobody", err, `the directory knows nobody of the id "`+nobodyID+"\"\n  hint: claimctl users list shows who has come, with their ids")

	p.seen(t, "north", northTenant, adaID, "n:"+adaID, "Analysts") // and he is back, with his history
	detail, err := p.user(t.Context(), "", adaID)
	if err != nil {
		t.Fatal(err)
	}
	var history []string
	for _, c := range detail.History {
		history = append(history, string(c.Action)+" "+c.Before.String()+" "+c.After.String()+" "+c.By+" "+c.Host)
	}
	want := []string{"forget active unknown " + who + " api1", "activate inactive active " + who + " api1", "deactivate active inactive " + who + " api1"}
	if !slices.Equal(history, want) {
		t.Errorf("history\nwant %q\ngot  %q", want, history)
	}
}

func TestWhatTheConfigurationSaysOfUsers(t *testing.T) {
	text := north + south + `[groups]
Analysts = { label = "who reads", providers = ["north"] }
` + adaID + ` = ""
[[user]]
provider = "south"
id = "E-17"
blocked = true
[[user]]
provider = "north"
id = "` + strings.ToUpper(bobID) + `"
blocked = true
[[service_account]]
provider = "north"
object_id = "` + nightlyID + `"
application_id = "1c97b3e4-a06d-48f5-92b7-e4d3061f8a5b"
name = "nightly export"
groups = ["Analysts"]
active = false
`
	p, _ := peopleOf(t, text)
	p.seen(t, "north", northTenant, adaID, "n:"+adaID, "Analysts", "Visitors")
	p.seen(t, "north", northTenant, bobID, "n:"+bobID)
	p.seen(t, "south", southTenant, nobodyID, "s:E-17", "Analysts", "Retired")
	p.seen(t, "old", goneTenant, adaID, "o:"+adaID, "Visitors")
	p.directory.Seen(&directory.Sighting{Key: directory.Key{Authority: northTenant, ID: nightlyID}, At: time.Now(), Provider: "north", App: true, User: "n:" + nightlyID})

	said := map[string]string{}
	for _, apps := range []bool{false, true} {
		page, err := p.users(t.Context(), directory.Query{Apps: apps})
		if err != nil {
			t.Fatal(err)
		}
		for _, user := range page.Users {
			words := []string{user.State.String(), user.Account}
			if user.Blocked {
				words = append(words, "blocked")
			}
			if user.Gone {
				words = append(words, "gone")
			}
			said[user.Known.User] = strings.Join(words, " ")
		}
	}
	want := map[string]string{
		"n:" + adaID: "active ", "n:" + bobID: "active  blocked", "s:E-17": "active  blocked", "o:" + adaID: "active  gone",
		"n:" + nightlyID: "active nightly export blocked",
	}
	if !reflect.DeepEqual(said, want) {
		t.Errorf("users\nwant %q\ngot  %q", want, said)
	}

	locals, err := p.locals(t.Context(), directory.Groups)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, local := range locals {
		got = append(got, strings.Join(append([]string{local.Name, local.Label, string(rune('0' + local.Users))}, local.Providers...), " "))
	}
	if want := []string{"Analysts who reads 2 north", adaID + "  0"}; !slices.Equal(got, want) {
		t.Errorf("groups\nwant %q\ngot  %q", want, got)
	}

	unmatched, err := p.unmatched(t.Context(), 10)
	if err != nil || unmatched.More {
		t.Fatal(unmatched.More, err)
	}
	if want := []string{`Retired = { providers = ["south"] }`, `Visitors = { providers = ["north"] }`}; !slices.Equal(unmatched.Paste.Groups, want) {
		t.Errorf("lines\nwant %q\ngot  %q", want, unmatched.Paste.Groups)
	}
	if cut, err := p.unmatched(t.Context(), 1); err != nil || !cut.More || len(cut.Values) != 1 {
		t.Errorf("one value: got %+v, %v", cut, err)
	}

	judged := map[string]string{}
	if err := p.judge(t.Context(), func(j admin.Judged) error {
		judged[j.User.User] = strings.Join(append([]string{j.Now.Reason.String()}, j.Now.Groups...), " ")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if judged["n:"+adaID] != " Analysts" || judged["n:"+bobID] != "user_inactive" || judged["o:"+adaID] != "issuer" {
		t.Errorf("judged: got %q", judged)
	}
}

func TestWithoutADirectoryAdministratorsAreToldWhy(t *testing.T) {
	loaded := loadText(t, "enabled = false\n")
	p := &people{serving: func() *Loaded { return loaded }}
	_, users := p.users(t.Context(), directory.Query{})
	_, user := p.user(t.Context(), "", adaID)
	_, change := p.change(t.Context(), admin.ChangeRequest{Action: directory.Deactivate, ID: adaID}, "uid 0")
	_, locals := p.locals(t.Context(), directory.Groups)
	_, unmatched := p.unmatched(t.Context(), 1)
	for _, err := range []error{users, user, change, locals, unmatched, p.judge(t.Context(), nil)} {
		if !errors.Is(err, errNoDirectory) {
			t.Errorf("want %v, got %v", errNoDirectory, err)
		}
	}
	opened, _ := peopleOf(t, "enabled = false\n")
	_, err := opened.change(t.Context(), admin.ChangeRequest{Action: directory.Deactivate, ID: adaID}, "uid 0")
	wantRefusal(t, "without a provider", err, "no provider is configured")
}

// A database that goes away while it commits has made the change, or not: neither must be claimed.
func TestAChangeThatMayHaveBeenMadeIsNotRefused(t *testing.T) {
	want := "it is not known whether the change was made: unexpected EOF\n  hint: make it again, which is safe; claimctl users show tells what holds"
	refusal, ok := errors.AsType[*admin.Refusal](unsure(inWords(io.ErrUnexpectedEOF)))
	if !ok || refusal.Status != 503 || refusal.Error() != want {
		t.Errorf("want 503 %s\ngot %v", want, refusal)
	}
	wantRefusal(t, "no space", unsure(inWords(&directory.Refusal{Problem: "no space left", Hint: "df"})), "no space left\n  hint: df")
}

// Of an OpenID provider the id is what the provider calls the user, whatever characters are in it (Auth0 and others write an
// @). Nobody could be invited or shut out by such an id before he had come. And where two such providers had a user of one id
// and were both taken out of the configuration, the commands that tell the two apart were refused: neither could be shown or
// forgotten.
func TestWhomAnAdministratorMeansAtAnOpenIDProvider(t *testing.T) {
	const one, gone, other = "https://one.example/", "https://gone.example/", "https://other.example"
	jump := func(name, issuer, prefix string) string {
		return "[provider." + name + "]\nkind = \"oidc\"\nissuer = \"" + issuer + "\"\naudiences = [\"api\"]\nclient_ids = [\"*\"]\nuser_prefix = \"" + prefix + "\"\n"
	}
	const email = "an e-mail address names nobody for good: it can be given to somebody else\n  hint: name the user by his id; claimctl users list shows it"
	key := func(issuer, id string) directory.Key { return directory.Key{Authority: issuer, ID: id} }
	tests := map[string]struct {
		verb, provider, id string
		unseen             bool
		alone, beside      directory.Key // with the provider alone, and beside one of Entra ID's
		refusal            string        // of both
		refusalBeside      string
	}{
		"somebody new": {id: "new@tenant", unseen: true, alone: key(one, "new@tenant"),
			refusalBeside: email + "; of somebody who has not come yet at an OpenID provider: claimctl users show one ID"},
		"somebody new at his provider":     {provider: "one", id: "new@tenant", unseen: true, alone: key(one, "new@tenant"), beside: key(one, "new@tenant")},
		"somebody new at his issuer":       {provider: one, id: "new@tenant", unseen: true, alone: key(one, "new@tenant"), beside: key(one, "new@tenant")},
		"an id":                            {id: "ada@tenant", alone: key(one, "ada@tenant"), beside: key(one, "ada@tenant")},
		"a name":                           {id: "1:ada@tenant", alone: key(one, "ada@tenant"), beside: key(one, "ada@tenant")},
		"of a provider that is gone":       {provider: gone, id: "5f1a", alone: key(gone, "5f1a"), beside: key(gone, "5f1a")},
		"of another provider that is gone": {provider: other, id: "5f1a", alone: key(other, "5f1a"), beside: key(other, "5f1a")},
		"of two that are gone": {id: "5f1a", refusal: "\"5f1a\" can mean 2 users\n  hint: say which:\n" +
			"claimctl users show " + gone + " 5f1a\nclaimctl users show " + other + " 5f1a"},
		"nobody at one that is gone": {provider: other, id: "nobody", refusal: nobody("nobody").Error()},
		"to be shut out at an issuer without its slash": {verb: "deactivate", provider: strings.TrimSuffix(one, "/"), id: "5f1a", unseen: true,
			refusal: "the directory knows nobody of the id \"5f1a\", and no provider has the issuer \"https://one.example\"\n" +
				"  hint: it counts byte for byte, a final slash too; PROVIDER is one of one"},
	}
	for _, beside := range []bool{false, true} {
		text := "enabled = true\n" + jump("one", one, "1:")
		if beside {
			text = north + jump("one", one, "1:")
		}
		p, _ := peopleOf(t, text)
		p.seen(t, "one", one, "ada@tenant", "1:ada@tenant")
		p.seen(t, "gone", gone, "5f1a", "g:5f1a")
		p.seen(t, "other", other, "5f1a", "o:5f1a")
		for name, test := range tests {
			got, err := p.whom(t.Context(), cmp.Or(test.verb, "show"), test.provider, test.id, test.unseen)
			want, refusal := test.alone, test.refusal
			if beside {
				want, refusal = test.beside, cmp.Or(test.refusalBeside, strings.Replace(refusal, "one of one", "one of north, one", 1))
			}
			wantRefusal(t, name, err, refusal)
			if got != want {
				t.Errorf("%s, beside another provider: %v: want %v, got %v", name, beside, want, got)
			}
		}
	}
}

// Beside an OpenID provider, or one of whose tokens app roles are read, an object ID is no proof of whose group it is, and a
// line that names one without its providers is a fault: the very line that claimctl unmatched printed.
func TestTheLinesToPasteNameTheProvidersOfObjectIDs(t *testing.T) {
	const jump = "[provider.jump]\nkind = \"oidc\"\nissuer = \"https://one.example/\"\naudiences = [\"api\"]\nclient_ids = [\"*\"]\nuser_prefix = \"j:\"\n"
	const alone, named = adaID + ` = ""`, adaID + ` = { providers = ["north"] }`
	for name, test := range map[string]struct{ text, group, role string }{
		"one provider":              {north, alone, alone},
		"two of Entra ID's":         {north + south, alone, alone},
		"an OpenID provider beside": {north + jump, named, named},
		"app roles beside":          {north + south + "roles = \"roles\"\n", alone, named},
		"a pointer to the groups":   {north + south + "roles = \"/groups\"\ngroups = \"/groups\"\n", alone, alone},
		"groups of another claim":   {north + south + "groups = \"extn.teams\"\n", named, alone},
	} {
		cfg := loadText(t, test.text).Config
		for kind, want := range map[directory.Kind]string{directory.Groups: test.group, directory.Roles: test.role} {
			got := pasteLines(cfg, kind, []directory.Unmatched{{Value: adaID, Provider: "north"}})
			if !slices.Equal(got, []string{want}) {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
			loadText(t, test.text+"["+string(kind)+"s]\n"+strings.Join(got, "\n")+"\n")
		}
	}
}

// Whatever tokens bring, the lines that declare it are no fault when they are pasted, and name the very values.
func TestTheLinesToPasteDeclareEveryNaughtyValue(t *testing.T) {
	values := append(vectors.NaughtyStrings(t), "", "Analysts", "analysts", "ANALYSTS", "Straße", "k", "K", "K", adaID, strings.ToUpper(adaID),
		`CONTOSO\Team A`, `'both"`, "a.b", "label", "values", "providers", "a\u00a0b\\'", "*", "\U000e0041", strings.Repeat("x", 3000))
	for name, text := range map[string]string{
		"one provider":           north + "[groups]\nAnalysts = \"\"\n",
		"two providers":          north + south + "[groups]\nAnalysts = { providers = [\"south\"] }\n",
		"without regard to case": north + "[mapping]\ncase_sensitive = false\n[groups]\nAnalysts = \"\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			cfg := loadText(t, text).Config
			lines := pasteLines(cfg, directory.Groups, named("north", values))
			pasted := loadText(t, text+strings.Join(lines, "\n")+"\n").Config
			declared := map[string]config.Local{}
			for _, local := range pasted.Groups {
				declared[local.Name] = local
			}
			for _, value := range values {
				local, ok := declared[value]
				if !ok && value != "" && cfg.Mapping.CaseSensitive {
					t.Errorf("%+q is not declared", value)
				}
				if ok && value != "Analysts" && len(cfg.Providers) > 1 && !slices.Equal(local.Providers, []string{"north"}) && value != adaID && value != strings.ToUpper(adaID) {
					t.Errorf("%+q: want it named by north alone, got %q", value, local.Providers)
				}
			}
		})
	}
}

func TestTheLinesToPasteSayWhyThereIsNone(t *testing.T) {
	cfg := loadText(t, north+south+"[mapping]\ncase_sensitive = false\n[groups]\nAnalysts = { providers = [\"south\"] }\n[roles]\n").Config
	got := pasteLines(cfg, directory.Groups, []directory.Unmatched{
		{Claim: directory.Groups, Value: "Analysts", Provider: "north"}, {Claim: directory.Groups, Value: "analysts", Provider: "north"},
		{Claim: directory.Groups, Value: "", Provider: "north"}, {Claim: directory.Roles, Value: "role", Provider: "north"},
		{Claim: directory.Groups, Value: "Both", Provider: "south"}, {Claim: directory.Groups, Value: "Both", Provider: "north"},
		{Claim: directory.Groups, Value: "BOTH", Provider: "north"}, {Claim: directory.Groups, Value: "Gone", Provider: "old"},
	})
	want := []string{
		`# Analysts is declared already, with other values or for other providers: mend that line`,
		`# analysts is the same name as Analysts while case_sensitive is false`,
		`# "" cannot be declared: an empty claim value names nothing`,
		`Both = { providers = ["north", "south"] }`,
		`# BOTH is the same name as Both while case_sensitive is false`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("want\n%s\ngot\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
	if got := pasteLines(cfg, directory.Roles, []directory.Unmatched{{Claim: directory.Roles, Value: "role", Provider: "north"}}); !slices.Equal(got, []string{`role = { providers = ["north"] }`}) {
		t.Errorf("a role: got %q", got)
	}
}
