package opaque

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// What a provider says of a token that it calls active, and what is refused all the same.
func TestAnswersThatDoNotHoldAreRefused(t *testing.T) {
	const (
		noBearer = "opaque_token: the provider says that the token is no bearer access token: a refresh token, an ID token, or one bound to a key"
		expired  = "expired: the provider calls a token active whose exp has passed\nhint: compare this host's clock with the provider's"
		early    = "not_yet_valid: the provider calls a token active whose nbf or iat lies ahead\nhint: compare this host's clock with the provider's"
	)
	at := func(seconds int64) string { return fmt.Sprint(began.Unix() + seconds) }
	tests := []struct{ members, want string }{
		{`"exp":` + at(-61), expired},
		{`"exp":` + at(-60) + `.0`, ""},
		{`"exp":0`, expired},
		{`"exp":1e3`, expired},
		{`"nbf":` + at(60), ""},
		{`"nbf":` + at(61), early},
		{`"iat":` + at(60), ""},
		{`"iat":` + at(60) + `.5`, early},
		{`"exp":null,"nbf":null,"iat":null`, ""},
		{`"exp":"` + at(100) + `"`, "malformed: exp is no number from 0 to 2^40"},
		{`"exp":true`, "malformed: exp is no number from 0 to 2^40"},
		{`"exp":-1`, "malformed: exp is no number from 0 to 2^40"},
		{`"exp":-0`, "malformed: exp is no number from 0 to 2^40"},
		{`"exp":1e308`, "malformed: exp is no number from 0 to 2^40"},
		{`"exp":1e400`, "malformed: exp is no number from 0 to 2^40"},
		{`"exp":1099511627777`, "malformed: exp is no number from 0 to 2^40"},
		{`"exp":1099511627776`, ""},
		{`"nbf":9223372036854775808`, "malformed: nbf is no number from 0 to 2^40"},
		{`"iat":[]`, "malformed: iat is no number from 0 to 2^40"},
		{`"aud":1`, "audience: aud is no string and no array of strings"},
		{`"aud":["a",1]`, "audience: aud is no string and no array of strings"},
		{`"aud":[["a"]]`, "audience: aud is no string and no array of strings"},
		{`"aud":{"a":"b"}`, "audience: aud is no string and no array of strings"},
		{`"iss":["a"]`, "issuer: iss is no string"},
		{`"client_id":7`, "claim_type: client_id is no string"},
		{`"scope":["a","b"]`, "claim_type: scope is no string"},
		{`"sub":7`, "claim_type: sub is no string"},
		{`"username":7`, ""},
		{`"token_type":"bearer"`, ""},
		{`"token_type":"BEARER"`, ""},
		{`"token_type":"access_token"`, ""},
		{`"token_type":""`, ""},
		{`"token_type":"refresh_token"`, noBearer},
		{`"token_type":"id_token"`, noBearer},
		{`"token_type":"DPoP"`, noBearer},
		{`"token_type":"N_A"`, noBearer},
		{`"token_type":7`, "claim_type: token_type is no string"},
		{`"cnf":{"jkt":"x"}`, "opaque_token: the token is bound to a key (cnf), so it is no bearer token"},
		{`"cnf":{}`, "opaque_token: the token is bound to a key (cnf), so it is no bearer token"},
		{`"cnf":null`, ""},
	}
	s := newSite(t, Introspection, nil)
	for i, test := range tests {
		s.answers(says(`{"active":true,` + test.members + `}`))
		token := fmt.Sprint("token", i)
		if test.want == "" {
			if _, err := s.Ask(t.Context(), token); err != nil {
				t.Errorf("%s: got %v, want an answer", test.members, err)
			}
			continue
		}
		s.refuses(t, token, test.want)
	}
}

// Audiences come as one string or as several; both mean the same, and null means none.
func TestAudiencesComeInTwoForms(t *testing.T) {
	s := newSite(t, Introspection, nil)
	for aud, want := range map[string]string{
		`"a b"`: `["a b"]`, `["a b"]`: `["a b"]`, `["a","b"]`: `["a" "b"]`, `[]`: `[]`, `null`: `[]`, `""`: `[""]`, `["\u0061"]`: `["a"]`,
	} {
		s.answers(says(`{"active":true,"aud":` + aud + `}`))
		if got := fmt.Sprintf("%q", s.vouches(t, fmt.Sprintf("t%x", aud)).Audiences); got != want {
			t.Errorf("aud %s: got %s, want %s", aud, got, want)
		}
	}
}

// Userinfo says who the user is, or nothing (OpenID Connect Core 1.0, section 5.3.2). What it says beside that is about
// the user: fault 98, it names no audience, and what looks like one is none.
func TestUserinfoAnswersNeedASubject(t *testing.T) {
	const scope = `Bearer error="insufficient_scope", scope="openid"`
	s := newSite(t, Userinfo, nil)
	for i, test := range []struct {
		handler http.HandlerFunc
		want    string
	}{
		{says(`{}`), "missing_claim: no sub"},
		{says(`{"sub":null}`), "missing_claim: no sub"},
		{says(`{"sub":""}`), "missing_claim: no sub"},
		{says(`{"Sub":"ada"}`), "missing_claim: no sub"},
		{says(`{"sub":1}`), "claim_type: sub is no string"},
		{says(`{"sub":["ada"]}`), "claim_type: sub is no string"},
		{saysStatus(401, "WWW-Authenticate", `Bearer error="invalid_token"`), "opaque_token: the provider does not accept the token at its userinfo endpoint"},
		{saysStatus(401), "opaque_token: the provider does not accept the token at its userinfo endpoint"},
		{saysStatus(403, "WWW-Authenticate", scope), "opaque_token: the token was issued without the scope openid, so userinfo says nothing about it"},
	} {
		s.answers(test.handler)
		s.refuses(t, fmt.Sprint("token", i), test.want)
	}
	s.answers(says(`{"sub":"ada","aud":"reports","iss":"x","client_id":"desk","scope":"a","exp":1,"active":false}`))
	answer := s.vouches(t, goodToken)
	if answer.Audiences != nil || answer.Issuer != "" || answer.ClientID != "" || answer.Scope != "" || !answer.Expires.IsZero() {
		t.Errorf("the answer is %+v, want the subject alone", answer)
	}
	s.called(t, 10)
}

// The limits on an answer are those on a token's payload.
func TestAnswersKeepTheLimitsOfAPayload(t *testing.T) {
	const over = "want an answer of 2,000 members, 64 levels and numbers of 64 characters at most, got more"
	members := func(count int) string {
		var b strings.Builder
		for i := range count {
			fmt.Fprintf(&b, `,"m%d":0`, i)
		}
		return `{"active":true` + b.String() + `}`
	}
	tests := []struct{ name, text, want string }{
		{"2,000 members", members(1999), ""},
		{"2,001 members", members(2000), over},
		{"members of members", `{"x":` + members(1999) + `}`, over},
		{"64 levels", `{"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, ""},
		{"65 levels", `{"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, over},
		{"a million levels", `{"x":` + strings.Repeat("[", 1<<20), over},
		{"a number of 64", `{"x":` + strings.Repeat("1", 64) + `}`, ""},
		{"a number of 65", `{"x":` + strings.Repeat("1", 65) + `}`, over},
		{"a duplicate deep inside", `{"x":[{"a":1,"a":1}]}`, noObject},
		{"bad UTF-8", "{\"x\":\"\xff\"}", noObject},
		{"a lone surrogate", `{"x":"\ud800"}`, noObject},
		{"a lone surrogate in a name", `{"\udc00":1}`, noObject},
		{"a byte order mark", "\ufeff{}", noObject},
		{"UTF-16", "{\x00}\x00", noObject},
		{"something after it", `{} x`, noObject},
		{"a comma too much", `{"a":1,}`, noObject},
		{"blanks around", " \t\r\n{} \t\r\n", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, problem := readObject([]byte(test.text)); problem != test.want {
				t.Errorf("got %q, want %q", problem, test.want)
			}
		})
	}
}
