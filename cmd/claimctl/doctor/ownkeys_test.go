package doctor

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/claimd/claimd/cmd/claimctl/finding"
)

// The application's own keys, which Entra publishes under ?appid= alone: with them custom_signing_keys decides, without
// them nothing is missing, and where that document does not tell nobody knows.
func TestDoctorLooksForTheApplicationsOwnKeys(t *testing.T) {
	sets := map[string][]map[string]string{}
	for i, id := range []string{"tenant", "own1", "own2"} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		jwk := map[string]string{"kty": "RSA", "use": "sig", "kid": id, "n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": "AQAB"}
		if i == 0 {
			sets["same"] = append(sets["same"], jwk)
			continue
		}
		sets["own"] = append(sets["own"], jwk)
	}
	for _, test := range []struct {
		name, document, keys string // of ?appid=; "" answers 404, "same" as without
		custom               bool
		verdict              finding.Verdict
		found, toDo, usable  string
	}{
		{"none", "same", "same", false, finding.Yes, "the application signs with the tenant's", "", "v1.0 1 usable, v2.0 1 usable, fetched from HOST"},
		{"none, and custom_signing_keys", "same", "same", true, finding.Yes, "the application signs with the tenant's", "",
			"v1.0 1 usable, v2.0 1 usable, v1.0 appid 1 usable, v2.0 appid 1 usable, fetched from HOST"},
		{"own keys", "same", "own", false, finding.No,
			"the application has 2 signing keys of its own, which a claims mapping brings: tokens signed with it are refused 401 key",
			"set custom_signing_keys = true under [provider.p0], or remove the signing key of the claims mapping", "v1.0 1 usable, v2.0 1 usable, fetched from HOST"},
		{"own keys, and custom_signing_keys", "same", "own", true, finding.Yes, "2 signing keys of the application's own, which custom_signing_keys fetches", "",
			"v1.0 1 usable, v2.0 1 usable, v1.0 appid 2 usable, v2.0 appid 2 usable, fetched from HOST"},
		{"no such document", "", "", true, finding.Unknown, "the provider tells nothing about this application alone", "",
			"v1.0 1 usable, v2.0 1 usable, v1.0 appid 0 usable, v2.0 appid 0 usable; v1.0 appid: DOCUMENT1?appid=" + api0 +
				": want status 200, got 404; v2.0 appid: DOCUMENT2?appid=" + api0 + ": want status 200, got 404, fetched from HOST"},
		{"keys elsewhere", `{"issuer":"x","jwks_uri":"https://elsewhere.example/keys"}`, "", false, finding.Unknown,
			"the document for this application names keys elsewhere", "", "v1.0 1 usable, v2.0 1 usable, fetched from HOST"},
		{"no keys", "same", "", false, finding.Unknown, "the keys for this application cannot be read", "", "v1.0 1 usable, v2.0 1 usable, fetched from HOST"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var base string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				appid := ""
				if r.URL.Query().Has("appid") {
					appid = "?appid=" + r.URL.Query().Get("appid")
				}
				isKeys := strings.HasSuffix(r.URL.Path, "/keys")
				answer := test.document
				if isKeys {
					answer = test.keys
				}
				if appid == "" {
					answer = "same"
				}
				switch {
				case answer == "":
					http.NotFound(w, r)
				case answer != "same" && answer != "own":
					_, _ = w.Write([]byte(answer))
				case isKeys:
					_ = json.NewEncoder(w).Encode(map[string]any{"keys": sets[answer]})
				default:
					issuer, path := base+"/"+tenant+"/", "/discovery/keys"
					if strings.Contains(r.URL.Path, "v2.0") {
						issuer, path = base+"/"+tenant+"/v2.0", "/discovery/v2.0/keys"
					}
					_ = json.NewEncoder(w).Encode(map[string]any{"issuer": issuer, "jwks_uri": base + "/" + tenant + path + appid})
				}
			}))
			defer server.Close()
			base = server.URL
			loaded := loadedText(t, fmt.Sprintf("enabled = true\n[provider.p0]\ntenant_id = %q\napplication_id = %q\nclient_application_ids = []\nauthority = %q\n"+
				"custom_signing_keys = %t\n[groups]\na = \"\"\n", tenant, api0, base, test.custom))
			v := newVisit(loaded, &loaded.Config.Providers[0], loaded.Sources()[0])
			defer v.close()
			f := v.askOwnKeys(t.Context())
			if f.Verdict != test.verdict || f.Found != test.found || f.ToDo != test.toDo {
				t.Errorf("got  %+v\nwant %s, %s, %s", f, test.verdict, test.found, test.toDo)
			}
			document := base + "/" + tenant
			usable := strings.NewReplacer("HOST", v.authority.Host, "DOCUMENT1", document+"/.well-known/openid-configuration",
				"DOCUMENT2", document+"/v2.0/.well-known/openid-configuration").Replace(test.usable)
			if f := v.askKeys(t.Context()); f.Verdict != finding.Yes || f.Found != usable {
				t.Errorf("keys: got  %+v\nwant %s", f, usable)
			}
		})
	}
}

const api0 = "c8d14e02-7b6a-4f39-9e51-2a84f06d73b0"
