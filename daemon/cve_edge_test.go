package daemon_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// edgeAdvisory is a flaw that somebody else's gateway had, published under that id, and the case that shows that claimd
// does not have it. Each case opens with the story and has a control: the honest request of that kind passes.
type edgeAdvisory struct {
	id, says string
	holds    func(*testing.T, *edge)
}

// edgeAdvisories are those about headers, paths, connections, configurations and sockets.
func edgeAdvisories() []edgeAdvisory {
	return slices.Concat(aliasAdvisories(), hopAdvisories(), forwardedAdvisories(), pathAdvisories(), leakAdvisories(),
		rightsAdvisories(), operationsAdvisories(), tunnelAdvisories()) // the last ones wait for a time-out
}

// edgeNotOurs are advisories that claimd cannot have, and why.
func edgeNotOurs() map[string]string {
	return map[string]string{
		"CVE-2026-48790": "turso kept the token of a device sign-in in a file that others could read: no command of claimd signs in or keeps a token",
	}
}

// edgeIDs are the ids of the list of threats that are about the HTTP edge and operations; beside them there are cases
// for some that it does not name.
const edgeIDs = `
	CVE-2021-41230 CVE-2024-39315 CVE-2024-45410 CVE-2024-47616 CVE-2024-52003 CVE-2024-8038 CVE-2025-25294 CVE-2025-54576
	CVE-2025-64484 CVE-2025-66490 CVE-2026-26998 CVE-2026-26999 CVE-2026-27586 CVE-2026-27588 CVE-2026-29054 CVE-2026-30851
	CVE-2026-33433 CVE-2026-33758 CVE-2026-34457 CVE-2026-35051 CVE-2026-39858 CVE-2026-40574 CVE-2026-40575 CVE-2026-41059
	CVE-2026-42272 CVE-2026-42273 CVE-2026-44883 CVE-2026-45692 CVE-2026-47203 CVE-2026-48790 CVE-2026-48794 CVE-2026-52845
	CVE-2026-54762 CVE-2026-54763 CVE-2026-54764 CVE-2026-56853 CVE-2026-88011 GHSA-p224-6x5r-fjpm GHSA-vhr5-ggp3-qq85
	GHSA-w9mr-28mw-j8hg heimdall#3452 oauth2-proxy#3506`

// TestEdgeAdvisories runs each case against a running claimd, byte for byte over TCP, with an API behind its proxy that
// tells what reached it.
func TestEdgeAdvisories(t *testing.T) {
	t.Parallel() // a case waits for a door's time-out
	e := newEdge(t)
	e.slow = keepWaiting(t, e.c)
	for _, a := range edgeAdvisories() {
		t.Run(a.id+" "+a.says, func(t *testing.T) { a.holds(t, e) })
	}
}

// TestEveryEdgeAdvisoryHasACaseOrAReason: no id is forgotten, and none stands here twice.
func TestEveryEdgeAdvisoryHasACaseOrAReason(t *testing.T) {
	count := map[string]int{}
	for _, a := range edgeAdvisories() {
		count[a.id]++
	}
	for id, why := range edgeNotOurs() {
		count[id]++
		if why == "" {
			t.Errorf("%s: no reason is given", id)
		}
	}
	for _, id := range strings.Fields(edgeIDs) {
		if count[id] == 0 {
			t.Errorf("%s has neither a case nor a reason", id)
		}
	}
	form := regexp.MustCompile(`^(CVE-\d{4}-\d{4,5}|GHSA(-[0-9a-z]{4}){3}|[a-z0-9-]+#\d+)$`)
	for id, n := range count {
		if n != 1 {
			t.Errorf("%s stands here %d times, want once", id, n)
		}
		if !form.MatchString(id) {
			t.Errorf("%q is no id of an advisory", id)
		}
	}
}
