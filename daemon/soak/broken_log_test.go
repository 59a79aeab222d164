package soak

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// brokenLog: whoever reads the log hangs, has gone, or has no room. Refusals, reloads and SIGTERM wait for none of them.
func brokenLog(t *testing.T) []string {
	rows := logIsNotRead(t)
	rows = append(rows, logHasNoReader(t)...)
	if long() == 0 {
		return rows
	}
	for name, redirection := range map[string]string{"log: closed": "2>&-", "log: a full disk": "2>/dev/full"} {
		s := newStand(t, "sh", "-c", `exec "$@" `+redirection, "sh")
		s.during(fault{name: name, begin: func() {}, while: s.wantReloaded, end: func() {}})
		rows = append(rows, s.finish()...)
	}
	return rows
}

// newStandOnPipe is newStand with a pipe as claimd's standard error, and the test as who reads it.
func newStandOnPipe(t *testing.T) (*stand, *os.File) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o600))
	pipe, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	must(t, err)
	t.Cleanup(func() { _ = pipe.Close() })
	return newStand(t, "sh", "-c", `exec "$@" 2>"$0"`, path), pipe
}

func logIsNotRead(t *testing.T) []string {
	s, pipe := newStandOnPipe(t)
	text := make(chan string, 1)
	s.during(fault{
		name: "log: a pipe that nobody reads is full", hold: 2 * time.Second, // several lines of each refusal
		begin: func() {
			for size := 4096; size > 0; {
				must(t, pipe.SetWriteDeadline(time.Now().Add(20*time.Millisecond)))
				if _, err := pipe.Write(make([]byte, size)); err != nil {
					if !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Fatal(err)
					}
					size /= 2
				}
			}
		},
		while: func() {
			s.wantReloaded()
			s.refresh()
		},
		end: func() {
			go func() {
				all, _ := io.ReadAll(pipe) // until it is closed
				text <- string(all)
			}()
		},
	})
	rows := s.finish()
	must(t, pipe.Close())
	said := <-text
	for _, want := range []string{"a reload was asked for", `"message":"denied"`, `"message":"stopped"`} {
		if !strings.Contains(said, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	if strings.Contains(said, "panic") {
		t.Errorf("the log tells of a panic: %s", said)
	}
	return rows
}

func logHasNoReader(t *testing.T) []string {
	s, pipe := newStandOnPipe(t)
	s.during(fault{
		name: "log: its reader has gone", hold: 1500 * time.Millisecond,
		begin: func() { must(t, pipe.Close()) },
		while: func() {
			s.wantReloaded()
			s.refresh()
		},
		end: func() {},
	})
	return s.finish()
}
