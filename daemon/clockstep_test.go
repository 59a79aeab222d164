package daemon

import (
	"maps"
	"net"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/gateway"
	"github.com/claimd/claimd/daemon/keys"
)

// steppedClock is a host's clock whose wall part somebody sets; the monotonic part goes on. All methods may be called at
// once.
type steppedClock struct{ by atomic.Int64 } // nanoseconds, whole seconds

func (c *steppedClock) step(by time.Duration) { c.by.Store(int64(by)) }

// now sets the seconds of the wall part of a time.Time that has a monotonic part: 33 bits above the 30 of nanoseconds
// (package time, time.go). No function of package time parts the two; TestASteppedClockParts holds that this does.
func (c *steppedClock) now() time.Time {
	now := time.Now()
	*(*uint64)(unsafe.Pointer(&now)) += uint64(c.by.Load()/int64(time.Second)) << 30
	return now
}

func TestASteppedClockParts(t *testing.T) {
	var clock steppedClock
	for _, by := range []time.Duration{0, time.Hour, -time.Hour} {
		before, wall := time.Now(), time.Now().Round(0)
		clock.step(by)
		now := clock.now()
		if passed := now.Sub(before); passed < 0 || passed > time.Minute {
			t.Errorf("%v: the monotonic part moved by %v", by, passed)
		}
		if moved := now.Round(0).Sub(wall) - by; moved < 0 || moved > time.Minute {
			t.Errorf("%v: the wall part moved by %v too much", by, moved)
		}
	}
}

// stepped judges requests by a clock that is stepped, as the daemon puts the parts together.
type stepped struct {
	*site
	clock steppedClock
}

func newStepped(t *testing.T) *stepped {
	t.Helper()
	s := &stepped{site: newSiteAlone(t)}
	s.write(s.toml("[groups]\n", "clock_skew = \"0s\"\n[groups]\n"))
	loaded, err := Load(s.config, config.ReadOptions{})
	mustDo(t, err)
	ring := keys.NewRing(keys.Options{Directory: filepath.Join(s.dir, "state/keys"), Client: loaded.Client, Now: s.clock.now})
	t.Cleanup(ring.Close)
	providers := loaded.Open(ring)
	gate := access.NewGate(loaded.Snapshot(providers, 1), access.Options{Now: s.clock.now})
	ring.Keep(slices.Collect(maps.Values(providers)))
	for _, provider := range providers {
		mustDo(t, provider.Refresh(t.Context()))
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", filepath.Join(s.dir, "run/gate.sock"))
	mustDo(t, err)
	server := &httptest.Server{Listener: listener, Config: gateway.NewServer(gateway.Handler(gate))}
	server.Start()
	t.Cleanup(server.Close)
	return s
}

func (s *stepped) mint(request entratest.Request) string {
	s.t.Helper()
	token, err := s.tenant.Mint(request)
	mustDo(s.t, err)
	return token
}

// FAULTS 64: the wall clock is set forward an hour and back, under load. Each answer goes by what the wall clock shows:
// a token whose end has passed does not live on because its identity was kept, one whose time comes again passes again,
// and one that began later does not pass because its identity was kept before the clock was set back. What counts
// seconds that pass, the age of the keys and the limit on fetches for unknown key ids, does not notice.
func TestAStepOfTheWallClockUnderLoad(t *testing.T) {
	s := newStepped(t)
	now := time.Now()
	mint := func(from, to time.Duration) string {
		return s.mint(entratest.Request{User: "ada", Issued: now.Add(from), Lifetime: to - from})
	}
	const quarter = 15 * time.Minute
	const late, early = "401 expired", "401 not_yet_valid"
	tokens := []struct {
		name, text               string
		rightly, forward, behind string // the answers with the clock as it is, an hour forward, an hour back
	}{
		{"of two hours either way", mint(-8*quarter, 8*quarter), adaAnalyst, adaAnalyst, adaAnalyst},
		{"that ends in 30 minutes", mint(-8*quarter, 2*quarter), adaAnalyst, late, adaAnalyst},
		{"that began 30 minutes ago", mint(-2*quarter, 8*quarter), adaAnalyst, adaAnalyst, early},
		{"that begins in 30 minutes", mint(2*quarter, 8*quarter), early, adaAnalyst, early},
		{"that ended 30 minutes ago", mint(-8*quarter, -2*quarter), late, late, adaAnalyst},
	}
	s.useUpFetches()
	fetches := s.tenant.Requests("v2 keys")
	for _, step := range []time.Duration{0, time.Hour, 0, -time.Hour, 0, -time.Hour, time.Hour, 0} {
		s.clock.step(step)
		var asking sync.WaitGroup
		for range 4 {
			asking.Go(func() {
				for range 5 { // the first finds what was kept before the step
					for _, token := range tokens {
						want := map[time.Duration]string{0: token.rightly, time.Hour: token.forward, -time.Hour: token.behind}[step]
						if got := s.ask(token.text); got != want {
							t.Errorf("the clock stands %v off: a token %s: got %s, want %s", step, token.name, got, want)
						}
					}
				}
			})
		}
		asking.Wait()
		if got := s.ask(s.strangeKey()); got != "503 keys_unavailable" {
			t.Errorf("the clock stands %v off: an unknown key id: %s, want no new allowance", step, got)
		}
	}
	if got := s.tenant.Requests("v2 keys"); got != fetches {
		t.Errorf("%d fetches came of steps of the clock", got-fetches)
	}
}

// useUpFetches asks for unknown key ids until no more fetches are allowed for them.
func (s *stepped) useUpFetches() {
	s.t.Helper()
	for range 3 {
		if got := s.ask(s.strangeKey()); got != "401 key" {
			s.t.Fatalf("an unknown key id: %s, want 401 key", got)
		}
	}
}

// strangeKey is a token that names a key that nobody has.
func (s *stepped) strangeKey() string {
	return s.mint(entratest.Request{User: "ada", Header: map[string]any{"kid": "nobody-has-" + time.Now().String()}})
}
