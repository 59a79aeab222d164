package directory

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// openHere opens a directory in a folder of its own.
func openHere(t *testing.T) *Directory {
	t.Helper()
	d, _ := openWatched(t, t.TempDir())
	return d
}

func mustFlush(t *testing.T, d *Directory) {
	t.Helper()
	if err := d.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func mustDo(t *testing.T, d *Directory, id string, action Action) Change {
	t.Helper()
	change, changed, err := d.Change(t.Context(), keyOf(id), action, "contoso", "uid 0 (root)")
	if err != nil || !changed {
		t.Fatalf("%s %s: changed %v, %v", action, id, changed, err)
	}
	return change
}

func wantIs(t *testing.T, d *Directory, id string, want State) {
	t.Helper()
	if got := d.State(keyOf(id).Hash()); got != want {
		t.Errorf("%s is %s, wanted %s", id, got, want)
	}
}

func waiting(s *Sighting) *Sighting {
	s.Waiting = true
	return s
}

func TestWhoIsSeenIsKnownAtOnceAndAfterARestart(t *testing.T) {
	folder := t.TempDir()
	d, _ := openWatched(t, folder)
	wantIs(t, d, "ada", Unknown)
	d.Seen(seen("ada", 0).had("A"))
	d.Seen(waiting(seen("bob", 0)))
	wantIs(t, d, "ada", Active)
	wantIs(t, d, "bob", Waiting)
	mustDo(t, d, "carol", Deactivate) // never seen
	mustDo(t, d, "dave", Invite)
	d.Seen(waiting(seen("dave", 0)))
	if err := d.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(t.Context()); err != nil {
		t.Error(err)
	}
	d, _ = openWatched(t, folder)
	for id, want := range map[string]State{"ada": Active, "bob": Waiting, "carol": Inactive, "dave": Active, "erin": Unknown} {
		wantIs(t, d, id, want)
	}
	status := d.Status()
	if status.Known != 4 || status.Inactive != 1 || status.Waiting != 1 || !status.Usable || status.Store != "sqlite" ||
		!strings.HasSuffix(status.Place, "/directory.db") || status.Problem != "" {
		t.Errorf("the status is %+v", status)
	}
	d.Seen(seen("bob", 1)) // sign_up is auto again
	wantIs(t, d, "bob", Active)
	d.Seen(waiting(seen("ada", 1))) // and invite: who was in stays in
	mustFlush(t, d)
	wantIs(t, d, "ada", Active)
	wantIs(t, d, "bob", Active)
}

func TestAChangeIsRecordedWithWhoWhereAndWhen(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	d, err := Open(t.Context(), Options{
		Directory: t.TempDir(), Log: zap.New(core), Host: "alpha", Now: func() time.Time { return after(3).Add(123456789) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close(t.Context()) }()
	d.Seen(ada())
	change, changed, err := d.Change(t.Context(), ada().Key, Deactivate, "contoso", "uid 0 (root)")
	want := Change{1, ada().Key, Deactivate, Active, Inactive, "uid 0 (root)", "alpha", after(3).Add(123456000)}
	if change.Before == Unknown { // the sighting was not written yet
		want.Before = Unknown
	}
	if err != nil || !changed || change != want {
		t.Errorf("%+v, %v, %v\nwanted %+v", change, changed, err, want)
	}
	if line := logs.FilterMessage("the state of a user was changed"); line.Len() != 1 || line.All()[0].ContextMap()["by"] != "uid 0 (root)" {
		t.Errorf("the log: %v", line.All())
	}
	again, changed, err := d.Change(t.Context(), ada().Key, Deactivate, "contoso", "uid 7")
	if err != nil || changed || again.Before != Inactive || again.After != Inactive {
		t.Errorf("a second time: %+v, %v, %v", again, changed, err)
	}
	mustFlush(t, d)
	user, history, err := d.User(t.Context(), ada().Key)
	if err != nil || user.State != Inactive || user.Email != ada().Email || user.ChangedBy != "uid 0 (root)" || !user.ChangedAt.Equal(want.At) {
		t.Errorf("%+v, %v", user, err)
	}
	wantEqual(t, "history", history, []Change{want})
	wantIs(t, d, ada().Key.ID, Inactive)
}

func TestWhatTheDirectoryDoesNotDoIsNoTrouble(t *testing.T) {
	d := openHere(t)
	mustDo(t, d, "ada", Deactivate)
	for action, want := range map[Action]string{
		Invite: "he is inactive: an invitation does not let him in", Forget: "he is inactive: forgotten, he could come in again",
		"promote": `"promote" is nothing that can be done to a user`,
	} {
		_, changed, err := d.Change(t.Context(), keyOf("ada"), action, "contoso", "root")
		if refusal, ok := errors.AsType[*Refusal](err); !ok || changed || refusal.Problem != want || refusal.Hint == "" || err.Error() != want {
			t.Errorf("%s: %v, %v; wanted %q", action, changed, err, want)
		}
	}
	if status := d.Status(); status.Problem != "" || status.Failures != 0 {
		t.Errorf("the status is %+v", status)
	}
	wantIs(t, d, "ada", Inactive)
}

// Whoever was seen a moment ago stands in no row yet; claimctl users activate said that nobody knows him.
func TestSomebodySeenAMomentAgoCanBeActivated(t *testing.T) {
	d := openHere(t)
	d.Seen(waiting(seen("ada", 0)))
	mustDo(t, d, "ada", Activate)
	wantIs(t, d, "ada", Active)
	d.Seen(seen("bob", 0))
	mustDo(t, d, "bob", Forget) // and forgotten, with what was on its way
	mustFlush(t, d)
	wantIs(t, d, "bob", Unknown)
	if _, _, err := d.User(t.Context(), keyOf("bob")); !errors.Is(err, ErrNotFound) {
		t.Errorf("bob: %v", err)
	}
}

func TestWhoWasForgottenIsWantedAndComesBackNew(t *testing.T) {
	d := openHere(t)
	hash := keyOf("ada").Hash()
	d.Seen(seen("ada", 0).had("A"))
	mustFlush(t, d)
	if d.Wants(hash) {
		t.Error("wanted without need")
	}
	mustDo(t, d, "ada", Forget)
	if !d.Wants(hash) {
		t.Error("not wanted after it was forgotten")
	}
	wantIs(t, d, "ada", Unknown)
	d.Touch(hash, after(0), "app") // what was kept of his token still comes
	if mustFlush(t, d); d.State(hash) != Unknown {
		t.Error("a touch brought him back")
	}
	d.Seen(waiting(seen("ada", 0).had("A"))) // the same minute, the same content
	if d.Wants(hash) {
		t.Error("wanted after he was seen")
	}
	mustFlush(t, d)
	wantIs(t, d, "ada", Waiting)
	if user, history, err := d.User(t.Context(), keyOf("ada")); err != nil || len(user.Groups) != 1 || len(history) != 1 {
		t.Errorf("%+v, %v, %v", user, history, err)
	}
}

func TestATouchOfSomebodyUnknownAsksForASighting(t *testing.T) {
	d := openHere(t)
	hash := keyOf("ada").Hash()
	d.Touch(hash, noon, "app")
	if !d.Wants(hash) || d.Status().Pending != 0 {
		t.Errorf("wanted: %v, pending %d", d.Wants(hash), d.Status().Pending)
	}
	d.Seen(seen("ada", 0))
	d.Touch(hash, after(1), "other")
	mustFlush(t, d)
	if user, _, err := d.User(t.Context(), keyOf("ada")); err != nil || user.Client != "other" || !user.LastSeen.Equal(after(1)) {
		t.Errorf("%+v, %v", user, err)
	}
	// The row is gone, memory does not know: the write finds out.
	if _, err := d.store.change(t.Context(), Change{Key: keyOf("ada"), Action: Forget, At: noon}, ""); err != nil {
		t.Fatal(err)
	}
	d.Touch(hash, after(2), "app")
	mustFlush(t, d)
	if !d.Wants(hash) {
		t.Error("a touch that found no row asks for nothing")
	}
}

func TestBeyondItsLimitNobodyNewIsRecorded(t *testing.T) {
	d := openHere(t)
	d.states.limit = 1
	d.Seen(seen("ada", 0))
	d.Seen(seen("bob", 0))
	d.Touch(keyOf("bob").Hash(), noon, "app")
	mustFlush(t, d)
	wantIs(t, d, "ada", Active)
	wantIs(t, d, "bob", Unknown)
	if status := d.Status(); status.Unrecorded != 1 || status.Known != 1 || status.Dropped != 0 || d.Wants(keyOf("bob").Hash()) {
		t.Errorf("the status is %+v; bob is wanted: %v", status, d.Wants(keyOf("bob").Hash()))
	}
	mustDo(t, d, "bob", Deactivate)
	wantIs(t, d, "bob", Inactive)
}

// slow is a store whose writes stop between their transaction and their answer.
type slow struct {
	store

	written chan struct{} // a transaction is done
	answer  chan struct{} // it may be told
}

func (s *slow) write(ctx context.Context, b batch) (written, error) {
	done, err := s.store.write(ctx, b)
	s.written <- struct{}{}
	<-s.answer
	return done, err
}

// A deactivation that was acknowledged while the answer of a write was on its way is not undone by it.
func TestADeactivationIsNotUndoneByALateWrite(t *testing.T) {
	d := openHere(t)
	s := &slow{d.store, make(chan struct{}), make(chan struct{})}
	d.store = s
	d.Seen(seen("ada", 0))
	d.Seen(seen("bob", 0))
	var flushed sync.WaitGroup
	flushed.Go(func() {
		if err := d.Flush(t.Context()); err != nil {
			t.Error(err)
		}
	})
	<-s.written
	mustDo(t, d, "ada", Deactivate)
	wantIs(t, d, "ada", Inactive)
	s.answer <- struct{}{}
	flushed.Wait()
	wantIs(t, d, "ada", Inactive)
	wantIs(t, d, "bob", Active)
}

func TestChangesAndSightingsAtOnce(t *testing.T) {
	d := openHere(t)
	const users = 8
	var all sync.WaitGroup
	for worker := range 2 {
		all.Go(func() {
			for i := range 400 {
				id := fmt.Sprint("user", i%users)
				s := seen(id, i)
				s.Waiting, s.Client = worker == 1, fmt.Sprint(i)
				d.Seen(s)
				d.Touch(s.Key.Hash(), after(i), "app")
				d.Wants(s.Key.Hash())
				if i%100 == 0 {
					d.Status()
					_ = d.Flush(t.Context())
				}
			}
		})
	}
	for worker := range 2 {
		all.Go(func() {
			for i := range 60 {
				id := fmt.Sprint("user", worker*users/2+i%(users/2))
				action := []Action{Deactivate, Activate, Forget, Invite, Deactivate}[i/4%5]
				_, _, err := d.Change(t.Context(), keyOf(id), action, "contoso", "root")
				if err != nil && hintOf(err) == "" {
					t.Error(err)
				}
				if got := d.State(keyOf(id).Hash()); action == Deactivate && got != Inactive {
					t.Errorf("%s is %s right after his deactivation", id, got)
				}
			}
		})
	}
	all.Wait()
	mustFlush(t, d)
	rows := map[Hash]State{}
	if _, err := d.store.load(t.Context(), func(hash Hash, state State) { rows[hash] = state }); err != nil {
		t.Fatal(err)
	}
	for i := range users {
		hash := keyOf(fmt.Sprint("user", i)).Hash()
		if d.State(hash) != Inactive || rows[hash] != Inactive {
			t.Errorf("user %d is %s in memory and %s on disk, wanted inactive", i, d.State(hash), rows[hash])
		}
	}
}

func TestQuestionsGoToTheStore(t *testing.T) {
	d := openHere(t)
	guid := ada().Key.ID
	d.Seen(ada())
	other := ada()
	other.Key = Key{"https://issuer.example/", strings.ToUpper(guid)} // byte for byte there
	d.Seen(other)
	for i := range 120 {
		d.Seen(seen(fmt.Sprintf("user%03d", i), i))
	}
	mustFlush(t, d)
	for id, want := range map[string][]Key{
		guid:                  {ada().Key},
		strings.ToUpper(guid): {ada().Key, other.Key},
		"user007":             {keyOf("user007")},
		"USER007":             nil,
		ada().User:            {ada().Key, other.Key},
	} {
		keys, err := d.Find(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "find "+id, keys, want)
	}
	for limit, want := range map[int]int{0: 100, -5: 1, 1: 1, 5000: 122} {
		if page, err := d.Users(t.Context(), Query{Limit: limit}); err != nil || len(page.Users) != want {
			t.Errorf("limit %d: %d users, %v; wanted %d", limit, len(page.Users), err, want)
		}
	}
	if counts, err := d.Held(t.Context(), Roles); err != nil || len(counts) != 2 || counts[1] != (Count{"reader", 2, noon}) {
		t.Errorf("held: %+v, %v", counts, err)
	}
	if values, err := d.Unmatched(t.Context(), 1); err != nil || len(values) != 1 || values[0].Users != 2 {
		t.Errorf("unmatched: %+v, %v", values, err)
	}
	n, bare := 0, adaUser()
	bare.Groups, bare.Roles, bare.UnmatchedGroups, bare.UnmatchedRoles = []Held{}, []Held{}, nil, nil
	if err := d.Each(t.Context(), func(user User) error {
		if n++; user.Key == ada().Key && !reflect.DeepEqual(user, bare) {
			t.Errorf("%+v", user)
		}
		return nil
	}); err != nil || n != 122 {
		t.Errorf("each gives %d users, %v", n, err)
	}
}
