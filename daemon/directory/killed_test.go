package directory

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// victimVariable makes a process of the tests a victim: it holds the victimWork as JSON.
const victimVariable = "CLAIMD_DIRECTORY_VICTIM"

// victimWork tells a process that will be killed what to write to.
type victimWork struct {
	Directory string // of SQLite
	URL       string // of PostgreSQL; "": SQLite
	Seed      uint64
	Migrate   string // a file of SQLite whose schema is brought further, and nothing else
}

func (w victimWork) options() Options {
	options := Options{Directory: w.Directory, Host: "victim", Version: "0"}
	if w.URL != "" {
		options.URL = func() string { return w.URL }
	}
	return options
}

// The kills of the short and of the long form.
const (
	shortKills = 25
	longKills  = 500
)

// victim writes to the directory until it is killed: sightings, touches and changes of 20 users at random. It prints a line
// for each change that it was told is done.
func victim(text string) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	var work victimWork
	fail(json.Unmarshal([]byte(text), &work))
	ctx := context.Background()
	if work.Migrate != "" {
		runtime.LockOSThread() // strace counts the calls of each thread
		db, err := connect(work.Migrate, 1, immediate)
		fail(err)
		fail(migrate(ctx, db, "victim", slices.Concat(sqliteSteps, furtherSteps)))
		return
	}
	d, err := Open(ctx, work.options())
	fail(err)
	fmt.Println("open")
	random := rand.New(rand.NewPCG(work.Seed, 1)) //nolint:gosec // the same ones each time
	for round := 0; ; round++ {
		key := keyOf(fmt.Sprintf("user%02d", random.IntN(20)))
		switch random.IntN(4) {
		case 0:
			d.Seen(versioned(key, random.IntN(1_000_000)))
		case 1:
			d.Touch(key.Hash(), time.Now(), fmt.Sprint("client", round))
		case 2:
			fail(d.Flush(ctx))
		case 3:
			action := []Action{Activate, Deactivate, Invite, Forget}[random.IntN(4)]
			change, changed, err := d.Change(ctx, key, action, "contoso", "uid 0 (root)")
			if hintOf(err) != "" {
				continue
			}
			fail(err)
			if changed {
				fmt.Println(change.Sequence, change.Key.ID, change.Action, change.After)
			}
		}
	}
}

// versioned is a sighting whose parts all name its version, so that a half of one shows.
func versioned(key Key, version int) *Sighting {
	name := fmt.Sprint("version ", version)
	s := &Sighting{
		Key: key, At: time.Now(), Provider: "contoso", User: key.ID, Email: name, Client: "app", UnmatchedGroups: []string{name},
		Claims: map[string]json.RawMessage{"groups": json.RawMessage(fmt.Sprintf("%q", name))},
	}
	for i := range 3 + version%5 {
		s.had(fmt.Sprintf("%s %d", name, i))
	}
	return s
}

// killAtRandom kills processes that write to a directory at random moments, and holds what they leave against what they
// were told: every change that was acknowledged is there, and nothing is there by half.
func killAtRandom(t *testing.T, work victimWork) {
	t.Helper()
	kills := shortKills
	if *long {
		kills = longKills
	}
	acknowledged := map[uint64]string{} // the lines of all victims, by sequence
	for i := range kills {
		work.Seed = uint64(i)
		lines := killOne(t, work, rand.IntN(8), time.Duration(rand.IntN(30))*time.Millisecond) //nolint:gosec // a moment
		for _, line := range lines {
			var sequence uint64
			if _, err := fmt.Sscan(line, &sequence); err != nil {
				t.Fatalf("a victim said %q", line)
			}
			acknowledged[sequence] = line
		}
		wantAcknowledged(t, work, acknowledged)
		if t.Failed() {
			t.Fatalf("after kill %d", i+1)
		}
	}
	t.Logf("%d kills, %d acknowledged changes", kills, len(acknowledged))
	if len(acknowledged) < kills {
		t.Errorf("%d changes were acknowledged in %d runs: too few to show anything", len(acknowledged), kills)
	}
}

// killOne runs a victim, kills it so long after it has said so many changes (every 8th one: after its start), and gives the
// whole lines that it printed.
func killOne(t *testing.T, work victimWork, said int, after time.Duration) []string {
	t.Helper()
	text, err := json.Marshal(work)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), victimVariable+"="+string(text))
	var says bytes.Buffer
	command.Stderr = &says
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() { _ = command.Process.Kill() } // it may be gone, which Wait tells
	early := work.Seed%8 == 7
	if early {
		time.AfterFunc(after, kill)
	}
	var all bytes.Buffer
	chunk := make([]byte, 4096)
	for armed := early; ; {
		n, err := out.Read(chunk)
		all.Write(chunk[:n])
		if err != nil {
			break
		}
		if !armed && bytes.Count(all.Bytes(), []byte("\n")) > said { // the first line says that it is open
			armed = true
			time.AfterFunc(after, kill)
		}
	}
	if err := command.Wait(); err == nil || !strings.Contains(err.Error(), "signal: killed") {
		t.Fatalf("the victim ended by itself: %v\n%s", err, says.String())
	}
	printed := all.String()
	lines := strings.Split(printed[:strings.LastIndex(printed, "\n")+1], "\n")
	return slices.DeleteFunc(lines, func(line string) bool { return line == "" || line == "open" })
}

// wantAcknowledged opens the directory as the next daemon does, and judges it.
func wantAcknowledged(t *testing.T, work victimWork, acknowledged map[uint64]string) {
	t.Helper()
	d, err := Open(t.Context(), work.options())
	if err != nil {
		t.Fatalf("the directory does not open: %v\nhint: %s", err, hintOf(err))
	}
	defer func() {
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	var changes []Change
	for {
		more, err := d.store.changed(t.Context(), uint64(len(changes)))
		if err != nil {
			t.Fatal(err)
		}
		if len(more) == 0 {
			break
		}
		changes = append(changes, more...)
	}
	states := map[Key]State{} // as the changes tell them
	for i, change := range changes {
		if change.Sequence != uint64(i+1) {
			t.Fatalf("change %d has the sequence %d", i+1, change.Sequence)
		}
		states[change.Key] = change.After
	}
	for sequence, line := range acknowledged {
		if sequence > uint64(len(changes)) {
			t.Errorf("an acknowledged change is gone: %s", line)
			continue
		}
		c := changes[sequence-1]
		if got := fmt.Sprint(c.Sequence, " ", c.Key.ID, " ", c.Action, " ", c.After); got != line {
			t.Errorf("acknowledged was %q, on record is %q", line, got)
		}
	}
	loaded := map[Hash]State{}
	if _, err := d.store.load(t.Context(), func(hash Hash, state State) { loaded[hash] = state }); err != nil {
		t.Fatal(err)
	}
	err = d.store.each(t.Context(), func(user User) error {
		if want, changed := states[user.Key]; loaded[user.Key.Hash()] != user.State || changed && want != user.State && want != Unknown {
			t.Errorf("%s is %s, loaded as %s; the last change made him %s", user.Key.ID, user.State, loaded[user.Key.Hash()], want)
		}
		delete(loaded, user.Key.Hash())
		if !user.LastSeen.IsZero() && user.Email != "" {
			wantWhole(t, d.store, user.Key)
		}
		return nil
	})
	if err != nil || len(loaded) != 0 {
		t.Errorf("%d users were loaded that each does not give: %v", len(loaded), err)
	}
	for key, state := range states {
		if _, err := d.store.user(t.Context(), key); state != Unknown && err != nil {
			t.Errorf("%s is %s by his last change, and is gone: %v", key.ID, state, err)
		}
	}
}

// wantWhole checks that the user has all parts of one sighting.
func wantWhole(t *testing.T, s store, key Key) {
	t.Helper()
	var version int
	user, err := s.user(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(user.Email, "version %d", &version); err != nil {
		t.Fatalf("the e-mail address is %q", user.Email)
	}
	want := versioned(user.Key, version)
	got := &Sighting{
		Key: user.Key, At: want.At, Provider: user.Provider, User: user.User, Email: user.Email, Client: want.Client, Groups: user.Groups,
		UnmatchedGroups: user.UnmatchedGroups, Claims: user.Claims,
	}
	wantEqual(t, "the parts of a sighting", got, want)
}
