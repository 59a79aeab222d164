package systemtest

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// scripts runs testdata/*.txt against the installed daemon under its hardening, one after another. Each begins with a
// daemon just started, by the configuration that lets the reader in and nothing in conf.d; so it is afterwards.
func (h *host) scripts() {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		h.t.Fatalf("want scripts in testdata, got %v", err)
	}
	config := h.content(configFile)
	begun := time.Now()
	for _, file := range files {
		h.step(filepath.Base(file), func(h *host) {
			h.begin(config)
			s := &stage{host: h}
			s.run(file)
		})
	}
	h.begin(config)
	figure("scripts against the installed daemon", "%d in %s", len(files), milliseconds(time.Since(begun)))
}

// begin starts claimd anew with that configuration alone. The file keeps its owner and mode.
func (h *host) begin(config string) {
	h.t.Helper()
	h.sh("rm -f /etc/claimd/conf.d/*")
	h.write(configFile, config)
	h.run("systemctl", "reset-failed", "claimd")
	h.run("systemctl", "restart", "claimd")
	h.waitUntilReady()
}

// stage is what one script has.
type stage struct {
	host   *host
	tokens []string // that it minted
}

// run runs one script. What it knows of the tenant stands in its environment.
func (s *stage) run(file string) {
	d := directory()
	environment := map[string]string{
		"CONFIG": configFile, "SERVER": "http://" + server, "CLIENT": d.Clients[0].ApplicationID,
		"VISITORS": d.Groups[2].ObjectID, "READER": reader().ObjectID, "STRANGER": stranger().ObjectID,
	}
	testscript.RunT(brief{s.host.t}, testscript.Params{
		Files: []string{file},
		Setup: func(env *testscript.Env) error {
			for _, name := range slices.Sorted(maps.Keys(environment)) {
				env.Setenv(name, environment[name])
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"on": s.on, "exits": s.exits, "soon": s.soon, "put": s.put, "token": s.token, "keep": keep, "json": isJSON,
		},
		RequireExplicitExec: true,
	})
}

// brief runs scripts one at a time, and tells the steps only of one that fails.
type brief struct{ *testing.T }

func (brief) Parallel()     {}
func (brief) Verbose() bool { return false }

func (b brief) Run(name string, do func(testscript.T)) {
	b.T.Run(name, func(t *testing.T) { do(brief{t}) })
}

// try runs a program on the host, as root, and gives its exit status. Its outputs are those that the script's stdout and
// stderr look at; no part of a token stands there.
func (s *stage) try(ts *testscript.TestScript, arguments []string) int {
	if len(arguments) == 0 {
		ts.Fatalf("want a program, got none")
	}
	var out, faults strings.Builder
	command := s.host.command(arguments...)
	command.Stdout, command.Stderr = &out, &faults
	err := command.Run()
	_, _ = ts.Stdout().Write([]byte(out.String()))
	_, _ = ts.Stderr().Write([]byte(faults.String()))
	for _, token := range s.tokens {
		for part := range strings.SplitSeq(token, ".") {
			if strings.Contains(out.String()+faults.String(), part) {
				ts.Fatalf("a part of a token was printed by %v", arguments)
			}
		}
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	ts.Check(err)
	return 0
}

// on is `[!] on PROGRAM [ARGUMENT]...`: it ends with 0, or with ! it does not.
func (s *stage) on(ts *testscript.TestScript, negated bool, arguments []string) {
	if code := s.try(ts, arguments); (code == 0) == negated {
		ts.Fatalf("%v: exit status %d", arguments, code)
	}
}

// exits is `exits STATUS PROGRAM [ARGUMENT]...`.
func (s *stage) exits(ts *testscript.TestScript, _ bool, arguments []string) {
	want, err := strconv.Atoi(arguments[0])
	ts.Check(err)
	if got := s.try(ts, arguments[1:]); got != want {
		ts.Fatalf("want exit status %d, got %d", want, got)
	}
}

// soon is `soon PROGRAM [ARGUMENT]...`: within 30 s it ends with 0. It is for what claimd does by itself.
func (s *stage) soon(ts *testscript.TestScript, _ bool, arguments []string) {
	for end := time.Now().Add(30 * time.Second); s.host.command(arguments...).Run() != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("%v: in vain for 30 s", arguments)
		}
	}
}

// put is `put FILE PATH`: root writes the script's file to the host, with the environment's values for its variables.
func (s *stage) put(ts *testscript.TestScript, _ bool, arguments []string) {
	text := os.Expand(ts.ReadFile(arguments[0]), ts.Getenv)
	ts.Check(os.WriteFile(s.host.path(arguments[1]), []byte(text), 0o644))
}

// token is `token USER [FLAG]...`: /root/USER.jwt holds a new token, and /root/USER.header what curl -H @FILE sends.
func (s *stage) token(ts *testscript.TestScript, _ bool, arguments []string) {
	out, err := s.host.command(append([]string{"fakeentra", "mint", "--user"}, arguments...)...).Output()
	ts.Check(err)
	token := strings.TrimSpace(string(out))
	s.tokens = append(s.tokens, token)
	file := s.host.path("/root/" + arguments[0])
	ts.Check(os.WriteFile(file+".jwt", []byte(token+"\n"), 0o600))
	ts.Check(os.WriteFile(file+".header", []byte("Authorization: Bearer "+token+"\n"), 0o600))
}

// keep is `keep NAME PATTERN`: the variable is what the pattern's group finds in the last standard output.
func keep(ts *testscript.TestScript, _ bool, arguments []string) {
	pattern, err := regexp.Compile("(?m)" + arguments[1])
	ts.Check(err)
	found := pattern.FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("want one group of %s found in:\n%s", pattern, ts.ReadFile("stdout"))
	}
	ts.Setenv(arguments[0], found[1])
}

// isJSON is `json`: the last standard output is one JSON value.
func isJSON(ts *testscript.TestScript, _ bool, _ []string) {
	var value any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &value))
}
