package daemon

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// FAULTS 64: somebody sets the clock back an hour, and every token is refused as not yet valid. The log says what
// happened, once for each jump, and says nothing of the seconds that pass and of the little that NTP corrects.
func TestAJumpOfTheWallClockIsLogged(t *testing.T) {
	for _, c := range []struct {
		story string
		moves []time.Duration // of the wall clock against the monotonic one, before each look
		want  []time.Duration
	}{
		{"nobody touches it", []time.Duration{0, 0, 0}, nil},
		{"back an hour", []time.Duration{0, -time.Hour, 0, 0}, []time.Duration{-time.Hour}},
		{"forward an hour, and back", []time.Duration{time.Hour, -time.Hour}, []time.Duration{time.Hour, -time.Hour}},
		{"5 s either way are no jump", []time.Duration{5 * time.Second, -5 * time.Second}, nil},
		{"more than 5 s are", []time.Duration{5001 * time.Millisecond, -5001 * time.Millisecond},
			[]time.Duration{5001 * time.Millisecond, -5001 * time.Millisecond}},
		{"a slewed clock never adds up to one", slices.Repeat([]time.Duration{time.Second}, 10), nil},
	} {
		t.Run(c.story, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				core, lines := observer.New(zapcore.DebugLevel)
				var moved time.Duration
				clock := newClock(zap.New(core), func() time.Time { return time.Now().Add(moved) })
				var want []map[string]any
				for _, move := range c.moves {
					time.Sleep(usualPace.poll)
					moved += move
					clock.look()
					if slices.Contains(c.want, move) {
						want = append(want, map[string]any{"by": move, "shows": time.Now().Add(moved)})
					}
				}
				if lines.Len() != len(want) || len(want) != len(c.want) {
					t.Fatalf("got %d lines, want %d", lines.Len(), len(c.want))
				}
				for i, line := range lines.All() {
					got := line.ContextMap()
					if line.Level != zapcore.WarnLevel || got["by"] != want[i]["by"] || !got["shows"].(time.Time).Equal(want[i]["shows"].(time.Time)) {
						t.Errorf("got %s %v, want %v", line.Level, got, want[i])
					}
				}
			})
		})
	}
}

// The slow poll is what looks at the clock, whether a file changed or not.
func TestTheSlowPollLooksAtTheClock(t *testing.T) {
	s := newSite(t)
	s.pace.poll = 10 * time.Millisecond
	var jumped atomic.Bool
	s.wall = func() time.Time { // set forward a day, once the daemon runs
		if jumped.Load() {
			return time.Now().Add(24 * time.Hour)
		}
		return time.Now()
	}
	s.write(s.toml())
	s.start()
	jumped.Store(true)
	const line = "the wall clock jumped; tokens are judged by what it shows now"
	eventually(t, func() (string, bool) { return "no line about the clock", s.logged(line) == 1 })
	time.Sleep(5 * s.pace.poll)
	if got := s.logged(line); got != 1 {
		t.Errorf("%d lines for one jump", got)
	}
}
