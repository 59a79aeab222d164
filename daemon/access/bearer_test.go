package access

import (
	"net/http"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/reason"
)

// RFC 6750 section 2.1 and FAULTS 113, 114: exactly one Bearer field; nothing else that looks like a token counts.
func TestOneAuthorizationFieldIsTheOnlyPlaceForAToken(t *testing.T) {
	for _, c := range []struct {
		story  string
		fields []string
		want   string
		reason reason.Reason
	}{
		{"a token", []string{"Bearer a.b.c"}, "a.b.c", reason.None},
		{"the scheme in any case", []string{"bEARER a.b.c"}, "a.b.c", reason.None},
		{"several blanks, which RFC 6750 allows", []string{"Bearer   a.b.c"}, "a.b.c", reason.None},
		{"every character of b64token", []string{"Bearer aZ09-._~+/=="}, "aZ09-._~+/==", reason.None},
		{"no field", nil, "", reason.NoToken},
		{"an empty field", []string{""}, "", reason.NoToken},
		{"the scheme alone", []string{"Bearer"}, "", reason.NoToken},
		{"the scheme and blanks", []string{"Bearer   "}, "", reason.NoToken},
		{"another scheme", []string{"Basic YTpi"}, "", reason.NoToken},
		{"another scheme with parameters", []string{`Digest username="a", realm="b"`}, "", reason.NoToken},
		{"a scheme that only begins like Bearer", []string{"Bearerx a.b.c"}, "", reason.NoToken},
		{"a token without a scheme", []string{"a.b.c"}, "", reason.NoToken},
		{"two fields", []string{"Bearer a.b.c", "Bearer a.b.c"}, "", reason.InvalidRequest},
		{"two fields of two schemes", []string{"Basic YTpi", "Bearer a.b.c"}, "", reason.InvalidRequest},
		{"two fields, one of them empty", []string{"", "Bearer a.b.c"}, "", reason.InvalidRequest},
		{"a list of two tokens", []string{"Bearer a.b.c, Bearer d.e.f"}, "", reason.InvalidRequest},
		{"a list without blanks", []string{"Bearer a.b.c,d.e.f"}, "", reason.InvalidRequest},
		{"a list that begins with another scheme", []string{"Basic YTpi, Bearer a.b.c"}, "", reason.InvalidRequest},
		{"a list that begins with nothing", []string{"Bearer, Bearer a.b.c"}, "", reason.InvalidRequest},
		{"a list of another scheme with a short element", []string{"Basic YTpi, x"}, "", reason.NoToken},
		{"a list of another scheme with the bare scheme inside", []string{"Basic YTpi, Bearer , x"}, "", reason.InvalidRequest},
		{"a blank inside, as obs-fold leaves it", []string{"Bearer a.b .c"}, "", reason.InvalidRequest},
		{"a tab instead of the blank", []string{"Bearer\ta.b.c"}, "", reason.InvalidRequest},
		{"padding in the middle", []string{"Bearer a=b"}, "", reason.InvalidRequest},
		{"padding alone", []string{"Bearer =="}, "", reason.InvalidRequest},
		{"a quoted token", []string{`Bearer "a.b.c"`}, "", reason.InvalidRequest},
		{"a byte beyond ASCII", []string{"Bearer a.b.\xc3\xa9"}, "", reason.InvalidRequest},
		{"a NUL", []string{"Bearer a.b.c\x00"}, "", reason.InvalidRequest},
	} {
		t.Run(c.story, func(t *testing.T) {
			header := http.Header{"Cookie": {"access_token=x.y.z"}, "Proxy-Authorization": {"Bearer x.y.z"}}
			if c.fields != nil {
				header["Authorization"] = c.fields
			}
			if got, r := bearer(header); got != c.want || r != c.reason {
				t.Errorf("%q: got %q %q, want %q %q", c.fields, got, r, c.want, c.reason)
			}
		})
	}
}

func TestALongFieldIsReadWithoutAllocating(t *testing.T) {
	header := http.Header{"Authorization": {"Bearer " + strings.Repeat("a", 48<<10)}}
	if n := testing.AllocsPerRun(100, func() { _, _ = bearer(header) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// Only the characters that RFC 6750 section 2.1 lists stand in a token, wherever they stand.
func TestEveryByteIsACharacterOfATokenOrNot(t *testing.T) {
	const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
	for value := range 256 {
		b := string([]byte{byte(value)})
		wanted := strings.Contains(characters, b)
		for _, token := range []string{b, b + "a", "a" + b + "a", strings.Repeat("a", 100) + b + "a="} {
			if isB64Token(token) != wanted {
				t.Errorf("%q: want %v", token, wanted)
			}
		}
	}
}

// The characters are looked at after what is kept: of a kept token it is known that they are right. A token that differs
// from it by one wrong byte is another one, and is refused before anything of it is read.
func TestAWrongCharacterIsRefusedBesideAKeptToken(t *testing.T) {
	f := newFixture(t, nil)
	raw := f.mint(entratest.Request{User: "reader"})
	for _, story := range []string{"before the token is kept", "while it is kept"} {
		for _, wrong := range []string{raw + "!", raw + "\x00", "é" + raw, raw[:20] + "," + raw[20:], raw[:20] + "=" + raw[20:], raw + " x"} {
			if d := f.decide(wrong); d.Reason != reason.InvalidRequest {
				t.Errorf("%s: %q: want %q, got %q", story, wrong, reason.InvalidRequest, d.Reason)
			}
		}
		if d := f.decide(raw); !d.Allowed() {
			t.Fatalf("%s: want the token itself allowed, got %q", story, d.Reason)
		}
	}
}
