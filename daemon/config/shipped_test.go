package config

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/claimd/claimd/mapping"
)

const etc = "../../etc"

func shipped(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(etc, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// uncommented takes the # from every line that begins with one and no blank: those are settings. Where there is a
// [[route]], the door for gateways needs to know the original request, which it does not by default.
func uncommented(text string) string {
	text = regexp.MustCompile(`(?m)^#(\S)`).ReplaceAllString(text, "$1")
	return strings.NewReplacer(`original_request = "none"`, `original_request = "x-original"`, "trusted_proxies = []", `trusted_proxies = ["unix"]`).Replace(text)
}

// TestTheShippedFileDeniesEverything: as it is installed, it is a sound configuration that lets nobody in.
func TestTheShippedFileDeniesEverything(t *testing.T) {
	text := shipped(t, "claimd/claimd.toml")
	if got := parsed(t, text); !reflect.DeepEqual(got, defaults()) {
		t.Errorf("got %+v", got)
	}
	for i, line := range strings.Split(text, "\n") {
		if line != "" && !strings.HasPrefix(line, "#") {
			t.Errorf("line %d is not commented out: %s", i+1, line)
		}
	}
}

// TestTheShippedFileHoldsTheDefaults takes all comments away from settings. Then what is said to be a default must be
// one: the file without those lines must come to the same.
func TestTheShippedFileHoldsTheDefaults(t *testing.T) {
	text := uncommented(shipped(t, "claimd/claimd.toml"))
	config, faults := treeOf(text).Parse()
	if faults.Refuse() {
		t.Fatal(told(faults))
	}
	if _, faults := mapping.Compile(config.Rules()); refuses(faults) {
		t.Errorf("got %v", faults)
	}
	samples, sample := []string{}, false
	for line := range strings.SplitSeq(text, "\n") {
		isText := strings.HasPrefix(line, "#")
		if isText || strings.HasPrefix(line, "[") || sample {
			samples = append(samples, line)
		}
		if isText {
			sample = strings.HasSuffix(line, "(Sample.)")
		}
	}
	want, _ := treeOf(strings.Join(samples, "\n")).Parse()
	if want.Server.OriginalRequest != OriginalNone || want.Server.TrustedProxies.Unix {
		t.Errorf("got %+v", want.Server)
	}
	config.Server.OriginalRequest, config.Server.TrustedProxies = want.Server.OriginalRequest, want.Server.TrustedProxies
	config.Routes[0].Place = want.Routes[0].Place
	// Empty lists that are written are no nil, and stand for the same.
	if got, want := plainConfig(config), plainConfig(want); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// plainConfig makes nil of every empty list in a Config.
func plainConfig(config *Config) *Config {
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			walk(v.Elem())
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Field(i).CanSet() {
					walk(v.Field(i))
				}
			}
		case reflect.Slice:
			if v.Len() == 0 {
				v.SetZero()
			}
			for i := range v.Len() {
				walk(v.Index(i))
			}
		}
	}
	walk(reflect.ValueOf(config))
	return config
}

// TestTheShippedFileHasEveryKey: what the parser knows and the manual does not name is a secret.
func TestTheShippedFileHasEveryKey(t *testing.T) {
	root, _, _ := treeOf(uncommented(shipped(t, "claimd/claimd.toml"))).merged()
	check := &checker{root: root, whole: true}
	check.config(nil)
	for _, table := range check.tables {
		for _, key := range table.known {
			_, written := table.node.table[key]
			if !written {
				t.Errorf("%s stands in no line", KeyPath(append(table.path, key)))
			}
		}
	}
	if len(check.tables) < 15 {
		t.Errorf("got %d tables only", len(check.tables))
	}
}

// TestEveryKeyOfTheShippedFileHasItsLine: a line of text stands before each setting, and tables stand apart.
func TestEveryKeyOfTheShippedFileHasItsLine(t *testing.T) {
	lines := strings.Split(shipped(t, "claimd/claimd.toml"), "\n")
	for i, line := range lines {
		isSetting := len(line) > 1 && line[1] != ' '
		if isSetting && line[1] != '[' && !strings.HasPrefix(lines[i-1], "# ") {
			t.Errorf("line %d has no text before it: %s", i+1, line)
		}
	}
}

// TestTheExamplesLoad loads what administrators are to write first.
func TestTheExamplesLoad(t *testing.T) {
	tests := map[string]struct {
		providers, groups, roles, users, accounts int
		notices                                   []string // the keys that mapping has something to say about
	}{
		"one-tenant-nginx": {1, 12, 2, 0, 0, nil},
		"two-tenants":      {2, 2, 2, 1, 1, nil},
		"jumpcloud":        {1, 2, 0, 0, 0, nil},
		"introspection":    {1, 1, 1, 0, 0, nil},
		"eclecticiq":       {1, 4, 3, 0, 0, []string{"provider.azure.admin_group", "mapping.default_groups"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			config, faults := treeOf(shipped(t, "examples/"+name+".toml")).Parse()
			for _, fault := range faults {
				isExample, byUserinfo := fault.Problem == "is the GUID of an example", strings.HasPrefix(fault.Problem, "names no audience: ")
				if !fault.Notice || !isExample && !byUserinfo {
					t.Error(fault, fault.Hint)
				}
			}
			if len(faults) == 0 && name != "introspection" { // which has no GUID
				t.Error("nothing says that the GUIDs are an example's")
			}
			counts := []int{len(config.Providers), len(config.Groups), len(config.Roles), len(config.Users), len(config.ServiceAccounts)}
			if want := []int{test.providers, test.groups, test.roles, test.users, test.accounts}; !config.Enabled || !slices.Equal(counts, want) {
				t.Errorf("got %v, want %v", counts, want)
			}
			policy, compiled := mapping.Compile(config.Rules())
			var notices []string
			for _, fault := range compiled {
				notices = append(notices, KeyPath(fault.Path))
			}
			if policy == nil || refuses(compiled) || !slices.Equal(notices, test.notices) {
				t.Errorf("got %v", compiled)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join(etc, "examples", "*.toml"))
	if err != nil || len(files) != len(tests) {
		t.Errorf("got the examples %q, of which %d are loaded here", files, len(tests))
	}
}

func refuses(faults []mapping.Fault) bool {
	return slices.ContainsFunc(faults, func(f mapping.Fault) bool { return !f.Notice })
}

// TestTheExamplesGUIDsAreKnown: whoever runs with one of them has not edited the file.
func TestTheExamplesGUIDsAreKnown(t *testing.T) {
	guid := regexp.MustCompile(`[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)
	files, err := filepath.Glob(filepath.Join(etc, "*", "*.toml"))
	if err != nil || len(files) < 4 {
		t.Fatalf("got %q, %v", files, err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		for _, found := range guid.FindAllString(shipped(t, strings.TrimPrefix(file, etc+"/")), -1) {
			seen[found] = true
			if !slices.Contains(exampleGUIDs, found) {
				t.Errorf("%s: %s is not known as an example's", file, found)
			}
		}
	}
	for _, known := range exampleGUIDs {
		if !seen[known] {
			t.Errorf("%s stands in no example", known)
		}
	}
}
