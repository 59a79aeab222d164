package soak

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// mayInject tells whether system calls can be made to fail here. With CI set they must.
func mayInject(t *testing.T) bool {
	t.Helper()
	if _, err := exec.LookPath("strace"); err == nil {
		return true
	}
	missing(t, "no strace: system calls that fail are not tested\n  hint: apt-get install strace")
	return false
}

// missing says that a part of a test cannot run here; with CI set that is a failure.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Error(what)
		return
	}
	t.Log(what)
}

// inject makes system calls of the running claimd fail until the function is called that it gives. call is a name of
// strace's, error the kernel's; with paths, those calls alone fail that touch one of them.
func (s *stand) inject(call, kernelError string, paths ...string) (end func()) {
	s.t.Helper()
	arguments := []string{"-f", "-o", "/dev/null", "-e", "trace=" + call, "-e", "inject=" + call + ":error=" + kernelError}
	for _, path := range paths {
		arguments = append(arguments, "-P", path)
	}
	command := exec.Command("strace", append(arguments, "-p", strconv.Itoa(s.daemon.pid))...)
	says, err := command.StderrPipe()
	must(s.t, err, command.Start())
	lines := bufio.NewReader(says)
	var said strings.Builder
	for !strings.Contains(said.String(), " attached") {
		line, err := lines.ReadString('\n')
		said.WriteString(line)
		if err != nil {
			_ = command.Wait()
			s.t.Fatalf("strace does not attach: %s", said.String())
		}
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }() // until strace ends
	ended := false
	end = func() {
		if ended {
			return
		}
		ended = true
		_ = command.Process.Signal(os.Interrupt) // it lets claimd go on, and ends
		_ = command.Wait()
	}
	s.t.Cleanup(end)
	return end
}
