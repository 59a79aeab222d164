package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/claimd/claimd/daemon/vectors"
)

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
