package daemon_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entratest"
)

// keptAdvisories are the cases about what is kept of a verified token, and whose answer is whose.
func keptAdvisories() []advisory {
	return []advisory{
		{"GHSA-3rw9-wmc8-8948", "nothing that is kept outlives its token", keptToTheEnd},
		{"CVE-2026-33031", "a user who is switched off is out with the next request", switchedOffAtOnce},
		{"GHSA-x883-2vmg-xwf7", "a group that is taken away is gone with the next request", groupTakenAway},
		{"CVE-2021-32701", "what is kept of a token answers no stricter question", stricterQuestion},
		{"CVE-2026-33496", "what one provider vouched for, no other one vouches for", otherProvidersWord},
		{"CVE-2026-33544", "of many requests at once each gets its own user", everybodyAtOnce},
		{"CVE-2026-71326", "no two tokens are one by moving the border between their parts", movedBorders},
	}
}

// answerOf writes an answer as answer.String does, with its user.
func answerOf(response *http.Response) string {
	if response.StatusCode == http.StatusOK {
		return "200 " + response.Header.Get("Remote-User")
	}
	var refusal struct{ Reason string }
	_ = json.NewDecoder(response.Body).Decode(&refusal)
	return fmt.Sprintf("%d %s", response.StatusCode, refusal.Reason)
}

// Coder went on taking its own key of a user whose OpenID token had ended, where no refresh token came with it.
func keptToTheEnd(t *testing.T, s *stage) {
	c := s.claimd(t, plan{provider: `clock_skew = "0s"`})
	for lifetime := 400 * time.Millisecond; ; lifetime *= 2 { // on a slow host the first is over before it is asked
		end := time.Now().Add(lifetime)
		token := s.ada(t, claims{"exp": json.RawMessage(fmt.Sprintf("%d.%03d", end.Unix(), end.Nanosecond()/1e6))})
		first, second := c.ask(t, token), c.ask(t, token)
		if time.Now().After(end) && lifetime < 10*time.Second {
			continue
		}
		first.want(t, "before its end", letIn)
		second.want(t, "before its end, as it is kept", letIn)
		time.Sleep(time.Until(end.Add(10 * time.Millisecond)))
		for range 3 {
			c.ask(t, token).want(t, "after its end", "401 expired")
		}
		return
	}
}

// nginx-ui looked whether a user is disabled at login alone: tokens from before went on for their whole life, and made
// new accounts (GHSA-x234-x5vq-cc2v).
func switchedOffAtOnce(t *testing.T, s *stage) {
	c := s.own(t, plan{})
	token, other := s.ada(t, nil), s.mint(t, s.contoso, entratest.Request{User: "blocked"})
	for range 2 { // the second is kept
		c.try(t, []attempt{{"before", token, letIn}, {"another user", other, letIn}})
	}
	c.reload(t, plan{more: "[[user]]\nid = \"" + adaObject + "\"\nblocked = true\n"})
	c.try(t, []attempt{{"another user", other, letIn}, {"the same token", token, "403 user_inactive"}, {"a new token", s.ada(t, nil), "403 user_inactive"}})
	c.reload(t, plan{})
	c.try(t, []attempt{{"let in again", token, letIn}, {"let in again, kept", token, letIn}, {"another user", other, letIn}})
	c.act(t, directory.Deactivate, "", blockedObject)
	c.try(t, []attempt{{"the other user", token, letIn}, {"by claimctl, the kept token", other, "403 user_inactive"}})
	c.reload(t, plan{more: "[[user]]\nid = \"" + blockedObject + "\"\ngroups = [\"Analysts\"]\n"})
	c.try(t, []attempt{{"the other user", token, letIn}, {"no reload lets in who was switched off", other, "403 user_inactive"}})
}

// Authelia with a file of users took a change of groups in late: who had been taken out of a group still had it.
func groupTakenAway(t *testing.T, s *stage) {
	with := plan{groups: "Analysts = \"\"\nOperators = \"\"", more: "[[user]]\nid = \"" + adaObject + "\"\ngroups = [\"Operators\"]\n"}
	c := s.own(t, with)
	token := s.ada(t, nil)
	const both = "200 groups=Analysts,Operators roles="
	for range 2 {
		c.ask(t, token).want(t, "with both", both)
	}
	c.reload(t, plan{groups: with.groups})
	c.ask(t, token).want(t, "what was added is taken away", letIn)
	c.reload(t, plan{groups: `Operators = ""`})
	c.ask(t, token).want(t, "the local group is gone", "403 no_group")
	c.reload(t, with)
	c.ask(t, token).want(t, "and all is back", both)
	c.ask(t, s.ada(t, claims{"groups": []string{"gone"}})).want(t, "a new token without the group", "200 groups=Operators roles=")
}

// Oathkeeper kept the answer about a token and asked no more for the scope: once let in with the scope of one rule, a
// token passed at every rule (GHSA-vfvf-6gx5-mqv6).
func stricterQuestion(t *testing.T, s *stage) {
	c := s.own(t, plan{provider: `required_scopes = ["` + readWrite + `"]`})
	token, admin := s.ada(t, nil), s.ada(t, claims{"scp": readWrite + " platform.admin"})
	for range 2 {
		c.try(t, []attempt{{"the scope", token, letIn}, {"both scopes", admin, letIn}})
	}
	c.reload(t, plan{provider: `required_scopes = ["` + readWrite + `", "platform.admin"]`})
	c.try(t, []attempt{{"both scopes", admin, letIn}, {"the first alone", token, "403 scope"}})
	c.reload(t, plan{provider: `client_application_ids = ["` + rogueApp + `"]`})
	c.try(t, []attempt{
		{"the client that may call now", s.mint(t, s.contoso, entratest.Request{User: "ada", Client: rogueApp}), letIn},
		{"the one that might", admin, "403 client"},
	})
}

// Oathkeeper's cache did not tell introspection servers apart: a token that one of them had vouched for was let in
// where another one decides (GHSA-4mq7-pvjg-xp2r).
func otherProvidersWord(t *testing.T, s *stage) {
	c := s.own(t, twoTenants(s.world))
	ours, theirs := s.ada(t, nil), s.mint(t, s.fabrikam, entratest.Request{User: "ada"})
	for range 2 {
		c.try(t, []attempt{{"contoso's", ours, letIn}, {"fabrikam's", theirs, letIn}})
	}
	only := plan{}.text(s.fabrikam) // the provider keeps its name, and is another tenant
	c.write(t, only)
	result, err := c.admin.Reload(t.Context())
	must(t, err)
	if !result.OK {
		t.Fatalf("the reload is refused: %+v", result)
	}
	c.ready(t)
	c.try(t, []attempt{{"fabrikam's, now under contoso's name", theirs, letIn}, {"contoso's", ours, "401 issuer"}})
	c.ask(t, theirs).wantHeader(t, "Remote-User", adaObject) // without the prefix of before
}

// Tinyauth kept verifier and token of a sign-in in one place for all: of two users at once, one got the other's session
// (GHSA-9q5m-jfc4-wc92).
func everybodyAtOnce(t *testing.T, s *stage) {
	c := s.shared(t)
	const users, rounds, workers = 16, 6, 8
	type user struct{ token, want string }
	all := make([]user, users)
	for i := range all {
		id := fmt.Sprintf("%08d-7fd2-4863-a1e0-8d5c36f27b94", i)
		all[i] = user{s.ada(t, claims{"oid": id}), "200 " + id}
		if i%4 == 3 {
			all[i] = user{alter(all[i-1].token), "401 signature"}
		}
	}
	jobs, wrong := make(chan user), make(chan string, users*rounds)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for job := range jobs {
				if got := c.shortly(t.Context(), http.Header{"Authorization": {"Bearer " + job.token}}); got != job.want {
					wrong <- got + ", want " + job.want
				}
			}
		})
	}
	for i := range users * rounds {
		jobs <- all[i*7%users]
	}
	close(jobs)
	group.Wait()
	close(wrong)
	for text := range wrong {
		t.Error(text)
	}
}

// Traefik's singleflight had a key of password and secret without a border between: two of them that join to one text
// were one, and whoever came at the right moment was the other (GHSA-6765-c87h-8mrf).
func movedBorders(t *testing.T, s *stage) {
	c := s.shared(t)
	good, other := s.ada(t, nil), s.mint(t, s.contoso, entratest.Request{User: "blocked"})
	parts, others := strings.Split(good, "."), strings.Split(other, ".")
	for range 2 { // the second is kept
		c.ask(t, good).wantHeader(t, "Remote-User", adaObject)
		c.ask(t, other).wantHeader(t, "Remote-User", blockedObject)
	}
	rows := []attempt{{"as it is", good, letIn}}
	for move := 1; move <= 4; move++ {
		head, tail := parts[0][:len(parts[0])-move], parts[0][len(parts[0])-move:]
		rows = append(rows,
			attempt{"the first border to the left", head + "." + tail + parts[1] + "." + parts[2], "401 malformed"},
			attempt{"the first border to the right", parts[0] + parts[1][:move] + "." + parts[1][move:] + "." + parts[2], "401 malformed"})
	}
	rows = append(rows,
		attempt{"one's claims, the other's signature", parts[0] + "." + parts[1] + "." + others[2], "401 signature"},
		attempt{"the other's claims, one's signature", others[0] + "." + others[1] + "." + parts[2], "401 signature"},
		attempt{"without borders", parts[0] + parts[1] + parts[2], "401 opaque_token"})
	s.quietly(t, func() { c.try(t, rows) })
}
