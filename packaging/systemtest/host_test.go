package systemtest

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
	"sync"
	"syscall"
	"testing"
	"time"
)

// groupPrefix begins the names of the hosts' cgroups.
const groupPrefix = "claimd-systemtest-"

// cgroups is where this machine has the tree of version 2, which a systemd needs.
func cgroups() string {
	if _, err := os.Stat("/sys/fs/cgroup/unified/cgroup.procs"); err == nil {
		return "/sys/fs/cgroup/unified"
	}
	return "/sys/fs/cgroup"
}

// host is a booted Debian, for one test or step.
type host struct {
	t *testing.T
	*machine
}

// machine is what there is of a host, whoever uses it.
type machine struct {
	pid   string    // of its PID 1, as this machine counts
	life  io.Closer // ends it
	ended chan error
	once  sync.Once
}

// living are the hosts that run.
var living sync.Map

// endAll ends the hosts of tests that do not come to their end.
func endAll() {
	living.Range(func(key, _ any) bool {
		if m, ok := key.(*machine); ok {
			_ = m.end()
		}
		return true
	})
}

// boot gives a clean host, which ends with the test.
func boot(t *testing.T) *host {
	t.Helper()
	begun := time.Now()
	h := &host{t, start(t)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the journal's end:\n%s", h.try("journalctl", "--quiet", "--no-pager", "--lines=60", "--output=short-precise").out)
		}
		if err := h.end(); err != nil {
			t.Errorf("the host left something behind: %v", err)
		}
	})
	h.waitFor("the host to run", time.Minute, func() bool {
		words := strings.TrimSpace(h.try("systemctl", "is-system-running").out)
		return words == "running" || words == "degraded"
	})
	t.Logf("booted in %s", milliseconds(time.Since(begun)))
	return h
}

// start starts a host; its systemd has not done anything yet.
func start(t *testing.T) *machine {
	t.Helper()
	name, err := tree()
	if err != nil {
		t.Fatalf("the Debian tree: %v", err)
	}
	folder, err := filepath.Abs(state())
	if err != nil {
		t.Fatal(err)
	}
	group := filepath.Join(cgroups(), fmt.Sprintf("%s%d-%d", groupPrefix, os.Getpid(), time.Now().UnixNano()))
	command := exec.CommandContext(context.Background(), "./host.sh", group, folder, name)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us
	life, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = writer, writer
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	_ = writer.Close()
	m := &machine{life: life, ended: make(chan error, 1)}
	living.Store(m, true)
	go func() { m.ended <- command.Wait() }()
	console := bufio.NewReader(reader)
	first, err := console.ReadString('\n')
	if m.pid = strings.TrimSpace(first); err != nil || !isNumber(m.pid) {
		_ = m.end()
		rest, _ := io.ReadAll(console)
		t.Fatalf("the host does not boot: %s%s", first, rest)
	}
	go func() { _, _ = io.Copy(io.Discard, console) }()
	return m
}

func isNumber(text string) bool {
	_, err := strconv.Atoi(text)
	return err == nil
}

// end ends the host with all that runs there. It may be called twice.
func (m *machine) end() (err error) {
	m.once.Do(func() {
		_ = m.life.Close()
		select {
		case err = <-m.ended:
		case <-time.After(20 * time.Second):
			err = errors.New("it does not end")
		}
		living.Delete(m)
	})
	return err
}

// step is a part of a test that the next ones build on.
func (h *host) step(name string, do func(*host)) {
	h.t.Helper()
	if !h.t.Run(name, func(t *testing.T) { do(&host{t, h.machine}) }) {
		h.t.FailNow()
	}
}

// outcome is what a program on a host wrote to both its outputs, and how it ended.
type outcome struct {
	out  string
	code int
}

func (o outcome) String() string { return fmt.Sprintf("exit code %d\n%s", o.code, o.out) }

// command is a program on the host, as root.
func (h *host) command(arguments ...string) *exec.Cmd {
	enter := []string{
		"--target", h.pid, "--all", "/usr/bin/env", "-i",
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
		"SYSTEMD_PAGER=", "SYSTEMD_COLORS=0",
	}
	return exec.CommandContext(context.Background(), "nsenter", append(enter, arguments...)...)
}

// try runs a program on the host, however it ends.
func (h *host) try(arguments ...string) outcome {
	h.t.Helper()
	out, err := h.command(arguments...).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return outcome{string(out), exit.ExitCode()}
	}
	if err != nil {
		h.t.Fatalf("%v: %v", arguments, err)
	}
	return outcome{string(out), 0}
}

// run runs a program on the host that has to succeed.
func (h *host) run(arguments ...string) string {
	h.t.Helper()
	o := h.try(arguments...)
	if o.code != 0 {
		h.t.Fatalf("%s: %s", strings.Join(arguments, " "), o)
	}
	return o.out
}

// sh runs a line of shell on the host that has to succeed.
func (h *host) sh(line string) string {
	h.t.Helper()
	return h.run("/bin/sh", "-ec", line)
}

// path is where this machine sees a file of the host.
func (h *host) path(name string) string { return filepath.Join("/proc", h.pid, "root", name) }

func (h *host) content(name string) string {
	h.t.Helper()
	text, err := os.ReadFile(h.path(name))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(text)
}

// write writes a file as root; its folder is made.
func (h *host) write(name, text string) {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Dir(h.path(name)), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(h.path(name), []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

// property is what systemctl show says of claimd.service, or of another unit.
func (h *host) property(name string, unit ...string) string {
	h.t.Helper()
	of := "claimd.service"
	if len(unit) > 0 {
		of = unit[0]
	}
	return strings.TrimSpace(h.run("systemctl", "show", "--value", "--property="+name, of))
}

// waitFor waits until something is true; it has to be within the limit.
func (h *host) waitFor(what string, limit time.Duration, isSo func() bool) {
	h.t.Helper()
	for end := time.Now().Add(limit); !isSo(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("waited %s in vain for %s", limit, what)
		}
	}
}

// install installs packages that lie on this machine.
func (h *host) install(packages ...string) string {
	h.t.Helper()
	arguments := []string{"dpkg", "--force-confold", "--install"}
	for _, path := range packages {
		data, err := os.ReadFile(path)
		if err != nil {
			h.t.Fatal(err)
		}
		there := "/tmp/" + filepath.Base(path)
		h.write(there, string(data))
		arguments = append(arguments, there)
	}
	return h.run(arguments...)
}
