package soak

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/entratest"
)

// orderBreaks rotates keys while another provider hangs, crowds providers that hang, lets strangers use up what one
// provider's unknown keys may cost, and has one publish keys that are not its own.
func orderBreaks(t *testing.T) sidesTally {
	s := newSeveral(t)
	s.rotateBesideOneThatHangs()
	s.crowdsAtThree()
	s.strangersAtOne()
	s.othersKeys()
	return s.finish()
}

// renewed has a new key sign, and gives a question that it signed.
func (s *side) renewed() question {
	s.t.Helper()
	if s.tenant != nil {
		s.tenant.Rotate()
		token, err := s.tenant.Mint(entratest.Request{User: "ada", Client: deskApp})
		must(s.t, err)
		return question{name: "of a new key", request: asks(token), right: s.passes(adaID)}
	}
	s.openID.signer.Rotate()
	return question{name: "of a new key", request: asks(s.openID.token("ada", "")), right: s.passes("ada")}
}

// wantFound wants the question answered by a fetch of the new key: at once, or where the fetch took longer than anybody
// is kept waiting, at the next try.
func (s *side) wantFound(q question) {
	s.t.Helper()
	for limit := time.Now().Add(healedWithin()); ; time.Sleep(20 * time.Millisecond) {
		got := s.ask(q.request)
		if got == q.right {
			return
		}
		if got != "503 keys_unavailable" || time.Now().After(limit) {
			s.t.Fatalf("%s, %s: %s, want %s", s.name, q.name, got, q.right)
		}
	}
}

// rotateBesideOneThatHangs: fabrikam answers nothing while the others, and it itself, begin to sign with new keys, and
// while the configuration is saved.
func (s *several) rotateBesideOneThatHangs() {
	s.t.Helper()
	w := answers("answers nothing while keys rotate", freeze, s.fabrikam.unavailable()...).hanging()
	moments := s.fabrikam.breaks(w)
	own := s.fabrikam.renewed()
	for _, side := range []*side{s.contoso, s.jumpcloud, s.partner} {
		side.wantFound(side.renewed())
	}
	if got := s.ask(own.request); got != "503 keys_unavailable" {
		s.t.Errorf("fabrikam, %s, while it hangs: %s", own.name, got)
	}
	s.write(s.text() + "# saved again\n")
	if result, err := s.admin.Reload(s.t.Context()); err != nil || !result.OK {
		s.t.Errorf("a reload while fabrikam hangs: %v %+v", err, result)
	}
	s.fabrikam.hold(w, moments)
	s.fabrikam.mended(w)
	s.fabrikam.wantFound(own)
	s.fabrikam.heal(w, true)
}

// strangersAtOne: tokens of unknown keys come for contoso until it may be asked for keys no more. Its known keys go on,
// and the other providers' new keys are found; its own is not, until an administrator has the keys fetched.
func (s *several) strangersAtOne() {
	s.t.Helper()
	before := s.contoso.tenant.Requests("v2 keys")
	stranger := newStranger(s.contoso.ofVersion(2))
	asked, unasked := 0, 0
	for limit := time.Now().Add(healedWithin()); unasked < 50; asked++ {
		switch got := s.ask(asks(stranger.unknownKey())); got {
		case "503 keys_unavailable":
			unasked++
		case "401 key":
		default:
			s.t.Errorf("contoso, a stranger: %s", got)
		}
		if time.Now().After(limit) {
			s.t.Fatalf("of %d strangers %d were refused for want of a fetch", asked, unasked)
		}
	}
	own := s.contoso.renewed()
	if got := s.ask(own.request); got != "503 keys_unavailable" {
		s.t.Errorf("contoso, %s, after the strangers: %s", own.name, got)
	}
	for _, side := range []*side{s.fabrikam, s.jumpcloud, s.partner} {
		side.wantFound(side.renewed())
	}
	if fetches := s.contoso.tenant.Requests("v2 keys") - before; fetches > fetchBurst {
		s.t.Errorf("%d strangers made contoso be asked %d times, want %d at most", asked, fetches, fetchBurst)
	}
	s.contoso.refresh("the strangers")
	if got := s.ask(own.request); got != own.right {
		s.t.Errorf("contoso, %s, after a refresh: %s, want %s", own.name, got, own.right)
	}
}

// crowdsAtThree: three providers hang at once, each with a crowd of new tokens that lean on it. The fourth notices
// nothing; and what the three have said already goes on.
func (s *several) crowdsAtThree() {
	s.t.Helper()
	sides := []*side{s.contoso, s.fabrikam, s.partner}
	questions := map[*side][]question{}
	stranger := newStranger(s.contoso.ofVersion(2))
	for range crowdAtOnce {
		questions[s.contoso] = append(questions[s.contoso], question{name: "a stranger", request: asks(stranger.unknownKey()), right: "401 key"})
		for _, side := range sides[1:] {
			questions[side] = append(questions[side], side.fresh(int(side.minted.Add(1))-1))
		}
	}
	ways, moments, answered := map[*side]way{}, map[*side]*sideMoment{}, map[*side]chan string{}
	before := s.status()
	for _, side := range sides {
		ways[side] = answers("answers nothing to a crowd", freeze, append(side.unavailable(), "503 keys_unavailable")...).hanging()
		side.breaks(ways[side])
	}
	for _, side := range sides {
		answered[side] = s.together(questions[side], ways[side].instead)
	}
	s.waitStatus("64 questions wait for Graph, and 64 for introspection", func(status admin.Status) bool {
		now, then := status.Opaque.Stats, before.Opaque.Stats
		return status.Graphs[0].LookUps >= before.Graphs[0].LookUps+64 && now.Shed+now.Held > then.Shed+then.Held
	})
	for _, side := range s.sides {
		moments[side] = newSideMoment(side != s.jumpcloud, 0, ways[side].instead...)
		side.turn(moments[side])
	}
	for limit := time.Now().Add(healedWithin()); ; time.Sleep(2 * time.Millisecond) {
		waits := slices.ContainsFunc(s.sides, func(side *side) bool { return moments[side].kept.Load() < 5 })
		if !waits && moments[s.jumpcloud].kept.Load() >= 20 {
			break
		}
		if time.Now().After(limit) {
			s.t.Fatalf("while three providers hang, no answers come\n%s", s.log())
		}
	}
	for _, side := range sides {
		side.mended(ways[side])
	}
	for _, side := range sides {
		for range questions[side] {
			if problem := <-answered[side]; problem != "" {
				s.t.Errorf("%s's crowd: %s", side.name, problem)
			}
		}
		side.heal(ways[side], true)
	}
	if peak := s.fabrikam.tenant.GraphPeak(); peak > 64 {
		s.t.Errorf("Graph was asked %d questions at once, want 64 at most", peak)
	}
}

// crowdAtOnce is more than may wait for Graph, or for an introspection endpoint, at once.
const crowdAtOnce = 80

// together asks all at once. What is wrong with an answer comes; "" for one that is right, or one of instead.
func (s *several) together(questions []question, instead []string) chan string {
	answered := make(chan string, len(questions))
	for _, q := range questions {
		go func() {
			c := &connection{load: load{address: s.address, limit: time.Minute, next: func(int, int) []byte { return q.request }}}
			defer c.close()
			a, err := c.ask(0)
			problem := ""
			if err != nil {
				problem = err.Error()
			} else if got := told(a); got != q.right && !slices.Contains(instead, got) {
				problem = q.name + ": " + got + ", want " + q.right
			}
			answered <- problem
		}()
	}
	return answered
}

// othersKeys: jumpcloud publishes nothing but keys of another provider. Nothing in them says so, and they are taken for
// its own: its tokens are refused then, and no forged one passes. A refresh brings its own keys back.
func (s *several) othersKeys() {
	s.t.Helper()
	answer := httptest.NewRecorder()
	s.fabrikam.tenant.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/"+fabrikamID+"/discovery/keys", http.NoBody))
	theirs := says(http.StatusOK, "application/json", answer.Body.String())
	w := answers("nothing but keys of another provider's", at("/keys", theirs), "401 key", "503 keys_unavailable")
	w.all = true
	moments := s.jumpcloud.breaks(w)
	s.jumpcloud.refresh("it was given them")
	s.jumpcloud.hold(w, moments)
	s.jumpcloud.mended(w)
	s.jumpcloud.refresh(w.name)
	s.jumpcloud.heal(w, true)
}
