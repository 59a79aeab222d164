package access

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
)

func TestAReaderIsLetInWithEveryHeader(t *testing.T) {
	f := newFixture(t, nil)
	d := f.decide(f.mint(entratest.Request{User: "reader"}))
	if !d.Allowed() {
		t.Fatalf("denied: %s", d.Reason)
	}
	want := `Remote-User: d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42
Remote-Email: ada@contoso.example
Remote-Name: Ada Reader
Remote-Groups: Analysts
Remote-Roles: 
Remote-Admin: false
Remote-Provider: contoso`
	if got := fieldsText(d.Headers); got != want {
		t.Errorf("headers\n%s\nwant\n%s", got, want)
	}
	if d.Generation != 1 || d.Snapshot() != f.gate.Snapshot() {
		t.Errorf("generation %d, want that of the Snapshot", d.Generation)
	}
	if who := d.Identity.Whoami(); who.Kind != "user" || who.ClientApplicationID != desktopApp || !who.ExpiresAt.After(f.now) {
		t.Errorf("whoami %+v", who)
	}
}

// Each refusal that this version can meet after the signature holds, and each rule that keeps one away.
func TestEveryTokenGetsItsReason(t *testing.T) {
	user := func(c *config.Config, u config.User) { u.Provider = "contoso"; c.Users = append(c.Users, u) }
	account := config.ServiceAccount{
		Provider: "contoso", ObjectID: exportObject, ApplicationID: exportApp, Name: "nightly export", Groups: []string{"Analysts"}, Active: true,
	}
	for _, c := range []struct {
		story  string
		change func(*config.Config)
		token  entratest.Request
		want   reason.Reason
	}{
		{"A17 a token of another tenant's shape is 401", nil,
			entratest.Request{User: "reader", Claims: map[string]any{"tid": "00000000-0000-0000-0000-000000000001"}}, reason.Tenant},
		{"A17 an ID token is 401", nil,
			entratest.Request{User: "reader", Claims: map[string]any{"scp": nil, "azp": nil, "nonce": "n"}}, reason.IDToken},
		{"D9 a client that is not listed", nil, entratest.Request{User: "reader", Client: exportApp}, reason.Client},
		{"D9 an empty list is nobody", func(c *config.Config) { c.Providers[0].ClientApplicationIDs = nil },
			entratest.Request{User: "reader"}, reason.Client},
		{"D3 the scope is there", func(c *config.Config) { c.Providers[0].RequiredScopes = []string{"platform.read-write"} },
			entratest.Request{User: "reader", Scopes: "other platform.read-write"}, reason.None},
		{"D3 a longer scope is another one", func(c *config.Config) { c.Providers[0].RequiredScopes = []string{"platform.read-write"} },
			entratest.Request{User: "reader", Scopes: "platform.read-write.all"}, reason.Scope},
		{"D3 one scope of two is missing", func(c *config.Config) { c.Providers[0].RequiredScopes = []string{"platform.read-write", "b"} },
			entratest.Request{User: "reader", Scopes: "platform.read-write"}, reason.Scope},
		{"A14 a service account is let in", func(c *config.Config) { c.ServiceAccounts = []config.ServiceAccount{account} },
			entratest.Request{Client: exportApp}, reason.None},
		{"A14 an app that is no service account", func(c *config.Config) { c.Providers[0].ClientApplicationIDs = []string{exportApp} },
			entratest.Request{Client: exportApp}, reason.UnknownServiceAccount},
		{"A15 the entry of another app grants nothing", func(c *config.Config) {
			other := account
			other.ObjectID, other.ApplicationID = "00000000-0000-0000-0000-00000000000a", ""
			c.ServiceAccounts = []config.ServiceAccount{other}
			c.Providers[0].ClientApplicationIDs = []string{exportApp}
		}, entratest.Request{Client: exportApp}, reason.UnknownServiceAccount},
		{"A14 a service account without required_scopes' words", func(c *config.Config) {
			c.ServiceAccounts = []config.ServiceAccount{account}
			c.Providers[0].RequiredScopes = []string{"platform.read-write"}
		}, entratest.Request{Client: exportApp}, reason.None},
		{"B4 a service account that is not active", func(c *config.Config) {
			off := account
			off.Active = false
			c.ServiceAccounts = []config.ServiceAccount{off}
		}, entratest.Request{Client: exportApp}, reason.UserInactive},
		{"B4 a blocked user", func(c *config.Config) { user(c, config.User{ID: reader, Blocked: true}) },
			entratest.Request{User: "reader"}, reason.UserInactive},
		{"B4 a blocked user in upper case", func(c *config.Config) { user(c, config.User{ID: strings.ToUpper(reader), Blocked: true}) },
			entratest.Request{User: "reader"}, reason.UserInactive},
		{"B4 blocked wins over administrator", func(c *config.Config) {
			user(c, config.User{ID: reader, Blocked: true})
			c.Providers[0].AdminGroup = analysts
		}, entratest.Request{User: "reader"}, reason.UserInactive},
		{"B6 blocked by object ID whatever claims.user says", func(c *config.Config) {
			user(c, config.User{ID: reader, Blocked: true})
			c.Providers[0].Claims.User = "sub"
		}, entratest.Request{User: "reader"}, reason.UserInactive},
		{"B6 blocked by the id that claims.user gives", func(c *config.Config) {
			user(c, config.User{ID: "ada@contoso.example", Blocked: true})
			c.Providers[0].Claims.User = "email"
		}, entratest.Request{User: "reader"}, reason.UserInactive},
		{"B6 an id that is no GUID blocks nobody else", func(c *config.Config) {
			user(c, config.User{ID: "alan@contoso.example", Blocked: true})
			c.Providers[0].Claims.User = "email"
		}, entratest.Request{User: "reader"}, reason.None},
		{"B4 another user of the list is not blocked", func(c *config.Config) {
			user(c, config.User{ID: "00000000-0000-0000-0000-00000000000a", Blocked: true})
		}, entratest.Request{User: "reader"}, reason.None},
		{"80 guests are let in", nil, entratest.Request{User: "guest"}, reason.None},
		{"80 guests are kept out", func(c *config.Config) { c.Providers[0].Guests = config.GuestsDeny },
			entratest.Request{User: "guest"}, reason.Guest},
		{"80 a member where guests are kept out", func(c *config.Config) { c.Providers[0].Guests = config.GuestsDeny },
			entratest.Request{User: "reader"}, reason.None},
		{"A9 too many groups for the token", nil, entratest.Request{User: "collector"}, reason.GroupsOverage},
		{"A9 overage is of no concern to who reads roles only", func(c *config.Config) {
			c.Providers[0].Claims.Groups, c.Providers[0].Claims.Roles = "", "roles"
			c.Mapping.DefaultGroups = []string{"Analysts"}
		}, entratest.Request{User: "collector"}, reason.None},
		{"A10 groups of a type that cannot be mapped", nil,
			entratest.Request{User: "reader", Claims: map[string]any{"groups": []any{analysts, 7}}}, reason.ClaimType},
		{"B6 no user claim", func(c *config.Config) { c.Providers[0].Claims.User = "employee" },
			entratest.Request{User: "reader"}, reason.MissingClaim},
		{"76 an oid that is no GUID", nil,
			entratest.Request{User: "reader", Claims: map[string]any{"oid": "ada"}}, reason.ClaimType},
		{"D27 values that name nothing, and no defaults", nil, entratest.Request{User: "stranger"}, reason.NoGroup},
		{"D14 default groups let in whoever the tenant knows", func(c *config.Config) { c.Mapping.DefaultGroups = []string{"Analysts"} },
			entratest.Request{User: "stranger"}, reason.None},
		{"D14 groups of one user", func(c *config.Config) {
			user(c, config.User{ID: "b9526ec1-d730-4f8e-9a04-41e7c8b63d5f", Groups: []string{"Analysts"}})
		}, entratest.Request{User: "stranger"}, reason.None},
		{"D15 an administrator without a group", func(c *config.Config) { c.Providers[0].AdminGroup = visitors },
			entratest.Request{User: "stranger"}, reason.NoGroup},
		{"D16 no role is needed", func(c *config.Config) { c.Providers[0].Claims.Roles = "" },
			entratest.Request{User: "reader"}, reason.None},
		{"D17 case matters", func(c *config.Config) {
			c.Groups = []config.Local{{Name: "analysts"}}
		}, entratest.Request{User: "reader", Claims: map[string]any{"groups": "Analysts"}}, reason.NoGroup},
		{"D17 case does not matter where that is switched on", func(c *config.Config) {
			c.Groups, c.Mapping.CaseSensitive = []config.Local{{Name: "analysts"}}, false
		}, entratest.Request{User: "reader", Claims: map[string]any{"groups": "Analysts"}}, reason.None},
		{"D1 an expired token", nil, entratest.Request{User: "reader", Lifetime: time.Second, Issued: time.Now().Add(-time.Hour)}, reason.Expired},
	} {
		t.Run(c.story, func(t *testing.T) {
			f := newFixture(t, c.change)
			d := f.decide(f.mint(c.token))
			if d.Reason != c.want || d.Allowed() != (c.want == reason.None) {
				t.Fatalf("got %q, want %q", d.Reason, c.want)
			}
			if (d.Identity != nil || d.Headers != nil) != d.Allowed() {
				t.Error("a refusal carries an identity, or an answer carries none")
			}
			if again := f.decide(f.mint(c.token)); again.Reason != c.want {
				t.Errorf("asked again: %q, want %q", again.Reason, c.want)
			}
		})
	}
}

// X1: the first failure in the contract's order is the reason.
func TestTheFirstFailureIsTheReason(t *testing.T) {
	spoofed := func(h http.Header) { h["Remote.user"] = []string{"root"} }
	twoTokens := func(h http.Header) { h["Authorization"] = append(h["Authorization"], "Bearer x") }
	for _, c := range []struct {
		story   string
		change  func(*config.Config)
		headers []func(http.Header)
		token   entratest.Request
		strips  bool
		want    reason.Reason
	}{
		{"D7 disabled before all else", func(c *config.Config) { c.Enabled = false }, []func(http.Header){spoofed, twoTokens},
			entratest.Request{User: "reader"}, false, reason.Disabled},
		{"a spoofed header before a bad Authorization", nil, []func(http.Header){spoofed, twoTokens},
			entratest.Request{User: "reader"}, false, reason.HeaderSpoof},
		{"X3 a door that strips does not refuse", nil, []func(http.Header){spoofed},
			entratest.Request{User: "reader"}, true, reason.None},
		{"two tokens", nil, []func(http.Header){twoTokens}, entratest.Request{User: "reader"}, false, reason.InvalidRequest},
		{"expired before client", nil, nil,
			entratest.Request{User: "reader", Client: exportApp, Lifetime: time.Second, Issued: time.Now().Add(-time.Hour)}, false, reason.Expired},
		{"client before scope", func(c *config.Config) { c.Providers[0].RequiredScopes = []string{"x"} }, nil,
			entratest.Request{User: "reader", Client: exportApp}, false, reason.Client},
		{"scope before user id", func(c *config.Config) {
			c.Providers[0].RequiredScopes = []string{"x"}
			c.Providers[0].Claims.User = "employee"
		}, nil, entratest.Request{User: "reader"}, false, reason.Scope},
		{"user id before guest", func(c *config.Config) {
			c.Providers[0].Guests = config.GuestsDeny
			c.Providers[0].Claims.User = "employee"
		}, nil, entratest.Request{User: "guest"}, false, reason.MissingClaim},
		{"guest before user state", func(c *config.Config) {
			c.Providers[0].Guests = config.GuestsDeny
			c.Users = []config.User{{Provider: "contoso", ID: "f63b08d4-8a1e-4c57-b2f9-0d9647ea15c8", Blocked: true}}
		}, nil, entratest.Request{User: "guest"}, false, reason.Guest},
		{"service account before user state", func(c *config.Config) {
			c.Providers[0].ClientApplicationIDs = []string{exportApp}
			c.Users = []config.User{{Provider: "contoso", ID: exportObject, Blocked: true}}
		}, nil, entratest.Request{Client: exportApp}, false, reason.UnknownServiceAccount},
		{"user state before overage", func(c *config.Config) {
			c.Users = []config.User{{Provider: "contoso", ID: "4ac89f17-05e2-4d3b-86c1-b9e70f52d8a3", Blocked: true}}
		}, nil, entratest.Request{User: "collector"}, false, reason.UserInactive},
		{"overage before mapping", nil, nil,
			entratest.Request{User: "collector", Claims: map[string]any{"groups": 7}}, false, reason.GroupsOverage},
		{"no_group before header_size", func(c *config.Config) { c.Providers[0].UserPrefix = strings.Repeat("p", 17<<10) }, nil,
			entratest.Request{User: "stranger"}, false, reason.NoGroup},
		{"X3 header_size at last", func(c *config.Config) { c.Providers[0].UserPrefix = strings.Repeat("p", 17<<10) }, nil,
			entratest.Request{User: "reader"}, false, reason.HeaderSize},
	} {
		t.Run(c.story, func(t *testing.T) {
			f := newFixture(t, c.change)
			header := bearerHeader(f.mint(c.token))
			for _, edit := range c.headers {
				edit(header)
			}
			if d := f.gate.Decide(t.Context(), Request{Header: header, Strips: c.strips}); d.Reason != c.want {
				t.Errorf("got %q, want %q", d.Reason, c.want)
			}
		})
	}
}

// 16 KiB in all are sent, one byte more is refused: never cut.
func TestHeadersOfExactlyTheLimitAreSent(t *testing.T) {
	f := newFixture(t, nil)
	raw := f.mint(entratest.Request{User: "reader"})
	size := 0
	for _, field := range f.decide(raw).Headers {
		size += len(field.Name) + len(field.Value)
	}
	for _, c := range []struct {
		size int
		want reason.Reason
	}{{maxHeaders, reason.None}, {maxHeaders + 1, reason.HeaderSize}} {
		f.config.Providers[0].UserPrefix = strings.Repeat("p", c.size-size)
		f.gate.Swap(f.compile(2))
		if d := f.decide(raw); d.Reason != c.want {
			t.Errorf("%d bytes: got %q, want %q", c.size, d.Reason, c.want)
		}
	}
}

func TestA503TellsWhenToComeBack(t *testing.T) {
	f := aloneFixture(t)
	f.config.Enabled = false
	if d := f.decide("x"); d.RetryAfter != retryDisabled {
		t.Errorf("disabled: %v", d.RetryAfter)
	}
	f.config.Enabled = true
	f.gate.Swap(f.compile(2))
	raw := f.mint(entratest.Request{User: "reader", Lifetime: 28 * time.Hour})
	f.tenant.SetFaults(entratest.Faults{Status: 503})
	f.now = f.now.Add(25 * time.Hour)
	if d := f.decide(raw); d.Reason != reason.KeysUnavailable || d.RetryAfter != retryUnavailable {
		t.Errorf("dead keys: %q, retry after %v", d.Reason, d.RetryAfter)
	}
	if f.gate.Snapshot().Ready() {
		t.Error("ready with dead keys")
	}
}

// FAULTS 137: no cached decision survives the configuration that it was made under.
func TestASwapTakesEffectWithTheNextRequest(t *testing.T) {
	f := newFixture(t, nil)
	raw := f.mint(entratest.Request{User: "reader"})
	if d := f.decide(raw); !d.Allowed() || d.Generation != 1 {
		t.Fatalf("generation %d: %q", d.Generation, d.Reason)
	}
	f.config.Providers[0].ClientApplicationIDs = nil
	f.gate.Swap(f.compile(2))
	if d := f.decide(raw); d.Reason != reason.Client || d.Generation != 2 {
		t.Errorf("generation %d: %q, want the new configuration's refusal", d.Generation, d.Reason)
	}
}

// Where the Snapshot stays the same nothing that it keeps from then on is lost.
func TestASwapForTheSameSnapshotKeepsOn(t *testing.T) {
	f := newFixture(t, nil)
	raw := f.mint(entratest.Request{User: "reader"})
	f.gate.Swap(f.gate.Snapshot())
	f.decide(raw)
	if !f.keeps(raw) {
		t.Error("nothing is kept any more")
	}
}

// A refusal tells the client when to come back only where that may help, and the scopes only where they are missing.
func TestARefusalTellsOnlyWhatHelpsAgainstIt(t *testing.T) {
	f := newFixture(t, func(c *config.Config) { c.Providers[0].RequiredScopes = []string{"platform.read-write", "b"} })
	for _, c := range []struct {
		token  entratest.Request
		reason reason.Reason
		scope  string
	}{
		{entratest.Request{User: "reader"}, reason.Scope, "platform.read-write b"},
		{entratest.Request{User: "reader", Client: exportApp}, reason.Client, ""},
	} {
		if d := f.decide(f.mint(c.token)); d.Reason != c.reason || d.Scope != c.scope || d.RetryAfter != 0 {
			t.Errorf("got %q, scope %q, retry after %v, want %q, scope %q", d.Reason, d.Scope, d.RetryAfter, c.reason, c.scope)
		}
	}
}

// Both are asked for, so that no Decision that was refused lets anybody in by an identity that was left in it.
func TestOnlyAnIdentityWithoutAReasonIsAllowed(t *testing.T) {
	for _, c := range []struct {
		decision Decision
		want     bool
	}{
		{Decision{}, false},
		{Decision{Identity: &Identity{}}, true},
		{Decision{Reason: reason.Route}, false},
		{Decision{Identity: &Identity{}, Reason: reason.Route}, false},
	} {
		if got := c.decision.Allowed(); got != c.want {
			t.Errorf("%+v: %v, want %v", c.decision, got, c.want)
		}
	}
}

// What breaks after the refusal is found must not leave half of it in the answer: the door would name a reason that
// stands in no log.
func TestAPanicLeavesNothingOfTheRefusal(t *testing.T) {
	core, lines := observer.New(zapcore.ErrorLevel)
	log := zap.New(core, zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewTee(core, breakingCore{zapcore.InfoLevel})
	}))
	f := loggedFixture(t, log, func(c *config.Config) { c.Enabled = false })
	d := f.decide("a.b.c")
	if d.Reason != reason.None || d.Allowed() || d.RetryAfter != 0 || d.ID == "" || d.Generation != 1 || d.Snapshot() == nil {
		t.Errorf("got %+v, want a Decision that was not judged", d)
	}
	if lines.Len() != 1 || lines.All()[0].ContextMap()["decision_id"] != d.ID || lines.All()[0].ContextMap()["panic"] != "string" {
		t.Errorf("want one line that names the panic and the decision, got %v", lines.All())
	}
}

// breakingCore panics at each line of its level.
type breakingCore struct{ level zapcore.Level }

func (c breakingCore) Enabled(level zapcore.Level) bool  { return level == c.level }
func (c breakingCore) With([]zapcore.Field) zapcore.Core { return c }
func (c breakingCore) Sync() error                       { return nil }
func (c breakingCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}
func (c breakingCore) Write(zapcore.Entry, []zapcore.Field) error { panic("the log breaks") }

// FAULTS 160: whatever breaks inside a judgement, nobody is let in by it and the process lives.
func TestAPanicIsADenialThatIsCounted(t *testing.T) {
	for _, c := range []struct {
		story string
		gate  *Gate
	}{
		{"no Snapshot", NewGate(nil, Options{})},
		{"a Snapshot without its parts", NewGate(&Snapshot{
			config: &config.Config{Enabled: true}, kept: newKept(1 << 10), keys: []*keys.Provider{nil},
		}, Options{})},
	} {
		t.Run(c.story, func(t *testing.T) {
			d := c.gate.Decide(t.Context(), Request{Header: bearerHeader("a.b.c")})
			if d.Allowed() || d.Reason != reason.None || d.ID == "" || d.Identity != nil {
				t.Errorf("got %+v, want a Decision that was not judged", d)
			}
			if stats := c.gate.Stats(); stats.Panics != 1 || stats.Allowed != 0 || len(stats.Denied) != 0 {
				t.Errorf("stats %+v", stats)
			}
		})
	}
}

func TestDecisionIDsAreUnique(t *testing.T) {
	a, b := newIDs(), newIDs()
	seen := map[string]bool{}
	for range 1000 {
		seen[a.next()], seen[b.next()] = true, true
	}
	if len(seen) != 2000 {
		t.Errorf("%d ids, want 2000", len(seen))
	}
	// A random part of 8 characters, and the count for people.
	var got []string
	for c := newIDs(); len(got) < 11; {
		prefix, count, _ := strings.Cut(c.next(), "-")
		got = append(got, strconv.Itoa(len(prefix))+" "+count)
	}
	want := []string{"8 1", "8 2", "8 3", "8 4", "8 5", "8 6", "8 7", "8 8", "8 9", "8 10", "8 11"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStatsCount(t *testing.T) {
	f := newFixture(t, nil)
	raw := f.mint(entratest.Request{User: "administrator"}) // one of two groups is declared
	f.decide(raw)
	f.decide(raw)
	f.decide(f.mint(entratest.Request{User: "stranger"}))
	f.decide("x")
	stats := f.gate.Stats()
	if stats.Allowed != 2 || stats.Unmatched != 3 || stats.Kept != 1 || stats.Denied["no_group"] != 1 || len(stats.Denied) != 2 {
		t.Errorf("stats %+v", stats)
	}
}
