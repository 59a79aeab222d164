package daemon_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/claimd/claimd"

// order is the order of the imports: a package may import only what stands before it.
var order = []string{
	"mapping", "daemon/reason", "daemon/entra", "etc/gateways", "daemon/config", "daemon/keys", "daemon/token", "daemon/opaque",
	"daemon/directory", "daemon/graph", "daemon/access", "daemon/gateway", "daemon/proxy", "daemon/admin",
	"daemon/metrics", "daemon", "cmd",
}

// owners names, for each third-party module, the packages that may import it, and why it is there.
var owners = map[string]struct {
	packages []string
	why      string
}{
	"github.com/BurntSushi/toml":          {[]string{"daemon/config", "daemon/entratest"}, "the configuration's format; the fake tenant's file has it too"},
	"github.com/MicahParks/keyfunc/v3":    {[]string{"daemon/keys"}, "JWK to public key"},
	"github.com/golang-jwt/jwt/v5":        {[]string{"daemon/keys", "daemon/token", "daemon/entratest"}, "signatures"},
	"github.com/go-json-experiment/json":  {[]string{"daemon/keys", "daemon/token", "daemon/opaque"}, "strict JSON: no duplicates, no bad UTF-8; of documents, tokens, and what a provider says of one"},
	"github.com/jackc/pgx/v5":             {[]string{"daemon/directory", "daemon/postgrestest"}, "PostgreSQL"},
	"modernc.org/sqlite":                  {[]string{"daemon/directory"}, "SQLite without C"},
	"github.com/maypok86/otter/v2":        {[]string{"daemon/access", "daemon/directory", "daemon/graph"}, "verified identities, bounded in bytes; what was written last of a user; Graph's answers"},
	"github.com/fsnotify/fsnotify":        {[]string{"daemon"}, "the reload loop's alarm clock"},
	"github.com/coreos/go-systemd/v22":    {[]string{"daemon"}, "the talk with systemd"},
	"github.com/spf13/cobra":              {[]string{"cmd/claimd", "cmd/claimctl", "cmd/fakeentra"}, "commands and flags"},
	"github.com/prometheus/client_golang": {[]string{"daemon/metrics"}, "the format that metrics are scraped in"},
	"golang.org/x/text":                   {[]string{"daemon/config"}, "Unicode normal forms, for hints"},
	"golang.org/x/sys":                    {nil, "peer credentials, terminals: whoever speaks to the kernel"},
	"golang.org/x/net":                    {[]string{"daemon/config", "daemon/access"}, "what is a valid header name, or method"},
	"golang.org/x/oauth2":                 {[]string{"cmd/claimctl"}, "test-access at providers that are not Entra ID: device code, authorization code with PKCE, client credentials"},
	"golang.org/x/sync":                   {nil, "semaphores and single flights"},
	"golang.org/x/time":                   {[]string{"daemon/keys"}, "the limit on fetches"},
	"go.uber.org/zap":                     {nil, "the log is everyone's but mapping's, reason's and entra's"},

	"github.com/AzureAD/microsoft-authentication-library-for-go": {[]string{"daemon/graph", "cmd/claimctl"}, "tokens for Microsoft Graph, and for test-access"},
}

// pure packages import the standard library only, and none of these of it.
var pure = map[string][]string{
	"mapping":       {"os", "net", "net/http", "time", "log", "log/slog", "context"},
	"daemon/reason": {"os", "net", "net/http", "time", "log", "log/slog", "context"},
	"daemon/entra":  {"os", "net", "net/http", "time", "log", "log/slog", "context"},
	// For tests alone.
	"daemon/vectors": {"net", "net/http", "os/exec"},
}

type listed struct {
	ImportPath string
	Name       string
	Doc        string
	Imports    []string
	Deps       []string
	GoFiles    []string
	Dir        string
}

// TestImportsKeepTheOrderOfTheHouse holds the one order of imports, the owners of third-party libraries, and what
// the pure packages may know.
func TestImportsKeepTheOrderOfTheHouse(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		for _, imported := range p.Imports {
			checkImport(t, name, imported)
		}
	}
}

func checkImport(t *testing.T, name, imported string) {
	t.Helper()
	if slices.Contains(pure[name], imported) {
		t.Errorf("%s imports %s: it is pure", name, imported)
	}
	if inner, ok := strings.CutPrefix(imported, module+"/"); ok {
		switch {
		case name == "daemon/entratest":
			if inner != "daemon/entra" {
				t.Errorf("%s imports %s: the fake tenant shares nothing with what it tests but the names of Entra", name, inner)
			}
		case name == "daemon/vectors":
			t.Errorf("%s imports %s: it finds test data and knows nothing of claimd", name, inner)
		case name == "daemon/postgrestest":
			t.Errorf("%s imports %s: it starts a database and knows nothing of claimd", name, inner)
		case inner == "daemon/postgrestest":
			t.Errorf("%s imports %s: only tests start a database", name, inner)
		case name == "daemon/oidctest":
			t.Errorf("%s imports %s: the providers of others share nothing with what they test", name, inner)
		case inner == "daemon/oidctest":
			t.Errorf("%s imports %s: only tests start the providers of others", name, inner)
		case inner == "daemon/vectors":
			t.Errorf("%s imports %s: only tests read test data", name, inner)
		case inner == "daemon/entratest":
			if name != "cmd/fakeentra" {
				t.Errorf("%s imports %s: the fake tenant never reaches the shipped programs", name, inner)
			}
		case strings.HasPrefix(inner, "cmd/claimctl/") && strings.HasPrefix(name, "cmd/claimctl"):
			// The tool's own rooms; the compiler finds cycles among them.
		case rank(t, inner) >= rank(t, name):
			t.Errorf("%s imports %s: it stands after it in the order of the house", name, inner)
		}
		return
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return // the standard library
	}
	if _, ok := pure[name]; ok {
		t.Errorf("%s imports %s: it imports the standard library only", name, imported)
	}
	for path, owner := range owners {
		if imported == path || strings.HasPrefix(imported, path+"/") {
			if owner.packages != nil && !slices.Contains(owner.packages, name) {
				t.Errorf("%s imports %s, which belongs to %v: %s", name, imported, owner.packages, owner.why)
			}
			return
		}
	}
	t.Errorf("%s imports %s: no owner is named for it", name, imported)
}

func rank(t *testing.T, name string) int {
	t.Helper()
	if strings.HasPrefix(name, "cmd/") {
		name = "cmd"
	}
	i := slices.Index(order, name)
	if i < 0 {
		t.Fatalf("package %s has no place in the order of the house", name)
	}
	return i
}

// TestShippedProgramsHoldNothingOfTheTests: a build of claimd or claimctl that linked the fake tenant would be one flag
// away from trusting it; and where test data lies is the tests' affair alone, fakeentra included.
func TestShippedProgramsHoldNothingOfTheTests(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != module+"/cmd/fakeentra" && slices.Contains(p.Deps, module+"/daemon/entratest") {
			t.Errorf("%s depends on daemon/entratest", p.ImportPath)
		}
		for _, room := range []string{"daemon/vectors", "daemon/postgrestest", "daemon/oidctest"} {
			if slices.Contains(p.Deps, module+"/"+room) {
				t.Errorf("%s depends on %s", p.ImportPath, room)
			}
		}
	}
}

// TestEveryPackageSaysWhatItIs: one noun, one comment.
func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// TestNoFileRunsBeforeMain: constructors take what they need, so no package has an init function.
func TestNoFileRunsBeforeMain(t *testing.T) {
	for _, p := range packages(t) {
		for _, file := range p.GoFiles {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, decl := range parsed.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s/%s has an init function", p.ImportPath, file)
				}
			}
		}
	}
}

func packages(t *testing.T) []listed {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list", "-deps=false", "-json=ImportPath,Name,Doc,Imports,Deps,GoFiles,Dir", "./...")
	command.Dir = ".."
	out, err := command.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %s", exit.Stderr)
		}
		t.Fatal(err)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
