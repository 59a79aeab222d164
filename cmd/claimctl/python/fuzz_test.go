package python_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/claimd/claimd/cmd/claimctl/python"
)

// writer writes values as Python, each in one of the many ways that there are.
type writer struct {
	rand  *rand.Rand
	texts []string // what texts are made of
}

func (w *writer) one(choices ...string) string { return choices[w.rand.IntN(len(choices))] }

// gap gives blanks, and line ends too where a bracket is open.
func (w *writer) gap(depth int) string {
	if depth == 0 {
		return w.one("", " ", "\t", "\\\n", " \\\r\n ")
	}
	return w.one("", " ", "\n", "\r\n\t", " # a ] comment '\n", "\\\n", "\r")
}

// value makes a value and how it is written.
func (w *writer) value(depth int) (python.Value, string) {
	switch kind := python.Kind(1 + w.rand.IntN(8)); {
	case kind == python.Bool:
		yes := w.rand.IntN(2) == 0
		return python.Value{Kind: kind, True: yes}, w.one(map[bool]string{true: "True", false: "False"}[yes])
	case kind == python.None:
		return python.Value{Kind: kind}, "None"
	case kind == python.Number:
		number := w.one("0", "12", "-1", "1.5", ".5e-3", "0xfe", "1_000", "-0b1")
		return python.Value{Kind: kind, Text: number}, number
	case kind == python.Text || depth > 3:
		return w.text(depth)
	case kind == python.Dict:
		return w.items(kind, depth, "{", "}")
	case kind == python.Set:
		return w.items(kind, depth, "{", "}")
	case kind == python.List:
		return w.items(kind, depth, "[", "]")
	}
	return w.items(python.Tuple, depth, "(", ")")
}

func (w *writer) items(kind python.Kind, depth int, begin, end string) (python.Value, string) {
	v := python.Value{Kind: kind}
	n := w.rand.IntN(4)
	if kind == python.Set && n == 0 {
		n = 1
	}
	var b strings.Builder
	b.WriteString(begin)
	for i := range n {
		item, text := w.value(depth + 1)
		b.WriteString(w.gap(depth+1) + text + w.gap(depth+1))
		v.Items = append(v.Items, item)
		if kind == python.Dict {
			item, text = w.value(depth + 1)
			b.WriteString(":" + w.gap(depth+1) + text)
			v.Items = append(v.Items, item)
		}
		if i+1 < n || kind == python.Tuple && n == 1 || w.rand.IntN(2) == 0 {
			b.WriteString("," + w.gap(depth+1))
		}
	}
	b.WriteString(end)
	return v, b.String()
}

func (w *writer) text(depth int) (python.Value, string) {
	v := python.Value{Kind: python.Text}
	var parts []string
	for range 1 + w.rand.IntN(2) {
		part := w.one(w.texts...)
		v.Text += part
		parts = append(parts, w.quoted(part))
	}
	return v, strings.Join(parts, " "+w.gap(depth)) // without a blank, quotes beside quotes would make three
}

// quoted writes a text: raw where it can be, else with escapes for what must have them and for some that need not.
func (w *writer) quoted(part string) string {
	if !strings.ContainsAny(part, "\\'\n\r\x00") && w.rand.IntN(4) == 0 {
		return w.one("r'", "R'") + part + "'"
	}
	quote := w.one("'", `"`, `"""`, "'''")
	var b strings.Builder
	for _, r := range part {
		switch {
		case r == '\\' || string(r) == quote[:1]:
			b.WriteString(`\` + string(r))
		case r == '\n' && len(quote) == 3:
			b.WriteString(w.one("\n", "\r\n", `\n`))
		case r == '\n' || r == '\r' || r == 0 || w.rand.IntN(8) == 0:
			b.WriteString(w.escape(r))
		default:
			b.WriteRune(r)
		}
		if w.rand.IntN(16) == 0 {
			b.WriteString("\\\n")
		}
	}
	return w.one("", "u", "U") + quote + b.String() + quote
}

func (w *writer) escape(r rune) string {
	switch form := w.rand.IntN(4); {
	case r < 0x100 && form < 2:
		return fmt.Sprintf([]string{`\x%02x`, `\%03o`}[form], r)
	case r < 0x10000 && w.rand.IntN(2) == 0:
		return fmt.Sprintf(`\u%04X`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

func withoutLines(v python.Value) python.Value {
	v.Line = 0
	v.Items = slices.Clone(v.Items)
	for i := range v.Items {
		v.Items[i] = withoutLines(v.Items[i])
	}
	return v
}

// What is written as literals is read back as the same values, in whatever way it is written, and among other statements.
func FuzzLiteralsAreReadBack(f *testing.F) {
	f.Add(uint64(1), "groups", `CONTOSO\Team "A"`)
	f.Add(uint64(2), "", "'é\U0001F600\x00\r\n\t\u2028\u00a0")
	f.Add(uint64(3), "#", "[]{}(),=:;\\\n")
	f.Fuzz(func(t *testing.T, seed uint64, first, second string) {
		if !utf8.ValidString(first) || !utf8.ValidString(second) {
			return
		}
		w := &writer{rand: rand.New(rand.NewPCG(seed, 0)), texts: []string{first, second, "x", "'", `"`, `\`, "''' \"\"\""}}
		var source strings.Builder
		var want []python.Value
		for i := range 1 + w.rand.IntN(4) {
			v, text := w.value(0)
			want = append(want, v)
			source.WriteString(fmt.Sprintf("N%d%s%s=%s%s%s", i, w.gap(0), w.one("", ": str", ": Dict[str, x]"), w.gap(0), text, w.gap(0)))
			source.WriteString(w.one("\n", ";", ";\n", " # A = '\n", "\nif x:\n\tA = (1,\n2)\n", "\nA = f(']')\n"))
		}
		statements, err := python.Read([]byte(source.String()))
		if err != nil {
			t.Fatalf("%v\n%s", err, source.String())
		}
		var got []python.Value
		for _, statement := range statements {
			if statement.Value == nil {
				continue
			}
			if name := fmt.Sprintf("N%d", len(got)); !slices.Equal(statement.Names, []string{name}) {
				t.Fatalf("got the names %q, want %s\n%s", statement.Names, name, source.String())
			}
			got = append(got, withoutLines(*statement.Value))
		}
		for i := range want {
			want[i] = withoutLines(want[i])
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v\nwant %v\n%s", got, want, source.String())
		}
	})
}

// Whatever a file holds: what was read of it, written again, is read as the same, and every line is one of the file.
func FuzzAFileIsRead(f *testing.F) {
	for _, source := range []string{
		"OAUTH_ENABLED = True\nOAUTH_X: List[str] = ['a', \"b\"]  # c\n", "A = f'{x}' r'\\' '''\n'''", "if x:\n  A = B = 1\nelse: C += 2",
		"A = (1,), {2}, {3: -.4e-5}, [None]\\\n; B = 'x' \"\\x41\\N{a}\"", "from x import *\n@d\nasync def f(): global G; G = 1", "\uFEFF# coding: x\n\fA=1",
	} {
		f.Add([]byte(source))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		lines := 1 + strings.Count(string(source), "\n") + strings.Count(string(source), "\r")
		statements, err := python.Read(source)
		if err != nil {
			if syntax := err.(*python.SyntaxError); syntax.Line < 1 || syntax.Line > lines || syntax.Problem == "" {
				t.Fatalf("a fault that stands nowhere: %v", err)
			}
			return
		}
		before := 1
		for _, statement := range statements {
			if statement.Line < before || statement.Line > lines || (statement.Value == nil) == (statement.What == "") {
				t.Fatalf("want a line from %d to %d and a value or a reason, got %+v", before, lines, statement)
			}
			before = statement.Line
			if statement.Value == nil {
				continue
			}
			w := &writer{rand: rand.New(rand.NewPCG(1, 2))}
			again, err := python.Read([]byte("A = " + w.written(*statement.Value)))
			if err != nil || len(again) != 1 || again[0].Value == nil ||
				!reflect.DeepEqual(withoutLines(*again[0].Value), withoutLines(*statement.Value)) {
				t.Fatalf("%+v became %+v, %v", *statement.Value, again, err)
			}
		}
	})
}

// written writes a value with the writer's own quoting.
func (w *writer) written(v python.Value) string {
	if v.Kind == python.Text {
		return w.quoted(v.Text)
	}
	if len(v.Items) == 0 {
		return shown(v)
	}
	var b strings.Builder
	for i, item := range v.Items {
		b.WriteString(w.written(item) + map[bool]string{true: ":", false: ","}[v.Kind == python.Dict && i%2 == 0])
	}
	switch v.Kind {
	case python.List:
		return "[" + b.String() + "]"
	case python.Tuple:
		return "(" + b.String() + ")"
	}
	return "{" + b.String() + "}"
}
