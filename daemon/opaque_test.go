package daemon_test

import (
	"net/url"
	"os"
	"strings"
	"testing"
)

func unescaped(text string) string {
	plain, err := url.QueryUnescape(text)
	if err != nil {
		return ""
	}
	return plain
}

// An opaque token is judged by what its provider says of it: let in with the identity of the answer, asked about once, and
// refused once the provider does not vouch for it. JWTs of the same provider are judged here, and never sent.
func TestOpaqueTokensAreAskedAbout(t *testing.T) {
	w := &world{shared: map[plan]*claimd{}}
	o, v := startVoucher(t)
	for kind, text := range map[string]string{"introspection": o.introspected(t), "userinfo": o.byUserinfo()} {
		t.Run(kind, func(t *testing.T) {
			c := w.start(t, text)
			defer c.end(t)
			c.ready(t)
			token, client := "good-"+kind, jumpcloudClient
			v.set(token, o.active(nil))
			if kind == "userinfo" {
				v.set(token, o.user(nil))
				client = ""
			}
			before := v.asked()
			for range 3 {
				c.ask(t, token).begins(t, "a good token", "200 ")
			}
			who := c.whoami(t, token)
			if who["user"] != "5f1a" || who["provider"] != "jumpcloud" || who["client_application_id"] != client || who["first_name"] != "Ada" {
				t.Errorf("whoami: %v", who)
			}
			for range 3 {
				c.ask(t, "unknown-"+kind).begins(t, "an unknown token", "401 opaque_token")
			}
			if n := v.asked() - before; n != 2 {
				t.Errorf("%d requests for two tokens", n)
			}
			jwt := map[string]string{"introspection": "200 ", "userinfo": "401 audience"}[kind]
			c.ask(t, o.mint(t, w, nil)).begins(t, "a JWT", jwt)
			for _, form := range []string{"a.b.c", "a.b.c.d.e", "eyJ.b", "eyJhbGciOiJSUzI1NiJ9.a.b.c"} {
				c.ask(t, form).begins(t, form, "401 malformed")
			}
			if n := v.asked() - before; n != 2 {
				t.Errorf("%d requests: a JWT, or a piece of one, was sent", n)
			}
		})
	}
}

// The shipped examples, changed only in where the provider and the secret are.
func TestTheExamplesTakeOpaqueTokens(t *testing.T) {
	w := &world{shared: map[plan]*claimd{}}
	o, v := startVoucher(t)
	for name, test := range map[string]struct {
		issuer string
		says   claims
		want   string
	}{
		"jumpcloud.toml": {"https://oauth.id.jumpcloud.com/", claims{"sub": "5f1a", "https://api.contoso.example/groups": "Operators"}, "200 groups=Operators roles="},
		"introspection.toml": {"https://sso.contoso.example/realms/staff", o.active(claims{"aud": "https://api.contoso.example", "client_id": "reports-web",
			"scope": "reports.read", "resource_access": claims{"reports-api": claims{"groups": []string{"Analysts"}, "roles": []string{"editor", "Analysts"}}}}),
			"200 groups=Analysts roles=editor"},
	} {
		shipped, err := os.ReadFile("../etc/examples/" + name)
		must(t, err)
		text := strings.NewReplacer(test.issuer, o.issuer, "/etc/claimd/introspection-secret", secretFile(t, voucherSecret), "\"reports-api\"", "\""+voucherID+"\"").
			Replace(string(shipped))
		if !strings.Contains(text, o.issuer) {
			t.Errorf("%s: the issuer %s does not stand there", name, test.issuer)
		}
		c := w.start(t, text)
		c.ready(t)
		v.set("of-"+name, test.says)
		c.ask(t, "of-"+name).begins(t, name, test.want)
		c.ask(t, "of-nobody").begins(t, name, "401 opaque_token")
		c.end(t)
	}
}
