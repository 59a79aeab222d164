package directory

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func suiteHeld(t *testing.T, s store) {
	app := seen("robot", 9).had("B")
	app.App = true
	role := seen("role", 4)
	role.Roles = []Held{{"B", FromClaim}}
	mustSee(t, s, seen("one", 1).had("A", "B"), seen("two", 2).had("B"), app, role, seen("three", 3).had("a", "Ä"))
	counts, err := s.held(t.Context(), Groups)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "groups", counts, []Count{{"A", 1, after(1)}, {"B", 3, after(9)}, {"a", 1, after(3)}, {"Ä", 1, after(3)}})
	counts, err = s.held(t.Context(), Roles)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "roles", counts, []Count{{"B", 1, after(4)}})
	mustTouch(t, s, touch{keyOf("one").Hash(), after(20), "c"})
	counts, err = s.held(t.Context(), Groups)
	if err != nil || counts[0] != (Count{"A", 1, after(20)}) {
		t.Errorf("after a touch: %+v, %v", counts, err)
	}
}

func suiteUnmatched(t *testing.T, s store) {
	with := func(id string, minutes int, provider string, groups, roles []string) *Sighting {
		s := seen(id, minutes)
		s.Provider, s.UnmatchedGroups, s.UnmatchedRoles = provider, groups, roles
		s.User = "name of " + id
		return s
	}
	app := with("robot", 9, "contoso", []string{"X"}, nil)
	app.App = true
	mustSee(t, s, with("one", 1, "contoso", []string{"X", "Y"}, []string{"X"}), with("two", 2, "contoso", []string{"X"}, nil),
		with("three", 3, "fabrikam", []string{"X"}, nil), app, seen("four", 4).had("X"))
	want := []Unmatched{
		{Groups, "X", "contoso", 3, after(9), keyOf("robot"), "name of robot"},
		{Groups, "X", "fabrikam", 1, after(3), keyOf("three"), "name of three"},
		{Groups, "Y", "contoso", 1, after(1), keyOf("one"), "name of one"},
		{Roles, "X", "contoso", 1, after(1), keyOf("one"), "name of one"},
	}
	got, err := s.unmatched(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 || got[0] != want[0] {
		t.Errorf("unmatched: %+v\nwanted %+v", got, want)
	}
	byText := func(a, b Unmatched) int {
		return strings.Compare(fmt.Sprint(a.Claim, a.Value, a.Provider), fmt.Sprint(b.Claim, b.Value, b.Provider))
	}
	slices.SortFunc(got, byText)
	slices.SortFunc(want, byText)
	wantEqual(t, "unmatched", got, want)
	if got, err := s.unmatched(t.Context(), 2); err != nil || len(got) != 2 || got[0].Users != 3 {
		t.Errorf("at most 2: %+v, %v", got, err)
	}
}

func suiteManyGroups(t *testing.T, s store) {
	var groups []string
	for i := range 200 {
		groups = append(groups, fmt.Sprintf("group %03d", i))
	}
	sighting := seen("ada", 0).had(groups...)
	sighting.UnmatchedGroups = []string{}
	for i := range 200 {
		sighting.UnmatchedGroups = append(sighting.UnmatchedGroups, fmt.Sprintf("value %03d", i))
	}
	mustSee(t, s, sighting)
	got := mustUser(t, s, "ada")
	wantEqual(t, "groups", got.Groups, sighting.Groups)
	wantEqual(t, "unmatched", got.UnmatchedGroups, sighting.UnmatchedGroups)
	fewer := seen("ada", 1).had(groups[100:]...)
	mustSee(t, s, fewer)
	got = mustUser(t, s, "ada")
	wantEqual(t, "groups", got.Groups, fewer.Groups)
	wantEqual(t, "unmatched", len(got.UnmatchedGroups), 0)
}
