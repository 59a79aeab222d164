package access

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/reason"
)

func TestADenialTellsWhoAndWhatMendsIt(t *testing.T) {
	f := newFixture(t, nil)
	for _, c := range []struct {
		story  string
		header http.Header
		want   Denial
	}{
		{"D27 nothing named a group", bearerHeader(f.mint(entratest.Request{User: "stranger"})), Denial{
			Reason: reason.NoGroup, Provider: "contoso", User: "b9526ec1-d730-4f8e-9a04-41e7c8b63d5f", Client: desktopApp,
			Unmatched: []string{visitors}, Mend: `declare "` + visitors + `" under [groups]`,
		}},
		{"D18 the client is named", bearerHeader(f.mint(entratest.Request{User: "reader", Client: exportApp})), Denial{
			Reason: reason.Client, Provider: "contoso", User: reader, Client: exportApp,
			Mend: `add "` + exportApp + `" to client_application_ids under [provider.contoso]`,
		}},
		{"a spoofed header is named and cleaned", http.Header{"Remote_Groups": {"x"}}, Denial{
			Reason: reason.HeaderSpoof, Header: "Remote_Groups", Mend: reason.HeaderSpoof.Mend(),
		}},
		{"the application is named where only one can be meant",
			bearerHeader(f.mint(entratest.Request{User: "reader", Claims: map[string]any{"aud": "https://graph.microsoft.com"}})), Denial{
				Reason: reason.GraphToken, Mend: strings.ReplaceAll(reason.GraphToken.Mend(), "APPLICATION_ID", apiID),
			}},
		{"nothing is known without a token", http.Header{}, Denial{Reason: reason.NoToken, Mend: reason.NoToken.Mend()}},
	} {
		t.Run(c.story, func(t *testing.T) {
			d := f.gate.Decide(t.Context(), Request{Header: c.header})
			list := f.gate.Denials().List(d.ID)
			if len(list) != 1 {
				t.Fatalf("%d denials of the id", len(list))
			}
			got := list[0]
			if got.Provider != "" && got.KeyID == "" {
				t.Error("no key id")
			}
			c.want.ID, c.want.Time, c.want.Generation, c.want.KeyID = d.ID, f.now.UTC(), 1, got.KeyID
			if gotJSON, wantJSON := asJSON(t, got), asJSON(t, c.want); gotJSON != wantJSON {
				t.Errorf("got\n%s\nwant\n%s", gotJSON, wantJSON)
			}
		})
	}
}

// A14: the entry of an unlisted service names the object ID that a [[service_account]] needs, and the calling
// application.
func TestADenialOfAnUnknownServiceNamesItsObjectID(t *testing.T) {
	f := newFixture(t, func(c *config.Config) { c.Providers[0].ClientApplicationIDs = []string{exportApp} })
	d := f.decide(f.mint(entratest.Request{Client: exportApp}))
	got := f.gate.Denials().List(d.ID)[0]
	if got.User != exportObject || got.Client != exportApp || got.Reason != reason.UnknownServiceAccount {
		t.Errorf("got %+v", got)
	}
}

// What a token says before its signature holds is nobody's word: of a forged one only the key id is shown.
func TestADenialOfAForgedTokenShowsNoClaim(t *testing.T) {
	f := newFixture(t, nil)
	parts := strings.Split(f.mint(entratest.Request{User: "reader"}), ".")
	other := strings.Split(f.mint(entratest.Request{User: "administrator"}), ".")
	d := f.decide(parts[0] + "." + other[1] + "." + parts[2])
	got := f.gate.Denials().List(d.ID)[0]
	if got.Reason != reason.Signature || got.User != "" || got.Client != "" || got.KeyID == "" {
		t.Errorf("got %+v", got)
	}
}

func TestUnmatchedValuesAreCleanedAndCut(t *testing.T) {
	f := newFixture(t, nil)
	groups := []string{"a\x1b[31m", "dup", "dup"}
	for i := range 80 {
		groups = append(groups, "g"+strconv.Itoa(i))
	}
	d := f.decide(f.mint(entratest.Request{User: "reader", Claims: map[string]any{"groups": groups}}))
	got := f.gate.Denials().List(d.ID)[0].Unmatched
	if len(got) != shownValues || !slices.Contains(got, `a\u001b[31m`) {
		t.Errorf("%d values: %q", len(got), got)
	}
	if slices.Sort(got); len(slices.Compact(got)) != shownValues {
		t.Error("a value stands there twice")
	}
}

// A value that names a role but no group has matched something: it is not among those that named nothing.
func TestAValueThatNamesARoleIsNotUnmatched(t *testing.T) {
	f := newFixture(t, func(c *config.Config) { c.Roles = []config.Local{{Name: "visitor", Values: []string{visitors}}} })
	d := f.decide(f.mint(entratest.Request{User: "stranger"}))
	if got := f.gate.Denials().List(d.ID)[0]; got.Reason != reason.NoGroup || len(got.Unmatched) != 0 {
		t.Errorf("got %+v", got)
	}
}

// The user is named as claims.user names users, once that is known; before, by object ID.
func TestADenialNamesTheUserAsTheConfigurationDoes(t *testing.T) {
	f := newFixture(t, func(c *config.Config) { c.Providers[0].Claims.User = "email" })
	for _, c := range []struct {
		token entratest.Request
		want  string
	}{
		{entratest.Request{User: "stranger"}, "no_group alan@contoso.example"},
		{entratest.Request{User: "stranger", Client: exportApp}, "client b9526ec1-d730-4f8e-9a04-41e7c8b63d5f"},
	} {
		d := f.decide(f.mint(c.token))
		if got := d.Reason.String() + " " + f.gate.Denials().List(d.ID)[0].User; got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// What a denial lists are the values that somebody would declare: those of the groups and the roles claim that named
// nothing in either, each once.
func TestUnmatchedValuesAreThoseThatNamedNothingLocal(t *testing.T) {
	for _, c := range []struct {
		story  string
		claims map[string]any
		want   []string
	}{
		{"of both claims, each once", map[string]any{"groups": []string{"b", "a"}, "roles": []string{"c", "b"}}, []string{"a", "b", "c"}},
		{"of roles alone", map[string]any{"groups": nil, "roles": "c"}, []string{"c"}},
		{"of groups alone", map[string]any{"groups": "a"}, []string{"a"}},
		{"none of the admin claim", map[string]any{"groups": "a", "adm": "boss"}, []string{"a"}},
		{"none that names a role, wherever else it stands", map[string]any{
			"groups": []string{"auditor", "z"}, "roles": []string{"auditor", "y"}, "adm": []string{"auditor", "z"},
		}, []string{"z", "y"}},
	} {
		f := newFixture(t, func(cfg *config.Config) {
			cfg.Roles = []config.Local{{Name: "auditor"}}
			cfg.Providers[0].Claims.Roles, cfg.Providers[0].Claims.Admin = "roles", "adm"
		})
		d := f.decide(f.mint(entratest.Request{User: "reader", Claims: c.claims}))
		if got := f.gate.Denials().List(d.ID)[0].Unmatched; d.Reason != reason.NoGroup || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q %q, want %q", c.story, d.Reason, got, c.want)
		}
	}
}

func TestTheRingKeepsTheLastThousand(t *testing.T) {
	d := newDenials()
	if len(d.List("")) != 0 {
		t.Error("a new ring is not empty")
	}
	for i := range keptDenials + 5 {
		d.add(Denial{ID: strconv.Itoa(i)})
	}
	list := d.List("")
	if len(list) != keptDenials || list[0].ID != "5" || list[len(list)-1].ID != strconv.Itoa(keptDenials+4) {
		t.Errorf("%d kept, from %s to %s", len(list), list[0].ID, list[len(list)-1].ID)
	}
	if len(d.List("4")) != 0 || len(d.List("5")) != 1 {
		t.Error("List by id")
	}
}

func TestFollowSendsWhatComesAndEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDenials()
		ctx, cancel := context.WithCancel(t.Context())
		d.add(Denial{ID: "before"})
		follower := d.Follow(ctx)
		for i := range followBacklog + 10 { // nobody reads yet: the last ten are missed, and nobody waits
			d.add(Denial{ID: strconv.Itoa(i)})
		}
		cancel()
		synctest.Wait()
		var ids []string
		for denial := range follower {
			ids = append(ids, denial.ID)
		}
		if len(ids) != followBacklog || ids[0] != "0" {
			t.Errorf("%d denials, from %s", len(ids), ids[0])
		}
		d.add(Denial{ID: "after"})
		if len(d.followers) != 0 {
			t.Error("the follower is not forgotten")
		}
	})
}

// FAULTS 161: one line a reason and second, and the number of those left out.
func TestOneLineAReasonAndSecond(t *testing.T) {
	core, lines := observer.New(zapcore.InfoLevel)
	f := loggedFixture(t, zap.New(core), nil)
	f.now = time.Unix(1_800_000_000, 0)
	for range 5 {
		f.decide("")
		f.decide("a,b")
	}
	f.now = f.now.Add(time.Second)
	f.decide("")
	f.decide("")
	f.now = f.now.Add(time.Hour)
	f.decide("")
	want := []string{"no_token 0", "invalid_request 0", "no_token 4", "no_token 1"}
	var got []string
	for _, line := range lines.All() {
		fields := line.ContextMap()
		suppressed, _ := fields["suppressed"].(uint64)
		got = append(got, fields["reason"].(string)+" "+strconv.FormatUint(suppressed, 10))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestADenialsLineNamesWhatIsKnownAndNeverTheToken(t *testing.T) {
	core, lines := observer.New(zapcore.InfoLevel)
	f := loggedFixture(t, zap.New(core), nil)
	f.now = f.now.Truncate(time.Second)
	first := f.decide("")
	stranger := f.decide(f.mint(entratest.Request{User: "stranger"}))
	f.decide("")
	f.now = f.now.Add(time.Second)
	later := f.decide("")
	want := []map[string]any{
		{"reason": "no_token", "decision_id": first.ID, "generation": 1},
		{
			"reason": "no_group", "decision_id": stranger.ID, "provider": "contoso", "user": "b9526ec1-d730-4f8e-9a04-41e7c8b63d5f",
			"client": desktopApp, "key_id": f.tenant.KeyIDs()[0], "unmatched": 1, "generation": 1,
		},
		{"reason": "no_token", "decision_id": later.ID, "generation": 1, "suppressed": 1},
	}
	var got []map[string]any
	for _, line := range lines.All() {
		got = append(got, line.ContextMap())
	}
	if got, want := asJSON(t, got), asJSON(t, want); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDenialsAreNotLoggedWhereThatIsSwitchedOff(t *testing.T) {
	core, lines := observer.New(zapcore.DebugLevel)
	f := loggedFixture(t, zap.New(core), func(c *config.Config) { c.Log.Denials = false })
	d := f.decide("")
	if lines.Len() != 0 {
		t.Errorf("%d lines", lines.Len())
	}
	if len(f.gate.Denials().List(d.ID)) != 1 {
		t.Error("it is not kept either")
	}
}

// FAULTS 180: the token and its signature stand in no line and no denial, whatever refuses it.
func TestNoTokenReachesLogOrDenials(t *testing.T) {
	core, lines := observer.New(zapcore.DebugLevel)
	f := loggedFixture(t, zap.New(core), nil)
	base := f.mint(entratest.Request{User: "reader"})
	part := strings.Split(base, ".")
	const canary = "CANARYcanaryCANARYcanary"
	for _, raw := range []string{
		canary, canary + "." + canary, part[0] + "." + canary + "." + part[2], part[0] + "." + part[1] + "." + canary,
		part[0] + "." + part[1], "Bearer " + canary, canary + "," + canary, canary + " x", strings.Repeat(canary, 2000),
		f.mint(entratest.Request{User: "stranger"}), f.mint(entratest.Request{User: "reader", Client: exportApp}),
		f.mint(entratest.Request{User: "reader", Lifetime: time.Second, Issued: f.now.Add(-time.Hour)}),
	} {
		f.now = f.now.Add(2 * time.Second)
		f.decide(raw)
		secrets := []string{canary, part[1], part[2]}
		if split := strings.Split(raw, "."); len(split) == 3 {
			secrets = append(secrets, split[1], split[2])
		}
		said := asJSON(t, f.gate.Denials().List("")) + asJSON(t, f.gate.Snapshot().Explain(t.Context(), raw, f.now))
		for _, line := range lines.All() {
			said += line.Message + asJSON(t, line.ContextMap())
		}
		for _, secret := range secrets {
			if secret != "" && strings.Contains(said, secret) {
				t.Fatalf("%.40s...: a piece of it is shown", raw)
			}
		}
	}
}

// A panic's value may hold a piece of the request; only what the Go runtime words is logged.
func TestTheLogOfAPanicShowsNoValue(t *testing.T) {
	core, lines := observer.New(zapcore.ErrorLevel)
	l := newDenialLog(zap.New(core))
	l.panicked("d1", "secret")
	var none []int
	func() {
		defer func() { l.panicked("d2", recover()) }()
		_ = none[len(lines.All())]
	}()
	var got []string
	for _, line := range lines.All() {
		got = append(got, line.ContextMap()["panic"].(string))
	}
	want := []string{"string", "runtime error: index out of range [1] with length 0"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
