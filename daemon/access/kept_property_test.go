package access

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/mapping"
)

// FAULTS 66 (GHSA-3rw9-wmc8-8948): whatever happens between two requests with one token, and in whatever order, a gate
// that keeps identities answers as a gate that keeps none. Clocks are set forth and back, keys come, go and die, rules
// and clients change, users are blocked, deactivated, forgotten and invited.
func TestWhatIsKeptNeverAnswersOtherwiseThanVerifyingAnew(t *testing.T) {
	for seed := range uint64(3) {
		l := newLife(t, seed)
		for range 150 {
			l.happen()
			l.compare()
		}
		if l.kept < 50 || l.allowed < 100 || l.refused < 50 {
			t.Errorf("seed %d: %d kept, %d allowed, %d refused: that shows little", seed, l.kept, l.allowed, l.refused)
		}
	}
}

// life is a gate to which things happen, and the tokens that are shown to it.
type life struct {
	*knowing
	dice                   *rand.Rand
	provider               *keys.Provider
	tokens                 []string
	rotations              int
	shut                   bool // by the configuration
	kept, allowed, refused int
}

func newLife(t *testing.T, seed uint64) *life {
	k := newKnowing(t, nil)
	f := aloneFixture(t)
	k.fixture = f
	f.gate = NewGate(f.compile(1), Options{Now: func() time.Time { return f.now }, Directory: k.directory})
	l := &life{knowing: k, dice: rand.New(rand.NewPCG(seed, 66)), provider: f.gate.Snapshot().providers["contoso"].keys}
	for range 4 {
		l.issue()
	}
	return l
}

// issue replaces a token by one of now, or of about now, and of some lifetime.
func (l *life) issue() {
	spans := []time.Duration{time.Minute, time.Hour, 24 * time.Hour, 28 * time.Hour}
	token := l.mint(entratest.Request{
		User: "reader", Issued: l.now.Add(time.Duration(l.dice.IntN(5)-2) * time.Minute), Lifetime: spans[l.dice.IntN(len(spans))],
	})
	if len(l.tokens) < 4 {
		l.tokens = append(l.tokens, token)
		return
	}
	l.tokens[l.dice.IntN(len(l.tokens))] = token
}

// happen does one thing that may end what is kept.
func (l *life) happen() {
	steps := []time.Duration{time.Second, 30 * time.Second, time.Minute, 10 * time.Minute, time.Hour, -time.Second, -time.Minute}
	if l.shut { // half of all that happens would find the door shut
		l.reconfigure()
		return
	}
	switch n := l.dice.IntN(20); {
	case n < 8:
		l.now = l.now.Add(steps[l.dice.IntN(len(steps))])
	case n < 15:
		l.issue()
	case n == 15 && !l.provider.Live() || n == 16:
		if err := l.provider.Refresh(l.t.Context()); err != nil {
			l.t.Fatal(err)
		}
	case n == 15:
		l.now = l.now.Add(25 * time.Hour) // the keys die
	case n == 17 && l.rotations < 3:
		l.rotate()
	case n == 18:
		l.reconfigure()
	case n == 19:
		actions := []directory.Action{directory.Deactivate, directory.Activate, directory.Activate, directory.Forget, directory.Invite}
		// One that makes no sense now is refused, which is as good.
		_, _, _ = l.directory.Change(l.t.Context(), keyOfUser(reader), actions[l.dice.IntN(len(actions))], "contoso", "uid 0 (root)")
	}
}

func (l *life) rotate() {
	l.rotations++
	old := l.tenant.KeyIDs()
	l.tenant.Rotate()
	for _, id := range old {
		l.tenant.Remove(id)
	}
	if err := l.provider.Refresh(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
}

// reconfigure makes a change of rights, or takes it back, and swaps.
func (l *life) reconfigure() {
	p := &l.config.Providers[0]
	l.config.Users, l.config.Roles, p.ClientApplicationIDs = nil, nil, []string{desktopApp}
	l.config.Mapping.Invite = l.dice.IntN(3) == 0
	what := l.dice.IntN(4)
	if l.shut {
		what = 3
	}
	l.shut = what < 2
	switch what {
	case 0:
		l.config.Users = []config.User{{Provider: "contoso", ID: reader, Blocked: true}}
	case 1:
		p.ClientApplicationIDs = nil
	case 2:
		l.config.Roles = []config.Local{{Name: "analyst", Values: []string{analysts}}}
	}
	l.gate.Swap(l.snapshot())
}

// snapshot compiles what is configured now, with the keys as they are and with nothing kept.
func (l *life) snapshot() *Snapshot {
	policy, faults := mapping.Compile(l.config.Rules())
	if policy == nil {
		l.t.Fatalf("the rules do not compile: %v", faults)
	}
	now := *l.config
	now.Providers = []config.Provider{l.config.Providers[0]}
	return Compile(&now, policy, map[string]*keys.Provider{"contoso": l.provider}, 1)
}

// compare shows every token to the gate that keeps, and to one that has just been made.
func (l *life) compare() {
	l.t.Helper()
	fresh := NewGate(l.snapshot(), Options{Now: func() time.Time { return l.now }, Directory: l.directory})
	for _, token := range l.tokens {
		if l.keeps(token) {
			l.kept++
		}
		got, want := l.decide(token), fresh.Decide(l.t.Context(), Request{Header: bearerHeader(token)})
		if got.Allowed() != want.Allowed() || fieldsText(got.Headers) != fieldsText(want.Headers) {
			l.t.Fatalf("at %s: %q\n%s\nverified anew: %q\n%s", l.now, got.Reason, fieldsText(got.Headers), want.Reason, fieldsText(want.Headers))
		}
		if got.Allowed() {
			l.allowed++
		} else {
			l.refused++
		}
	}
}
