package daemon

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestTheSelfTestKnowsGoodFromAltered(t *testing.T) {
	s, err := newSelfTest(t.Context())
	mustDo(t, err)
	defer s.close()
	mustDo(t, s.check(t.Context()))
	mustDo(t, s.check(t.Context())) // with a token that nothing is kept for

	// Were every token refused, or every signature good, the self-test would say so.
	s.now = func() time.Time { return time.Now().Add(-time.Hour) }
	if got, want := errorText(s.check(t.Context())), `want a good token let in, got "expired"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if stats := s.gate.Stats(); stats.Allowed != 2 || stats.Denied["signature"] != 2 || stats.Denied["expired"] != 1 {
		t.Errorf("counted %+v", stats)
	}
}

// A daemon whose checks do not judge as they have to, or hang, gives no sign of life: systemd restarts it.
func TestOnlyASoundDaemonGivesASignOfLife(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	m := newManager(t, t.TempDir())
	w := newWatchdog(zap.New(core), &Systemd{notify: m.path}, time.Hour)
	defer w.stop()
	w.begin()
	w.report(<-w.checked())
	m.hears(t, "WATCHDOG=1")

	w.selfTest.now = func() time.Time { return time.Now().Add(-time.Hour) }
	w.begin()
	w.report(<-w.checked())
	w.begin()
	w.begin() // the one before is still under way
	w.report(<-w.checked())
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.told) > 0 {
		t.Errorf("systemd was told %q", m.told)
	}
	var said []string
	for _, entry := range logs.All() {
		said = append(said, entry.Message)
	}
	const wrong, slow = "claimd does not judge its own token as it has to; systemd will restart it", "the self-test of the checks is slow; systemd is told nothing"
	if got, want := strings.Join(said, "\n"), strings.Join([]string{wrong, slow, wrong}, "\n"); got != want {
		t.Errorf("logged\n%s\nwant\n%s", got, want)
	}
}
