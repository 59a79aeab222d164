package daemon_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entratest"
)

// The people of a tenant whose tokens do not hold their groups, and claimd's own application there.
const (
	askerApp    = "71e3c9a5-0f48-4db2-96c7-e8d25b1a0f34"
	askerSecret = "fake-secret-of-the-asker"
	graceObject = "8c5d0e71-b2f9-4a36-8174-9e0c6d3f52ba"
	otherGroup  = "f37a6c02-5e81-4d9b-a0c4-6b18e2d973f5"
)

// crowded is a tenant with Microsoft Graph, by TLS: Ada is in 201 groups, Grace in 12,000.
func crowded(t *testing.T, more ...entratest.User) *entratest.Tenant {
	t.Helper()
	many := []string{someGroupID, otherGroup}
	for i := range 1998 {
		many = append(many, fmt.Sprintf("bbbbbbbb-0000-4000-8000-%012x", i))
	}
	d := people(contosoTenant)
	d.Users = append([]entratest.User{
		{ObjectID: adaObject, Name: "ada", FirstName: "Ada", LastName: "Lovelace", Groups: []string{someGroupID}, MoreGroups: 200},
		{ObjectID: graceObject, Name: "grace", Groups: many, MoreGroups: 10_000},
		{ObjectID: blockedObject, Name: "small", Groups: []string{someGroupID}},
	}, more...)
	d.Clients = append(d.Clients, entratest.App{
		ApplicationID: askerApp, ObjectID: "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", Name: "claimd", Secret: askerSecret,
		GraphPermissions: []string{"User.Read.All", "GroupMember.Read.All"},
	})
	tenant, err := entratest.StartTLS(d)
	must(t, err)
	t.Cleanup(tenant.Close)
	return tenant
}

// asking is a plan that asks Microsoft Graph; graph holds further lines of its table.
func asking(t *testing.T, tenant *entratest.Tenant, groups, graph string) plan {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	must(t, os.Chmod(dir, 0o700),
		os.WriteFile(dir+"/ca.pem", tenant.CA(), 0o600), os.WriteFile(dir+"/secret", []byte(askerSecret+"\n"), 0o600))
	return plan{
		provider: "groups_overage = \"graph\"",
		groups:   groups,
		more: "[provider.contoso.graph]\nclient_id = \"" + askerApp + "\"\nclient_secret_file = \"" + dir + "/secret\"\n" + graph +
			"\n[outbound]\nca_file = \"" + dir + "/ca.pem\"",
	}
}

const theGroup = someGroupID + ` = "Restricted"`

func (w *world) of(t *testing.T, user string, changes claims) string {
	t.Helper()
	return w.mint(t, w.contoso, entratest.Request{User: user, Client: deskApp, Claims: changes})
}

// A token that holds no groups, as they are too many, lets its user in by what Microsoft Graph says of the groups that
// decide: 201 of them, 12,000 of them, and where so many groups decide that all memberships are read. What Graph is asked
// is not what the token says: a listener at the address in it is never called.
func TestGroupsThatATokenCannotHoldAreAskedAtGraph(t *testing.T) {
	tenant := crowded(t)
	w := &world{contoso: tenant}
	var hundred strings.Builder
	for i := range 100 {
		fmt.Fprintf(&hundred, "cccccccc-0000-4000-8000-%012x = \"\"\n", i)
	}
	for _, c := range []struct{ story, groups, user, want string }{
		{"201 groups", theGroup, "ada", someGroupID},
		{"12,000 groups", theGroup, "grace", someGroupID},
		{"201 groups, 101 decide", hundred.String() + theGroup, "ada", someGroupID},
		{"12,000 groups, 102 decide", hundred.String() + theGroup + "\n" + otherGroup + ` = ""`, "grace", someGroupID + "," + otherGroup},
	} {
		t.Run(c.story, func(t *testing.T) {
			d := w.own(t, asking(t, tenant, c.groups, ""))
			token := w.of(t, c.user, claims{"_claim_sources": claims{"src1": claims{"endpoint": tenant.ClaimSource(c.user)}}})
			if got := d.ask(t, token); got.status != http.StatusOK || got.header.Get("Remote-Groups") != c.want {
				t.Errorf("got %s, want the groups %s", got, c.want)
			}
			asked := tenant.Requests("graph")
			if got := d.ask(t, token); got.status != http.StatusOK || tenant.Requests("graph") != asked {
				t.Errorf("the second request asked Graph again: %s", got)
			}
			detail, err := d.admin.User(t.Context(), "", tenantObject(c.user))
			must(t, err)
			if len(detail.Groups) == 0 || detail.Groups[0].Source != "graph" {
				t.Errorf("the directory has %v, want the source graph", detail.Groups)
			}
		})
	}
	if got := tenant.Requests("claim source"); got != 0 {
		t.Errorf("the address in the token was called %d times", got)
	}
}

func tenantObject(user string) string {
	if user == "grace" {
		return graceObject
	}
	return adaObject
}

// Whatever Graph answers but a whole answer leaves the groups unknown: 503, with the moment from which on another try may
// help, and never a user without groups. What mends it is told to administrators, and nothing of it to the client.
func TestWithoutAWholeAnswerOfGraphNobodyIsLetIn(t *testing.T) {
	tenant := crowded(t)
	w := &world{contoso: tenant}
	for _, c := range []struct {
		story   string
		faults  entratest.GraphFaults
		allowed []string // permissions of claimd's application; nil: both
		retry   string
		mend    string // holds
	}{
		{"429", entratest.GraphFaults{Status: 429, RetryAfter: "17"}, nil, "17", "Microsoft Graph: too many requests of this application (429 TooManyRequests)"},
		{"500", entratest.GraphFaults{Status: 500}, nil, "", "want status 200, got 500 UnknownError"},
		{"503", entratest.GraphFaults{Status: 503, RetryAfter: "9"}, nil, "9", "want status 200, got 503 serviceNotAvailable"},
		{"401", entratest.GraphFaults{Status: 401}, nil, "", "refuses a token that Entra has just given claimd (401 InvalidAuthenticationToken)"},
		{"half an answer", entratest.GraphFaults{Half: true}, nil, "", "the answer did not come whole"},
		{"a permission is missing", entratest.GraphFaults{}, []string{"User.Read.All"}, "", "lacks the app permission GroupMember.Read.All; Entra admin center > App registrations > " + askerApp},
		{"the default groups do not help", entratest.GraphFaults{Status: 502}, nil, "", "want status 200, got 502"},
	} {
		t.Run(c.story, func(t *testing.T) {
			p := asking(t, tenant, theGroup+"\nEverybody = { values = [\""+otherGroup+"\"] }", "")
			p.mapping = `default_groups = ["Everybody"]`
			d := w.own(t, p)
			if c.allowed != nil {
				tenant.GrantGraph(askerApp, c.allowed...)
				t.Cleanup(func() { tenant.GrantGraph(askerApp, "User.Read.All", "GroupMember.Read.All") })
			}
			tenant.SetGraphFaults(c.faults)
			t.Cleanup(func() { tenant.SetGraphFaults(entratest.GraphFaults{}) })
			token := w.of(t, "ada", nil)
			got := d.ask(t, token)
			if got.status != http.StatusServiceUnavailable || got.reason != "graph_unavailable" || got.header.Get("Retry-After") == "" ||
				c.retry != "" && got.header.Get("Retry-After") != c.retry {
				t.Fatalf("got %s with Retry-After %q, want 503 graph_unavailable with %q", got, got.header.Get("Retry-After"), c.retry)
			}
			denials, err := d.admin.Denials(t.Context(), "")
			must(t, err)
			if len(denials) != 1 || !strings.Contains(denials[0].Mend, c.mend) {
				t.Errorf("denials tell %+v, want one with %q", denials, c.mend)
			}
			explained, err := d.admin.Explain(t.Context(), token)
			must(t, err)
			if explained.Allowed || explained.Reason.String() != "graph_unavailable" {
				t.Errorf("explain tells %q", explained.Sentence)
			}
			if small := d.ask(t, w.of(t, "small", nil)); small.status != http.StatusOK {
				t.Errorf("a user with few groups gets %s", small)
			}
			status, err := d.admin.Status(t.Context())
			must(t, err)
			if len(status.Graphs) != 1 || !status.Graphs[0].Failing ||
				!strings.Contains("Microsoft Graph: "+status.Graphs[0].Problem+"; "+status.Graphs[0].Hint, c.mend) {
				t.Errorf("status tells %+v, want that Graph fails, and %q", status.Graphs, c.mend)
			}
		})
	}
}

// Microsoft Graph is asked about object IDs alone: where something could be matched by its name the groups stay unknown, as
// they do where claims.roles is left out by another name.
func TestWhatGraphCannotTellStaysUnknown(t *testing.T) {
	tenant := crowded(t)
	w := &world{contoso: tenant}
	left := claims{"_claim_names": claims{"groups": "src1", "roles": "src1"}}
	for _, c := range []struct {
		story  string
		change func(*plan)
		claims claims
		want   string // a reason; "" = let in
	}{
		{"a group by name", func(p *plan) { p.groups += "\nAnalysts = \"\"" }, nil, "groups_overage"},
		{"a role by name, and the claim is the same", func(p *plan) { p.roles = `analyst = ""` }, nil, "groups_overage"},
		{"a role by name in a claim of its own", func(p *plan) { p.roles, p.claims = `analyst = ""`, `roles = "roles"` }, nil, ""},
		{"admin_group by name", func(p *plan) { p.provider += "\nadmin_group = \"Root\"" }, nil, "groups_overage"},
		{"admin_group by object ID", func(p *plan) { p.provider += "\nadmin_group = \"" + someGroupID + "\"" }, nil, ""},
		{"the admin claim is the groups claim, by a word", func(p *plan) { p.claims = `admin = "groups"` }, nil, "groups_overage"},
		{"roles are left out too", func(p *plan) { p.claims = `roles = "roles"` }, left, "groups_overage"},
		{"hasgroups", func(*plan) {}, claims{"_claim_names": nil, "_claim_sources": nil, "hasgroups": true}, ""},
		{"the marker wins over groups that are there", func(*plan) {}, claims{"groups": []string{otherGroup}}, ""},
	} {
		t.Run(c.story, func(t *testing.T) {
			p := asking(t, tenant, theGroup+"\n"+otherGroup+` = "Others"`, "")
			c.change(&p)
			d := w.own(t, p)
			before := tenant.Requests("graph")
			got := d.ask(t, w.of(t, "ada", c.claims))
			if c.want == "" {
				if got.status != http.StatusOK || got.header.Get("Remote-Groups") != someGroupID {
					t.Errorf("got %s with the groups %q, want those of Graph", got, got.header.Get("Remote-Groups"))
				}
				return
			}
			if got.reason != c.want || tenant.Requests("graph") != before {
				t.Errorf("got %s and %d questions, want %s and none", got, tenant.Requests("graph")-before, c.want)
			}
		})
	}
}

// FAULTS 109: who is taken out of a group in Entra is out of it here when the answer has ended, though his token lives on.
func TestAMembershipThatWasTakenAwayEndsWithTheAnswer(t *testing.T) {
	tenant := crowded(t)
	w := &world{contoso: tenant}
	d := w.own(t, asking(t, tenant, theGroup, `cache = "1s"`))
	token := w.of(t, "ada", nil)
	if got := d.ask(t, token); got.status != http.StatusOK {
		t.Fatalf("got %s", got)
	}
	tenant.Leave(adaObject, someGroupID)
	left := time.Now()
	for {
		got := d.ask(t, token)
		if got.reason == "no_group" {
			return
		}
		if got.status != http.StatusOK || time.Since(left) > 10*time.Second {
			t.Fatalf("got %s after %s, want no_group", got, time.Since(left))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// A reload that leaves [provider.NAME.graph] as it was asks nothing again; another credential begins anew.
func TestAReloadKeepsWhatGraphSaid(t *testing.T) {
	tenant := crowded(t)
	w := &world{contoso: tenant}
	p := asking(t, tenant, theGroup, "")
	d := w.own(t, p)
	token := w.of(t, "ada", nil)
	ask := func(want int) {
		t.Helper()
		before := tenant.Requests("graph")
		if got := d.ask(t, token); got.status != http.StatusOK || tenant.Requests("graph")-before != want {
			t.Errorf("got %s after %d questions, want %d", got, tenant.Requests("graph")-before, want)
		}
	}
	ask(1)
	p.mapping = "case_sensitive = false"
	d.reload(t, p)
	ask(0)
	p.more = strings.Replace(p.more, "[provider.contoso.graph]\n", "[provider.contoso.graph]\ncache = \"4m\"\n", 1)
	d.reload(t, p)
	ask(1)
	_, outbound, _ := strings.Cut(p.more, "[outbound]")
	p.provider, p.more = "", "[outbound]"+outbound
	d.reload(t, p)
	if got := d.ask(t, token); got.reason != "groups_overage" {
		t.Errorf("got %s, want groups_overage once it is denied", got)
	}
}

// knock asks /auth, again where the connection breaks: of a thousand that are opened at once a kernel may drop some.
func (c *claimd) knock(t *testing.T, token string) answer {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	for range 20 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.gate+"/auth", nil)
		if err != nil {
			break
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := client.Do(request)
		if err != nil {
			continue
		}
		defer response.Body.Close()
		got := answer{status: response.StatusCode, header: response.Header}
		var refused struct{ Reason string }
		_ = json.NewDecoder(response.Body).Decode(&refused) // of 200 there is no body
		got.reason = refused.Reason
		return got
	}
	return answer{}
}

// Requests that come at once with the token of one user make one look-up; those of 1,000 users are bounded, and nobody
// else waits for them.
func TestManyAtOnceAskGraphInOrder(t *testing.T) {
	var crowd []entratest.User
	for i := range 1000 {
		crowd = append(crowd, entratest.User{
			ObjectID: fmt.Sprintf("dddddddd-0000-4000-8000-%012x", i), Name: fmt.Sprintf("user%d", i), Groups: []string{someGroupID},
		})
	}
	tenant := crowded(t, crowd...)
	w := &world{contoso: tenant}
	d := w.own(t, asking(t, tenant, theGroup, ""))
	tenant.SetGraphFaults(entratest.GraphFaults{Delay: 100 * time.Millisecond})
	t.Cleanup(func() { tenant.SetGraphFaults(entratest.GraphFaults{}) })
	small := w.of(t, "small", nil)
	if got := d.ask(t, small); got.status != http.StatusOK {
		t.Fatalf("got %s", got)
	}

	one := w.of(t, "ada", nil)
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			if got := d.knock(t, one); got.status != http.StatusOK {
				t.Errorf("got %+v", got)
			}
		})
	}
	all.Wait()
	if got := tenant.Requests("graph"); got != 1 {
		t.Errorf("1,000 requests of one user made %d look-ups", got)
	}

	tokens := make([]string, len(crowd))
	for i := range tokens {
		tokens[i] = w.of(t, fmt.Sprintf("user%d", i), claims{"groups": nil, "_claim_names": claims{"groups": "src1"}})
	}
	done := make(chan struct{})
	verdicts := make([]answer, len(tokens))
	for i, token := range tokens {
		all.Go(func() { verdicts[i] = d.knock(t, token) })
	}
	go func() { all.Wait(); close(done) }()
	others := 0
	for waiting := true; waiting; {
		select {
		case <-done:
			waiting = false
		default:
			if got := d.knock(t, small); got.status != http.StatusOK {
				t.Errorf("somebody else gets %+v", got)
			}
			others++
		}
	}
	allowed := 0
	for _, got := range verdicts {
		switch {
		case got.status == http.StatusOK && got.header.Get("Remote-Groups") == someGroupID:
			allowed++
		case got.reason != "graph_unavailable" || got.header.Get("Retry-After") == "":
			t.Errorf("got %s, want 200 with the group, or 503", got)
		}
	}
	t.Logf("1,000 users at once, Graph takes 100 ms: %d let in, %d told to come again; peak %d; %d requests of others meanwhile",
		allowed, len(tokens)-allowed, tenant.GraphPeak(), others)
	// How many get their turn within its second is a matter of the machine: a starved one let 51 in.
	if peak := tenant.GraphPeak(); peak > 64 || allowed == 0 || others < 2 {
		t.Errorf("peak %d, %d let in, %d others answered", peak, allowed, others)
	}
}

// An application's own token is not looked at for overage, and Graph is not asked about it.
func TestAnApplicationsOwnTokenIsNotAskedAbout(t *testing.T) {
	tenant := crowded(t)
	w := &world{contoso: tenant}
	p := asking(t, tenant, theGroup, "")
	p.more += "\n[[service_account]]\nobject_id = \"" + nightlyObject + "\"\napplication_id = \"" + nightlyApp +
		"\"\nname = \"nightly\"\ngroups = [\"" + someGroupID + "\"]\n"
	d := w.own(t, p)
	own := w.mint(t, tenant, entratest.Request{Client: nightlyApp, Claims: claims{"_claim_names": claims{"groups": "src1"}, "hasgroups": true}})
	if got := d.ask(t, own); got.status != http.StatusOK || tenant.Requests("graph") != 0 {
		t.Errorf("got %s and %d questions, want it let in without any", got, tenant.Requests("graph"))
	}
}

// Which token is an application's own hangs on scp, idtyp, oid and sub together. Every combination of their values is held
// against the rule, for an application that may call for itself alone: a user's token by way of it is refused as the
// client's, or is that user's where the client may call for users, and what is neither is no access token. No roles, and
// nothing else, change that.
func TestOnlyAnApplicationsOwnTokenIsAServiceAccounts(t *testing.T) {
	w := newWorld(t)
	d := w.own(t, withAccount("", ""))
	both := withAccount("", "")
	both.provider += "\nclient_application_ids = [\"" + nightlyApp + "\"]"
	listed := w.own(t, both)
	absent := any(nil)
	asked, in, users := 0, 0, 0
	for _, scp := range []any{absent, jsonNull, "", readWrite, 7, []string{readWrite}} {
		for _, idtyp := range []any{absent, jsonNull, "app", "user", "device", "App", "", []string{"app"}} {
			for _, sub := range []string{nightlyObject, adaObject} {
				for _, roles := range []any{absent, []string{"Export.Run"}} {
					token := w.mint(t, w.contoso, entratest.Request{User: "ada", Client: nightlyApp, Claims: claims{
						"scp": scp, "idtyp": idtyp, "oid": nightlyObject, "sub": sub, "roles": roles,
					}})
					want := "401 id_token"
					switch {
					case scp == readWrite && (idtyp == absent || idtyp == "user"):
						want = "403 client"
					case scp == absent && (idtyp == "app" || idtyp == absent && sub == nightlyObject):
						want = "200 groups=Operators roles=viewer"
						in++
					}
					asked++
					what := fmt.Sprintf("scp %s, idtyp %s, sub %s, roles %v", scp, idtyp, sub, roles)
					d.ask(t, token).want(t, what, want)
					if want == "403 client" {
						users++
						listed.ask(t, token).want(t, what+", by a client that is listed", "200 groups=Analysts roles=guest")
						if got := listed.whoami(t, token); got["kind"] != "user" {
							t.Errorf("%s, by a client that is listed: whoami %v", what, got)
						}
					}
				}
			}
		}
	}
	if asked != 192 || in != 6 || users != 8 {
		t.Errorf("%d tokens, of which %d are the application's own and %d a user's: want 192, 6 and 8", asked, in, users)
	}
}

// claimctl users revoke: what was issued up to now is refused at the next request, what is kept of it too, and whoever
// understands a claims challenge gets one.
func TestWhatWasRevokedIsRefusedFromTheNextRequestOn(t *testing.T) {
	w := newWorld(t)
	d := w.own(t, plan{provider: `clock_skew = "1s"`})
	issued := func(at time.Time, changes claims) string {
		return w.mint(t, w.contoso, entratest.Request{User: "ada", Client: deskApp, Issued: at, Claims: changes})
	}
	now := time.Now()
	plain, capable := issued(now, nil), issued(now, claims{"xms_cc": []string{"CP1"}})
	for range 2 {
		for _, token := range []string{plain, capable} {
			if got := d.ask(t, token); got.status != http.StatusOK {
				t.Fatalf("got %s", got)
			}
		}
	}
	changed, err := d.admin.Change(t.Context(), admin.ChangeRequest{Action: "revoke", ID: adaObject})
	must(t, err)
	if !changed.Changed || changed.Before != directory.Active || changed.After != directory.Active || changed.NotBefore.Before(now) ||
		changed.Passes.Before(changed.NotBefore.Add(5*time.Minute)) {
		t.Errorf("got %+v", changed)
	}
	got := d.ask(t, plain)
	if got.status != 401 || got.reason != "revoked" || got.header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
		t.Errorf("got %s with %s", got, got.header.Get("WWW-Authenticate"))
	}
	got = fetch(t, http.MethodGet, d.gate+"/auth", http.Header{"Authorization": {"Bearer " + capable}})
	wanted := fmt.Sprintf(`{"access_token":{"nbf":{"essential":true,"value":"%d"}}}`, changed.NotBefore.Add(time.Second).Unix()+1)
	challenge := `Bearer realm="` + contosoTenant + `", authorization_uri="` + w.contoso.URL() + "/" + contosoTenant +
		`/oauth2/v2.0/authorize", error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(wanted)) + `"`
	if got.status != 401 || got.reason != "revoked" || got.header.Get("WWW-Authenticate") != challenge {
		t.Errorf("got %s with\n%s\nwant\n%s", got, got.header.Get("WWW-Authenticate"), challenge)
	}
	dated := changed.NotBefore.Truncate(time.Second) // as iat has whole seconds
	time.Sleep(time.Until(dated.Add(time.Second)))   // what is dated later than now and clock_skew is not valid yet
	for _, c := range []struct {
		at   time.Time
		want int
	}{
		{dated, 401},
		{changed.NotBefore.Add(-4 * time.Minute), 401},
		{dated.Add(time.Second), 401}, // ahead, as clocks may differ by clock_skew
		{dated.Add(2 * time.Second), 200},
	} {
		if got := d.ask(t, issued(c.at, nil)); got.status != c.want {
			t.Errorf("issued %s after the revocation: got %s, want %d", c.at.Sub(changed.NotBefore), got, c.want)
		}
	}
	other := w.mint(t, w.contoso, entratest.Request{User: "blocked", Client: deskApp, Issued: now})
	if got := d.ask(t, other); got.status != http.StatusOK {
		t.Errorf("another user gets %s", got)
	}
	detail, err := d.admin.User(t.Context(), "", adaObject)
	must(t, err)
	if !detail.NotBefore.Equal(changed.NotBefore) || len(detail.History) != 1 || detail.History[0].Action != "revoke" {
		t.Errorf("users show tells %+v", detail)
	}
	explained, err := d.admin.Explain(t.Context(), plain)
	must(t, err)
	if explained.Reason.String() != "revoked" || !strings.Contains(explained.Sentence, "let the user sign in again") {
		t.Errorf("explain tells %q", explained.Sentence)
	}
	// Forgotten, he is new; what was revoked is not let in by that.
	_, err = d.admin.Change(t.Context(), admin.ChangeRequest{Action: "forget", ID: adaObject})
	must(t, err)
	if got := d.ask(t, plain); got.reason != "revoked" {
		t.Errorf("after he was forgotten: got %s", got)
	}
}
