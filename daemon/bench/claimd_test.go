package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/admin"
)

// serveClaimd plays claimd in the short form, where building the program would take longer than the test.
func serveClaimd(config string) error {
	return daemon.Run(context.Background(), daemon.Options{ConfigPath: config, Version: "test"})
}

// startClaimd starts claimd as a process of its own, with a real configuration of the tenant, and waits for its keys.
func startClaimd(t *testing.T, d *tenant) *server {
	t.Helper()
	dir, err := os.MkdirTemp("", "claimd") // not t.TempDir: a unix socket's path has room for 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket, file := filepath.Join(dir, "run", "admin.sock"), filepath.Join(dir, "claimd.toml")
	if err := errors.Join(os.Mkdir(filepath.Dir(socket), 0o700), os.WriteFile(file, []byte(d.config(dir, socket)), 0o600)); err != nil {
		t.Fatal(err)
	}
	command := claimdCommand(t, dir, file)
	log := new(strings.Builder)
	command.Stderr = log
	start(t, command)
	s := &server{name: "claimd", pid: command.Process.Pid}
	client := admin.NewClient(socket)
	for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); time.Sleep(10 * time.Millisecond) {
		status, err := client.Status(t.Context())
		if err == nil && status.Ready && status.Providers[0].Documents[1].Live {
			s.address, s.socket = status.Listeners[0].Address, filepath.Join(dir, "server.sock")
			return s
		}
	}
	t.Fatalf("claimd is not ready after 20 seconds:\n%s", log)
	return nil
}

// claimdCommand gives the program as it is shipped, built without the race detector; in the short form this binary.
func claimdCommand(t *testing.T, dir, file string) *exec.Cmd {
	t.Helper()
	if !*long {
		command := exec.CommandContext(t.Context(), os.Args[0], file)
		command.Env = append(os.Environ(), roleVariable+"=claimd")
		return command
	}
	program := filepath.Join(dir, "claimd")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", program,
		"github.com/claimd/claimd/cmd/claimd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return exec.CommandContext(t.Context(), program, "--config", file)
}

// config is claimd.toml: the tenant's groups that are local, and else what is usual.
func (d *tenant) config(dir, socket string) string {
	var groups strings.Builder
	for _, id := range d.groups[:localGroups] {
		fmt.Fprintf(&groups, "%s = \"\"\n", id)
	}
	return `enabled = true
[provider.contoso]
tenant_id = "` + tenantID + `"
application_id = "` + apiID + `"
client_application_ids = ["` + clientID + `"]
authority = "` + d.URL() + `"
[server]
listen = ["127.0.0.1:0", "unix:` + dir + `/server.sock"]
[admin]
socket = "` + socket + `"
[state]
directory = "` + dir + `/state"
[groups]
` + groups.String()
}
