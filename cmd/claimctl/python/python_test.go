package python_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/claimd/claimd/cmd/claimctl/python"
)

// shown writes a value as Python does, all on one line.
func shown(v python.Value) string {
	items := make([]string, len(v.Items))
	for i, item := range v.Items {
		items[i] = shown(item)
	}
	switch v.Kind {
	case python.Text:
		return fmt.Sprintf("%+q", v.Text)
	case python.Bool:
		return map[bool]string{true: "True", false: "False"}[v.True]
	case python.None:
		return "None"
	case python.Number:
		return v.Text
	case python.List:
		return "[" + strings.Join(items, ", ") + "]"
	case python.Tuple:
		if len(items) == 1 {
			return "(" + items[0] + ",)"
		}
		return "(" + strings.Join(items, ", ") + ")"
	case python.Set:
		return "{" + strings.Join(items, ", ") + "}"
	}
	text := "{"
	for i := 0; i < len(items); i += 2 {
		text += items[i] + ": " + items[i+1] + ", "
	}
	return strings.TrimSuffix(text, ", ") + "}"
}

func shownStatement(s python.Statement) string {
	text := fmt.Sprintf("%d %s", s.Line, strings.Join(s.Names, " "))
	if s.Value != nil {
		return text + " = " + shown(*s.Value)
	}
	if s.Inner {
		return text + " - in " + s.What
	}
	return text + " - " + s.What
}

func read(t *testing.T, source string) []string {
	t.Helper()
	statements, err := python.Read([]byte(source))
	if syntax, ok := errors.AsType[*python.SyntaxError](err); ok {
		return []string{syntax.Error()}
	}
	if err != nil {
		t.Fatalf("got %v, want a syntax error", err)
	}
	var lines []string
	for _, statement := range statements {
		lines = append(lines, shownStatement(statement))
	}
	return lines
}

func TestStatementsAreReadAsPythonReadsThem(t *testing.T) {
	for _, test := range []struct{ name, source, want string }{
		{"nothing", "", ""},
		{"comments only", "# A = 1\n  # B\n\n\t\n", ""},
		{"both quotes", "A = \"a'b\"\nB = 'a\"b'", `1 A = "a'b"|2 B = "a\"b"`},
		{"three quotes", "A = \"\"\"a\n\"b\"\"\"\nB = '''''' # empty\nC = ''", `1 A = "a\n\"b"|3 B = ""|4 C = ""`},
		{"side by side", "A = 'a' \"b\" r'\\c' # d\nB = ('a'  # a\n     'b')", `1 A = "ab\\c"|2 B = "ab"`},
		{"escapes", `A = '\\ \' \" \a\b\f\n\r\t\v \0 \101 \1018 \x41 \u00e9 \U0001F600 \d'`, `1 A = "\\ ' \" \a\b\f\n\r\t\v \x00 A A8 A \u00e9 \U0001f600 \\d"`},
		{"an escape of more than a byte", `A = '\400'`, `1 A = "\u0100"`},
		{"an unknown escape beyond ASCII", `A = '\é'`, `1 A = "\\\u00e9"`},
		{"an escaped line end", "A = 'a\\\nb'\nB = 1", `1 A = "ab"|3 B = 1`},
		{"raw", `A = r'a\'b\n' R"\x"`, `1 A = "a\\'b\\n\\x"`},
		{"u", `A = u'é'; B = U"b"`, `1 A = "\u00e9"|1 B = "b"`},
		{"prefixes that are no plain text", "A = f'{x}'\nB = b'x'\nC = Rb'x'\nD = fr'x'\nE = 'a' f'b'\nF = [b'x']\nG = t'{x}'",
			"1 A - an f-string|2 B - bytes|3 C - bytes|4 D - an f-string|5 E - an f-string|6 F - bytes|7 G - a template string"},
		{"an f-string with its own quote in it", "A = f\"{d[\"a\"]}\"\nB = 1", "1 A - an f-string|2 B = 1"},
		{"a character by its name", `A = '\N{BULLET}'`, `1 A - text with a character by its name (\N)`},
		{"half a pair", `A = '\ud83d\ude00'`, "1 A - text with half a surrogate pair"},
		{"numbers", "A = [0, 00, 10, 1_0, 0x_fF, 0o17, 0b1, 1., .5, 1e5, 1.5E-3, 1e+5, -1, + 2, -0x1]", "1 A = [0, 00, 10, 1_0, 0x_fF, 0o17, 0b1, 1., .5, 1e5, 1.5E-3, 1e+5, -1, 2, -0x1]"},
		{"numbers that are none", "A = 017\nB = 1__0\nC = 1_\nD = 0x\nE = 1j\nF = 1e\nG = --1\nH = 1.2.3\nI = 0x1.8",
			"1 A - an expression|2 B - an expression|3 C - an expression|4 D - an expression|5 E - an expression|6 F - an expression|7 G - an expression|8 H - an expression|9 I - an expression"},
		{"words", "A = True, False, None", "1 A = (True, False, None)"},
		{"containers", "A = [1, 'a', [None], ('a',), (), {1, 2}, {'a': [1], 'b': {}}, ('b')]",
			`1 A = [1, "a", [None], ("a",), (), {1, 2}, {"a": [1], "b": {}}, "b"]`},
		{"over lines", "A = [  # first\n  'a',\n\n  # second\n 'b'\n   ,\n]\nB = (\n'c'\n)", `1 A = ["a", "b"]|8 B = "c"`},
		{"a comma at the end", "A = 'a',\nB = ['a',]\nC = {'a',}\nD = {'a': 1,}", `1 A = ("a",)|2 B = ["a"]|3 C = {"a"}|4 D = {"a": 1}`},
		{"commas alone", "A = (,)\nB = [,]\nC = ['a',,]\nD = ['a' 1]\nE = {1, 'a': 2}\nF = {'a': 1, 2}\nG = {'a':}",
			"1 A - an expression|2 B - an expression|3 C - an expression|4 D - an expression|5 E - an expression|6 F - an expression|7 G - an expression"},
		{"a backslash", "A \\\n  = \\\n 'a' \\\n 'b'\nB = 1", `1 A = "ab"|5 B = 1`},
		{"annotations", "A: str = 'a'\nB: Optional[str] = None\nC : Dict[str, List[int]] = {}\nD: 'str' = 'd'\nE: str\nF: x.y | None = 1",
			`1 A = "a"|2 B = None|3 C = {}|4 D = "d"|6 F = 1`},
		{"several on a line", "A = 1; B = 2;\nC = 3 ;", "1 A = 1|1 B = 2|2 C = 3"},
		{"a chain", "A = B = 'x'\nC = d.e = 'x'", `1 A B = "x"|2 C d - an assignment to more than a name`},
		{"what sets nothing", "'''doc'''\npass\nA\nTrue\n1, 2\n...\nprint(A)", "3  - the value of another name|6  - an expression|7  - a call"},
		{"not literal", "A = f(1)\nB = x.y\nC = os.environ['C']\nD = 'a' + 'b'\nE = [x for x in y]\nF = lambda: 1\nG = not True\nH = [g('a')]\nI = 1 if x else 2\nJ = H\nK = a == b",
			"1 A - a call|2 B - an expression|3 C - an expression|4 D - an expression|5 E - a comprehension|6 F - a lambda|7 G - an expression|8 H - a call|9 I - an expression|10 J - the value of another name|11 K - an expression"},
		{"changed later", "A += ['x']\nA.append('x')\nA[0] = 'x'\nA[1:] = []\ndel A, B\nA.b = 1\nA **= 2\nA @= 1",
			"1 A - an assignment with +=|2 A - a call|3 A - an assignment to more than a name|4 A - an assignment to more than a name|5 A B - an expression|6 A - an assignment to more than a name|7 A - an assignment with **=|8 A - an assignment with @="},
		{"tuples of names", "A, B = 1, 2\n(C, D) = 1, 2\n[E, *F] = 1, 2\n(G) = 1\n(H := 1)",
			"1 A B - an assignment to more than a name|2 C D - an assignment to more than a name|3 E F - an assignment to more than a name|4 G - an assignment to more than a name|5 H - an expression"},
		{"imports", "import os\nimport a.b as c\nfrom x import *\nfrom . import (A,\n B as C)\nimport d, e", "1 os - an import|2 c a c - an import|3 * x - an import of every name of a module|4 C A B C - an import|6 d e - an import"},
		{"a name beyond ASCII", "ＯAUTH = 1", "1 ＯAUTH - an assignment to more than a name"},
		{"blocks", "if x:\n  A = 1\n\n  # c\n  if y:\n     B, C = 1, 2\nelif z: D = 1; E = 2\nelse:\n  pass\nF = 1",
			"1 A B C - an if block|7 D E - an if block|8  - an else block|10 F = 1"},
		{"more blocks", "for A, B in C:\n D += 1\nwhile x: E = 1\ntry:\n F = 1\nexcept G as H: pass\nfinally:\n I.append(1)\nwith j as K:\n L: int = 1\nmatch m:\n case N:\n  O = 1\nasync with p as Q: R = 1",
			"1 A B D - a for loop|3 E - a while loop|4 F - a try block|6 H - a try block|7 I - a try block|9 K L - a with block|11 O - a match block|14 Q R - a with block"},
		{"functions and classes", "@d\ndef f(a=1):\n\tA = 1\n\tdef g():\n\t\tB = 1\nclass C(D):\n  E = 1\ndef h():\n  global G\n  G = 1\nasync def i(): pass",
			"1  - a decorator|2 A B - in a function|6 E - in a class|8 G G - a function|11  - in a function"},
		{"match is a name too", "match = 1\ntype = 'a'", `1 match = 1|2 type = "a"`},
		{"line ends of all kinds", "A = 'a'\r\nB = '''x\r\ny\rz'''\rC = 1\f\n\fD = 2", `1 A = "a"|2 B = "x\ny\nz"|5 C = 1|6 D = 2`},
		{"a byte order mark", "\uFEFFA = 1", "1 A = 1"},
		{"an encoding", "#!/usr/bin/python\n# -*- coding: utf-8 -*-\nA = 'é'", `3 A = "\u00e9"`},
		{"an encoding that only looks like one", "A = 1 # encoding\n# coding: latin-1\n#coding:latin-1", "1 A = 1"},
	} {
		if got := strings.Join(read(t, test.source), "|"); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, test.want)
		}
	}
}

func TestWhatIsNoPythonIsRefusedWithItsLine(t *testing.T) {
	deep := strings.Repeat("[", python.MaxDepth)
	for _, test := range []struct{ name, source, want string }{
		{"NUL", "A = 1\n\x00", "line 2: holds a NUL, which Python does not take"},
		{"no UTF-8", "A = 1\n\n'\xe9'", "line 3: want UTF-8, got bytes that are none"},
		{"a surrogate in UTF-8", "'\xed\xa0\x80'", "line 1: want UTF-8, got bytes that are none"},
		{"Latin-1", "\n# vim: set fileencoding=latin-1 :\nA = 1", "line 2: want a file in UTF-8, got one in latin-1"},
		{"an open text", "A = 1\nB = 'a\nC = 1", "line 2: a text begins here and has no closing quote"},
		{"an open text at the end", "A = '", "line 1: a text begins here and has no closing quote"},
		{"a text that ends with a backslash", `A = 'a\'`, "line 1: a text begins here and has no closing quote"},
		{"an open long text", "A = '''a\n\n", "line 1: a text begins here and has no closing quote"},
		{"an open bracket", "A = [\n1,\n(2", "line 3: a bracket is opened here and never closed"},
		{"a foreign bracket", "A = [1)", "line 1: a bracket is closed that was not opened"},
		{"a bracket too many", "A = 1\n]", "line 2: a bracket is closed that was not opened"},
		{"no value", "A =", "line 1: want a value after ="},
		{"no value before a comment", "A = # later", "line 1: want a value after ="},
		{"an indented line", "A = 1\n  B = 2", "line 2: is indented, but stands in no block"},
		{"an indented line after a block in one line", "if x: A = 1\n\n  B = 2", "line 3: is indented, but stands in no block"},
		{"an empty block", "if x:\nA = 1", "line 1: want an indented block after the colon"},
		{"a backslash before a blank", "A = \\ \n1", "line 1: want the end of the line after a backslash"},
		{"a bad escape", `A = '\x4'`, `line 1: want hexadecimal digits of a character after \x`},
		{"a sign for a digit", `A = '\x+4'`, `line 1: want hexadecimal digits of a character after \x`},
		{"no character", `A = '\U00110000'`, `line 1: want hexadecimal digits of a character after \U`},
		{"another language", "A = $HOME", "line 1: want Python, got the character $"},
		{"a control character", "A = \x01", "line 1: want Python, got a character that stands in texts and comments only"},
		{"a blank that is none", "A =\u00a01", "line 1: want Python, got a character that stands in texts and comments only"},
		{"too deep", "A = " + deep + "[", "line 1: want brackets nested at most 100 deep"},
		{"too long a statement", "A = [" + strings.Repeat("1,", python.MaxTokens/2) + "\n]", "line 1: want a statement of at most 50000 names, texts and signs"},
		{"too long", strings.Repeat("#", python.MaxBytes+1), "line 1: want at most 4 MiB"},
	} {
		if got := strings.Join(read(t, test.source), "|"); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, test.want)
		}
	}
	if got := read(t, "A = "+deep+strings.Repeat("]", python.MaxDepth)); len(got) != 1 || !strings.HasPrefix(got[0], "1 A = [[") {
		t.Errorf("%d brackets: got %s", python.MaxDepth, got)
	}
	if got := read(t, "A = ["+strings.Repeat("1,", python.MaxTokens/2-2)+"]"); len(got) != 1 || !strings.HasPrefix(got[0], "1 A = [1, 1") {
		t.Errorf("%d tokens: got %s", python.MaxTokens, got)
	}
	if got := read(t, strings.Repeat("#", python.MaxBytes)); got != nil {
		t.Errorf("%d bytes: got %s", python.MaxBytes, got)
	}
}

func TestEveryValueKnowsItsLine(t *testing.T) {
	statements, err := python.Read([]byte("A = [\n'a',\n\n(\n'b'\n'c'),\n-1, {\n2: None}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	v := statements[0].Value
	got := fmt.Sprint(v.Line, v.Items[0].Line, v.Items[1].Line, v.Items[2].Line, v.Items[3].Line, v.Items[3].Items[0].Line, v.Items[3].Items[1].Line)
	if want := "1 2 5 7 7 8 8"; got != want {
		t.Errorf("got the lines %s, want %s", got, want)
	}
}
