package daemon_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entratest"
)

// What is Entra ID's alone, and was taken for everybody's; and what one provider could make of another's.

// idp and acct mean a guest in Entra ID's tokens alone. Other providers write idp as they like (Duende IdentityServer writes
// idp = "local" into every access token), and guests cannot be set there: all their users were refused as guests.
func TestNobodyIsAGuestAtAnOpenIDProvider(t *testing.T) {
	w := &world{shared: map[plan]*claimd{}}
	o, _ := startVoucher(t)
	c := w.start(t, o.jumpcloudText())
	defer c.end(t)
	c.ready(t)
	for _, changes := range []claims{{"idp": "local"}, {"acct": 1}} {
		c.ask(t, o.mint(t, w, changes)).begins(t, "a token of an OpenID provider", "200")
	}
	detail, err := c.admin.User(t.Context(), "jumpcloud", "5f1a")
	must(t, err)
	if detail.Guest {
		t.Error("the directory calls the user a guest")
	}
	explained, err := c.admin.Explain(t.Context(), o.mint(t, w, claims{"idp": "local"}))
	must(t, err)
	for _, check := range explained.Checks {
		if check.Name == "guest" || check.Name == "graph_token" {
			t.Errorf("explain shows the check %s, which is for tokens of Entra ID", check.Name)
		}
	}
}

// Ids of an OpenID provider are bytes: two subs that differ by case are two people. One of them was blocked, and the other
// was shut out with him.
func TestBlockedIsWhoHasThatSubAndNobodyElse(t *testing.T) {
	w := &world{shared: map[plan]*claimd{}}
	o, _ := startVoucher(t)
	upper, lower := strings.ToUpper(adaObject), adaObject
	c := w.start(t, o.jumpcloudText()+"[[user]]\nid = \""+upper+"\"\nblocked = true\n")
	defer c.end(t)
	c.ready(t)
	c.ask(t, o.mint(t, w, claims{"sub": upper})).want(t, "who is blocked", "403 user_inactive")
	c.ask(t, o.mint(t, w, claims{"sub": lower})).begins(t, "who is not", "200")
}

// A provider that writes no iat is allowed. After claimctl users revoke, which names the moment from which new sign-ins pass,
// no token of the user ever passed again, and nothing undid that. nbf is a date too.
func TestARevocationEndsAtAProviderWithoutIAT(t *testing.T) {
	w := &world{shared: map[plan]*claimd{}}
	o, _ := startVoucher(t)
	c := w.start(t, "enabled = true\n"+o.table("jumpcloud", `clock_skew = "0s"`)+"[groups]\nAnalysts = \"\"\n")
	defer c.end(t)
	c.ready(t)
	undated := o.mint(t, w, claims{"iat": nil})
	c.ask(t, undated).begins(t, "before", "200")
	changed := c.act(t, directory.Revoke, "jumpcloud", "5f1a")
	time.Sleep(time.Until(changed.Passes))
	c.ask(t, o.mint(t, w, claims{"iat": nil, "nbf": changed.Passes.Unix()})).begins(t, "a new sign-in from "+changed.Passes.String()+" on", "200")
	c.ask(t, o.mint(t, w, claims{"iat": nil, "nbf": changed.Passes.Unix() - 1})).want(t, "an old one", "401 revoked")
	if c.ask(t, undated).want(t, "one without a date", "401 revoked"); !changed.Undated {
		t.Error("nothing says that tokens without a date stay refused")
	}
	explained, err := c.admin.Explain(t.Context(), undated)
	must(t, err)
	if !strings.Contains(explained.Sentence, "have the provider write iat or nbf") {
		t.Errorf("explain tells\n%s", explained.Sentence)
	}
}

// Whoever asked claimctl explain about a token of an OpenID provider was told to look at keys of the other kind, which are
// faults there, or at Microsoft's portal.
func TestWhatMendsATokenOfAnOpenIDProviderIsOfItsKind(t *testing.T) {
	w := &world{shared: map[plan]*claimd{}}
	o, _ := startVoucher(t)
	c := w.start(t, o.jumpcloudText("audiences =", "required_scopes = [\""+readWrite+"\"]\naudiences ="))
	defer c.end(t)
	c.ready(t)
	for _, row := range []struct {
		reason, mend string
		changes      claims
	}{
		{"groups_overage", "have the provider write the groups into the access token itself", claims{"_claim_names": claims{groupsName: "src1"}}},
		{"no_group", "let groups under [provider.jumpcloud.claims] name the claim that holds them", claims{groupsName: nil}},
		{"issuer", "compare the issuer with issuer under [provider.jumpcloud], byte for byte", claims{"iss": "https://other.example"}},
		{"issuer", "let the client sign in at the provider of the configuration", claims{"iss": "https://login.microsoftonline.com/" + contosoTenant + "/v2.0"}},
		{"lifetime", "ask the provider for a new token", claims{"nbf": time.Now().Unix() + 30, "exp": time.Now().Unix() + 20}},
		{"missing_claim", "look at user under [provider.jumpcloud.claims]", claims{"sub": nil}},
		{"claim_type", "groups and roles hold strings, and user one string", claims{"sub": 7}},
		{"scope", "scope holds openid; missing: " + readWrite, claims{"scope": "openid"}},
		{"scope", "scp holds openid; missing: " + readWrite, claims{"scope": nil, "scp": "openid"}},
		{"unknown_service_account", "let the client call for a user", claims{"sub": jumpcloudClient}},
	} {
		explained, err := c.admin.Explain(t.Context(), o.mint(t, w, row.changes))
		must(t, err)
		if got := explained.Reason.String(); got != row.reason || !strings.Contains(explained.Sentence, row.mend) {
			t.Errorf("want %s and %s, got %s and\n%s", row.reason, row.mend, got, explained.Sentence)
		}
		for _, foreign := range []string{"tenant_id", "cloud ", "groupMembershipClaims", "app registration", "oid as object_id", "Enterprise"} {
			if strings.Contains(explained.Sentence, foreign) {
				t.Errorf("%s: speaks of %s:\n%s", row.reason, foreign, explained.Sentence)
			}
		}
		if last := explained.Checks[len(explained.Checks)-1]; row.reason == "unknown_service_account" &&
			(last.Want != "a token for a user" || last.Got != `the client's own: sub is its id "`+jumpcloudClient+`"`) {
			t.Errorf("want %q, got %q", last.Want, last.Got)
		}
	}
}

// besideOpenID is a configuration of contoso at Entra ID and of an OpenID provider beside it.
func besideOpenID(w *world, o *openID, entra, oidc, groups string) string {
	return plan{provider: entra, groups: groups, more: o.table("jumpcloud", oidc)}.text(w.contoso)
}

// wantLoadFault fails the test unless the configuration has faults, of which one holds these words.
func wantLoadFault(t *testing.T, text, words string) {
	t.Helper()
	file := t.TempDir() + "/claimd.toml"
	must(t, os.WriteFile(file, []byte(text), 0o600))
	if _, err := daemon.Load(file, config.ReadOptions{}); err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("want a fault that says %s, got %v", words, err)
	}
}

// An OpenID provider without a prefix writes into sub what it likes: the prefix and object ID of somebody at Entra ID. The
// API saw one user where there were two, and claimctl check gave a notice alone.
func TestNoSubCanMakeAUserNameOfAnotherProvider(t *testing.T) {
	w := newWorld(t)
	o, _ := startVoucher(t)
	const both = `Analysts = { providers = ["contoso", "jumpcloud"] }`
	wantLoadFault(t, besideOpenID(w, o, `user_prefix = "c:"`, "", both), `a user here can have the same user name as one of provider "contoso"`)
	wantLoadFault(t, besideOpenID(w, o, "", `user_prefix = "`+adaObject[:2]+`"`, both), `a user here can have the same user name as one of provider "contoso"`)
}

// explain tells Ada's administrator which line would let her in. With two providers that line was a fault, for a name and,
// beside an OpenID provider, for an object ID.
func TestTheLinesThatExplainShowsAreNoFaultWithTwoProviders(t *testing.T) {
	w := newWorld(t)
	o, _ := startVoucher(t)
	const groups = `Operators = { providers = ["contoso", "jumpcloud"] }`
	text := besideOpenID(w, o, "", `user_prefix = "j:"`, groups)
	c := w.start(t, text)
	defer c.end(t)
	c.ready(t)
	for _, value := range []string{"Analysts", someGroupID} {
		explained, err := c.admin.Explain(t.Context(), w.ada(t, claims{"groups": []string{value}}))
		must(t, err)
		_, line, ok := strings.Cut(explained.Sentence, "# under [groups]\n")
		if !ok {
			t.Fatalf("want a line to paste, got %s", explained.Sentence)
		}
		line, _, _ = strings.Cut(line, "\n")
		c.write(t, strings.Replace(text, groups, groups+"\n"+line, 1))
		result, err := c.admin.Reload(t.Context())
		must(t, err)
		if !result.OK {
			t.Errorf("the line %s is a fault: %v", line, result.Faults)
		}
		c.ask(t, w.ada(t, claims{"groups": []string{value}})).begins(t, "with the line "+line, "200")
	}
}

// The provider's clock was half a minute ahead of claimd's, well within clock_skew. A token issued before the revocation was
// dated after it, and came back in.
func TestARevokedTokenThatIsDatedAheadStaysOut(t *testing.T) {
	w := newWorld(t)
	c := w.own(t, plan{})
	token := w.mint(t, w.contoso, entratest.Request{User: "ada", Issued: time.Now().Add(30 * time.Second)})
	for range 2 {
		c.ask(t, token).begins(t, "before", "200")
	}
	changed, err := c.admin.Change(t.Context(), admin.ChangeRequest{Action: directory.Revoke, ID: adaObject})
	must(t, err)
	c.ask(t, token).want(t, "a token from before the revocation", "401 revoked")
	if ends := changed.NotBefore.Add(6 * time.Minute); changed.Passes.Before(ends) || changed.Passes.After(ends.Add(time.Second)) || changed.Undated {
		t.Errorf("revoked at %s, and new sign-ins pass from %s on", changed.NotBefore, changed.Passes)
	}
}
