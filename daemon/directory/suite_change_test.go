package directory

import (
	"errors"
	"fmt"
	"testing"
)

func suiteActions(t *testing.T, s store) {
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
