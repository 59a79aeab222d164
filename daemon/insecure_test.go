package daemon_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// FAULTS 182 (GHSA-q926-c743-49qj) and 49: what somebody can switch off is switched off one day, on a Friday. There is
// no switch for the signature, TLS, the audience or the issuer, and nothing follows the proxy of whoever started claimd.
func TestNoCodeSwitchesACheckOff(t *testing.T) {
	forbidden := map[string]string{
		"InsecureSkipVerify":           "TLS without a check of the certificate",
		"VerifyPeerCertificate":        "a check of the certificate of one's own",
		"ParseUnverified":              "a token without its signature",
		"UnsafeAllowNoneSignatureType": "a token without a signature",
		"WithoutClaimsValidation":      "a token without its times",
		"ProxyFromEnvironment":         "the environment decides where requests go",
		"DefaultTransport":             "its proxy is the environment's, and it has no limits",
		"DefaultClient":                "its proxy is the environment's, and it has no limits",
	}
	worded := regexp.MustCompile(`(?i)insecure|(skip|no|without|disable)[-_ ]?(tls|ssl|signature|issuer|audience)?[-_]?(verif|valid|check)`)
	count := 0
	for _, p := range packages(t) {
		for _, file := range p.GoFiles {
			count++
			files := token.NewFileSet()
			parsed, err := parser.ParseFile(files, filepath.Join(p.Dir, file), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.Ident:
					if why, ok := forbidden[n.Name]; ok {
						t.Errorf("%s: %s: %s", files.Position(n.Pos()), n.Name, why)
					}
				case *ast.BasicLit:
					if n.Kind == token.STRING && worded.MatchString(n.Value) {
						t.Errorf("%s: %s reads like a switch for a check", files.Position(n.Pos()), n.Value)
					}
				}
				return true
			})
		}
	}
	if count < 100 {
		t.Errorf("%d files were read, want all", count)
	}
	for _, flag := range []string{"insecure-skip-verify", "skip_tls_verify", "no-verify", "disable_issuer_check", "skip-audience-validation"} {
		if !worded.MatchString(flag) {
			t.Errorf("the search does not find %q", flag)
		}
	}
}

// FAULTS 181: what makes a debug door of any server that is linked with it is not linked. expvar is, by the library that
// writes metrics; it opens its door on net/http's own ServeMux, which no server of claimd's serves.
func TestShippedProgramsHoldNoDebugDoor(t *testing.T) {
	for _, p := range packages(t) {
		for _, door := range []string{"net/http/pprof", "golang.org/x/net/trace"} {
			if slices.Contains(p.Deps, door) {
				t.Errorf("%s depends on %s", p.ImportPath, door)
			}
		}
		if slices.Contains(p.Imports, "expvar") {
			t.Errorf("%s imports expvar", p.ImportPath)
		}
		for _, file := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			if found := defaultMux.Find(text); found != nil {
				t.Errorf("%s/%s: %s: it serves net/http's own ServeMux", p.ImportPath, file, found)
			}
		}
	}
}

var defaultMux = regexp.MustCompile(`DefaultServeMux|\bhttp\.(Handle|HandleFunc|ListenAndServe|ListenAndServeTLS)\(`)

// FAULTS 160: judging one request may break, and costs that request. A background loop that breaks has left something
// half done: nothing catches its panic, the process ends and is started anew.
func TestOnlyTheGateAndItsFrontOutliveAPanic(t *testing.T) {
	var found []string
	for _, p := range packages(t) {
		for _, file := range p.GoFiles {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					if name, ok := call.Fun.(*ast.Ident); ok && name.Name == "recover" {
						found = append(found, strings.TrimPrefix(p.ImportPath, module+"/")+"/"+file)
					}
				}
				return true
			})
		}
	}
	// Recall lets Decide break again, and tell; the front stands where net/http does, which outlives a panic too.
	if want := []string{"daemon/access/gate.go", "daemon/access/recall.go", "daemon/gateway/frontloop.go"}; !slices.Equal(found, want) {
		t.Errorf("panics are caught in %q, want %q", found, want)
	}
}

// FAULTS 4 (CVE-2024-28180, CVE-2025-63811): a token that has to be decrypted can be a bomb. None is, as no code for it
// is linked.
func TestShippedProgramsCannotDecryptTokens(t *testing.T) {
	encrypting := regexp.MustCompile(`jose|/jwx|/jwe`)
	if !encrypting.MatchString("github.com/go-jose/go-jose/v4") {
		t.Error("the search does not find go-jose")
	}
	for _, p := range packages(t) {
		for _, dependency := range p.Deps {
			if encrypting.MatchString(dependency) {
				t.Errorf("%s depends on %s", p.ImportPath, dependency)
			}
		}
	}
}
