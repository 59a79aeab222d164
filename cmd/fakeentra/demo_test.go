package main

import (
	"context"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// programs is the folder of the real claimd and claimctl, which build makes when a test first needs them.
var (
	programs string
	build    = sync.OnceValue(func() error {
		command := exec.Command("go", "build", "-o", programs+"/",
			"github.com/claimd/claimd/cmd/claimd", "github.com/claimd/claimd/cmd/claimctl")
		command.Stderr = os.Stderr
		return command.Run()
	})
)

// asProgram is the variable of the environment that makes the test's own binary be fakeentra.
const asProgram = "FAKEENTRA_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	var err error
	if programs, err = os.MkdirTemp("", "fakeentra-test."); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(programs)
	os.Exit(code)
}

// program gives the path of claimd or claimctl.
func program(t *testing.T, name string) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(programs, name)
}

// privateTemp lets the demo make its folder below one of the test's own, which must be empty again in the end.
func privateTemp(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "demo.") // short: the name of a unix socket holds 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", folder)
	t.Cleanup(func() {
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
		_ = os.RemoveAll(folder)
	})
	return folder
}

func TestTheDemoShowsEveryAnswerAndAnEditTakingEffect(t *testing.T) {
	defer goleak.VerifyNone(t)
	privateTemp(t)
	code, stdout, stderr := runUntilDone(t, "demo", "--once", "--claimd", program(t, "claimd"))
	if code != 0 {
		t.Fatalf("exit code %d:\n%s%s", code, stdout, stderr)
	}
	for _, want := range []string{
		`reader\.token\)" http://127\.0\.0\.1:\d+/\n200 \{"Remote-Admin":"false","Remote-Email":"ada@contoso\.example",` +
			`"Remote-Groups":"Analysts","Remote-Name":"Ada Reader"`,
		`administrator\.token\)" \S+\n200 \{"Remote-Admin":"true",`,
		`service\.token\)" \S+\n200 .*"Remote-User":"e4b02d96-5a7f-4c31-9f68-7d15ac80b3e2"\}`,
		`stranger\.token\)" \S+\n403 \{"error":"access_denied","reason":"no_group",`,
		`expired\.token\)" \S+\n401 \{"error":"invalid_token","reason":"expired",`,
		`After \d+ ms:\n\$ .*stranger\.token\)" \S+\n200 \{"Remote-Admin":"false","Remote-Email":"alan@contoso\.example"`,
	} {
		if !regexp.MustCompile(want).MatchString(stdout) {
			t.Errorf("the output lacks %s:\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "eyJ") {
		t.Error("a token is in the output")
	}
}

// demoScreen starts the demo and gives its first screen; end interrupts it and gives the exit code.
func demoScreen(t *testing.T, claimd string) (out *watched, end func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out = newWatched()
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"demo", "--claimd", claimd}, out, out) }()
	t.Cleanup(cancel)
	out.waitFor(t, "What claimd has to say:\n")
	return out, func() int {
		cancel()
		return <-ended
	}
}

// shell runs a line of the screen as its reader would.
func shell(t *testing.T, line string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", line).CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	return string(out)
}

func TestEveryLineOfTheScreenDoesWhatItSays(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("curl is missing: .ci/run installs it")
		}
		t.Skip("the screen's lines need curl")
	}
	defer goleak.VerifyNone(t)
	folder := privateTemp(t)
	out, end := demoScreen(t, program(t, "claimd"))
	screen := out.String()
	if !strings.HasPrefix(screen, warning+"\n") {
		t.Errorf("the screen does not begin with the warning:\n%s", screen)
	}
	requests := regexp.MustCompile(`(?m)^  # .*: (\d+) ?(\w*)\n  (curl -s .*)$`).FindAllStringSubmatch(screen, -1)
	if len(requests) != len(calls()) {
		t.Fatalf("%d requests on the screen, want %d:\n%s", len(requests), len(calls()), screen)
	}
	for _, request := range requests {
		answer := shell(t, request[3]+` -w '%{http_code}'`)
		if !strings.HasSuffix(answer, request[1]) || !strings.Contains(answer, request[2]) {
			t.Errorf("%s\nwant %s %s, got %s", request[3], request[1], request[2], answer)
		}
	}
	for line, want := range map[string]string{"denials": "no_group", "explain": "no_group"} {
		command := regexp.MustCompile(`(?m)^  (\S+claimctl --config \S+ ` + line + `.*)$`).FindStringSubmatch(screen)
		if answer := shell(t, command[1]); !strings.Contains(answer, want) {
			t.Errorf("%s\nwant %s, got %s", command[1], want, answer)
		}
	}
	edit := regexp.MustCompile(`(?m)^  (sed -i .*)$`).FindStringSubmatch(screen)[1]
	if answer := shell(t, edit); answer != "" {
		t.Errorf("%s: %s", edit, answer)
	}
	stranger := requests[3][3]
	for deadline := time.Now().Add(editWithin); !strings.Contains(shell(t, stranger), "alan@contoso.example"); {
		if time.Now().After(deadline) {
			t.Fatalf("the stranger is still refused after the edit:\n%s", out.String())
		}
		time.Sleep(20 * time.Millisecond)
	}

	inside, err := filepath.Glob(folder + "/claimd.*/*")
	if err != nil || len(inside) == 0 {
		t.Fatal(inside, err)
	}
	for _, path := range append(inside, filepath.Dir(inside[0])) {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("others reach %s: %v %v", path, info.Mode(), err)
		}
	}
	if code := end(); code != 0 {
		t.Errorf("exit code %d after an interrupt, want 0:\n%s", code, out.String())
	}
	mustBeSilent(t, screen)
}

// What ends a program at a terminal must end the demo in order, or claimd and a folder with tokens would stay behind:
// Ctrl-C and kill, a closed terminal, and a pipe that nobody reads any more (make run | head).
func TestEverySignalEndsTheDemoInOrder(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE} {
		t.Run(signal.String(), func(t *testing.T) {
			privateTemp(t)
			out := newWatched()
			command := exec.Command(os.Args[0], "demo", "--claimd", program(t, "claimd"))
			command.Env = append(os.Environ(), asProgram+"=1", "GORACE=atexit_sleep_ms=0")
			command.Stdout, command.Stderr = out, out
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = command.Process.Kill() }) // where the test has failed before the end
			screen := out.waitFor(t, "What claimd has to say:\n")
			if err := command.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := command.Wait(); err != nil {
				t.Errorf("%v, want exit code 0:\n%s", err, out.String())
			}
			mustBeSilent(t, screen)
		})
	}
}

// mustBeSilent checks that claimd listens no more where the screen says it did.
func mustBeSilent(t *testing.T, screen string) {
	t.Helper()
	address := regexp.MustCompile(`http://(\S+)/auth`).FindStringSubmatch(screen)[1]
	if connection, err := net.Dial("tcp", address); err == nil {
		_ = connection.Close()
		t.Errorf("something still listens on %s", address)
	}
}

// script writes a program for /bin/sh and gives its path.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "claimd")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestADaemonThatDoesNotStartIsToldWithItsLastLines(t *testing.T) {
	defer goleak.VerifyNone(t)
	privateTemp(t)
	code, stdout, stderr := runUntilDone(t, "demo", "--claimd", script(t, "echo one; echo two >&2; exit 3\n"))
	want := "fakeentra: claimd ended by itself (exit status 3); its last lines:\none\ntwo\n"
	if code != 1 || stdout != "" || stderr != want {
		t.Errorf("got %d, %q, %q\nwant 1, %q", code, stdout, stderr, want)
	}
}

func TestADaemonThatDiesLaterEndsTheDemo(t *testing.T) {
	defer goleak.VerifyNone(t)
	privateTemp(t)
	// The script says its own process id and becomes claimd, so that the test can end exactly that process.
	pidFile := filepath.Join(t.TempDir(), "pid")
	out, end := demoScreen(t, script(t, "echo $$ >"+pidFile+"; exec "+program(t, "claimd")+` "$@"`+"\n"))
	pid := strings.TrimSpace(shell(t, "cat "+pidFile))
	shell(t, "kill -KILL "+pid)
	text := out.waitFor(t, "fakeentra: claimd ended by itself (signal: killed); its last lines:\n")
	if !strings.Contains(text, "serves generation=1") {
		t.Errorf("the last lines are missing:\n%s", text)
	}
	if code := end(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
}

func TestAnInterruptBeforeTheDaemonIsReadyIsNoFailureAndLeavesNoProcess(t *testing.T) {
	defer goleak.VerifyNone(t)
	privateTemp(t)
	pidFile := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	claimd := script(t, "sleep 1000 &\necho $! >"+pidFile+"\nwait\n")
	ended := make(chan int, 1)
	out := newWatched()
	go func() { ended <- run(ctx, []string{"demo", "--claimd", claimd}, out, out) }()
	pid := waitForFile(t, pidFile)
	cancel()
	if code := <-ended; code != 0 || out.String() != "" {
		t.Errorf("got %d, %q, want 0 and no word", code, out.String())
	}
	// A process of the group that nobody waits for may be a zombie for a moment.
	for deadline := time.Now().Add(5 * time.Second); strings.Contains(shell(t, "cat /proc/"+pid+"/stat"), ") S "); {
		if time.Now().After(deadline) {
			t.Fatal("what claimd started still runs")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func waitForFile(t *testing.T, path string) string {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if text, err := os.ReadFile(path); err == nil && strings.HasSuffix(string(text), "\n") {
			return strings.TrimSpace(string(text))
		}
	}
	t.Fatal(path + " never came")
	return ""
}

func TestATakenPortGivesWayToAFreeOne(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	other, err := listenNear(port)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if other.Addr().String() == taken.Addr().String() {
		t.Error("the taken port was given again")
	}
}

func TestAnAnswerThatTheScreenDoesNotPromiseFailsTheRehearsal(t *testing.T) {
	defer goleak.VerifyNone(t)
	privateTemp(t)
	stage, err := newStage()
	if err != nil {
		t.Fatal(err)
	}
	defer stage.close()
	// In claimd's place stands the API itself, which lets everybody in.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := serveOn(listener, sampleAPI())
	defer server.stop()
	stage.proxy = listener.Addr().String()
	err = rehearse(t.Context(), screen{out: newWatched(), stage: stage})
	if want := "a stranger, in no group that is declared: want 403 no_group, got 200"; err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	server.stop()
	if err := rehearse(t.Context(), screen{out: newWatched(), stage: stage}); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v, want a refused connection", err)
	}
}

func TestTheSampleAPIAnswersWithTheIdentityHeadersAlone(t *testing.T) {
	request := httptest.NewRequest("GET", "/", nil)
	request.Header.Set("Remote-User", "ada")
	request.Header.Set("X-Other", "x")
	answer := httptest.NewRecorder()
	sampleAPI().ServeHTTP(answer, request)
	if want := "{\"Remote-User\":\"ada\"}\n"; answer.Body.String() != want {
		t.Errorf("got %q, want %q", answer.Body.String(), want)
	}
}
