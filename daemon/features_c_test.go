package daemon_test

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/directory"
)

// rowsOfJumpCloud: a provider that is not Entra ID, in JumpCloud's shapes.
func rowsOfJumpCloud() []row {
	return []row{
		{"C1", "an opaque token is checked at userinfo or by introspection, and refused where no provider takes them", opaqueAtJumpCloud},
		{"C2", "issuers are compared byte for byte", issuersByteForByte},
		{"C3", "no redirect or login address is a setting", noLoginSettings},
		{"C4", "e-mail and names are optional", profileIsOptional},
		{"C5", "the groups claim has any name", anyGroupsName},
		{"C6", "one group as a string and several as an array", oneGroupOrMany},
		{"C7", "groups that are not listed are ignored", unlistedGroups},
		{"C8", "a secret stands in a file of its own", secretsInFiles},
		{"C9", "a new local group holds for the same token", newLocalGroup},
	}
}

func opaqueAtJumpCloud(t *testing.T, w *world) {
	o, v := startVoucher(t)
	c := o.guarded(t, w)
	good := map[string]string{}
	o.inEachWay(t, c, func(t *testing.T, way way) {
		token := way.token(nil)
		good[way.name] = token
		asked := v.asked()
		for range 3 {
			c.ask(t, token).begins(t, way.name, "200 groups=Analysts ")
		}
		if got, want := v.asked()-asked, map[string]int{"JWT": 0, "introspection": 1, "userinfo": 1}[way.name]; got != want {
			t.Errorf("the provider was asked %d times about one token, want %d", got, want)
		}
		c.ask(t, way.token(claims{"sub": nil})).begins(t, "nobody", "401 missing_claim")
		c.ask(t, way.token(claims{groupsName: nil, "groups": "Analysts"})).begins(t, "groups under another name", "403 no_group")
		for _, unknown := range []string{"2YotnFZFEjr1zCsicMWpAA", "a.b", token[:len(token)-1]} {
			if way.name != "JWT" {
				c.ask(t, unknown).begins(t, unknown, "401 opaque_token")
			}
		}
		asked = v.asked()
		for _, form := range []string{"a.b.c", "a.b.c.d.e", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI1ZjFhIn0"} {
			c.ask(t, form).begins(t, form, "401 malformed")
		}
		if got := v.asked() - asked; got != 0 {
			t.Errorf("the provider was asked %d times about what has the form of a JWT, or had it", got)
		}
	})
	c.becomes(t, o.jumpcloudText())
	asked := v.asked()
	for _, token := range []string{good["introspection"], good["userinfo"], "2YotnFZFEjr1zCsicMWpAA", "a.b"} {
		c.ask(t, token).begins(t, "where no provider takes them: "+token, "401 opaque_token")
	}
	if got := v.asked() - asked; got != 0 {
		t.Errorf("the provider was asked %d times where it takes none", got)
	}
}

func issuersByteForByte(t *testing.T, w *world) {
	o, outbound := startJumpCloud(t)
	c, bare := o.guarded(t, w, "[groups]", outbound+"[groups]"), strings.TrimSuffix(o.issuer, "/")
	o.inEachWay(t, c, func(t *testing.T, way way) {
		for issuer, want := range map[string]string{
			o.issuer: "200 ", bare: "401 issuer", o.issuer + "/": "401 issuer", strings.ToUpper(o.issuer): "401 issuer", o.issuer + "?": "401 issuer",
			"https://" + jumpcloudHost + ":443/": "401 issuer", "https://" + jumpcloudHost + "./": "401 issuer", w.contoso.Issuer(2): "401 issuer",
		} {
			c.ask(t, way.token(claims{"iss": issuer})).begins(t, issuer, want)
		}
	}, "[groups]", outbound+"[groups]")
	// Its document must name it so, too.
	other := w.start(t, o.jumpcloudText(`"`+o.issuer+`"`, `"`+bare+`"`, "[groups]", outbound+"[groups]"))
	defer other.end(t)
	other.ask(t, o.mint(t, w, claims{"iss": bare})).begins(t, "a document of another issuer", "503 keys_unavailable")
	other.ask(t, o.mint(t, w, nil)).begins(t, "a slash that the configuration leaves out", "401 issuer")
}

func noLoginSettings(t *testing.T, w *world) {
	o := startOpenID(t, "a")
	for key, hint := range map[string]string{
		"redirect_uri": "", "login_url": "", "client_secret": "\n  hint: no secret is needed to verify a token: take it out of this file",
	} {
		text := o.jumpcloudText("audiences =", key+" = \"x\"\naudiences =")
		wantFaults(t, []flawed{{text, "claimd.toml:5: provider.jumpcloud." + key + ": unknown key" + hint}})
	}
}

func profileIsOptional(t *testing.T, w *world) {
	o := startOpenID(t, "a")
	c := w.start(t, o.jumpcloudText())
	defer c.end(t)
	c.ready(t)
	got := c.whoami(t, o.mint(t, w, nil))
	for key, want := range map[string]any{
		"provider": "jumpcloud", "user": "5f1a", "kind": "user", "email": "ada@contoso.example", "first_name": "Ada", "last_name": "Lovelace",
		"client_application_id": jumpcloudClient, "admin": false,
	} {
		if got[key] != want {
			t.Errorf("%s: want %v, got %v", key, want, got[key])
		}
	}
	bare := c.whoami(t, o.mint(t, w, claims{"email": nil, "given_name": nil, "family_name": []string{"x"}}))
	if bare["email"] != "" || bare["first_name"] != "" || bare["last_name"] != "" {
		t.Errorf("want an empty profile, got %v", bare)
	}
}

func anyGroupsName(t *testing.T, w *world) {
	o, _ := startVoucher(t)
	c := o.guarded(t, w)
	for _, name := range []string{groupsName, "memberOf", "groups.of.this.app", "urn:x:groups"} {
		o.inEachWay(t, c, func(t *testing.T, way way) {
			c.ask(t, way.token(claims{groupsName: nil, name: "Analysts"})).begins(t, name, "200 ")
			if name != groupsName {
				c.ask(t, way.token(nil)).begins(t, "under another name", "403 no_group")
			}
		}, `"`+groupsName+`"`, `"`+name+`"`)
	}
}

func oneGroupOrMany(t *testing.T, w *world) {
	o, outbound := startJumpCloud(t)
	c := o.guarded(t, w, "[groups]", outbound+"[groups]")
	jumpcloudShapes(t, c, o, outbound)
	o.inEachWay(t, c, func(t *testing.T, way way) {
		for _, test := range []struct {
			groups any
			want   string
			names  string
		}{
			{nil, "403 no_group", ""}, {[]string{}, "403 no_group", ""}, {"", "403 no_group", ""}, {jsonNull, "403 no_group", ""},
			{"Analysts", "200 ", "Analysts"}, {[]string{"Analysts"}, "200 ", "Analysts"},
			{[]string{"Operators", "Analysts"}, "200 ", "Analysts,Operators"}, {[]string{"Analysts", "Operators", "Analysts"}, "200 ", "Analysts,Operators"},
			{"Analysts,Operators", "403 no_group", ""}, {"Analysts Operators", "403 no_group", ""}, {[]any{"Analysts", 1}, "401 claim_type", ""},
		} {
			a := c.ask(t, way.token(claims{groupsName: test.groups}))
			a.begins(t, fmt.Sprint(test.groups), test.want)
			if got := a.header.Get("Remote-Groups"); got != test.names {
				t.Errorf("%v: want the groups %q, got %q", test.groups, test.names, got)
			}
		}
	}, "[groups]", outbound+"[groups]")
}

func unlistedGroups(t *testing.T, w *world) {
	o, _ := startVoucher(t)
	c := o.guarded(t, w)
	o.inEachWay(t, c, func(t *testing.T, way way) {
		a := c.ask(t, way.token(claims{groupsName: []string{"Others", "Analysts", "analysts"}}))
		a.begins(t, "beside others", "200 ")
		if got := a.header.Get("Remote-Groups"); got != "Analysts" {
			t.Errorf("got %q", got)
		}
		c.ask(t, way.token(claims{groupsName: []string{"Others"}})).begins(t, "others alone", "403 no_group")
		c.ask(t, way.token(claims{groupsName: "Others"})).begins(t, "one other", "403 no_group")
	})
}

func secretsInFiles(t *testing.T, w *world) {
	o := startOpenID(t, "a")
	wantFaults(t, []flawed{{o.jumpcloudText("audiences =", "introspection_client_secret = \"x\"\naudiences ="),
		"claimd.toml:5: provider.jumpcloud.introspection_client_secret: unknown key\n  hint: no secret is needed to verify a token: take it out of this file"}})
}

func newLocalGroup(t *testing.T, w *world) {
	o, v := startVoucher(t)
	c := o.guarded(t, w)
	o.inEachWay(t, c, func(t *testing.T, way way) {
		token := way.token(claims{groupsName: "New"})
		c.ask(t, token).begins(t, "before", "403 no_group")
		asked := v.asked()
		text, err := os.ReadFile(c.file)
		must(t, err)
		c.becomes(t, strings.Replace(string(text), "Operators =", "New =", 1))
		c.ask(t, token).begins(t, "after", "200 groups=New ")
		if got := v.asked() - asked; got != 0 {
			t.Errorf("the provider was asked %d times more about the same token", got)
		}
	})
}

// Every algorithm that the provider lists is taken, and no other.
func TestAnOIDCProvidersAlgorithms(t *testing.T) {
	w, o := new(world), startOpenID(t, "a")
	var err error
	o.pss, err = rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	keys := map[string]string{"RS256": "a", "PS256": "ps", "ES256": "es"}
	for _, listed := range []string{"RS256", "PS256", "ES256"} {
		c := w.start(t, o.jumpcloudText("audiences =", "algorithms = [\""+listed+"\"]\naudiences ="))
		c.ready(t)
		for algorithm, kid := range keys {
			want := "401 algorithm"
			if algorithm == listed {
				want = "200 "
			}
			c.ask(t, o.mintWith(t, w, algorithm, kid, nil)).begins(t, algorithm+" where "+listed+" is listed", want)
		}
		c.end(t)
	}
}

// Users of a provider that is not Entra ID are switched off by the bytes of their id, under the issuer.
func TestAnOIDCUserIsDeactivatedByItsID(t *testing.T) {
	w, o := newWorld(t), startOpenID(t, "a")
	c := w.start(t, o.jumpcloudText())
	defer c.end(t)
	c.ready(t)
	upper := strings.ToUpper(adaObject)
	for _, id := range []string{"5f1a", "auth0|Ä b", upper, adaObject} {
		c.ask(t, o.mint(t, w, claims{"sub": id})).begins(t, id, "200 ")
	}
	for _, id := range []string{"auth0|Ä b", upper} {
		_, err := c.admin.Change(t.Context(), admin.ChangeRequest{Action: directory.Deactivate, Provider: "jumpcloud", ID: id})
		must(t, err)
	}
	for id, want := range map[string]string{"5f1a": "200 ", "auth0|Ä b": "403 user_inactive", upper: "403 user_inactive", adaObject: "200 "} {
		c.ask(t, o.mint(t, w, claims{"sub": id})).begins(t, id, want)
	}
	if files, err := filepath.Glob(filepath.Join(c.dir, "state", "keys", "jumpcloud-*.json")); err != nil || len(files) != 1 {
		t.Errorf("want the keys kept, got %v, %v", files, err)
	}
}

// What mends a refusal names keys of the provider's own kind.
func TestWhatMendsARefusalOfAnOIDCToken(t *testing.T) {
	w, o := newWorld(t), startOpenID(t, "a")
	c := w.start(t, o.jumpcloudText("audiences =", "required_scopes = [\"admin\"]\naudiences ="))
	defer c.end(t)
	c.ready(t)
	for _, test := range []struct {
		changes       claims
		reason, mends string
	}{
		{claims{"client_id": "x"}, "client", `if this client may call, add "x" to client_ids under [provider.jumpcloud]`},
		{nil, "scope", "let the client ask for admin; or take it out of required_scopes under [provider.jumpcloud]"},
		{claims{"sub": jumpcloudClient}, "unknown_service_account", "let the client call for a user"},
	} {
		e, err := c.admin.Explain(t.Context(), o.mint(t, w, test.changes))
		must(t, err)
		var got []string
		for _, check := range e.Checks {
			if !check.Passed {
				got = append(got, check.Reason.String()+": "+check.Mend)
			}
		}
		if want := test.reason + ": " + test.mends; len(got) == 0 || got[0] != want {
			t.Errorf("want %s, got %q", want, got)
		}
	}
}
