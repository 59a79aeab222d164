// Package metrics shows what the daemon counts, in the text format of Prometheus.
//
// It reads admin.Status at each scrape and keeps nothing itself, so metrics and claimctl status never differ. Every label
// has a fixed set of values, or those that the configuration names: nothing that a request brings becomes a label.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/opaque"
	"github.com/claimd/claimd/daemon/reason"
)

// Handler answers GET /metrics. status may be called at any time.
func Handler(status func() admin.Status) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collector{status: status, now: time.Now},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	answer := promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" || r.Method != http.MethodGet {
			http.Error(w, "want GET /metrics", http.StatusNotFound)
			return
		}
		answer.ServeHTTP(w, r)
	})
}

// What is shown. Names and units follow prometheus.io/docs/practices/naming.
var (
	requests         = describe("requests_total", "Requests judged, by verdict (allowed, denied, broken) and by the reason of a refusal.", "verdict", "reason")
	duration         = describe("decision_duration_seconds", "Time that a decision took: kept for a token whose verified identity was kept, verified for every other.", "identity")
	unmatched        = describe("unmatched_values_total", "Claim values that named no local group or role.")
	keptIdentities   = describe("kept_identities", "Verified identities that are kept between requests.")
	enabled          = describe("enabled", "1 where the configuration lets requests in at all.")
	isReady          = describe("ready", "1 where requests can be judged: enabled, and at least one provider has live keys.")
	keysLive         = describe("keys_live", "1 where the provider has signing keys that are not dead.", "provider")
	keysUsable       = describe("keys", "Usable signing keys of a key set.", "provider", "version")
	keysAge          = describe("keys_age_seconds", "Time since the last good fetch of a key set; none before the first.", "provider", "version")
	keysFailing      = describe("keys_fetch_failing", "1 where the last attempt to fetch a key set failed.", "provider", "version")
	generation       = describe("config_generation", "Number of the configuration that serves, from 1 at each start.")
	loaded           = describe("config_loaded_timestamp_seconds", "When the configuration that serves was taken up.")
	configInfo       = describe("config_info", "1, with the hash of the configuration that serves.", "hash")
	reloadGood       = describe("config_last_reload_successful", "0 where the files on disk were refused and an older configuration serves.")
	reloads          = describe("config_reloads_total", "Reloads of changed files since the start, by result (taken, refused).", "result")
	directoryUsable  = describe("directory_usable", "1 where the state of users is known; 0: every request is refused as directory_unavailable.")
	directoryUsers   = describe("directory_users", "Users and service accounts that the directory knows, by state (active, inactive, waiting).", "state")
	directoryPending = describe("directory_pending", "What was seen of users and waits to be written.")
	directoryWritten = describe("directory_written_total", "Rows written to the directory of users since the start.")
	directoryDropped = describe("directory_dropped_total", "What was seen of users and found no room to wait; it is asked for again.")
	directoryFailed  = describe("directory_write_failures_total", "Writes to the directory of users that failed; they are tried again.")
	directoryBroken  = describe("directory_read_only", "1 where the disk failed the directory of users: nothing is written until a restart.")
	graphFailing     = describe("graph_failing", "1 where the last look-up says that Microsoft Graph does not tell groups.", "provider")
	graphLookUps     = describe("graph_lookups_total", "Users whose groups Microsoft Graph was asked for.", "provider")
	graphCalls       = describe("graph_calls_total", "Requests to Microsoft Graph that look-ups took.", "provider")
	graphFailures    = describe("graph_lookup_failures_total", "Look-ups that Microsoft Graph did not answer: requests were refused as graph_unavailable.", "provider")
	graphHits        = describe("graph_hits_total", "Questions about groups that were answered from memory.", "provider")
	graphKept        = describe("graph_kept_answers", "Answers of Microsoft Graph in memory.", "provider")
	graphUnderWay    = describe("graph_lookups_under_way", "Look-ups under way, those that wait for their turn included.", "provider")
	opaqueFailing    = describe("opaque_failing", "1 where the last request about an opaque token got no usable answer.", "provider")
	opaqueLeftAlone  = describe("opaque_left_alone", "1 where the provider is not asked for now, since it failed: opaque tokens are refused as provider_unavailable.", "provider")
	opaqueRequests   = describe("opaque_requests_total", "Requests to the provider about opaque tokens, by result (verified, refused, failed).", "provider", "result")
	opaqueKept       = describe("opaque_kept_total", "Opaque tokens that were judged by a kept answer, by what it says (verified, refused).", "provider", "result")
	opaqueUnasked    = describe("opaque_unasked_total", "Opaque tokens that were answered 503 without a request, by cause (crowded: 64 were under way; failing).", "provider", "cause")
	opaqueUnderWay   = describe("opaque_requests_under_way", "Requests to the provider about opaque tokens that are under way.", "provider")
	opaqueAnswers    = describe("opaque_kept_answers", "Answers about opaque tokens in memory, those whose time is over among them.", "provider")
	buildInfo        = describe("build_info", "1, with the version of claimd.", "version")
	started          = describe("start_timestamp_seconds", "When claimd was started.")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("claimd_"+name, help, labels, nil)
}

// collector makes the metrics anew at each scrape.
type collector struct {
	status func() admin.Status
	now    func() time.Time
}

// Describe implements prometheus.Collector.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{requests, duration, unmatched, keptIdentities, enabled, isReady, keysLive, keysUsable,
		keysAge, keysFailing, generation, loaded, configInfo, reloadGood, reloads,
		directoryUsable, directoryUsers, directoryPending, directoryWritten, directoryDropped, directoryFailed, directoryBroken,
		graphFailing, graphLookUps, graphCalls, graphFailures, graphHits, graphKept, graphUnderWay,
		opaqueFailing, opaqueLeftAlone, opaqueRequests, opaqueKept, opaqueUnasked, opaqueUnderWay, opaqueAnswers, buildInfo, started} {
		to <- desc
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	s := c.status()
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	counter := func(desc *prometheus.Desc, value uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), labels...)
	}
	counter(requests, s.Counts.Allowed, "allowed", "")
	for _, r := range reason.All() { // those that never came too: a rate needs a first value
		counter(requests, s.Counts.Denied[r.String()], "denied", r.String())
	}
	counter(requests, s.Counts.Panics, "broken", "")
	to <- histogram(s.Counts.KeptLatency, "kept")
	to <- histogram(s.Counts.VerifiedLatency, "verified")
	counter(unmatched, s.Counts.Unmatched)
	gauge(keptIdentities, float64(s.Counts.Kept))
	gauge(enabled, truth(s.Enabled))
	gauge(isReady, truth(s.Ready))
	c.keys(s, gauge)
	gauge(generation, float64(s.Generation))
	gauge(loaded, seconds(s.LoadedAt))
	gauge(configInfo, 1, s.Hash)
	gauge(reloadGood, truth(s.LastRefused == nil))
	counter(reloads, s.Reloads.Taken, "taken")
	counter(reloads, s.Reloads.Refused, "refused")
	directoryMetrics(s.Directory, gauge, counter)
	for _, g := range s.Graphs {
		gauge(graphFailing, truth(g.Failing), g.Provider)
		counter(graphLookUps, g.LookUps, g.Provider)
		counter(graphCalls, g.Calls, g.Provider)
		counter(graphFailures, g.Failures, g.Provider)
		counter(graphHits, g.Hits, g.Provider)
		gauge(graphKept, float64(g.Kept), g.Provider)
		gauge(graphUnderWay, float64(g.UnderWay), g.Provider)
	}
	opaqueMetrics(s.Opaque, gauge, counter)
	gauge(buildInfo, 1, s.Version)
	gauge(started, seconds(s.StartedAt))
}

// opaqueMetrics shows nothing where no provider is asked about opaque tokens.
func opaqueMetrics(s *opaque.Status, gauge func(*prometheus.Desc, float64, ...string), counter func(*prometheus.Desc, uint64, ...string)) {
	if s == nil {
		return
	}
	gauge(opaqueFailing, truth(s.Error != ""), s.Provider)
	gauge(opaqueLeftAlone, truth(s.Stats.NotAskedNow), s.Provider)
	counter(opaqueRequests, s.Stats.Verified, s.Provider, "verified")
	counter(opaqueRequests, s.Stats.Refused, s.Provider, "refused")
	counter(opaqueRequests, s.Stats.Failed, s.Provider, "failed")
	counter(opaqueKept, s.Stats.Kept, s.Provider, "verified")
	counter(opaqueKept, s.Stats.KeptRefusals, s.Provider, "refused")
	counter(opaqueUnasked, s.Stats.Shed, s.Provider, "crowded")
	counter(opaqueUnasked, s.Stats.Held, s.Provider, "failing")
	gauge(opaqueUnderWay, float64(s.Stats.InFlight), s.Provider)
	gauge(opaqueAnswers, float64(s.Stats.Answers), s.Provider)
}

// directoryMetrics shows nothing where claimd runs without a directory.
func directoryMetrics(s directory.Status, gauge func(*prometheus.Desc, float64, ...string), counter func(*prometheus.Desc, uint64, ...string)) {
	if s.Store == "" {
		return
	}
	gauge(directoryUsable, truth(s.Usable))
	gauge(directoryUsers, float64(s.Known-s.Inactive-s.Waiting), "active")
	gauge(directoryUsers, float64(s.Inactive), "inactive")
	gauge(directoryUsers, float64(s.Waiting), "waiting")
	gauge(directoryPending, float64(s.Pending))
	counter(directoryWritten, s.Written)
	counter(directoryDropped, s.Dropped)
	counter(directoryFailed, s.Failures)
	gauge(directoryBroken, truth(s.ReadOnly))
}

func (c collector) keys(s admin.Status, gauge func(*prometheus.Desc, float64, ...string)) {
	for _, provider := range s.Providers {
		gauge(keysLive, truth(provider.Live), provider.Provider)
		for _, document := range provider.Documents {
			usable := 0
			for _, key := range document.Keys {
				if key.Ignored == "" {
					usable++
				}
			}
			gauge(keysUsable, float64(usable), provider.Provider, document.Edition())
			gauge(keysFailing, truth(document.Error != ""), provider.Provider, document.Edition())
			if !document.FetchedAt.IsZero() {
				gauge(keysAge, c.now().Sub(document.FetchedAt).Seconds(), provider.Provider, document.Edition())
			}
		}
	}
}

func histogram(l access.Latency, identity string) prometheus.Metric {
	buckets := make(map[float64]uint64, len(l.Buckets))
	for _, bucket := range l.Buckets {
		buckets[bucket.Seconds] = bucket.Count
	}
	return prometheus.MustNewConstHistogram(duration, l.Count, l.Seconds, buckets, identity)
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
