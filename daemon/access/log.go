package access

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"

	"go.uber.org/zap"
)

// denialLog writes a line for a refusal, one for each reason and second: an attacker must not fill the disk. What was
// left out since is counted in the reason's next line.
type denialLog struct {
	log   *zap.Logger
	lines [math.MaxUint8 + 1]Throttle // by reason
}

func newDenialLog(log *zap.Logger) *denialLog {
	if log == nil {
		log = zap.NewNop()
	}
	return &denialLog{log: log}
}

// denied logs the refusal, or counts it. The values of the Denial are clean already; those that are not known are left
// out, as are counts of none.
func (l *denialLog) denied(d Denial, unmatched int) {
	suppressed, due := l.lines[d.Reason].Due(d.Time)
	if !due {
		return
	}
	l.log.Info("denied",
		zap.String("reason", d.Reason.String()),
		zap.String("decision_id", d.ID),
		known("provider", d.Provider),
		known("user", d.User),
		known("client", d.Client),
		known("key_id", d.KeyID),
		known("header", d.Header),
		known("request", d.Request),
		known("route", d.Route),
		counted("unmatched", unmatched),
		zap.Uint64("generation", d.Generation),
		suppressed)
}

func known(key, value string) zap.Field {
	if value == "" {
		return zap.Skip()
	}
	return zap.String(key, value)
}

func counted[N int | uint64](key string, n N) zap.Field {
	if n == 0 {
		return zap.Skip()
	}
	return zap.Any(key, n)
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
