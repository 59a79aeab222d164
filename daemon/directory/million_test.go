package directory

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The size of the directory of the long form, and how fast it must be then.
const (
	millionUsers  = 1_000_000
	millionGroups = 10_000

	startWithin  = 3 * time.Second
	lookUpWithin = time.Microsecond
	pageWithin   = 200 * time.Millisecond
)

// million gives the i-th of a million users: with 5 groups of 10,000, one that everybody has and a role, one unmatched
// value of 1,000; seen within the last 90 days. Every 20th is a service account, every 100th inactive, every 200th waiting.
func million(i, groups int) (sighting *Sighting, state State) {
	random := rand.New(rand.NewPCG(uint64(i), 5)) //nolint:gosec // the same ones each time
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], random.Uint64())
	binary.BigEndian.PutUint64(id[8:], random.Uint64())
	guid := fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
	s := &Sighting{
		Key: keyOf(guid), At: noon.Add(-time.Duration(random.Int64N(int64(90 * 24 * time.Hour)))).Truncate(time.Second),
		Provider: "contoso", App: i%20 == 0, User: guid, Email: fmt.Sprintf("user%d@contoso.example", i), First: "First", Last: fmt.Sprint("Last", i),
		Client: "36a0427c-4ca6-4bb6-afe2-804a729f14a1", Scopes: "read",
		Groups: []Held{{"everybody", FromDefault}},
		Roles:  []Held{{fmt.Sprint("role", i%7), FromClaim}},
	}
	var values []string
	for j := range 5 {
		group := fmt.Sprintf("group %05d", random.IntN(groups/5)*5+j)
		values = append(values, group)
		s.Groups = append(s.Groups, Held{group, FromClaim})
	}
	s.UnmatchedGroups = []string{fmt.Sprintf("stranger %03d", i%1000)}
	claim, _ := json.Marshal(append(values, s.UnmatchedGroups...)) // strings can be marshaled
	s.Claims = map[string]json.RawMessage{"groups": claim}
	switch {
	case i%100 == 0:
		return s, Inactive
	case i%200 == 1:
		return s, Waiting
	}
	return s, Active
}

// measureMillion opens a directory of users that fill put into the store, and measures it. State tells who is who.
func measureMillion(t *testing.T, users, groups int, open func() *Directory) {
	var before, behind runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	d := open()
	start := time.Since(began)
	runtime.GC()
	runtime.ReadMemStats(&behind)
	resident := residentBytes(t)

	for i := 0; i < users; i += users / 1000 {
		sighting, want := million(i, groups)
		if got := d.State(sighting.Key.Hash()); got != want {
			t.Fatalf("user %d is %s, wanted %s", i, got, want)
		}
	}
	hashes := make([]Hash, 1<<16)
	for i := range hashes {
		sighting, _ := million(i*(users/len(hashes)+1)%users, groups)
		hashes[i] = sighting.Key.Hash()
	}
	began = time.Now()
	const lookUps = 4_000_000
	for i := range lookUps {
		if d.State(hashes[i%len(hashes)]) == Unknown {
			t.Fatal("a user is unknown")
		}
	}
	lookUp := time.Since(began) / lookUps

	figures, err := d.store.stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d users, %d groups, %d MiB on disk: start %v, look-up %v, heap %d MiB, resident %d MiB after the start", figures.Users, groups,
		figures.Bytes>>20, start.Round(time.Millisecond), lookUp, (behind.HeapAlloc-before.HeapAlloc)>>20, resident>>20)
	if start > startWithin {
		t.Errorf("the start took %v: wanted at most %v", start, startWithin)
	}
	if lookUp > lookUpWithin {
		t.Errorf("a look-up takes %v: wanted at most %v", lookUp, lookUpWithin)
	}
	measureQuestions(t, d)
	t.Logf("resident %d MiB after the questions", residentBytes(t)>>20)
}

func measureQuestions(t *testing.T, d *Directory) {
	page := func(query Query, want int) func(context.Context) error {
		return func(ctx context.Context) error {
			page, err := d.Users(ctx, query)
			if err == nil && len(page.Users) != want {
				err = fmt.Errorf("%d users, wanted %d", len(page.Users), want)
			}
			return err
		}
	}
	second, err := d.Users(t.Context(), Query{})
	if err != nil {
		t.Fatal(err)
	}
	for _, question := range []struct {
		name   string
		within time.Duration // 0: it is only measured
		ask    func(context.Context) error
	}{
		{"the first page of users", pageWithin, page(Query{}, 100)},
		{"the second page", pageWithin, page(Query{Cursor: second.Next}, 100)},
		{"the first page of a group of 500", pageWithin, page(Query{Group: "group 00007"}, 100)},
		{"the first page of a group of everybody", pageWithin, page(Query{Group: "everybody"}, 100)},
		{"the first page of a role of 143,000", pageWithin, page(Query{Role: "role3"}, 100)},
		{"the first page of the inactive", pageWithin, page(Query{State: Inactive, Apps: true}, 100)},
		{"the first page of the waiting", pageWithin, page(Query{State: Waiting}, 100)},
		{"the first page of a provider", pageWithin, page(Query{Provider: "contoso"}, 100)},
		{"the first page of those not seen for 80 days", pageWithin, page(Query{SeenBefore: noon.AddDate(0, 0, -80)}, 100)},
		{"a page of 1,000", 0, page(Query{Limit: 1000}, 1000)},
		{"one user", 0, func(ctx context.Context) error {
			_, _, err := d.User(ctx, second.Users[7].Key)
			return err
		}},
		{"find", 0, func(ctx context.Context) error {
			keys, err := d.Find(ctx, strings.ToUpper(second.Users[7].Key.ID))
			if err == nil && len(keys) != 1 {
				err = fmt.Errorf("%d keys", len(keys))
			}
			return err
		}},
		{"a deactivation", 0, func(ctx context.Context) error {
			_, _, err := d.Change(ctx, second.Users[9].Key, Deactivate, "contoso", "uid 0 (root)")
			return err
		}},
		{"each", 0, func(ctx context.Context) error { return d.Each(ctx, func(User) error { return nil }) }},
		{"groups", 0, func(ctx context.Context) error { _, err := d.Held(ctx, Groups); return err }},
		{"roles", 0, func(ctx context.Context) error { _, err := d.Held(ctx, Roles); return err }},
		{"unmatched", 0, func(ctx context.Context) error { _, err := d.Unmatched(ctx, 100); return err }},
		{"a batch of 1,000 sightings", 0, func(ctx context.Context) error {
			for i := range 1000 {
				sighting, _ := million(i, millionGroups)
				sighting.At = time.Now()
				d.Seen(sighting)
			}
			return d.Flush(ctx)
		}},
		{"a batch of 1,000 touches", 0, func(ctx context.Context) error {
			for i := range 1000 {
				sighting, _ := million(i+5000, millionGroups)
				d.Touch(sighting.Key.Hash(), time.Now(), sighting.Client)
			}
			return d.Flush(ctx)
		}},
	} {
		var took [2]time.Duration
		for i := range took {
			began := time.Now()
			if err := question.ask(t.Context()); err != nil {
				t.Fatalf("%s: %v", question.name, err)
			}
			took[i] = time.Since(began)
		}
		t.Logf("%s: %v, then %v", question.name, took[0].Round(10*time.Microsecond), took[1].Round(10*time.Microsecond))
		if question.within > 0 && took[0] > question.within {
			t.Errorf("%s took %v: wanted at most %v", question.name, took[0], question.within)
		}
	}
}

// residentBytes asks the kernel what this process takes.
func residentBytes(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * int64(os.Getpagesize())
}
