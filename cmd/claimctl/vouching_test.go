package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdVouching is `vouching`: a provider at $ISSUER until the script's end, which vouches for the opaque token that the file
// good holds, at introspection (client gate, secret fake-secret) and at userinfo.
func cmdVouching(ts *testscript.TestScript, _ bool, _ []string) {
	good := strings.TrimSpace(ts.ReadFile("good"))
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/.well-known/openid-configuration":
			fmt.Fprintf(w, `{"issuer":%[1]q,"jwks_uri":"%[1]s/jwks","introspection_endpoint":"%[1]s/introspect","userinfo_endpoint":"%[1]s/userinfo"}`, server.URL)
		case r.URL.Path == "/jwks":
			fmt.Fprint(w, `{"keys":[{"kty":"EC","crv":"P-256","use":"sig","kid":"a","alg":"ES256",`+ // RFC 7517 appendix A.1
				`"x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`)
		case r.URL.Path == "/introspect" && (id != "gate" || secret != "fake-secret"):
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/introspect" && r.PostFormValue("token") != good:
			fmt.Fprint(w, `{"active":false}`)
		case r.URL.Path == "/introspect":
			fmt.Fprint(w, `{"active":true,"sub":"5f1a","aud":"api","client_id":"desk","scope":"openid reports","groups":["Analysts","Visitors"],"given_name":"Ada"}`)
		case r.Header.Get("Authorization") != "Bearer "+good:
			w.WriteHeader(http.StatusUnauthorized)
		default:
			fmt.Fprint(w, `{"sub":"5f1a","groups":"Analysts","given_name":"Ada"}`)
		}
	}))
	ts.Defer(server.Close)
	ts.Setenv("ISSUER", server.URL)
}
