package doctor

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/claimd/claimd/cmd/claimctl/finding"
	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
)

const (
	tenant = "5f2a7c41-93be-4d08-a6f5-1c0e7b94d2a3"
	api    = "c8d14e02-7b6a-4f39-9e51-2a84f06d73bc"
)

// loaded makes a configuration of providers by these names at these authorities.
func loaded(t *testing.T, authorities ...string) (*daemon.Loaded, string) {
	t.Helper()
	text := "enabled = true\n"
	for i, authority := range authorities {
		text += fmt.Sprintf("[provider.p%d]\nuser_prefix = \"p%d-\"\ntenant_id = %q\nclient_application_ids = []\nauthority = %q\n", i, i, tenant, authority)
		text += fmt.Sprintf("application_id = \"c8d14e02-7b6a-4f39-9e51-2a84f06d73b%d\"\n", i)
	}
	path := filepath.Join(t.TempDir(), "claimd.toml")
	if err := os.WriteFile(path, []byte(text+"[groups]\n6cab8f93-8e22-4947-80c3-c6ed549cb47a = \"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	made, err := daemon.Load(path, config.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return made, path
}

// told gives each answer of a subject as "check: verdict: found".
func told(findings []finding.Finding, subject string) []string {
	var lines []string
	for _, f := range findings {
		if f.Subject == subject {
			lines = append(lines, fmt.Sprintf("%s: %s: %s", f.Check, f.Verdict, f.Found))
		}
	}
	return lines
}

// TestAProviderThatHangsHoldsNobodyUp: each question about it is given up after its time, and the other provider is
// answered for in full.
func TestAProviderThatHangsHoldsNobodyUp(t *testing.T) {
	defer goleak.VerifyNone(t)
	let := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-let:
		case <-r.Context().Done():
		}
	}))
	defer hanging.Close()
	defer close(let)
	good, err := entratest.Start(entratest.Directory{TenantID: tenant, APIs: []entratest.API{{ApplicationID: api}}})
	if err != nil {
		t.Fatal(err)
	}
	defer good.Close()
	made, path := loaded(t, hanging.URL, good.URL())
	began := time.Now()
	findings := Examine(t.Context(), Options{Path: path, Loaded: made, Socket: path + ".sock", Step: 200 * time.Millisecond})
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	host := strings.TrimPrefix(hanging.URL, "http://")
	want := []string{
		"DNS: yes: 127.0.0.1 is an address", "connection: yes: to " + host, "TLS: yes: not used: " + host + " is on this host",
		"clock: could not tell: " + hanging.URL + ": no answer in time",
	}
	if got := told(findings, "provider.p0"); !slices.Equal(got[:4], want) {
		t.Errorf("want\n%s\ngot\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
	for _, f := range findings {
		if f.Subject == "provider.p0" && strings.HasPrefix(f.Check, "document") && f.Verdict != finding.No {
			t.Errorf("%s: want no, got %s: %s", f.Check, f.Verdict, f.Found)
		}
		if f.Subject == "provider.p1" && f.Check == "keys" && f.Verdict != finding.Yes {
			t.Errorf("keys of p1: want yes, got %s: %s", f.Verdict, f.Found)
		}
	}
}

// TestWhatIsNotAskedSaysWhy: a question that needs another is left to that one.
func TestWhatIsNotAskedSaysWhy(t *testing.T) {
	asked := 0
	say := func(f finding.Finding) func(*int, context.Context) finding.Finding {
		return func(n *int, _ context.Context) finding.Finding { *n++; return f }
	}
	findings := ask(t.Context(), time.Second, "s", &asked, []check[int]{
		{name: "one", ask: say(finding.Good("good"))},
		{name: "none", needs: "one", ask: say(finding.Finding{})},
		{name: "two", needs: "one", ask: say(finding.Bad("mend it", "bad"))},
		{name: "three", needs: "two", ask: say(finding.Good("good"))},
		{name: "four", needs: "three", ask: say(finding.Good("good"))},
		{name: "five", needs: "none", ask: say(finding.Untold("", "who knows"))},
	})
	want := []string{
		"one: yes: good", "two: no: bad", "three: could not tell: needs a yes for two", "four: could not tell: needs a yes for three",
		"five: could not tell: who knows",
	}
	if got := told(findings, "s"); !slices.Equal(got, want) || asked != 4 {
		t.Errorf("%d were asked; want\n%s\ngot\n%s", asked, strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
	if got, want := finding.Count(findings), (finding.Counts{Yes: 1, No: 1, Unknown: 3}); got != want {
		t.Errorf("want %+v, got %+v", want, got)
	}
}

// TestEveryCheckHasItsOwnNameAndNeedsOneAbove: a need that names nothing would never hold.
func TestEveryCheckHasItsOwnNameAndNeedsOneAbove(t *testing.T) {
	holds(t, hostChecks)
	holds(t, providerChecks)
	holds(t, listenerChecks)
	holds(t, gatewayChecks)
}

func holds[S any](t *testing.T, checks []check[S]) {
	t.Helper()
	seen := map[string]bool{"": true}
	for _, c := range checks {
		if seen[c.name] || !seen[c.needs] {
			t.Errorf("%q (needs %q): want a name of its own, and a need above it", c.name, c.needs)
		}
		seen[c.name] = true
	}
}

// TestSixSpellingsAreSentAsTheyAreSpelt: what net/http made canonical would not be the header that a gateway overlooks.
func TestSixSpellingsAreSentAsTheyAreSpelt(t *testing.T) {
	var lines []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"Remote-User", "Remote_user", "Remote.user"} {
			if values := r.Header[name]; values != nil {
				lines = append(lines, fmt.Sprint(name, len(values)))
			}
		}
		if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" {
			t.Error("a credential was sent")
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	made, path := loaded(t, "http://127.0.0.1:1")
	address, err := url.Parse(server.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	g := newGateway(Options{Loaded: made, Socket: path + ".sock", API: address})
	defer g.close()
	findings := ask(t.Context(), 5*time.Second, "api", g, gatewayChecks)
	// A server of Go's makes the case canonical, but neither _ nor dots.
	want := []string{"Remote-User1", "Remote-User1", "Remote-User1", "Remote_user1", "Remote.user1", "Remote-User2"}
	if !slices.Equal(lines, want) {
		t.Errorf("want %q, got %q", want, lines)
	}
	if got := finding.Count(findings); got.No != 0 || got.Unknown != 1 {
		t.Errorf("got %+v: %q", got, told(findings, "api"))
	}
}
