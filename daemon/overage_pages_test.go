package daemon_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

// Where so many groups decide that all memberships are read, they come in pages: every page counts, and where one is
// missing, is for ever followed by another or leads to another host, nobody knows the groups. The group that decides is on
// the last page but some.
func TestEveryPageOfGraphCountsOrNoneDoes(t *testing.T) {
	t.Parallel()
	const pagedObject = "5e2f9c07-6b1d-4a83-97f4-c08d3b6e1a52"
	var before []string
	var deciding strings.Builder
	for i := range 160 {
		before = append(before, fmt.Sprintf("eeeeeeee-0000-4000-8000-%012x", i))
		fmt.Fprintf(&deciding, "cccccccc-0000-4000-8000-%012x = \"\"\n", i)
	}
	tenant := crowded(t, entratest.User{ObjectID: pagedObject, Name: "paged", Groups: append(before, someGroupID), MoreGroups: 49})
	w := &world{contoso: tenant}
	for _, test := range []struct {
		name   string
		faults entratest.GraphFaults
		pages  int // questions to Graph
		mend   string
	}{
		{"one page", entratest.GraphFaults{}, 1, ""},
		{"21 pages", entratest.GraphFaults{PageSize: 10}, 21, ""},
		{"the third page fails", entratest.GraphFaults{PageSize: 10, Status: http.StatusInternalServerError, From: 3}, 3, "want status 200, got 500"},
		{"the third page wants a pause", entratest.GraphFaults{PageSize: 10, Status: http.StatusTooManyRequests, RetryAfter: "33", From: 3}, 3, "too many requests"},
		{"more than 50 pages", entratest.GraphFaults{PageSize: 4}, 50, "50 pages"},
		{"pages without end", entratest.GraphFaults{PageSize: 100, Endless: true}, 50, "50 pages"},
		{"a page on another host", entratest.GraphFaults{PageSize: 10, NextLink: "https://elsewhere.example/v1.0/next"}, 1, "the next page of an answer is on another host: it is not asked"},
		{"no JSON", entratest.GraphFaults{Rewrite: func(string, []byte) []byte { return []byte("<html>") }}, 1, "JSON"},
		{"no list", entratest.GraphFaults{Rewrite: func(string, []byte) []byte { return []byte("{}") }}, 1, "want a list of groups, got none in the answer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := w.own(t, asking(t, tenant, deciding.String()+theGroup, ""))
			asked := tenant.Requests("graph")
			if test.faults.From > 0 {
				test.faults.From += asked // all are of one name
			}
			tenant.SetGraphFaults(test.faults)
			defer tenant.SetGraphFaults(entratest.GraphFaults{})
			got := d.ask(t, w.of(t, "paged", nil))
			if pages := tenant.Requests("graph") - asked; pages != test.pages {
				t.Errorf("Graph was asked %d times, want %d", pages, test.pages)
			}
			if test.mend == "" {
				got.want(t, "all pages", "200 groups="+someGroupID+" roles=")
				return
			}
			got.want(t, "not all pages", "503 graph_unavailable")
			got.wantRetryAfter(t, test.faults.RetryAfter)
			denials, err := d.admin.Denials(t.Context(), "")
			must(t, err)
			if len(denials) != 1 || !strings.Contains(denials[0].Mend, test.mend) {
				t.Errorf("denials tell %+v, want one with %q", denials, test.mend)
			}
		})
	}
}

// While Graph is down the last answer serves who has one, whichever token he shows, as long as it lasts; nobody else is let
// in, and once Graph answers again everybody is.
func TestTheLastAnswerServesWhileGraphIsDown(t *testing.T) {
	t.Parallel()
	tenant := crowded(t)
	w := &world{contoso: tenant}
	d := w.own(t, asking(t, tenant, theGroup, ""))
	const in = "200 groups=" + someGroupID + " roles="
	first := w.of(t, "ada", nil)
	d.ask(t, first).want(t, "by Graph", in)
	tenant.SetGraphFaults(entratest.GraphFaults{Status: http.StatusServiceUnavailable, RetryAfter: "1"})
	before := tenant.Requests("graph")
	d.ask(t, first).want(t, "the token that was asked about", in)
	d.ask(t, w.of(t, "ada", claims{"uti": "another"})).want(t, "another token of the same user", in)
	if got := tenant.Requests("graph") - before; got != 0 {
		t.Errorf("Graph was asked %d times, want none", got)
	}
	grace := w.of(t, "grace", nil)
	got := d.ask(t, grace)
	got.want(t, "a user without an answer", "503 graph_unavailable")
	got.wantRetryAfter(t, "1")
	d.ask(t, first).want(t, "after that failure", in)
	tenant.SetGraphFaults(entratest.GraphFaults{})
	for limit := time.Now().Add(10 * time.Second); d.ask(t, grace).String() != in; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("Graph answers again, and the user gets %s", d.ask(t, grace))
		}
	}
}

// wantRetryAfter: the answer says when to come again; "" = whenever.
func (a answer) wantRetryAfter(t *testing.T, seconds string) {
	t.Helper()
	if got := a.header.Get("Retry-After"); got == "" || seconds != "" && got != seconds {
		t.Errorf("%s: Retry-After is %q, want %q", a, got, seconds)
	}
}
