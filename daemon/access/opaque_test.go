package access

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/opaque"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/mapping"
)

const introspection, userinfo = config.OpaqueIntrospection, config.OpaqueUserinfo

// FAULTS 95: 60 s from the question on, and not from when somebody used the answer first: a reload in between begins no
// second minute.
func TestAnAnswerCountsForAMinuteFromTheQuestion(t *testing.T) {
	for _, kind := range []config.OpaqueTokens{introspection, userinfo} {
		v := newVouching(t, kind, nil, nil)
		v.want("first", "", 1)
		v.pass(30 * time.Second)
		v.want("kept", "", 1)
		v.reload(func(*config.Provider) {})
		v.want("after a reload", "", 1)
		v.pass(29 * time.Second)
		v.want("at 59 s", "", 1)
		v.set(func() { v.says = nil })
		v.pass(time.Second)
		v.want("at 60 s, revoked", "opaque_token", 2)
		v.pass(9 * time.Second)
		v.want("a refusal counts too", "opaque_token", 2)
		v.pass(time.Second)
		v.want("for 10 s", "opaque_token", 3)
	}
}

func TestAnAnswerEndsWithItsToken(t *testing.T) {
	v := newVouching(t, introspection, nil, nil)
	end := time.Unix(v.now().Unix()+20, 0)
	v.set(func() { v.clock = end.Add(-20 * time.Second).Round(0) })
	v.says = v.active(said{"exp": end.Unix()})
	if d := v.want("first", "", 1); !d.Identity.Expires.Equal(end) {
		t.Errorf("expires %v, want %v", d.Identity.Expires, end)
	}
	v.pass(20*time.Second - 1)
	v.want("just before exp", "", 1)
	v.pass(1)
	v.want("at exp it is asked again, and within the skew what the provider says counts", "", 2)
	v.pass(time.Second)
	v.want("each time", "", 3)
	v.pass(time.Minute)
	v.want("after the skew it has expired, whatever the provider says", "expired", 4)
}

// FAULTS 64: a clock that was set back must not give an answer time that it never had.
func TestAClockSetBackEndsAnAnswer(t *testing.T) {
	v := newVouching(t, introspection, nil, nil)
	v.want("first", "", 1)
	v.set(func() { v.clock = v.clock.Round(0).Add(-10 * time.Second) })
	v.want("set back", "", 2)
}

// FAULTS 94: where an answer came from is part of what is kept of it.
func TestAnAnswerEndsWithItsEndpoint(t *testing.T) {
	v := newVouching(t, introspection, nil, nil)
	v.want("first", "", 1)
	v.set(func() { v.path = "/elsewhere" })
	v.refresh()
	v.want("another endpoint", "", 2)
	v.set(func() { v.path, v.says = "/ask", nil })
	v.refresh()
	v.want("the first one again, whose own answer still counts", "", 2)
	if got := strings.Join(v.asked, " "); got != "/ask /elsewhere" {
		t.Errorf("asked %s", got)
	}
}

// FAULTS 94 (Oathkeeper CVE-2026-33496, CVE-2021-32701; Heimdall #3452): what is kept is what the provider said, and no
// verdict: audience, client and scopes are held against what the configuration wants now.
func TestAnAnswerIsJudgedOnEveryUse(t *testing.T) {
	v := newVouching(t, introspection, nil, nil)
	v.want("first", "", 1)
	for _, c := range []struct {
		want   string
		change func(*config.Provider)
	}{
		{"audience", func(p *config.Provider) { p.Audiences = []string{"other"} }},
		{"", func(p *config.Provider) { p.Audiences = []string{"other", opaqueAudience} }},
		{"client", func(p *config.Provider) { p.ClientIDs = []string{"other"} }},
		{"client", func(p *config.Provider) { p.ClientIDs = nil }},
		{"", func(p *config.Provider) { p.AnyClient = true }},
		{"scope", func(p *config.Provider) { p.RequiredScopes = []string{"reports", "admin"} }},
		{"", func(p *config.Provider) { p.RequiredScopes = []string{"reports"} }},
		{"no_group", func(p *config.Provider) { p.Claims.Groups, p.Claims.Roles = "other", "other" }},
		{"missing_claim", func(p *config.Provider) { p.Claims.User = "uid" }},
	} {
		v.reload(c.change)
		for range 2 {
			v.want(c.want, c.want, 1)
		}
	}
}

// Scopes of a route are asked about on each request, a kept identity's too; userinfo knows none.
func TestARouteAsksForScopesOfAnAnswer(t *testing.T) {
	for kind, want := range map[config.OpaqueTokens]string{introspection: "", userinfo: "route"} {
		v := newVouching(t, kind, nil, func(c *config.Config) {
			c.Routes = []config.Route{{Match: "/reports", Scopes: []string{"reports"}}, {Match: "/admin", Scopes: []string{"admin"}}, {Match: "/open"}}
		})
		for path, want := range map[string]string{"/open": "", "/reports": want, "/admin": "route"} {
			for range 2 {
				d := v.gate.Decide(t.Context(), Request{
					Header: bearerHeader(opaqueToken), Original: &Original{Method: http.MethodGet, Host: "api.example", Target: path},
				})
				if d.Reason.String() != want {
					t.Errorf("%s, %s: got %q, want %q", kind, path, d.Reason, want)
				}
			}
		}
		if v.calls() != 1 {
			t.Errorf("%s: %d requests", kind, v.calls())
		}
	}
}

// What is kept of an answer holds no verdict on its user.
func TestWhoIsDeactivatedIsOutWithAnOpaqueTokenToo(t *testing.T) {
	d := openDirectory(t)
	v := newVouching(t, introspection, d, nil)
	v.want("before", "", 1)
	key := directory.Key{Authority: v.server.URL + "/", ID: opaqueUser}
	for _, step := range []struct {
		action directory.Action
		want   string
	}{{directory.Deactivate, "user_inactive"}, {directory.Activate, ""}, {directory.Revoke, "revoked"}} {
		if _, _, err := d.Change(t.Context(), key, step.action, "jumpcloud", "uid 0 (root)"); err != nil {
			t.Fatal(err)
		}
		v.want(string(step.action), step.want, 1)
	}
	v.pass(time.Minute)
	v.set(func() { v.says = nil })
	v.says = v.active(said{"iat": v.now().Add(time.Minute).Unix()})
	v.want("a token that was issued later", "", 2)
	v.pass(time.Minute)
	v.says = v.active(said{"iat": nil})
	v.want("one that does not say when", "revoked", 3)
	list := v.gate.Denials().List("")
	if got := list[len(list)-1].Mend; got != "have the provider write iat or nbf; where it does not say when a token was issued, a new one is refused like an old one" {
		t.Errorf("mend: %s", got)
	}
}

// Not to know is no refusal: it says when to come again, and never lets in.
func TestAProviderThatFailsIsUnavailable(t *testing.T) {
	v := newVouching(t, introspection, nil, nil)
	v.set(func() { v.status = http.StatusInternalServerError })
	for calls := 1; calls <= 5; calls++ {
		if d := v.want("500", "provider_unavailable", calls); d.RetryAfter < time.Second {
			t.Errorf("retry after %s", d.RetryAfter)
		}
	}
	if d := v.want("left alone", "provider_unavailable", 5); d.RetryAfter != time.Second || d.Identity != nil || d.Headers != nil {
		t.Errorf("got %+v", d)
	}
	v.set(func() { v.status = http.StatusUnauthorized })
	v.pass(time.Second)
	v.want("claimd's own credential is wrong", "provider_unavailable", 6)
	list := v.gate.Denials().List("")
	last := list[len(list)-1]
	want := "want status 200, got 401: the provider does not accept claimd's own credential; compare introspection_client_id and the secret in " +
		"introspection_client_secret_file with the provider's, and see whether that client may introspect"
	if last.Provider != "jumpcloud" || last.User != "" || last.Mend != v.server.URL+"/ask: "+want {
		t.Errorf("got %+v", last)
	}
	if text := fmt.Sprintf("%+v", list); strings.Contains(text, opaqueToken[:10]) || strings.Contains(text, "fake-secret") {
		t.Error("the denials hold the token or the secret")
	}
	v.set(func() { v.status = 0 })
	v.pass(time.Minute)
	v.want("it is back", "", 7)
}

// Where nobody may ask, or the provider's document has not come yet, nothing is known.
func TestWithoutAnAskerNothingIsKnown(t *testing.T) {
	v := newVouching(t, introspection, nil, nil)
	v.gate.Snapshot().AskOpaque(nil)
	if d := v.want("no asker", "provider_unavailable", 0); d.RetryAfter != retryUnavailable {
		t.Errorf("retry after %s", d.RetryAfter)
	}
	v.gate.Snapshot().AskOpaque(v.asker)
	v.set(func() { v.path = "" })
	v.refresh()
	v.set(func() { v.path = "/ask" })
	v.asker.Close()
	if d := v.want("a closed one", "provider_unavailable", 0); d.RetryAfter != time.Second {
		t.Errorf("retry after %s", d.RetryAfter)
	}
	v.reload(func(p *config.Provider) { p.OpaqueTokens = config.OpaqueRefuse })
	v.want("nobody is asked", "opaque_token", 0)
}

// A client that goes away while the provider is asked is let in nowhere, and has been refused nothing.
func TestWhoGoesAwayWhileTheProviderIsAskedIsNotJudged(t *testing.T) {
	v := newVouching(t, introspection, nil, nil)
	v.hold = make(chan struct{})
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		for v.calls() == 0 {
			time.Sleep(time.Millisecond)
		}
		leave()
	}()
	d := v.gate.Decide(ctx, Request{Header: bearerHeader(opaqueToken)})
	if d.Reason != reason.None || d.Allowed() || d.Identity != nil || len(v.gate.Denials().List("")) != 0 {
		t.Errorf("got %+v", d)
	}
	if e := v.gate.Snapshot().Explain(ctx, "another", v.now()); e.Allowed || e.Reason != reason.None {
		t.Errorf("explained as %+v", e)
	}
	close(v.hold)
	if d := v.decide(opaqueToken); !d.Allowed() {
		t.Errorf("the next one: %q", d.Reason)
	}
}

// FAULTS 99: what has the form of a JWT, or had it, is judged here and sent nowhere, whatever is wrong with it.
func TestNoJWTIsAskedAbout(t *testing.T) {
	v := newVouching(t, introspection, nil, nil)
	for _, raw := range []string{
		"a.b.c", "a.b.c.d.e", "..", "eyJ.b", "eyJhbGciOiJub25lIn0.e30", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJub25lIn0.e30.a.b",
		strings.Repeat("a", 32<<10+1),
	} {
		if d := v.decide(raw); d.Reason != reason.Malformed {
			t.Errorf("%.20q: %q", raw, d.Reason)
		}
	}
	if d := v.decide("a b"); d.Reason != reason.InvalidRequest {
		t.Errorf("got %q", d.Reason)
	}
	if v.calls() != 0 {
		t.Errorf("%d requests", v.calls())
	}
}

// The end that whoami tells is the token's where it is known, and else that of the provider's word.
func TestWhenAnOpaqueTokenExpires(t *testing.T) {
	v := newVouching(t, userinfo, nil, nil)
	asked := v.now()
	d := v.want("userinfo", "", 1)
	who := d.Identity.Whoami()
	if !who.ExpiresAt.Equal(asked.Add(time.Minute).Truncate(time.Second)) || who.ClientApplicationID != "" || who.Kind != "user" || d.Identity.Scopes != "" {
		t.Errorf("got %+v", who)
	}
}

// A client's own token is nobody's: it is told apart as a JWT's is.
func TestAClientsOwnOpaqueToken(t *testing.T) {
	v := newVouching(t, introspection, nil, nil)
	v.says = v.active(said{"sub": nil})
	v.want("without sub it names no user", "missing_claim", 1)
	v.pass(time.Minute)
	v.says = v.active(said{"sub": opaqueClient})
	v.want("with its own id in sub", "unknown_service_account", 2)
}

// The way of a request whose identity is kept allocates as little with an opaque token as with a JWT.
func TestAKeptOpaqueTokenCostsNoMore(t *testing.T) {
	f := newFixture(t, nil)
	v := newVouching(t, introspection, nil, nil)
	count := func(g *Gate, raw string) float64 {
		request := Request{Header: bearerHeader(raw)}
		if d := g.Decide(t.Context(), request); !d.Allowed() {
			t.Fatal(d.Reason)
		}
		return testing.AllocsPerRun(100, func() { g.Decide(t.Context(), request) })
	}
	jwt, opaque := count(f.gate, f.mint(entratest.Request{User: "reader"})), count(v.gate, opaqueToken)
	if opaque > jwt {
		t.Errorf("%v allocations, with a JWT %v", opaque, jwt)
	}
}

func TestALeaseWeighsWhatItTakes(t *testing.T) {
	if size := unsafe.Sizeof(opaque.Lease{}); size > leaseWeight {
		t.Errorf("a lease takes %d bytes, and %d are stated", size, leaseWeight)
	}
	bare := &keptIdentity{identity: &Identity{}}
	leased := &keptIdentity{identity: &Identity{}, lease: &opaque.Lease{}}
	if got := leased.weight() - bare.weight(); got != leaseWeight {
		t.Errorf("got %d", got)
	}
}

// What was seen last of a user of userinfo names no client, and that keeps nobody out when a configuration is tried.
func TestAReplayKnowsThatUserinfoNamesNoClient(t *testing.T) {
	d := openDirectory(t)
	v := newVouching(t, userinfo, d, nil)
	v.want("seen", "", 1)
	if err := d.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	user, _, err := d.User(t.Context(), directory.Key{Authority: v.server.URL + "/", ID: opaqueUser})
	if err != nil {
		t.Fatal(err)
	}
	policy, _ := mapping.Compile(v.config.Rules())
	if got := NewReplay(v.config, policy).Judge(user); !got.Known || !got.Allowed || len(got.Groups) != 1 {
		t.Errorf("got %+v", got)
	}
	v.config.Providers[0].OpaqueTokens, v.config.Providers[0].ClientIDs = introspection, []string{opaqueClient}
	if got := NewReplay(v.config, policy).Judge(user); !got.Known || got.Reason != reason.Client {
		t.Errorf("by introspection: got %+v", got)
	}
}

// openDirectory opens a directory of users on disk.
func openDirectory(t *testing.T) *directory.Directory {
	t.Helper()
	d, err := directory.Open(t.Context(), directory.Options{Directory: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close(context.Background()) })
	return d
}
