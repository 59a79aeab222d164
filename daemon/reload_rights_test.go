package daemon

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What an administrator takes away is gone with the next answer after the verdict, also for a token that was let in a
// moment ago and is kept; what is added is there for the same token.
func TestAReloadTakesEffectOnATokenThatIsKept(t *testing.T) {
	tests := []struct {
		name          string
		before, after func(s *site) string
		first, then   string
	}{
		{
			"a group is added (C9)",
			func(s *site) string { return s.toml() }, func(s *site) string { return s.withOperators() },
			adaAnalyst, adaBoth,
		},
		{
			"a group is removed",
			func(s *site) string { return s.withOperators() }, func(s *site) string { return s.toml() },
			adaBoth, adaAnalyst,
		},
		{
			"the only group is removed",
			func(s *site) string { return s.toml() },
			func(s *site) string { return s.toml(analysts+` = "Analysts"`, `Analysts = ""`) },
			adaAnalyst, "403 no_group",
		},
		{
			"roles come from another claim (D25)",
			func(s *site) string { return s.toml() },
			func(s *site) string {
				return s.toml("[groups]\n", "[provider.contoso.claims]\nroles = \"roles\"\n[groups]\n")
			},
			adaAnalyst, adaAnalyst + "auditor",
		},
		{
			"claimd is switched off (D7)",
			func(s *site) string { return s.toml() },
			func(s *site) string { return s.toml("enabled = true", "enabled = false") },
			adaAnalyst, "503 disabled",
		},
		{
			"claimd is switched off by leaving it out",
			func(s *site) string { return s.toml() },
			func(s *site) string { return s.toml("enabled = true\n", "") },
			adaAnalyst, "503 disabled",
		},
		{
			"the client is removed",
			func(s *site) string { return s.toml() },
			func(s *site) string { return s.toml(testClient, testStranger) },
			adaAnalyst, "403 client",
		},
		{
			"the application is another one",
			func(s *site) string { return s.toml() },
			func(s *site) string { return s.toml(testAPI, "c8d14e02-7b6a-4f39-9e51-2a84f06d73bc") },
			adaAnalyst, "401 audience",
		},
		{
			"the user is blocked",
			func(s *site) string { return s.toml() },
			func(s *site) string {
				return s.toml("[server]", "[[user]]\nid = \"3c0f2f6a-5d11-4b0e-8a44-0f5d6c7b8a90\"\nblocked = true\n[server]")
			},
			adaAnalyst, "403 user_inactive",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.watcher = noInotify
			s.write(test.before(s))
			s.start()
			token := s.token()
			s.wantAnswer(token, test.first)
			s.write(test.after(s))
			if result := s.reload(); !result.OK || !result.Changed {
				t.Fatalf("verdict %+v", result)
			}
			for range 20 {
				if got := s.ask(token); got != test.then {
					t.Fatalf("after the reload: %s, want %s", got, test.then)
				}
			}
		})
	}
}

// The tenant is replaced by another one: no token of the first passes again, whatever was kept of it.
func TestARemovedTenantsTokensAreRefusedAfterTheSwap(t *testing.T) {
	s, other := newSite(t), newSiteAlone(t)
	s.write(s.toml())
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	s.write(s.toml(s.tenant.URL(), other.tenant.URL()))
	if result := s.reload(); !result.OK {
		t.Fatalf("verdict %+v", result)
	}
	if got := s.ask(token); got != "401 issuer" {
		t.Errorf("the old tenant's token: %s", got)
	}
	if got := s.ask(other.token()); got != adaAnalyst {
		t.Errorf("the new tenant's token: %s", got)
	}
}

// Two configurations contradict each other in three places: names of groups, roles and headers. Under load and hundreds
// of reloads, each answer is wholly one's or wholly the other's, and none is an error.
func TestEachAnswerIsOfOneConfiguration(t *testing.T) {
	s := newSite(t)
	s.watcher = noInotify
	first := s.toml()
	second := s.toml(analysts+` = "Analysts"`, `Red = { values = ["`+analysts+`"] }`,
		`auditor = ""`, `red = { values = ["`+analysts+`"] }`)
	s.write(first)
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	answers := map[string]bool{adaAnalyst: true, "200 groups=Red roles=red": true}

	var seen sync.Map
	var asked atomic.Int64
	var asking sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		asking.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					seen.Store(s.ask(token), true)
					asked.Add(1)
				}
			}
		})
	}
	const reloads = 200
	for i := range reloads {
		text := second
		if i%2 == 1 {
			text = first
		}
		s.write(text)
		if result := s.reload(); !result.OK || result.Generation != uint64(i+2) {
			t.Fatalf("reload %d: %+v", i, result)
		}
	}
	close(done)
	asking.Wait()
	kinds := 0
	for answer := range seen.Range {
		kinds++
		if !answers[answer.(string)] {
			t.Errorf("an answer of neither configuration: %s", answer)
		}
	}
	if kinds < 2 || asked.Load() < reloads {
		t.Errorf("%d answers of %d kinds: the reloads were not under load", asked.Load(), kinds)
	}
}

func TestTheLogSaysWhatServes(t *testing.T) {
	s := newSite(t)
	s.write(s.toml())
	s.start()
	s.write(s.withOperators())
	s.reload()
	s.write(s.toml("enabled = true", "enabled = false"))
	s.reload()
	for _, want := range []string{
		"a configuration of 1 provider, 1 local group and 1 role serves",
		"a configuration of 1 provider, 2 local groups and 1 role serves",
		"a disabled configuration serves: every protected request is answered 503",
	} {
		if s.logged(want) != 1 {
			t.Errorf("not in the log: %s", want)
		}
	}
}

// A token is in no line of the log, at any level, whatever becomes of it.
func TestNoTokenReachesTheLog(t *testing.T) {
	s := newSite(t)
	s.write(s.toml())
	s.start()
	token := s.token()
	parts := strings.Split(token, ".")
	s.wantAnswer(token, adaAnalyst)
	for _, sent := range []string{token + "x", parts[0] + "." + parts[1] + ".", "x." + parts[1] + "." + parts[2], strings.ToUpper(token)} {
		if got := s.ask(sent); strings.HasPrefix(got, "200") {
			t.Errorf("let in: %s", got)
		}
	}
	s.write(s.toml(testClient, testStranger))
	s.reload()
	s.ask(token)
	if _, err := s.admin.Explain(t.Context(), token); err != nil {
		t.Error(err)
	}
	mustDo(t, s.end())
	for _, entry := range s.logs.All() {
		line := fmt.Sprint(entry.Message, entry.ContextMap())
		for _, part := range parts[1:] {
			if strings.Contains(line, part[:20]) {
				t.Errorf("a part of the token stands in: %.200s", line)
			}
		}
	}
}

func TestDenialsTellTheGeneration(t *testing.T) {
	s := newSite(t)
	s.write(s.toml(testClient, testStranger))
	s.start()
	token := s.token()
	s.wantAnswer(token, "403 client")
	s.write(s.toml(testClient, testStranger, `"Analysts"`, `"analysts"`))
	s.reload()
	s.ask(token)
	denials, err := s.admin.Denials(t.Context(), "")
	mustDo(t, err)
	last := denials[len(denials)-1]
	if last.Generation != 2 || last.Reason.String() != "client" || time.Since(last.Time) > time.Minute {
		t.Errorf("the last denial is %+v", last)
	}
}
