package mapping

import (
	"slices"
	"strings"
	"testing"
)

// A GUID in brackets that do not belong together, or with something around it, is none.
func TestALooseGUIDIsWhole(t *testing.T) {
	const guid = "6cab8f93-8e22-4947-80c3-c6ed549cb47a"
	for text, want := range map[string]string{
		guid: guid, "{" + guid + "}": guid, "(" + guid + ")": guid, "urn:uuid:" + guid: guid, "Urn:Uuid:(" + guid + ")": guid,
		"6cab8f938e22494780c3c6ed549cb47a": guid, "{6CAB8F938E22494780C3C6ED549CB47A}": guid,
		"{" + guid + ")": "", "(" + guid + "}": "", "{" + guid + "x": "", "x" + guid + "}": "", "(" + guid + "x": "", "x" + guid + ")": "",
		"[" + guid + "]": "", "{{" + guid + "}}": "", "urn:uuid:": "", "{": "", "{}": "", "": "", "urn:uuid" + guid: "", "urn-uuid:" + guid: "",
		guid[:35]: "", guid + "0": "", guid[:35] + "g": "", guid[:35] + "/": "", guid[:35] + ":": "", guid[:35] + "@": "", guid[:35] + "G": "", guid[:35] + "`": "",
		guid[:35] + "0": guid[:35] + "0", guid[:35] + "9": guid[:35] + "9", guid[:35] + "F": guid[:35] + "f", guid[:35] + "A": guid[:35] + "a", guid[:35] + "f": guid[:35] + "f",
		guid[:8] + "0" + guid[9:]: "", guid[:13] + "0" + guid[14:]: "", guid[:18] + "0" + guid[19:]: "", guid[:23] + "0" + guid[24:]: "", guid[:35] + "-": "",
		"6cab8f938e22494780c3c6ed549cb47": "", "6cab8f938e22494780c3c6ed549cb47a0": "", "-6cab8f938e22494780c3c6ed549cb47": "",
	} {
		if got, ok := looseGUID(text); got != want || ok != (want != "") {
			t.Errorf("%q: want %q, got %q, %v", text, want, got, ok)
		}
	}
}

// Of similar names the one with the fewest typing errors is suggested: at most 2, at most 1 in a name of three to five
// letters, and none in a shorter one.
func TestTheMostSimilarNameIsSuggested(t *testing.T) {
	for _, row := range []struct {
		wanted string
		names  []string
		want   string
	}{
		{"Analysts", []string{"Analyst"}, "Analyst"},
		{"analyst", []string{"Analysts"}, "Analysts"},
		{"Analysts", []string{"Analy"}, ""},
		{"Analysts", []string{"Anolists"}, "Anolists"},
		{"Analysts", []string{"Enolists"}, ""},
		{"Analysts", []string{"Anolists", "Analists"}, "Analists"},
		{"Analysts", []string{"Analists", "Anolists"}, "Analists"},
		{"Analysts", []string{"Analists", "Analysis"}, "Analists"},
		{"Analysts", []string{"Analists", " analysts"}, " analysts"},
		{"xAnalysts", []string{"Analysts"}, "Analysts"},
		{"Analysts", []string{"xAnalysts"}, "xAnalysts"},
		{"xyAnalysts", []string{"Analysts"}, "Analysts"},
		{"xyAnalysts", []string{"Analystsz"}, ""},
		{"Analystsz", []string{"xyAnalysts"}, ""},
		{"nalysts", []string{"Analystsz"}, "Analystsz"},
		{"abcdef", []string{"abcdxy"}, "abcdxy"},
		{"abcde", []string{"abcxy"}, ""},
		{"abcde", []string{"abcxe"}, "abcxe"},
		{"abc", []string{"abx"}, "abx"},
		{"abc", []string{"axy"}, ""},
		{"ab", []string{"ax"}, ""},
		{"ab", []string{"AB"}, "AB"},
		{"ops", nil, ""},
		{"ÄÖÜ", []string{"ÄÖX"}, "ÄÖX"},
	} {
		if got, ok := (form{}).similar(row.wanted, row.names); got != row.want || ok != (row.want != "") {
			t.Errorf("%q among %q: want %q, got %q, %v", row.wanted, row.names, row.want, got, ok)
		}
	}
}

// The distance is that of Levenshtein, or the limit where it is at least that.
func TestTypingErrorsAreCounted(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"kitten", "sitting", 3}, {"saturday", "sunday", 3}, {"abc", "ABC", 0}, {"ab", "ba", 2},
		{"xyabc", "abcz", 3}, {"abcz", "xyabc", 3}, {"flaw", "lawn", 2}, {"éa", "ea", 1},
	} {
		for limit := 1; limit < 6; limit++ {
			if got, want := typingErrors(row.a, row.b, limit), min(row.want, limit); got != want {
				t.Errorf("%q and %q within %d: want %d, got %d", row.a, row.b, limit, want, got)
			}
		}
	}
}

// Names that differ in what can be seen are shown as they are written; only those that look the same are shown in ASCII.
func TestNamesThatLookDifferentAreShownAsWritten(t *testing.T) {
	normalize := func(s string) string { return strings.ReplaceAll(s, "u\u0308", "\u00fc") }
	for _, row := range []struct{ first, second, want string }{
		{"Zürich", "zürich", `"zürich" and "Zürich" differ by case only`},
		{"Zürich", "Zürich ", `"Zürich " and "Zürich" differ by blanks only`},
		{"Zürich", "Zu\u0308rich", `"Zu\u0308rich" and "Z\u00fcrich" differ by Unicode form only`},
	} {
		_, faults := Compile(Rules{CaseSensitive: true, Normalize: normalize, Providers: []Provider{{Name: "contoso"}},
			Groups: []Local{{Name: row.first}, {Name: row.second}}})
		var got []string
		for _, f := range faults {
			got = append(got, f.Problem)
		}
		if !slices.Contains(got, row.want) {
			t.Errorf("want %s among %q", row.want, got)
		}
	}
}

// Prefixes are compared whichever provider stands first, and not with themselves.
func TestPrefixesAreComparedBothWays(t *testing.T) {
	const hint = `a user here can have the same user name as one of provider "first"`
	for _, row := range []struct {
		first, second Provider
		want          []string
	}{
		{Provider{Name: "first", UserPrefix: "x:"}, Provider{Name: "second"}, []string{hint}},
		{Provider{Name: "first"}, Provider{Name: "second", UserPrefix: "x:"}, []string{hint}},
		{Provider{Name: "first", UserPrefix: "x:"}, Provider{Name: "second", UserPrefix: "y:"}, nil},
		{Provider{Name: "first", UserPrefix: "x:"}, Provider{Name: "second", UserIsGUID: true}, nil},
		{Provider{Name: "first", UserPrefix: "6cab8f93-"}, Provider{Name: "second", UserIsGUID: true}, []string{hint}},
		{Provider{Name: "first", UserIsGUID: true}, Provider{Name: "second", UserPrefix: strings.Repeat("0", 40)}, nil},
		{Provider{Name: "first", UserPrefix: "6cab8f93-8e22-4947-80c3-c6ed549cb47"}, Provider{Name: "second", UserIsGUID: true}, []string{hint}},
		{Provider{Name: "first", UserPrefix: "6cab8f93-8e22-4947-80c3-c6ed549cb47a"}, Provider{Name: "second", UserIsGUID: true}, nil},
		{Provider{Name: "first"}, Provider{Name: "first"}, []string{`provider "first" stands here twice`}},
	} {
		_, faults := Compile(Rules{Providers: []Provider{row.first, row.second}})
		var got []string
		for _, f := range faults {
			if strings.HasPrefix(f.Problem, "a user here") || !f.Notice {
				got = append(got, f.Problem)
			}
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%q and %q: want %q, got %q", row.first.UserPrefix, row.second.UserPrefix, row.want, got)
		}
	}
}

// Ignoring case is no reason to be silent about what else tells two names apart.
func TestBlanksAreToldWhereCaseIsIgnored(t *testing.T) {
	_, faults := Compile(Rules{Providers: []Provider{{Name: "contoso"}}, Groups: []Local{{Name: "Team A"}, {Name: "Team  A"}}})
	if !slices.ContainsFunc(faults, func(f Fault) bool { return f.Problem == `"Team  A" and "Team A" differ by blanks only` }) {
		t.Errorf("got %+v", faults)
	}
}

// Groups that the configuration gives need not stand in tokens, in whatever order it names them.
func TestGivenGroupsAreNoMixture(t *testing.T) {
	rules := Rules{
		CaseSensitive: true, Providers: []Provider{{Name: "contoso"}}, DefaultGroups: []string{"d", "c"},
		Groups:          []Local{{Name: "6cab8f93-8e22-4947-80c3-c6ed549cb47a"}, {Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}},
		Users:           []User{{Provider: "contoso", ID: "ada", Groups: []string{"b"}}},
		ServiceAccounts: []ServiceAccount{{Provider: "contoso", ObjectID: "690222be-ff1a-4d56-abd1-7e4f7d38e474", Groups: []string{"a"}}},
	}
	mixture := func(f Fault) bool { return strings.Contains(f.Problem, "stand for groups") }
	if _, faults := Compile(rules); slices.ContainsFunc(faults, mixture) {
		t.Errorf("got %+v", faults)
	}
	rules.DefaultGroups = nil
	_, faults := Compile(rules)
	if i := slices.IndexFunc(faults, mixture); i < 0 || !strings.Contains(faults[i].Problem, "object IDs (1) and names (2)") {
		t.Errorf("got %+v", faults)
	}
}

// An id that is none is told as that alone: two of them are not one application.
func TestTwoBadObjectIDsAreNoTwins(t *testing.T) {
	_, faults := Compile(Rules{Providers: []Provider{{Name: "contoso"}}, Groups: []Local{{Name: "a"}},
		ServiceAccounts: []ServiceAccount{{Provider: "contoso", ObjectID: "x"}, {Provider: "contoso", ObjectID: "y"}}})
	var got []string
	for _, f := range faults {
		if !f.Notice {
			got = append(got, f.Problem)
		}
	}
	if want := []string{`want a GUID, got "x"`, `want a GUID, got "y"`}; !slices.Equal(got, want) {
		t.Errorf("want %q, got %q", want, got)
	}
}

// Where case is ignored, a GUID in upper case matches, and one in braces still does not.
func TestAGUIDInBracesNeverMatches(t *testing.T) {
	const guid = "6CAB8F93-8E22-4947-80C3-C6ED549CB47A"
	for text, want := range map[string]bool{guid: false, "{" + guid + "}": true} {
		_, faults := Compile(Rules{Providers: []Provider{{Name: "contoso"}}, Groups: []Local{{Name: text}}})
		if got := slices.ContainsFunc(faults, func(f Fault) bool { return strings.Contains(f.Problem, "never matches") }); got != want {
			t.Errorf("%s: want a notice: %v, got %+v", text, want, faults)
		}
	}
}

// A character that cannot be seen is told wherever it stands.
func TestAHiddenCharacterAtTheBeginningIsTold(t *testing.T) {
	for _, name := range []string{"\u200bAnalysts", "A\u200bnalysts", "Analysts\u200b"} {
		_, faults := Compile(Rules{CaseSensitive: true, Providers: []Provider{{Name: "contoso"}}, Groups: []Local{{Name: name}}})
		if !slices.ContainsFunc(faults, func(f Fault) bool { return strings.HasSuffix(f.Problem, "holds U+200B, which cannot be seen") }) {
			t.Errorf("%+q: got %+v", name, faults)
		}
	}
}
