package graph

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/claimd/claimd/daemon/entratest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(closing{m}) }

// closing ends the shared tenant when the tests are through, before it is seen what goroutines are left.
type closing struct{ *testing.M }

func (c closing) Run() int {
	defer func() {
		if s, err := shared(); err == nil {
			s.client.CloseIdleConnections()
			s.Close()
		}
	}()
	return c.M.Run()
}

// shared is one tenant for the tests that leave it as it was: making keys takes long.
var shared = sync.OnceValues(func() (*site, error) { return start(contoso()) })

const (
	tenantID  = "5d1f8c36-72ab-4e90-b3d4-1c6f09a7e258"
	apiID     = "e2b70c94-3f51-4d86-a90e-7b5c81d2f463"
	askerID   = "93a6d5f1-08ce-4b72-9d3f-c42e17b0a685"
	otherID   = "0b7e4c28-d19f-4a63-8e50-f6213dc98ab7"
	secret    = "fake-secret-of-a-test"
	analysts  = "1a0c4f6e-5b92-4d37-8e61-d03f7ca2b594"
	operators = "2b1d507f-6ca3-4e48-9f72-e14a8db3c6a5"
	auditors  = "3c2e6180-7db4-4f59-a083-f25b9ec4d7b6"
	nobodys   = "4d3f7291-8ec5-406a-b194-036cafd5e8c7"
	lovelace  = "c4e8a1d7-29b6-4f03-8c5d-70e1b93a6f42" // in analysts, operators and 199 more
	hopper    = "d5f9b2e8-3ac7-4014-9d6e-81f2ca4b7053" // in 12,000
	turing    = "e60ac3f9-4bd8-4125-ae7f-9203db5c8164" // in analysts alone
	stranger  = "f71bd40a-5ce9-4236-bf80-a314ec6d9275" // whom the tenant does not know
)

// contoso is a tenant whose application may ask.
func contoso() entratest.Directory {
	many := make([]string, 0, 2000)
	for i := range 1998 {
		many = append(many, fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012x", i))
	}
	return entratest.Directory{
		TenantID: tenantID,
		APIs:     []entratest.API{{ApplicationID: apiID, Name: "API", AccessTokenVersion: 2}},
		Clients: []entratest.App{
			{ApplicationID: askerID, ObjectID: "1f2e3d4c-5b6a-4978-8695-a4b3c2d1e0f9", Name: "claimd", Secret: secret,
				GraphPermissions: []string{"User.Read.All", "GroupMember.Read.All"}},
			{ApplicationID: otherID, ObjectID: "2f2e3d4c-5b6a-4978-8695-a4b3c2d1e0f9", Name: "half", Secret: secret,
				GraphPermissions: []string{"User.Read.All"}},
		},
		Users: []entratest.User{
			{Name: "ada", ObjectID: lovelace, Groups: []string{analysts, operators}, MoreGroups: 199},
			{Name: "grace", ObjectID: hopper, Groups: append(many, analysts, auditors), MoreGroups: 10_000},
			{Name: "alan", ObjectID: turing, Groups: []string{analysts}},
		},
	}
}

// site is a tenant and how to reach it.
type site struct {
	*entratest.Tenant
	client *http.Client
	before map[string]int // requests that are other tests'
}

func start(directory entratest.Directory) (*site, error) {
	tenant, err := entratest.StartTLS(directory)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(tenant.CA())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 256}
	return &site{Tenant: tenant, client: &http.Client{Transport: transport}}, nil
}

// newSite gives a tenant of the test's own.
func newSite(t *testing.T, directory entratest.Directory) *site {
	t.Helper()
	s, err := start(directory)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

// theSite gives the shared tenant of contoso. Requests counts from here on.
func theSite(t *testing.T) *site {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	before := make(map[string]int)
	for _, what := range []string{"graph", "graph checkMemberGroups", "graph getMemberGroups", "graph transitiveMemberOf", "token", "claim source"} {
		before[what] = s.Tenant.Requests(what)
	}
	return &site{Tenant: s.Tenant, client: s.client, before: before}
}

// Requests counts those of this test.
func (s *site) Requests(what string) int { return s.Tenant.Requests(what) - s.before[what] }

// options are those of the application that may ask.
func (s *site) options() Options {
	return Options{Host: s.URL(), Authority: s.URL(), Tenant: tenantID, ClientID: askerID, Secret: secret, Client: s.client}
}

// graph makes one with the options after the changes, and lets the tenant behave again when the test ends.
func (s *site) graph(t *testing.T, changes ...func(*Options)) *Graph {
	t.Helper()
	options := s.options()
	for _, change := range changes {
		change(&options)
	}
	g, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	g.timeout = time.Minute // a starved machine is no fault of Graph's
	t.Cleanup(func() {
		g.Close()
		s.SetGraphFaults(entratest.GraphFaults{})
		s.SetFaults(entratest.Faults{})
	})
	return g
}

func about(t *testing.T, groups ...string) *Question {
	t.Helper()
	q, err := NewQuestion(groups)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// fillers gives n object ids of groups that nobody is in.
func fillers(n int) []string {
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("ffffffff-0000-4000-8000-%012x", i))
	}
	return ids
}

// tells holds the answer about a user.
func tells(t *testing.T, g *Graph, user string, q *Question, want ...string) {
	t.Helper()
	got, err := g.Memberships(t.Context(), user, q)
	if err != nil {
		t.Errorf("got the error %v", err)
	}
	if !slices.Equal(got.Member, want) {
		t.Errorf("want the groups %q, got %q", want, got.Member)
	}
}

// fails gives the *Unavailable that there must be, and holds its kind and words.
func fails(t *testing.T, g *Graph, user string, q *Question, kind Kind, words string) *Unavailable {
	t.Helper()
	got, err := g.Memberships(t.Context(), user, q)
	u, ok := errors.AsType[*Unavailable](err)
	if !ok {
		t.Fatalf("want an *Unavailable, got %q and %v", got.Member, err)
	}
	if u.Kind != kind || u.Error() != words {
		t.Errorf("want %s: %s\ngot  %s: %s", kind, words, u.Kind, u.Error())
	}
	if got.Member != nil || u.RetryAfter <= 0 {
		t.Errorf("want no groups and a time to ask again, got %q and %s", got.Member, u.RetryAfter)
	}
	return u
}

// clock is a clock that stands.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *clock) use(o *Options) { o.Now = c.Now }
