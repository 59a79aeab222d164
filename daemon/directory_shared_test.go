package daemon

import (
	"slices"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/postgrestest"
)

// Two daemons share one database: whom an administrator shuts out at one of them the other refuses within a second, though
// it keeps what it verified of his token. Without the database requests go on as they were judged before, and nothing that
// an administrator asks for is said to be done. (That nobody's state is known after five minutes is shown in package
// directory, whose pace a test can change.)
func TestTwoDaemonsShareADatabase(t *testing.T) {
	server := postgrestest.New(t)
	url := server.Database(t).URL()
	one, two := newSite(t), newSite(t)
	for _, s := range []*site{one, two} {
		s.write(s.withDatabase(url))
		s.start()
	}
	token := one.token()
	one.wantAnswer(token, adaAnalyst)
	two.wantAnswer(token, adaAnalyst)
	ada := testDirectory().Users[0].ObjectID
	change := func(s *site, action directory.Action) error {
		t.Helper()
		_, err := s.admin.Change(t.Context(), admin.ChangeRequest{Action: action, Provider: "contoso", ID: ada})
		return err
	}
	wantBoth := func(want string) (took time.Duration) {
		t.Helper()
		if got := one.ask(token); got != want {
			t.Errorf("where it was asked for: %s, want %s", got, want)
		}
		began := time.Now()
		two.wantAnswer(token, want)
		return time.Since(began)
	}
	var took []time.Duration
	for range 5 {
		mustDo(t, change(one, directory.Deactivate))
		took = append(took, wantBoth("403 user_inactive"))
		fresh, err := two.tenant.Mint(entratest.Request{User: "ada", Claims: map[string]any{"uti": "another"}})
		mustDo(t, err)
		if got := two.ask(fresh); got != "403 user_inactive" {
			t.Errorf("a new token: %s", got)
		}
		mustDo(t, change(one, directory.Activate))
		took = append(took, wantBoth(adaAnalyst))
	}
	slices.Sort(took)
	t.Logf("the other daemon follows within %v, the slowest of %d within %v", took[len(took)/2], len(took), took[len(took)-1])
	if took[len(took)/2] > time.Second { // the poll behind it comes every 5 s
		t.Errorf("the other daemon follows within %v: nobody woke it", took)
	}

	server.Stop()
	fresh, err := two.tenant.Mint(entratest.Request{User: "ada", Claims: map[string]any{"uti": "a third"}})
	mustDo(t, err)
	for _, s := range []*site{one, two} {
		for _, raw := range []string{token, fresh} {
			if got := s.ask(raw); got != adaAnalyst {
				t.Errorf("without the database: %s", got)
			}
		}
	}
	if err := change(one, directory.Deactivate); err == nil {
		t.Error("without the database a deactivation is said to be done")
	}
	if got := one.ask(token); got != adaAnalyst {
		t.Errorf("a deactivation that was not made bites: %s", got)
	}
	server.Start()
	within(t, 30*time.Second, func() (string, bool) {
		err := change(two, directory.Deactivate)
		return "the deactivation: " + errorText(err), err == nil
	})
	two.wantAnswerWithin(30*time.Second, token, "403 user_inactive")
	one.wantAnswerWithin(30*time.Second, token, "403 user_inactive")
}
