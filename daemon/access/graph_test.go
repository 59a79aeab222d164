package access

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/graph"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/mapping"
)

const graphSecret = "fake-secret-of-a-test"

// asking is a gate whose provider asks Microsoft Graph of a tenant of its own, with a clock of its own. The user collector
// is in 201 groups, Analysts among them.
type asking struct {
	*entratest.Tenant
	gate  *Gate
	now   time.Time
	graph *graph.Graph
}

func newAsking(t *testing.T, d *directory.Directory) *asking {
	t.Helper()
	sample := entratest.Sample()
	sample.Clients = append(sample.Clients, entratest.App{
		ApplicationID: "71e3c9a5-0f48-4db2-96c7-e8d25b1a0f34", ObjectID: "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", Name: "claimd",
		Secret: graphSecret, GraphPermissions: []string{"User.Read.All", "GroupMember.Read.All"},
	})
	for i := range sample.Users {
		if sample.Users[i].Name == "collector" {
			sample.Users[i].Groups, sample.Users[i].MoreGroups = []string{analysts}, 200
		}
	}
	tenant, err := entratest.StartTLS(sample)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tenant.Close)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(tenant.CA())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	t.Cleanup(client.CloseIdleConnections)
	a := &asking{Tenant: tenant, now: time.Now()}
	now := func() time.Time { return a.now }
	ring := keys.NewRing(keys.Options{Client: client, Now: now})
	t.Cleanup(ring.Close)
	cfg := sampleConfig(tenant.URL())
	cfg.Providers[0].Graph = &config.Graph{}
	p := &cfg.Providers[0]
	opened := ring.Open(keys.Source{Name: p.Name, Authority: p.Authority, Tenant: p.TenantID, ApplicationID: p.ApplicationID})
	if err := opened.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.graph, err = graph.New(graph.Options{
		Host: opened.GraphHost(), Authority: tenant.URL(), Tenant: p.TenantID, ClientID: "71e3c9a5-0f48-4db2-96c7-e8d25b1a0f34",
		Secret: graphSecret, Client: client, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.graph.Close)
	policy, faults := mapping.Compile(cfg.Rules())
	if policy == nil {
		t.Fatal(faults)
	}
	snapshot := Compile(cfg, policy, map[string]*keys.Provider{p.Name: opened}, 1)
	snapshot.AskGraphs(Graphs{p.Name: func() *graph.Graph { return a.graph }})
	a.gate = NewGate(snapshot, Options{Now: now, Directory: d})
	return a
}

func (a *asking) collector(t *testing.T) string {
	t.Helper()
	raw, err := a.Mint(entratest.Request{User: "collector", Issued: a.now})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (a *asking) decide(t *testing.T, raw string) Decision {
	t.Helper()
	return a.gate.Decide(t.Context(), Request{Header: bearerHeader(raw)})
}

// FAULTS 104, 109: an answer counts for five minutes, whatever is kept of the token; while Graph is away it counts to its
// end, and then nobody knows the groups.
func TestWhatIsKeptEndsWithTheAnswerOfGraph(t *testing.T) {
	a := newAsking(t, nil)
	raw := a.collector(t)
	for _, step := range []struct {
		after  time.Duration
		status int // of Graph from then on
		asked  int // questions in all
		want   reason.Reason
	}{
		{0, 0, 1, reason.None},
		{time.Minute, 0, 1, reason.None},
		{3*time.Minute + 59*time.Second, 500, 1, reason.None},
		{2 * time.Second, 500, 2, reason.GraphUnavailable},
		{time.Minute, 0, 3, reason.None},
	} {
		a.now = a.now.Add(step.after)
		a.SetGraphFaults(entratest.GraphFaults{Status: step.status})
		if d := a.decide(t, raw); d.Reason != step.want || a.Requests("graph") != step.asked {
			t.Errorf("%s later: %q after %d questions, want %q after %d", step.after, d.Reason, a.Requests("graph"), step.want, step.asked)
		}
	}
}

// Nobody knows yet where Graph stands, or no Graph was opened: that is no user without groups. Without a daemon claimctl
// explain opens none; it said that the provider's documents had not told where Graph stands, and whoever looked there found
// nothing.
func TestWithoutAGraphTheGroupsAreUnknown(t *testing.T) {
	a := newAsking(t, nil)
	raw := a.collector(t)
	for _, c := range []struct {
		graphs Graphs
		want   string
	}{
		{nil, "Microsoft Graph does not tell them: it is asked by the running claimd alone.\nTo change it: start claimd"},
		{Graphs{"contoso": func() *graph.Graph { return nil }}, "Microsoft Graph does not tell them: the provider's documents have not told yet where it stands.\n"},
	} {
		a.gate.Snapshot().AskGraphs(c.graphs)
		if e := a.gate.Snapshot().Explain(t.Context(), raw, a.now); !strings.Contains(e.Sentence, c.want) {
			t.Errorf("want %q, got %q", c.want, e.Sentence)
		}
		d := a.decide(t, raw)
		if d.Reason != reason.GraphUnavailable || d.RetryAfter != retryUnavailable {
			t.Errorf("got %q, retry after %s", d.Reason, d.RetryAfter)
		}
	}
	a.gate.Snapshot().AskGraphs(Graphs{"contoso": func() *graph.Graph { return a.graph }})
	a.graph.Close()
	if d := a.decide(t, raw); d.Reason != reason.GraphUnavailable {
		t.Errorf("a closed one: got %q", d.Reason)
	}
}

// Whatever would refuse the user before overage does so without a question: who is switched off cannot make claimd ask.
func TestGraphIsAskedLast(t *testing.T) {
	a := newAsking(t, nil)
	raw := a.collector(t)
	p := a.gate.Snapshot().providers["contoso"]
	p.off = map[string]struct{}{"4ac89f17-05e2-4d3b-86c1-b9e70f52d8a3": {}}
	if d := a.decide(t, raw); d.Reason != reason.UserInactive || a.Requests("graph") != 0 {
		t.Errorf("got %q after %d questions", d.Reason, a.Requests("graph"))
	}
	other, err := a.Mint(entratest.Request{User: "collector", Client: exportApp, Issued: a.now})
	if err != nil {
		t.Fatal(err)
	}
	if d := a.decide(t, other); d.Reason != reason.Client || a.Requests("graph") != 0 {
		t.Errorf("got %q after %d questions", d.Reason, a.Requests("graph"))
	}
}

// A token without a date lets nobody in, and one that is dated ahead no further than clocks may differ may be an old one.
func TestWhatADateSaysOfARevocation(t *testing.T) {
	for _, c := range []struct {
		issued, until time.Time
		skew          time.Duration
		want          bool
	}{
		{time.Unix(100, 0), time.Time{}, 0, false},
		{time.Unix(100, 0), time.Time{}, time.Minute, false},
		{time.Unix(100, 0), time.Unix(99, 999_999_000), 0, false},
		{time.Unix(100, 0), time.Unix(100, 0), 0, true},
		{time.Unix(100, 0), time.Unix(100, 1000), 0, true},
		{time.Unix(160, 0), time.Unix(99, 999_999_000), time.Minute, false},
		{time.Unix(160, 0), time.Unix(100, 0), time.Minute, true},
		{time.Time{}, time.Unix(100, 0), 0, true},
		{time.Time{}, time.Time{}, 0, false},
	} {
		if got := refusedAt(c.issued, c.until, c.skew); got != c.want {
			t.Errorf("issued %s, revoked until %s, skew %s: got %v", c.issued, c.until, c.skew, got)
		}
	}
}

// A user can be revoked by the id that claims.user gives or by his object ID.
func TestRevokedByEitherIDIsRevoked(t *testing.T) {
	for _, id := range []string{reader, "ada@contoso.example"} {
		k := newKnowing(t, func(c *config.Config) { c.Providers[0].Claims.User = "email" })
		raw := k.mint(entratest.Request{User: "reader"})
		for range 2 {
			if d := k.decide(raw); !d.Allowed() {
				t.Fatalf("got %q", d.Reason)
			}
		}
		key := directory.Key{Authority: k.config.Providers[0].TenantID, ID: id}
		if _, _, err := k.directory.Change(t.Context(), key, directory.Revoke, "contoso", "uid 0 (root)"); err != nil {
			t.Fatal(err)
		}
		if d := k.decide(raw); d.Reason != reason.Revoked || d.Challenge != nil {
			t.Errorf("revoked by %s: got %q with %+v", id, d.Reason, d.Challenge)
		}
	}
}

// check --impact asks nobody: what Microsoft Graph would say of a user is not known, and is no outcome.
func TestAReplayDoesNotAskGraph(t *testing.T) {
	for _, c := range []struct {
		graph *config.Graph
		want  Outcome
	}{
		{nil, Outcome{Known: true, Reason: reason.GroupsOverage}},
		{&config.Graph{}, Outcome{}},
	} {
		cfg := sampleConfig("https://login.example")
		cfg.Providers[0].Graph = c.graph
		policy, _ := mapping.Compile(cfg.Rules())
		got := NewReplay(cfg, policy).Judge(directory.User{
			Key: keyOfUser(reader), State: directory.Active, Provider: "contoso", LastSeen: time.Now(), Client: desktopApp,
			NotBefore: time.Now(), // what is revoked says nothing about a configuration
			Claims:    map[string]json.RawMessage{"groups": json.RawMessage("null"), "hasgroups": json.RawMessage("true")},
		})
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("got %+v, want %+v", got, c.want)
		}
	}
}
