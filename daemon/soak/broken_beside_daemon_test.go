package soak

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/keys"
)

// run runs the daemon in this process, so that the race detector sees it too, until the test ends.
func (s *several) run() {
	t := s.t
	t.Helper()
	file, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.Lock(file), zapcore.InfoLevel)
	ctx, cancel := context.WithCancel(context.Background())
	bound, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- daemon.Run(ctx, daemon.Options{ConfigPath: s.file, Version: "soak", Log: zap.New(core), Ready: func() { close(bound) }})
	}()
	stopped := false
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the daemon ended with %v", err)
		}
		must(t, file.Close())
	}
	select {
	case <-bound:
	case err := <-ended:
		ended <- err
		t.Fatalf("the daemon does not start: %v", err)
	}
	t.Cleanup(s.stop)
	s.admin = admin.NewClient(filepath.Join(s.dir, "run/admin.sock"))
	for _, listener := range s.status().Listeners {
		if listener.Door == "server" {
			s.address = listener.Address
		}
	}
	for _, side := range s.sides {
		side.several = s
		side.waitKeys("at the start")
	}
}

func (s *several) status() admin.Status {
	s.t.Helper()
	status, err := s.admin.Status(context.WithoutCancel(s.t.Context())) // at the end of a test that failed, too
	must(s.t, err)
	return status
}

// waitStatus waits until the daemon's status is as wanted; what says so in words.
func (s *several) waitStatus(what string, wanted func(admin.Status) bool) {
	s.t.Helper()
	for limit := time.Now().Add(healedWithin()); !wanted(s.status()); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			s.t.Fatalf("after %v not: %s\n%s", healedWithin(), what, s.log())
		}
	}
}

// log gives the last lines that the daemon logged, but for denials.
func (s *several) log() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	lines := slices.DeleteFunc(strings.Split(string(text), "\n"), func(line string) bool { return strings.Contains(line, `"msg":"denied"`) })
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// waitKeys waits until every document of the provider was fetched well at the last try.
func (s *side) waitKeys(when string) {
	s.t.Helper()
	for limit := time.Now().Add(healedWithin()); ; time.Sleep(5 * time.Millisecond) {
		all := s.status().Providers
		at := slices.IndexFunc(all, func(provider keys.Status) bool { return provider.Provider == s.name })
		if !slices.ContainsFunc(all[at].Documents, func(d keys.DocumentStatus) bool { return !d.Live || d.Error != "" }) {
			return
		}
		if time.Now().After(limit) {
			s.t.Fatalf("%s, %s: the keys are not fetched: %+v\n%s", s.name, when, all[at], s.log())
		}
	}
}
