package access

import (
	"encoding/base64"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/reason"
)

const operators = "operators"

// routed is a configuration with one route of each kind. Ada is one of the Analysts and has the role analyst.
func routed(c *config.Config) {
	c.Groups = append(c.Groups, config.Local{Name: "Operators", Values: []string{operators}})
	c.Roles = []config.Local{{Name: "analyst", Values: []string{analysts}}, {Name: "writer"}}
	c.ServiceAccounts = []config.ServiceAccount{{
		Provider: "contoso", ObjectID: exportObject, ApplicationID: exportApp, Name: "nightly export", Groups: []string{"Analysts"}, Active: true,
	}}
	c.Routes = []config.Route{
		{Match: "/analysts/", Groups: []string{"Analysts", "Operators"}},
		{Match: "/operators/", Groups: []string{"Operators"}},
		{Match: "/role/", Roles: []string{"analyst"}},
		{Match: "/writers/", Groups: []string{"Analysts"}, Roles: []string{"writer"}},
		{Match: "/scope/", Scopes: []string{"platform.read-write"}},
		{Match: "/scopes/", Scopes: []string{"platform.read-write", "reports.all"}},
		{Match: "/admin/", Admin: true},
		{Match: "/strict/", ACRS: "c1"},
		{Match: "/all/", Groups: []string{"Analysts"}, Roles: []string{"analyst"}, Scopes: []string{"platform.read-write"}, ACRS: "c2"},
		{Match: "GET /public/", Public: true},
	}
	for i := range c.Routes {
		c.Routes[i].Place = "claimd.toml:" + string(rune('1'+i))
	}
	c.Server.OriginalRequest = config.OriginalXOriginal
	c.Server.TrustedProxies = config.TrustedProxies{Unix: true, Nets: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
}

// at asks for a path with the token.
func (f *fixture) at(path, raw string) Decision {
	return f.gate.Decide(f.t.Context(), Request{Header: bearerHeader(raw), Original: &Original{"GET", "api.contoso.example", path}})
}

// Who passes by which route: asked anew, and asked again of what is kept of the token.
func TestARouteAsksForGroupsRolesScopesAnAdministratorAndAContext(t *testing.T) {
	type claims = map[string]any
	export := entratest.Request{Client: exportApp}
	for _, c := range []struct {
		path  string
		token entratest.Request
		want  reason.Reason
		scope string
	}{
		{"/analysts/x", entratest.Request{User: "reader"}, reason.None, ""},
		{"/analysts", entratest.Request{User: "reader"}, reason.None, ""},
		{"/operators/", entratest.Request{User: "reader"}, reason.Route, ""},
		{"/operators/", entratest.Request{User: "reader", Claims: claims{"groups": []string{operators}}}, reason.None, ""},
		{"/operators/", entratest.Request{User: "reader", Claims: claims{"groups": []string{"Operators"}}}, reason.NoGroup, ""},
		{"/role/", entratest.Request{User: "reader"}, reason.None, ""},
		{"/role/", entratest.Request{User: "reader", Claims: claims{"groups": []string{operators}}}, reason.Route, ""},
		{"/writers/", entratest.Request{User: "reader"}, reason.Route, ""},
		{"/writers/", entratest.Request{User: "reader", Claims: claims{"groups": []string{"writer"}}}, reason.NoGroup, ""},
		{"/writers/", entratest.Request{User: "reader", Claims: claims{"groups": []string{"writer", operators}}}, reason.Route, ""},
		{"/writers/", entratest.Request{User: "reader", Claims: claims{"groups": []string{"writer", analysts}}}, reason.None, ""},
		{"/scope/", entratest.Request{User: "reader"}, reason.None, ""},
		{"/scope/", entratest.Request{User: "reader", Claims: claims{"scp": "platform.read-writes xplatform.read-write"}}, reason.Route, "platform.read-write"},
		{"/scope/", entratest.Request{User: "reader", Claims: claims{"scp": "Platform.read-write"}}, reason.Route, "platform.read-write"},
		{"/scopes/", entratest.Request{User: "reader"}, reason.Route, "platform.read-write reports.all"},
		{"/scopes/", entratest.Request{User: "reader", Claims: claims{"scp": "reports.all  platform.read-write"}}, reason.None, ""},
		{"/scopes/", entratest.Request{User: "reader", Claims: claims{"roles": []string{"reports.all"}}}, reason.Route, "platform.read-write reports.all"},
		{"/scope/", export, reason.Route, "platform.read-write"},
		{"/scope/", entratest.Request{Client: exportApp, Claims: claims{"roles": []string{"platform.read-write", "x"}}}, reason.None, ""},
		{"/scope/", entratest.Request{Client: exportApp, Claims: claims{"roles": "platform.read-write"}}, reason.None, ""},
		{"/scope/", entratest.Request{Client: exportApp, Claims: claims{"roles": "platform.read-write x"}}, reason.Route, "platform.read-write"},
		{"/analysts/", export, reason.None, ""},
		{"/admin/", entratest.Request{User: "reader"}, reason.Route, ""},
		{"/admin/", entratest.Request{User: "reader", Claims: claims{"rights": "is_admin"}}, reason.None, ""},
		{"/admin/", entratest.Request{Client: exportApp, Claims: claims{"rights": "is_admin"}}, reason.Route, ""},
		{"/strict/", entratest.Request{User: "reader"}, reason.StepUp, ""},
		{"/strict/", entratest.Request{User: "reader", Claims: claims{"acrs": []string{"c2", "c1"}}}, reason.None, ""},
		{"/strict/", entratest.Request{User: "reader", Claims: claims{"acrs": "c1"}}, reason.None, ""},
		{"/strict/", entratest.Request{User: "reader", Claims: claims{"acrs": []string{"C1", "c11", "c1 "}}}, reason.StepUp, ""},
		{"/strict/", entratest.Request{User: "reader", Claims: claims{"acrs": 1}}, reason.StepUp, ""},
		{"/all/", entratest.Request{User: "reader", Claims: claims{"acrs": []string{"c2"}}}, reason.None, ""},
		{"/all/", entratest.Request{User: "reader"}, reason.StepUp, ""},
		{"/all/", entratest.Request{User: "reader", Claims: claims{"scp": "x", "acrs": []string{"c2"}}}, reason.Route, "platform.read-write"},
		{"/all/", entratest.Request{User: "reader", Claims: claims{"groups": []string{operators}}}, reason.Route, ""},
		{"/", entratest.Request{User: "reader", Claims: claims{"rights": "is_admin"}}, reason.Route, ""},
	} {
		f := newFixture(t, func(cfg *config.Config) { routed(cfg); cfg.Providers[0].Claims.Admin = "rights" })
		raw := f.mint(c.token)
		for _, how := range []string{"anew", "again"} {
			d := f.at(c.path, raw)
			if d.Reason != c.want || d.Scope != c.scope || d.Allowed() != (c.want == reason.None) {
				t.Errorf("%s %s with %+v: %s, scope %q; want %s, %q", how, c.path, c.token, d.Reason, d.Scope, c.want, c.scope)
			}
			if d.Reason != reason.None && (d.Identity != nil || d.Headers != nil) {
				t.Errorf("%s: a refusal tells who it was", c.path)
			}
		}
		kept := uint64(1)
		if c.want == reason.NoGroup {
			kept = 0
		}
		if stats := f.gate.Stats(); uint64(stats.Kept) != kept {
			t.Errorf("%s %s: %d identities are kept, want %d", c.path, c.want, stats.Kept, kept)
		}
	}
}

// Scopes that a provider asks for of everybody stand in the challenge too, each once: one new token has them all.
func TestTheScopesOfARouteStandBesideThoseOfTheProvider(t *testing.T) {
	f := newFixture(t, func(c *config.Config) { routed(c); c.Providers[0].RequiredScopes = []string{"platform.read-write"} })
	d := f.at("/scopes/", f.mint(entratest.Request{User: "reader"}))
	if d.Reason != reason.Route || d.Scope != "platform.read-write reports.all" {
		t.Errorf("%s, scope %q", d.Reason, d.Scope)
	}
}

// The contract's order, with routes in it.
func TestTheOrderOfTheChecksWithRoutes(t *testing.T) {
	f := newFixture(t, routed)
	big := strings.Repeat("x", 20<<10)
	spoof := func(raw string) http.Header {
		header := bearerHeader(raw)
		header["Remote_user"] = []string{"root"}
		return header
	}
	raw := f.mint(entratest.Request{User: "reader"})
	stranger := f.mint(entratest.Request{User: "stranger"})
	large := f.mint(entratest.Request{User: "reader", Claims: map[string]any{"given_name": big}})
	for _, c := range []struct {
		story  string
		header http.Header
		target string
		want   reason.Reason
	}{
		{"header_spoof before original_request", spoof("x"), "/..", reason.HeaderSpoof},
		{"header_spoof on a public route", spoof(raw), "/public/", reason.HeaderSpoof},
		{"original_request before no_token", http.Header{}, "/a/../b", reason.OriginalRequest},
		{"original_request before invalid_request", bearerHeader("a b"), "/a//b", reason.OriginalRequest},
		{"no_token before route", http.Header{}, "/nowhere", reason.NoToken},
		{"a wrong token before route", bearerHeader("a.b.c"), "/nowhere", reason.Malformed},
		{"no_group before route", bearerHeader(stranger), "/nowhere", reason.NoGroup},
		{"no_group before step_up", bearerHeader(stranger), "/strict/", reason.NoGroup},
		{"route before header_size", bearerHeader(large), "/nowhere", reason.Route},
		{"step_up before header_size", bearerHeader(large), "/strict/", reason.StepUp},
		{"header_size", bearerHeader(large), "/analysts/", reason.HeaderSize},
		{"what no route matches", bearerHeader(raw), "/nowhere", reason.Route},
		{"the other methods of a public route", bearerHeader(raw), "POST /public/", reason.Route},
		{"let in", bearerHeader(raw), "/analysts/", reason.None},
	} {
		method, target, found := strings.Cut(c.target, " ")
		if !found {
			method, target = "GET", c.target
		}
		d := f.gate.Decide(t.Context(), Request{Header: c.header, Original: &Original{method, "a", target}})
		if d.Reason != c.want {
			t.Errorf("%s: %s, want %s", c.story, d.Reason, c.want)
		}
	}
	if kept := f.gate.Stats().Kept; kept != 1 { // not the one whose headers are too large
		t.Errorf("%d identities are kept, want 1", kept)
	}
	f.config.Enabled = false
	f.gate.Swap(f.compile(2))
	if d := f.at("/public/", ""); d.Reason != reason.Disabled {
		t.Errorf("a public route of a claimd that is switched off: %s", d.Reason)
	}
}

// A public route looks at no token, a bad one neither, and its identity headers are there and empty.
func TestAPublicRouteIdentifiesNobody(t *testing.T) {
	f := newFixture(t, routed)
	for _, header := range []http.Header{{}, bearerHeader("garbage"), bearerHeader(f.mint(entratest.Request{User: "reader"})), {"Authorization": {"a", "b"}}} {
		d := f.gate.Decide(t.Context(), Request{Header: header, Original: &Original{"HEAD", "a", "/public/logo.svg?x"}})
		want := "Remote-User: \nRemote-Email: \nRemote-Name: \nRemote-Groups: \nRemote-Roles: \nRemote-Admin: \nRemote-Provider: "
		if !d.Allowed() || fieldsText(d.Headers) != want || d.Identity.User != "" {
			t.Errorf("%v: %s, headers\n%s", header, d.Reason, fieldsText(d.Headers))
		}
	}
	if stats := f.gate.Stats(); stats.Kept != 0 || stats.Allowed != 4 {
		t.Errorf("%+v", stats)
	}
}

// whoami passes nothing on, so that no route is asked.
func TestWhoamiAsksNoRoute(t *testing.T) {
	f := newFixture(t, routed)
	d := f.gate.Decide(t.Context(), Request{Header: bearerHeader(f.mint(entratest.Request{User: "reader"})), Unrouted: true})
	if !d.Allowed() {
		t.Errorf("denied: %s", d.Reason)
	}
}

// What is kept of a token is the identity and never the verdict: each request is for a route of its own, a reload that
// changes the routes counts from the next request on, and one that is kept out by the route is verified once all the same.
func TestTheVerdictOfARouteIsNotKept(t *testing.T) {
	f := newFixture(t, routed)
	raw := f.mint(entratest.Request{User: "reader"})
	ask := func(want ...reason.Reason) {
		t.Helper()
		for i, path := range []string{"/operators/", "/analysts/", "/strict/", "/nowhere", "/public/"} {
			if d := f.at(path, raw); d.Reason != want[i] {
				t.Errorf("%s: %s, want %s", path, d.Reason, want[i])
			}
		}
	}
	ask(reason.Route, reason.None, reason.StepUp, reason.Route, reason.None)
	ask(reason.Route, reason.None, reason.StepUp, reason.Route, reason.None)
	if stats := f.gate.Stats(); stats.Kept != 1 || stats.KeptLatency.Count != 7 {
		t.Errorf("kept %d, hits %d; want 1 and 7", stats.Kept, stats.KeptLatency.Count)
	}
	f.config.Routes = []config.Route{{Match: "/operators/"}, {Match: "/analysts/", Groups: []string{"Operators"}}, {Match: "/strict/"}}
	f.gate.Swap(f.compile(2))
	ask(reason.None, reason.Route, reason.None, reason.Route, reason.Route)
	f.config.Routes = nil
	f.gate.Swap(f.compile(3))
	ask(reason.None, reason.None, reason.None, reason.None, reason.None)
}

// FAULTS 117: the original request counts from a peer that is trusted, in one family, each header exactly once.
func TestTheOriginalRequestIsBelievedFromTrustedPeersOnly(t *testing.T) {
	sent := func(family string) http.Header {
		return http.Header{family + "-Method": {"GET"}, family + "-Host": {"api.contoso.example"}, family + "-Uri": {"/analysts/?x=1"}}
	}
	with := func(header http.Header, name string, values ...string) http.Header {
		header = header.Clone()
		header[name] = values
		return header
	}
	original := sent("X-Original")
	for _, c := range []struct {
		story  string
		peer   string
		header http.Header
		want   reason.Reason
	}{
		{"a unix socket", PeerUnix, original, reason.None},
		{"a trusted address", "10.1.2.3:4000", original, reason.None},
		{"a trusted address in IPv6 form", "[::ffff:10.1.2.3]:4000", original, reason.None},
		{"another address", "10.2.2.3:4000", original, reason.OriginalRequest},
		{"this host, which is not named", "127.0.0.1:4000", original, reason.OriginalRequest},
		{"no address", "10.1.2.3", original, reason.OriginalRequest},
		{"an unknown peer", "", original, reason.OriginalRequest},
		{"a client that calls itself unix", "unix:1", original, reason.OriginalRequest},
		{"no headers", PeerUnix, http.Header{}, reason.OriginalRequest},
		{"the other family", PeerUnix, sent("X-Forwarded"), reason.OriginalRequest},
		{"the other family beside it", PeerUnix, with(original, "X-Forwarded-Uri", "/nowhere"), reason.None},
		{"no method", PeerUnix, with(original, "X-Original-Method"), reason.OriginalRequest},
		{"no host", PeerUnix, with(original, "X-Original-Host"), reason.OriginalRequest},
		{"no URI", PeerUnix, with(original, "X-Original-Uri"), reason.OriginalRequest},
		{"an empty URI", PeerUnix, with(original, "X-Original-Uri", ""), reason.OriginalRequest},
		{"the client's method beside the gateway's", PeerUnix, with(original, "X-Original-Method", "GET", "GET"), reason.OriginalRequest},
		{"the client's host beside the gateway's", PeerUnix, with(original, "X-Original-Host", "a", "a"), reason.OriginalRequest},
		{"the client's URI beside the gateway's", PeerUnix, with(original, "X-Original-Uri", "/public/", "/analysts/"), reason.OriginalRequest},
		{"the two joined", PeerUnix, with(original, "X-Original-Uri", "/analysts/, /operators/"), reason.OriginalRequest},
		{"two hosts joined", PeerUnix, with(original, "X-Original-Host", "a,b"), reason.OriginalRequest},
		{"two methods joined", PeerUnix, with(original, "X-Original-Method", "GET, GET"), reason.OriginalRequest},
		{"an alias with _", PeerUnix, with(original, "X_original_uri", "/public/"), reason.None},
		{"an alias with .", PeerUnix, with(original, "X.original.uri", "/public/"), reason.None},
		{"an alias instead", PeerUnix, with(with(original, "X-Original-Uri"), "X_original_uri", "/analysts/"), reason.OriginalRequest},
		{"X-Original-URL, which is another header", PeerUnix, with(with(original, "X-Original-Uri"), "X-Original-Url", "/analysts/"), reason.OriginalRequest},
		{"a whole address", PeerUnix, with(original, "X-Original-Uri", "http://a/analysts/"), reason.OriginalRequest},
	} {
		f := newFixture(t, routed)
		header := c.header.Clone()
		header["Authorization"] = []string{"Bearer " + f.mint(entratest.Request{User: "reader"})}
		if d := f.gate.Decide(t.Context(), Request{Header: header, Peer: c.peer}); d.Reason != c.want {
			t.Errorf("%s: %s, want %s", c.story, d.Reason, c.want)
		}
	}
	for family, want := range map[config.OriginalRequest]reason.Reason{
		config.OriginalXForwarded: reason.None, config.OriginalXOriginal: reason.OriginalRequest, config.OriginalNone: reason.OriginalRequest,
	} {
		f := newFixture(t, func(c *config.Config) { routed(c); c.Server.OriginalRequest = family })
		header := sent("X-Forwarded")
		header["Authorization"] = []string{"Bearer " + f.mint(entratest.Request{User: "reader"})}
		if d := f.gate.Decide(t.Context(), Request{Header: header, Peer: PeerUnix}); d.Reason != want {
			t.Errorf("original_request = %q: %s, want %s", family, d.Reason, want)
		}
	}
}

// A client that says that it understands gets the challenge that MSAL reads: what the new token must hold, in base64
// (Microsoft: claims-challenge). Any other one gets a plain refusal.
func TestAClaimsChallengeIsForClientsThatDeclareCP1(t *testing.T) {
	for _, c := range []struct {
		capabilities any
		want         bool
	}{
		{[]string{"cp1"}, true}, {[]string{"CP1"}, true}, {[]string{"x", "Cp1"}, true}, {"cp1", true},
		{nil, false}, {[]string{"cp2"}, false}, {[]string{}, false}, {"cp1 cp2", false}, {1, false},
	} {
		f := newFixture(t, routed)
		raw := f.mint(entratest.Request{User: "reader", Claims: map[string]any{"xms_cc": c.capabilities}})
		for range 2 { // anew, and of what is kept
			d := f.at("/strict/", raw)
			if d.Reason != reason.StepUp || (d.Challenge != nil) != c.want {
				t.Fatalf("xms_cc %v: %s, challenge %v", c.capabilities, d.Reason, d.Challenge)
			}
			if d.Challenge == nil {
				continue
			}
			tenant := entratest.Sample().TenantID
			want := Challenge{
				Realm: tenant, AuthorizationURI: f.config.Providers[0].Authority + "/" + tenant + "/oauth2/v2.0/authorize",
				Claims: base64.StdEncoding.EncodeToString([]byte(`{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`)),
			}
			if *d.Challenge != want {
				t.Errorf("got %+v, want %+v", *d.Challenge, want)
			}
		}
	}
}

// A stream goes on as long as its request would be let in, and asking leaves nothing behind.
func TestARequestThatWouldStillBeLetIn(t *testing.T) {
	f := newFixture(t, routed)
	request := Request{Header: bearerHeader(f.mint(entratest.Request{User: "reader", Lifetime: time.Hour})), Original: &Original{"GET", "a", "/analysts/"}}
	still := func(story string, want bool) {
		t.Helper()
		if got := f.gate.Still(t.Context(), request); got != want {
			t.Errorf("%s: %v, want %v", story, got, want)
		}
	}
	if d := f.gate.Decide(t.Context(), request); !d.Allowed() {
		t.Fatal(d.Reason)
	}
	issued := f.now
	still("at once", true)
	f.now = issued.Add(time.Hour + 59*time.Second)
	still("within the clock skew behind its end", true)
	f.now = issued.Add(time.Hour + 62*time.Second)
	still("after that", false)
	f.now = issued
	still("with the clock set back", true)
	f.config.Routes[0].Groups = []string{"Operators"}
	f.gate.Swap(f.compile(2))
	still("by a route that asks for more", false)
	f.config.Routes[0].Groups = []string{"Analysts"}
	f.config.Users = []config.User{{Provider: "contoso", ID: reader, Blocked: true}}
	f.gate.Swap(f.compile(3))
	still("who is blocked", false)
	if stats := f.gate.Stats(); stats.Allowed != 1 || len(stats.Denied) != 0 || len(f.gate.Denials().List("")) != 0 {
		t.Errorf("it leaves %+v behind", stats)
	}
	f.gate.Swap(nil)
	still("without a Snapshot", false)
	if stats := f.gate.Stats(); stats.Panics != 1 {
		t.Errorf("%d panics, want 1", stats.Panics)
	}
}

// A refusal tells which request it was, without its query, and which route decided.
func TestARefusalTellsTheRequestAndItsRoute(t *testing.T) {
	f := newFixture(t, routed)
	raw := f.mint(entratest.Request{User: "reader"})
	for _, c := range []struct{ path, request, route, mend string }{
		{"/operators/x?token=secret", "GET api.contoso.example/operators/x", "/operators/",
			"give the user one of these groups in the tenant, or add one of the user's to groups at that [[route]]"},
		{"/writers/", "GET api.contoso.example/writers/", "/writers/",
			"give the user one of these roles in the tenant, or add one of the user's to roles at that [[route]]"},
		{"/admin/", "GET api.contoso.example/admin/", "/admin/", "let an administrator call, or take admin = true out of that [[route]]"},
		{"/scopes/", "GET api.contoso.example/scopes/", "/scopes/",
			"let the client ask for them and consent to them in the tenant, or take them out of that [[route]]"},
		{"/strict/", "GET api.contoso.example/strict/", "/strict/", "let the client ask for it with a claims challenge, " +
			"and have a Conditional Access policy grant c1; or take acrs out of that [[route]]"},
		{"/no\u202ewhere", `GET api.contoso.example/no\u202ewhere`, "",
			`add a [[route]] with a match for it; match = "/" stands for all that no other one matches`},
		{"/a//b", "GET api.contoso.example/a//b", "", reason.OriginalRequest.Mend()},
	} {
		d := f.at(c.path, raw)
		found := f.gate.Denials().List(d.ID)
		if len(found) != 1 {
			t.Fatalf("%s: %d refusals are kept", c.path, len(found))
		}
		if got := found[0]; got.Request != c.request || got.Route != c.route || got.Mend != c.mend {
			t.Errorf("%s: got\n%s\n%s\n%s", c.path, got.Request, got.Route, got.Mend)
		}
	}
	d := f.at("/scope/", f.mint(entratest.Request{Client: exportApp}))
	want := "grant the application these app roles of the API (API permissions, application permissions), or take them out of that [[route]]"
	if found := f.gate.Denials().List(d.ID); len(found) != 1 || found[0].Mend != want {
		t.Errorf("got %+v", found)
	}
}

// Explain asks the routes where it is told the request, and says that there are some where it is not.
func TestExplainTellsWhichRouteDecides(t *testing.T) {
	f := newFixture(t, routed)
	raw := f.mint(entratest.Request{User: "reader"})
	for _, c := range []struct {
		text, check, want, got string
		reason                 reason.Reason
		sentence               string
	}{
		{"GET /analysts/x", "route", "a group of Analysts, Operators, by match = \"/analysts/\" (claimd.toml:1)", "groups: Analysts, roles: analyst", reason.None,
			"let in: user " + reader + " of provider contoso; groups: Analysts; roles: analyst; no administrator."},
		{"GET a/operators/", "route", "a group of Operators, by match = \"/operators/\" (claimd.toml:2)", "groups: Analysts, roles: analyst", reason.Route,
			`denied, 403 route: ` + reason.Route.Sentence() + `.
Why: the [[route]] with match = "/operators/" (claimd.toml:2) wants one of the groups Operators; there are Analysts.
To change it: give the user one of these groups in the tenant, or add one of the user's to groups at that [[route]].`},
		{"GET a/strict/", "step_up", "acrs with c1", "acrs: none", reason.StepUp, `denied, 403 step_up: ` + reason.StepUp.Sentence() + `.
Why: the [[route]] with match = "/strict/" (claimd.toml:8) wants the authentication context c1, and acrs does not hold it.
To change it: let the client ask for it with a claims challenge, and have a Conditional Access policy grant c1; or take acrs out of that [[route]].`},
		{"GET a/analysts/", "step_up", "no authentication context", "none asked for", reason.None,
			"let in: user " + reader + " of provider contoso; groups: Analysts; roles: analyst; no administrator."},
		{"GET a/nowhere?x", "route", "a [[route]] that matches", "GET a/nowhere, which none matches", reason.Route,
			`denied, 403 route: ` + reason.Route.Sentence() + `.
Why: no [[route]] matches GET a/nowhere, and what none matches is denied.
To change it: add a [[route]] with a match for it; match = "/" stands for all that no other one matches.`},
		{"GET a/x/../y", "original_request", "a method, a path and a host that every program reads alike", "GET a/x/../y", reason.OriginalRequest,
			`denied, 403 original_request: ` + reason.OriginalRequest.Sentence() + `.
Why: wanted a method, a path and a host that every program reads alike, got GET a/x/../y.
To change it: ask for a path in the case of its route, without encoded slashes, dot segments, //, ;, backslashes and controls, by a method in upper case.`},
		{"GET /public/", "route", "", "public = true: nobody is asked for a token", reason.None,
			"let in: the route is public, so that no token is asked for and every identity header is empty."},
	} {
		original, err := ParseOriginal(c.text)
		if err != nil {
			t.Fatal(err)
		}
		e := f.gate.Snapshot().ExplainFor(t.Context(), raw, original, f.now)
		i := slices.IndexFunc(e.Checks, func(check reason.Check) bool { return check.Name == c.check })
		if i < 0 {
			t.Fatalf("%s: no check %s in %+v", c.text, c.check, e.Checks)
		}
		if check := e.Checks[i]; check.Want != c.want || check.Got != c.got {
			t.Errorf("%s: want %q, got %q; wanted %q, %q", c.text, check.Want, check.Got, c.want, c.got)
		}
		if e.Reason != c.reason || e.Allowed != (c.reason == reason.None) || e.Sentence != c.sentence {
			t.Errorf("%s: %s\n%s\nwant\n%s", c.text, e.Reason, e.Sentence, c.sentence)
		}
		if c.text == "GET /public/" && e.Identity != nil {
			t.Errorf("a public route has the identity %+v", e.Identity)
		}
	}
	e := f.gate.Snapshot().Explain(t.Context(), raw, f.now)
	if !e.Allowed || !strings.HasPrefix(e.Sentence, "let in where its route lets it in: user ") ||
		!strings.HasSuffix(e.Sentence, "\nclaimctl explain --route \"GET /PATH\" asks the [[route]] too.") {
		t.Errorf("without a request: %s", e.Sentence)
	}
	original, _ := ParseOriginal("GET /x")
	e = newFixture(t, nil).gate.Snapshot().ExplainFor(t.Context(), raw, original, f.now)
	if !e.Allowed || e.Checks[1].Got != "there are no routes: whoever has a local group passes" {
		t.Errorf("without routes: %+v", e)
	}
}

func TestAnOriginalRequestAsPeopleWriteIt(t *testing.T) {
	for text, want := range map[string]Original{
		"GET /api/x":                    {"GET", "", "/api/x"},
		"POST api.contoso.example/a?b":  {"POST", "api.contoso.example", "/a?b"},
		"get [::1]:80/":                 {"get", "[::1]:80", "/"},
		"GET API.contoso.example:443/a": {"GET", "API.contoso.example:443", "/a"},
	} {
		if got, err := ParseOriginal(text); err != nil || *got != want {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
	const form = `want a method and a path, as in "GET /api/x" or "GET api.contoso.example/api/x", got `
	for text, want := range map[string]string{
		"":                  form + `""`,
		"/api/x":            form + `"/api/x"`,
		"GET":               form + `"GET"`,
		"GET api":           form + `"GET api"`,
		"GET  /api":         form + `"GET  /api"`,
		"GET /api x":        form + `"GET /api x"`,
		"G\u00e9T /api":     form + `"G` + "\u00e9" + `T /api"`,
		"GET https://a/api": form + `"GET https://a/api"`,
		"GET a,b/api":       `want the name of a host before the path, got "a,b"`,
	} {
		if _, err := ParseOriginal(text); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

// What claimctl check and the daemon judge is the same: routes with a fault that come this far let nobody in.
func TestRoutesWithAFaultMatchNothing(t *testing.T) {
	f := newFixture(t, routed)
	f.config.Routes = []config.Route{{Match: "nothing"}}
	f.gate.Swap(f.compile(2))
	if d := f.at("/analysts/", f.mint(entratest.Request{User: "reader"})); d.Reason != reason.Route {
		t.Errorf("got %s", d.Reason)
	}
}

func TestWhatARouteAsksForInWords(t *testing.T) {
	for want, rule := range map[string]config.Route{
		"whoever has a local group": {},
		"a role of R":               {Roles: []string{"R"}},
		"a group of A, B, and the scopes s, and an administrator": {Groups: []string{"A", "B"}, Scopes: []string{"s"}, Admin: true},
	} {
		if got := wants(&rule); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A Gate that is retired says so to whoever asks, and still judges what comes.
func TestARetiredGateIsNotReadyAndJudges(t *testing.T) {
	f := newFixture(t, nil)
	if !f.gate.Ready() {
		t.Error("not ready, with live keys")
	}
	f.gate.Retire()
	if d := f.decide(f.mint(entratest.Request{User: "reader"})); f.gate.Ready() || !d.Allowed() {
		t.Errorf("ready %v, %s", f.gate.Ready(), d.Reason)
	}
}
