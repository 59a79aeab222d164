package graph

import (
	"slices"
	"testing"

	"github.com/claimd/claimd/daemon/entratest"
)

// What decides is asked, by the question that fits: up to 60 groups by checkMemberGroups, 20 a call; more by one
// getMemberGroups, and for who is in more than 11,000 by the pages of transitiveMemberOf.
func TestTheQuestionFitsTheNumberOfGroups(t *testing.T) {
	s := theSite(t)
	tests := []struct {
		name    string
		user    string
		asked   []string
		want    []string
		check   int // calls of each kind
		all     int
		through int
	}{
		{"one group", lovelace, []string{analysts}, []string{analysts}, 1, 0, 0},
		{"a group the user is not in", lovelace, []string{auditors}, nil, 1, 0, 0},
		{"twenty", lovelace, append(fillers(18), analysts, auditors), []string{analysts}, 1, 0, 0},
		{"twenty-one", lovelace, append(fillers(19), analysts, operators), []string{analysts, operators}, 2, 0, 0},
		{"sixty", lovelace, append(fillers(58), analysts, nobodys), []string{analysts}, 3, 0, 0},
		{"sixty-one", lovelace, append(fillers(59), analysts, nobodys), []string{analysts}, 0, 1, 0},
		{"a user in few groups", turing, append(fillers(70), analysts, nobodys), []string{analysts}, 0, 1, 0},
		{"sixty of 12,000", hopper, append(fillers(58), analysts, auditors), []string{analysts, auditors}, 3, 0, 0},
		{"sixty-one of 12,000", hopper, append(fillers(59), operators, auditors), []string{auditors}, 0, 1, 13},
		{"twice the same", lovelace, []string{analysts, "1A0C4F6E-5B92-4D37-8E61-D03F7CA2B594"}, []string{analysts}, 1, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := s.graph(t)
			names := []string{"graph checkMemberGroups", "graph getMemberGroups", "graph transitiveMemberOf", "graph"}
			var before []int
			for _, name := range names {
				before = append(before, s.Requests(name))
			}
			tells(t, g, test.user, about(t, test.asked...), test.want...)
			tells(t, g, test.user, about(t, test.asked...), test.want...) // the second time from what is kept
			want := []int{test.check, test.all, test.through, test.check + test.all + test.through}
			for i, name := range names {
				if got := s.Requests(name) - before[i]; got != want[i] {
					t.Errorf("%s: want %d calls, got %d", name, want[i], got)
				}
			}
			if status := g.Status(); status.LookUps != 1 || status.Hits != 1 || int(status.Calls) != want[3] || status.Tokens != 2 || status.Kept != 1 {
				t.Errorf("got the status %+v", status)
			}
		})
	}
}

// All pages are read, of any size, and a group of each counts.
func TestEveryPageCounts(t *testing.T) {
	s := theSite(t)
	asked := append(fillers(60), s.GroupsOf("ada")...)
	slices.Sort(asked)
	want := slices.Clone(s.GroupsOf("ada"))
	slices.Sort(want)
	for _, size := range []int{5, 100, 200, 201} {
		g := s.graph(t)
		s.SetGraphFaults(entratest.GraphFaults{PageSize: size})
		before := s.Requests("graph")
		tells(t, g, lovelace, about(t, asked...), want...)
		if got, want := s.Requests("graph")-before, (201+size-1)/size; got != want {
			t.Errorf("want %d pages of %d, got %d", want, size, got)
		}
	}
}

// FAULTS 103: the token names an address to ask at. Nobody goes there: the question has no place for an address.
func TestTheAddressInTheTokenIsNeverCalled(t *testing.T) {
	s := theSite(t)
	token, err := s.Mint(entratest.Request{User: "ada", Client: askerID, Claims: map[string]any{
		"_claim_sources": map[string]any{"src1": map[string]any{"endpoint": s.ClaimSource("ada")}},
	}})
	if err != nil || token == "" {
		t.Fatal(err)
	}
	g := s.graph(t)
	tells(t, g, lovelace, about(t, analysts, auditors), analysts)
	tells(t, g, lovelace, about(t, append(fillers(80), analysts)...), analysts)
	if got := s.Requests("claim source"); got != 0 {
		t.Errorf("the address in the token was called %d times", got)
	}
}

func TestAQuestionIsAboutObjectIDs(t *testing.T) {
	tests := map[string]struct {
		groups []string
		want   string
	}{
		"none":    {nil, "want the object IDs of the groups to ask about, got none"},
		"a name":  {[]string{analysts, "Analysts"}, `want the object IDs of groups, got "Analysts"`},
		"a path":  {[]string{"../../me"}, `want the object IDs of groups, got "../../me"`},
		"nothing": {[]string{""}, `want the object IDs of groups, got ""`},
	}
	for name, test := range tests {
		if _, err := NewQuestion(test.groups); err == nil || err.Error() != test.want {
			t.Errorf("%s: want %s, got %v", name, test.want, err)
		}
	}
}

// The user's id becomes part of an address: what is no GUID never does.
func TestOnlyAnObjectIDIsAUser(t *testing.T) {
	s := theSite(t)
	g := s.graph(t)
	for _, user := range []string{"", "ada@contoso.example", lovelace + "/", "../groups", lovelace[:35] + "?"} {
		fails(t, g, user, about(t, analysts), User, "microsoft graph: want the user's object ID, a GUID, got something else")
	}
	tells(t, g, "C4E8A1D7-29B6-4F03-8C5D-70E1B93A6F42", about(t, analysts), analysts)
	if got := s.Requests("graph"); got != 1 {
		t.Errorf("want one call, got %d", got)
	}
}

// Two configurations that ask about different groups never share an answer; the order in which they name them is no
// difference.
func TestAnAnswerIsForTheGroupsThatWereAskedAbout(t *testing.T) {
	s := theSite(t)
	g := s.graph(t)
	tells(t, g, lovelace, about(t, analysts), analysts)
	tells(t, g, lovelace, about(t, analysts, operators), analysts, operators)
	tells(t, g, lovelace, about(t, operators, analysts), analysts, operators)
	tells(t, g, lovelace, about(t, operators, analysts, operators), analysts, operators)
	tells(t, g, turing, about(t, analysts, operators), analysts)
	if got := g.Status(); got.LookUps != 3 || got.Hits != 2 || got.Kept != 3 {
		t.Errorf("want 3 look-ups and 2 hits, got %+v", got)
	}
}
