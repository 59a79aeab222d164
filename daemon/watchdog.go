package daemon

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// lookEvery is how often the sentence for systemctl status is looked at anew where a watchdog is expected anyway.
const lookEvery = 2 * time.Second

// watchdog gives systemd its signs of life. One is sent only if the reload loop turns and the canary's token was judged
// as it has to be: so a daemon that hangs or judges wrongly is restarted. It belongs to the goroutine that owns reloads;
// all methods may be called on nil, which is no watchdog.
type watchdog struct {
	log      *zap.Logger
	systemd  *Systemd
	ticker   *time.Ticker
	look     *time.Ticker
	selfTest *selfTest // nil until the first check
	verdict  chan error
	busy     bool
	ctx      context.Context // of the checks
	cancel   context.CancelFunc
}

// newWatchdog checks three times in the interval that systemd expects.
func newWatchdog(log *zap.Logger, systemd *Systemd, every time.Duration) *watchdog {
	ctx, cancel := context.WithCancel(context.Background())
	return &watchdog{
		log: log, systemd: systemd, ticker: time.NewTicker(every / 3), look: time.NewTicker(lookEvery),
		verdict: make(chan error, 1), ctx: ctx, cancel: cancel,
	}
}

func (w *watchdog) due() <-chan time.Time {
	if w == nil {
		return nil
	}
	return w.ticker.C
}

func (w *watchdog) looks() <-chan time.Time {
	if w == nil {
		return nil
	}
	return w.look.C
}

func (w *watchdog) checked() <-chan error {
	if w == nil {
		return nil
	}
	return w.verdict
}

// begin starts a check, unless one is still under way: that one hangs, and systemd must not hear of life.
func (w *watchdog) begin() {
	if w.busy {
		w.log.Error("the self-test of the checks is slow; systemd is told nothing")
		return
	}
	w.busy = true
	go func() { w.verdict <- w.check() }()
}

func (w *watchdog) check() (err error) {
	if w.selfTest == nil {
		if w.selfTest, err = newSelfTest(w.ctx); err != nil {
			return err
		}
	}
	return w.selfTest.check(w.ctx)
}

func (w *watchdog) report(err error) {
	w.busy = false
	if err != nil {
		w.log.Error("claimd does not judge its own token as it has to; systemd will restart it", zap.Error(err))
		return
	}
	w.systemd.tell(alive)
}

// stop waits for a check under way.
func (w *watchdog) stop() {
	if w == nil {
		return
	}
	w.ticker.Stop()
	w.look.Stop()
	w.cancel()
	if w.busy {
		_ = <-w.verdict // it was given up
	}
	if w.selfTest != nil {
		w.selfTest.close()
	}
}
