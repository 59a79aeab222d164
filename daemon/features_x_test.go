package daemon_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

// rowsOfAll are the rows X1 to X6, which hold for every request.
func rowsOfAll() []row {
	return []row{
		{"X1", "the first of the checks that fails is the reason", orderOfChecks},
		{"X2", "a token that can be read in two ways is malformed", malformed},
		{"X3", "identity headers of clients are refused at /auth and stripped by the proxy, and values are encoded", identityFields},
		{"X4", "what is kept of a token ends with the token, the key, the configuration, and never hides a check", kept},
		{"X5", "new keys are found at once by one fetch, and a bad document replaces nothing", keyFetches},
		{"X6", "the same token under the same configuration has the same answer", sameAnswer},
	}
}

// layered is a token with something wrong on every layer so far.
type layered struct {
	request entratest.Request
	claims  claims
	payload func([]byte) []byte
	signed  func(string) string
	field   func(token string) http.Header
}

// orderOfChecks begins with what is checked last and adds a fault of the check before in each step: the newest fault
// is the reason each time.
func orderOfChecks(t *testing.T, w *world) {
	const blocked = "[[user]]\nid = \"" + blockedObject + "\"\nblocked = true\n"
	p := plan{provider: "required_scopes = [\"" + readWrite + "\"]\nguests = \"deny\"", more: blocked}
	c := w.own(t, p)
	l := &layered{claims: claims{}, field: func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }}
	l.request.User, l.request.Header = "ada", claims{}
	set := func(name string, value any) func() { return func() { l.claims[name] = value } }
	head := func(name string, value any) func() { return func() { l.request.Header[name] = value } }
	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for _, step := range []struct {
		want string
		add  func()
	}{
		{letIn, func() {}},
		{"403 header_size", set("email", strings.Repeat("e", 17<<10))},
		{"403 no_group", set("groups", "Nobody")},
		{"401 claim_type", set("groups", 7)},
		{"403 groups_overage", set("hasgroups", true)},
		{"403 user_inactive", func() { l.request.User = "blocked" }},
		{"403 guest", set("acct", 1)},
		{"401 missing_claim", set("oid", nil)},
		{"403 scope", set("scp", "other")},
		{"403 client", func() { l.request.Client = rogueApp }},
		{"401 id_token", set("scp", "")},
		{"401 lifetime", set("exp", in(40*time.Hour))},
		{"401 not_yet_valid", set("nbf", in(time.Hour))},
		{"401 expired", set("exp", in(-time.Hour))},
		{"401 audience", set("aud", otherAPIApp)},
		{"401 malformed", func() { l.payload = twice }},
		{"401 signature", func() { l.signed = alter }},
		{"401 key", head("kid", "unknown")},
		{"401 version", set("ver", "1.0")},
		{"401 tenant", set("tid", fabrikamTenant)},
		{"401 issuer", set("iss", "https://idp.example/")},
		{"401 graph_token", set("aud", "https://graph.microsoft.com")},
		{"401 key", head("kid", nil)},
		{"401 algorithm", head("alg", "HS256")},
		{"401 malformed", head("crit", []string{"exp"})},
		{"400 invalid_request", func() {
			l.field = func(token string) http.Header {
				return http.Header{"Authorization": {"Bearer " + token, "Bearer " + token}}
			}
		}},
		{"403 header_spoof", func() {
			before := l.field
			l.field = func(token string) http.Header {
				header := before(token)
				header.Set("Remote-User", "root")
				return header
			}
		}},
		{"503 disabled", func() { p.head = "enabled = false"; c.reload(t, p) }},
	} {
		step.add()
		c.auth(t, l.field(l.token(t, w))).want(t, "the newest fault", step.want)
	}
}

func (l *layered) token(t *testing.T, w *world) string {
	t.Helper()
	request := l.request
	request.Claims = l.claims
	if l.payload != nil {
		plain := strings.Split(w.mint(t, w.contoso, request), ".")
		payload, err := base64.RawURLEncoding.DecodeString(plain[1])
		must(t, err)
		request.RawPayload = l.payload(payload)
	}
	token := w.mint(t, w.contoso, request)
	if l.signed != nil {
		token = l.signed(token)
	}
	return token
}

// twice adds a member that stands there twice.
func twice(payload []byte) []byte { return []byte(`{"x":1,"x":1,` + string(payload[1:])) }

// alter changes the first character of the signature.
func alter(token string) string {
	at := strings.LastIndexByte(token, '.') + 1
	other := "A"
	if token[at] == 'A' {
		other = "B"
	}
	return token[:at] + other + token[at+1:]
}

func malformed(t *testing.T, w *world) {
	c := w.claimd(t, plan{})
	token := w.ada(t, nil)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	must(t, err)
	const bad = "401 malformed"
	member := func(text string) string { return "{" + text + "," + string(payload[1:]) }
	for name, text := range map[string]string{
		"as it is":                          string(payload),
		"a member twice":                    member(`"x":1,"x":1`),
		"groups twice":                      member(`"groups":["Nobody"]`),
		"aud twice":                         member(`"aud":"` + apiApp + `"`),
		"aud twice, once escaped":           member(`"\u0061ud":"` + apiApp + `"`),
		"twice in a nested object":          member(`"x":{"a":1,"a":2}`),
		"oid in another case":               member(`"OID":"` + blockedObject + `"`),
		"scp in another case":               member(`"Scp":"admin"`),
		"hasgroups in another case":         member(`"HasGroups":false`),
		"tid in another case":               member(`"Tid":"` + contosoTenant + `"`),
		"no UTF-8":                          member("\"x\":\"\xff\""),
		"half a surrogate pair":             member(`"x":"\ud800"`),
		"the name is half a surrogate pair": member(`"\udc00":1`),
		"something behind":                  string(payload) + "{}",
		"a comment":                         string(payload) + "//",
		"NaN":                               member(`"x":NaN`),
		"a byte order mark":                 "\ufeff" + string(payload),
		"an array":                          "[" + string(payload) + "]",
		"a string":                          `"x"`,
		"65 levels":                         member(`"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64)),
	} {
		want := bad
		if name == "as it is" {
			want = letIn
		}
		raw := w.mint(t, w.contoso, entratest.Request{User: "ada", RawPayload: []byte(text)})
		c.ask(t, raw).want(t, name, want)
	}
	for name, header := range map[string]string{
		"alg twice":           `{"alg":"RS256","alg":"RS256","typ":"JWT","kid":"k"}`,
		"alg twice, escaped":  `{"alg":"RS256","\u0061lg":"none","typ":"JWT","kid":"k"}`,
		"alg in another case": `{"alg":"RS256","ALG":"none","typ":"JWT","kid":"k"}`,
		"no object":           `["RS256"]`,
		"three levels":        `{"alg":"RS256","typ":"JWT","kid":"k","x":{"y":{}}}`,
		"over 2 KiB":          `{"alg":"RS256","typ":"JWT","kid":"k","x":"` + strings.Repeat("x", 2<<10) + `"}`,
		"no typ":              `{"alg":"RS256","kid":"k"}`,
	} {
		c.ask(t, encode([]byte(header))+token[strings.IndexByte(token, '.'):]).want(t, "header: "+name, bad)
	}
	c.ask(t, token+"==").want(t, "padded", bad)
	c.ask(t, token+"A").want(t, "a character more", "401 signature")
	c.ask(t, strings.NewReplacer("-", "+", "_", "/").Replace(w.mint(t, w.contoso, entratest.Request{User: "ada", Header: claims{"x": "???>>>"}}))).
		want(t, "the other alphabet", bad)
	c.ask(t, trailingBits(token)).want(t, "bits behind the signature", bad)
	c.ask(t, token[:len(token)-2]).want(t, "cut", "401 signature")
	c.ask(t, w.ada(t, claims{"x": strings.Repeat("x", 32<<10)})).want(t, "over 32 KiB", bad)
	c.ask(t, strings.Repeat(".", 20<<10)).want(t, "nothing but dots", "401 opaque_token")
	c.ask(t, w.ada(t, claims{"x": strings.Repeat("x", 20<<10)})).want(t, "large", letIn)
}

// trailingBits spells the last character of a 256-byte signature so that its unused bits are not zero.
func trailingBits(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + string(alphabet[last|1])
}

func identityFields(t *testing.T, w *world) {
	c := w.own(t, plan{groups: "Analysts = \"\"\n'a,b' = \"\""}.behind(echo(t)))
	token := w.ada(t, claims{"groups": []string{"Analysts", "a,b"}, "given_name": "Zoë", "family_name": " x"})
	spoofs := []string{"Remote-User", "remote-user", "REMOTE_USER", "Remote.User", "remote_Groups", "Remote-Admin", "Remote-Email",
		"Remote-Name", "Remote-Roles", "Remote-Provider"}
	for _, name := range spoofs {
		for _, value := range []string{"root", ""} {
			header := http.Header{"Authorization": {"Bearer " + token}, name: {value}}
			c.auth(t, header).want(t, name, "403 header_spoof")
			c.auth(t, http.Header{name: {value}}).want(t, name+" without a token", "403 header_spoof")
			got := c.through(t, "/", header).echoed(t)
			for field, values := range got {
				folded := strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(field))
				if strings.HasPrefix(folded, "remote-") && (len(values) != 1 || field != http.CanonicalHeaderKey(folded) || values[0] == "root") {
					t.Errorf("%s came through the proxy: %s is %q", name, field, values)
				}
			}
			for field, want := range map[string]string{
				"Remote-User": adaObject, "Remote-Groups": "Analysts,a%2Cb", "Remote-Name": "Zo%C3%AB  x", "Remote-Admin": "false",
				"Remote-Roles": "", "Remote-Provider": "contoso", "Authorization": "",
			} {
				if got.Get(field) != want {
					t.Errorf("%s through the proxy: %q, want %q", field, got.Get(field), want)
				}
			}
		}
	}
	c.auth(t, http.Header{"Authorization": {"Bearer " + token}, "Remote-Usher": {"x"}, "X-Remote-User": {"x"}}).
		want(t, "other headers do not matter", "200 groups=Analysts,a%2Cb roles=")
}

func kept(t *testing.T, w *world) {
	tenant := startTenant(t, people(contosoTenant))
	p := plan{provider: `clock_skew = "0s"`, groups: "Analysts = \"\"\nOperators = \"\""}
	c := w.start(t, p.text(tenant))
	t.Cleanup(func() { c.end(t) })
	c.ready(t)
	soon := time.Now().Add(2500 * time.Millisecond).Truncate(time.Second)
	ending := w.mint(t, tenant, entratest.Request{User: "ada", Claims: claims{"exp": soon.Unix()}})
	lasting := w.mint(t, tenant, entratest.Request{User: "ada"})
	for range 3 {
		c.ask(t, ending).want(t, "before its end", letIn)
		c.ask(t, lasting).want(t, "a token that lasts", letIn)
	}
	spoof := http.Header{"Authorization": {"Bearer " + lasting}, "Remote-User": {"root"}}
	c.auth(t, spoof).want(t, "a known token beside a spoofed header", "403 header_spoof")
	altered := alter(lasting)
	c.ask(t, altered).want(t, "a known token with another signature", "401 signature")
	p.groups = "Operators = \"\""
	c.write(t, p.text(tenant))
	result, err := c.admin.Reload(t.Context())
	must(t, err)
	if !result.OK {
		t.Fatalf("the reload is refused: %+v", result)
	}
	c.ask(t, lasting).want(t, "its group is gone from the configuration", "403 no_group")
	p.groups = "Analysts = \"\""
	c.write(t, p.text(tenant))
	_, err = c.admin.Reload(t.Context())
	must(t, err)
	c.ask(t, lasting).want(t, "a refusal is not kept", letIn)
	time.Sleep(time.Until(soon.Add(20 * time.Millisecond)))
	c.ask(t, ending).want(t, "after its end", "401 expired")
	tenant.Remove(tenant.KeyIDs()[0])
	tenant.Rotate()
	_, err = c.admin.RefreshKeys(t.Context(), "contoso")
	must(t, err)
	c.ask(t, lasting).want(t, "its key is withdrawn", "401 key")
}

func keyFetches(t *testing.T, w *world) {
	tenant := startTenant(t, people(contosoTenant))
	c := w.start(t, plan{}.text(tenant))
	t.Cleanup(func() { c.end(t) })
	c.ready(t)
	before := tenant.Requests("v2 keys")
	old := w.mint(t, tenant, entratest.Request{User: "ada"})
	tenant.Rotate()
	token := w.mint(t, tenant, entratest.Request{User: "ada"})
	var all sync.WaitGroup
	answers := make([]string, 20)
	for i := range answers {
		all.Go(func() {
			answers[i] = fetch(t, http.MethodGet, c.gate+"/auth", http.Header{"Authorization": {"Bearer " + token}}).String()
		})
	}
	all.Wait()
	if i := slices.IndexFunc(answers, func(a string) bool { return a != letIn }); i >= 0 {
		t.Errorf("after a rotation: %q", answers)
	}
	if got := tenant.Requests("v2 keys") - before; got != 1 {
		t.Errorf("%d fetches of the keys, want 1", got)
	}
	c.ask(t, old).want(t, "the key before is still published", letIn)
	for name, body := range map[string]string{
		"no keys": `{"keys":[]}`, "an empty object": `{}`, "null": `null`, "no JSON": `<html>`, "keys twice": `{"keys":[],"keys":[]}`,
		"only what is no key": `{"keys":[{"kty":"oct","kid":"x","k":"AAAA"}]}`, "too large": `{"keys":[],"x":"` + strings.Repeat("x", 1<<20) + `"}`,
	} {
		tenant.SetFaults(entratest.Faults{Rewrite: func(what string, good []byte) []byte {
			if strings.HasSuffix(what, "keys") {
				return []byte(body)
			}
			return good
		}})
		results, err := c.admin.RefreshKeys(t.Context(), "contoso")
		must(t, err)
		if len(results) != 1 || results[0].Problem == "" {
			t.Errorf("%s: the refresh tells of no problem", name)
		}
		c.ask(t, w.mint(t, tenant, entratest.Request{User: "ada"})).want(t, name, letIn)
	}
	for name, from := range map[string][2]string{
		"keys on another host": {`"jwks_uri":"` + tenant.URL(), `"jwks_uri":"` + w.fabrikam.URL()},
		"another issuer":       {`"issuer":"` + tenant.Issuer(2), `"issuer":"` + w.fabrikam.Issuer(2)},
	} {
		tenant.SetFaults(entratest.Faults{Rewrite: func(_ string, good []byte) []byte {
			return []byte(strings.ReplaceAll(string(good), from[0], from[1]))
		}})
		_, err := c.admin.RefreshKeys(t.Context(), "contoso")
		must(t, err)
		c.ask(t, w.mint(t, tenant, entratest.Request{User: "ada"})).want(t, name, letIn)
	}
}

func sameAnswer(t *testing.T, w *world) {
	p := plan{groups: "Analysts = \"\"\nOperators = \"\"\na = \"\"", roles: "a = \"\"\nb = \"\"", claims: `admin = "boss"`,
		mapping: "default_groups = [\"Operators\"]\ndefault_roles = [\"b\"]"}
	one, other := w.own(t, p), w.own(t, p)
	values := []string{"a", "Analysts", "x", "y", "Operators"}
	var first string
	for range values {
		values = append(values[1:], values[0])
		token := w.ada(t, claims{"groups": values, "boss": "is_admin"})
		for range 2 {
			for _, c := range []*claimd{one, other} {
				a := c.ask(t, token)
				var fields []string
				for _, name := range identityHeaders {
					fields = append(fields, a.header.Get(name))
				}
				if first == "" {
					first = fmt.Sprint(fields)
				}
				if got := fmt.Sprint(fields); got != first {
					t.Errorf("got %s, then %s", first, got)
				}
				whoami, err := json.Marshal(c.whoami(t, token)["groups"])
				must(t, err)
				if string(whoami) != `["Analysts","Operators","a"]` {
					t.Errorf("whoami has the groups %s", whoami)
				}
			}
		}
	}
	if want := fmt.Sprint([]string{adaObject, "ada@contoso.example", "Ada Lovelace", "Analysts,Operators,a", "a,b", "true", "contoso"}); first != want {
		t.Errorf("got %s, want %s", first, want)
	}
}
