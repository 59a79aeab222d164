package soak

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/admin"
)

const (
	startWithin = 60 * time.Second // on a busy host
	stopWithin  = 60 * time.Second
)

// daemonProcess is a running claimd.
type daemonProcess struct {
	t       *testing.T
	pid     int    // of claimd itself, also behind a wrapper
	address string // host:port of [server], or unix:/path
	admin   *admin.Client

	stderr  string        // the file that holds its standard error
	ended   chan struct{} // closed when it is over; err is set then
	err     error
	stopped bool // its end is judged
}

// start runs `claimd --config FILE` on the rig's files and waits until it is ready, as /readyz says it. wrapper is put before the
// command, such as strace with its arguments; it must end when claimd does, with its exit status.
//
// At the end of the test the process gets SIGTERM; the test fails where it does not end with status 0, or where it
// panicked or raced.
func (r *rig) start(wrapper ...string) *daemonProcess {
	r.t.Helper()
	d := r.launch(wrapper...)
	d.waitReady()
	return d
}

// launch is start without waiting for live keys: the admin socket answers, and no more is known.
func (r *rig) launch(wrapper ...string) *daemonProcess {
	r.t.Helper()
	d := &daemonProcess{
		t: r.t, admin: admin.NewClient(filepath.Join(r.dir, "run/admin.sock")),
		stderr: filepath.Join(r.dir, "stderr"), ended: make(chan struct{}),
	}
	log, err := os.OpenFile(d.stderr, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(r.t, err)
	defer log.Close()
	arguments := slices.Concat(wrapper, []string{program(r.t, "claimd"), "--config", r.file})
	command := exec.Command(arguments[0], arguments[1:]...)
	command.Stdout, command.Stderr = log, log
	must(r.t, command.Start())
	go func() {
		defer close(d.ended)
		d.err = command.Wait()
	}()
	d.pid = command.Process.Pid // until claimd says its own
	r.t.Cleanup(d.stop)
	status := d.waitStatus("the admin socket answers", func(admin.Status) bool { return true })
	d.pid = status.PID
	for _, listener := range status.Listeners {
		if listener.Door == "server" {
			d.address = listener.Address
		}
	}
	return d
}

func (d *daemonProcess) waitReady() {
	d.t.Helper()
	d.waitStatus("ready", func(s admin.Status) bool { return s.Ready })
}

// waitStatus waits until the daemon's status is as wanted; what says so in words.
func (d *daemonProcess) waitStatus(what string, wanted func(admin.Status) bool) admin.Status {
	d.t.Helper()
	for limit := time.Now().Add(startWithin); ; time.Sleep(5 * time.Millisecond) {
		status, err := d.admin.Status(d.t.Context())
		if err == nil && wanted(status) {
			return status
		}
		select {
		case <-d.ended:
			d.t.Fatalf("claimd ended (%v) before: %s\n%s", d.err, what, d.log())
		default:
		}
		if time.Now().After(limit) {
			d.t.Fatalf("after %v not: %s; status %+v, error %v\n%s", startWithin, what, status, err, d.log())
		}
	}
}

// status asks for it once.
func (d *daemonProcess) status() admin.Status {
	d.t.Helper()
	status, err := d.admin.Status(d.t.Context())
	must(d.t, err)
	return status
}

// log gives the last 64 KiB of what the process wrote to its standard error.
func (d *daemonProcess) log() string {
	text, err := os.ReadFile(d.stderr)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-64<<10):])
}

// stop ends the process with SIGTERM, waits for that and holds it against what a good end is. It is called at the end of
// the test too; twice is once.
func (d *daemonProcess) stop() {
	if d.stopped {
		return
	}
	d.stopped = true
	_ = syscall.Kill(d.pid, syscall.SIGTERM) // it may have ended by itself, which err tells
	select {
	case <-d.ended:
	case <-time.After(stopWithin):
		d.t.Errorf("claimd did not end within %v of SIGTERM", stopWithin)
		_ = syscall.Kill(d.pid, syscall.SIGKILL)
		<-d.ended
	}
	if d.err != nil {
		d.t.Errorf("claimd ended with %v, want exit status 0; its last lines:\n%s", d.err, d.log())
	}
	d.wantNoPanic()
}

// kill ends the process as a power cut would, with no time for anything.
func (d *daemonProcess) kill() {
	if d.stopped {
		return
	}
	d.stopped = true
	_ = syscall.Kill(d.pid, syscall.SIGKILL)
	<-d.ended
	d.wantNoPanic()
}

func (d *daemonProcess) wantNoPanic() {
	text, err := os.ReadFile(d.stderr)
	if err != nil {
		d.t.Error(err)
	}
	for _, bad := range []string{"panic", "DATA RACE", "fatal error"} {
		if at := bytes.Index(text, []byte(bad)); at >= 0 {
			d.t.Errorf("claimd's standard error holds %q:\n%.4000s", bad, text[at:])
		}
	}
}

// facts are what a process takes of its host at one moment.
type facts struct {
	resident    int64 // bytes (VmRSS)
	peak        int64 // bytes (VmHWM)
	descriptors int
	goroutines  int           // as claimd counts them
	cpu         time.Duration // user and system, since the start
}

func (f facts) String() string {
	return fmt.Sprintf("%.1f MiB resident (peak %.1f), %d descriptors, %d goroutines, %.2f s of CPU",
		float64(f.resident)/(1<<20), float64(f.peak)/(1<<20), f.descriptors, f.goroutines, f.cpu.Seconds())
}

// facts asks the kernel and claimd.
func (d *daemonProcess) facts() facts {
	d.t.Helper()
	f := d.outside()
	f.goroutines = d.status().Process.Goroutines
	return f
}

// outside asks the kernel alone, which answers whatever claimd does; goroutines stays 0.
func (d *daemonProcess) outside() facts {
	d.t.Helper()
	f, err := processFacts(d.pid)
	must(d.t, err)
	return f
}

// processFacts gives the facts of any process but its goroutines.
func processFacts(pid int) (facts, error) {
	var f facts
	proc := fmt.Sprintf("/proc/%d/", pid)
	status, statusErr := os.ReadFile(proc + "status")
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		kibibytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64) // 0 for other lines
		switch name {
		case "VmRSS":
			f.resident = kibibytes << 10
		case "VmHWM":
			f.peak = kibibytes << 10
		}
	}
	open, openErr := os.ReadDir(proc + "fd")
	f.descriptors = len(open)
	var cpuErr error
	f.cpu, cpuErr = cpuTime(proc)
	return f, errors.Join(statusErr, openErr, cpuErr)
}

// cpuTime adds up the threads' schedstat, in nanoseconds: /proc/PID/schedstat is of the first thread alone. The time of
// threads that have ended is lost; Go's threads stay.
func cpuTime(proc string) (time.Duration, error) {
	threads, err := os.ReadDir(proc + "task")
	var sum time.Duration
	for _, thread := range threads {
		text, err := os.ReadFile(proc + "task/" + thread.Name() + "/schedstat")
		if errors.Is(err, os.ErrNotExist) {
			continue // it ended just now
		}
		if err != nil {
			return 0, err
		}
		on, _, _ := strings.Cut(string(text), " ")
		nanoseconds, err := strconv.ParseInt(on, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(nanoseconds)
	}
	return sum, err
}
