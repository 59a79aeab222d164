package directory

import (
	"testing"
	"time"
)

// revokedIn gives what the store says of revocations.
func revokedIn(t *testing.T, s store) map[Hash]int64 {
	t.Helper()
	all := map[Hash]int64{}
	if err := s.revoked(t.Context(), func(hash Hash, at int64) { all[hash] = max(all[hash], at) }); err != nil {
		t.Fatal(err)
	}
	return all
}

// A revocation is a change that leaves the state, and who set it, as they are; it stays when the user is forgotten, and is
// made of whoever was never seen too.
func suiteRevoked(t *testing.T, s store) {
	wantEqual(t, "an empty store", revokedIn(t, s), map[Hash]int64{})
	mustSee(t, s, ada())
	id := ada().Key.ID
	states, _ := loadAll(t, s)
	first := mustAct(t, s, id, Revoke)
	if first.Before != Active || first.After != Active || first.Sequence == 0 {
		t.Errorf("got %+v", first)
	}
	wantUser(t, mustUser(t, s, id), adaUser())
	mustAct(t, s, "nobody", Revoke)
	after, sequence := loadAll(t, s)
	wantEqual(t, "the states", after, states)
	if want := mustAct(t, s, id, Revoke); want.Sequence != sequence+1 || want.At.Before(first.At) {
		t.Errorf("the second is %+v, after sequence %d", want, sequence)
	}
	mustAct(t, s, id, Forget)
	changes, err := s.changed(t.Context(), 0)
	if err != nil || len(changes) != 4 {
		t.Fatalf("%d changes, %v", len(changes), err)
	}
	last := changes[2].At
	wantEqual(t, "what is revoked", revokedIn(t, s), map[Hash]int64{keyOf(id).Hash(): micros(last), keyOf("nobody").Hash(): micros(changes[1].At)})
	mustAct(t, s, id, Deactivate)
	if got := mustAct(t, s, id, Revoke); got.Before != Inactive || got.After != Inactive {
		t.Errorf("of somebody inactive: %+v", got)
	}
}

// What is revoked holds at once and after a restart, and an earlier moment never takes the place of a later one.
func TestWhatIsRevokedHoldsAtOnceAndAfterARestart(t *testing.T) {
	folder := t.TempDir()
	d, _ := openWatched(t, folder)
	hash := keyOf("ada").Hash()
	if got := d.NotBefore(hash); !got.IsZero() {
		t.Errorf("not before %s, and nobody revoked anything", got)
	}
	d.Seen(seen("ada", 0))
	change := mustDo(t, d, "ada", Revoke)
	wantIs(t, d, "ada", Active) // not written yet, and known all the same
	if got := d.NotBefore(hash); !got.Equal(change.At) {
		t.Errorf("not before %s, want %s", got, change.At)
	}
	earlier := change
	earlier.At = change.At.Add(-time.Hour)
	d.noteRevoked(earlier)
	mustDo(t, d, "never seen", Revoke)
	wantIs(t, d, "never seen", Unknown)
	mustFlush(t, d)
	user, history, err := d.User(t.Context(), keyOf("ada"))
	if err != nil || !user.NotBefore.Equal(change.At) || len(history) != 1 || history[0].Action != Revoke {
		t.Errorf("got %+v with %+v, %v", user, history, err)
	}
	mustDo(t, d, "ada", Forget)
	if err := d.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, _ := openWatched(t, folder)
	if got := again.NotBefore(hash); !got.Equal(change.At) {
		t.Errorf("after a restart: not before %s, want %s", got, change.At)
	}
	if got := again.NotBefore(keyOf("never seen").Hash()); got.IsZero() {
		t.Error("after a restart the revocation of somebody who was never seen is lost")
	}
	if got := again.revoked.count(); got != 2 {
		t.Errorf("memory holds %d revocations, want 2", got)
	}
}

// What is asked at each request takes no memory.
func TestAskingWhetherSomebodyIsRevokedAllocatesNothing(t *testing.T) {
	d := openHere(t)
	hash := keyOf("ada").Hash()
	for range 2 {
		if n := testing.AllocsPerRun(100, func() { d.NotBefore(hash) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
		mustDo(t, d, "ada", Revoke)
	}
}

// A revocation on one host holds on the others within a second; nothing is polled here: it was heard. A host that is
// started later has it from the tables.
func TestARevocationIsHeardOnTheOtherHosts(t *testing.T) {
	t.Parallel()
	database := sharedPostgres(t).database(t)
	one, _ := database.directory("one", quick)
	two, _ := database.directory("two", quick)
	eventually(t, "the first read", func() bool { return one.isUsable() && two.isUsable() })
	eventually(t, "both listeners", func() bool {
		return database.number(`select count(*) from pg_stat_activity where datname = current_database() and query = 'listen claimd_changes'`) == 2
	})
	var worst time.Duration
	for range 20 {
		change := mustDo(t, one, "ada", Revoke)
		heard := func() bool { return two.NotBefore(keyOf("ada").Hash()).Equal(change.At) }
		worst = max(worst, eventually(t, "the revocation", heard))
	}
	t.Logf("the other host knew after %v at most", worst)
	wantIs(t, two, "ada", Unknown)
	three, _ := database.directory("three", quick)
	eventually(t, "the first read", three.isUsable)
	if got, want := three.NotBefore(keyOf("ada").Hash()), one.NotBefore(keyOf("ada").Hash()); !got.Equal(want) {
		t.Errorf("the third host has %s, want %s", got, want)
	}
}
