package soak

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"testing"
	"time"
)

// Of what strangers may cause by unknown key ids, for each provider.
const (
	fetchBurst = 3
	fetchEvery = 5 * time.Minute
)

// stranger makes tokens that are worth nothing, cheaply.
type stranger struct {
	valid  []string // the three parts of a token that claimd lets in
	random string   // in base64url
	long   string
}

func newStranger(valid string) *stranger {
	noise := make([]byte, 24<<10)
	_, _ = rand.Read(noise) // never fails
	text := base64.RawURLEncoding.EncodeToString(noise)
	return &stranger{valid: strings.Split(valid, "."), random: text, long: text[:32<<10-12]}
}

// piece gives some of the noise, from a random place.
func (s *stranger) piece(length int) string {
	from := mathrand.IntN(len(s.random) - length)
	return s.random[from : from+length]
}

// garbage gives a token and the reason that claimd must give. One in four has everything right but the signature, and
// costs claimd as much as a valid one.
func (s *stranger) garbage(number int) (token, reason string) {
	switch number % 8 {
	case 0:
		return s.piece(300), "opaque_token"
	case 1:
		return s.piece(80) + "." + s.piece(800) + "." + s.piece(342), "malformed"
	case 2:
		return s.valid[0] + "." + s.piece(800) + "." + s.valid[2], "malformed"
	case 3:
		return s.valid[0] + ".." + s.piece(342), "malformed"
	case 4:
		return s.long[:len(s.long)-900] + "." + s.piece(800) + ".x", "malformed"
	case 5:
		return s.piece(80) + "." + s.piece(80) + "." + s.piece(80) + "." + s.piece(80), "opaque_token"
	}
	return s.valid[0] + "." + s.valid[1] + "." + s.piece(341) + "A", "signature"
}

// unknownKey gives a token whose key id is new.
func (s *stranger) unknownKey() string {
	header := fmt.Sprintf(`{"typ":"JWT","alg":"RS256","kid":"%s"}`, s.piece(27))
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + s.valid[1] + "." + s.valid[2]
}

// strangers is a load of worthless tokens: rate a second, 0 = as fast as they are answered.
func strangers(d *daemonProcess, rate int, token func(connection, number int) (token, reason string)) load {
	const connections = 16
	wanted := [connections]string{}
	return load{
		address: d.address, connections: connections, rate: rate, limit: time.Minute,
		next: func(connection, number int) []byte {
			var text string
			text, wanted[connection] = token(connection, number)
			return get("/auth", bearer(text))
		},
		check: func(a *answer) error {
			if !strings.Contains(wanted[a.connection], reasonOf(a)) || a.get("Remote-User") != "" {
				return fmt.Errorf("%s, want the reason %s", a.body, wanted[a.connection])
			}
			return nil
		},
	}
}

// reasonOf gives the reason in a refusal's body; "none" where there is none.
func reasonOf(a *answer) string {
	_, rest, _ := strings.Cut(string(a.body), `"reason":"`)
	reason, _, ok := strings.Cut(rest, `"`)
	if !ok {
		return "none"
	}
	return reason
}

// beside runs the strangers' load while honest clients ask, until the strangers have sent so many or the time is over.
func (h *honest) beside(others load, d *daemonProcess, tokens int64, within time.Duration) (mine, theirs *loadResult, most facts) {
	honest, crowd := h.load().start(), others.start()
	for limit := time.Now().Add(within); crowd.asked.Load() < tokens && time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		if f, err := processFacts(d.pid); err == nil {
			most.resident = max(most.resident, f.resident)
		}
	}
	theirs = crowd.stop()
	return honest.stop(), theirs, most
}

// Issue "Hard to break", 5; FAULTS 158. The long form sends a million worthless tokens in its time, or what 4,000 a second
// give, then as many as are answered for ten seconds.
func TestGarbageTokensHarmNobody(t *testing.T) {
	rate, tokens, within := 2000, int64(shortTokens), 2*time.Second
	if long() == 0 {
		t.Parallel()
	} else {
		tokens, within = million, long()
		rate = min(4000, max(200, int(million/long().Seconds())))
	}
	r := newRig(t)
	p := newPress(t, r, []string{analysts})
	r.write(r.toml())
	d := r.start()
	honest, worthless := newHonest(d, p), newStranger(p.token(0))
	garbage := func(connection, number int) (string, string) { return worthless.garbage(number + connection) }
	alone := honest.run(min(within/2, 10*time.Second))
	base := d.facts()
	mine, theirs, most := honest.beside(strangers(d, rate, garbage), d, tokens, within)
	after := d.facts()
	t.Logf("alone:  %v\n  beside: %v\n  they:   %v\n  base:  %v\n  most:  %.1f MiB resident\n  after: %v",
		alone, mine, theirs, base, float64(most.resident)/mebibyte, after)
	honest.hold(t, "beside", mine)
	if theirs.failed > 0 || theirs.wrong > 0 || theirs.statuses[401] != theirs.asked || theirs.asked < 100 {
		t.Errorf("strangers: %v %q", theirs, theirs.problems)
	}
	d.holdSmall(t, base, after, most)
	if long() == 0 {
		return
	}
	flatMine, flatTheirs, most := honest.beside(strangers(d, 0, garbage), d, million, 10*time.Second)
	t.Logf("strangers flat out\n  honest: %v\n  they:   %v\n  most: %.1f MiB resident", flatMine, flatTheirs, float64(most.resident)/mebibyte)
	if flatMine.wrong > 0 || flatTheirs.wrong > 0 {
		t.Errorf("wrong answers: %q %q", flatMine.problems, flatTheirs.problems)
	}
	d.holdSmall(t, base, d.facts(), most)
}

// holdSmall holds what claimd takes against what strangers may have it take.
func (d *daemonProcess) holdSmall(t *testing.T, base, after, most facts) {
	t.Helper()
	if peak := max(most.resident, after.resident); peak > 128*mebibyte {
		t.Errorf("%.1f MiB resident at most, want less than 128", float64(peak)/mebibyte)
	}
	if after.descriptors > base.descriptors+40 || after.goroutines > base.goroutines+60 {
		t.Errorf("after it: %v\nbefore: %v", after, base)
	}
}

// fetches is how often claimd asked for the v2.0 keys.
func (r *rig) fetches() int { return r.tenant.inside.Requests("v2 keys") }

// Issue "Hard to break", 5; FAULTS 37 to 42. Unknown key ids, however many, cause three fetches and then one in five
// minutes; known ids never wait; a rotation behind fewer than three of them is taken up at once, and behind more it is an
// honest 503 until a fetch is allowed again.
func TestUnknownKeyIDsCauseThreeFetches(t *testing.T) {
	rate, tokens, within := 2000, int64(shortTokens), 2*time.Second
	if long() == 0 {
		t.Parallel()
	} else {
		tokens, within = million, long()
		rate = min(4000, max(200, int(million/long().Seconds())))
	}
	r := newRig(t)
	p := newPress(t, r, []string{analysts})
	r.write(r.toml())
	d := r.start()
	honest, worthless := newHonest(d, p), newStranger(p.token(0))
	first := r.fetches()
	for range fetchBurst - 1 {
		if a := d.askOnce(t, worthless.unknownKey()); reasonOf(a) != "key" {
			t.Fatalf("an unknown key id: %d %s", a.status, a.body)
		}
	}
	r.tenant.rotate()
	d.acceptsSoon(t, r.token("ada", nil)) // by the third fetch
	limited := time.Now()
	if got := r.fetches() - first; got != fetchBurst {
		t.Fatalf("%d fetches for two unknown ids and a rotation, want %d", got, fetchBurst)
	}
	base := d.facts()
	unknown := func(int, int) (string, string) { return worthless.unknownKey(), "key keys_unavailable" }
	mine, theirs, most := honest.beside(strangers(d, rate, unknown), d, tokens, within)
	elapsed := time.Since(limited)
	allowed := int(elapsed / fetchEvery)
	got := r.fetches() - first - fetchBurst
	after := d.facts()
	t.Logf("beside: %v\n  they:   %v\n  base:  %v\n  most:  %.1f MiB resident\n  after: %v\n  %d fetches more in %v",
		mine, theirs, base, float64(most.resident)/mebibyte, after, got, elapsed.Round(time.Second))
	honest.hold(t, "beside", mine)
	if theirs.failed > 0 || theirs.wrong > 0 || theirs.asked < 100 || theirs.statuses[503]+theirs.statuses[401] != theirs.asked {
		t.Errorf("strangers: %v %q", theirs, theirs.problems)
	}
	// An hour brings the usual refresh too.
	if most := allowed + int(elapsed/(50*time.Minute)); got < allowed-1 || got > most {
		t.Errorf("%d fetches in %v of unknown ids, want %d", got, elapsed, allowed)
	}
	d.holdSmall(t, base, after, most)
	r.rotationBehindMany(d)
}

// rotationBehindMany rotates while no fetch is allowed. The administrator's own refresh is never limited.
func (r *rig) rotationBehindMany(d *daemonProcess) {
	r.t.Helper()
	known := r.token("ada", nil)
	r.tenant.rotate()
	token := r.token("ada", nil)
	if a := d.askOnce(r.t, token); a.status != 503 || reasonOf(a) != "keys_unavailable" || a.get("Retry-After") == "" {
		r.t.Errorf("a new key while no fetch is allowed: %d %s, Retry-After %q", a.status, a.body, a.get("Retry-After"))
	}
	if a := d.askOnce(r.t, known); a.status != 200 {
		r.t.Errorf("a known key while no fetch is allowed: %d %s", a.status, a.body)
	}
	if long() > fetchEvery { // the next allowed fetch finds it: one came due while the strangers asked, or does soon
		for limit := time.Now().Add(fetchEvery + 10*time.Second); d.askOnce(r.t, token).status != 200; time.Sleep(time.Second) {
			if time.Now().After(limit) {
				r.t.Fatalf("the new key is not taken up %v after the rotation", fetchEvery)
			}
		}
		return
	}
	results, err := d.admin.RefreshKeys(r.t.Context(), "")
	must(r.t, err)
	if a := d.askOnce(r.t, token); a.status != 200 {
		r.t.Errorf("after a refresh (%v): %d %s", results, a.status, a.body)
	}
}

// acceptsSoon holds that the token is let in, at once; on a busy host the fetch may take longer than claimd has a request
// wait, so the short form asks again.
func (d *daemonProcess) acceptsSoon(t *testing.T, token string) {
	t.Helper()
	begun := time.Now()
	for a := d.askOnce(t, token); a.status != 200; a = d.askOnce(t, token) {
		if a.status != 503 || long() > 0 || time.Since(begun) > startWithin {
			t.Fatalf("a rotated key: %d %s", a.status, a.body)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if took := time.Since(begun); long() > 0 && took > time.Second {
		t.Errorf("a rotated key is taken up after %v, want less than a second", took)
	}
}

// askOnce asks /auth with the token on a connection of its own.
func (d *daemonProcess) askOnce(t *testing.T, token string) *answer {
	t.Helper()
	c := &connection{
		load:   load{address: d.address, limit: startWithin, next: func(int, int) []byte { return get("/auth", bearer(token)) }},
		result: &loadResult{statuses: map[int]int{}},
	}
	defer c.close()
	a, err := c.ask(0)
	must(t, err)
	return a
}
