package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
)

// TestMain lets the scripts run the real claimd: the test binary plays it where it is called by that name.
func TestMain(m *testing.M) {
	syscall.Umask(0o022) // files that others can write to are no configuration
	testscript.Main(leakless{m}, map[string]func(){"claimd": main})
}

// leakless runs the tests, and fails where a goroutine is left over after all of them.
type leakless struct{ m *testing.M }

func (l leakless) Run() int {
	code := l.m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"expand": cmdExpand, "exits": cmdExits, "generation": cmdGeneration, "refused": cmdRefused, "signal": cmdSignal,
		},
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

// cmdExpand is `expand FILE...`: the environment variables in the files are replaced by their values.
func cmdExpand(ts *testscript.TestScript, _ bool, files []string) {
	for _, file := range files {
		path := ts.MkAbs(file)
		content, err := os.ReadFile(path)
		ts.Check(err)
		ts.Check(os.WriteFile(path, []byte(os.Expand(string(content), ts.Getenv)), 0o644))
	}
}

// cmdExits is `exits CODE PROGRAM ARGUMENT...`: the program ends with this code.
func cmdExits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		failed, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = failed.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// status waits until the daemon of the script answers and its status is as wanted.
func status(ts *testscript.TestScript, want func(admin.Status) bool) admin.Status {
	client := admin.NewClient(ts.MkAbs("run/admin.sock"))
	limit := time.Now().Add(5 * time.Second)
	for {
		now, err := client.Status(context.Background())
		if err == nil && want(now) {
			return now
		}
		if time.Now().After(limit) {
			ts.Fatalf("status %+v, error %v", now, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// cmdGeneration is `generation N`: the daemon serves this generation and has refused nothing since.
func cmdGeneration(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.ParseUint(args[0], 10, 64)
	ts.Check(err)
	status(ts, func(s admin.Status) bool { return s.Generation == want && s.LastRefused == nil })
}

// cmdRefused is `refused`: the daemon has refused the files.
func cmdRefused(ts *testscript.TestScript, _ bool, _ []string) {
	status(ts, func(s admin.Status) bool { return s.LastRefused != nil })
}

// cmdSignal is `signal TERM|INT|HUP`: the daemon gets the signal.
func cmdSignal(ts *testscript.TestScript, _ bool, args []string) {
	signals := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "HUP": syscall.SIGHUP}
	now := status(ts, func(admin.Status) bool { return true })
	ts.Check(syscall.Kill(now.PID, signals[args[0]]))
}

func TestEachErrorHasItsExitCode(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		code   int
		stderr string
	}{
		{"none", nil, 0, ""},
		{
			"faults", config.Faults{
				{File: "a.toml", Line: 3, Key: "enabled", Problem: "want true or false, got 1", Hint: "enabled = true"},
				{File: "a.toml", Problem: "a notice is not printed", Notice: true},
				{File: "b.toml", Problem: "want a file, got a FIFO"},
			}, 78, "a.toml:3: enabled: want true or false, got 1\n  hint: enabled = true\nb.toml: want a file, got a FIFO\n",
		},
		{
			"a port that only root may bind", fmt.Errorf("cannot listen on 127.0.0.1:80: %w", syscall.EACCES),
			77, "claimd: cannot listen on 127.0.0.1:80: permission denied\n",
		},
		{
			"a read-only file system", fmt.Errorf("admin.socket: %w", syscall.EROFS),
			77, "claimd: admin.socket: read-only file system\n",
		},
		{
			"a file that may not be read", config.Faults{
				{File: "a.toml", Problem: "cannot be read: permission denied", Hint: "chmod u+r a.toml", Unreadable: true},
				{File: "a.toml", Problem: "a notice is not printed", Notice: true},
			}, 77, "a.toml: cannot be read: permission denied\n  hint: chmod u+r a.toml\n",
		},
		{
			"one that may not be read, beside a fault", config.Faults{
				{File: "a.toml", Problem: "cannot be read: permission denied", Unreadable: true}, {File: "b.toml", Line: 1, Problem: "unknown key"},
			}, 78, "a.toml: cannot be read: permission denied\nb.toml:1: unknown key\n",
		},
		{"another", errors.New("the admin socket: closed"), 1, "claimd: the admin socket: closed\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stderr bytes.Buffer
			if code := report(test.err, &stderr); code != test.code || stderr.String() != test.stderr {
				t.Errorf("code %d and %q, want %d and %q", code, stderr.String(), test.code, test.stderr)
			}
		})
	}
}
