package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is claimctl on a pseudo-terminal, with somebody in front of it.
type terminal struct {
	master *os.File
	mu     sync.Mutex
	seen   bytes.Buffer
}

// told is all that was written so far, control characters included.
func (term *terminal) told() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.seen.String()
}

// await gives the first group of the pattern once it stands on the terminal.
func (term *terminal) await(t *testing.T, pattern string) string {
	want := regexp.MustCompile(pattern)
	for range 5000 { // 50 s
		if found := want.FindStringSubmatch(term.told()); found != nil {
			return found[len(found)-1]
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("the terminal never showed %q:\n%s", pattern, term.told())
	return ""
}

// press types something.
func (term *terminal) press(keys string) { _, _ = io.WriteString(term.master, keys) }

// run runs claimctl test-access on a terminal, for the site's configuration. stdin "" is the terminal too. The person
// acts beside it. It gives what stood on the terminal at the end, and all that was ever written to it.
func (s *site) run(t *testing.T, stdin string, person func(*terminal), args ...string) (screen, raw string, exit int) {
	t.Helper()
	master, slave := openTerminal(t)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "claimctl", append([]string{"test-access", "--config", s.config}, args...)...)
	cmd.Env = []string{"TZ=UTC", "LC_ALL=C", "HOME=" + s.folder, "GORACE=atexit_sleep_ms=0"}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1}
	if stdin != "" {
		file, err := os.Open(s.write(t, "stdin", stdin))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		cmd.Stdin = file
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	term := &terminal{master: master}
	read := make(chan struct{})
	go func() {
		defer close(read)
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			term.mu.Lock()
			term.seen.Write(buffer[:n])
			term.mu.Unlock()
			if err != nil { // EIO: the other end is closed
				return
			}
		}
	}()
	if person != nil {
		person(term)
	}
	err := cmd.Wait()
	<-read
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return shownOn(term.told()), term.told(), failed.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return shownOn(term.told()), term.told(), 0
}

// openTerminal opens both ends of a pseudo-terminal (pty(7)).
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	other, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		t.Fatal(errno)
	}
	master, slave = os.NewFile(uintptr(fd), "terminal"), os.NewFile(other, "terminal of claimctl")
	t.Cleanup(func() { master.Close() })
	return master, slave
}

// shownOn gives what stands on a terminal after the text was written to it: lines that were taken back are gone.
func shownOn(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return regexp.MustCompile(`[^\n]*\r\x1b\[K`).ReplaceAllString(text, "")
}

// code reads the code off the terminal.
func (term *terminal) code(t *testing.T) string {
	return term.await(t, `enter the code\s+(\S+)\s`)
}
