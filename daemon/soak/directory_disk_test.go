package soak

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// FAULTS 145 with the programs as they are shipped: on a full disk claimd lets in whom it let in, also with tokens that it
// never saw; an administrator is told that nothing was done; and once there is room again he is not, without a restart.
func TestAFullDiskRefusesAdministratorsAndNobodyElse(t *testing.T) {
	r := newRig(t)
	r.write(r.toml())
	state := filepath.Join(r.dir, "state")
	if os.Geteuid() != 0 {
		missing(t, "not root: no full disk is tested")
		return
	}
	if err := syscall.Mount("tmpfs", state, "tmpfs", 0, "size=2m,mode=0700"); errors.Is(err, syscall.EPERM) {
		missing(t, "the kernel lets root mount nothing here: no full disk is tested")
		return
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(state, syscall.MNT_DETACH) })
	d := r.start()
	kept := r.token("ada", nil)
	wantStatus := func(story, token string, want int) {
		t.Helper()
		if a := d.ask(token); a.status != want {
			t.Errorf("%s: %s, want %d", story, shown(a), want)
		}
	}
	// ctl gives the status that claimctl exits with, and what it says.
	ctl := func(arguments ...string) (status int, text string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), program(t, "claimctl"), append([]string{"--config", r.file}, arguments...)...).CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return exit.ExitCode(), string(out)
		}
		must(t, err)
		return 0, string(out)
	}
	wantStatus("before", kept, http.StatusOK)
	const stranger = "b9526ec1-d730-4f8e-9a04-%012x"
	if status, text := ctl("users", "deactivate", fmt.Sprintf(stranger, 0)); status != 0 {
		t.Fatalf("before: claimctl exits with %d: %s", status, text)
	}
	filler := filepath.Join(state, "filler")
	fillDisk(t, filler)
	refused := 0
	for i := 1; i < 200 && refused < 2; i++ { // what the write-ahead log has of the disk already is used up first
		id := fmt.Sprintf(stranger, i)
		status, text := ctl("users", "deactivate", id)
		if status == 0 {
			continue
		}
		refused++
		want := "claimctl: no space is left for " + state + "/directory.db\n  hint: make room on that file system (df " + state +
			"/directory.db); nothing needs to be restarted\n"
		if status != 1 || text != want {
			t.Fatalf("claimctl exits with %d and says\n%swant 1 and\n%s", status, text, want)
		}
		wantStatus("somebody whose deactivation was refused", r.token("ada", map[string]any{"oid": id}), http.StatusOK)
	}
	if refused < 2 {
		t.Fatal("the full disk refused nothing")
	}
	wantStatus("a kept token", kept, http.StatusOK)
	for i := range 20 {
		wantStatus("a new user", r.token("ada", map[string]any{"oid": fmt.Sprintf(stranger, 1000+i)}), http.StatusOK)
	}
	wantStatus("somebody shut out before", r.token("ada", map[string]any{"oid": fmt.Sprintf(stranger, 0)}), http.StatusForbidden)
	must(t, os.Remove(filler))
	last := fmt.Sprintf(stranger, 1000)
	if status, text := ctl("users", "deactivate", last); status != 0 {
		t.Errorf("with room again claimctl exits with %d: %s", status, text)
	}
	wantStatus("shut out", r.token("ada", map[string]any{"oid": last}), http.StatusForbidden)
	// What waited is written by itself, within the longest wait after failures.
	var text string
	for limit := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if _, text = ctl("users", "list", "--json"); strings.Contains(text, fmt.Sprintf(stranger, 1019)) {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("the new users are not on record: %s", text)
		}
	}
}
