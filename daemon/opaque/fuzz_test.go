package opaque

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// Whatever a provider sends: what is taken is JSON to the standard library's reader too, and says there as well that the
// token is active, and who it is for.
func FuzzAnswersThatAreTakenAreActive(f *testing.F) {
	for _, seed := range []string{active, `{}`, `{"active":"true"}`, `{"active":true,"exp":1800000100.5,"aud":"a"}`,
		`{"active":true,"aud":["a","\u00e4"],"x":{"a":[1,-2.5e3,null,false]}}`, `{"active":true,"active":true}`, `{"active":true}{}`} {
		f.Add([]byte(seed))
	}
	a := &Asker{kind: Introspection, skew: time.Minute}
	f.Fuzz(func(t *testing.T, text []byte) {
		answer, err := a.readAnswer(text, began)
		if err != nil {
			if answer.Raw != nil {
				t.Errorf("%q: refused (%v), and an answer all the same", text, err)
			}
			return
		}
		var plain map[string]any
		if err := json.Unmarshal(text, &plain); err != nil {
			t.Fatalf("%q: taken, and yet %v", text, err)
		}
		if plain["active"] != true {
			t.Errorf("%q: taken, and active is %v", text, plain["active"])
		}
		if subject, _ := plain["sub"].(string); subject != answer.Subject {
			t.Errorf("%q: sub is %q, want %q", text, answer.Subject, subject)
		}
		switch aud := plain["aud"].(type) {
		case string:
			if len(answer.Audiences) != 1 || answer.Audiences[0] != aud {
				t.Errorf("%q: aud is %q, want %q", text, answer.Audiences, aud)
			}
		case []any:
			if len(answer.Audiences) != len(aud) {
				t.Errorf("%q: aud is %q, want %q", text, answer.Audiences, aud)
			}
		}
		if exp, ok := plain["exp"].(float64); ok && float64(answer.Expires.Unix()) > exp {
			t.Errorf("%q: exp is %v, later than %v", text, answer.Expires, exp)
		}
	})
}

// Whatever somebody brings as a token: what has the parts of a JWT is never asked about.
func FuzzWhatIsSentIsOpaque(f *testing.F) {
	for _, seed := range []string{goodToken, "a.b.c", "eyJh.x", "a b", "==", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if checkForm(token) != nil {
			return
		}
		if parts := len(strings.Split(token, ".")); parts == 3 || parts == 5 || token == "" || strings.ContainsAny(token, " \r\n\x00,;\"") {
			t.Errorf("%q would be sent", token)
		}
	})
}
