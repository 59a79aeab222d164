package mapping

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// The folded forms of two characters are equal exactly where strings.EqualFold says that the characters are.
func TestFoldingOfEveryCharacterIsThatOfEqualFold(t *testing.T) {
	const planes = 0x20000 // no character beyond has another case
	byForm := map[string][]string{}
	for r := range rune(planes) {
		if !utf8.ValidRune(r) {
			continue
		}
		form := folded(string(r))
		if next := string(unicode.SimpleFold(r)); folded(next) != form || !strings.EqualFold(next, string(r)) {
			t.Fatalf("%U and %q are equal without case, but their forms are not", r, next)
		}
		if form != string(r) || unicode.SimpleFold(r) != r {
			byForm[form] = append(byForm[form], string(r))
		}
	}
	for form, characters := range byForm {
		for _, c := range characters {
			if !strings.EqualFold(c, characters[0]) || !strings.EqualFold(c, form) {
				t.Errorf("%+q has the form %+q like %+q, but they are not equal without case", c, form, characters[0])
			}
		}
	}
	if len(byForm) < 1400 {
		t.Errorf("only %d characters have another case", len(byForm))
	}
}

func TestFoldingOfTextIsThatOfEqualFold(t *testing.T) {
	alphabet := []string{"a", "A", "k", "K", "\u212a", "s", "\u017f", "ß", "ẞ", "ss", "é", "É", "e\u0301", "ı", "İ", "i", "\u03c3", "\u03c2", "\u03a3", "\ufffd", " ", "1"}
	dice := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		var b strings.Builder
		for range dice.IntN(4) {
			b.WriteString(alphabet[dice.IntN(len(alphabet))])
		}
		return b.String()
	}
	equal := 0
	for range 50_000 {
		a, b := text(), text()
		same := folded(a) == folded(b)
		if same != strings.EqualFold(a, b) {
			t.Fatalf("%+q and %+q: equal forms %v, EqualFold %v", a, b, same, !same)
		}
		if same && a != b {
			equal++
		}
	}
	if equal < 100 {
		t.Errorf("only %d pairs were equal without case", equal)
	}
}

// strings.EqualFold takes every wrong byte for U+FFFD; two different names would be one.
func TestWhatIsNoUTF8EqualsItselfAlone(t *testing.T) {
	texts := []string{"\xff", "\xfe", "\ufffd", "a\xff", "A\xff", "a\x80", "A\x80", "\xc3", "\xe9", "\xed\xa0\x80", "\xc0\x80", "\x00"}
	for i, a := range texts {
		for j, b := range texts {
			if (folded(a) == folded(b)) != (i == j) {
				t.Errorf("%+q and %+q have the forms %+q and %+q", a, b, folded(a), folded(b))
			}
		}
	}
}

func TestFoldingAppends(t *testing.T) {
	for _, text := range []string{"ab", "é", "aé", "\xff", "a\xff"} {
		if got, want := string(appendFold([]byte("x"), text)), "x"+folded(text); got != want {
			t.Errorf("appendFold(x, %+q) = %+q, want %+q", text, got, want)
		}
	}
}

// A look-up allocates nothing for a value of usual length, whatever its characters.
func TestALookUpAllocatesNothing(t *testing.T) {
	for _, caseSensitive := range []bool{true, false} {
		policy, _ := Compile(Rules{CaseSensitive: caseSensitive, Providers: []Provider{{Name: "contoso"}}, Groups: []Local{{Name: "Zürich"}}})
		contoso := policy.Provider("contoso")
		for _, value := range []string{"Zürich", "6cab8f93-8e22-4947-80c3-c6ed549cb47a", "\xff"} {
			if n := testing.AllocsPerRun(100, func() { contoso.named(value) }); n != 0 {
				t.Errorf("case_sensitive %v: looking %+q up allocates %v times", caseSensitive, value, n)
			}
		}
	}
}
