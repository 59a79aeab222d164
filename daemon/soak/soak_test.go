package soak

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
)

const (
	connections = 8
	rate        = 300 // requests a second
	strictly    = 8   // so many answers at least are judged between one save and the next
	manySaves   = 10_000
	fullSoak    = 30 * time.Minute // a soak of this or more goes on until there are manySaves
)

// soak is one run: saves, load and trouble at once.
type soak struct {
	*saver
	truth   *truth
	trouble *trouble
	running *runningLoad
	now     variant // what was saved last

	saves, refused int
	effect         map[string]*latencies // by style: from the end of a save until it serves
	said           time.Time             // of the last line of progress
}

// Two configurations contradict each other in all that an answer can show, and are saved in turn in every style that
// there is, broken ones between them, under load, while keys rotate and the provider fails. No request fails; each
// answer is wholly of one configuration; after a save's verdict each is of that save: rights that it took away are
// gone. What the process takes stays the same.
func TestEverySaveUnderLoadIsOneConfigurationOrTheOther(t *testing.T) {
	s := newSoak(t)
	ctx, cancel := context.WithCancel(t.Context())
	drift := &drift{daemon: s.daemon, every: time.Second}
	if long() == 0 {
		s.trouble.turn, drift.every = 2*time.Second, 100*time.Millisecond
	}
	s.running = load{address: s.daemon.address, connections: connections, rate: rate, next: s.truth.next, check: s.truth.check}.start()
	var beside sync.WaitGroup
	beside.Go(func() { s.trouble.run(ctx) })
	beside.Go(func() { drift.run(ctx) })
	defer func() { cancel(); beside.Wait() }() // also where a save fails the test
	s.saveAll()
	cancel()
	beside.Wait()
	result := s.running.stop()
	s.judge(result)
	t.Logf("%d saves took effect and %d broken ones were refused in %v\n%s\n%s\n%d answers held against one configuration, %d during a save against both; %v\n%s",
		s.saves, s.refused, result.elapsed.Round(time.Second), s.table(), result, s.truth.strict.Load(), s.truth.either.Load(), s.trouble, drift.wantFlat(t))
}

func newSoak(t *testing.T) *soak {
	t.Helper()
	r := newRig(t)
	s := &soak{saver: &saver{rig: r}, truth: newTruth(connections), effect: map[string]*latencies{}, said: time.Now()}
	r.write(r.whole(first, 0))
	s.daemon = r.start()
	s.trouble = &trouble{rig: r, daemon: s.daemon, truth: s.truth, turn: 15 * time.Second}
	s.truth.use(s.truth.mint(r.tenant, r.tenant.inside.KeyIDs()[0]))
	s.truth.saved(first)
	return s
}

// saveAll visits every style: once in the short form, again and again in the long one.
func (s *soak) saveAll() {
	begun, broken := time.Now(), breakages()
	each := 2
	if long() > 0 {
		each = 20
	}
	for round := 0; ; round++ {
		for i, style := range styles() {
			if s.enough(begun, round) {
				return
			}
			s.visit(style, each)
			s.spoil(broken[(i+round)%len(broken)])
			s.progress(begun)
		}
	}
}

// enough ends the short form after one round, once there was some trouble.
func (s *soak) enough(begun time.Time, round int) bool {
	if long() == 0 {
		return round > 0 && s.trouble.turns.Load() >= 2
	}
	return time.Since(begun) >= long() && (long() < fullSoak || s.saves >= manySaves)
}

// visit begins a directory of the style, and goes to and fro between the two configurations.
func (s *soak) visit(style style, times int) {
	s.take("directory laid out anew", style.parted, s.now, func() { s.fresh(style, s.now) })
	for range times {
		s.take(style.name, style.parted, s.now.other(), func() { style.save(s.saver, s.now.other()) })
	}
}

// take makes one save and waits until it serves. Between it and the next, some answers are judged strictly.
func (s *soak) take(name string, parted bool, v variant, save func()) {
	s.truth.still.Lock()
	defer s.truth.still.Unlock()
	s.number++
	if v != s.now {
		s.truth.saving()
	}
	save()
	saved := time.Now()
	wanted := []string{sum(s.rig.whole(v, s.number))}
	if parted {
		wanted = []string{sum(s.rig.base()), sum(v.part(s.number))}
	}
	s.daemon.waitStatus(fmt.Sprintf("save %d (%s) serves", s.number, name), func(status admin.Status) bool {
		return slices.EqualFunc(status.Files, wanted, func(f config.File, sum string) bool { return f.SHA256 == sum })
	})
	if s.effect[name] == nil {
		s.effect[name] = &latencies{}
	}
	s.effect[name].add(time.Since(saved))
	s.now = v
	s.truth.saved(v)
	s.saves++
	s.waitAnswers()
}

// spoil makes a save that is refused. What served before goes on, and no other answer is right meanwhile.
func (s *soak) spoil(b breakage) {
	s.truth.still.Lock()
	defer s.truth.still.Unlock()
	s.number++
	if info := s.daemon.status(); info.LastRefused != nil {
		s.rig.t.Fatalf("before %s: the last reload was refused: %+v", b.name, info.LastRefused)
	}
	begun := time.Now()
	b.do(s.saver, s.now.other())
	s.waitRefused(begun)
	s.refused++
	s.waitAnswers()
}

func (s *soak) waitAnswers() {
	want := s.truth.strict.Load() + strictly
	for limit := time.Now().Add(startWithin); s.truth.strict.Load() < want; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			s.rig.t.Fatal("no answers come")
		}
	}
}

func (s *soak) judge(result *loadResult) {
	t := s.rig.t
	if result.failed > 0 || result.wrong > 0 || s.truth.stale.Load() > 0 || s.truth.mixed.Load() > 0 {
		t.Errorf("%d failed requests, %d stale and %d mixed answers, want none:\n%s",
			result.failed, s.truth.stale.Load(), s.truth.mixed.Load(), strings.Join(result.problems, "\n"))
	}
	if s.truth.strict.Load() < int64(s.saves*strictly) {
		t.Errorf("%d answers were judged strictly, want %d for each of %d saves", s.truth.strict.Load(), strictly, s.saves)
	}
	status := s.daemon.status()
	if status.Counts.Panics > 0 {
		t.Errorf("%d requests were answered 500", status.Counts.Panics)
	}
	if status.Generation < uint64(s.saves)+1 {
		t.Errorf("generation %d after %d saves", status.Generation, s.saves)
	}
}

func (s *soak) progress(begun time.Time) {
	if long() == 0 || time.Since(s.said) < time.Minute {
		return
	}
	s.said = time.Now()
	s.rig.t.Logf("%v: %d saves, %d refused, %d answers, %d stale, %d mixed; %v", time.Since(begun).Round(time.Second),
		s.saves, s.refused, s.running.asked.Load(), s.truth.stale.Load(), s.truth.mixed.Load(), s.daemon.facts())
}

// table tells for each style how many saves there were and how soon they served.
func (s *soak) table() string {
	var lines []string
	for name, effect := range s.effect {
		lines = append(lines, fmt.Sprintf("  %-25s %5d saves, serve after p50 %4d ms, max %4d ms", name, effect.count,
			effect.at(0.5).Milliseconds(), effect.longest.Milliseconds()))
	}
	slices.SortFunc(lines, cmp.Compare)
	return strings.Join(lines, "\n")
}

func sum(text string) string {
	hash := sha256.Sum256([]byte(text))
	return hex.EncodeToString(hash[:])
}
