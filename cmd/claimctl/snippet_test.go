package main

import (
	"bytes"
	"os"
	"path/filepath"
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
