package reason

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// contract is the table of statuses and error codes as people's gateways and scripts know it. A row that has to be
// changed here breaks them.
var contract = []struct {
	name   string
	reason Reason
	status int
	code   string
}{
	{"invalid_request", InvalidRequest, 400, "invalid_request"},

	{"no_token", NoToken, 401, "invalid_token"},
	{"malformed", Malformed, 401, "invalid_token"},
	{"algorithm", Algorithm, 401, "invalid_token"},
	{"key", Key, 401, "invalid_token"},
	{"signature", Signature, 401, "invalid_token"},
	{"graph_token", GraphToken, 401, "invalid_token"},
	{"issuer", Issuer, 401, "invalid_token"},
	{"tenant", Tenant, 401, "invalid_token"},
	{"version", Version, 401, "invalid_token"},
	{"audience", Audience, 401, "invalid_token"},
	{"expired", Expired, 401, "invalid_token"},
	{"not_yet_valid", NotYetValid, 401, "invalid_token"},
	{"lifetime", Lifetime, 401, "invalid_token"},
	{"id_token", IDToken, 401, "invalid_token"},
	{"opaque_token", OpaqueToken, 401, "invalid_token"},
	{"missing_claim", MissingClaim, 401, "invalid_token"},
	{"claim_type", ClaimType, 401, "invalid_token"},
	{"revoked", Revoked, 401, "invalid_token"},

	{"header_spoof", HeaderSpoof, 403, "access_denied"},
	{"original_request", OriginalRequest, 403, "access_denied"},
	{"client", Client, 403, "access_denied"},
	{"unknown_service_account", UnknownServiceAccount, 403, "access_denied"},
	{"scope", Scope, 403, "insufficient_scope"},
	{"guest", Guest, 403, "access_denied"},
	{"user_inactive", UserInactive, 403, "access_denied"},
	{"groups_overage", GroupsOverage, 403, "access_denied"},
	{"no_group", NoGroup, 403, "access_denied"},
	{"route", Route, 403, "access_denied"},
	{"step_up", StepUp, 403, "access_denied"},
	{"header_size", HeaderSize, 403, "access_denied"},

	{"disabled", Disabled, 503, "temporarily_unavailable"},
	{"keys_unavailable", KeysUnavailable, 503, "temporarily_unavailable"},
	{"graph_unavailable", GraphUnavailable, 503, "temporarily_unavailable"},
	{"provider_unavailable", ProviderUnavailable, 503, "temporarily_unavailable"},
	{"directory_unavailable", DirectoryUnavailable, 503, "temporarily_unavailable"},
}

func TestTheTableIsTheContract(t *testing.T) {
	all := All()
	if len(all) != len(contract) {
		t.Fatalf("there are %d reasons, want %d", len(all), len(contract))
	}
	for i, want := range contract {
		t.Run(want.name, func(t *testing.T) {
			r := all[i]
			if r != want.reason || r.String() != want.name || r.Status() != want.status || r.ErrorCode() != want.code {
				t.Errorf("row %d is %q, %d, %q; want %q, %d, %q",
					i, r, r.Status(), r.ErrorCode(), want.name, want.status, want.code)
			}
		})
	}
}

func TestEveryReasonIsOneGoodSentenceAndAMend(t *testing.T) {
	names, sentences := map[string]bool{}, map[string]bool{}
	name := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	for _, r := range All() {
		if !name.MatchString(r.String()) {
			t.Errorf("%q is no name for a reason", r)
		}
		if names[r.String()] || sentences[r.Sentence()] {
			t.Errorf("%s: its name or its sentence is there twice", r)
		}
		names[r.String()], sentences[r.Sentence()] = true, true
		for _, text := range []string{r.Sentence(), r.Mend()} {
			if len(text) < 20 || len(text) > 140 || strings.HasSuffix(text, ".") || strings.ContainsAny(text, "\n\t") {
				t.Errorf("%s: %q is no line of 20 to 140 characters without a period", r, text)
			}
		}
		if s := r.Sentence(); s != "" && s[0] >= 'A' && s[0] <= 'Z' && !strings.HasPrefix(s, "Microsoft ") {
			t.Errorf("%s: %q begins with a capital that is no name's", r, s)
		}
	}
}

func TestANameParsesToItsReasonAndNothingElseDoes(t *testing.T) {
	for _, r := range All() {
		if got, ok := Parse(r.String()); got != r || !ok {
			t.Errorf("Parse(%q) = %d, %v; want %d", r, got, ok, r)
		}
		for _, text := range []string{strings.ToUpper(r.String()), r.String() + " ", " " + r.String(), r.Sentence()} {
			if got, ok := Parse(text); got != None || ok {
				t.Errorf("Parse(%q) = %q, %v; want none", text, got, ok)
			}
		}
	}
	if got, ok := Parse(""); got != None || ok {
		t.Errorf("Parse of nothing = %q, %v; want none", got, ok)
	}
}

func TestNoneIsNoRefusal(t *testing.T) {
	if None.String() != "" || None.Status() != 200 || None.ErrorCode() != "" || None.Sentence() != "" || None.Mend() != "" {
		t.Errorf("None = %q, %d, %q, %q, %q", None, None.Status(), None.ErrorCode(), None.Sentence(), None.Mend())
	}
}

// A number outside the table must not turn into a 200.
func TestAReasonOutsideTheTableHasNoStatus(t *testing.T) {
	for _, r := range []Reason{count, 255} {
		if r.Status() != 0 || r.String() != "" {
			t.Errorf("Reason(%d) = %q, %d; want no name and status 0", uint8(r), r, r.Status())
		}
	}
}

func TestExplainGoesOnAfterTheseReasonsOnly(t *testing.T) {
	goesOn := map[Reason]bool{
		Expired: true, NotYetValid: true, Audience: true, Client: true, Scope: true, Guest: true, UserInactive: true,
	}
	for _, r := range append(All(), None) {
		if r.Continues() != goesOn[r] {
			t.Errorf("%q: Continues() = %v, want %v", r, r.Continues(), goesOn[r])
		}
	}
}

func TestReasonsInJSON(t *testing.T) {
	type answer struct {
		Reason Reason `json:"reason,omitempty"`
	}
	tests := []struct {
		name string
		r    Reason
		json string
	}{
		{"a reason is its name", NoGroup, `{"reason":"no_group"}`},
		{"none is left out", None, `{}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text, err := json.Marshal(answer{test.r})
			if err != nil || string(text) != test.json {
				t.Fatalf("got %s, %v; want %s", text, err, test.json)
			}
			var back answer
			if err := json.Unmarshal(text, &back); err != nil || back.Reason != test.r {
				t.Errorf("read back: %q, %v; want %q", back.Reason, err, test.r)
			}
		})
	}
}

// An older claimctl meets a reason of a newer daemon, and still reads the rest of the answer.
func TestAnUnknownNameReadsAsNone(t *testing.T) {
	for _, text := range []string{`"a_later_reason"`, `""`} {
		r := NoGroup
		if err := json.Unmarshal([]byte(text), &r); err != nil || r != None {
			t.Errorf("%s reads as %q, %v; want none", text, r, err)
		}
	}
}
