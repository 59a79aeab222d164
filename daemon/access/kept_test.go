package access

import (
	"context"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/daemon/token"
	"github.com/claimd/claimd/mapping"
)

// keeps reports whether the token is answered by what is kept: the same Identity, not an equal one.
func (f *fixture) keeps(raw string) bool {
	f.t.Helper()
	found := f.gate.Snapshot().kept.find(keyOf(raw), f.now)
	return found != nil
}

func TestAVerifiedIdentityIsKeptUntilItsTokenExpires(t *testing.T) {
	f := newFixture(t, nil)
	f.now = time.Unix(time.Now().Unix(), 0)
	raw := f.mint(entratest.Request{User: "reader", Lifetime: time.Hour})
	first := f.decide(raw)
	if second := f.decide(raw); second.Identity != first.Identity || second.ID == first.ID {
		t.Error("the second request was not answered by what is kept, or under the first's id")
	}
	end := f.now.Add(time.Hour + time.Minute) // exp and clock_skew
	for _, c := range []struct {
		at   time.Time
		want reason.Reason
	}{
		{end, reason.None}, // the skew is inclusive
		{end.Add(time.Second), reason.Expired},
	} {
		f.now = c.at
		if d := f.decide(raw); d.Reason != c.want {
			t.Errorf("at %s after exp: got %q, want %q", c.at.Sub(end)+time.Minute, d.Reason, c.want)
		}
		if f.keeps(raw) != (c.want == reason.None) {
			t.Errorf("at %s after exp: kept %v", c.at.Sub(end)+time.Minute, f.keeps(raw))
		}
	}
}

// FAULTS 64: decisions use wall time; a clock that was set back must not let in what is not valid yet.
func TestAClockSetBackEndsWhatIsKept(t *testing.T) {
	f := newFixture(t, nil)
	raw := f.mint(entratest.Request{User: "reader"})
	f.decide(raw)
	f.now = f.now.Add(-time.Hour)
	if d := f.decide(raw); d.Reason != reason.NotYetValid {
		t.Errorf("got %q, want %q", d.Reason, reason.NotYetValid)
	}
}

func TestAChangeOfTheKeysEndsWhatIsKept(t *testing.T) {
	f := aloneFixture(t)
	provider := f.gate.Snapshot().providers["contoso"].keys
	raw := f.mint(entratest.Request{User: "reader"})
	f.decide(raw)
	if !f.keeps(raw) {
		t.Fatal("not kept")
	}
	if err := provider.Refresh(t.Context()); err != nil || !f.keeps(raw) {
		t.Fatalf("a refresh that brings the same keys ended it (%v)", err)
	}
	old := provider.Status().Documents[1].Keys[0].ID
	f.tenant.Rotate()
	f.tenant.Remove(old)
	if err := provider.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f.keeps(raw) {
		t.Error("still kept though its key is withdrawn")
	}
	if d := f.decide(raw); d.Allowed() {
		t.Error("let in though its key is withdrawn")
	}
}

func TestTheDeathOfTheKeysEndsWhatIsKept(t *testing.T) {
	f := aloneFixture(t)
	raw := f.mint(entratest.Request{User: "reader", Lifetime: 28 * time.Hour})
	f.decide(raw)
	f.tenant.SetFaults(entratest.Faults{Status: 503})
	f.now = f.now.Add(23 * time.Hour)
	if d := f.decide(raw); !d.Allowed() {
		t.Fatalf("after 23 hours: %q", d.Reason)
	}
	f.now = f.now.Add(2 * time.Hour)
	if d := f.decide(raw); d.Reason != reason.KeysUnavailable {
		t.Errorf("after 25 hours: got %q, want %q", d.Reason, reason.KeysUnavailable)
	}
}

func TestNoRefusalIsKept(t *testing.T) {
	f := newFixture(t, func(c *config.Config) {
		c.Users = []config.User{{Provider: "contoso", ID: reader, Blocked: true}}
	})
	f.decide(f.mint(entratest.Request{User: "reader"}))
	f.decide(f.mint(entratest.Request{User: "stranger"}))
	f.decide(f.mint(entratest.Request{User: "collector"}))
	f.decide("a.b.c")
	if kept := f.gate.Stats().Kept; kept != 0 {
		t.Errorf("%d kept, want none", kept)
	}
}

// The verdict of header_spoof is on the request, not on the token: what is kept of a token says nothing about it.
func TestASpoofedHeaderIsSeenBesideAKeptIdentity(t *testing.T) {
	f := newFixture(t, nil)
	raw := f.mint(entratest.Request{User: "reader"})
	if d := f.decide(raw); !d.Allowed() {
		t.Fatal(d.Reason)
	}
	header := bearerHeader(raw)
	header["REMOTE_ADMIN"] = []string{"true"}
	if d := f.gate.Decide(t.Context(), Request{Header: header}); d.Reason != reason.HeaderSpoof {
		t.Errorf("got %q, want %q", d.Reason, reason.HeaderSpoof)
	}
}

// FAULTS 6: the whole text is the key, so another spelling of a signature finds nothing.
func TestATokenWithAnotherLastCharacterIsAnotherToken(t *testing.T) {
	f := newFixture(t, nil)
	raw := f.mint(entratest.Request{User: "reader"})
	f.decide(raw)
	for _, last := range "ABCDabcd0189-_" {
		if other := raw[:len(raw)-1] + string(last); other != raw && f.keeps(other) {
			t.Fatalf("found under another last character %q", last)
		}
	}
}

// FAULTS 158: whose identity is kept does not wait for anything, not even for a client that is about to go.
func TestAKeptIdentityTakesNoTurn(t *testing.T) {
	f := newFixture(t, nil)
	raw := f.mint(entratest.Request{User: "reader"})
	first := f.decide(raw)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if d := f.gate.Decide(gone, Request{Header: bearerHeader(raw)}); d.Identity != first.Identity {
		t.Errorf("got %+v, want the kept identity", d)
	}
}

// A token of just the size that is looked at is kept like any other.
func TestATokenOfTheLargestSizeIsKept(t *testing.T) {
	f := newFixture(t, nil)
	raw := ""
	for filler := 23_000; len(raw) != token.MaxSize; filler += max(1, (token.MaxSize-len(raw))/2) {
		raw = f.mint(entratest.Request{User: "reader", Claims: map[string]any{"filler": strings.Repeat("x", filler)}})
		if len(raw) > token.MaxSize {
			t.Fatalf("no filler gives %d bytes", token.MaxSize)
		}
	}
	if d := f.decide(raw); !d.Allowed() || !f.keeps(raw) {
		t.Errorf("%q, kept %v", d.Reason, f.keeps(raw))
	}
}

// Each of these ends what is kept, whatever the others say.
func TestAKeptIdentityHoldsWhileAllOfItDoes(t *testing.T) {
	opened := keys.NewRing(keys.Options{}).Open(keys.Source{})
	verified := time.Unix(1_800_000_000, 0)
	end := verified.Add(time.Hour + time.Minute)
	for _, c := range []struct {
		story   string
		now     time.Time
		off     string // who is switched off
		changes uint64
		want    bool
	}{
		{"when it was verified", verified, "", 0, true},
		{"before it was verified", verified.Add(-1), "", 0, false},
		{"at exp and clock_skew", end, "", 0, true},
		{"after exp and clock_skew", end.Add(1), "", 0, false},
		{"other keys", verified, "", 1, false},
		{"another user is switched off", verified, "grace", 0, true},
		{"the user is switched off", verified, "ada", 0, false},
		{"the user is switched off by object ID", verified, reader, 0, false},
	} {
		p := &provider{config: &config.Provider{ClockSkew: time.Minute}, keys: opened, off: map[string]struct{}{}}
		if c.off != "" {
			p.off[c.off] = struct{}{}
		}
		k := &keptIdentity{
			identity: &Identity{Identity: mapping.Identity{ID: "ada"}, Expires: verified.Add(time.Hour)},
			provider: p, objectID: strings.ToUpper(reader), changes: opened.Changes() + c.changes, verified: verified,
		}
		if got := k.holds(c.now); got != c.want {
			t.Errorf("%s: holds %v, want %v", c.story, got, c.want)
		}
	}
}

// The bound is kept at every moment, and not only once something comes to look after it.
func TestWhatIsKeptIsBoundedInBytes(t *testing.T) {
	const bound = 64 << 10
	k := newKept(bound)
	p := &provider{config: &config.Provider{}, keys: keys.NewRing(keys.Options{}).Open(keys.Source{})}
	expires := time.Now().Add(time.Hour)
	for i := range 2000 {
		k.keep(keptKey{byte(i), byte(i >> 8)}, &keptIdentity{
			identity: &Identity{Identity: mapping.Identity{User: strings.Repeat("u", 100)}, Expires: expires},
			headers:  []Field{{"Remote-User", strings.Repeat("u", 100)}},
			provider: p,
		})
	}
	size, weight := k.size()
	if weight > bound {
		t.Errorf("%d bytes, want %d at most", weight, bound)
	}
	if size == 0 || size > bound/keptOverhead {
		t.Errorf("%d kept", size)
	}
}

// sha256.Sum256 had every request leave a copy of its token on the heap, up to 32 KiB for the collector to take away.
func TestAKeyIsTheHashOfTheWholeTokenAndCostsNoMemory(t *testing.T) {
	for _, length := range []int{0, 1, 511, 512, 513, 1024, token.MaxSize} {
		raw := strings.Repeat("t", length)
		if got, want := keyOf(raw), keptKey(sha256.Sum256([]byte(raw))); got != want {
			t.Errorf("%d bytes: %x, want %x", length, got, want)
		}
		if n := testing.AllocsPerRun(10, func() { _ = keyOf(raw) }); n != 0 {
			t.Errorf("%d bytes: %v allocations, want none", length, n)
		}
	}
}

func BenchmarkAKeptIdentity(b *testing.B) {
	tenant, err := entratest.Start(entratest.Sample())
	if err != nil {
		b.Fatal(err)
	}
	defer tenant.Close()
	cfg := sampleConfig(tenant.URL())
	ring := keys.NewRing(keys.Options{})
	defer ring.Close()
	p := &cfg.Providers[0]
	opened := ring.Open(keys.Source{Name: p.Name, Authority: p.Authority, Tenant: p.TenantID, ApplicationID: p.ApplicationID})
	if err := opened.Refresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	policy, _ := mapping.Compile(cfg.Rules())
	gate := NewGate(Compile(cfg, policy, map[string]*keys.Provider{p.Name: opened}, 1), Options{})
	raw, err := tenant.Mint(entratest.Request{User: "reader"})
	if err != nil {
		b.Fatal(err)
	}
	request := Request{Header: bearerHeader(raw)}
	b.ReportAllocs()
	for b.Loop() {
		if d := gate.Decide(b.Context(), request); !d.Allowed() {
			b.Fatal(d.Reason)
		}
	}
}
