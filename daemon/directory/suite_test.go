package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/vectors"
)

// suite holds a store to what store says. open gives an empty one, and closes it with the test.
func suite(t *testing.T, open func(t *testing.T) store) {
	for _, one := range []struct {
		name string
		test func(t *testing.T, s store)
	}{
		{"an empty store answers everything", suiteEmpty},
		{"every field of a sighting comes back", suiteFields},
		{"writing twice is writing once", suiteTwice},
		{"a later sighting replaces what was told before", suiteReplaced},
		{"an overtaken sighting changes nothing", suiteOvertaken},
		{"a time in the future does not last", suiteFuture},
		{"a touch moves the last sighting and the client", suiteTouch},
		{"a new key begins active or waiting, and waiting ends", suiteBegins},
		{"every action from every state", suiteActions},
		{"a write never undoes what was decided", suiteDecided},
		{"changes are counted from one and stay", suiteChanges},
		{"what was forgotten comes back new", suiteForgotten},
		{"users come in the order of their last sighting, page by page", suitePages},
		{"users are selected", suiteSelected},
		{"a cursor of somebody else's is refused", suiteCursor},
		{"keys are found by id and by name", suiteFind},
		{"groups and roles are counted", suiteHeld},
		{"unmatched values are counted by provider", suiteUnmatched},
		{"naughty strings come back unchanged from every field", suiteNaughty},
		{"200 groups", suiteManyGroups},
		{"each gives everybody with the claims, and ends by an error", suiteEach},
		{"all at once", suiteAtOnce},
		{"an ended context ends a question", suiteContext},
	} {
		t.Run(one.name, func(t *testing.T) { one.test(t, open(t)) })
	}
}

// noon is a moment that lies in the past of every clock.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func after(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

const tenant = "d86ca749-105f-4f0a-a4f2-89c5ef275c2e"

func keyOf(id string) Key { return Key{Authority: tenant, ID: id} }

// ada is a sighting with every field set.
func ada() *Sighting {
	return &Sighting{
		Key: keyOf("690222be-ff1a-4d56-abd1-7e4f7d38e474"), At: noon, Provider: "contoso", Guest: true,
		User: "contoso:690222be-ff1a-4d56-abd1-7e4f7d38e474", Email: "ada@contoso.example", First: "Ada", Last: "Lovelace",
		Client: "36a0427c-4ca6-4bb6-afe2-804a729f14a1", Scopes: "read write", Admin: true, Refused: "no_group",
		Groups:          []Held{{"Analysts", FromClaim}, {"Graphed", FromGraph}, {"Own", FromLocal}, {"everybody", FromDefault}},
		Roles:           []Held{{"Analysts", FromDefault}, {"reader", FromClaim}},
		UnmatchedGroups: []string{"0d3c5f9e-0000-4000-8000-000000000001", "Strangers"},
		UnmatchedRoles:  []string{"Strangers"},
		Claims: map[string]json.RawMessage{
			"groups": json.RawMessage(`["Analysts","<&>",1.50,null]`), "roles": json.RawMessage(`"reader"`),
			"https://app.example/admin": json.RawMessage(`{"a":[true]}`),
		},
	}
}

// adaUser is what the store gives of her.
func adaUser() User {
	s := ada()
	return User{
		Key: s.Key, State: Active, Provider: s.Provider, Guest: true, User: s.User, Email: s.Email, First: s.First, Last: s.Last,
		Client: s.Client, Scopes: s.Scopes, Admin: true, Refused: s.Refused, FirstSeen: noon, LastSeen: noon, Groups: s.Groups,
		Roles: s.Roles, UnmatchedGroups: s.UnmatchedGroups, UnmatchedRoles: s.UnmatchedRoles, Claims: s.Claims,
	}
}

// seen is a plain sighting.
func seen(id string, minutes int) *Sighting {
	return &Sighting{Key: keyOf(id), At: after(minutes), Provider: "contoso", User: id, Client: "app"}
}

// had adds groups that the token named.
func (s *Sighting) had(groups ...string) *Sighting {
	for _, group := range groups {
		s.Groups = append(s.Groups, Held{group, FromClaim})
	}
	return s
}

func mustSee(t *testing.T, s store, sightings ...*Sighting) written {
	t.Helper()
	done, err := s.write(t.Context(), batch{sightings: sightings})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func mustTouch(t *testing.T, s store, touches ...touch) written {
	t.Helper()
	done, err := s.write(t.Context(), batch{touches: touches})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// act asks for a change as an administrator does.
func act(t *testing.T, s store, id string, action Action) (Change, error) {
	t.Helper()
	return s.change(t.Context(), Change{Key: keyOf(id), Action: action, By: "uid 0 (root)", Host: "alpha", At: after(60)}, "contoso")
}

func mustAct(t *testing.T, s store, id string, action Action) Change {
	t.Helper()
	change, err := act(t, s, id, action)
	if err != nil {
		t.Fatalf("%s %s: %v", action, id, err)
	}
	return change
}

func mustUser(t *testing.T, s store, id string) User {
	t.Helper()
	user, err := s.user(t.Context(), keyOf(id))
	if err != nil {
		t.Fatalf("user %q: %v", id, err)
	}
	return user
}

func wantUser(t *testing.T, got, want User) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the user is\n%+v\nwanted\n%+v", got, want)
	}
}

// loadAll gives what load gives.
func loadAll(t *testing.T, s store) (map[Hash]State, uint64) {
	t.Helper()
	all := map[Hash]State{}
	sequence, err := s.load(t.Context(), func(hash Hash, state State) {
		if _, twice := all[hash]; twice {
			t.Errorf("%x was given twice", hash)
		}
		all[hash] = state
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, sequence
}

// ids gives the ids of all users that the query selects, by pages of the limit.
func ids(t *testing.T, s store, query Query, limit int) []string {
	t.Helper()
	query.Limit = limit
	var all []string
	for {
		page, err := s.users(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Users) > limit || page.Next != "" && len(page.Users) != limit {
			t.Fatalf("a page of %d users where %d were asked for, and more is %v", len(page.Users), limit, page.Next != "")
		}
		for _, user := range page.Users {
			all = append(all, user.Key.ID)
		}
		if page.Next == "" {
			return all
		}
		query.Cursor = page.Next
	}
}

func wantEqual[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got\n%+v\nwanted\n%+v", what, got, want)
	}
}

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

func suiteActions(t *testing.T, s store) {
	const inactive, unknown = "an inactive one", "an unknown one"
	prepare := map[State]func(id string){
		Unknown: func(string) {},
		Active:  func(id string) { mustSee(t, s, seen(id, 0)) },
		Waiting: func(id string) {
			sighting := seen(id, 0)
			sighting.Waiting = true
			mustSee(t, s, sighting)
		},
		Inactive: func(id string) { mustSee(t, s, seen(id, 0)); mustAct(t, s, id, Deactivate) },
	}
	for _, row := range []struct {
		before State
		action Action
		after  State
		refuse string // the refusal's words
	}{
		{Unknown, Activate, Unknown, "the directory knows nobody of that id"},
		{Unknown, Invite, Active, ""},
		{Unknown, Deactivate, Inactive, ""},
		{Unknown, Forget, Unknown, ""},
		{Active, Activate, Active, ""},
		{Active, Invite, Active, ""},
		{Active, Deactivate, Inactive, ""},
		{Active, Forget, Unknown, ""},
		{Waiting, Activate, Active, ""},
		{Waiting, Invite, Active, ""},
		{Waiting, Deactivate, Inactive, ""},
		{Waiting, Forget, Unknown, ""},
		{Inactive, Activate, Active, ""},
		{Inactive, Invite, Inactive, "he is inactive: an invitation does not let him in"},
		{Inactive, Deactivate, Inactive, ""},
		{Inactive, Forget, Inactive, "he is inactive: forgotten, he could come in again"},
		{Active, "promote", Active, `"promote" is nothing that can be done to a user`},
	} {
		t.Run(fmt.Sprintf("%s %s", row.action, row.before), func(t *testing.T) {
			id := fmt.Sprintf("%s-%s", row.before, row.action)
			prepare[row.before](id)
			before, _ := loadAll(t, s)
			history, err := s.history(t.Context(), keyOf(id), 100)
			if err != nil {
				t.Fatal(err)
			}
			change, err := act(t, s, id, row.action)
			all, sequence := loadAll(t, s)
			if got := all[keyOf(id).Hash()]; got != row.after {
				t.Errorf("the state is %s, wanted %s", got, row.after)
			}
			now, historyErr := s.history(t.Context(), keyOf(id), 100)
			if historyErr != nil {
				t.Fatal(historyErr)
			}
			var refusal *Refusal
			switch {
			case row.refuse != "":
				if !errors.As(err, &refusal) || refusal.Problem != row.refuse || refusal.Hint == "" {
					t.Fatalf("%v, wanted the refusal %q", err, row.refuse)
				}
			case row.before == row.after:
				if !errors.Is(err, errSame) || change.Before != row.before || change.After != row.after {
					t.Fatalf("%+v, %v: wanted errSame with the state before and after", change, err)
				}
			default:
				want := Change{sequence, keyOf(id), row.action, row.before, row.after, "uid 0 (root)", "alpha", after(60)}
				if err != nil || change != want {
					t.Fatalf("%+v, %v\nwanted %+v", change, err, want)
				}
				wantEqual(t, "history", now, append([]Change{want}, history...))
				return
			}
			wantEqual(t, "history", now, history)
			wantEqual(t, "states", all, before)
		})
	}
}

func suiteDecided(t *testing.T, s store) {
	mustSee(t, s, ada())
	id := ada().Key.ID
	mustAct(t, s, id, Deactivate)
	mustAct(t, s, "stranger", Deactivate)
	want := adaUser()
	want.State, want.ChangedBy, want.ChangedAt = Inactive, "uid 0 (root)", after(60)
	wantUser(t, mustUser(t, s, id), want)
	wantUser(t, mustUser(t, s, "stranger"), User{
		Key: keyOf("stranger"), State: Inactive, Provider: "contoso", ChangedBy: "uid 0 (root)", ChangedAt: after(60),
		Groups: []Held{}, Roles: []Held{},
	})
	done := mustSee(t, s, ada(), seen("stranger", 3))
	wantEqual(t, "states", done.states, map[Hash]State{ada().Key.Hash(): Inactive, keyOf("stranger").Hash(): Inactive})
	wantUser(t, mustUser(t, s, id), want)
	if got := mustUser(t, s, "stranger"); got.State != Inactive || !got.FirstSeen.Equal(after(3)) || got.User != "stranger" ||
		got.ChangedBy != "uid 0 (root)" {
		t.Errorf("a stranger who was seen after his deactivation: %+v", got)
	}
	mustAct(t, s, id, Activate)
	sighting := ada()
	sighting.Waiting = true
	done = mustSee(t, s, sighting)
	wantEqual(t, "states", done.states, map[Hash]State{ada().Key.Hash(): Active})
}

func suiteChanges(t *testing.T, s store) {
	actions := []Action{Invite, Deactivate, Activate, Forget}
	var want []Change
	for i := range 12 {
		change := mustAct(t, s, fmt.Sprint("user", i%3), actions[i/3])
		if change.Sequence != uint64(i+1) {
			t.Fatalf("change %d has the sequence %d", i+1, change.Sequence)
		}
		want = append(want, change)
	}
	got, err := s.changed(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "changed(0)", got, want)
	got, err = s.changed(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "changed(10)", got, want[10:])
	if got, err := s.changed(t.Context(), 12); err != nil || len(got) != 0 {
		t.Errorf("changed(12): %v, %v", got, err)
	}
	if _, err := s.changed(t.Context(), 13); !errors.Is(err, errRewound) {
		t.Errorf("changed(13): %v, wanted errRewound", err)
	}
	got, err = s.history(t.Context(), keyOf("user1"), 3)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "history", got, []Change{want[10], want[7], want[4]})
	if _, sequence := loadAll(t, s); sequence != 12 {
		t.Errorf("load gives the sequence %d, wanted 12", sequence)
	}
	for i := range 1005 {
		mustAct(t, s, "again", []Action{Deactivate, Activate}[i%2])
	}
	got, err = s.changed(t.Context(), 12)
	if err != nil || len(got) != 1000 || got[0].Sequence != 13 || got[999].Sequence != 1012 {
		t.Errorf("changed(12) gives %d changes, %v; wanted 13 to 1012", len(got), err)
	}
}

func suiteForgotten(t *testing.T, s store) {
	mustSee(t, s, ada())
	id := ada().Key.ID
	mustAct(t, s, id, Deactivate)
	mustAct(t, s, id, Activate)
	mustAct(t, s, id, Forget)
	if _, err := s.user(t.Context(), keyOf(id)); !errors.Is(err, ErrNotFound) {
		t.Errorf("the user: %v, wanted ErrNotFound", err)
	}
	if got := ids(t, s, Query{}, 10); len(got) != 0 {
		t.Errorf("users: %v", got)
	}
	if keys, err := s.find(t.Context(), id); err != nil || len(keys) != 0 {
		t.Errorf("find: %v, %v", keys, err)
	}
	if counts, err := s.held(t.Context(), Groups); err != nil || len(counts) != 0 {
		t.Errorf("held: %v, %v", counts, err)
	}
	if values, err := s.unmatched(t.Context(), 10); err != nil || len(values) != 0 {
		t.Errorf("unmatched: %v, %v", values, err)
	}
	if changes, err := s.history(t.Context(), keyOf(id), 10); err != nil || len(changes) != 3 {
		t.Errorf("history: %v, %v", changes, err)
	}
	if done := mustTouch(t, s, touch{keyOf(id).Hash(), after(90), "c"}); len(done.missing) != 1 {
		t.Error("a touch of somebody who was forgotten is not missed")
	}
	again := ada()
	again.At = after(100)
	mustSee(t, s, again)
	want := adaUser()
	want.FirstSeen, want.LastSeen = after(100), after(100)
	wantUser(t, mustUser(t, s, id), want)
}

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

func suiteNaughty(t *testing.T, s store) {
	texts := append(vectors.NaughtyStrings(t), "a\x00b", "\x00", "a\x00", strings.Repeat("long ", 4000), "%s'\";--", "\x1b[2J", `\x41`)
	var sightings []*Sighting
	for i, text := range texts {
		claim, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		held := []Held{{text, FromClaim}}
		sightings = append(sightings, &Sighting{
			Key: Key{Authority: fmt.Sprintf("https://issuer.example/%03d/%s", i, strings.ReplaceAll(text, "\x00", "0")), ID: text},
			At:  after(i), Provider: text, User: text, Email: text, First: text, Last: text, Client: text, Scopes: text, Refused: text,
			Groups: held, Roles: held, UnmatchedGroups: []string{text}, UnmatchedRoles: []string{text},
			Claims: map[string]json.RawMessage{text: claim},
		})
	}
	mustSee(t, s, sightings...)
	for i, sighting := range sightings {
		text := texts[i]
		got, err := s.user(t.Context(), sighting.Key)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		var claim string
		if err := json.Unmarshal(got.Claims[text], &claim); err != nil || claim != text || len(got.Claims) != 1 {
			t.Errorf("claims %v, %v: wanted %q", got.Claims, err, text)
		}
		got.Claims = nil
		wantUser(t, got, User{
			Key: sighting.Key, State: Active, Provider: text, User: text, Email: text, First: text, Last: text, Client: text,
			Scopes: text, Refused: text, FirstSeen: sighting.At, LastSeen: sighting.At,
			Groups: sighting.Groups, Roles: sighting.Roles, UnmatchedGroups: sighting.UnmatchedGroups, UnmatchedRoles: sighting.UnmatchedRoles,
		})
	}
	for _, i := range []int{1, 17, len(texts) - 7, len(texts) - 6, len(texts) - 5, len(texts) - 4} {
		text, want := texts[i], []string{texts[i]}
		for name, query := range map[string]Query{
			"group": {Group: text}, "role": {Role: text}, "provider": {Provider: text},
		} {
			wantEqual(t, name+" "+text, ids(t, s, query, 10), want)
		}
		if keys, err := s.find(t.Context(), text); err != nil || len(keys) != 1 || keys[0] != sightings[i].Key {
			t.Errorf("find %q: %v, %v", text, keys, err)
		}
	}
	counts, err := s.held(t.Context(), Groups)
	if err != nil || len(counts) != len(texts) {
		t.Fatalf("%d groups are counted, %v; wanted %d", len(counts), err, len(texts))
	}
	for i, text := range slices.Sorted(slices.Values(texts)) {
		if counts[i].Name != text {
			t.Errorf("group %d is %q, wanted %q", i, counts[i].Name, text)
		}
	}
	values, err := s.unmatched(t.Context(), 2*len(texts))
	if err != nil || len(values) != 2*len(texts) {
		t.Fatalf("%d unmatched values, %v; wanted %d", len(values), err, 2*len(texts))
	}
	for _, value := range values {
		if value.Value != value.Provider || value.Value != value.User || value.Example.ID != value.Value {
			t.Errorf("an unmatched value: %+v", value)
		}
	}
	for i, sighting := range sightings[:40] {
		text := texts[i]
		change := Change{Key: sighting.Key, Action: Deactivate, By: text, Host: text, At: after(i)}
		made, err := s.change(t.Context(), change, text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		change.Sequence, change.Before, change.After = made.Sequence, Active, Inactive
		wantEqual(t, "change", made, change)
		history, err := s.history(t.Context(), sighting.Key, 10)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "history", history, []Change{change})
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

func suiteEach(t *testing.T, s store) {
	robot := seen("robot", 50)
	robot.App = true
	mustSee(t, s, ada(), robot)
	var many []*Sighting
	want := []string{"robot"}
	for i := range 20 {
		many = append(many, seen(fmt.Sprintf("user%02d", i), 40-i))
		want = append(want, fmt.Sprintf("user%02d", i))
	}
	mustSee(t, s, many...)
	mustAct(t, s, "never", Invite)
	want = append(want, ada().Key.ID, "never")
	var got []string
	err := s.each(t.Context(), func(user User) error {
		got = append(got, user.Key.ID)
		if user.Key == ada().Key {
			wantUser(t, user, adaUser())
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

func suiteAtOnce(t *testing.T, s store) {
	const workers, rounds = 4, 15
	var all sync.WaitGroup
	fail := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	ctx := t.Context()
	for worker := range workers {
		all.Go(func() {
			for i := range rounds {
				own := fmt.Sprintf("user%d", worker)
				_, err := s.write(ctx, batch{
					sightings: []*Sighting{seen(own, i).had("A", own), seen("shared", i).had(fmt.Sprint("g", worker))},
					touches:   []touch{{keyOf("other").Hash(), after(i), "c"}},
				})
				fail(err)
				for _, action := range []Action{Deactivate, Activate} {
					_, err = s.change(ctx, Change{Key: keyOf(own), Action: action, At: after(i)}, "contoso")
					fail(err)
				}
				_, err = s.users(ctx, Query{Limit: 10, Group: "A"})
				fail(err)
				_, err = s.held(ctx, Groups)
				fail(err)
				_, err = s.unmatched(ctx, 5)
				fail(err)
				_, err = s.load(ctx, func(Hash, State) {})
				fail(err)
			}
		})
	}
	all.Wait()
	changes, err := s.changed(ctx, 0)
	if err != nil || len(changes) != workers*rounds*2 {
		t.Fatalf("%d changes, %v; wanted %d", len(changes), err, workers*rounds*2)
	}
	for i, change := range changes {
		if change.Sequence != uint64(i+1) {
			t.Fatalf("change %d has the sequence %d", i+1, change.Sequence)
		}
	}
	if got := mustUser(t, s, "shared"); len(got.Groups) != 1 {
		t.Errorf("of a user whom all wrote at once, the groups are mixed: %v", got.Groups)
	}
}

func suiteContext(t *testing.T, s store) {
	mustSee(t, s, ada())
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, ask := range map[string]func() error{
		"load":    func() error { _, err := s.load(ended, func(Hash, State) {}); return err },
		"changed": func() error { _, err := s.changed(ended, 0); return err },
		"write":   func() error { _, err := s.write(ended, batch{sightings: []*Sighting{seen("bob", 1)}}); return err },
		"change": func() error {
			_, err := s.change(ended, Change{Key: keyOf("bob"), Action: Deactivate}, "contoso")
			return err
		},
		"users":   func() error { _, err := s.users(ended, Query{Limit: 1}); return err },
		"user":    func() error { _, err := s.user(ended, ada().Key); return err },
		"find":    func() error { _, err := s.find(ended, "ada"); return err },
		"history": func() error { _, err := s.history(ended, ada().Key, 1); return err },
		"held":    func() error { _, err := s.held(ended, Groups); return err },
		"each":    func() error { return s.each(ended, func(User) error { return nil }) },
		"stats":   func() error { _, err := s.stats(ended); return err },
	} {
		if err := ask(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, wanted context.Canceled", name, err)
		}
	}
	if got := ids(t, s, Query{}, 10); len(got) != 1 {
		t.Errorf("users: %v", got)
	}
}
