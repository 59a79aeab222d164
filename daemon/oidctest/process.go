package oidctest

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// process is a provider's process. Its methods end or hold up the provider, however often they are called.
type process struct {
	command *exec.Cmd
	output  *output
	ended   chan struct{} // closed once the process has ended
}

// begin starts the command. It ends with the test at the latest; a test that fails shows what it printed.
func begin(t testing.TB, command *exec.Cmd) *process {
	t.Helper()
	p := &process{command: command, output: new(output), ended: make(chan struct{})}
	command.Stdout, command.Stderr = p.output, p.output
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // a test run that is killed leaves nobody behind
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = command.Wait()
	}()
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("%s printed:\n%s", filepath.Base(command.Path), p.output.tail())
		}
	})
	return p
}

// Stop ends the provider at once: from now on nobody listens there.
func (p *process) Stop() {
	_ = p.command.Process.Kill()
	<-p.ended
}

// Freeze holds the provider up: connections come about, and nothing answers.
func (p *process) Freeze(t testing.TB) {
	t.Helper()
	if err := p.command.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

// Thaw lets a provider that is held up go on.
func (p *process) Thaw(t testing.TB) {
	t.Helper()
	if err := p.command.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

// gone reports whether the process has ended.
func (p *process) gone() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// output keeps what a process prints. Its zero value is usable, by several at once.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(text)
}

// tail gives the last 4 KiB.
func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := o.text.Bytes()
	return string(text[max(0, len(text)-4096):])
}

// missing ends the test: what it needs is no part of a Go installation. It is skipped, but not where CI is to run
// everything.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// program gives the path of a program.
func program(t testing.TB, name, hint string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, "no "+name+" here; hint: "+hint)
	}
	return path
}

// folder gives the testdata folder of this package, from whichever package's tests: they run in the folder of their own.
func folder(t testing.TB) string {
	t.Helper()
	at, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; at != filepath.Dir(at); at = filepath.Dir(at) {
		found := filepath.Join(at, "daemon", "oidctest", "testdata")
		if info, err := os.Stat(found); err == nil && info.IsDir() {
			return found
		}
	}
	t.Fatal(&fs.PathError{Op: "find", Path: "daemon/oidctest/testdata", Err: fs.ErrNotExist})
	return ""
}
