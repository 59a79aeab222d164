package soak

import (
	"context"
	"slices"
	"time"
)

// healedWithin is how long a provider may take until it is whole after it was mended. A breaker's longest pause is a
// minute; in the short form none gets that far.
func healedWithin() time.Duration {
	if long() > 0 {
		return 3 * time.Minute
	}
	return time.Minute
}

// during breaks the provider, looks on until all others have answered enough, mends it and waits until it is whole. It
// heals by itself, or by a refresh of its keys where byItself is false: to wait for each would take a minute.
func (s *side) during(w way, byItself bool) {
	s.t.Helper()
	moments := s.breaks(w)
	if w.keys {
		s.refusedRefresh(w.name)
	}
	s.hold(w, moments)
	s.mended(w)
	s.heal(w, byItself || long() > 0)
}

// breaks breaks the provider. From now on its own answers may be others, and those of the other providers may not.
func (s *side) breaks(w way) map[*side]*sideMoment {
	s.t.Helper()
	s.ways++
	broken := newSideMoment(true, 0, w.instead...)
	broken.all = w.all
	moments := map[*side]*sideMoment{s: broken}
	for _, other := range s.sides {
		if other != s && !other.moment.Load().broken {
			moments[other] = newSideMoment(false, plenty)
		}
	}
	for side, m := range moments {
		side.turn(m)
	}
	w.begin(s)
	switch {
	case len(w.instead) == 0:
	case w.floods || long() > 0:
		broken.fresh.Store(plenty)
	default:
		broken.fresh.Store(freshWhile)
	}
	return moments
}

// mended ends the way. The provider may still answer as it was broken, until heal has seen otherwise.
func (s *side) mended(w way) {
	s.t.Helper()
	healing := newSideMoment(true, 0, w.instead...)
	healing.all = w.all
	s.turn(healing)
	w.end(s)
}

// refusedRefresh has the keys fetched, which fails. It is given up after a moment where the provider hangs.
func (s *side) refusedRefresh(why string) {
	s.t.Helper()
	patience := 50 * time.Millisecond
	if long() > 0 {
		patience = 12 * time.Second // beyond the 10 s after which claimd gives up
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	results, err := s.admin.RefreshKeys(ctx, s.name)
	if err == nil && (len(results) != 1 || results[0].Problem == "") {
		s.t.Errorf("%s, %s: the keys are fetched: %+v", s.name, why, results)
	}
}

// hold waits until every provider has had enough right answers to questions that were asked since this one broke: had
// they to wait for it, that would be too late for the load.
func (s *side) hold(w way, moments map[*side]*sideMoment) {
	s.t.Helper()
	began, least, others := time.Now(), time.Duration(0), int64(4)
	if long() > 0 {
		least, others = 5*time.Second, 100
	}
	enough := func(side *side, m *sideMoment) bool {
		switch {
		case m == nil: // of a provider that is not whole yet
			return true
		case side != s:
			return m.kept.Load() >= others && (!side.leans() || m.renewed.Load() > 0)
		case w.hangs || len(w.instead) == 0:
			return m.kept.Load() >= 2
		}
		return m.kept.Load() >= 2 && m.other.Load() > 0
	}
	for limit := began.Add(healedWithin()); ; time.Sleep(2 * time.Millisecond) {
		waits := slices.ContainsFunc(s.sides, func(side *side) bool { return !enough(side, moments[side]) })
		if !waits && time.Since(began) >= least {
			break
		}
		if time.Now().After(limit) {
			for side, m := range moments {
				s.t.Errorf("%s: %d kept, %d renewed, %d else", side.name, m.kept.Load(), m.renewed.Load(), m.other.Load())
			}
			s.t.Fatalf("%s, %s: no answers come\n%s", s.name, w.name, s.log())
		}
	}
	if got := moments[s].renewed.Load(); got > 0 && !w.hangs {
		s.t.Errorf("%s, %s: %d questions that lean on it are answered as if it were not broken", s.name, w.name, got)
	}
}

// heal waits until the keys are fetched and a question that leans on the provider is answered.
func (s *side) heal(w way, byItself bool) {
	s.t.Helper()
	if w.keys && byItself {
		s.waitKeys("after " + w.name)
	}
	if w.keys && !byItself {
		s.refresh(w.name)
	}
	for limit := time.Now().Add(healedWithin()); ; time.Sleep(20 * time.Millisecond) {
		q := s.fresh(int(s.minted.Add(1)) - 1)
		got := s.ask(q.request)
		if got == q.right {
			s.turn(newSideMoment(false, plenty))
			return
		}
		if !q.leans && !w.all || !slices.Contains(w.instead, got) {
			s.t.Errorf("%s, mended after %s: %s, want %s or one of %q", s.name, w.name, got, q.right, w.instead)
		}
		if time.Now().After(limit) {
			s.t.Fatalf("%s, %s: mended %v ago: %s\n%s", s.name, w.name, healedWithin(), got, s.log())
		}
	}
}

// refresh has the keys fetched, which succeeds.
func (s *side) refresh(after string) {
	s.t.Helper()
	results, err := s.admin.RefreshKeys(s.t.Context(), s.name)
	if err != nil || len(results) != 1 || results[0].Problem != "" {
		s.t.Errorf("%s, mended after %s: the keys are not fetched: %v %+v", s.name, after, err, results)
	}
}
