package daemon_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/vectors"
)

// namedSo declares a group and a role of each name. The user is whoever sub names, and roles stand in a claim of their own.
func namedSo(names []string) plan {
	var lines strings.Builder
	for _, name := range names {
		for _, r := range name {
			if lines.Len() == 0 || strings.HasSuffix(lines.String(), "\n") {
				lines.WriteByte('"')
			}
			fmt.Fprintf(&lines, `\U%08X`, r)
		}
		lines.WriteString("\" = \"\"\n")
	}
	return plan{claims: "user = \"sub\"\nroles = \"roles\"", groups: lines.String(), roles: lines.String()}
}

// TestNaughtyStringsPassThroughTheWholeDaemon sends each of the big list of naughty strings through a tenant's token, the
// mapping, and a real HTTP answer, as the user, his name and address, and his groups and roles (FAULTS 82, 86, 87, 112): the API
// sees exactly those, in the headers and in whoami.
func TestNaughtyStringsPassThroughTheWholeDaemon(t *testing.T) {
	w := newWorld(t)
	names := vectors.NaughtyStrings(t)[1:]
	c := w.own(t, namedSo(names))
	for i, name := range names {
		groups := []string{name, names[(i+1)%len(names)], names[(i+2)%len(names)]}
		slices.Sort(groups)
		token := w.ada(t, claims{"sub": name, "email": name, "given_name": name, "family_name": nil, "roles": name, "groups": groups})
		a := c.ask(t, token)
		if a.status != http.StatusOK {
			t.Fatalf("%+q: got %s", name, a)
		}
		for field, want := range map[string][]string{
			"Remote-User": {name}, "Remote-Email": {name}, "Remote-Name": {name}, "Remote-Roles": {name}, "Remote-Groups": groups,
		} {
			if got := decodedHeader(t, a.header.Get(field)); !slices.Equal(got, want) {
				t.Errorf("%s: got %+q, want %+q", field, got, want)
			}
		}
		if i%3 != 0 {
			continue // the groups of every third whoami are all names
		}
		var got struct {
			User, Email   string
			FirstName     string `json:"first_name"`
			Groups, Roles []string
		}
		body := fetch(t, http.MethodGet, c.gate+"/whoami", http.Header{"Authorization": {"Bearer " + token}}).body
		must(t, json.Unmarshal([]byte(body), &got))
		if got.User != name || got.Email != name || got.FirstName != name || !slices.Equal(got.Groups, groups) || !slices.Equal(got.Roles, []string{name}) {
			t.Errorf("whoami of %+q: got %+q", name, got)
		}
	}
}

// decodedHeader reads an identity header as an API does, and holds it against printable ASCII.
func decodedHeader(t *testing.T, header string) []string {
	t.Helper()
	if strings.ContainsFunc(header, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("the header %+q is not of printable ASCII", header)
	}
	var values []string
	for part := range strings.SplitSeq(header, ",") {
		value, err := url.PathUnescape(part)
		must(t, err)
		values = append(values, value)
	}
	return values
}

// FAULTS 85: a configuration with every one of them is sound, and what cannot be told apart by looking is worth a notice.
func TestNaughtyNamesLoadWithNotices(t *testing.T) {
	names := vectors.NaughtyStrings(t)[1:]
	p := namedSo(names)
	text := p.text(startTenant(t, people(contosoTenant)))
	kinds := map[string]int{}
	for _, fault := range loadFaults(t, text) {
		if !fault.Notice {
			t.Errorf("got %s", fault)
		}
		if fault.Line == 0 {
			t.Errorf("a notice without a line: %s", fault)
		}
		kinds[kindOf(fault)]++
	}
	want := map[string]int{"is empty: a token with any scope of the API will do": 1}
	for _, table := range []string{"groups ", "roles "} {
		want[table+"which cannot be seen"] = 18
		want[table+"holds blanks"] = 6
		want[table+"is not in its Unicode normal form"] = 36
		want[table+"differ by"] = 21
		want[table+"is no pattern"] = 7
	}
	if !maps.Equal(kinds, want) {
		t.Errorf("got the notices %v, want %v", kinds, want)
	}
}

// kindOf gives what a notice of a name is about.
func kindOf(fault config.Fault) string {
	table, _, _ := strings.Cut(fault.Key, ".")
	for _, kind := range []string{
		"which cannot be seen", "holds blanks", "is not in its Unicode normal form", "mixes letters", "is no pattern", "differ by",
	} {
		if strings.Contains(fault.Problem, kind) {
			return table + " " + kind
		}
	}
	return fault.Problem
}
