package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/claimd/claimd/daemon/vectors"
	"github.com/claimd/claimd/mapping"
)

// basic writes a TOML basic string, with escapes for what must not stand in one as it is (TOML 1.0, "String").
func basic(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			fmt.Fprintf(&b, `\%c`, r)
		case r < ' ' && r != '\t', r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}

// escaped writes a TOML basic string of escapes alone.
func escaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		fmt.Fprintf(&b, `\U%08X`, r)
	}
	return `"` + b.String() + `"`
}

// FAULTS 82 to 86: names are bytes. Whatever people call a group, the file that says so gives that name, unchanged, in its
// line; so do the values that stand for it.
func TestANaughtyNameIsReadByteForByte(t *testing.T) {
	names := vectors.NaughtyStrings(t)[1:]
	for _, spell := range []func(string) string{basic, escaped} {
		groups, values, roles := "[groups]\n", "[groups]\n", "[roles]\n"
		for i, name := range names {
			groups += spell(name) + " = " + spell(name) + "\n"
			values += fmt.Sprintf("g%d = { values = [%s] }\n", i, spell(name))
			roles += spell(name) + " = { label = " + spell(name) + " }\n"
		}
		tree := treeOf(groups+roles, "# nothing")
		config, faults := tree.Parse()
		if len(faults) > 0 {
			t.Fatal(told(faults))
		}
		want := make([]Local, len(names))
		for i, name := range names {
			want[i] = Local{Name: name, Label: name}
		}
		if !reflect.DeepEqual(config.Groups, want) || !reflect.DeepEqual(config.Roles, want) {
			t.Error("the groups or the roles are not those of the file")
		}
		for i, name := range names {
			if got := tree.Locate(mapping.Path{"groups", name}).Line; got != i+2 {
				t.Errorf("%+q is said to stand in line %d, want %d", name, got, i+2)
			}
		}
		for i, group := range parsed(t, values).Groups {
			if !slices.Equal(group.Values, names[i:i+1]) {
				t.Errorf("%+q is read as %+q", names[i], group.Values)
			}
		}
	}
}

// A key that stands twice is found whatever it is, and however the second one is spelled.
func TestANaughtyNameThatIsWrittenTwiceIsFound(t *testing.T) {
	for _, name := range vectors.NaughtyStrings(t) {
		want := "x.toml:3: groups." + quoteKey(name) + ": is written twice: here and at x.toml:2\n  hint: keep one of the two\n"
		root, faults := decode(newFile("x.toml", []byte("[groups]\n"+basic(name)+" = 1\n"+escaped(name)+" = 1\n")))
		if got := told(faults); got != want || root != nil {
			t.Errorf("got %s want %s", got, want)
		}
		// The fault itself is one line that a terminal shows as it is, and the key in it can be copied into a file.
		path := KeyPath(mapping.Path{"groups", name})
		if !utf8.ValidString(path) || strings.ContainsFunc(path, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%+q is told as %+q", name, path)
		}
		copied := quoteKey(name)
		if root, faults := decode(newFile("x.toml", []byte(copied+" = 1\n"))); root == nil || root.keys[0] != name {
			t.Errorf("%s is no key that says %+q: %v", copied, name, faults)
		}
	}
}

// Pasted between quotes as it is, a string is either itself or refused in its line; it never becomes something else.
func TestANaughtyNameThatIsPastedIsItselfOrRefused(t *testing.T) {
	refused := map[string]int{}
	for _, name := range vectors.NaughtyStrings(t)[1:] {
		for _, quote := range []string{`'`, `"`, `'''`, `"""`} {
			text := "[groups]\na = { values = [" + quote + name + quote + "] }\n"
			root, faults := decode(newFile("x.toml", []byte(text)))
			if root == nil {
				refused[quote]++
				if faults[0].Line < 2 || faults[0].Line > 3 {
					t.Errorf("%+q in %s: got %s", name, quote, told(faults))
				}
				continue
			}
			values := root.table["groups"].table["a"].table["values"].items
			escapes := quote[0] == '"' && strings.Contains(name, `\`)
			if len(values) != 1 || values[0].value != name && !escapes {
				t.Errorf("%+q in %s is read as %+q", name, quote, values[0].value)
			}
		}
	}
	if want := map[string]int{`"`: 217, `"""`: 182, `'`: 93, `'''`: 7}; !reflect.DeepEqual(refused, want) {
		t.Errorf("got %v refused, want %v", refused, want)
	}
}

// TestAnEmptyNameIsTold: the one string of the list that no group can have.
func TestAnEmptyNameIsTold(t *testing.T) {
	config, faults := treeOf("[groups]\n\"\" = \"\"\na = { values = [\"\"] }\n").Parse()
	if len(faults) > 0 {
		t.Fatal(told(faults))
	}
	var got []string
	_, found := mapping.Compile(config.Rules())
	for _, fault := range found {
		got = append(got, KeyPath(fault.Path)+": "+fault.Problem)
	}
	want := []string{`groups.'': want a name, got ""`, `groups.a.values[0]: want a value, got "": an empty claim value names nothing`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
