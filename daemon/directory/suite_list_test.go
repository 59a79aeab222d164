package directory

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func suitePages(t *testing.T, s store) {
	var want []string
	var sightings []*Sighting
	for i := range 25 {
		id := fmt.Sprintf("user%02d", i)
		sightings = append(sightings, seen(id, (i*7)%25))
	}
	mustSee(t, s, sightings...)
	slices.SortFunc(sightings, func(a, b *Sighting) int { return b.At.Compare(a.At) })
	for _, sighting := range sightings {
		want = append(want, sighting.Key.ID)
	}
	mustAct(t, s, "never1", Invite)
	want = append(want, "never1")
	for _, limit := range []int{1, 7, 25, 26, 27, MaxPage} {
		wantEqual(t, fmt.Sprintf("by %d", limit), ids(t, s, Query{}, limit), want)
	}
	// Many of one moment: each exactly once.
	var same []*Sighting
	for i := range 30 {
		same = append(same, seen(fmt.Sprintf("same%02d", i), 50))
	}
	mustSee(t, s, same...)
	mustAct(t, s, "never2", Invite)
	got := ids(t, s, Query{}, 7)
	if len(got) != 57 || len(slices.Compact(slices.Sorted(slices.Values(got)))) != 57 {
		t.Errorf("by pages of 7, %d users come: %v", len(got), got)
	}
	for _, id := range got[:30] {
		if !strings.HasPrefix(id, "same") {
			t.Errorf("%s comes before those seen last", id)
		}
	}
	for _, id := range got[55:] {
		if !strings.HasPrefix(id, "never") {
			t.Errorf("%s comes after those never seen", id)
		}
	}
}

func suiteSelected(t *testing.T, s store) {
	app := seen("robot", 10).had("A")
	app.App = true
	waiting := seen("waiting", 4).had("A")
	waiting.Waiting = true
	other := seen("other", 5).had("B")
	other.Provider = "fabrikam"
	both := seen("both", 3).had("A", "B")
	both.Roles = []Held{{"A", FromClaim}, {"reader", FromClaim}}
	reader := seen("reader", 2)
	reader.Roles = []Held{{"reader", FromDefault}}
	mustSee(t, s, app, waiting, other, both, reader, seen("a", 1).had("A"), seen("b", 0).had("B"))
	mustAct(t, s, "a", Deactivate)
	mustAct(t, s, "never", Deactivate)
	for _, row := range []struct {
		name  string
		query Query
		want  []string
	}{
		{"all users", Query{}, []string{"other", "waiting", "both", "reader", "a", "b", "never"}},
		{"service accounts", Query{Apps: true}, []string{"robot"}},
		{"a group", Query{Group: "A"}, []string{"waiting", "both", "a"}},
		{"a group's service accounts", Query{Group: "A", Apps: true}, []string{"robot"}},
		{"a group in another case", Query{Group: "a"}, nil},
		{"a role", Query{Role: "reader"}, []string{"both", "reader"}},
		{"a group and a role", Query{Group: "B", Role: "reader"}, []string{"both"}},
		{"a role of a group's name", Query{Role: "B"}, nil},
		{"active", Query{State: Active}, []string{"other", "both", "reader", "b"}},
		{"inactive", Query{State: Inactive}, []string{"a", "never"}},
		{"waiting", Query{State: Waiting}, []string{"waiting"}},
		{"a group's inactive", Query{State: Inactive, Group: "A"}, []string{"a"}},
		{"a provider", Query{Provider: "fabrikam"}, []string{"other"}},
		{"a provider that is none", Query{Provider: "nowhere"}, nil},
		{"never seen has the provider it was named with", Query{Provider: "contoso", State: Inactive}, []string{"a", "never"}},
		{"seen after", Query{SeenAfter: after(3)}, []string{"other", "waiting", "both"}},
		{"seen before", Query{SeenBefore: after(3)}, []string{"reader", "a", "b"}},
		{"seen between", Query{SeenAfter: after(1), SeenBefore: after(3)}, []string{"reader", "a"}},
		{"everything at once", Query{
			Group: "A", Role: "A", State: Active, Provider: "contoso", SeenAfter: after(3), SeenBefore: after(4),
		}, []string{"both"}},
	} {
		for _, limit := range []int{1, 3, 100} {
			wantEqual(t, fmt.Sprintf("%s, by %d", row.name, limit), ids(t, s, row.query, limit), row.want)
		}
	}
}

func suiteCursor(t *testing.T, s store) {
	for _, cursor := range []string{"x", "?", "AAAA", "MTIz", strings.Repeat("A", 1000), "\x00"} {
		if page, err := s.users(t.Context(), Query{Limit: 1, Cursor: cursor}); err == nil {
			t.Errorf("the cursor %.20q gives %+v, wanted an error", cursor, page)
		}
	}
}

func suiteFind(t *testing.T, s store) {
	one := seen("id1", 0)
	one.User = "contoso:ada"
	two := seen("contoso:ada", 0)
	two.Key.Authority = "https://issuer.example/"
	mustSee(t, s, one, two, seen("id3", 0))
	for id, want := range map[string][]Key{
		"id1":         {one.Key},
		"contoso:ada": {one.Key, two.Key},
		"ID1":         nil,
		"id":          nil,
		"":            nil,
	} {
		keys, err := s.find(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "find "+id, keys, want)
	}
	var many []*Sighting
	for i := range 15 {
		sighting := seen(fmt.Sprintf("many%02d", i), i)
		sighting.User = "everybody"
		many = append(many, sighting)
	}
	mustSee(t, s, many...)
	keys, err := s.find(t.Context(), "everybody")
	if err != nil || len(keys) != 10 || keys[0].ID != "many00" || keys[9].ID != "many09" {
		t.Errorf("find gives %v, %v; wanted the first ten", keys, err)
	}
}

func suiteEach(t *testing.T, s store) {
	robot := seen("robot", 50)
	robot.App = true
	mustSee(t, s, ada(), robot)
	var many []*Sighting
	want := []string{"robot"}
	for i := range 1100 {
		one := seen(fmt.Sprintf("user%04d", i), 40)
		one.At = one.At.Add(-time.Duration(i) * time.Second)
		many = append(many, one)
		want = append(want, one.Key.ID)
	}
	mustSee(t, s, many...)
	mustAct(t, s, "never", Invite)
	want = append(want, ada().Key.ID, "never")
	var got []string
	err := s.each(t.Context(), func(user User) error {
		got = append(got, user.Key.ID)
		if user.Key == ada().Key {
			bare := adaUser()
			bare.Groups, bare.Roles, bare.UnmatchedGroups, bare.UnmatchedRoles = []Held{}, []Held{}, nil, nil
			wantUser(t, user, bare)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "each", got, want)
	enough, calls := errors.New("enough"), 0
	err = s.each(t.Context(), func(User) error {
		calls++
		if calls == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || calls != 3 {
		t.Errorf("each ended after %d calls with %v", calls, err)
	}
}
