package access

import (
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func TestThrottle(t *testing.T) {
	start := time.Unix(1_800_000_000, 900_000_000) // a second of the clock ends soon after
	var throttle Throttle
	for _, step := range []struct {
		story      string
		at         time.Duration
		due        bool
		suppressed int64
	}{
		{"the first line", 0, true, 0},
		{"the clock's next second, which is no second later", 200 * time.Millisecond, false, 0},
		{"just before", time.Second - 1, false, 0},
		{"a second later", time.Second, true, 2},
		// Whoever was throttled until the clock comes there again would be silent for an hour.
		{"the clock was set back", time.Second - time.Hour, true, 0},
		{"and goes on", 2*time.Second - time.Hour, true, 0},
	} {
		field, due := throttle.Due(start.Add(step.at))
		want := zap.Skip()
		if step.suppressed > 0 {
			want = zap.Uint64("suppressed", uint64(step.suppressed))
		}
		if due != step.due || !field.Equals(want) {
			t.Errorf("%s: %v %+v, want %v %+v", step.story, due, field, step.due, want)
		}
	}
	if skipped, _ := throttle.Due(start.Add(2*time.Second - time.Hour)); skipped.Type != zapcore.SkipType {
		t.Errorf("%+v, want no field", skipped)
	}
}
