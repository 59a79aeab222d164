package config

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
)

// plainValue gives what a node holds, as the library would.
func plainValue(n *node) any {
	switch n.kind {
	case object:
		values := map[string]any{}
		for key, child := range n.table {
			values[key] = plainValue(child)
		}
		return values
	case array:
		values := make([]any, len(n.items))
		for i, item := range n.items {
			values[i] = plainValue(item)
		}
		return values
	}
	return n.value
}

// TestDecodeReadsEverySpelling has each way in which TOML writes a thing.
func TestDecodeReadsEverySpelling(t *testing.T) {
	root, faults := decode(newFile("a.toml", []byte("\ufeff"+`# comment with "quotes' and [brackets
a = "x # y" # comment
"b" = 'x'
'c' = """
one "two" ""three\""" four"""""
d = '''it's ''x'''''
"\t\u00e9\U0001F600\"\\" = ''
e = [ [ ], [1, 2], ["]", '}', """,""" ] , # comment ]
  { x = 1, y.z = [ ] }, ]
f = { }
g = { "a b" = { c = 1 }, d.e = 2, d.f = 3 }
h.i.j = 1979-05-27 07:32:00Z
h . "i" . k = 07:32:00
m = { a = [1, # comment
  ], b = """
""" }
n = +1_000
o = -inf
p = true

[ q . "r" ]	# comment
x = 0x1F
[q]
y = 1e3
[q.r.s]
[[t]]
[[t.u]]
v = 1
[[t.u]]
[t.w]
[[t]]
`+"z = 1\r\n# end\r\n")))
	if root == nil {
		t.Fatal(faults)
	}
	want := map[string]any{}
	if _, err := toml.Decode("a='x # y'\nb='x'", &want); err != nil {
		t.Fatal(err)
	}
	for key, value := range want {
		if got := plainValue(root.table[key]); got != value {
			t.Errorf("%s: got %v, want %v", key, got, value)
		}
	}
	keys := []string{
		"a", "b", "c", "d", "\té😀\"\\", "e", "f", "g", "h", "m", "n", "o", "p", "q", "t",
	}
	if !slices.Equal(root.keys, keys) {
		t.Errorf("got the keys %q, want %q", root.keys, keys)
	}
	lines := map[string]int{"a": 2, "b": 3, "c": 4, "d": 6, "e": 8, "g": 11, "m": 14, "p": 19, "q": 23, "t": 26}
	for key, want := range lines {
		if got := root.table[key].place.Line; got != want {
			t.Errorf("%s: got line %d, want %d", key, got, want)
		}
	}
	if got := len(root.table["t"].items[0].table["u"].items); got != 2 {
		t.Errorf("got %d elements", got)
	}
}

// TestARedefinitionNeverPasses has what TOML calls invalid although each line is well formed. The library lets some of
// these through, and takes one of the two.
func TestARedefinitionNeverPasses(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"a table after dotted keys made it":             {"[a]\nb.c = 1\n[a.b]\n", "x.toml:3: a.b: WRITTEN x.toml:2"},
		"dotted keys after a table":                     {"[a.b]\n[a]\nb.c = 1\n", "x.toml:3: a.b: WRITTEN x.toml:1"},
		"dotted keys into a table that is only a part":  {"[a.b.c]\n[a]\nb.d = 1\n", "x.toml:3: a.b: WRITTEN x.toml:1"},
		"dotted keys below a table":                     {"[a.b.c]\nz = 9\n[a]\nb.c.t = 1\n", "x.toml:4: a.b: WRITTEN x.toml:1"},
		"dotted keys into a value":                      {"a = 1\na.b = 1\n", "x.toml:2: a: WRITTEN x.toml:1"},
		"dotted keys into an inline table":              {"a = { b = 1 }\na.c = 1\n", "x.toml:2: a: WRITTEN x.toml:1"},
		"dotted keys into an array of tables":           {"[[a.b]]\n[a]\nb.y = 2\n", "x.toml:3: a.b: WRITTEN x.toml:1"},
		"dotted keys in an inline table":                {"a = { b = { c = 1 }, b.d = 2 }\n", "x.toml:1: a.b: WRITTEN x.toml:1"},
		"a table into an inline table":                  {"a = { b = { } }\n[a.b.c]\n", "x.toml:2: a: WRITTEN x.toml:1"},
		"a table into an array":                         {"a = [{ b = 1 }]\n[a.c]\n", "x.toml:2: a: WRITTEN x.toml:1"},
		"an element for an array that is closed":        {"a = []\n[[a]]\n", "x.toml:2: a: WRITTEN x.toml:1"},
		"an element where a table stands":               {"[a.b]\n[[a]]\n", "x.toml:2: a: WRITTEN x.toml:1"},
		"an element below a value":                      {"a = 1\n[[a.b]]\nc = 1\n", "x.toml:2: a: WRITTEN x.toml:1"},
		"a table where an element stands":               {"[[a]]\n[a]\n", "x.toml:2: a: WRITTEN x.toml:1"},
		"a table in an element, twice":                  {"[[a]]\n[a.b]\n[[a]]\n[a.b]\n[a.b]\n", "x.toml:5: a.b: WRITTEN x.toml:4"},
		"keys under a table that is refused, told once": {"[a]\nx = 1\n[a]\nx = 1\n", "x.toml:3: a: WRITTEN x.toml:1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root, faults := decode(newFile("x.toml", []byte(test.text)))
			want := strings.Replace(test.want, "WRITTEN", "is written twice: here and at", 1) + "\n  hint: keep one of the two\n"
			if got := told(faults); got != want || root != nil {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

// TestScanEndsOnWhatIsNoTOML: it also runs on files that the library refuses.
func TestScanEndsOnWhatIsNoTOML(t *testing.T) {
	for _, text := range []string{
		"[", "[a", "[a]]x", "[[a]", "a", "a.", "a = ", "a = \n", "a = [", "a = [1", "a = {", "a = { b", "a = { b = 1",
		"a = { b = 1 c = 2", "a = \"", "a = \"\\", "a = \"\\\"", "a = '", "a = \"\"\"\"", "\"a", "\"\\q\" = 1", "\"\\u12\" = 1",
		"\"\\uD800\" = 1", "\"\\uzzzz\" = 1", "\"a\\", "= 1", "{", "a = [,]", "a = [[[", "a = }",
	} {
		if _, err := scan("x.toml", text); err == nil {
			t.Errorf("%q passes", text)
		}
		if root, faults := decode(newFile("x.toml", []byte(text))); root != nil || len(faults) != 1 || faults[0].File != "x.toml" {
			t.Errorf("%q: got %v", text, faults)
		}
	}
}

// TestDepthIsLimited: the library recurses as deep as a file says, until the stack ends; no recover catches that. Keys of
// a million parts keep it busy for hours.
func TestDepthIsLimited(t *testing.T) {
	const want = "x.toml:2: want at most 32 levels, got more\n"
	for _, text := range []string{
		"\na = " + strings.Repeat("[", 2<<20),
		"\na = " + strings.Repeat("{a=", 1<<20),
		"\na" + strings.Repeat(".a", 1<<20) + " = 1",
		"\n[a" + strings.Repeat(".a", 1<<20) + "]",
	} {
		if root, faults := decode(newFile("x.toml", []byte(text))); told(faults) != want || root != nil {
			t.Errorf("got %s", told(faults))
		}
	}
	deepest := "a" + strings.Repeat(".a", 31) + " = " + strings.Repeat("[", 31) + "1" + strings.Repeat("]", 31)
	if root, faults := decode(newFile("x.toml", []byte(deepest))); root == nil {
		t.Error(faults)
	}
}

// TestTenThousandGroupsLoadQuickly keeps out what takes quadratic time. It counts the time of processors, not of the
// clock: the machine may be busy with something else.
func TestTenThousandGroupsLoadQuickly(t *testing.T) {
	var b strings.Builder
	b.WriteString("[groups]\n")
	for i := range 10000 {
		fmt.Fprintf(&b, "aaaaaaaa-0000-4000-8000-%012d = \"group %d\"\n", i, i)
	}
	start := processorTime(t)
	config := parsed(t, b.String())
	if took := processorTime(t) - start; len(config.Groups) != 10000 || took > 5*time.Second {
		t.Errorf("got %d groups in %v", len(config.Groups), took)
	}
}

// TestALongStringOfEscapesScansQuickly: each escape that TOML 1.0 does not have is noted once a string, or a file of the
// largest size would keep the scanner busy for minutes.
func TestALongStringOfEscapesScansQuickly(t *testing.T) {
	const want = "x.toml:2: " + knownEscapes + "\n  hint: " + singleQuotes + "\n"
	start := processorTime(t)
	_, faults := decode(newFile("x.toml", []byte("a = \"\"\"\n"+strings.Repeat(`\e`, 1<<20)+"\"\"\"\n")))
	if took := processorTime(t) - start; told(faults) != want || took > 5*time.Second {
		t.Errorf("got %s in %v", told(faults), took)
	}
}

// processorTime is how long this process has kept processors busy.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// TestScannerAndLibraryMustAgree: a file that one of the two has misread is refused, whatever it says.
func TestScannerAndLibraryMustAgree(t *testing.T) {
	tests := []struct {
		text   string
		values map[string]any
	}{
		{"a = 1", map[string]any{}},
		{"a = 1", map[string]any{"b": int64(1)}},
		{"a = 1", map[string]any{"a": map[string]any{}}},
		{"a = 1", map[string]any{"a": []any{}}},
		{"a = {}", map[string]any{"a": int64(1)}},
		{"a = [1]", map[string]any{"a": []any{}}},
		{"a = [1]", map[string]any{"a": []any{[]any{}}}},
		{"[[a]]", map[string]any{"a": []map[string]any{}}},
	}
	for _, test := range tests {
		scanned, err := scan("x.toml", test.text)
		must(t, err)
		if line := fill(scanned.root, test.values); line != 1 {
			t.Errorf("%q passes as %v, or is told of line %d", test.text, test.values, line)
		}
	}
	// The library drops the empty key of `"" = { "" = 1 }`, so that file is refused although it is TOML.
	_, faults := decode(newFile("x.toml", []byte("a = { '' = { '' = 1 } }\n''.b = 1\n[''.c]\n")))
	for _, fault := range faults {
		if fault.Problem != "want TOML that can be read in one way only" {
			t.Errorf("got %v", fault)
		}
	}
}

func TestNodesSayWhatTheyAre(t *testing.T) {
	root, faults := decode(newFile("x.toml", []byte("a=''\nb=1\nc=1.5\nd=true\ne=2026-01-01\nf=[]\ng={}\n[[h]]\n")))
	if root == nil {
		t.Fatal(faults)
	}
	want := map[string]string{
		"a": "a string", "b": "an integer", "c": "a float", "d": "a boolean", "e": "a date or a time", "f": "an array", "g": "a table",
		"h": "an array of tables",
	}
	got := map[string]string{}
	for key, child := range root.table {
		got[key] = child.String()
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// FuzzDecode holds that what passes is read as the library reads it, that all else has a fault, and that the rest of the
// way copes with whatever passes.
func FuzzDecode(f *testing.F) {
	paths, _ := filepath.Glob(filepath.Join("testdata", "faults", "*.txtar"))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range splitArchive(path, text).tree.Files {
			f.Add(file.Bytes)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file := newFile("x.toml", text)
		root, faults := decode(file)
		if (root == nil) != faults.Refuse() {
			t.Fatalf("got %v beside %v", root, faults)
		}
		tree := &Tree{Path: "x.toml", Files: []File{file}}
		config, found := tree.Parse()
		if root == nil {
			if config != nil || !found.Refuse() {
				t.Fatal("a configuration of no TOML")
			}
			return
		}
		var values map[string]any
		if _, err := toml.Decode(string(text), &values); err != nil {
			t.Fatal(err)
		}
		if got, want := normal(plainValue(root)), normal(values); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		for _, fault := range found {
			if fault.Line < 0 || fault.Line > 1+strings.Count(string(text), "\n") || fault.File != "x.toml" {
				t.Fatalf("a fault that stands nowhere: %v", fault)
			}
		}
	})
}

// normal gives arrays of tables the type of other arrays, and takes NaN, which equals nothing, out.
func normal(value any) any {
	switch value := value.(type) {
	case float64:
		if math.IsNaN(value) {
			return "nan"
		}
	case map[string]any:
		out := map[string]any{}
		for key, child := range value {
			out[key] = normal(child)
		}
		return out
	case []map[string]any:
		out := make([]any, len(value))
		for i, child := range value {
			out[i] = normal(child)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, child := range value {
			out[i] = normal(child)
		}
		return out
	}
	return value
}
