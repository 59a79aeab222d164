package soak

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The lines that tell of the state directory, once for each change.
const (
	notKept   = "signing keys cannot be kept on disk"
	keptAgain = "signing keys are kept on disk again"
)

// brokenState: the disk is full, gives errors, or is gone. Keys are used as they are fetched, the log has a line, and the
// copy for a cold start is whole and of what is true, or there is none.
func brokenState(t *testing.T) []string {
	s := newStand(t)
	state := filepath.Join(s.dir, "state")
	s.onDisk("state directory: a file in its place", func() {
		must(t, os.Rename(state, state+".away"), os.WriteFile(state, nil, 0o600))
	}, func() {
		must(t, os.Remove(state), os.Rename(state+".away", state))
	})
	s.during(fault{
		name: "state directory: removed", begin: func() { must(t, os.RemoveAll(state)) }, end: func() {},
		while: func() { s.refresh(); s.wantCopy() }, // it makes a new one
	})
	s.fullDisk(state)
	s.brokenCalls()
	rows := s.finish()
	s.coldStart(s.valid, http.StatusOK)
	return append(rows, s.removedMeanwhile()...)
}

// onDisk is during for what keeps claimd from writing.
func (s *stand) onDisk(name string, begin, end func()) {
	s.t.Helper()
	failed, again := s.logged(notKept), s.logged(keptAgain)
	s.during(fault{
		name: name, begin: begin,
		while: func() {
			s.refresh()
			s.refresh()
			s.waitLogged(notKept, failed+1)
		},
		end: func() {
			end()
			s.refresh()
			s.waitLogged(keptAgain, again+1)
			s.wantCopy()
		},
	})
	if got := s.logged(notKept); got != failed+1 {
		s.t.Errorf("%s: %d lines say so, want one", name, got-failed)
	}
}

// wantCopy waits until the directory of kept keys has one file: another fetch may be writing it anew.
func (s *stand) wantCopy() {
	s.t.Helper()
	for limit := time.Now().Add(startWithin); ; time.Sleep(5 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(s.dir, "state/keys/*"))
		if err == nil && len(files) == 1 && strings.HasSuffix(files[0], ".json") {
			return
		}
		if time.Now().After(limit) {
			s.t.Fatalf("want the copy alone, got %v %v", files, err)
		}
	}
}

// fullDisk has 64 KiB in the state directory's place, and fills them.
func (s *stand) fullDisk(state string) {
	s.t.Helper()
	if os.Geteuid() != 0 {
		missing(s.t, "not root: no full disk is tested")
		return
	}
	filler := filepath.Join(state, "filler")
	mounted := false
	s.t.Cleanup(func() {
		if mounted {
			_ = syscall.Unmount(state, syscall.MNT_DETACH)
		}
	})
	err := syscall.Mount("tmpfs", state, "tmpfs", 0, "size=64k,mode=0700")
	if errors.Is(err, syscall.EPERM) {
		missing(s.t, "the kernel lets root mount nothing here: no full disk is tested")
		return
	}
	must(s.t, err)
	mounted = true
	s.refresh()
	s.wantCopy()
	s.onDisk("state directory: full", func() { fillDisk(s.t, filler) }, func() { must(s.t, os.Remove(filler)) })
	remount := func(flags uintptr) {
		must(s.t, syscall.Mount("tmpfs", state, "tmpfs", syscall.MS_REMOUNT|flags, "size=64k"))
	}
	s.onDisk("state directory: read-only", func() { remount(syscall.MS_RDONLY) }, func() { remount(0) })
	must(s.t, syscall.Unmount(state, syscall.MNT_DETACH))
	mounted = false
	s.refresh()
}

// fillDisk writes until nothing more fits.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	must(t, err)
	defer file.Close()
	for size := 4096; size > 0; {
		if _, err := file.Write(make([]byte, size)); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			size /= 2
		}
	}
}

// brokenCalls has single steps of writing the copy fail, as a dying disk does.
func (s *stand) brokenCalls() {
	s.t.Helper()
	if !mayInject(s.t) {
		return
	}
	copies, err := filepath.Glob(filepath.Join(s.dir, "state/keys/*.json"))
	must(s.t, err)
	fresh := copies[0] + ".new"
	for i, broken := range []struct {
		call, kernelError string
		paths             []string
	}{
		{"fsync", "EIO", nil},
		{"write", "EIO", []string{fresh}},
		{"write", "ENOSPC", []string{fresh}},
		{"openat", "EIO", []string{fresh}},
		{"openat", "EMFILE", []string{fresh}},
		{"renameat", "EIO", nil},
		{"write", "EDQUOT", []string{fresh}},
	} {
		if long() == 0 && i > 0 {
			return
		}
		var end func()
		s.onDisk("state directory: "+broken.kernelError+" of "+broken.call, func() {
			end = s.inject(broken.call, broken.kernelError, broken.paths...)
		}, func() { end() })
	}
}

// coldStart starts claimd while nobody answers for the provider, and asks once.
func (s *stand) coldStart(token string, want ...int) {
	s.t.Helper()
	s.tenant.refuse()
	defer s.tenant.listen()
	s.daemon = s.launch()
	a := s.daemon.ask(token)
	if !slices.Contains(want, a.status) {
		s.t.Errorf("after a start without the provider: %s, want %v", shown(a), want)
	}
	for _, never := range s.never {
		if time.Now().Before(never.from) {
			continue
		}
		a, err := askOnce(s.daemon.address, never.request)
		if err != nil || a.status == http.StatusOK {
			s.t.Errorf("after a start without the provider, a token %s: %v %s", never.name, err, shown(a))
		}
	}
	s.daemon.kill()
}

// A key was stolen and the tenant took it back while claimd's disk was full. claimd knew, and forgot it by a restart: the
// copy on disk still had the key.
func (s *stand) removedMeanwhile() []string {
	t := s.t
	s.daemon = s.start()
	stolen := s.valid
	old := s.tenant.inside.KeyIDs()
	s.tenant.rotate()
	must(t, os.MkdirAll(s.copy()+".new/x", 0o700)) // in the way of the next copy
	for _, id := range old {
		s.tenant.inside.Remove(id)
	}
	s.refresh()
	s.waitLogged(notKept, 1)
	if a := s.daemon.ask(stolen); a.status != http.StatusUnauthorized {
		t.Errorf("a token of a removed key: %s", shown(a))
	}
	s.daemon.kill()
	s.coldStart(stolen, http.StatusServiceUnavailable, http.StatusUnauthorized)
	return []string{"state directory: not writable while a key is removed, then a start without the provider: its token does not pass"}
}

// copy is the file of kept keys.
func (s *stand) copy() string {
	s.t.Helper()
	copies, err := filepath.Glob(filepath.Join(s.dir, "state/keys/*.json"))
	must(s.t, err)
	if len(copies) != 1 {
		s.t.Fatalf("want one copy, got %v", copies)
	}
	return copies[0]
}
