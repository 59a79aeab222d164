package soak

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/claimd/claimd/daemon/admin"
)

// standUser is a user of no host, as which claimd runs here.
const standUser = 54_321

// brokenInotify: FAULTS 134. All inotify instances of the user are taken. claimd starts and says so, a save is taken when it
// is asked to look (and by the slow poll), and once there are instances again saves are taken by themselves.
func brokenInotify(t *testing.T) []string {
	if os.Geteuid() != 0 {
		missing(t, "not root: inotify is not used up")
		return nil
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		missing(t, "no setpriv: inotify is not used up\n  hint: apt-get install util-linux")
		return nil
	}
	taken := takeInotify(t)
	s := prepareStand(t)
	_ = program(t, "claimd")
	must(t, os.Chmod(programsIn, 0o755))
	s.user = standUser
	s.give()
	user := strconv.Itoa(standUser)
	s.daemon = s.start("setpriv", "--reuid="+user, "--regid="+user, "--clear-groups")
	const unwatched, again = "cannot all be watched", "are watched again"
	s.waitLogged(unwatched, 1)
	s.revoke()
	s.load()
	var hash string
	s.during(fault{
		name: "inotify: no instance is left", begin: func() { hash = s.save("enabled = true\n", "enabled = true\n# 1\n") },
		while: func() {
			if s.serves(hash) {
				t.Error("a save is seen without inotify and before anybody asks: is it used up?")
			}
			must(t, syscall.Kill(s.daemon.pid, syscall.SIGHUP))
			s.waitServes(hash)
		},
		end: func() {
			taken()
			s.wantReloaded()
			s.waitLogged(again, 1)
			hash = s.save("enabled = true\n", "enabled = true\n# 2\n")
			s.waitServes(hash)
		},
	})
	if got := s.logged(unwatched); got != 1 {
		t.Errorf("%d lines say that nothing is watched, want one", got)
	}
	return s.finish()
}

// takeInotify takes every inotify instance that the user may have. They are charged to whoever the thread is that makes
// them, and kept by this process until the function is called that it gives.
func takeInotify(t *testing.T) (give func()) {
	t.Helper()
	var taken []int
	var problem error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), standUser, ^uintptr(0)); errno != 0 {
			problem = errno
			return
		}
		for {
			instance, err := unix.InotifyInit1(unix.IN_CLOEXEC)
			if err != nil {
				problem = err
				return
			}
			taken = append(taken, instance)
		}
	}()
	<-done
	give = func() {
		for _, instance := range taken {
			_ = unix.Close(instance)
		}
		taken = nil
	}
	t.Cleanup(give)
	if !errors.Is(problem, unix.EMFILE) || len(taken) == 0 {
		t.Fatalf("%d inotify instances, then %v; want too many", len(taken), problem)
	}
	t.Logf("inotify: %d instances are taken", len(taken))
	return give
}

// waitServes waits until the file with that hash serves.
func (s *stand) waitServes(hash string) {
	s.t.Helper()
	s.daemon.waitStatus("the save serves", func(admin.Status) bool { return s.serves(hash) })
}
