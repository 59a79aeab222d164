package main

import (
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/reason"
)

// A refusal by a route tells which request it was and which route decided.
func TestDenialsShowTheRequestAndItsRoute(t *testing.T) {
	d := access.Denial{ID: "a-1", Time: noon(), Reason: reason.Route, Request: "POST api.contoso.example/reports/7", Route: "/reports/"}
	if got, want := denialRows(d, noon()), "    POST api.contoso.example/reports/7  route /reports/\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	d.Route = ""
	if got, want := denialRows(d, noon()), "    POST api.contoso.example/reports/7\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	d.Route = "/reports/"
	for _, line := range []string{"request     POST api.contoso.example/reports/7\n", "route       /reports/\n"} {
		if got := denialText(d, noon()); !strings.Contains(got, line) {
			t.Errorf("no line %q in\n%s", line, got)
		}
	}
}
