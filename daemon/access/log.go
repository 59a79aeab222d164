package access

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"sync"

	"go.uber.org/zap"
)

// denialLog writes a line for a refusal, one for each reason and second: an attacker must not fill the disk. What was left
// out since is counted in the reason's next line.
type denialLog struct {
	log *zap.Logger
	mu  sync.Mutex
	// by reason
	lines [math.MaxUint8 + 1]struct {
		second     int64 // Unix time of the last line
		suppressed uint64
	}
}

func newDenialLog(log *zap.Logger) *denialLog {
	if log == nil {
		log = zap.NewNop()
	}
	return &denialLog{log: log}
}

// denied logs the refusal, or counts it. The values of the Denial are clean already.
func (l *denialLog) denied(d Denial, unmatched int) {
	suppressed, due := l.due(d)
	if !due {
		return
	}
	l.log.Info("denied",
		zap.String("reason", d.Reason.String()),
		zap.String("decision_id", d.ID),
		zap.String("provider", d.Provider),
		zap.String("user", d.User),
		zap.String("client", d.Client),
		zap.String("key_id", d.KeyID),
		zap.String("header", d.Header),
		zap.Int("unmatched", unmatched),
		zap.Uint64("generation", d.Generation),
		zap.Uint64("suppressed", suppressed))
}

// due reports whether the reason's line of this second is still to be written, and how many were left out before it.
func (l *denialLog) due(d Denial) (suppressed uint64, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := &l.lines[d.Reason]
	second := d.Time.Unix()
	if line.second == second {
		line.suppressed++
		return 0, false
	}
	suppressed, line.second, line.suppressed = line.suppressed, second, 0
	return suppressed, true
}

// panicked logs a judgement that broke. Of the value only what the Go runtime words is shown: another one may hold a
// piece of the request.
func (l *denialLog) panicked(id string, broken any) {
	what := fmt.Sprintf("%T", broken)
	if err, ok := broken.(runtime.Error); ok {
		what = err.Error()
	}
	l.log.Error("a request could not be judged and was answered 500",
		zap.String("decision_id", id), zap.String("panic", Clean(what)), zap.ByteString("stack", debug.Stack()))
}
