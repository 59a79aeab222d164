package soak

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

type sideSlot struct {
	question question
	moment   *sideMoment
}

// sideMoment lasts from one change of what is right to the next.
type sideMoment struct {
	next atomic.Pointer[sideMoment] // nil: this is the present one

	broken  bool         // this provider is, or is not whole again yet
	all     bool         // its keys are gone: every question leans on them
	instead []string     // right answers to questions that lean on what is broken
	former  []string     // of all moments before: of what a provider said while it was broken some is kept for a minute
	fresh   atomic.Int64 // how many may still be asked

	// Right answers to questions asked in this moment: those of kept and of fresh ones, and those of instead.
	kept, renewed, other atomic.Int64
}

func newSideMoment(broken bool, fresh int64, instead ...string) *sideMoment {
	m := &sideMoment{broken: broken, instead: instead}
	m.fresh.Store(fresh)
	return m
}

// turn begins another moment. One goroutine alone does so.
func (s *side) turn(m *sideMoment) {
	before := s.moment.Load()
	if before == nil {
		s.moment.Store(m)
		return
	}
	m.former = slices.Clone(before.former)
	for _, answer := range before.instead {
		if !strings.HasPrefix(answer, "503") && !slices.Contains(m.former, answer) { // no 503 is kept
			m.former = append(m.former, answer)
		}
	}
	s.moment.Store(m)
	before.next.Store(m)
}

// allows reports whether the answer is right in place of the question's own.
func (m *sideMoment) allows(q question, got string) bool {
	if !q.leans && !m.all {
		return false
	}
	return slices.Contains(m.instead, got) || !q.fresh && slices.Contains(m.former, got)
}

// ask asks once, on a connection of its own.
func (s *several) ask(request []byte) string {
	s.t.Helper()
	a, err := askOnce(s.address, request)
	if err != nil {
		s.t.Errorf("no answer: %v", err)
		return err.Error()
	}
	return told(a)
}

// told is what of an answer must be right: who it is, or why not.
func told(a *answer) string {
	switch {
	case a.status == http.StatusServiceUnavailable && a.get("Retry-After") == "":
		return "503 without Retry-After"
	case a.status != http.StatusOK:
		return fmt.Sprint(a.status, " ", reasonOf(a))
	}
	return fmt.Sprintf("200 %s %s groups=%s admin=%s",
		a.get("Remote-Provider"), a.get("Remote-User"), a.get("Remote-Groups"), a.get("Remote-Admin"))
}

// passes is the answer to one of the provider's users who is let in.
func (s *side) passes(user string) string {
	if s.name != "contoso" {
		user = s.name + ":" + user
	}
	return fmt.Sprintf("200 %s %s groups=%s admin=false", s.name, user, s.group())
}

// prepare makes the questions and sees each answered as it should.
func (s *side) prepare() {
	s.t.Helper()
	if s.tenant != nil {
		s.prepareEntra()
	} else {
		s.prepareOpenID()
	}
	for _, q := range s.kept {
		if got := s.ask(q.request); got != q.right {
			s.t.Errorf("%s, %s, before anything breaks: %s, want %s", s.name, q.name, got, q.right)
		}
	}
}

func (s *side) load() {
	s.running = load{
		address: s.address, connections: sideConnections, rate: sideRate, limit: 30 * time.Second, next: s.next, check: s.check,
	}.start()
}

// next is the load's.
func (s *side) next(connection, number int) []byte {
	m := s.moment.Load()
	nth := number*sideConnections + connection
	q := s.kept[(nth-nth/freshEach)%len(s.kept)]
	if nth%freshEach == freshEach-1 && m.fresh.Add(-1) >= 0 {
		q = s.fresh(int(s.minted.Add(1)) - 1)
	}
	s.slots[connection] = sideSlot{q, m}
	return q.request
}

// check is the load's: it holds an answer against all moments from when it was asked for until now.
func (s *side) check(a *answer) error {
	took := time.Since(a.sent)
	slot := s.slots[a.connection]
	got, q := told(a), slot.question
	broken, leans := false, false
	for m := slot.moment; m != nil; m = m.next.Load() {
		broken = broken || m.broken
		leans = leans || m.allows(q, got)
	}
	if !broken {
		s.slowest.add(took)
	}
	switch {
	case leans:
		slot.moment.other.Add(1)
		s.instead.Add(1)
	case got == q.right && q.fresh:
		slot.moment.renewed.Add(1)
	case got == q.right:
		slot.moment.kept.Add(1)
	default:
		if a.status == http.StatusOK {
			s.wrong200.Add(1)
		}
		return fmt.Errorf("%s, %s: %s, want %s or one of %q", s.name, q.name, got, q.right, slot.moment.instead)
	}
	return nil
}

// finish ends the load and judges it.
func (s *side) finish() *loadResult {
	s.t.Helper()
	result := s.running.stop()
	s.running = nil
	if result.failed > 0 || result.wrong > 0 {
		s.t.Errorf("%s: %d failed requests and %d wrong answers of %d, want none:\n%s", s.name, result.failed, result.wrong, result.asked,
			strings.Join(result.problems, "\n"))
	}
	return result
}

// longest is the longest of durations that several goroutines add. The zero value has none.
type longest struct{ nanoseconds atomic.Int64 }

func (l *longest) is() time.Duration { return time.Duration(l.nanoseconds.Load()) }

func (l *longest) add(d time.Duration) {
	for old := l.is(); old < d && !l.nanoseconds.CompareAndSwap(int64(old), int64(d)); old = l.is() {
	}
}
