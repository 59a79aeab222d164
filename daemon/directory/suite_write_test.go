package directory

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
)

func suiteEmpty(t *testing.T, s store) {
	all, sequence := loadAll(t, s)
	if len(all) != 0 || sequence != 0 {
		t.Errorf("load gives %v and sequence %d", all, sequence)
	}
	page, err := s.users(t.Context(), Query{Limit: 10})
	if err != nil || page.Users == nil || len(page.Users) != 0 || page.Next != "" {
		t.Errorf("users: %+v, %v; wanted an empty page, which is [] in JSON", page, err)
	}
	if _, err := s.user(t.Context(), keyOf("nobody")); !errors.Is(err, ErrNotFound) {
		t.Errorf("user: %v, wanted ErrNotFound", err)
	}
	if keys, err := s.find(t.Context(), "nobody"); err != nil || len(keys) != 0 {
		t.Errorf("find: %v, %v", keys, err)
	}
	if changes, err := s.history(t.Context(), keyOf("nobody"), 10); err != nil || len(changes) != 0 {
		t.Errorf("history: %v, %v", changes, err)
	}
	if changes, err := s.changed(t.Context(), 0); err != nil || len(changes) != 0 {
		t.Errorf("changed: %v, %v", changes, err)
	}
	for _, kind := range []Kind{Groups, Roles} {
		if counts, err := s.held(t.Context(), kind); err != nil || counts == nil || len(counts) != 0 {
			t.Errorf("held(%s): %#v, %v; wanted an empty list", kind, counts, err)
		}
	}
	if values, err := s.unmatched(t.Context(), 10); err != nil || values == nil || len(values) != 0 {
		t.Errorf("unmatched: %#v, %v; wanted an empty list", values, err)
	}
	if figures, err := s.stats(t.Context()); err != nil || figures.Users != 0 || figures.Bytes <= 0 {
		t.Errorf("stats: %+v, %v", figures, err)
	}
	if done, err := s.write(t.Context(), batch{}); err != nil || len(done.missing)+len(done.states) != 0 {
		t.Errorf("an empty batch: %+v, %v", done, err)
	}
}

func suiteFields(t *testing.T, s store) {
	done := mustSee(t, s, ada())
	wantEqual(t, "states", done.states, map[Hash]State{ada().Key.Hash(): Active})
	wantUser(t, mustUser(t, s, ada().Key.ID), adaUser())

	page, err := s.users(t.Context(), Query{Limit: 10})
	if err != nil || len(page.Users) != 1 {
		t.Fatalf("users: %+v, %v", page, err)
	}
	want := adaUser()
	want.Claims = nil
	wantUser(t, page.Users[0], want)

	robot := &Sighting{Key: keyOf("robot"), At: after(1), Provider: "contoso", App: true}
	mustSee(t, s, robot)
	wantUser(t, mustUser(t, s, "robot"), User{
		Key: robot.Key, State: Active, Provider: "contoso", App: true, FirstSeen: after(1), LastSeen: after(1),
		Groups: []Held{}, Roles: []Held{},
	})
	figures, err := s.stats(t.Context())
	if err != nil || figures.Users != 2 || figures.Bytes <= 0 {
		t.Errorf("stats: %+v, %v; wanted 2 users", figures, err)
	}
}

func suiteTwice(t *testing.T, s store) {
	both := batch{sightings: []*Sighting{ada(), seen("bob", 1).had("A")}}
	for range 2 {
		done, err := s.write(t.Context(), both)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "states", done.states, map[Hash]State{ada().Key.Hash(): Active, keyOf("bob").Hash(): Active})
	}
	wantUser(t, mustUser(t, s, ada().Key.ID), adaUser())
	counts, err := s.held(t.Context(), Groups)
	if err != nil || len(counts) != 5 || counts[0] != (Count{"A", 1, after(1)}) {
		t.Errorf("held: %+v, %v", counts, err)
	}
}

func suiteReplaced(t *testing.T, s store) {
	mustSee(t, s, ada())
	later := &Sighting{
		Key: ada().Key, At: after(5), Provider: "fabrikam", User: "ada", Email: "ada@fabrikam.example", First: "A.", Last: "L.",
		Client: "other", Scopes: "read", Groups: []Held{{"Analysts", FromLocal}, {"New", FromClaim}},
	}
	mustSee(t, s, later)
	want := User{
		Key: ada().Key, State: Active, Provider: "fabrikam", User: "ada", Email: "ada@fabrikam.example", First: "A.", Last: "L.",
		Client: "other", Scopes: "read", FirstSeen: noon, LastSeen: after(5), Groups: later.Groups, Roles: []Held{},
	}
	wantUser(t, mustUser(t, s, ada().Key.ID), want)
	counts, err := s.held(t.Context(), Groups)
	wantEqual(t, "held", counts, []Count{{"Analysts", 1, after(5)}, {"New", 1, after(5)}})
	if err != nil {
		t.Error(err)
	}
	roles, err := s.held(t.Context(), Roles)
	if err != nil || len(roles) != 0 {
		t.Errorf("roles that she lost are counted: %+v, %v", roles, err)
	}
	values, err := s.unmatched(t.Context(), 10)
	if err != nil || len(values) != 0 {
		t.Errorf("unmatched values that she lost are counted: %+v, %v", values, err)
	}
}

// A token with a marker of overage does not tell the groups. An administrator who looked up the user of such a token was
// shown that he has none, and the groups that he had before were counted without him.
func suiteUntold(t *testing.T, s store) {
	mustSee(t, s, ada())
	overage := ada()
	overage.At, overage.Email, overage.Refused = after(5), "ada@fabrikam.example", "groups_overage"
	overage.Groups, overage.Roles, overage.UnmatchedGroups, overage.UnmatchedRoles = nil, nil, nil, nil
	overage.Claims = map[string]json.RawMessage{"_claim_names": json.RawMessage(`{"groups":"src1"}`), "groups": json.RawMessage(`null`)}
	newcomer := seen("newcomer", 5)
	newcomer.Groups, newcomer.Roles = nil, nil
	// Others of the same batch are as ever.
	mustSee(t, s, overage, newcomer, seen("other", 5).had("Analysts"))
	want := adaUser()
	want.LastSeen, want.Email, want.Refused, want.Claims = after(5), overage.Email, overage.Refused, overage.Claims
	wantUser(t, mustUser(t, s, ada().Key.ID), want)
	wantEqual(t, "the groups of a newcomer", mustUser(t, s, "newcomer").Groups, []Held{})
	wantEqual(t, "the groups of another", mustUser(t, s, "other").Groups, []Held{{"Analysts", FromClaim}})

	none := ada()
	none.At, none.Groups, none.Roles, none.UnmatchedGroups, none.UnmatchedRoles = after(6), []Held{}, []Held{}, nil, nil
	mustSee(t, s, none)
	got := mustUser(t, s, ada().Key.ID)
	if len(got.Groups)+len(got.Roles)+len(got.UnmatchedGroups)+len(got.UnmatchedRoles) != 0 {
		t.Errorf("a token that told that there are none left %+v", got)
	}
}

func suiteOvertaken(t *testing.T, s store) {
	mustSee(t, s, ada())
	old := seen(ada().Key.ID, -1).had("Old")
	old.Waiting = true
	done := mustSee(t, s, old)
	wantEqual(t, "states", done.states, map[Hash]State{ada().Key.Hash(): Active})
	done = mustTouch(t, s, touch{ada().Key.Hash(), after(-1), "old"})
	if len(done.missing) != 0 {
		t.Error("an overtaken touch does not find its row")
	}
	wantUser(t, mustUser(t, s, ada().Key.ID), adaUser())
}

// A host whose clock had been years ahead wrote one sighting; until then came, nothing more would have been noted of that
// user.
func suiteFuture(t *testing.T, s store) {
	future := seen("ada", 0)
	future.At = time.Now().UTC().Truncate(time.Second).Add(24 * 365 * time.Hour)
	mustSee(t, s, future)
	mustSee(t, s, seen("ada", 7).had("A"))
	if got := mustUser(t, s, "ada"); !got.LastSeen.Equal(after(7)) || len(got.Groups) != 1 {
		t.Errorf("last seen %v with %v", got.LastSeen, got.Groups)
	}
	mustSee(t, s, future)
	mustTouch(t, s, touch{keyOf("ada").Hash(), after(8), "c"})
	if got := mustUser(t, s, "ada"); !got.LastSeen.Equal(after(8)) {
		t.Errorf("last seen %v after a touch", got.LastSeen)
	}
}

func suiteTouch(t *testing.T, s store) {
	mustSee(t, s, ada(), seen("bob", 0))
	done, err := s.write(t.Context(), batch{
		sightings: []*Sighting{seen("carol", 1)},
		touches:   []touch{{ada().Key.Hash(), after(3), "another"}, {keyOf("nobody").Hash(), after(3), "c"}, {keyOf("bob").Hash(), after(4), "app"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "missing", done.missing, []Hash{keyOf("nobody").Hash()})
	wantEqual(t, "states", done.states, map[Hash]State{keyOf("carol").Hash(): Active})
	want := adaUser()
	want.LastSeen, want.Client = after(3), "another"
	wantUser(t, mustUser(t, s, ada().Key.ID), want)
	wantEqual(t, "order", ids(t, s, Query{}, 10), []string{"bob", ada().Key.ID, "carol"})
	if _, err := s.user(t.Context(), keyOf("nobody")); !errors.Is(err, ErrNotFound) {
		t.Errorf("a touch made a user: %v", err)
	}
	mustAct(t, s, "invited", Invite)
	mustTouch(t, s, touch{keyOf("invited").Hash(), after(9), "app"})
	if got := mustUser(t, s, "invited"); !got.FirstSeen.Equal(after(9)) || !got.LastSeen.Equal(after(9)) {
		t.Errorf("an invited user who was touched: first seen %v, last seen %v", got.FirstSeen, got.LastSeen)
	}
}

func suiteBegins(t *testing.T, s store) {
	waiting := func(id string, minutes int) *Sighting {
		s := seen(id, minutes)
		s.Waiting = true
		return s
	}
	done := mustSee(t, s, seen("ada", 0), waiting("bob", 0), waiting("carol", 5))
	ada, bob, carol := keyOf("ada").Hash(), keyOf("bob").Hash(), keyOf("carol").Hash()
	wantEqual(t, "new", done.states, map[Hash]State{ada: Active, bob: Waiting, carol: Waiting})

	done = mustSee(t, s, waiting("ada", 1), waiting("bob", 1))
	wantEqual(t, "seen again", done.states, map[Hash]State{ada: Active, bob: Waiting})

	done = mustSee(t, s, seen("bob", 2), seen("carol", 2))
	wantEqual(t, "after sign_up was auto again", done.states, map[Hash]State{bob: Active, carol: Active})
	if got := mustUser(t, s, "carol"); got.State != Active || !got.LastSeen.Equal(after(5)) {
		t.Errorf("an overtaken sighting that ends waiting: %v, last seen %v", got.State, got.LastSeen)
	}
	all, _ := loadAll(t, s)
	wantEqual(t, "loaded", all, map[Hash]State{ada: Active, bob: Active, carol: Active})
}
