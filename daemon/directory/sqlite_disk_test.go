package directory

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// missing says that a part of a test cannot run here; with CI set that is a failure.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// smallDisk mounts a file system of that many bytes.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "only root can mount a small file system")
	}
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size)); err != nil {
		missing(t, "no small file system: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, 0); err != nil {
			t.Error(err)
		}
	})
	return folder
}

// openWatched opens a directory whose log is kept.
func openWatched(t *testing.T, folder string) (*Directory, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	d, err := Open(t.Context(), Options{Directory: folder, Log: zap.New(core), Host: "alpha"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close(context.WithoutCancel(t.Context())) })
	return d, logs
}

// inTime waits for what must come, however starved the host is.
func inTime(t *testing.T, what string, is func() bool) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// FAULTS 145: on a full disk administrators are told no, everything else goes on, and when there is room again the directory
// recovers by itself.
func TestAFullDiskRefusesChangesAndNothingElse(t *testing.T) {
	folder := smallDisk(t, 1<<20)
	d, logs := openWatched(t, folder)
	change := func(id string) error {
		_, _, err := d.Change(t.Context(), keyOf(id), Deactivate, "contoso", "uid 0 (root)")
		return err
	}
	d.Seen(seen("ada", 0))
	if err := errors.Join(change("bob"), d.Flush(t.Context())); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(folder, "filler")
	if err := os.WriteFile(filler, make([]byte, 2<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	refused := 0
	for i := range 300 { // what is left of the write-ahead log's last pages is used up first
		if err := change(fmt.Sprint("user", i)); err != nil {
			refusal, ok := errors.AsType[*Refusal](err)
			if !ok || refusal.Problem != "no space is left for "+filepath.Join(folder, sqliteFile) || refusal.Hint == "" {
				t.Fatalf("%v", err)
			}
			if got := d.State(keyOf(fmt.Sprint("user", i)).Hash()); got != Unknown {
				t.Errorf("a change that was refused made the state %s", got)
			}
			refused++
		}
		if refused == 3 {
			break
		}
	}
	if refused < 3 {
		t.Fatal("the full disk refused nothing")
	}
	for i := range 50 {
		d.Seen(seen(fmt.Sprint("new", i), i).had(strings.Repeat("long ", 1000)))
	}
	if got := d.State(keyOf("new7").Hash()); got != Active {
		t.Errorf("on the full disk a new user is %s", got)
	}
	if got := d.State(keyOf("bob").Hash()); got != Inactive {
		t.Errorf("bob is %s", got)
	}
	if err := d.Flush(t.Context()); err == nil {
		t.Error("50 users were written to a full disk")
	}
	if page, err := d.Users(t.Context(), Query{}); err != nil || len(page.Users) == 0 {
		t.Errorf("users: %d, %v", len(page.Users), err)
	}
	status := d.Status()
	if status.Pending != 50 || status.Dropped != 0 || status.Failures == 0 || status.ReadOnly || !status.Usable ||
		!strings.Contains(status.Problem, "no space is left for ") {
		t.Errorf("the status is %+v", status)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	inTime(t, "what waited is written by itself", func() bool { return d.Status().Pending == 0 })
	if err := change("carol"); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if user, _, err := d.User(t.Context(), keyOf("new7")); err != nil || user.State != Active {
		t.Errorf("%+v, %v", user, err)
	}
	for _, message := range []string{troubles[writing], ends[writing]} {
		if n := logs.FilterMessage(message).Len(); n != 1 {
			t.Errorf("%q stands in the log %d times, wanted once", message, n)
		}
	}
}

// FAULTS 144: a second fsync after a failed one says yes and means nothing. Hence nothing is written any more until a restart.
func TestAFailedFsyncEndsAllWriting(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil || os.Geteuid() != 0 {
		missing(t, "no strace, or not root: a failing fsync is not tested\n  hint: apt-get install strace")
	}
	folder := t.TempDir()
	d, logs := openWatched(t, folder)
	if _, _, err := d.Change(t.Context(), keyOf("ada"), Deactivate, "contoso", "root"); err != nil {
		t.Fatal(err)
	}
	d.Seen(seen("bob", 0))
	end := failing(t, "fsync,fdatasync", "EIO")
	_, _, err := d.Change(t.Context(), keyOf("carol"), Deactivate, "contoso", "root")
	end()
	if !errors.Is(err, errUnsafe) {
		t.Fatalf("the change: %v, wanted %v", err, errUnsafe)
	}
	// The disk says yes again, and is not believed.
	_, _, err = d.Change(t.Context(), keyOf("carol"), Deactivate, "contoso", "root")
	want := "nothing is written any more, since the disk failed to keep what was written"
	if refusal, ok := errors.AsType[*Refusal](err); !ok || refusal.Problem != want || !strings.Contains(refusal.Hint, "systemctl restart claimd") {
		t.Errorf("the next change: %v, wanted %q", err, want)
	}
	d.Seen(seen("dave", 0))
	d.Touch(keyOf("ada").Hash(), after(5), "app")
	if got := [3]State{d.State(keyOf("ada").Hash()), d.State(keyOf("bob").Hash()), d.State(keyOf("dave").Hash())}; got != [3]State{Inactive, Active, Active} {
		t.Errorf("ada, bob and dave are %v", got)
	}
	status := d.Status()
	if !status.ReadOnly || status.Pending != 0 || status.Dropped < 2 || !strings.Contains(status.Problem, errUnsafe.Error()) {
		t.Errorf("the status is %+v", status)
	}
	if n := logs.FilterMessage(troubles[writing]).Len(); n != 1 {
		t.Errorf("it stands in the log %d times, wanted once", n)
	}
	if err := d.Close(t.Context()); err != nil {
		t.Error(err)
	}
	d, _ = openWatched(t, folder)
	if _, _, err := d.Change(t.Context(), keyOf("erin"), Deactivate, "contoso", "root"); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	if got := d.State(keyOf("ada").Hash()); got != Inactive {
		t.Errorf("after the restart ada is %s", got)
	}
}

// failing makes system calls of this process fail until end is called.
func failing(t *testing.T, calls, kernelError string) (end func()) {
	t.Helper()
	command := exec.Command("strace", "-f", "-o", "/dev/null", "-e", "trace="+calls, "-e", "inject="+calls+":error="+kernelError, //nolint:gosec // ours
		"-p", strconv.Itoa(os.Getpid()))
	says, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(says)
	var said strings.Builder
	for !strings.Contains(said.String(), " attached") {
		line, err := lines.ReadString('\n')
		said.WriteString(line)
		if err != nil {
			_ = command.Wait()
			missing(t, "strace does not attach: "+said.String())
		}
	}
	done := make(chan struct{})
	go func() { defer close(done); _, _ = io.Copy(io.Discard, lines) }() // until strace ends
	return func() {
		_ = command.Process.Signal(os.Interrupt) // it lets this process go on, and ends
		<-done
		_ = command.Wait()
	}
}
