package access

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/vectors"
	"github.com/claimd/claimd/mapping"
)

// decoded is what an API makes of a list in an identity header: it cuts at the commas, then decodes each part.
func decoded(t *testing.T, header string) []string {
	t.Helper()
	var values []string
	for part := range strings.SplitSeq(header, ",") {
		value, err := url.PathUnescape(part)
		if err != nil {
			t.Fatalf("%q cannot be decoded: %v", part, err)
		}
		values = append(values, value)
	}
	return values
}

// FAULTS 112: what stands in a claim must reach the API as it is, and as nothing more. Each naughty string is a user, a name
// and a group here, alone and all of them in one list.
func TestANaughtyStringSurvivesItsHeader(t *testing.T) {
	all := vectors.NaughtyStrings(t)
	header := encodeList(all)
	if got := decoded(t, header); !slices.Equal(got, all) {
		t.Error("the list of all is read back as another list")
	}
	for _, value := range all {
		encoded := encodeValue(value)
		if strings.ContainsFunc(encoded, func(r rune) bool { return r < ' ' || r > '~' }) || encoded != strings.TrimSpace(encoded) {
			t.Errorf("%+q is written as %q", value, encoded)
		}
		// Beside values that a careless cut would run together with it.
		list := []string{value, "", value + ",", " ", value, "%"}
		if got := decoded(t, encodeList(list)); !slices.Equal(got, list) {
			t.Errorf("%+q is read back as %+q", list, got)
		}
		fields, _ := render(headerLines(config.Headers{User: "Remote-User", Name: "Remote-Name", Roles: "Remote-Roles"}),
			&Identity{Identity: mapping.Identity{User: value, FirstName: value, Roles: []string{value}}})
		for _, field := range fields {
			if got := decoded(t, field.Value); !slices.Equal(got, []string{value}) {
				t.Errorf("%s: %+q is read back as %+q", field.Name, value, got)
			}
		}
	}
}

// FAULTS 179: Clean gives back what can be shown and escapes the rest; no two strings of the list become one.
func TestANaughtyStringIsCleanedOrStays(t *testing.T) {
	seen := map[string]string{}
	for _, value := range vectors.NaughtyStrings(t) {
		clean := Clean(value)
		hidden := func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }
		if strings.ContainsFunc(clean, hidden) || (clean == value) == strings.ContainsFunc(value, func(r rune) bool { return hidden(r) || r == unicode.ReplacementChar }) {
			t.Errorf("%+q is cleaned to %+q", value, clean)
		}
		if other, ok := seen[clean]; ok {
			t.Errorf("%+q and %+q are both cleaned to %+q", value, other, clean)
		}
		seen[clean] = value
	}
}

// What explain and denials give to paste says the group that was missing, whatever its name, and is one line each.
func TestANaughtyNameToPasteIsThatName(t *testing.T) {
	names := vectors.NaughtyStrings(t)[1:]
	text := "[groups]\n"
	j := &judgement{snapshot: &Snapshot{config: &config.Config{}}, provider: &provider{config: &config.Provider{}}}
	for _, name := range names {
		step := mapping.Step{Source: mapping.FromGroups, Value: name}
		_, line, _ := strings.Cut(j.groupLines([]mapping.Step{step}), "\n")
		if strings.ContainsFunc(line, unicode.IsControl) {
			t.Errorf("%+q: the line to paste is %+q", name, line)
		}
		text += line + "\n"
	}
	tree := &config.Tree{Path: "claimd.toml", Files: []config.File{{Path: "claimd.toml", Bytes: []byte(text)}}}
	parsed, faults := tree.Parse()
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for i, group := range parsed.Groups {
		if group.Name != names[i] {
			t.Errorf("%+q is pasted as %+q", names[i], group.Name)
		}
	}
	if got := len(parsed.Groups); got != len(names) {
		t.Errorf("%d groups are pasted, want %d", got, len(names))
	}
}
