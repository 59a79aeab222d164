package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/entratest"
)

// TestMain lets the scripts run the real claimctl: the test binary plays it where it is called by that name.
func TestMain(m *testing.M) {
	syscall.Umask(0o022) // files that others can write to are no configuration
	testscript.Main(leakless{m}, map[string]func(){"claimctl": claimctl})
}

// claimctl is main, but for the user that claimd runs as, which a script chooses: what this host has would decide what
// check says to root.
func claimctl() { os.Exit(run(cmp.Or(os.Getenv("CLAIMCTL_TEST_SERVICE"), "nobody-has-this-name"))) }

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
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			env.Setenv("LC_ALL", "C.UTF-8")
			env.Setenv("GORACE", "atexit_sleep_ms=0") // a program under the race detector would wait a second at its end
			env.Values[stageKey{}] = &stage{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"tenant": cmdTenant, "vouching": cmdVouching, "expand": cmdExpand, "mint": cmdMint, "daemon": cmdDaemon, "request": cmdRequest,
			"exits": cmdExits, "settle": cmdSettle, "follows": cmdFollows, "reachable": cmdReachable,
			"paste": cmdPaste,
		},
		Condition: func(condition string) (bool, error) {
			if condition != "root" {
				return false, fmt.Errorf("want root, got %s", condition)
			}
			if os.Geteuid() != 0 && os.Getenv("CI") != "" {
				return false, errors.New("want root where CI is set")
			}
			return os.Geteuid() == 0, nil
		},
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

// stage is what one script set up.
type stage struct {
	tenant *entratest.Tenant
	tokens []string
}

type stageKey struct{}

func stageOf(ts *testscript.TestScript) *stage { return ts.Value(stageKey{}).(*stage) }

const (
	apiID    = "c8d14e02-7b6a-4f39-9e51-2a84f06d73bc"
	clientID = "3e90b7d5-4c12-4a8f-b06e-d7f1529a8c64"
)

// cmdTenant is `tenant`: a fake tenant at $TENANT until the script's end, with users ada (Analysts), grace (Analysts and
// administrator), alan (analysts, of lower case) and eve (Operators, a guest of a name that steers terminals).
func cmdTenant(ts *testscript.TestScript, _ bool, _ []string) {
	s := stageOf(ts)
	tenant, err := entratest.Start(entratest.Directory{
		TenantID: "5f2a7c41-93be-4d08-a6f5-1c0e7b94d2a3",
		APIs:     []entratest.API{{ApplicationID: apiID, AccessTokenVersion: 2, Scopes: []string{"platform.read-write"}}},
		Clients:  []entratest.App{{ApplicationID: clientID, ObjectID: "71c6f2ae-08d9-4b53-8e27-94a5d3b10f6c"}},
		Users: []entratest.User{
			{Name: "ada", ObjectID: "d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42", Claims: map[string]any{
				"groups": []string{"Analysts", "Visitors"}, "email": "ada@contoso.example", "given_name": "Ada", "family_name": "Reader"}},
			{Name: "grace", ObjectID: "18c4f7b9-6e05-4d92-b87a-f3a21d5c09e6", Claims: map[string]any{
				"groups": []string{"Analysts"}, "extn.admin": "is_admin"}},
			{Name: "alan", ObjectID: "b9526ec1-d730-4f8e-9a04-41e7c8b63d5f", Claims: map[string]any{
				"groups": []string{"analysts", "Analysts ", "\x1b[31mred\u202e"}}},
			{Name: "eve", ObjectID: "6ac0d9e4-1f72-4b85-83c1-d95e270fb3a8", Claims: map[string]any{
				"groups": []string{"Operators"}, "given_name": "\x1b]0;Ada\a", "family_name": "\u202erotartsinimdA", "acct": 1}},
		},
	})
	ts.Check(err)
	s.tenant = tenant
	ts.Defer(tenant.Close)
	ts.Setenv("TENANT", tenant.URL())
	ts.Setenv("KEYID", signingKey(ts, tenant))
}

// signingKey gives the id of the tenant's key, as its tokens name it.
func signingKey(ts *testscript.TestScript, tenant *entratest.Tenant) string {
	token, err := tenant.Mint(entratest.Request{})
	ts.Check(err)
	header, _, _ := strings.Cut(token, ".")
	content, err := base64.RawURLEncoding.DecodeString(header)
	ts.Check(err)
	var parsed struct{ KID string }
	ts.Check(json.Unmarshal(content, &parsed))
	return parsed.KID
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

// cmdMint is `mint FILE USER [expired | graph]`: a token in the file, without a line break; of the user ” is the client's
// own.
func cmdMint(ts *testscript.TestScript, _ bool, args []string) {
	s := stageOf(ts)
	request := entratest.Request{User: args[1]}
	switch strings.Join(args[2:], " ") {
	case "expired":
		request.Issued = time.Now().Add(-3 * time.Hour)
		request.Lifetime = time.Hour
	case "graph":
		request.Claims = map[string]any{"aud": "00000003-0000-0000-c000-000000000000"}
	}
	token, err := s.tenant.Mint(request)
	ts.Check(err)
	s.tokens = append(s.tokens, token)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(token), 0o600))
}

// cmdDaemon is `daemon CONFIG`: a claimd in this process, which ends with the script.
func cmdDaemon(ts *testscript.TestScript, _ bool, args []string) {
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- daemon.Run(ctx, daemon.Options{
			ConfigPath: ts.MkAbs(args[0]), Version: "1.2.3", Log: zap.NewNop(), Ready: func() { close(ready) },
		})
	}()
	select {
	case <-ready:
	case err := <-done:
		stop()
		ts.Fatalf("claimd did not start: %v", err)
	}
	ts.Defer(func() {
		stop()
		if err := <-done; err != nil {
			ts.Logf("claimd ended: %v", err)
		}
	})
}

// cmdRequest is `request TOKENFILE STATUS`: a gateway asks the claimd at auth.sock.
func cmdRequest(ts *testscript.TestScript, _ bool, args []string) {
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", ts.MkAbs("auth.sock"))
		},
	}}
	request, err := http.NewRequest(http.MethodGet, "http://claimd/auth", nil)
	ts.Check(err)
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(ts.ReadFile(args[0])))
	response, err := client.Do(request)
	ts.Check(err)
	response.Body.Close()
	if got := strconv.Itoa(response.StatusCode); got != args[1] {
		ts.Fatalf("status: want %s, got %s", args[1], got)
	}
	ts.Setenv("DECISION", response.Header.Get("X-Claimd-Decision"))
}

// cmdExits is `exits STATUS PROGRAM [ARGUMENT]...`. Whatever the program prints, it prints no token.
func cmdExits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	output := ts.ReadFile("stdout") + ts.ReadFile("stderr")
	if got != want {
		ts.Fatalf("want exit status %d, got %d\n%s", want, got, output)
	}
	for _, token := range stageOf(ts).tokens {
		for _, part := range strings.Split(token, ".") {
			if strings.Contains(output, part) {
				ts.Fatalf("a part of a token was printed:\n%s", output)
			}
		}
	}
}

// What differs from one run to the next, and what golden files have in its place.
var settled = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`http://127\.0\.0\.1:\d+`), "TENANT"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`), "TIME"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`just now    |\d min ago   |\d\d min ago  `), "SPAN ago    "}, // in a column
	{regexp.MustCompile(`in (\d+ h )?\d+ (min|s)\b`), "in SPAN"},
	{regexp.MustCompile(`(\d+ h )?\d+ (min|s) ago`), "SPAN ago"},
	{regexp.MustCompile(`pid \d+`), "pid PID"},
	{regexp.MustCompile(`taken, [1-9]\d* refused`), "taken, N refused"}, // a copy may be seen half done, and is refused too
	{regexp.MustCompile(`(?m)just now$`), "SPAN ago"},
	{regexp.MustCompile(`\(\d+ s\)`), "(SPAN)"},
	{regexp.MustCompile(`[0-9a-f]{64}`), "HASH"},
	{regexp.MustCompile(`(?m)  [0-9a-f]{12}$`), "  HASH"},
	{regexp.MustCompile(`(?m)by uid \d+( \([^)]*\))? at \S+$`), "by WHO at HOST"},
	{regexp.MustCompile(`, by uid \d+( \([^)]*\))?`), ", by WHO"},
}

// cmdReachable is `reachable`: other users may go through the directories that testscript makes for itself alone.
func cmdReachable(ts *testscript.TestScript, _ bool, _ []string) {
	work := ts.Getenv("WORK")
	ts.Check(errors.Join(os.Chmod(work, 0o711), os.Chmod(filepath.Dir(work), 0o711)))
}

// cmdPaste is `paste stdout FILE`: the lines that claimctl unmatched gives for [groups] are added to the file, whose last
// table that is.
func cmdPaste(ts *testscript.TestScript, _ bool, args []string) {
	_, lines, found := strings.Cut(ts.ReadFile(args[0]), "paste under [groups]:\n")
	if !found {
		ts.Fatalf("there is nothing to paste")
	}
	file, err := os.OpenFile(ts.MkAbs(args[1]), os.O_APPEND|os.O_WRONLY, 0)
	ts.Check(err)
	for line := range strings.Lines(lines) {
		if line, ok := strings.CutPrefix(line, "  "); ok {
			_, err := file.WriteString(line)
			ts.Check(err)
		}
	}
	ts.Check(file.Close())
}

// cmdSettle is `settle stdout|stderr`: the file "told" is that output, but for what differs from run to run.
func cmdSettle(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs("told"), []byte(settle(ts, ts.ReadFile(args[0]))), 0o644))
}

func settle(ts *testscript.TestScript, text string) string {
	for _, name := range []string{"WORK", "DECISION", "KEYID"} {
		if value := ts.Getenv(name); value != "" {
			text = strings.ReplaceAll(text, value, name)
		}
	}
	for _, s := range settled {
		text = s.pattern.ReplaceAllString(text, s.instead)
	}
	return text
}

// cmdFollows is `follows TOKENFILE [FLAG]...`: claimctl denials --follow runs while refused requests come, until it has
// told of one; then Ctrl-C ends it, and its status is 0. What it told stands in the file "told".
func cmdFollows(ts *testscript.TestScript, _ bool, args []string) {
	program, _, _ := strings.Cut(ts.Getenv("PATH"), string(os.PathListSeparator))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(program, "claimctl"),
		append([]string{"denials", "--follow", "--socket", ts.MkAbs("admin.sock")}, args[1:]...)...)
	cmd.Env = []string{"TZ=UTC", "GORACE=atexit_sleep_ms=0"}
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	first := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		first <- line
	}()
	line := ""
	for line == "" {
		select {
		case line = <-first:
			if line == "" {
				ts.Fatalf("claimctl ended: %v", cmd.Wait())
			}
		case <-ctx.Done():
			ts.Fatalf("nothing was told within 20 s")
		case <-time.After(10 * time.Millisecond): // it may not follow yet
			cmdRequest(ts, false, []string{args[0], "403"})
		}
	}
	ts.Check(cmd.Process.Signal(os.Interrupt))
	if err := cmd.Wait(); err != nil {
		ts.Fatalf("after Ctrl-C: want exit status 0, got %v", err)
	}
	ts.Check(os.WriteFile(ts.MkAbs("told"), []byte(settle(ts, line)), 0o644))
}
