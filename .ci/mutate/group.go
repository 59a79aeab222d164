package main

import (
	"os/exec"
	"syscall"
)

// ownGroup has the go command and the tests it starts end together: a test that a mutant made endless would outlive the
// go command that is killed.
func ownGroup(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
}
