package access

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// Throttle lets one line a second into the log, whatever strangers do to have more of them written. The zero Throttle
// is ready for use; its method may be called at once.
type Throttle struct {
	mu         sync.Mutex
	last       time.Time // of the last line
	suppressed uint64
}

// Due reports whether a line may be written now; the field tells how many were left out before it, and is not written
// where there were none.
func (t *Throttle) Due(now time.Time) (suppressed zap.Field, due bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if since := now.Sub(t.last); 0 <= since && since < time.Second { // a clock that was set back silences nobody
		t.suppressed++
		return zap.Skip(), false
	}
	suppressed = counted("suppressed", t.suppressed)
	t.last, t.suppressed = now, 0
	return suppressed, true
}
