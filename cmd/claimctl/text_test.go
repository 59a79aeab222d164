package main

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/opaque"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/mapping"
)

// noon is when all these texts are written.
func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

func before(d time.Duration) time.Time { return noon().Add(-d) }

func wantText(t *testing.T, what, want, got string) {
	t.Helper()
	if got != want {
		t.Errorf("%s\nwant\n%s\ngot\n%s", what, want, got)
	}
}

func TestValuesOfOthersCannotSteerTheTerminal(t *testing.T) {
	tests := map[string]struct{ value, want string }{
		"plain":                            {`CONTOSO\Team A`, `CONTOSO\Team A`},
		"beyond ASCII":                     {"Zürich 東京", "Zürich 東京"},
		"an escape sequence":               {"\x1b]0;title\a", `\u001b]0;title\u0007`},
		"a C1 control":                     {"\u009b31m", `\u009b31m`},
		"line breaks":                      {"a\r\nb", `a\u000d\u000ab`},
		"the direction turned":             {"\u202egpj.exe\u2066", `\u202egpj.exe\u2066`},
		"characters without width":         {"ad\u200bmin\ufeff", `ad\u200bmin\ufeff`},
		"a blank that is no U+0020":        {"a\u00a0b", `a\u00a0b`},
		"a tag beyond the basic plane":     {"a\U000e0041", `a\U000e0041`},
		"bytes that are no UTF-8":          {"a\xff\xc3", `a\xff\xc3`},
		"the replacement character itself": {"a\ufffd", "a\ufffd"},
		"a long value":                     {strings.Repeat("a", 399) + "éb", strings.Repeat("a", 399) + "... (3 more bytes)"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { wantText(t, "safe", test.want, safe(test.value)) })
	}
}

func TestBlanksAtTheEndsAreSeen(t *testing.T) {
	for value, want := range map[string]string{"": `""`, " a": `" a"`, "a ": `"a "`, "a b": "a b"} {
		wantText(t, "visible", want, visible(value))
	}
	wantText(t, "list", `a, "b ", ""`, list([]string{"a", "b ", ""}))
	wantText(t, "an empty list", "none", list(nil))
}

func TestJSONCannotSteerTheTerminalEither(t *testing.T) {
	var out strings.Builder
	tool := &tool{stdout: &out}
	if err := tool.printJSON(map[string]string{"value": "\x1b[31m\u009b\u202e\U000e0041 é"}, true); err != nil {
		t.Fatal(err)
	}
	wantText(t, "JSON", `{"value":"\u001b[31m\u009b\u202e\udb40\udc41 é"}`+"\n", out.String())
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestFactsThatCannotBeWrittenWereNotTold(t *testing.T) {
	var problems strings.Builder
	tool := &tool{stdout: fullDisk{}, stderr: &problems}
	if code := tool.report(tool.print("facts")); code != exitUnknown {
		t.Errorf("exit status: want %d, got %d", exitUnknown, code)
	}
	wantText(t, "standard error", "claimctl: cannot write the answer: no space left on device\n", problems.String())
}

func TestTimesAreToldInTwoUnits(t *testing.T) {
	tests := []struct {
		ago  time.Duration
		want string
	}{
		{0, "0 s ago"}, {59 * time.Second, "59 s ago"}, {61 * time.Second, "1 min ago"}, {3*time.Hour + 12*time.Minute, "3 h 12 min ago"},
		{50 * time.Hour, "2 d 2 h ago"}, {-90 * time.Minute, "in 1 h 30 min"},
	}
	for _, test := range tests {
		wantText(t, test.ago.String(), test.want, ago(before(test.ago), noon()))
	}
	wantText(t, "never", "never", when(time.Time{}, noon()))
	there := noon().In(time.FixedZone("CET", 3600))
	wantText(t, "the reader's zone", "2026-11-21 12:59:00 CET, 1 min ago", when(before(time.Minute), there))
}

func TestMarksAreWhatTheOutputCanShow(t *testing.T) {
	tests := map[string]struct {
		terminal    bool
		environment map[string]string
		want        string
	}{
		"a terminal of UTF-8":   {true, map[string]string{"LANG": "de_CH.UTF-8"}, "✓✗"},
		"spelled otherwise":     {true, map[string]string{"LC_CTYPE": "C.utf8"}, "✓✗"},
		"a file":                {false, map[string]string{"LANG": "de_CH.UTF-8"}, "okNO"},
		"no locale":             {true, nil, "okNO"},
		"LC_ALL goes before it": {true, map[string]string{"LC_ALL": "C", "LANG": "de_CH.UTF-8"}, "okNO"},
	}
	for name, test := range tests {
		m := marksFor(test.terminal, func(key string) string { return test.environment[key] })
		wantText(t, name, test.want, m.pass+m.fail)
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if isTerminal(file) {
		t.Error("/dev/null: want no terminal")
	}
}

func TestAWideCellMovesItsOwnLineOnly(t *testing.T) {
	p := &page{}
	p.table(" ", 4, [][]string{{"a", "b"}, {"aaaaaaaa", "b"}, {"é", "b"}, {"aaaa"}})
	wantText(t, "table", " a     b\n aaaaaaaa  b\n é     b\n aaaa\n", p.String())
}

func TestReloadTellsTheVerdict(t *testing.T) {
	fault := config.Fault{File: "/etc/claimd/claimd.toml", Line: 3, Key: "groups.a\x1b", Problem: "want a text", Hint: "put it in quotes"}
	notice := config.Fault{File: "/etc/claimd/claimd.toml", Key: "mapping", Problem: "lets everyone in", Notice: true}
	tests := map[string]struct {
		result admin.ReloadResult
		want   string
	}{
		"changed": {admin.ReloadResult{OK: true, Changed: true, Generation: 4, Faults: config.Faults{notice}},
			"/etc/claimd/claimd.toml: mapping: notice: lets everyone in\nreloaded: generation 4 serves now\n"},
		"unchanged": {admin.ReloadResult{OK: true, Generation: 4}, "unchanged: the files are what generation 4 serves already\n"},
		"faults": {admin.ReloadResult{Generation: 4, Faults: config.Faults{fault, notice}},
			"/etc/claimd/claimd.toml:3: groups.a\\u001b: want a text\n  hint: put it in quotes\n" +
				"/etc/claimd/claimd.toml: mapping: notice: lets everyone in\nrefused: 1 fault; generation 4 goes on serving\n"},
		"a problem": {admin.ReloadResult{Generation: 4, Problem: "127.0.0.1:4180: address already in use\nhint: look what listens there"},
			"127.0.0.1:4180: address already in use\n  hint: look what listens there\nrefused; generation 4 goes on serving\n"},
		"no verdict": {admin.ReloadResult{Problem: "the reload was not begun in time"}, "the reload was not begun in time\nrefused\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { wantText(t, "reload", test.want, reloadText(test.result)) })
	}
}

// busyStatus is a daemon with something of everything.
func busyStatus() admin.Status {
	return admin.Status{
		Version: "1.2.3", PID: 4711, StartedAt: before(50 * time.Hour), Enabled: true, Ready: true, Generation: 4, LoadedAt: before(3 * time.Hour),
		Files: []config.File{
			{Path: "/etc/claimd/claimd.toml", SHA256: "0123456789abcdef0123"}, {Path: "/etc/claimd/conf.d/10-groups.toml", SHA256: "fedcba9876543210"}},
		Hash: "00112233445566778899", Groups: 12, Roles: 1,
		Reloads:     admin.Reloads{Taken: 3, Refused: 1},
		LastRefused: &admin.RefusedLoad{At: before(time.Minute), Problem: "the keys of provider.fabrikam cannot be fetched: no route to host\nhint: claimd tries again by itself"},
		Providers: []keys.Status{
			{Provider: "contoso", Live: true, Documents: []keys.DocumentStatus{
				{Version: "1.0", Error: "https://login.example/: 503 Service Unavailable", AttemptedAt: before(2 * time.Minute)},
				{Version: "2.0", Live: true, Source: "disk", FetchedAt: before(5 * time.Hour), Keys: []keys.KeyStatus{{ID: "a", Type: "RSA 2048"}, {ID: "b", Ignored: "too short"}}}}},
			{Provider: "fabrikam", Documents: []keys.DocumentStatus{{Version: "1.0"}, {Version: "2.0"}}},
			{Provider: "northwind"},
		},
		Listeners: []admin.Listener{{Door: "server", Address: "127.0.0.1:4180"}, {Door: "proxy", Address: "127.0.0.1:4181"}},
		Counts:    access.Stats{Allowed: 1234, Denied: map[string]uint64{"expired": 3, "no_group": 12, "client": 3}, Unmatched: 1, Kept: 1, KeptBytes: 1_300_000, KeptLimit: 12 << 20},
	}
}

func TestStatusIsAScreenful(t *testing.T) {
	wantText(t, "a busy daemon", `claimd      1.2.3, pid 4711, running since 2026-11-19 10:00:00 UTC (2 d 2 h)
state       ready
generation  4, loaded 2026-11-21 09:00:00 UTC, 3 h 0 min ago: 12 groups, 1 role
files       /etc/claimd/claimd.toml            0123456789ab
            /etc/claimd/conf.d/10-groups.toml  fedcba987654
            all together                       001122334455
reloads     3 taken, 1 refused
REFUSED     a reload, 2026-11-21 11:59:00 UTC, 1 min ago
            the keys of provider.fabrikam cannot be fetched: no route to host
              hint: claimd tries again by itself
            generation 4 goes on serving
providers   contoso    live     1 key, fetched 5 h 0 min ago (kept on disk)
                                v1.0 failed 2 min ago: https://login.example/: 503 Service Unavailable
            fabrikam   NO KEYS  never fetched
            northwind  NO KEYS  never fetched
listeners   server  127.0.0.1:4180
            proxy   127.0.0.1:4181
requests    1234 allowed, 18 refused
refused     no_group 12, client 3, expired 3
ignored     1 claim value that named no local group or role
kept        1 verified identity in 1.2 of 12.0 MiB
`, statusText(busyStatus(), noon()))
}

// How a provider answers that is asked about opaque tokens, in each of its states.
func TestStatusTellsHowAProviderAnswersAboutOpaqueTokens(t *testing.T) {
	const endpoint = "https://sso.example/introspect"
	for name, test := range map[string]struct {
		status opaque.Status
		want   string
	}{
		"no document": {opaque.Status{}, "jumpcloud  NOT KNOWN  introspection: 0 requests, 0 vouched for, 0 refused, 0 failed; 0 answered from memory\n" +
			"its document has not been fetched, or names no introspection endpoint that may be asked"},
		"nothing yet": {opaque.Status{Endpoint: endpoint}, "jumpcloud  not asked yet  introspection: 0 requests, 0 vouched for, 0 refused, 0 failed; 0 answered from memory"},
		"well": {opaque.Status{Endpoint: endpoint, Stats: opaque.Stats{Asked: 7, Verified: 4, Refused: 2, Failed: 1, Kept: 20, KeptRefusals: 3}},
			"jumpcloud  answers  introspection: 7 requests, 4 vouched for, 2 refused, 1 failed; 23 answered from memory"},
		"failing": {opaque.Status{Endpoint: endpoint, Error: endpoint + ": want status 200, got 401\nhint: look\x1b", FailingSince: before(time.Minute), Stats: opaque.Stats{Asked: 1, Failed: 1}},
			"jumpcloud  FAILING  introspection: 1 request, 0 vouched for, 0 refused, 1 failed; 0 answered from memory\n" +
				"since 2026-11-21 11:59:00 UTC: https://sso.example/introspect: want status 200, got 401\nlook\\u001b"},
		"left alone": {opaque.Status{Endpoint: endpoint, Error: "x", FailingSince: before(time.Minute), NotAskedTill: noon().Add(time.Minute),
			Stats: opaque.Stats{Asked: 5, Failed: 5, NotAskedNow: true, Held: 8, Shed: 9}},
			"jumpcloud  NOT ASKED  introspection: 5 requests, 0 vouched for, 0 refused, 5 failed; 0 answered from memory\nsince 2026-11-21 11:59:00 UTC: x\n" +
				"asked again from 2026-11-21 12:01:00 UTC on; until then such tokens are answered 503 provider_unavailable\n" +
				"answered 503 without asking: 8 as it failed, 9 as 64 requests were under way"},
	} {
		test.status.Provider, test.status.Kind = "jumpcloud", opaque.Introspection
		var lines []string
		for _, row := range opaqueRows(&test.status, noon()) {
			lines = append(lines, strings.TrimSpace(strings.Join(row, "  ")))
		}
		wantText(t, name, test.want, strings.Join(lines, "\n"))
	}
	status := busyStatus()
	status.Opaque = &opaque.Status{Provider: "jumpcloud", Kind: opaque.Userinfo, Endpoint: endpoint}
	if text := statusText(status, noon()); !strings.Contains(text, "\nopaque      jumpcloud  not asked yet  userinfo: 0 requests") {
		t.Errorf("got\n%s", text)
	}
}

func TestStatusSaysWhyNothingIsJudged(t *testing.T) {
	wantText(t, "switched off", `claimd      1.2.3, pid 1, running since 2026-11-21 12:00:00 UTC (0 s)
state       switched off: enabled is false, every protected request is answered 503 disabled
generation  1, loaded 2026-11-21 12:00:00 UTC, 0 s ago: 0 groups, 0 roles
files       none
providers   none
listeners   none
requests    0 allowed, 0 refused
ignored     0 claim values that named no local group or role
kept        0 verified identities
`, statusText(admin.Status{Version: "1.2.3", PID: 1, StartedAt: noon(), Generation: 1, LoadedAt: noon()}, noon()))
	wantText(t, "no keys", "NOT READY: no provider has live keys, requests are answered 503 keys_unavailable", stateText(admin.Status{Enabled: true}))
}

func TestKeysTellsAgeSourceAndWhatIsNotUsed(t *testing.T) {
	wantText(t, "keys", `contoso: live
  v1.0  https://login.example/t/.well-known/openid-configuration
    fetched  never
    FAILED   2026-11-21 11:58:00 UTC, 2 min ago: 503 Service Unavailable
  v2.0  https://login.example/t/v2.0/.well-known/openid-configuration
    issuer   https://login.example/t/v2.0
    key set  https://login.example/t/discovery/v2.0/keys
    fetched  2026-11-21 11:00:00 UTC, 1 h 0 min ago, from the disk
    key      first   RSA 2048
    key      second  RSA 1024  not used: want 2048 bits or more

fabrikam: NO KEYS: requests are answered 503 keys_unavailable
  v2.0  https://login.example/f
    fetched  2026-11-20 11:00:00 UTC, 1 d 1 h ago, from the network; DEAD: too old to be used
`, keysText([]keys.Status{
		{Provider: "contoso", Live: true, Documents: []keys.DocumentStatus{
			{Version: "1.0", URL: "https://login.example/t/.well-known/openid-configuration", Error: "503 Service Unavailable", AttemptedAt: before(2 * time.Minute)},
			{Version: "2.0", URL: "https://login.example/t/v2.0/.well-known/openid-configuration", Issuer: "https://login.example/t/v2.0",
				KeysURL: "https://login.example/t/discovery/v2.0/keys", Source: "disk", FetchedAt: before(time.Hour), Live: true,
				Keys: []keys.KeyStatus{{ID: "first", Type: "RSA 2048"}, {ID: "second", Type: "RSA 1024", Ignored: "want 2048 bits or more"}}}}},
		{Provider: "fabrikam", Documents: []keys.DocumentStatus{{Version: "2.0", URL: "https://login.example/f", Source: "network", FetchedAt: before(25 * time.Hour)}}},
	}, noon()))
	wantText(t, "no providers", "no provider is in use: none is configured, or enabled is false\n", keysText(nil, noon()))
	wantText(t, "no providers to refresh", "no provider is in use: none is configured, or enabled is false\n", refreshText(nil))
	results := []admin.RefreshResult{{Provider: "contoso"}, {Provider: "fabrikam", Problem: "no route to host"}}
	wantText(t, "refresh", "contoso: fetched\nfabrikam: FAILED: no route to host\n", refreshText(results))
	if !anyFailed(results) || anyFailed(results[:1]) {
		t.Error("want a refresh to have failed where one provider's did")
	}
}

func TestDenialsShowWhoAndWhat(t *testing.T) {
	spoof := access.Denial{ID: "a-1", Time: noon(), Reason: reason.HeaderSpoof, Header: "Remote_User", Mend: "let the gateway remove it"}
	many := access.Denial{ID: "a-2", Time: noon(), Reason: reason.NoGroup, Provider: "contoso", User: "ada", Unmatched: []string{"1", "2", "3", "4", "5", "6", "7"}}
	newer := access.Denial{ID: "a-3", Time: noon()}
	wantText(t, "the list", `2026-11-21 12:00:00 UTC  header_spoof             a-1
    header Remote_User
2026-11-21 12:00:00 UTC  no_group                 a-2
    user ada  app -
    nothing local for 1, 2, 3, 4, 5 and 2 more
2026-11-21 12:00:00 UTC  (unknown reason)         a-3
3 refusals; claimctl denials ID tells what mends one
`, denialsText([]access.Denial{spoof, many, newer}, noon()))
	wantText(t, "one", `decision    a-1
time        2026-11-21 12:00:00 UTC, 0 s ago
reason      header_spoof (403): the request brings an identity header of its own
header      Remote_User
generation  0
to mend it  let the gateway remove it
`, denialText(spoof, noon()))
	if got := denialText(newer, noon()); !strings.Contains(got, "reason      (unknown reason)\n") {
		t.Errorf("a reason of a newer claimd\ngot\n%s", got)
	}
}

func TestExplainShowsEveryKindOfNearMiss(t *testing.T) {
	near := func(difference mapping.Difference) mapping.Near {
		return mapping.Near{What: "group", Name: "Team", Value: "v", Difference: difference}
	}
	steps := []mapping.Step{
		{Source: mapping.FromGroups, Value: "team", Near: []mapping.Near{near(mapping.ByCase), near(mapping.ByUnicodeForm), near(mapping.ByBlanks),
			near(mapping.ByGUIDForm), near(mapping.ByProvider), near("phase of the moon"),
			{What: "admin_group", Name: "Bosses", Value: "Bosses", Difference: mapping.ByCase}}},
		{Source: mapping.FromAccount, Value: "Operators", Groups: []string{"Operators"}, Roles: []string{"a", "b"}, Admin: true},
	}
	p := &page{}
	valueRows(p, steps)
	wantText(t, "values", `  groups claim         team       -> nothing local
      nearly: group Team (v), but for upper and lower case
      nearly: group Team (v), but for its Unicode form
      nearly: group Team (v), but for blanks
      nearly: group Team (v), the same GUID written in another form
      nearly: group Team (v), but its providers leave this one out
      nearly: group Team (v), but for its phase of the moon
      nearly: admin_group Bosses, but for upper and lower case
  [[service_account]]  Operators  -> group Operators, role a, b, administrator
`, p.String())
}

func TestExplainOfANewerClaimdStillReads(t *testing.T) {
	got := explainText(explained{"the running claimd judged, by generation 9", access.Explanation{
		Checks: []reason.Check{{Name: "new_check", Want: "something new"}},
		Identity: &access.Whoami{Provider: "contoso", User: "e4b02d96-5a7f-4c31-9f68-7d15ac80b3e2", Kind: "service_account", Admin: true,
			ClientApplicationID: "a1f75c38-62de-4b90-8d43-0be9c7248f15", ExpiresAt: noon().Add(time.Hour)},
		Sentence: "denied: a reason that is new.\nFor example:\n\nanalysts = \"\"\n",
	}}, marks{pass: "✓", fail: "✗"}, noon())
	wantText(t, "explain", `the running claimd judged, by generation 9

checks
  ✗   new check         refused
                        wanted  something new

identity, were it let in
  service account  e4b02d96-5a7f-4c31-9f68-7d15ac80b3e2
  provider         contoso
  groups           none
  roles            none
  administrator    yes
  client           a1f75c38-62de-4b90-8d43-0be9c7248f15
  expires          2026-11-21 13:00:00 UTC, in 1 h 0 min

denied: a reason that is new.
For example:

analysts = ""
`, got)
}

func TestExplainTellsRefusedFromUnknown(t *testing.T) {
	tests := map[string]struct {
		explanation access.Explanation
		want        int
	}{
		"allowed":             {access.Explanation{Allowed: true}, exitYes},
		"refused":             {access.Explanation{Reason: reason.NoGroup}, exitNo},
		"switched off":        {access.Explanation{Reason: reason.Disabled}, exitNo},
		"a reason not known":  {access.Explanation{}, exitNo},
		"keys not to be had":  {access.Explanation{Reason: reason.KeysUnavailable}, exitUnknown},
		"Graph does not tell": {access.Explanation{Reason: reason.GraphUnavailable}, exitUnknown},
	}
	for name, test := range tests {
		tool := &tool{stdout: io.Discard, stderr: io.Discard}
		if got := tool.report(tool.printExplained(explained{Explanation: test.explanation})); got != test.want {
			t.Errorf("%s: want exit status %d, got %d", name, test.want, got)
		}
	}
}

func TestTokensAreReadAsPeopleCopyThem(t *testing.T) {
	for text, want := range map[string]string{
		"a.b.c": "a.b.c", "a.b.c\n": "a.b.c", "a.b.c\r\n": "a.b.c", "Bearer a.b.c\n": "a.b.c", "bearer a.b.c": "a.b.c",
		"a.b.c\n\n": "a.b.c\n", " a.b.c": " a.b.c", "Bearer": "Bearer", "": "",
	} {
		wantText(t, text, want, bare(text))
	}
	tool := &tool{stdin: strings.NewReader(strings.Repeat("a", admin.MaxToken+1)), stderr: io.Discard}
	if _, err := tool.readToken(""); err == nil || err.Error() != "the token in standard input is larger than 64 KiB" {
		t.Errorf("a giant token: got %v", err)
	}
}

// The usage texts are written by hand, so a test holds them to the flags and verbs that there are.
func TestUsageTextsAreComplete(t *testing.T) {
	root := (&tool{}).rootCommand()
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Long) {
			if len(line) > 101 {
				t.Errorf("%s: a line of the usage text is longer than 100 characters: %s", cmd.CommandPath(), line)
			}
		}
		for flag := range strings.FieldsSeq(strings.ReplaceAll(cmd.LocalNonPersistentFlags().FlagUsages(), "\n", " ")) {
			if strings.HasPrefix(flag, "--") && flag != "--help" && !strings.Contains(cmd.Long, "\n  "+flag+" ") && !strings.Contains(cmd.Long, "\n  "+flag+"=") {
				t.Errorf("%s: the usage text does not tell of %s", cmd.CommandPath(), flag)
			}
		}
		for _, sub := range cmd.Commands() {
			if sub.Hidden {
				continue
			}
			if !strings.Contains(rootUsage, "\n  "+verbOf(sub)+" ") {
				t.Errorf("claimctl --help does not tell of %s", verbOf(sub))
			}
			check(sub)
		}
	}
	check(root)
}

// A user who may not read the files has found out nothing: a script must not take that for a fault in them.
func TestCheckOfUnreadableFilesFindsOutNothing(t *testing.T) {
	unreadable := config.Fault{File: "claimd.toml", Problem: "cannot be read: permission denied", Unreadable: true}
	notice := config.Fault{File: "claimd.toml", Problem: "is empty", Notice: true}
	fault := config.Fault{File: "conf.d/a.toml", Problem: "want a GUID"}
	for _, test := range []struct {
		faults config.Faults
		want   int
	}{
		{config.Faults{unreadable}, exitUnknown},
		{config.Faults{unreadable, notice}, exitUnknown},
		{config.Faults{unreadable, fault}, exitNo},
		{config.Faults{fault}, exitNo},
	} {
		if got := refusedBy(test.faults).(*failure).code; got != test.want {
			t.Errorf("%v: exit %d, want %d", test.faults, got, test.want)
		}
	}
}
