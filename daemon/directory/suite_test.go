package directory

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
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
		{"what a token does not tell stays as it was", suiteUntold},
		{"an overtaken sighting changes nothing", suiteOvertaken},
		{"a time in the future does not last", suiteFuture},
		{"a touch moves the last sighting and the client", suiteTouch},
		{"a new key begins active or waiting, and waiting ends", suiteBegins},
		{"every action from every state", suiteActions},
		{"a write never undoes what was decided", suiteDecided},
		{"changes are counted from one and stay", suiteChanges},
		{"what was forgotten comes back new", suiteForgotten},
		{"what is revoked stays on record", suiteRevoked},
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
		{"of a row that cannot be written the store says so", suiteRefused},
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
	return &Sighting{Key: keyOf(id), At: after(minutes), Provider: "contoso", User: id, Client: "app", Groups: []Held{}, Roles: []Held{}}
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
