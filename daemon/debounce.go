package daemon

import "time"

// debounce gathers a burst of events, such as an editor's several steps of one save, into one wake-up: C fires when
// nothing was added for the time quiet, but at the latest the time most after the first event, so that somebody who
// saves without end is heard too. It belongs to one goroutine.
type debounce struct {
	quiet, most time.Duration

	timer *time.Timer // nil: nothing is gathered
	first time.Time   // of the burst
}

// touch adds an event.
func (d *debounce) touch() {
	now := time.Now()
	if d.timer == nil {
		d.first = now
		d.timer = time.NewTimer(min(d.quiet, d.most))
		return
	}
	d.timer.Reset(max(0, min(d.quiet, d.first.Add(d.most).Sub(now))))
}

// C fires once a burst is over; who receives from it calls stop. It is nil, and never fires, while nothing is gathered.
func (d *debounce) C() <-chan time.Time {
	if d.timer == nil {
		return nil
	}
	return d.timer.C
}

// stop forgets what was gathered.
func (d *debounce) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
