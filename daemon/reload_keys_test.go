package daemon

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/entratest"
)

// second is the table of a second provider, which needs user_prefix.
func second(tenant *entratest.Tenant) string {
	return `[provider.fabrikam]
tenant_id = "` + tenant.Directory().TenantID + `"
application_id = "` + testAPI + `"
client_application_ids = ["` + testClient + `"]
authority = "` + tenant.URL() + `"
user_prefix = "fabrikam-"
`
}

func secondTenant(t *testing.T) *entratest.Tenant {
	t.Helper()
	directory := testDirectory()
	directory.TenantID = "0b7f4c5e-52a1-4d3f-8a8e-5c1f0a9d7e66"
	tenant, err := entratest.Start(directory)
	mustDo(t, err)
	t.Cleanup(tenant.Close)
	return tenant
}

func (s *site) withSecond(tenant *entratest.Tenant) string {
	return s.toml("[groups]\n", second(tenant)+"[groups]\n", `auditor = ""`, "")
}

func (s *site) tokenOf(tenant *entratest.Tenant) string {
	s.t.Helper()
	token, err := tenant.Mint(entratest.Request{User: "ada"})
	mustDo(s.t, err)
	return token
}

// A new provider cannot be reached: the verdict names it, the old configuration serves, and the new one is taken as soon
// as the keys are there, without another save.
func TestANewProviderIsTakenOnceItsKeysAreThere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tenant := secondTenant(t)
	tenant.SetFaults(entratest.Faults{Status: http.StatusServiceUnavailable})
	s.write(s.toml())
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	s.write(s.withSecond(tenant))
	for range 2 { // the second time, the retries have begun
		result := s.reload()
		if result.OK || result.Generation != 1 || !strings.HasPrefix(result.Problem, "the signing keys of a new provider cannot be fetched: fabrikam: ") ||
			!strings.HasSuffix(result.Problem, "\n  hint: claimd tries again by itself; until then the configuration before this one serves") {
			t.Fatalf("verdict %+v", result)
		}
	}
	if refused := s.status().LastRefused; refused == nil || !strings.Contains(refused.Problem, "fabrikam") {
		t.Errorf("status shows %+v", refused)
	}
	if got := s.ask(token); got != adaAnalyst {
		t.Errorf("meanwhile: %s", got)
	}
	if got := s.ask(s.tokenOf(tenant)); got != "401 issuer" && got != "401 tenant" {
		t.Errorf("the new provider's token before the swap: %s", got)
	}
	refusals := s.logged("the configuration's files are refused; what served before goes on")
	time.Sleep(150 * time.Millisecond) // several retries
	if got := s.logged("the configuration's files are refused; what served before goes on"); got != refusals {
		t.Errorf("the retries were logged: %d lines, want %d", got, refusals)
	}
	tenant.SetFaults(entratest.Faults{})
	s.wantAnswer(s.tokenOf(tenant), adaAnalyst)
	if status := s.status(); status.Generation != 2 || status.LastRefused != nil || len(status.Providers) != 2 {
		t.Errorf("generation %d, refused %+v, %d providers", status.Generation, status.LastRefused, len(status.Providers))
	}
}

// While a new provider's keys do not come, a newer save is taken at once, and the older one never.
func TestANewerSaveEndsTheWaitForKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tenant := secondTenant(t)
	tenant.SetFaults(entratest.Faults{Delay: 4 * time.Second})
	s.write(s.toml())
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	s.write(s.withSecond(tenant))
	verdict := make(chan admin.ReloadResult, 1)
	go func() {
		result, _ := s.admin.Reload(t.Context())
		verdict <- result
	}()
	eventually(t, func() (string, bool) {
		return "nothing is fetched", tenant.Requests("v2 document") > 0
	})
	s.write(s.withOperators())
	s.wantAnswer(token, adaBoth)
	select {
	case result := <-verdict:
		if !result.OK || result.Generation != 2 {
			t.Errorf("who waited for the older save is told %+v", result)
		}
	case <-time.After(3 * time.Second): // the older save would wait for 4
		t.Error("who waited for the older save is told nothing")
	}
	tenant.SetFaults(entratest.Faults{})
	s.wantNoReload(2)
}

// The files go back to what serves while a new provider's keys do not come: nothing is refused any more, and nothing
// is fetched.
func TestTakingASaveBackEndsTheWaitForKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tenant := secondTenant(t)
	tenant.SetFaults(entratest.Faults{Status: http.StatusServiceUnavailable})
	s.write(s.toml())
	s.start()
	s.write(s.withSecond(tenant))
	eventually(t, func() (string, bool) {
		last := s.status().LastRefused
		return "not refused for the keys", last != nil && last.Problem != ""
	})
	s.write(s.toml())
	eventually(t, func() (string, bool) { return "still refused", s.status().LastRefused == nil })
	tenant.SetFaults(entratest.Faults{})
	s.wantNoReload(1)
	s.write(s.withOperators())
	s.wantAnswer(s.token(), adaBoth)
}

// Broken files, then a new provider whose keys are slow, then the broken files again: what the files say now is
// refused, and what they said in between is not taken behind the administrator's back.
func TestABrokenSaveEndsTheWaitForKeysAlthoughItWasRefusedBefore(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tenant := secondTenant(t)
	tenant.SetFaults(entratest.Faults{Delay: 300 * time.Millisecond})
	s.write(s.toml())
	s.start()
	refused := func() (string, bool) {
		last := s.status().LastRefused
		return "not refused", last != nil && len(last.Faults) > 0
	}
	s.write("broken")
	eventually(t, refused)
	s.write(s.withSecond(tenant))
	eventually(t, func() (string, bool) { return "nothing is fetched", tenant.Requests("v2 document") > 0 })
	s.write("broken")
	eventually(t, refused)
	time.Sleep(500 * time.Millisecond)
	if status := s.status(); status.Generation != 1 || status.LastRefused == nil {
		t.Errorf("generation %d, refused %+v", status.Generation, status.LastRefused)
	}
}

// A reload that leaves a provider as it was asks it for nothing: its keys stay.
func TestAnUnchangedProviderKeepsItsKeys(t *testing.T) {
	s := newSiteAlone(t)
	s.write(s.toml())
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	s.tenant.SetFaults(entratest.Faults{Status: http.StatusServiceUnavailable})
	before := s.tenant.Requests("v2 document")
	s.write(s.withOperators())
	if result := s.reload(); !result.OK {
		t.Fatalf("verdict %+v", result)
	}
	if got := s.ask(token); got != adaBoth {
		t.Errorf("after the reload: %s", got)
	}
	if got := s.tenant.Requests("v2 document"); got != before {
		t.Errorf("%d fetches for the reload, want none", got-before)
	}
}

func TestADisabledConfigurationNeedsNoKeysAndANewOneDoes(t *testing.T) {
	s := newSiteAlone(t)
	s.write("# nothing but this\n")
	s.write(s.toml("enabled = true", "enabled = false"))
	s.start()
	token := s.token()
	s.wantAnswer(token, "503 disabled")
	if got := s.tenant.Requests("v2 document"); got != 0 {
		t.Errorf("%d fetches of a disabled daemon, want none", got)
	}
	if status := s.status(); status.Enabled || status.Ready {
		t.Errorf("enabled %t, ready %t", status.Enabled, status.Ready)
	}
	s.write(s.toml())
	if result := s.reload(); !result.OK {
		t.Fatalf("verdict %+v", result)
	}
	if got := s.ask(token); got != adaAnalyst {
		t.Errorf("with the keys fetched before the swap: %s", got)
	}
}

// countingProxy is an HTTP proxy that counts and refuses. It gives its address.
func countingProxy(t *testing.T, asked *atomic.Int64) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// [outbound] changes its proxy together with a new provider. The new provider is asked for through the new proxy, and
// as it cannot be had, the serving one goes on to be asked for through the old one; once the provider is left out, the
// new proxy is taken.
func TestOutboundChangesWithTheReloadOrNotAtAll(t *testing.T) {
	s := newSite(t)
	s.pace.retry, s.pace.retryMost = time.Hour, time.Hour
	var first, second atomic.Int64
	remote := func(proxy, more string) string { // not on loopback, which no proxy is asked for
		return s.toml(s.tenant.URL(), "https://login.contoso.example", "[groups]\n", more+"[groups]\n", `auditor = ""`, "") +
			"[outbound]\nproxy = \"" + proxy + "\"\n"
	}
	firstProxy, secondProxy := countingProxy(t, &first), countingProxy(t, &second)
	fabrikam := `[provider.fabrikam]
tenant_id = "0b7f4c5e-52a1-4d3f-8a8e-5c1f0a9d7e66"
application_id = "` + testAPI + `"
client_application_ids = []
authority = "https://login.fabrikam.example"
user_prefix = "fabrikam-"
`
	// ask has the serving provider's keys fetched, and tells which proxies were asked.
	ask := func() string {
		before := [2]int64{first.Load(), second.Load()}
		if results, err := s.admin.RefreshKeys(t.Context(), "contoso"); err != nil || results[0].Problem == "" {
			t.Errorf("keys refresh: %+v %v", results, err)
		}
		return fmt.Sprintf("first %t, second %t", first.Load() > before[0], second.Load() > before[1])
	}
	s.write(remote(firstProxy, ""))
	s.start()
	if got := ask(); got != "first true, second false" {
		t.Errorf("at the start: %s", got)
	}
	s.write(remote(secondProxy, fabrikam))
	if result := s.reload(); result.OK || !strings.Contains(result.Problem, "fabrikam: ") {
		t.Fatalf("verdict %+v", result)
	}
	if second.Load() == 0 {
		t.Error("the new provider was not asked for through the new proxy")
	}
	if got := ask(); got != "first true, second false" {
		t.Errorf("after the refusal: %s", got)
	}
	s.write(remote(secondProxy, ""))
	if result := s.reload(); !result.OK {
		t.Fatalf("verdict %+v", result)
	}
	if got := ask(); got != "first false, second true" {
		t.Errorf("after the reload: %s", got)
	}
}

func TestRefreshKeysNamesWhatThereIs(t *testing.T) {
	s := newSiteAlone(t)
	s.write(s.toml())
	s.start()
	s.wantAnswer(s.token(), adaAnalyst)
	results, err := s.admin.RefreshKeys(t.Context(), "")
	if err != nil || len(results) != 1 || results[0] != (admin.RefreshResult{Provider: "contoso"}) {
		t.Errorf("got %+v %v", results, err)
	}
	if _, err := s.admin.RefreshKeys(t.Context(), "fabrikam"); err == nil || !strings.Contains(err.Error(), `want a provider in use (contoso), got "fabrikam"`) {
		t.Errorf("got %v", err)
	}
	s.tenant.SetFaults(entratest.Faults{Status: http.StatusServiceUnavailable})
	results, err = s.admin.RefreshKeys(t.Context(), "contoso")
	if err != nil || len(results) != 1 || !strings.HasPrefix(results[0].Problem, s.tenant.URL()) {
		t.Errorf("got %+v %v", results, err)
	}
	s.write(s.toml("enabled = true", "enabled = false"))
	s.reload()
	if _, err := s.admin.RefreshKeys(t.Context(), "contoso"); err == nil || !strings.Contains(err.Error(), `no provider is in use, got "contoso"`) {
		t.Errorf("got %v", err)
	}
	all, err := s.admin.Keys(t.Context())
	if err != nil || len(all) != 0 {
		t.Errorf("keys of a disabled daemon: %+v %v", all, err)
	}
}
