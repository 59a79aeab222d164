package soak

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const (
	standConnections = 4
	standRate        = 120 // requests a second
	recoverWithin    = 30 * time.Second
	mostCPU          = 0.5 // of a core, while something is broken: a quarter of that is the load, on a slow host
)

// stand is a claimd under a load of tokens that pass and of tokens that never may. Things are broken under it, one after
// the other.
type stand struct {
	*rig
	daemon  *daemonProcess
	user    int // as whom claimd runs and to whom its files belong; 0: the test's
	valid   string
	never   []neverPasses
	running *runningLoad
	moment  atomic.Pointer[standMoment]
	slots   [standConnections]*standMoment // of the request under way; each connection's goroutine touches its own alone
	open    [standConnections]atomic.Bool  // the connection was answered

	rows []string // of the table
}

// standMoment lasts from one change of what is right to the next, and counts.
type standMoment struct {
	valid                         []int // what a valid token may be answered
	passed, notPassed             atomic.Int64
	refused, wrongPass, otherwise atomic.Int64
}

// fault is one thing that breaks.
type fault struct {
	name       string
	begin, end func()
	while      func() // nil: nothing else is looked at while it is broken
	valid      []int  // what a valid token may be answered meanwhile; nil: 200
	hold       time.Duration
	nobody     bool    // no valid token passes either
	cpu        float64 // most share of a core; 0: mostCPU
}

// newStand runs claimd and has it know tokens that it may know no more: of a removed key, and of a user who was blocked
// since. wrapper is start's.
func newStand(t *testing.T, wrapper ...string) *stand {
	t.Helper()
	s := prepareStand(t)
	s.daemon = s.start(wrapper...)
	s.revoke()
	s.load()
	return s
}

// prepareStand is newStand before claimd starts.
func prepareStand(t *testing.T) *stand {
	t.Helper()
	s := &stand{rig: newRig(t)}
	must(t, os.Mkdir(filepath.Join(s.etc, "conf.d"), 0o700))
	s.write(s.strict())
	s.moment.Store(&standMoment{valid: []int{http.StatusOK}})
	return s
}

// strict is the configuration without a skew, so that a token that expires does so to the second.
func (s *stand) strict(changes ...string) string {
	s.t.Helper()
	return s.toml(append([]string{"[groups]\n", "clock_skew = \"0s\"\n[groups]\n"}, changes...)...)
}

// revoke has the running claimd let in who may not come in afterwards, and then takes that right away.
func (s *stand) revoke() {
	s.t.Helper()
	removed, blocked := s.token("ada", nil), s.token("bob", nil)
	for _, token := range []string{removed, blocked} {
		if a := s.daemon.ask(token); a.status != http.StatusOK {
			s.t.Fatalf("before anything is taken away: %s", shown(a))
		}
	}
	old := s.tenant.inside.KeyIDs()
	s.tenant.rotate()
	for _, id := range old {
		s.tenant.inside.Remove(id)
	}
	s.refresh()
	s.block()
	result, err := s.daemon.admin.Reload(s.t.Context())
	if err != nil || !result.OK {
		s.t.Fatalf("reload: %v %+v", err, result)
	}
	s.mintAll(removed, blocked)
}

// block is the part of the configuration that switches bob off. It stands in a file of its own, which must not be lost.
func (s *stand) block() {
	text := "[[user]]\nid = \"" + bobID + "\"\nblocked = true\n"
	must(s.t, os.WriteFile(filepath.Join(s.etc, "conf.d/50-blocked.toml"), []byte(text), 0o600))
	s.give()
}

// refresh has the keys fetched now.
func (s *stand) refresh() {
	s.t.Helper()
	results, err := s.daemon.admin.RefreshKeys(s.t.Context(), "")
	if err != nil || len(results) != 1 || results[0].Problem != "" {
		s.t.Fatalf("keys refresh: %v %+v", err, results)
	}
}

// load begins the load, and returns once each of its connections was answered. Every second request is valid.
func (s *stand) load() {
	s.t.Helper()
	for i := range s.open {
		s.open[i].Store(false)
	}
	s.running = load{
		address: s.daemon.address, connections: standConnections, rate: standRate,
		next: func(connection, number int) []byte {
			s.slots[connection] = s.moment.Load()
			if token := s.at(connection, number); token != nil {
				return token.request
			}
			return get("/auth", bearer(s.valid))
		},
		check: s.check,
	}.start()
	s.t.Cleanup(func() {
		if s.running != nil {
			s.running.stop()
		}
	})
	for limit := time.Now().Add(startWithin); ; time.Sleep(time.Millisecond) {
		answered := 0
		for i := range s.open {
			if s.open[i].Load() {
				answered++
			}
		}
		if answered == standConnections {
			return
		}
		if time.Now().After(limit) {
			s.t.Fatalf("%d of %d connections are answered", answered, standConnections)
		}
	}
}

// ask asks once, on a connection of its own.
func (d *daemonProcess) ask(token string) *answer {
	d.t.Helper()
	return d.askOnce(d.t, token)
}

// during breaks something, looks on, mends it, and waits until a valid token passes again.
func (s *stand) during(f fault) {
	s.t.Helper()
	broken := &standMoment{valid: append([]int{http.StatusOK}, f.valid...)}
	if f.nobody {
		broken.valid = f.valid
	}
	s.moment.Store(broken)
	before, begun := s.daemon.outside().cpu, time.Now()
	f.begin()
	if f.while != nil {
		f.while()
	}
	if f.hold == 0 {
		f.hold = 300 * time.Millisecond
		if long() > 0 {
			f.hold = 5 * time.Second
		}
	}
	time.Sleep(f.hold)
	s.waitAsked(broken)
	held := time.Since(begun)
	cpu := (s.daemon.outside().cpu - before).Seconds() / held.Seconds()
	if passed := broken.passed.Load(); f.nobody && passed > 0 {
		s.t.Errorf("%s: %d requests passed", f.name, passed)
	}
	mended := time.Now()
	s.moment.Store(&standMoment{valid: append([]int{http.StatusOK}, f.valid...)})
	f.end()
	s.recovered(f.name)
	back := time.Since(mended)
	s.moment.Store(&standMoment{valid: []int{http.StatusOK}})
	if most := cmp.Or(f.cpu, mostCPU); cpu > most {
		s.t.Errorf("%s: %.0f %% of a core for %v, want %.0f at most", f.name, 100*cpu, held, 100*most)
	}
	s.note(f.name, held, broken, cpu, back)
}

// waitAsked waits until each token was asked with in the moment, on average.
func (s *stand) waitAsked(m *standMoment) {
	s.t.Helper()
	for limit := time.Now().Add(startWithin); ; time.Sleep(5 * time.Millisecond) {
		if m.refused.Load()+m.wrongPass.Load() >= int64(len(s.never)) && m.passed.Load()+m.notPassed.Load()+m.otherwise.Load() >= int64(len(s.never)) {
			return
		}
		if time.Now().After(limit) {
			s.t.Fatalf("no answers come: %d and %d", m.refused.Load(), m.passed.Load()+m.notPassed.Load())
		}
	}
}

// recovered waits until a valid token passes, on a new connection too.
func (s *stand) recovered(after string) {
	s.t.Helper()
	for limit := time.Now().Add(recoverWithin); ; time.Sleep(5 * time.Millisecond) {
		a, err := askOnce(s.daemon.address, get("/auth", bearer(s.valid)))
		if err == nil && a.status == http.StatusOK {
			return
		}
		if time.Now().After(limit) {
			s.t.Fatalf("%s: mended %v ago, and a valid token does not pass: %v %+v\n%s", after, recoverWithin, err, a, s.daemon.log())
		}
	}
}

func (s *stand) note(name string, held time.Duration, m *standMoment, cpu float64, back time.Duration) {
	s.rows = append(s.rows, fmt.Sprintf("%-66s %6.1f s  %6d  %6d  %6d  %5d  %4.0f %%  %5d ms", name, held.Seconds(),
		m.passed.Load(), m.notPassed.Load(), m.refused.Load(), m.wrongPass.Load(), 100*cpu, back.Milliseconds()))
}

const standHead = "broken                                                             held for  passed  not yet  denied  wrong   CPU  back after"

// finish ends the load and judges all of it. It gives the rows of the table.
func (s *stand) finish() []string {
	s.t.Helper()
	result := s.running.stop()
	s.running = nil
	if result.failed > 0 || result.wrong > 0 {
		s.t.Errorf("%d failed requests and %d wrong answers of %d, want none:\n%s", result.failed, result.wrong, result.asked,
			strings.Join(result.problems, "\n"))
	}
	if panics := s.daemon.status().Counts.Panics; panics > 0 {
		s.t.Errorf("%d requests were answered 500", panics)
	}
	s.daemon.stop()
	rows := s.rows
	s.rows = nil
	return rows
}

// save saves another configuration and gives its hash, by which it is known to serve.
func (s *stand) save(changes ...string) string {
	s.t.Helper()
	text := s.strict(changes...)
	s.write(text)
	s.give()
	return sum(text)
}

// give hands all files to the user as whom claimd runs.
func (s *stand) give() {
	s.t.Helper()
	if s.user == 0 {
		return
	}
	must(s.t, filepath.WalkDir(s.dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, s.user, s.user))
	}))
}

// serves tells whether the file with that hash serves now.
func (s *stand) serves(hash string) bool {
	s.t.Helper()
	for _, file := range s.daemon.status().Files {
		if file.SHA256 == hash {
			return true
		}
	}
	return false
}

// waitLogged waits until the log has the text so many times.
func (s *stand) waitLogged(text string, times int) {
	s.t.Helper()
	for limit := time.Now().Add(startWithin); s.logged(text) < times; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			s.t.Fatalf("the log has %q %d times, want %d:\n%s", text, s.logged(text), times, s.daemon.log())
		}
	}
}

// logged counts the lines with the text.
func (s *stand) logged(text string) int {
	s.t.Helper()
	all, err := os.ReadFile(s.daemon.stderr)
	must(s.t, err)
	return strings.Count(string(all), text)
}

// refusedRefresh has the keys fetched, which fails. It is given up after a moment where the provider hangs.
func (s *stand) refusedRefresh() {
	s.t.Helper()
	patience := 300 * time.Millisecond
	if long() > 0 {
		patience = 12 * time.Second // beyond the 10 s after which claimd gives up
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	results, err := s.daemon.admin.RefreshKeys(ctx, "")
	if err == nil && (len(results) != 1 || results[0].Problem == "") {
		s.t.Errorf("the keys are fetched: %+v", results)
	}
}
