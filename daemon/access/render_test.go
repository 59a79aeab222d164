package access

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/mapping"
)

// FAULTS 112: Go turns CR LF into blanks but passes NUL and é raw, so values are encoded before.
func TestHeaderValuesAreEncodedAndReadBack(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{"", ""},
		{"ada", "ada"},
		{`CONTOSO\Team A`, `CONTOSO\Team A`},
		{"a,b", "a%2Cb"},
		{"100%", "100%25"},
		{"~ada!", "~ada!"},
		{"%2C", "%252C"},
		{" a b ", "%20a b%20"},
		{"   ", "%20%20%20"},
		{"a\r\nRemote-Admin: true", "a%0D%0ARemote-Admin: true"},
		{"\t\x00\x7f", "%09%00%7F"},
		{"é", "%C3%A9"},
		{"名前", "%E5%90%8D%E5%89%8D"},
		{"\u202etxt", "%E2%80%AEtxt"},
		{"\u00a0x", "%C2%A0x"},
	} {
		got := encodeValue(c.value)
		if got != c.want {
			t.Errorf("encodeValue(%q) = %q, want %q", c.value, got, c.want)
		}
		if back, err := url.PathUnescape(got); err != nil || back != c.value {
			t.Errorf("%q reads back as %q (%v), want %q", got, back, err, c.value)
		}
	}
}

func FuzzAnEncodedListKeepsItsValuesApart(f *testing.F) {
	f.Add("a,b", " c\r\n")
	f.Add("", "%")
	f.Fuzz(func(t *testing.T, a, b string) {
		line := encodeList([]string{a, b})
		for i := range len(line) {
			if line[i] < ' ' || line[i] > '~' {
				t.Fatalf("%q holds the byte %#x", line, line[i])
			}
		}
		parts := strings.Split(line, ",")
		if len(parts) != 2 {
			t.Fatalf("%q has %d parts, want 2", line, len(parts))
		}
		for i, want := range []string{a, b} {
			if got, err := url.PathUnescape(parts[i]); err != nil || got != want {
				t.Fatalf("part %d reads back as %q, want %q", i, got, want)
			}
			if parts[i] != strings.TrimSpace(parts[i]) {
				t.Fatalf("part %d %q has blanks around it", i, parts[i])
			}
		}
	})
}

func TestEveryConfiguredHeaderIsSetAlsoTheEmptyOnes(t *testing.T) {
	lines := headerLines(config.Headers{
		User: "Remote-User", Email: "Remote-Email", Name: "Remote-Name", Groups: "Remote-Groups", Roles: "Remote-Roles",
		Admin: "Remote-Admin", Provider: "Remote-Provider", Client: "Remote-Client", Scopes: "Remote-Scopes",
	})
	for _, c := range []struct {
		story    string
		identity Identity
		want     string
	}{
		{"nothing known", Identity{}, `Remote-User: 
Remote-Email: 
Remote-Name: 
Remote-Groups: 
Remote-Roles: 
Remote-Admin: false
Remote-Provider: 
Remote-Client: 
Remote-Scopes: `},
		{"everything known", Identity{
			Identity: mapping.Identity{
				Provider: "contoso", ID: "7", User: "az-7", Email: "ada@contoso.example", FirstName: "Ada", LastName: "Löve, Jr",
				Groups: []string{"A,B", "C"}, Roles: []string{"r"}, Admin: true,
			},
			ClientID: "36a0427c-4ca6-4bb6-afe2-804a729f14a1", Scopes: "a.read  b.write",
		}, `Remote-User: az-7
Remote-Email: ada@contoso.example
Remote-Name: Ada L%C3%B6ve%2C Jr
Remote-Groups: A%2CB,C
Remote-Roles: r
Remote-Admin: true
Remote-Provider: contoso
Remote-Client: 36a0427c-4ca6-4bb6-afe2-804a729f14a1
Remote-Scopes: a.read,b.write`},
	} {
		t.Run(c.story, func(t *testing.T) {
			fields, size := render(lines, &c.identity)
			if got := fieldsText(fields); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			want := 0
			for _, field := range fields {
				want += len(field.Name) + len(field.Value)
			}
			if size != want {
				t.Errorf("size %d, want %d", size, want)
			}
		})
	}
}

func TestAHeaderThatIsSwitchedOffIsLeftOut(t *testing.T) {
	lines := headerLines(config.Headers{User: "Remote-User"})
	fields, _ := render(lines, &Identity{Identity: mapping.Identity{User: "ada", Email: "x"}})
	if got, want := fieldsText(fields), "Remote-User: ada"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAFullNameHasNoStrayBlank(t *testing.T) {
	for _, c := range [][3]string{{"Ada", "Lovelace", "Ada Lovelace"}, {"Ada", "", "Ada"}, {"", "Lovelace", "Lovelace"}, {"", "", ""}} {
		if got := fullName(c[0], c[1]); got != c[2] {
			t.Errorf("fullName(%q, %q) = %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

func TestWhoamiListsAreNeverNull(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.FixedZone("CET", 3600))
	got := (&Identity{Identity: mapping.Identity{ServiceAccount: true}, Expires: at}).Whoami()
	if got.Groups == nil || got.Roles == nil {
		t.Error("a nil list would be null in JSON")
	}
	if got.Kind != "service_account" {
		t.Errorf("kind %q", got.Kind)
	}
	if got.ExpiresAt.Location() != time.UTC {
		t.Errorf("expires_at in %v, want UTC", got.ExpiresAt.Location())
	}
}

// The values share one allocation: a header that something adds to must not reach into the next one's.
func TestSetHeadersReplacesEachHeaderAndKeepsThemApart(t *testing.T) {
	d := Decision{Headers: []Field{{"Remote-User", "ada"}, {"Remote-Groups", ""}}}
	header := http.Header{"Remote-User": {"root", "admin"}, "Accept": {"*/*"}}
	d.SetHeaders(header)
	header.Add("Remote-User", "x")
	want := http.Header{"Remote-User": {"ada", "x"}, "Remote-Groups": {""}, "Accept": {"*/*"}}
	if !reflect.DeepEqual(header, want) {
		t.Errorf("%v, want %v", header, want)
	}
}
