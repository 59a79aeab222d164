package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Somebody who is not root asks about files that are for root and claimd alone. They are as they should be, and the
// command that would open them to him is no advice; the user that claimd runs as needs just that.
func TestWhoMayNotReadTheFilesIsToldWhoMay(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("this test plays several users and must run as root")
		}
		t.Skip("this test plays several users: run it as root")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "claimd.toml")
	err := errors.Join(os.WriteFile(file, []byte("# x\n"), 0o600), os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o755))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		uid     uint32
		service string
		hint    string
	}{
		"somebody":                          {4321, "nobody", "run claimctl as root"},
		"somebody on a host without claimd": {4321, "no-such-user", "run claimctl as root"},
		"the user that claimd runs as": {
			65534, "nobody", "uid 65534 must be able to read it: chgrp 65534 " + file + " && chmod 0640 " + file,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			// The test binary lies where other users cannot reach it, hence the way through /proc; by this name it plays claimctl.
			cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
			cmd.Args = []string{"claimctl", "check", "--config", file}
			cmd.Env = []string{"CLAIMCTL_TEST_SERVICE=" + test.service, "GORACE=atexit_sleep_ms=0"}
			cmd.Dir = "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: test.uid, Gid: test.uid}}
			out, err := cmd.Output()
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok || exit.ExitCode() != exitUnknown {
				t.Errorf("got %v, want exit status %d", err, exitUnknown)
			}
			want := file + ": cannot be read: permission denied\n  hint: " + test.hint + "\n1 fault\n"
			if got := string(out); got != want {
				t.Errorf("got\n%swant\n%s", strings.TrimSpace(got), want)
			}
		})
	}
}
