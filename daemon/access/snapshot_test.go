package access

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/mapping"
)

func TestASnapshotIsReadyWhileOneProviderHasLiveKeys(t *testing.T) {
	f := newFixture(t, nil)
	s := f.compile(7)
	if s.Generation() != 7 || s.Config() != f.config {
		t.Errorf("generation %d, want the 7 that was given and its configuration", s.Generation())
	}
	live := s.providers["contoso"]
	dead := &provider{config: live.config, keys: keys.NewRing(keys.Options{}).Open(keys.Source{Name: "fabrikam"})}
	for _, c := range []struct {
		story     string
		enabled   bool
		providers map[string]*provider
		want      bool
	}{
		{"live keys", true, map[string]*provider{"contoso": live}, true},
		{"live keys of one of two", true, map[string]*provider{"contoso": live, "fabrikam": dead}, true},
		{"keys that were never fetched", true, map[string]*provider{"fabrikam": dead}, false},
		{"disabled", false, map[string]*provider{"contoso": live}, false},
	} {
		one := &Snapshot{config: &config.Config{Enabled: c.enabled}, providers: c.providers}
		if got := one.Ready(); got != c.want {
			t.Errorf("%s: %v, want %v", c.story, got, c.want)
		}
	}
}

func TestASnapshotKnowsItsIdentityHeaders(t *testing.T) {
	s := newFixture(t, nil).gate.Snapshot()
	for name, want := range map[string]bool{"remote_user": true, "Remote-Client": false, "": false} {
		if got := s.IdentityHeader(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

// A disabled configuration is not held up by what it lacks. One that is enabled must have all, and what lacks a part of
// it is a fault of this program that shows at once, not with the first request.
func TestOnlyADisabledConfigurationCompilesWithoutItsParts(t *testing.T) {
	f := newFixture(t, nil)
	policy, _ := mapping.Compile(f.config.Rules())
	opened := map[string]*keys.Provider{"contoso": f.gate.Snapshot().providers["contoso"].keys}
	disabled := *f.config
	disabled.Enabled = false
	for _, c := range []struct {
		story    string
		config   *config.Config
		policy   *mapping.Policy
		keys     map[string]*keys.Provider
		verifies bool
	}{
		{"without either", &disabled, nil, nil, false},
		{"without keys, as the daemon has it", &disabled, policy, map[string]*keys.Provider{}, false},
		{"without a policy", &disabled, nil, opened, false},
		{"with both", &disabled, policy, opened, true},
		{"enabled", f.config, policy, opened, true},
	} {
		if s := Compile(c.config, c.policy, c.keys, 1); (s.verifier != nil) != c.verifies {
			t.Errorf("%s: verifies %v, want %v", c.story, s.verifier != nil, c.verifies)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an enabled configuration was compiled without a policy")
		}
	}()
	Compile(f.config, nil, opened, 1)
}

// What is said of one provider's users and applications says nothing about those of another, whatever their ids.
func TestProvidersDoNotShareWhatTheirUsersAndAccountsAre(t *testing.T) {
	const secondAPI = "00000000-0000-0000-0000-0000000000a2"
	export := config.ServiceAccount{
		Provider: "contoso", ObjectID: exportObject, ApplicationID: exportApp, Name: "export", Groups: []string{"Analysts"}, Active: true,
	}
	for _, c := range []struct {
		story         string
		change        func(*config.Config)
		token         entratest.Request
		first, second reason.Reason
	}{
		{"nothing said", nil, entratest.Request{User: "reader"}, reason.None, reason.None},
		{"a blocked user", func(c *config.Config) {
			c.Users = []config.User{{Provider: "contoso", ID: reader, Blocked: true}}
		}, entratest.Request{User: "reader"}, reason.UserInactive, reason.None},
		{"a user who is not blocked", func(c *config.Config) {
			c.Users = []config.User{{Provider: "contoso", ID: reader, Groups: []string{"Analysts"}}}
		}, entratest.Request{User: "reader"}, reason.None, reason.None},
		{"a service account", func(c *config.Config) {
			c.ServiceAccounts = []config.ServiceAccount{export}
		}, entratest.Request{Client: exportApp}, reason.None, reason.Client},
		{"a service account that is not active at one of them", func(c *config.Config) {
			off, on := export, export
			off.Active, on.Provider = false, "fabrikam"
			c.ServiceAccounts = []config.ServiceAccount{off, on}
		}, entratest.Request{Client: exportApp}, reason.UserInactive, reason.None},
	} {
		t.Run(c.story, func(t *testing.T) {
			f := newFixture(t, func(cfg *config.Config) {
				second := cfg.Providers[0]
				second.Name, second.ApplicationID, second.UserPrefix = "fabrikam", secondAPI, "f-"
				cfg.Providers = append(cfg.Providers, second)
				if c.change != nil {
					c.change(cfg)
				}
			})
			for audience, want := range map[string]reason.Reason{apiID: c.first, secondAPI: c.second} {
				c.token.Claims = map[string]any{"aud": audience}
				raw := f.mint(c.token)
				for range 2 {
					if d := f.decide(raw); d.Reason != want {
						t.Errorf("aud %s: %q, want %q", audience, d.Reason, want)
					}
				}
				if f.keeps(raw) != (want == reason.None) {
					t.Errorf("aud %s: kept %v", audience, f.keeps(raw))
				}
			}
		})
	}
}

func TestEachMappingErrorHasItsReason(t *testing.T) {
	for _, c := range []struct {
		err  error
		want reason.Reason
	}{
		{fmt.Errorf("oid: %w", mapping.ErrMissingClaim), reason.MissingClaim},
		{fmt.Errorf("oid: %w", mapping.ErrUnknownAccount), reason.UnknownServiceAccount},
		{fmt.Errorf("groups: %w", mapping.ErrClaimType), reason.ClaimType},
		{errors.New("another"), reason.ClaimType},
	} {
		if got := mappingReason(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

// Without a trace the first failure ends the judgement. With one it goes on behind what an administrator may want to see
// behind, until a check fails behind which nothing can be told.
func TestTheTokensOwnChecksEndTheJudgementWhereTheContractSays(t *testing.T) {
	f := newFixture(t, nil)
	hourAgo, idToken := f.now.Add(-time.Hour), map[string]any{"scp": nil, "azp": nil, "nonce": "n"}
	for _, c := range []struct {
		story            string
		token            entratest.Request
		traced, untraced bool
	}{
		{"valid", entratest.Request{User: "reader"}, true, true},
		{"expired", entratest.Request{User: "reader", Issued: hourAgo, Lifetime: time.Minute}, true, false},
		{"an ID token", entratest.Request{User: "reader", Claims: idToken}, false, false},
		{"an expired ID token", entratest.Request{User: "reader", Issued: hourAgo, Lifetime: time.Minute, Claims: idToken}, false, false},
	} {
		for trace, want := range map[*reason.Trace]bool{nil: c.untraced, {}: c.traced} {
			j := judgement{snapshot: f.gate.Snapshot(), now: f.now, trace: trace}
			if got := j.verify(t.Context(), f.mint(c.token)); got != want {
				t.Errorf("%s, with a trace %v: goes on %v, want %v", c.story, trace != nil, got, want)
			}
		}
	}
}
