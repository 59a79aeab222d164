package metrics

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/graph"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/opaque"
	"github.com/claimd/claimd/daemon/reason"
)

func exampleStatus() admin.Status {
	now := time.Now()
	return admin.Status{
		Version: "1.2.3", StartedAt: time.UnixMilli(1_700_000_000_500), Enabled: true, Ready: true, Generation: 7,
		LoadedAt: time.Unix(1_700_000_100, 0), Hash: "abc", Reloads: admin.Reloads{Taken: 6, Refused: 2},
		LastRefused: &admin.RefusedLoad{},
		Providers: []keys.Status{{
			Provider: "contoso", Live: true, Documents: []keys.DocumentStatus{
				{Version: "1.0", Error: "no route to host"},
				{Version: "2.0", FetchedAt: now.Add(-time.Minute), Keys: []keys.KeyStatus{{ID: "a"}, {ID: "b", Ignored: "use is enc"}}},
				{Version: "2.0", Application: true, FetchedAt: now.Add(-time.Minute), Keys: []keys.KeyStatus{{ID: "c"}, {ID: "d"}}},
			},
		}, {Provider: "jumpcloud", Documents: []keys.DocumentStatus{{Keys: []keys.KeyStatus{{ID: "e"}}}}}},
		Graphs: []admin.GraphStatus{
			{Provider: "contoso", Status: graph.Status{
				Host: "https://graph.microsoft.com", LookUps: 31, Calls: 32, Tokens: 33, Failures: 34, Busy: 35, Hits: 36, Kept: 37, UnderWay: 38,
				Failing: true, Kind: graph.Permission, Problem: "no permission", Hint: "grant it",
			}},
			{Provider: "fabrikam"}, // whose Graph is not known yet
		},
		Counts: access.Stats{
			Allowed: 10, Denied: map[string]uint64{"no_group": 3}, Unmatched: 4, Kept: 5, Panics: 1,
			KeptLatency:     access.Latency{Buckets: []access.Bucket{{Seconds: 0.000005, Count: 6}, {Seconds: 1, Count: 7}}, Count: 8, Seconds: 2.5},
			VerifiedLatency: access.Latency{Count: 2, Seconds: 0.5},
		},
		Opaque: &opaque.Status{Provider: "jumpcloud", Error: "https://x: want status 200, got 500", Stats: opaque.Stats{
			Kept: 21, KeptRefusals: 22, Verified: 23, Refused: 24, Failed: 25, Shed: 26, Held: 27, InFlight: 28, Answers: 29, NotAskedNow: true,
		}},
		Directory: directory.Status{
			Store: "sqlite", Place: "/var/lib/claimd/directory.db", Usable: true, Known: 100, Inactive: 7, Waiting: 3, Pending: 11, Written: 12,
			Dropped: 13, Failures: 14, ReadOnly: true, Problem: "no space left",
		},
	}
}

func scrape(t *testing.T, method, path string, status admin.Status) (int, string) {
	t.Helper()
	server := httptest.NewServer(Handler(func() admin.Status { return status }))
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestAScrapeShowsTheStatus(t *testing.T) {
	code, text := scrape(t, http.MethodGet, "/metrics", exampleStatus())
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	for _, want := range []string{
		`claimd_requests_total{reason="",verdict="allowed"} 10`,
		`claimd_requests_total{reason="",verdict="broken"} 1`,
		`claimd_requests_total{reason="no_group",verdict="denied"} 3`,
		`claimd_requests_total{reason="expired",verdict="denied"} 0`,
		`claimd_decision_duration_seconds_bucket{identity="kept",le="5e-06"} 6`,
		`claimd_decision_duration_seconds_bucket{identity="kept",le="1"} 7`,
		`claimd_decision_duration_seconds_bucket{identity="kept",le="+Inf"} 8`,
		`claimd_decision_duration_seconds_sum{identity="kept"} 2.5`,
		`claimd_decision_duration_seconds_count{identity="verified"} 2`,
		`claimd_unmatched_values_total 4`,
		`claimd_kept_identities 5`,
		`claimd_enabled 1`,
		`claimd_ready 1`,
		`claimd_keys_live{provider="contoso"} 1`,
		`claimd_keys{provider="contoso",version="1.0"} 0`,
		`claimd_keys{provider="contoso",version="2.0"} 1`,
		`claimd_keys_fetch_failing{provider="contoso",version="1.0"} 1`,
		`claimd_keys_fetch_failing{provider="contoso",version="2.0"} 0`,
		`claimd_keys{provider="contoso",version="2.0 appid"} 2`,
		`claimd_keys{provider="jumpcloud",version="openid"} 1`,
		`claimd_keys_live{provider="jumpcloud"} 0`,
		`claimd_graph_failing{provider="contoso"} 1`,
		`claimd_graph_lookups_total{provider="contoso"} 31`,
		`claimd_graph_calls_total{provider="contoso"} 32`,
		`claimd_graph_lookup_failures_total{provider="contoso"} 34`,
		`claimd_graph_hits_total{provider="contoso"} 36`,
		`claimd_graph_kept_answers{provider="contoso"} 37`,
		`claimd_graph_lookups_under_way{provider="contoso"} 38`,
		`claimd_graph_failing{provider="fabrikam"} 0`,
		`claimd_config_generation 7`,
		`claimd_config_loaded_timestamp_seconds 1.7000001e+09`,
		`claimd_config_info{hash="abc"} 1`,
		`claimd_config_last_reload_successful 0`,
		`claimd_config_reloads_total{result="taken"} 6`,
		`claimd_config_reloads_total{result="refused"} 2`,
		`claimd_directory_usable 1`,
		`claimd_directory_users{state="active"} 90`,
		`claimd_directory_users{state="inactive"} 7`,
		`claimd_directory_users{state="waiting"} 3`,
		`claimd_directory_pending 11`,
		`claimd_directory_written_total 12`,
		`claimd_directory_dropped_total 13`,
		`claimd_directory_write_failures_total 14`,
		`claimd_directory_read_only 1`,
		`claimd_opaque_failing{provider="jumpcloud"} 1`,
		`claimd_opaque_left_alone{provider="jumpcloud"} 1`,
		`claimd_opaque_requests_total{provider="jumpcloud",result="verified"} 23`,
		`claimd_opaque_requests_total{provider="jumpcloud",result="refused"} 24`,
		`claimd_opaque_requests_total{provider="jumpcloud",result="failed"} 25`,
		`claimd_opaque_kept_total{provider="jumpcloud",result="verified"} 21`,
		`claimd_opaque_kept_total{provider="jumpcloud",result="refused"} 22`,
		`claimd_opaque_unasked_total{cause="crowded",provider="jumpcloud"} 26`,
		`claimd_opaque_unasked_total{cause="failing",provider="jumpcloud"} 27`,
		`claimd_opaque_requests_under_way{provider="jumpcloud"} 28`,
		`claimd_opaque_kept_answers{provider="jumpcloud"} 29`,
		`claimd_build_info{version="1.2.3"} 1`,
		`claimd_start_timestamp_seconds 1.7000000005e+09`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("want the line %s", want)
		}
	}
	if got := strings.Count(text, "\nclaimd_requests_total{"); got != len(reason.All())+2 {
		t.Errorf("%d series of requests, want one for each reason and two: the set of labels is fixed", got)
	}
	if age := series(text, `claimd_keys_age_seconds{provider="contoso",version="2.0"} `); !strings.HasPrefix(age, "60.") {
		t.Errorf("the key set is %s s old, want 60", age)
	}
	if strings.Contains(text, `claimd_keys_age_seconds{provider="contoso",version="1.0"}`) {
		t.Error("a key set that was never fetched has no age")
	}
	if strings.Contains(text, "directory.db") || strings.Contains(text, "no space") {
		t.Error("the directory's place or problem became a label")
	}
	if strings.Contains(text, "https://x") {
		t.Error("what is wrong with a provider became a label")
	}
	if strings.Contains(text, "permission") || strings.Contains(text, "grant it") || strings.Contains(text, "graph.microsoft.com") {
		t.Error("what is wrong with Graph became a label")
	}
	if _, text := scrape(t, http.MethodGet, "/metrics", admin.Status{}); strings.Contains(text, "claimd_directory_") ||
		strings.Contains(text, "claimd_opaque_") || strings.Contains(text, "claimd_graph_") {
		t.Error("without a directory, a provider that takes opaque tokens, or a Graph, there is nothing to show of one")
	}
	if !strings.Contains(text, "\nprocess_resident_memory_bytes ") || !strings.Contains(text, "\ngo_goroutines ") {
		t.Error("want what Go and the process tell too")
	}
}

func series(text, name string) string {
	_, rest, _ := strings.Cut(text, name)
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

// Nothing but a scrape is answered at this door: it must be of no other use.
func TestOnlyMetricsAreAnswered(t *testing.T) {
	for _, request := range []struct{ method, path string }{
		{http.MethodGet, "/"}, {http.MethodGet, "/auth"}, {http.MethodGet, "/debug/vars"}, {http.MethodGet, "/debug/pprof/"},
		{http.MethodPost, "/metrics"}, {http.MethodGet, "/metrics/"},
	} {
		if code, text := scrape(t, request.method, request.path, admin.Status{}); code != http.StatusNotFound || text != "want GET /metrics\n" {
			t.Errorf("%s %s: %d %s", request.method, request.path, code, text)
		}
	}
}
