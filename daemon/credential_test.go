package daemon

import (
	"context"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/config"
)

// A reload reads what systemd put there at the start, and refuses one that is not there. What check says in the unit
// has the hash that status shows.
func TestTheDaemonReadsCredentials(t *testing.T) {
	s := newSite(t)
	s.credentials = filepath.Join(s.dir, "credentials")
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	mustDo(t, os.Mkdir(s.credentials, 0o700), os.WriteFile(s.credentials+"/ca", root, 0o400))
	with := func(name string) string { return s.toml() + "[outbound]\nca_file = \"credential:" + name + "\"\n" }
	s.write(with("ca"))
	s.start()
	s.wantAnswer(s.token(), adaAnalyst)
	status := s.status()
	if last := status.Files[len(status.Files)-1]; last.Path != "credential:ca" || len(last.SHA256) != 64 {
		t.Errorf("status shows %v last", last)
	}
	loaded, err := Load(s.config, config.ReadOptions{Credentials: s.credentials, Outside: true})
	if err != nil || loaded.Tree.Hash() != status.Hash {
		t.Errorf("check in the unit: got %v, want the hash that status shows", err)
	}

	s.write(with("other"))
	result, err := s.admin.Reload(context.Background())
	const want = "outbound.ca_file: want the credential other from systemd, got none of that name"
	if err != nil || result.OK || !strings.Contains(result.Faults.Error(), want) {
		t.Errorf("got %+v, %v", result, err)
	}
	s.wantAnswer(s.token(), adaAnalyst)
}
