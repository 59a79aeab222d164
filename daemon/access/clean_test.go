package access

import (
	"strings"
	"testing"
)

// FAULTS 179: whoever writes into a log must not write lines of his own, or colour, or turn text around.
func TestValuesOfOthersAreCleanedForLogAndTerminal(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{"", ""},
		{"plain é 名", "plain é 名"},
		{`CONTOSO\Team A`, `CONTOSO\Team A`},
		{"a\r\nb", `a\u000d\u000ab`},
		{"\x1b[31mred", `\u001b[31mred`},
		{"\u009b31m", `\u009b31m`},
		{"\u202egpj.exe", `\u202egpj.exe`},
		{"\u200bzero\ufeffwidth", `\u200bzero\ufeffwidth`},
		{"\u2028line", `\u2028line`},
		{"\U000e0041tag", `\U000e0041tag`},
		{"\xff\xfe", `\xff\xfe`},
		{"\ufffd", `\ufffd`},
		{"\x00", `\u0000`},
	} {
		if got := Clean(c.value); got != c.want {
			t.Errorf("Clean(%q) = %q, want %q", c.value, got, c.want)
		}
	}
}

func TestALongValueIsCut(t *testing.T) {
	for _, value := range []string{strings.Repeat("x", 48<<10), strings.Repeat("\x1b", 48<<10), strings.Repeat("名", 16<<10)} {
		got := Clean(value)
		if len(got) > maxLogged || len(got) < maxLogged-16 || !strings.HasSuffix(got, "...") {
			t.Errorf("%.12q...: %d bytes, want just under %d and dots at the end", value, len(got), maxLogged)
		}
	}
	for _, c := range []struct{ value, want string }{{"abcdefg", "abcdefg"}, {"abcdefgh", "abcd..."}, {"abc\x00", "abc..."}} {
		if got := cleanTo(c.value, 7); got != c.want {
			t.Errorf("%q in 7 bytes: %q, want %q", c.value, got, c.want)
		}
	}
	whole := strings.Repeat("x", maxLogged)
	if got := Clean(whole); got != whole {
		t.Error("a value of 4 KiB was cut")
	}
}

// An escape has the digits that its letter says: four for the first 65,536 characters, eight for those beyond.
func TestAnEscapeIsLongWhereFourDigitsAreTooFew(t *testing.T) {
	for _, c := range []struct {
		r          rune
		text, toml string
	}{{0x7f, `\u007f`, `\u007F`}, {0xffff, `\uffff`, `\uFFFF`}, {0x10000, `\U00010000`, `\U00010000`}} {
		if text, toml := escape(c.r), tomlEscape(c.r); text != c.text || toml != c.toml {
			t.Errorf("%U: %s and %s, want %s and %s", c.r, text, toml, c.text, c.toml)
		}
	}
}

func TestTOMLReadsBackAsTheValue(t *testing.T) {
	for _, c := range []struct{ value, key, text string }{
		{"Analysts", "Analysts", `"Analysts"`},
		{"6cab8f93-8e22", "6cab8f93-8e22", `"6cab8f93-8e22"`},
		{"a_z-A_Z-0_9", "a_z-A_Z-0_9", `"a_z-A_Z-0_9"`},
		{"Team A", `"Team A"`, `"Team A"`},
		{"\xff", `"\uFFFD"`, `"\uFFFD"`},
		{"", `""`, `""`},
		{`CONTOSO\Team A`, `'CONTOSO\Team A'`, `'CONTOSO\Team A'`},
		{`say "hi"`, `'say "hi"'`, `'say "hi"'`},
		{`it's a \ "x"`, `"it's a \\ \"x\""`, `"it's a \\ \"x\""`},
		{"tab\there", `"tab\u0009here"`, `"tab\u0009here"`},
		{"bidi\u202e", `"bidi\u202E"`, `"bidi\u202E"`},
		{"\U000e0041", `"\U000E0041"`, `"\U000E0041"`},
		{"Grüße", `"Grüße"`, `"Grüße"`},
	} {
		if got := TOMLKey(c.value); got != c.key {
			t.Errorf("TOMLKey(%q) = %s, want %s", c.value, got, c.key)
		}
		if got := TOMLString(c.value); got != c.text {
			t.Errorf("TOMLString(%q) = %s, want %s", c.value, got, c.text)
		}
	}
}
