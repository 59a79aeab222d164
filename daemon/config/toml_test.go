package config

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/vectors"
)

// FAULTS 129: a TOML library lets tables pass that are written twice, and takes one of the two. toml-test is the
// collection by which TOML's readers are judged; here it judges what claimd does before it looks at any key.

// tomlTests is toml-test's folder, with its lists of the files that TOML 1.0 and 1.1 allow or forbid.
type tomlTests struct {
	dir      string
	old, now []string // names as valid/a/b.toml
}

func readTOMLTests(t *testing.T) tomlTests {
	t.Helper()
	dir := filepath.Join(vectors.Dir(t), "toml-test", "tests")
	list := func(version string) []string {
		text, err := os.ReadFile(filepath.Join(dir, "files-toml-"+version))
		must(t, err)
		return slices.DeleteFunc(strings.Fields(string(text)), func(name string) bool { return filepath.Ext(name) != ".toml" })
	}
	return tomlTests{dir: dir, old: list("1.0.0"), now: list("1.1.0")}
}

// decode reads one file of the collection as claimd does.
func (all tomlTests) decode(t *testing.T, name string) (*node, Faults) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(all.dir, name))
	must(t, err)
	root, faults := decode(newFile("x.toml", text))
	if (root == nil) != (len(faults) > 0) {
		t.Errorf("%s: got %v beside %v", name, root, faults)
	}
	for _, fault := range faults {
		if lines := 1 + strings.Count(string(text), "\n"); fault.Line < 1 || fault.Line > lines || fault.Notice {
			t.Errorf("%s: a fault that stands nowhere among %d lines: %v", name, lines, fault)
		}
	}
	return root, faults
}

func only(kind string, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.HasPrefix(name, kind+"/") })
}

// TestEveryFileThatIsNoTOMLIsRefused takes what either version forbids: claimd reads what both allow.
func TestEveryFileThatIsNoTOMLIsRefused(t *testing.T) {
	all := readTOMLTests(t)
	old, now := only("invalid", all.old), only("invalid", all.now)
	if len(old) != 499 || len(now) != 492 {
		t.Errorf("got %d and %d files that TOML 1.0 and 1.1 forbid, want 499 and 492", len(old), len(now))
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(old, now)))) {
		if root, _ := all.decode(t, name); root != nil {
			t.Errorf("%s passes", name)
		}
	}
}

// TestEveryFileOfTOMLIsReadAsItIsMeant: all that TOML 1.0 allows but one thing passes, and has the values that toml-test
// says.
func TestEveryFileOfTOMLIsReadAsItIsMeant(t *testing.T) {
	// Of an empty key in nested values the library loses a level: it reads [[{"" = 2}]] as [{"" = 2}].
	refused := map[string]string{"valid/key/empty-04.toml": "x.toml:4: want TOML that can be read in one way only\n"}
	all := readTOMLTests(t)
	names := only("valid", all.old)
	if len(names) != 210 {
		t.Errorf("got %d files that TOML 1.0 allows, want 210", len(names))
	}
	for _, name := range names {
		root, faults := all.decode(t, name)
		if got := told(faults); got != refused[name] {
			t.Errorf("%s: got %q, want %q", name, got, refused[name])
		}
		if root == nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join(all.dir, strings.TrimSuffix(name, ".toml")+".json"))
		must(t, err)
		var want any
		must(t, json.Unmarshal(text, &want))
		if key, same := sameTOML(plainValue(root), want); !same {
			t.Errorf("%s: %s is read as something else", name, key)
		}
	}
}

// sameTOML compares a value with toml-test's form of it, {"type": "integer", "value": "1"}, and names the first key that
// differs. Floats and times, which no key of claimd takes, are not compared.
func sameTOML(got, want any) (key string, same bool) {
	switch want := want.(type) {
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			return "", false
		}
		for i := range want {
			if key, same := sameTOML(got[i], want[i]); !same {
				return "[" + strconv.Itoa(i) + "]" + key, false
			}
		}
		return "", true
	case map[string]any:
		kind, isText := want["type"].(string)
		if value, _ := want["value"].(string); isText && len(want) == 2 {
			return "", sameScalar(got, kind, value)
		}
		got, ok := got.(map[string]any)
		if !ok || !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) {
			return "", false
		}
		for name := range want {
			if key, same := sameTOML(got[name], want[name]); !same {
				return "." + name + key, false
			}
		}
		return "", true
	}
	return "", false
}

func sameScalar(got any, kind, want string) bool {
	switch kind {
	case "string":
		return got == want
	case "integer":
		number, ok := got.(int64)
		return ok && strconv.FormatInt(number, 10) == want
	case "bool":
		return got == (want == "true")
	}
	return true
}

// TestWhatOnlyTOML11AllowsIsRefused: the library reads these files, and other tools that read a configuration do not.
func TestWhatOnlyTOML11AllowsIsRefused(t *testing.T) {
	words := strings.NewReplacer(
		knownEscapes+"\n  hint: "+singleQuotes, "escape",
		"want an inline table on one line (TOML 1.0), got a line break in it\n  hint: "+
			"only a list in it may go over several lines; or write it as a table, [NAME] with a line for each key", "break",
		"want a key after the comma (TOML 1.0), got }\n  hint: take the comma out", "comma",
		"want a time with seconds (TOML 1.0), such as 07:32:00\n  hint: text needs quotes", "seconds",
		"want an offset from UTC of at most 23:59\n  hint: text needs quotes", "offset",
		"x.toml:", "", ": ", " ", "\n", " ",
	)
	tests := map[string]string{ // the line and what is wrong with it
		"invalid/datetime/no-secs.toml":                "2 seconds ",
		"invalid/datetime/offset-overflow-minute.toml": "1 offset ", // no TOML allows it, and the library reads it
		"invalid/inline-table/linebreak-01.toml":       "3 break ",
		"invalid/inline-table/linebreak-02.toml":       "1 break ",
		"invalid/inline-table/linebreak-03.toml":       "1 break ",
		"invalid/inline-table/linebreak-04.toml":       "1 break ",
		"invalid/inline-table/trailing-comma.toml":     "3 comma ",
		"invalid/local-datetime/no-secs.toml":          "2 seconds ",
		"invalid/local-time/no-secs.toml":              "2 seconds ",
		"invalid/string/basic-byte-escapes.toml":       "1 escape ",
		"valid/datetime/no-seconds.toml":               "2 seconds 3 seconds 4 seconds 5 seconds ",
		"valid/inline-table/newline.toml":              "3 break 6 comma 15 break 8 break 20 break 26 break 30 break ",
		"valid/inline-table/newline-comment.toml":      "4 break 9 comma 18 break 11 break 23 break ",
		"valid/key/empty-05.toml":                      "1 break 5 break 4 break 10 break 16 break ",
		"valid/spec-1.1.0/common-12.toml":              "1 escape ",
		"valid/spec-1.1.0/common-29.toml":              "1 seconds 2 seconds ",
		"valid/spec-1.1.0/common-31.toml":              "1 seconds ",
		"valid/spec-1.1.0/common-34.toml":              "1 seconds ",
		"valid/spec-1.1.0/common-47.toml":              "5 break 9 break 4 break ",
		"valid/string/escape-esc.toml":                 "1 escape ",
		"valid/string/hex-escape.toml":                 "3 escape 4 escape 5 escape 6 escape 7 escape 10 escape ", // one for each string
	}
	all := readTOMLTests(t)
	for name, want := range tests {
		_, faults := all.decode(t, name)
		if got := words.Replace(told(faults)); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	// The versions name the examples of their specifications differently, so there what is read tells them apart.
	for _, name := range only("valid", all.now) {
		root, _ := all.decode(t, name)
		if tests[name] == "" && root == nil && !slices.Contains(all.old, name) {
			t.Errorf("%s is refused", name)
		}
	}
	for _, name := range only("invalid", all.old) {
		if tests[name] == "" && !slices.Contains(all.now, name) && !strings.HasPrefix(name, "invalid/spec-") {
			t.Errorf("%s: TOML 1.1 allows it", name)
		}
	}
}

// TestEveryFileOfTOMLTestIsJudged: no file of the collection stands in neither list.
func TestEveryFileOfTOMLTestIsJudged(t *testing.T) {
	all := readTOMLTests(t)
	listed := map[string]bool{}
	for _, name := range slices.Concat(all.old, all.now) {
		listed[name] = true
	}
	must(t, filepath.WalkDir(all.dir, func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(all.dir, path)
		if err == nil && filepath.Ext(name) == ".toml" && !listed[name] {
			t.Errorf("%s stands in no list", name)
		}
		return err
	}))
}
