package access

import (
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/claimd/claimd/daemon/entratest"
)

// FAULTS 79: a token that says for whom it acts is judged as if it said nothing. The log tells at level debug which
// claims were passed over, and no value of them.
func TestActorsAreIgnoredAndTold(t *testing.T) {
	core, lines := observer.New(zapcore.DebugLevel)
	f := loggedFixture(t, zap.New(core), nil)
	acting := map[string]any{"act": map[string]any{"sub": "kanari", "oid": exportObject}, "actortoken": "kanari", "may_act": "kanari"}
	plain := f.decide(f.mint(entratest.Request{User: "reader"}))
	d := f.decide(f.mint(entratest.Request{User: "reader", Claims: acting}))
	if fieldsText(d.Headers) != fieldsText(plain.Headers) || !d.Allowed() {
		t.Errorf("got\n%s\nwant\n%s", fieldsText(d.Headers), fieldsText(plain.Headers))
	}
	const told = "claims about somebody who acts for the caller are ignored"
	if lines.FilterMessage(told).Len() != 1 || lines.FilterMessage(told).All()[0].Level != zapcore.DebugLevel {
		t.Fatalf("want one line at level debug, got %v", lines.All())
	}
	got := asJSON(t, lines.FilterMessage(told).All()[0].ContextMap())
	want := asJSON(t, map[string]any{"claims": []string{"act", "actortoken", "may_act"}, "provider": "contoso", "decision_id": d.ID})
	if got != want || strings.Contains(got, "kanari") {
		t.Errorf("got %s, want %s", got, want)
	}
	// A token that nobody signed has no claims at all, and says nothing to the log.
	forged := f.mint(entratest.Request{User: "stranger", Claims: acting})
	f.decide(forged[:strings.LastIndexByte(forged, '.')] + ".AAAA")
	if lines.FilterMessage(told).Len() != 1 {
		t.Error("a forged token's claims are told")
	}
}
