package soak

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

const (
	honestRate  = 200 // requests a second
	honestUsers = 20
	honestNew   = 10 // every so many requests come with a token that was never seen before

	// honestP99 is what the slowest of a hundred honest requests may take, in the long forms.
	honestP99 = 50 * time.Millisecond
)

// honest are clients with valid tokens: some users who ask again and again, and now and then a new one.
type honest struct {
	address string
	press   *press
	users   [honestUsers]string // tokens
	fresh   atomic.Uint64
}

func newHonest(d *daemonProcess, p *press) *honest {
	h := &honest{address: d.address, press: p}
	for i := range h.users {
		h.users[i] = p.token(uint64(i))
	}
	return h
}

func (h *honest) load() load {
	return load{
		address: h.address, connections: 8, rate: honestRate,
		next: func(connection, number int) []byte {
			if number%honestNew == 0 {
				return get("/auth", bearer(h.press.token(honestUsers+h.fresh.Add(1))))
			}
			return get("/auth", bearer(h.users[(connection+8*number)%honestUsers]))
		},
		check: func(a *answer) error {
			user := a.get("Remote-User")
			if a.status != 200 || a.get("Remote-Groups") != analysts || len(user) != 36 || user[:24] != "b6e1f490-5d38-42c7-90ab-" {
				return fmt.Errorf("user %q, groups %q: %s", user, a.get("Remote-Groups"), a.body)
			}
			known := fmt.Sprintf("%012x", (a.connection+8*a.number)%honestUsers)
			if a.number%honestNew != 0 && user[24:] != known {
				return fmt.Errorf("user %q, want ...%s", user, known)
			}
			return nil
		},
	}
}

func (h *honest) run(duration time.Duration) *loadResult { return h.load().run(duration) }

// hold holds what came of the honest clients' load against what they are owed: not one wrong answer, and in the long
// forms none that is late.
func (h *honest) hold(t *testing.T, when string, result *loadResult) {
	t.Helper()
	if result.failed > 0 || result.wrong > 0 || result.asked == 0 {
		t.Errorf("%s: %v %q", when, result, result.problems)
	}
	if p99 := result.latencies.at(0.99); long() > 0 && p99 > honestP99 {
		t.Errorf("%s: the 99th of a hundred honest requests takes %v, want %v at most", when, p99, honestP99)
	}
}
