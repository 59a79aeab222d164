package main

import (
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/graph"
	"github.com/claimd/claimd/daemon/keys"
)

// Each document is told by its edition: those for one application alone, and those of a provider that is not Entra ID,
// which have no version.
func TestStatusAndKeysTellEachEdition(t *testing.T) {
	good := func(version string, application bool, ids ...string) keys.DocumentStatus {
		d := keys.DocumentStatus{Version: version, Application: application, URL: "https://login.example/t", Source: "network", Live: true, FetchedAt: before(time.Minute)}
		for _, id := range ids {
			d.Keys = append(d.Keys, keys.KeyStatus{ID: id, Type: "RSA 2048"})
		}
		return d
	}
	failed := func(version string, application bool) keys.DocumentStatus {
		return keys.DocumentStatus{Version: version, Application: application, URL: "https://login.example/t", Error: "want status 200, got 500", AttemptedAt: before(time.Minute)}
	}
	providers := []keys.Status{
		{Provider: "contoso", Live: true, Documents: []keys.DocumentStatus{
			good("1.0", false, "a"), good("2.0", false, "a"), failed("1.0", true), failed("2.0", true)}},
		{Provider: "jumpcloud", Documents: []keys.DocumentStatus{failed("", false)}},
		{Provider: "northwind", Live: true, Documents: []keys.DocumentStatus{good("", false, "x", "y")}},
	}
	p := &page{width: 10}
	p.rows("providers", providerRows(providers, noon()))
	wantText(t, "status", `providers   contoso    live     1 key, fetched 1 min ago
                                v1.0 appid failed 1 min ago: want status 200, got 500
                                v2.0 appid failed 1 min ago: want status 200, got 500
            jumpcloud  NO KEYS  never fetched
                                openid failed 1 min ago: want status 200, got 500
            northwind  live     2 keys, fetched 1 min ago
`, p.String())
	wantText(t, "keys", `contoso: live
  v2.0, for this application alone  https://login.example/t
    fetched  2026-11-21 11:59:00 UTC, 1 min ago, from the network
    key      own  RSA 2048

northwind: live
  OpenID  https://login.example/t
    fetched  2026-11-21 11:59:00 UTC, 1 min ago, from the network
    key      x  RSA 2048
`, keysText([]keys.Status{
		{Provider: "contoso", Live: true, Documents: []keys.DocumentStatus{good("2.0", true, "own")}},
		{Provider: "northwind", Live: true, Documents: []keys.DocumentStatus{good("", false, "x")}},
	}, noon()))
}

// Each state that a Microsoft Graph can be in, with what is wrong while it fails and what mends it. A failure of long ago
// is no news.
func TestStatusTellsHowGraphAnswers(t *testing.T) {
	const host = "https://graph.microsoft.com"
	graphs := []admin.GraphStatus{
		{Provider: "contoso", Status: graph.Status{Host: host, LookUps: 3, Hits: 40, Failures: 1, Problem: "want status 200, got 503", ProblemAt: before(time.Hour)}},
		{Provider: "fabrikam", Status: graph.Status{Host: host, LookUps: 1, Failures: 1, Failing: true, Kind: graph.Permission,
			Problem: "it lacks the app permission \x1b[31mGroupMember.Read.All", Hint: "grant it", ProblemAt: before(2 * time.Minute), Until: noon().Add(5 * time.Second)}},
		{Provider: "litware", Status: graph.Status{Host: host, Failures: 2, Failing: true, Problem: "the authority cannot be reached", ProblemAt: before(time.Second)}},
		{Provider: "northwind", Status: graph.Status{Host: "https://graph.microsoft.us"}},
		{Provider: "tailspin"},
	}
	p := &page{width: 10}
	p.rows("graph", graphRows(graphs, noon()))
	wantText(t, "graph", `graph       contoso    answers        https://graph.microsoft.com: 3 users asked about, 40 answered from memory, 1 failed
            fabrikam   FAILING        https://graph.microsoft.com: 1 user asked about, 0 answered from memory, 1 failed
                                      2 min ago: it lacks the app permission \u001b[31mGroupMember.Read.All
                                      grant it
                                      asked again from 2026-11-21 12:00:05 UTC on
            litware    FAILING        https://graph.microsoft.com: 0 users asked about, 0 answered from memory, 2 failed
                                      1 s ago: the authority cannot be reached
            northwind  not asked yet  https://graph.microsoft.us: 0 users asked about, 0 answered from memory, 0 failed
            tailspin   NOT KNOWN      the provider's documents have told no msgraph_host yet
`, p.String())
	if got := statusText(admin.Status{StartedAt: noon(), LoadedAt: noon()}, noon()); len(got) == 0 || strings.Contains(got, "graph ") {
		t.Errorf("without groups_overage = \"graph\" there is nothing to tell of one:\n%s", got)
	}
}
