package daemon_test

import (
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entratest"
)

// record gives what the directory of the running claimd has of a user; false: nothing.
func (c *claimd) record(t *testing.T, id string) (admin.User, bool) {
	t.Helper()
	for _, apps := range []bool{false, true} {
		page, err := c.admin.Users(t.Context(), directory.Query{Apps: apps})
		must(t, err)
		for _, user := range page.Users {
			if user.Known.Key.ID == id {
				return user, true
			}
		}
	}
	return admin.User{}, false
}

// act does to a user what an administrator asks for.
func (c *claimd) act(t *testing.T, action directory.Action, provider, id string) admin.Changed {
	t.Helper()
	changed, err := c.admin.Change(t.Context(), admin.ChangeRequest{Action: action, Provider: provider, ID: id})
	must(t, err)
	if !changed.Changed {
		t.Errorf("%s %s changed nothing", action, id)
	}
	return changed
}

// activeAtSignUp: the first accepted token makes the user, under the id of the user claim.
func activeAtSignUp(t *testing.T, w *world) {
	c := w.own(t, plan{claims: `user = "sub"`})
	if user, known := c.record(t, adaObject); known {
		t.Errorf("before the first token: %+v", user)
	}
	c.ask(t, w.ada(t, claims{"exp": longAgo().Unix()})).want(t, "a token that is refused", "401 expired")
	c.ask(t, w.ada(t, claims{"azp": rogueApp})).want(t, "an application that may not call", "403 client")
	if user, known := c.record(t, adaObject); known {
		t.Errorf("after tokens that are no user's: %+v", user)
	}
	c.ask(t, w.ada(t, claims{"sub": "AbC-_9"})).want(t, "the first", letIn)
	user, _ := c.record(t, adaObject)
	if user.State != directory.Active || user.Known.User != "AbC-_9" || user.Key.Authority != contosoTenant || user.Client != deskApp ||
		len(user.Groups) != 1 || user.Groups[0] != (directory.Held{Name: "Analysts", Source: directory.FromClaim}) {
		t.Errorf("on record: %+v", user)
	}
	c.ask(t, w.ada(t, claims{"sub": "AbC-_9", "acct": 1})).want(t, "as a guest", letIn)
	if user, _ := c.record(t, adaObject); !user.Guest {
		t.Error("a guest is not marked as one")
	}
}

// deactivatedUsers: what claimctl users deactivate does bites at once, whatever the token says.
func deactivatedUsers(t *testing.T, w *world) {
	c := w.own(t, plan{provider: `admin_group = "` + adminGroupID + `"`})
	boss := w.ada(t, claims{"groups": []string{"Analysts", adminGroupID}})
	c.ask(t, boss).want(t, "before", letInBoss)
	c.ask(t, boss).want(t, "kept", letInBoss)
	changed := c.act(t, directory.Deactivate, "contoso", strings.ToUpper(adaObject))
	if changed.Before != directory.Active || changed.After != directory.Inactive || changed.Key.ID != adaObject {
		t.Errorf("got %+v", changed)
	}
	c.ask(t, boss).want(t, "the same token, of an administrator", "403 user_inactive")
	c.ask(t, w.ada(t, nil)).want(t, "a new token", "403 user_inactive")
	c.act(t, directory.Deactivate, "", blockedObject)
	c.ask(t, w.mint(t, w.contoso, entratest.Request{User: "blocked"})).want(t, "an id that was never seen", "403 user_inactive")
	c.act(t, directory.Activate, "", adaObject)
	c.ask(t, boss).want(t, "let in again", letInBoss)
	c.reload(t, plan{})
	c.ask(t, w.mint(t, w.contoso, entratest.Request{User: "blocked"})).want(t, "after a reload", "403 user_inactive")
}

// oneRecordForOneID: an e-mail address that changes is another address of the same user, and two ids with one address
// are two users.
func oneRecordForOneID(t *testing.T, w *world) {
	c := w.own(t, plan{})
	same := claims{"email": "shared@contoso.example"}
	c.ask(t, w.ada(t, same)).want(t, "Ada", letIn)
	c.ask(t, w.mint(t, w.contoso, entratest.Request{User: "blocked", Claims: same})).want(t, "another id with the address", letIn)
	ada, _ := c.record(t, adaObject)
	other, _ := c.record(t, blockedObject)
	if ada.Email != "shared@contoso.example" || other.Email != ada.Email {
		t.Errorf("on record: %+v and %+v", ada, other)
	}
	c.ask(t, w.ada(t, claims{"email": "married@contoso.example"})).want(t, "another address", letIn)
	if again, _ := c.record(t, adaObject); again.Email != "married@contoso.example" || !again.FirstSeen.Equal(ada.FirstSeen) {
		t.Errorf("on record: %+v", again)
	}
	if _, err := c.admin.Change(t.Context(), admin.ChangeRequest{Action: directory.Deactivate, ID: "shared@contoso.example"}); err == nil {
		t.Error("an e-mail address named a user")
	}
}

// byInvitation: whoever nobody has invited waits.
func byInvitation(t *testing.T, w *world) {
	wantFaults(t, []flawed{
		{soundHead + "[mapping]\nsign_up = \"invite\"", ""},
		{soundHead + "[mapping]\nsign_up = \"auto\"", ""},
		{soundHead + "[mapping]\nsign_up = \"ask\"", `claimd.toml:9: mapping.sign_up: want "auto" or "invite", got "ask"`},
	})
	invite := plan{mapping: `sign_up = "invite"`, more: "[[service_account]]\nobject_id = \"" + nightlyObject +
		"\"\napplication_id = \"" + nightlyApp + "\"\ngroups = [\"Analysts\"]\n"}
	c := w.own(t, invite)
	ada, other := w.ada(t, nil), w.mint(t, w.contoso, entratest.Request{User: "blocked"})
	c.ask(t, ada).want(t, "nobody has invited her", "403 user_inactive")
	if user, _ := c.record(t, adaObject); user.State != directory.Waiting || user.Refused != "user_inactive" {
		t.Errorf("on record: %+v", user)
	}
	c.act(t, directory.Activate, "", adaObject)
	c.ask(t, ada).want(t, "let in", letIn)
	c.act(t, directory.Invite, "contoso", blockedObject)
	c.ask(t, other).want(t, "invited before the first call", letIn)
	c.ask(t, w.nightly(t, nil)).want(t, "a service account stands in the configuration", letIn)
	c.act(t, directory.Deactivate, "", blockedObject)
	c.ask(t, other).want(t, "switched off after all", "403 user_inactive")
	declared := invite
	declared.more += "[[user]]\nid = \"" + otherObject + "\"\n"
	stranger := w.ada(t, claims{"oid": otherObject})
	c.ask(t, stranger).want(t, "somebody else", "403 user_inactive")
	c.reload(t, declared)
	c.ask(t, stranger).want(t, "who stands in the configuration", letIn)
	c.reload(t, plan{mapping: `sign_up = "auto"`})
	c.ask(t, w.ada(t, claims{"oid": someGroupID})).want(t, "sign_up = auto", letIn)
}

// Two users of two tenants with one object ID are two records.
func TestTheDirectoryKeepsTenantsApart(t *testing.T) {
	w := newWorld(t)
	c := w.claimd(t, twoTenants(w))
	ours, theirs := w.ada(t, nil), w.mint(t, w.fabrikam, entratest.Request{User: "ada"})
	c.ask(t, ours).want(t, "ours", letIn)
	c.ask(t, theirs).want(t, "theirs", letIn)
	c.act(t, directory.Deactivate, "fabrikam", adaObject)
	c.ask(t, ours).want(t, "ours", letIn)
	c.ask(t, theirs).want(t, "theirs, switched off", "403 user_inactive")
}

// Of an OpenID provider sub is the user's id, whatever characters are in it. Nobody could be invited by an id with an @ before
// he had come, as if it were an e-mail address.
func TestASubWithAnAtSignCanBeInvited(t *testing.T) {
	w := newWorld(t)
	o := startOpenID(t, "k")
	c := w.start(t, o.jumpcloudText()+"[mapping]\nsign_up = \"invite\"\n")
	defer c.end(t)
	c.ready(t)
	c.act(t, directory.Invite, "jumpcloud", "ada@tenant")
	c.ask(t, o.mint(t, w, claims{"sub": "ada@tenant"})).begins(t, "who was invited", "200")
	c.ask(t, o.mint(t, w, claims{"sub": "bob@tenant"})).begins(t, "who was not", "403 user_inactive")
}
