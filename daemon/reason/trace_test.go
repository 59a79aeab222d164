package reason

import (
	"slices"
	"testing"
)

func TestATraceKeepsChecksInOrderAndTellsTheFirstFailure(t *testing.T) {
	var trace Trace
	trace.Pass("issuer", "https://sts.windows.net/x/")
	if first, ok := trace.First(); ok {
		t.Errorf("nothing failed yet, but First() = %+v", first)
	}
	trace.Fail(Check{Name: "audience", Passed: true, Reason: Audience, Want: "a", Got: "b", Mend: "c"})
	trace.Fail(Check{Name: "expiry", Reason: Expired})
	want := []Check{
		{Name: "issuer", Passed: true, Got: "https://sts.windows.net/x/"},
		{Name: "audience", Reason: Audience, Want: "a", Got: "b", Mend: "c"},
		{Name: "expiry", Reason: Expired},
	}
	if !slices.Equal(trace.Checks, want) {
		t.Errorf("checks:\n%+v\nwant\n%+v", trace.Checks, want)
	}
	if first, ok := trace.First(); !ok || first != want[1] {
		t.Errorf("First() = %+v, %v; want the audience", first, ok)
	}
}

func TestANilTraceRecordsNothingAndStopsAtTheFirstFailure(t *testing.T) {
	var trace *Trace
	trace.Pass("issuer", "")
	trace.Fail(Check{Name: "audience", Reason: Audience})
	if first, ok := trace.First(); ok || first != (Check{}) {
		t.Errorf("First() = %+v, %v; want none", first, ok)
	}
	for _, r := range All() {
		if trace.GoesOn(r) {
			t.Errorf("goes on after %s", r)
		}
	}
}

func TestATraceGoesOnWhereTheReasonAllowsIt(t *testing.T) {
	trace := &Trace{}
	for _, r := range All() {
		if trace.GoesOn(r) != r.Continues() {
			t.Errorf("GoesOn(%s) = %v, want %v", r, trace.GoesOn(r), r.Continues())
		}
	}
}
