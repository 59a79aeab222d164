package doctor

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/claimd/claimd/cmd/claimctl/finding"
	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/config"
)

// A provider that is not Entra ID is asked for its document and its keys, as the running claimd judges them: what is wrong
// with either is told in its words, and a key that is not used is named with the reason.
func TestDoctorJudgesTheDocumentOfAnOpenIDProvider(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	jwk := func(id, more string) string {
		return fmt.Sprintf(`{"kty":"RSA","use":"sig","kid":%q,"n":%q,"e":"AQAB"%s}`, id, base64.RawURLEncoding.EncodeToString(key.N.Bytes()), more)
	}
	const byteForByte = "is issuer written byte for byte as the provider's document names it?"
	for _, test := range []struct {
		name, document, keys string // ISSUER stands for the issuer; "" answers 404
		verdict              finding.Verdict
		found, toDo          string
	}{
		{"all is well", `{"issuer":"ISSUER","jwks_uri":"ISSUERjwks"}`, jwk("a", "") + "," + jwk("b", ""), finding.Yes, "issuer ISSUER, 2 usable keys", ""},
		{"one key", `{"issuer":"ISSUER","jwks_uri":"ISSUERjwks"}`, jwk("a", ""), finding.Yes, "issuer ISSUER, 1 usable key", ""},
		{"keys that are not used", `{"issuer":"ISSUER","jwks_uri":"ISSUERjwks"}`, jwk("a", "") + "," + `{"kty":"oct","kid":"b"},{"kty":"RSA"},` + jwk("c", `,"alg":"RS512"`),
			finding.Yes, `issuer ISSUER, 1 usable key; a key without an id is ignored: kid: want an id, got none; b is ignored: the provider published private key material; c is ignored: alg: want RS256 or PS256 for RSA, got "RS512"`, ""},
		{"the issuer without its slash", `{"issuer":"BARE","jwks_uri":"ISSUERjwks"}`, jwk("a", ""), finding.No,
			`ISSUER.well-known/openid-configuration: issuer: want "ISSUER", got "BARE"`, byteForByte},
		{"no document", "", "", finding.No, "ISSUER.well-known/openid-configuration: want status 200, got 404", byteForByte},
		{"no usable key", `{"issuer":"ISSUER","jwks_uri":"ISSUERjwks"}`, "", finding.No, "ISSUERjwks: want at least one usable key, got an empty set",
			"without keys every request is answered 503 keys_unavailable: ask who runs the provider"},
		{"the keys by http", `{"issuer":"ISSUER","jwks_uri":"http://keys.example/"}`, "", finding.No,
			`ISSUER.well-known/openid-configuration: jwks_uri: want an https address, got "http://keys.example/"`, byteForByte},
	} {
		t.Run(test.name, func(t *testing.T) {
			var issuer string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				text := test.document
				if r.URL.Path == "/jwks" {
					text = `{"keys":[` + test.keys + `]}`
				}
				if text == "" {
					http.NotFound(w, r)
					return
				}
				_, _ = w.Write([]byte(filled(text, issuer)))
			}))
			defer server.Close()
			issuer = server.URL + "/"
			loaded := loadedText(t, "enabled = true\n[provider.jumpcloud]\nkind = \"oidc\"\nissuer = \""+issuer+"\"\naudiences = [\"x\"]\nclient_ids = [\"*\"]\n[groups]\na = \"\"\n")
			v := newVisit(loaded, &loaded.Config.Providers[0], loaded.Sources()[0])
			defer v.close()
			f := v.askOpenID(t.Context())
			if f.Verdict != test.verdict || f.Found != filled(test.found, issuer) || f.ToDo != test.toDo {
				t.Errorf("got  %+v\nwant %s, %s, %s", f, test.verdict, filled(test.found, issuer), test.toDo)
			}
			if names := checkNames(v); slices.Contains(names, "document v2.0") || slices.Contains(names, graphCheck) || !slices.Contains(names, "document and keys") {
				t.Errorf("it is asked %q", names)
			}
		})
	}
}

func filled(text, issuer string) string {
	return strings.NewReplacer("ISSUER", issuer, "BARE", strings.TrimSuffix(issuer, "/")).Replace(text)
}

func checkNames(v *visit) (names []string) {
	for _, c := range v.checks() {
		names = append(names, c.name)
	}
	return names
}

// loadedText loads a configuration.
func loadedText(t *testing.T, text string) *daemon.Loaded {
	t.Helper()
	path := filepath.Join(t.TempDir(), "claimd.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	made, err := daemon.Load(path, config.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}
