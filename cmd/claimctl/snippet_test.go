package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claimd/claimd/etc/gateways"
)

// TestSnippetPrintsTheShippedFilesByteForByte, where the configuration has nothing of its own: what people read in
// /usr/share/doc and what they paste is one text.
func TestSnippetPrintsTheShippedFilesByteForByte(t *testing.T) {
	folder := t.TempDir()
	config := filepath.Join(folder, "claimd.toml")
	text := "[proxy]\nlisten = [\"127.0.0.1:4181\"]\nupstream = \"http://127.0.0.1:8081\"\n"
	if err := os.Chmod(folder, 0o700); err != nil { // whatever the umask
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, gateway := range gateways.All() {
		for _, file := range gateway.Files {
			want, err := os.ReadFile(filepath.Join("../../etc/gateways", file))
			if err != nil {
				t.Fatal(err)
			}
			var stdout, stderr bytes.Buffer
			tool := &tool{service: "nobody-has-this-name", stdout: &stdout, stderr: &stderr}
			root := tool.rootCommand()
			root.SetArgs([]string{"snippet", gateway.Name, file, "--config", config})
			if code := tool.report(root.ExecuteContext(t.Context())); code != exitYes || stdout.String() != string(want) {
				t.Errorf("%s %s: exit status %d, %s\n%s", gateway.Name, file, code, stderr.String(), stdout.String())
			}
		}
	}
}

// While claimd.socket is in use, claimd does not listen where `listen` says, and whoever is on the host may: a gateway that
// asks there would be let in by him. The file for nginx named 127.0.0.1:4180, and nothing warned of it.
func TestSnippetWarnsOfAnAddressThatTheSocketUnitReplaces(t *testing.T) {
	folder := t.TempDir()
	config, socket := filepath.Join(folder, "claimd.toml"), filepath.Join(folder, "s")
	if err := os.Chmod(folder, 0o700); err != nil { // whatever the umask
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte("enabled = false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for arguments, want := range map[string]string{
		"nginx --api a:1":                         "claimctl: note: claimd.socket is in use, so claimd listens at 127.0.0.1:4180 only if that unit names it: --claimd unix:" + socket + "\n",
		"nginx --api a:1 --claimd unix:" + socket: "",
		"traefik --api a:1": "claimctl: note: claimd.socket is in use, so claimd listens at 127.0.0.1:4180 only if that unit names it: " +
			"a drop-in with ListenStream=127.0.0.1:4180\n",
	} {
		var stdout, stderr bytes.Buffer
		tool := &tool{service: "nobody-has-this-name", gatewaySocket: socket, stdout: &stdout, stderr: &stderr}
		root := tool.rootCommand()
		root.SetArgs(append([]string{"snippet", "--config", config}, strings.Fields(arguments)...))
		if code := tool.report(root.ExecuteContext(t.Context())); code != exitYes || stderr.String() != want {
			t.Errorf("%s: exit status %d, want %q, got %q", arguments, code, want, stderr.String())
		}
	}
}
