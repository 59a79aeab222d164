package gateway_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/gateway"
	"github.com/claimd/claimd/daemon/reason"
)

// The wire is the contract: gateways and scripts read every byte of it. FAULTS 22, 122: a refusal holds its reason and
// its decision id, nothing of the request and no text of a library.
func TestCompleteAnswers(t *testing.T) {
	bearer := func(request entratest.Request) string { return "Authorization: Bearer " + mint(t, request) }
	expired := entratest.Request{User: "reader", Issued: time.Now().Add(-2 * time.Hour), Lifetime: time.Hour}
	for _, c := range []struct {
		story   string
		change  func(*config.Config)
		request []string
		want    string
	}{
		{"200 with every identity header, the empty ones too (FAULTS 110)", nil, []string{"GET /auth HTTP/1.1", bearer(entratest.Request{User: "reader"})},
			`HTTP/1.1 200 OK
Cache-Control: no-store
Content-Length: 0
Remote-Admin: false
Remote-Email: ada@contoso.example
Remote-Groups: Analysts
Remote-Name: Ada Reader
Remote-Provider: contoso
Remote-Roles: 
Remote-User: ` + reader + `
X-Claimd-Decision: ID
Connection: close

`},
		{"400", nil, []string{"GET /auth HTTP/1.1", "Authorization: Bearer a.b.c", "Authorization: Bearer a.b.c"},
			`HTTP/1.1 400 Bad Request
Cache-Control: no-store
Content-Type: application/json
Www-Authenticate: Bearer error="invalid_request"
X-Claimd-Decision: ID
X-Content-Type-Options: nosniff
Content-Length: 74
Connection: close

{"error":"invalid_request","reason":"invalid_request","decision_id":"ID"}
`},
		{"401 without a token has no error code (FAULTS 122)", nil, []string{"GET /auth HTTP/1.1"},
			`HTTP/1.1 401 Unauthorized
Cache-Control: no-store
Content-Type: application/json
Www-Authenticate: Bearer
X-Claimd-Decision: ID
X-Content-Type-Options: nosniff
Content-Length: 65
Connection: close

{"error":"invalid_token","reason":"no_token","decision_id":"ID"}
`},
		{"401 with a token that is wrong", nil, []string{"GET /auth HTTP/1.1", bearer(expired)},
			`HTTP/1.1 401 Unauthorized
Cache-Control: no-store
Content-Type: application/json
Www-Authenticate: Bearer error="invalid_token"
X-Claimd-Decision: ID
X-Content-Type-Options: nosniff
Content-Length: 64
Connection: close

{"error":"invalid_token","reason":"expired","decision_id":"ID"}
`},
		{"403 for a scope names the scopes (D3)", func(c *config.Config) { c.Providers[0].RequiredScopes = []string{"platform.read-write", "b"} },
			[]string{"GET /auth HTTP/1.1", bearer(entratest.Request{User: "reader"})},
			`HTTP/1.1 403 Forbidden
Cache-Control: no-store
Content-Type: application/json
Www-Authenticate: Bearer error="insufficient_scope", scope="platform.read-write b"
X-Claimd-Decision: ID
X-Content-Type-Options: nosniff
Content-Length: 67
Connection: close

{"error":"insufficient_scope","reason":"scope","decision_id":"ID"}
`},
		{"403 for who is not allowed (A17)", nil, []string{"GET /auth HTTP/1.1", bearer(entratest.Request{User: "stranger"})},
			`HTTP/1.1 403 Forbidden
Cache-Control: no-store
Content-Type: application/json
Www-Authenticate: Bearer
X-Claimd-Decision: ID
X-Content-Type-Options: nosniff
Content-Length: 65
Connection: close

{"error":"access_denied","reason":"no_group","decision_id":"ID"}
`},
		{"503 while disabled (D7)", func(c *config.Config) { c.Enabled = false }, []string{"GET /auth HTTP/1.1", bearer(entratest.Request{User: "reader"})},
			`HTTP/1.1 503 Service Unavailable
Cache-Control: no-store
Content-Type: application/json
Retry-After: 60
X-Claimd-Decision: ID
X-Content-Type-Options: nosniff
Content-Length: 75
Connection: close

{"error":"temporarily_unavailable","reason":"disabled","decision_id":"ID"}
`},
		{"404", nil, []string{"GET / HTTP/1.1"},
			`HTTP/1.1 404 Not Found
Cache-Control: no-store
Content-Type: application/json
X-Content-Type-Options: nosniff
Content-Length: 22
Connection: close

{"error":"not_found"}
`},
		{"livez", nil, []string{"GET /livez HTTP/1.1"},
			`HTTP/1.1 200 OK
Cache-Control: no-store
Content-Type: application/json
X-Content-Type-Options: nosniff
Content-Length: 16
Connection: close

{"status":"ok"}
`},
		{"readyz", nil, []string{"GET /readyz HTTP/1.1"},
			`HTTP/1.1 200 OK
Cache-Control: no-store
Content-Type: application/json
X-Content-Type-Options: nosniff
Content-Length: 16
Connection: close

{"status":"ok"}
`},
		{"readyz while disabled", func(c *config.Config) { c.Enabled = false }, []string{"GET /readyz HTTP/1.1"},
			`HTTP/1.1 503 Service Unavailable
Cache-Control: no-store
Content-Type: application/json
X-Content-Type-Options: nosniff
Content-Length: 25
Connection: close

{"status":"unavailable"}
`},
		{"whoami refuses as auth does", nil, []string{"GET /whoami HTTP/1.1"},
			`HTTP/1.1 401 Unauthorized
Cache-Control: no-store
Content-Type: application/json
Www-Authenticate: Bearer
X-Claimd-Decision: ID
X-Content-Type-Options: nosniff
Content-Length: 65
Connection: close

{"error":"invalid_token","reason":"no_token","decision_id":"ID"}
`},
		{"whoami is read only", nil, []string{"POST /whoami HTTP/1.1"},
			`HTTP/1.1 405 Method Not Allowed
Allow: GET, HEAD
Cache-Control: no-store
Content-Type: application/json
X-Content-Type-Options: nosniff
Content-Length: 31
Connection: close

{"error":"method_not_allowed"}
`},
	} {
		t.Run(c.story, func(t *testing.T) {
			got := golden(speak(t, serve(t, newGate(t, c.change)), http1(c.request...)))
			// The length of the body depends on that of the decision's id, which golden has replaced.
			got = fixLength(got)
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// fixLength writes the length of the body that stands there now.
func fixLength(answer string) string {
	header, body, _ := strings.Cut(answer, "\n\n")
	lines := strings.Split(header, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "Content-Length: ") {
			lines[i] = "Content-Length: " + itoa(len(body))
		}
	}
	return strings.Join(lines, "\n") + "\n\n" + body
}

func TestWhoamiShowsTheIdentity(t *testing.T) {
	issued := time.Now().Truncate(time.Second)
	raw := mint(t, entratest.Request{User: "reader", Issued: issued, Lifetime: time.Hour})
	// A header that would be a spoof at /auth is no harm here: nothing of the request is passed on.
	answer := golden(speak(t, serve(t, newGate(t, nil)), http1("GET /whoami HTTP/1.1", "Authorization: Bearer "+raw, "Remote-User: root")))
	_, body, _ := strings.Cut(answer, "\n\n")
	want := `{"provider":"contoso","user":"` + reader + `","kind":"user","email":"ada@contoso.example","first_name":"Ada","last_name":"Reader",` +
		`"groups":["Analysts"],"roles":[],"admin":false,"client_application_id":"` + desktopApp + `","expires_at":"` +
		issued.Add(time.Hour).UTC().Format(time.RFC3339) + "\"}\n"
	if body != want {
		t.Errorf("got\n%s\nwant\n%s", body, want)
	}
	if !strings.Contains(answer, "X-Claimd-Decision: ID\n") || !strings.Contains(answer, "Cache-Control: no-store\n") {
		t.Errorf("headers\n%s", answer)
	}
}

// Every reason of the table, on the wire: status, error code and WWW-Authenticate are those of RFC 6750 section 3.1.
func TestEveryReasonOnTheWire(t *testing.T) {
	for _, r := range reason.All() {
		t.Run(r.String(), func(t *testing.T) {
			w := httptest.NewRecorder()
			gateway.WriteDenial(w, &access.Decision{ID: "d1", Reason: r, Scope: "a\"\\\r\n b", RetryAfter: 1500 * time.Millisecond})
			challenge := w.Header().Get("WWW-Authenticate")
			want, retry, code := "Bearer", "", r.ErrorCode()
			switch {
			case r.Status() == 503:
				want, retry = "", "2"
			case r == reason.InvalidRequest:
				want = `Bearer error="invalid_request"`
			case r == reason.Scope, r == reason.Route: // the route asks for scopes
				want, code = `Bearer error="insufficient_scope", scope="a b"`, "insufficient_scope"
			case r.Status() == 401 && r != reason.NoToken:
				want = `Bearer error="invalid_token"`
			}
			if w.Code != r.Status() || challenge != want || w.Header().Get("Retry-After") != retry {
				t.Errorf("%d, WWW-Authenticate %q, Retry-After %q; want %d, %q, %q",
					w.Code, challenge, w.Header().Get("Retry-After"), r.Status(), want, retry)
			}
			if got, want := w.Body.String(), `{"error":"`+code+`","reason":"`+r.String()+`","decision_id":"d1"}`+"\n"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// FAULTS 160: a gate that cannot judge lets nobody in.
func TestABrokenGateIsA500(t *testing.T) {
	answer := golden(speak(t, serve(t, access.NewGate(nil, access.Options{})), http1("GET /auth HTTP/1.1", "Authorization: Bearer a.b.c")))
	if want := `HTTP/1.1 500 Internal Server Error
Cache-Control: no-store
Content-Type: application/json
X-Claimd-Decision: ID
X-Content-Type-Options: nosniff
Content-Length: 44
Connection: close

{"error":"server_error","decision_id":"ID"}
`; fixLength(answer) != want {
		t.Errorf("got\n%s\nwant\n%s", fixLength(answer), want)
	}
	answer = speak(t, serve(t, access.NewGate(nil, access.Options{})), http1("GET /readyz HTTP/1.1"))
	if !strings.HasPrefix(answer, "HTTP/1.1 503 ") {
		t.Errorf("readyz of a gate without a Snapshot: %s", answer)
	}
}
