package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/keys"
)

// loadFiles writes the files (name -> text) into a folder, loads claimd.toml there and gives every line of the faults,
// with the folder's path cut off, and the Loaded.
func loadFiles(t *testing.T, files map[string]string) (*Loaded, []string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		mustDo(t, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600))
	}
	loaded, err := Load(filepath.Join(dir, "claimd.toml"), config.ReadOptions{})
	var lines []string
	faults, ok := errors.AsType[config.Faults](err)
	if err != nil && !ok {
		t.Fatalf("got %v, want faults", err)
	}
	for _, fault := range faults {
		if !fault.Notice {
			lines = append(lines, strings.ReplaceAll(fault.String(), dir+"/", ""))
		}
	}
	return loaded, lines
}

const soundProvider = `enabled = true
[provider.contoso]
tenant_id = "d86ca749-105f-4f0a-a4f2-89c5ef275c2e"
application_id = "17e1e12b-3908-4782-b7ca-f01bec2bd750"
client_application_ids = ["36a0427c-4ca6-4bb6-afe2-804a729f14a1"]
`

// The faults of all stages come at once, in the order of files and lines: of reading, of parsing, of compiling the
// rules, and of [outbound].
func TestLoadTellsEveryFaultInOrder(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	mustDo(t, os.WriteFile(ca, []byte("no certificate"), 0o600))
	loaded, got := loadFiles(t, map[string]string{
		"claimd.toml": soundProvider + "[outbound]\nca_file = \"" + ca + "\"\n[mapping]\ndefault_groups = [\"Analists\"]\n",
		"conf.d/10.toml": `[groups]
Analysts = ""
[rolls]
`,
	})
	if loaded != nil {
		t.Error("there is a Loaded beside faults")
	}
	want := []string{
		"claimd.toml:7: outbound.ca_file: ",
		"claimd.toml:9: mapping.default_groups[0]: want a group that stands under [groups], got \"Analists\"",
		"conf.d/10.toml:3: rolls: ",
	}
	if len(got) != len(want) {
		t.Fatalf("got %q\nwant %q", got, want)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
}

// A [[user]] without its provider was told twice, once as missing and once as no provider's name, and a placeholder
// once as that and once as no GUID. One mistake is one fault; another one at the same user is told beside it.
func TestOneMistakeIsOneFault(t *testing.T) {
	_, got := loadFiles(t, map[string]string{
		"claimd.toml": soundProvider + `[provider.fabrikam]
tenant_id = "2b64fd6c-0d2c-4f3b-9a7e-55c1d6c0a0f1"
application_id = "5a1b7c7e-3f0d-4a52-8f2e-9d1c6b7a8e90"
client_application_ids = []
user_prefix = "fab:"
[[user]]
id = "690222be-ff1a-4d56-abd1-7e4f7d38e474"
groups = ["Analists"]
[[service_account]]
provider = "contoso"
object_id = "..."
groups = []
`})
	want := []string{
		"claimd.toml:11: user[0].provider: is missing: want one of the 2 providers",
		"claimd.toml:13: user[0].groups[0]: want a group that stands under [groups], got \"Analists\"",
		"claimd.toml:16: service_account[0].object_id: want a GUID of your own, got the placeholder \"...\"",
		"claimd.toml:17: service_account[0].groups: want at least one local group, got none",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A file of conf.d cannot be read. What stands in it is not called dangling where others name it; what is wrong in the
// others is told all the same.
func TestLoadTellsWhatItCanBesideAFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	mustDo(t, os.Mkdir(dir+"/conf.d", 0o700),
		os.WriteFile(dir+"/claimd.toml", []byte(soundProvider+"[mapping]\ndefault_groups = [\"Analysts\"]\ncase_sensitive = 1\n"), 0o600),
		os.WriteFile(dir+"/conf.d/10.toml", []byte("[groups]\nAnalysts = \"\"\n"), 0o600),
		os.Chmod(dir+"/conf.d/10.toml", 0o666))
	_, err := Load(dir+"/claimd.toml", config.ReadOptions{})
	got := strings.Split(strings.ReplaceAll(errorText(err), dir+"/", ""), "\n")
	if len(got) < 2 || !strings.HasPrefix(got[0], "claimd.toml:8: mapping.case_sensitive: ") || strings.Contains(errorText(err), "Analysts") {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(errorText(err), "conf.d/10.toml: want it writable by its owner only, got mode 0666") {
		t.Errorf("got %q", got)
	}
}

// Package config judges [outbound] by itself; what the client of the keys refuses beyond that has its place too.
func TestWhatTheClientRefusesIsLocated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "claimd.toml")
	mustDo(t, os.WriteFile(path, []byte("# nothing yet\n[outbound]\nproxy = \"\"\nca_file = \"\"\n"), 0o600))
	tree, _ := config.Read(path, config.ReadOptions{})
	tests := []struct {
		outbound config.Outbound
		want     string
	}{
		{config.Outbound{Proxy: "x"}, path + `:3: outbound.proxy: want http://host:port, got "x"`},
		{config.Outbound{CA: []byte("x")}, path + ":4: outbound.ca_file: want at least one certificate in PEM form, got none"},
	}
	for _, test := range tests {
		loaded := Loaded{Tree: tree, Config: &config.Config{Outbound: test.outbound}}
		fault, ok := loaded.openClient()
		if ok || fault.String() != test.want {
			t.Errorf("got  %s\nwant %s", fault, test.want)
		}
	}
}

func TestWrongOutboundIsToldOnce(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	mustDo(t, os.WriteFile(ca, []byte("no certificate"), 0o600))
	for _, test := range []struct{ outbound, want string }{
		{`proxy = "http://proxy.example"`, "claimd.toml:7: outbound.proxy: "},
		{`ca_file = "` + ca + `"`, "claimd.toml:7: outbound.ca_file: "},
	} {
		_, got := loadFiles(t, map[string]string{"claimd.toml": soundProvider + "[outbound]\n" + test.outbound + "\n"})
		if len(got) != 1 || !strings.HasPrefix(got[0], test.want) {
			t.Errorf("%s: got %q\nwant %s", test.outbound, got, test.want)
		}
	}
}

func TestLoadKeepsNotices(t *testing.T) {
	loaded, faults := loadFiles(t, map[string]string{"claimd.toml": soundProvider + "[mapping]\ncase_sensitive = false\n[groups]\nAnalysts = \"\"\n"})
	if faults != nil {
		t.Fatalf("faults %q", faults)
	}
	if loaded.Notices.Refuse() || len(loaded.Notices) == 0 {
		t.Errorf("notices %q", loaded.Notices)
	}
	for _, notice := range loaded.Notices {
		if notice.File == "" || notice.Key == "" {
			t.Errorf("a notice of no place: %+v", notice)
		}
	}
}

func TestLoadTakesCommentsAloneForDisabled(t *testing.T) {
	loaded, faults := loadFiles(t, map[string]string{"claimd.toml": "# nothing yet\n"})
	if faults != nil || loaded.Config.Enabled {
		t.Fatalf("faults %q", faults)
	}
	ring := keys.NewRing(keys.Options{})
	defer ring.Close()
	if providers := loaded.Open(ring); len(providers) != 0 {
		t.Errorf("%d providers", len(providers))
	}
	if snapshot := loaded.Snapshot(nil, 7); snapshot.Generation() != 7 || snapshot.Ready() {
		t.Error("the snapshot is ready")
	}
}

func TestTheSourceOfKeysHasTheCloudsIssuersUnlessAnAuthorityIsSet(t *testing.T) {
	cloud, _ := entra.CloudByName("usgov")
	provider := config.Provider{Name: "contoso", TenantID: "tid", ApplicationID: "app", Cloud: cloud}
	want := keys.Source{
		Name: "contoso", Authority: "https://login.microsoftonline.us", Tenant: "tid", ApplicationID: "app",
		IssuerV1: "https://sts.windows.net/tid/", IssuerV2: "https://login.microsoftonline.us/tid/v2.0", GraphHost: "graph.microsoft.us",
		CloudInstance: "microsoftonline.us",
	}
	if got := source(&provider); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	provider.Authority = "http://127.0.0.1:4190"
	want = keys.Source{Name: "contoso", Authority: "http://127.0.0.1:4190", Tenant: "tid", ApplicationID: "app"}
	if got := source(&provider); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestFaultsComeInOrderAndOnce(t *testing.T) {
	fault := func(file string, line int, problem string) config.Fault {
		return config.Fault{File: file, Line: line, Problem: problem}
	}
	got := inOrder(config.Faults{
		fault("a/conf.d/10.toml", 1, "x"), fault("z.toml", 9, "b"), fault("z.toml", 2, "x"), fault("z.toml", 9, "a"),
		fault("a/conf.d/10.toml", 0, "x"), fault("z.toml", 9, "b"),
	}, "z.toml")
	want := "z.toml:2: x\nz.toml:9: b\nz.toml:9: a\na/conf.d/10.toml: x\na/conf.d/10.toml:1: x"
	if got.Error() != want {
		t.Errorf("got\n%s\nwant\n%s", got.Error(), want)
	}
}
