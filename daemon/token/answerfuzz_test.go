package token

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
)

// Whatever a provider says of a token, and in whatever words: what passes names our audience and our client to another
// reader too, no issuer but its own, and is not over.
func FuzzAnAnswerThatPassesSaysWhatIsWanted(f *testing.F) {
	const issuer = "https://sso.example/"
	ring := keys.NewRing(keys.Options{})
	f.Cleanup(ring.Close)
	v := NewVerifier([]Provider{{
		Name: "jumpcloud", OIDC: true, ClientIDs: []string{oidcClient}, Skew: skew, Algorithms: []string{"RS256"},
		Keys: ring.Open(keys.Source{Name: "jumpcloud", Issuer: issuer}), Audiences: []string{oidcAudience, "second"},
	}})
	const head = `"active":true,"aud":"second","client_id":"web app","sub":"ada"`
	for _, members := range []string{
		"", head, head + `,"exp":1800000000`, head + `,"exp":1`, head + `,"iss":"https://sso.example/"`, head + `,"iss":"x"`, head + `,"iss":null`,
		`"aud":["second",1]`, `"aud":null,"client_id":null`, head + `,"azp":"web app"`, head + `,"azp":"x"`, head + `,"AUD":"x"`, head + `,"aud":"x"`,
		head + `,"nbf":1800000061`, head + `,"scope":"a b","scp":["a","b"]`, head + `,"at_hash":null`, head + `,"exp":1e400`, head + `,"x":"\ud800"`,
	} {
		f.Add(members)
	}
	f.Fuzz(func(t *testing.T, members string) {
		raw := []byte("{" + members + "}")
		verdict := v.VerifyAnswer("jumpcloud", Answered{Raw: raw}, now, nil)
		if traced := v.VerifyAnswer("jumpcloud", Answered{Raw: raw}, now, &reason.Trace{}); traced.Reason != verdict.Reason && verdict.Reason != reason.None {
			t.Fatalf("%q, with a trace %q: %s", verdict.Reason, traced.Reason, raw)
		}
		user := v.VerifyAnswer("jumpcloud", Answered{Raw: raw, Userinfo: true}, now, nil)
		var said map[string]any
		second := json.NewDecoder(bytes.NewReader(raw))
		second.UseNumber() // a member that is not looked at may be any number
		err := second.Decode(&said)
		if user.Reason == reason.None && (err != nil || said["sub"] != user.Claims.Subject || user.Claims.Subject == "" || user.Claims.ClientID != "") {
			t.Fatalf("userinfo: %v, %+v: %s", err, user.Claims, raw)
		}
		if verdict.Reason != reason.None {
			return
		}
		audiences, _ := said["aud"].([]any)
		if one, ok := said["aud"].(string); ok {
			audiences = []any{one}
		}
		isOurs := func(audience any) bool { return audience == oidcAudience || audience == "second" }
		number, bounded := said["exp"].(json.Number)
		exp, _ := number.Float64()
		switch {
		case err != nil, !slices.ContainsFunc(audiences, isOurs):
			t.Fatalf("%v, audiences %v: %s", err, audiences, raw)
		case said["client_id"] != oidcClient && said["azp"] != oidcClient, verdict.Claims.ClientID != oidcClient:
			t.Fatalf("the client %q: %s", verdict.Claims.ClientID, raw)
		case said["iss"] != nil && said["iss"] != issuer, verdict.Claims.Tenant != issuer:
			t.Fatalf("the issuer %v: %s", said["iss"], raw)
		case said["exp"] != nil && !bounded, bounded && exp < float64(now.Unix()-60), bounded == verdict.Claims.Expires.IsZero():
			t.Fatalf("the end %v: %s", said["exp"], raw)
		}
	})
}
