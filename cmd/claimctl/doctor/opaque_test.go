package doctor

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claimd/claimd/cmd/claimctl/finding"
	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/config"
)

// issuing is a provider whose document names both endpoints for opaque tokens; answer answers there.
func issuing(t *testing.T, names string, answer http.HandlerFunc) (issuer string) {
	t.Helper()
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q%s}`, server.URL+"/", server.URL+"/jwks", strings.ReplaceAll(names, "BASE", server.URL))
		case "/jwks":
			fmt.Fprint(w, `{"keys":[{"kty":"EC","crv":"P-256","use":"sig","kid":"a","alg":"ES256",`+ // RFC 7517 appendix A.1
				`"x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`)
		default:
			w.Header().Set("Content-Type", "application/json")
			answer(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL + "/"
}

// The question about opaque tokens is asked as the running claimd asks, about a token that nobody has: every answer but
// "not known" is a finding, and a wrong credential is named as one.
func TestDoctorAsksAboutATokenThatNobodyHas(t *testing.T) {
	const both = `,"introspection_endpoint":"BASE/introspect","userinfo_endpoint":"BASE/userinfo"`
	inactive := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"active":false}`) }
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	var asked []string
	for _, c := range []struct {
		story, kind, names string
		answer             http.HandlerFunc
		verdict            finding.Verdict
		want               string // of what is told and what to do
	}{
		{"introspection", "introspection", both, func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.PostFormValue("token"))
			id, secret, _ := r.BasicAuth()
			if id != "gate" || secret != "fake-secret" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			inactive(w, r)
		}, finding.Yes, "BASEintrospect takes the credential of gate, and does not vouch for a token that was made up"},
		{"userinfo", "userinfo", both, status(http.StatusUnauthorized), finding.Yes, "BASEuserinfo does not vouch for a token that was made up"},
		{"a wrong credential", "introspection", both, status(http.StatusUnauthorized), finding.No,
			"BASEintrospect: want status 200, got 401: the provider does not accept claimd's own credential\ncompare introspection_client_id and the secret in " +
				"introspection_client_secret_file with the provider's, and see whether that client may introspect"},
		{"one that lets everybody in", "introspection", both, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"active":true}`) }, finding.No,
			"BASEintrospect vouches for a token that was made up\ndo not use this endpoint: it lets everybody in"},
		{"one that expired", "introspection", both, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"active":true,"exp":1}`) }, finding.No,
			"BASEintrospect answers about a token that was made up: the provider calls a token active whose exp has passed"},
		{"no endpoint", "introspection", `,"userinfo_endpoint":"BASE/userinfo"`, inactive, finding.No,
			"the provider's document names no introspection_endpoint that may be asked"},
		{"one without https", "userinfo", `,"userinfo_endpoint":"http://sso.example/userinfo"`, inactive, finding.No,
			"the provider's document names no userinfo_endpoint that may be asked"},
		{"it fails", "introspection", both, status(http.StatusBadGateway), finding.Unknown, "BASEintrospect: want status 200, got 502"},
		{"nobody is asked", "refuse", both, inactive, "", ""},
	} {
		t.Run(c.story, func(t *testing.T) {
			issuer := issuing(t, c.names, c.answer)
			dir, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			keys := map[string]string{
				"introspection": "introspection_client_id = \"gate\"\nintrospection_client_secret_file = \"" + dir + "/secret\"\naudiences = [\"api\"]\nclient_ids = []\n",
				"refuse":        "audiences = [\"api\"]\nclient_ids = []\n",
			}[c.kind]
			text := "enabled = true\n[provider.jumpcloud]\nkind = \"oidc\"\nissuer = \"" + issuer + "\"\nopaque_tokens = \"" + c.kind + "\"\n" + keys + "[groups]\nAnalysts = \"\"\n"
			for name, content := range map[string]string{"claimd.toml": text, "secret": "fake-secret\n"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			loaded, err := daemon.Load(filepath.Join(dir, "claimd.toml"), config.ReadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			v := newVisit(loaded, &loaded.Config.Providers[0], loaded.Sources()[0])
			defer v.close()
			found := v.askOpaque(t.Context())
			want := strings.ReplaceAll(c.want, "BASE", issuer)
			if text := found.Found + "\n" + found.ToDo; found.Verdict != c.verdict || !strings.Contains(text, want) || strings.Contains(text, "fake-secret") {
				t.Errorf("got %+v, want %s, %q", found, c.verdict, want)
			}
		})
	}
	if len(asked) != 1 || !strings.HasPrefix(asked[0], "claimctl-doctor-") || len(asked[0]) < 40 {
		t.Errorf("asked about %q", asked)
	}
}

// A secret that the unit alone has is no fault of the configuration; nothing is asked without it.
func TestDoctorCannotTellWithoutTheSecret(t *testing.T) {
	issuer := issuing(t, `,"introspection_endpoint":"BASE/introspect"`, func(http.ResponseWriter, *http.Request) { t.Error("it was asked") })
	path := filepath.Join(t.TempDir(), "claimd.toml")
	text := "enabled = true\n[provider.jumpcloud]\nkind = \"oidc\"\nissuer = \"" + issuer + "\"\nopaque_tokens = \"introspection\"\naudiences = [\"api\"]\nclient_ids = []\n" +
		"introspection_client_id = \"gate\"\nintrospection_client_secret_file = \"credential:gate\"\n[groups]\nAnalysts = \"\"\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := daemon.Load(path, config.ReadOptions{Outside: true})
	if err != nil {
		t.Fatal(err)
	}
	v := newVisit(loaded, &loaded.Config.Providers[0], loaded.Sources()[0])
	defer v.close()
	if found := v.askOpaque(t.Context()); found.Verdict != finding.Unknown || found.Found != "the secret of introspection_client_id can be read by the unit alone" {
		t.Errorf("got %+v", found)
	}
}
