package opaque

import (
	"encoding/json"
	"fmt"
	"testing"
)

// JumpCloud's access tokens are opaque, its issuer ends with a slash, and it writes one group as a string and several as
// an array, under whatever name an administrator gave the attribute. All of that comes through as it is.
func TestJumpCloudsAnswersComeThroughAsTheyAre(t *testing.T) {
	tests := []struct{ name, answer string }{
		{"no group", `{"sub":"ada","email":"ada@contoso.example"}`},
		{"one group", `{"sub":"ada","groups":"Analysts"}`},
		{"two groups", `{"sub":"ada","groups":["Analysts","Night shift"]}`},
		{"under a URL", `{"sub":"ada","https://app.hoop.dev/groups":["Analysts"]}`},
		{"one under a URL", `{"sub":"ada","https://app.hoop.dev/groups":"Analysts"}`},
		{"as much as it says", `{"sub":"65f0","email":"ada@contoso.example","email_verified":true,"family_name":"Lovelace","given_name":"Ada","name":"Ada Lovelace","groups":["Änalysts","a, b","C\\D"]}`},
	}
	for _, test := range tests {
		for kind, answer := range map[Kind]string{
			Userinfo:      test.answer,
			Introspection: `{"active":true,"iss":"https://oauth.id.jumpcloud.com/","aud":["desk"],"client_id":"desk","scope":"openid profile",` + test.answer[1:],
		} {
			t.Run(fmt.Sprint(kind, ", ", test.name), func(t *testing.T) {
				s := newSite(t, kind, says(answer))
				got := s.vouches(t, goodToken)
				if string(got.Raw) != answer || !json.Valid(got.Raw) || got.Subject == "" {
					t.Errorf("the answer is %s, want %s", got.Raw, answer)
				}
				if kind == Introspection && got.Issuer != "https://oauth.id.jumpcloud.com/" {
					t.Errorf("the issuer is %q, want its slash at the end", got.Issuer)
				}
			})
		}
	}
}
