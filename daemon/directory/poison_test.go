package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// One row that the store never takes failed its batch, which was tried again for ever: from then on nothing was recorded
// of anybody, and after 4 MiB everything was dropped.
func TestARowThatTheStoreNeverTakesHoldsNobodyUp(t *testing.T) {
	var paper paper
	var writes int
	var refused []string
	recording(t, &paper, func(t *testing.T, r *recorder) {
		write := r.write
		r.write = func(ctx context.Context, b batch) (written, error) {
			writes++
			bad := func(s *Sighting) bool { return strings.HasPrefix(s.Key.ID, "bad") }
			if slices.ContainsFunc(b.sightings, bad) {
				return written{}, fmt.Errorf("%w: a check", errRow)
			}
			return write(ctx, b)
		}
		r.refused = func(hash Hash, err error) { refused = append(refused, fmt.Sprintf("%x: %v", hash[:2], err)) }
		for minute := range 2 {
			for i := range 500 {
				see(r, sighted(fmt.Sprintf("good%d", i), 60*minute, "app"))
				if i == 123 || i == 400 {
					see(r, sighted(fmt.Sprintf("bad%d", i), 60*minute, "app"))
				}
			}
			time.Sleep(maxDelay)
			synctest.Wait()
			if r.waiting() != 0 || r.waits.bytes != 0 || r.flying != 0 {
				t.Errorf("%d wait, %d bytes, %d flying", r.waiting(), r.waits.bytes, r.flying)
			}
		}
		if r.written.Load() != 1000 || r.dropped.Load() != 4 || r.failures.Load() != 0 || writes > 80 {
			t.Errorf("%d written, %d dropped, %d failures, %d writes", r.written.Load(), r.dropped.Load(), r.failures.Load(), writes)
		}
	})
	var want []string
	for _, id := range []string{"bad123", "bad400"} { // once each
		hash := keyOf(id).Hash()
		want = append(want, fmt.Sprintf("%x: the store does not take what it is to write: a check", hash[:2]))
	}
	wantEqual(t, "refused", refused, want)
}

// An outage in the middle of that loses nothing.
func TestAnOutageWhileARowIsLookedForLosesNothing(t *testing.T) {
	var paper paper
	recording(t, &paper, func(t *testing.T, r *recorder) {
		write, writes := r.write, 0
		r.write = func(ctx context.Context, b batch) (written, error) {
			writes++
			switch {
			case writes == 3:
				return written{}, errors.New("down")
			case slices.ContainsFunc(b.sightings, func(s *Sighting) bool { return s.Key.ID == "bad" }):
				return written{}, errRow
			}
			return write(ctx, b)
		}
		for _, id := range []string{"a", "b", "c", "d", "bad", "e", "f", "g"} {
			see(r, sighted(id, 0, "app"))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if r.written.Load() != 7 || r.dropped.Load() != 1 || r.failures.Load() != 1 || r.waiting() != 0 || r.waits.bytes != 0 || r.flying != 0 {
			t.Errorf("%d written, %d dropped, %d failures, %d wait, %d flying", r.written.Load(), r.dropped.Load(), r.failures.Load(), r.waiting(), r.flying)
		}
	})
}

// Both stores say of a row, and of nothing else, that it is the fault.
func suiteRefused(t *testing.T, s store) {
	bad := seen("bad", 0)
	bad.Claims = map[string]json.RawMessage{"groups": json.RawMessage(`{`)}
	_, err := s.write(t.Context(), batch{sightings: []*Sighting{seen("good", 0), bad}})
	if !errors.Is(err, errRow) {
		t.Errorf("claims that are no JSON: %v", err)
	}
	if all, _ := loadAll(t, s); len(all) != 0 {
		t.Errorf("half of a batch was written: %v", all)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.write(ctx, batch{sightings: []*Sighting{seen("good", 0)}}); err == nil || errors.Is(err, errRow) {
		t.Errorf("an ended context: %v", err)
	}
}

// The store refuses rows of one address by a trigger, as an administrator may have made one.
func TestWhatAStoreRefusesIsLeftOutAndToldOnce(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	d, err := Open(t.Context(), Options{Directory: t.TempDir(), Log: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close(t.Context()) }()
	_, err = d.store.(*sqliteStore).writer.Exec(`CREATE TRIGGER no BEFORE INSERT ON profile WHEN new.email = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END`)
	if err != nil {
		t.Fatal(err)
	}
	for minute := range 3 {
		bad := seen("bad", minute)
		bad.Email = "bad"
		d.Seen(bad)
		d.Seen(seen("good", minute))
		mustFlush(t, d)
	}
	user, _, err := d.User(t.Context(), keyOf("good"))
	if err != nil || !user.LastSeen.Equal(after(2)) {
		t.Errorf("the other is %+v, %v", user, err)
	}
	if status := d.Status(); status.Dropped != 3 || status.Problem != "" || status.Failures != 0 || status.Pending != 0 {
		t.Errorf("the status is %+v", status)
	}
	told := logs.FilterMessage("what was seen of a user cannot be written, and is left out").All()
	if len(told) != 1 || told[0].ContextMap()["hash"] != fmt.Sprintf("%x", keyOf("bad").Hash()) {
		t.Errorf("the log has %v", logs.All())
	}
}
