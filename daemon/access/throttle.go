package access

import (
	"sync"
	"time"
)

// Throttle lets one line a second into the log, whatever strangers do to have more of them written. The zero Throttle
// is ready for use; its method may be called at once.
type Throttle struct {
	mu         sync.Mutex
	second     int64 // Unix time of the last line
	suppressed uint64
}

// Due reports whether the line of this second is still to be written, and how many were left out before it.
func (t *Throttle) Due(now time.Time) (suppressed uint64, due bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	second := now.Unix()
	if t.second == second {
		t.suppressed++
		return 0, false
	}
	suppressed, t.second, t.suppressed = t.suppressed, second, 0
	return suppressed, true
}
