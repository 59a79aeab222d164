package soak

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/admin"
)

// FAULTS 134: the kernel keeps so many events for a watcher and drops what comes then, with one word about it. A daemon
// that was stopped meanwhile (a debugger, a frozen container) learns of a save by that word alone.
func TestASaveWhoseEventWasDroppedIsSeen(t *testing.T) {
	r := newRig(t)
	r.write(r.whole(first, 1))
	d := r.start()
	text, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	must(t, err)
	room, err := strconv.Atoi(strings.TrimSpace(string(text)))
	must(t, err)

	time.Sleep(500 * time.Millisecond) // for the look that begins a watch: it is over, and nothing else is a reason for one
	must(t, syscall.Kill(d.pid, syscall.SIGSTOP))
	time.Sleep(100 * time.Millisecond) // each thread stops when it next may
	fill(t, r.dir, 2*room)
	r.write(r.whole(second, 2))
	must(t, syscall.Kill(d.pid, syscall.SIGCONT))
	begun := time.Now()
	d.waitStatus("the save serves", func(s admin.Status) bool { return s.Generation == 2 })
	if took := time.Since(begun); took > 25*time.Second {
		t.Errorf("the save served after %v: the slow poll found it", took)
	}
}

// fill makes events that are no reason to look: of the directory above the configuration's, in which one entry counts.
// Two in a row that are alike would be one.
func fill(t *testing.T, dir string, events int) {
	t.Helper()
	noise := [2]string{filepath.Join(dir, "noise"), filepath.Join(dir, "other-noise")}
	must(t, os.WriteFile(noise[0], nil, 0o600), os.WriteFile(noise[1], nil, 0o600))
	for i := range events {
		must(t, os.Chmod(noise[i%2], 0o600))
	}
}
