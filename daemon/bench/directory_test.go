package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/gateway"
	"github.com/claimd/claimd/daemon/keys"
)

// The two roles that differ by the directory alone.
const (
	withDirectory    = "with directory"
	withoutDirectory = "without directory"
)

// directoryGoal is how much more processor time a request may cost with the directory than without.
const directoryGoal = 1.03

// serveGate serves the door for gateways as the daemon does, with the directory of users or without: no configuration
// switches it off. It prints its address and serves until it is killed.
func serveGate(file string, role string) error {
	loaded, err := daemon.Load(file, config.ReadOptions{})
	if err != nil {
		return err
	}
	ring := keys.NewRing(keys.Options{Client: loaded.Client})
	providers := loaded.Open(ring)
	for _, provider := range providers {
		if err := provider.Refresh(context.Background()); err != nil {
			return err
		}
	}
	var options access.Options
	if role == withDirectory {
		place := loaded.Config.State.Directory
		if err := os.MkdirAll(place, 0o700); err != nil {
			return err
		}
		if options.Directory, err = directory.Open(context.Background(), directory.Options{Directory: place}); err != nil {
			return err
		}
	}
	gate := access.NewGate(loaded.Snapshot(providers, 1), options)
	server := gateway.NewServer(gateway.Handler(gate))
	server.WriteTimeout = 10 * time.Second
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return gateway.NewFront(gate, server, nil).Serve(gateway.Raw(listener))
}

func startGate(t *testing.T, d *tenant, role string) *server {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "claimd.toml")
	if err := os.WriteFile(file, []byte(d.config(dir, filepath.Join(dir, "admin.sock"))), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), os.Args[0], file)
	command.Env = append(os.Environ(), roleVariable+"="+role)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, command)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the gate %s does not start: %v", role, err)
	}
	s := &server{name: role, pid: command.Process.Pid, address: strings.TrimSpace(line)}
	if err := s.dial(); err != nil {
		t.Fatal(err)
	}
	return s
}

// directoryScenarios are requests of many users, each in five groups.
func directoryScenarios() []scenario {
	var users atomic.Uint64
	fresh := func(count int) func(int) int {
		first := int(users.Add(uint64(count))) - count
		return func(i int) int { return first + i }
	}
	return []scenario{
		{"one token repeated", 5, directoryGoal, func(t *testing.T, d *tenant, _ form) [][]byte {
			return d.requestsOf(t, 1, fresh(1))
		}, false},
		{"tokens of as many users", 5, directoryGoal, func(t *testing.T, d *tenant, f form) [][]byte {
			return d.requestsOf(t, f.rotating, fresh(f.rotating))
		}, false},
		{"a new token of one user", 5, directoryGoal, func(t *testing.T, d *tenant, f form) [][]byte {
			return d.requestsOf(t, f.fresh, func(int) int { return 0 })
		}, true},
		{"a new user each time", 5, 0, func(t *testing.T, d *tenant, f form) [][]byte {
			return d.requestsOf(t, f.fresh, fresh(f.fresh))
		}, true},
	}
}

// requestsOf signs that many tokens, the one of index i for the user whom number names.
func (d *tenant) requestsOf(t *testing.T, count int, number func(i int) int) [][]byte {
	t.Helper()
	all := make([][]byte, count)
	for i := range all {
		token, err := d.Mint(entratest.Request{User: "ada", Claims: map[string]any{
			"groups": d.groups[:5], "oid": fmt.Sprintf("690222be-ff1a-4d56-8bd1-%012x", number(i)),
		}})
		if err != nil {
			t.Fatal(err)
		}
		all[i] = request(token)
	}
	return all
}

// TestWhatTheDirectoryCosts is a part of `make bench`: the same requests against the gate with the directory of users and
// without. A user who was never seen before is written to disk in the same process, in the background; that has no goal.
func TestWhatTheDirectoryCosts(t *testing.T) {
	f := shortForm
	if *long {
		f = longForm
	}
	d := startTenant(t)
	without, with := startGate(t, d, withoutDirectory), startGate(t, d, withDirectory)
	var text strings.Builder
	var problems []error
	for _, s := range directoryScenarios() {
		r := measure(t, s, f, d, without, with)
		ratios := r.ratios()
		fmt.Fprintf(&text, "%-24s  %6.1f  %6.1f  %.3f (%.2f to %.2f)\n", s.name,
			medianOf(r.bare, cost.perRequest), medianOf(r.claimd, cost.perRequest), r.ratio(), ratios[0], ratios[len(ratios)-1])
		if *long && s.goal > 0 && r.ratio() > s.goal {
			problems = append(problems, fmt.Errorf("%s: want at most %.2f, got %.3f", s.name, s.goal, r.ratio()))
		}
	}
	fmt.Printf("the directory of users:   without  with, µs/request  ratio (spread)\n%s", text.String())
	if err := errors.Join(problems...); err != nil {
		t.Error(err)
	}
}
