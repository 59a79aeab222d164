package gateway_test

import (
	"encoding/base64"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/gateway"
	"github.com/claimd/claimd/daemon/reason"
)

func itoa(n int) string { return strconv.Itoa(n) }

// What reaches the door byte for byte, in every form that Go's server lets through. Each is one request and gets one
// answer.
func TestRawRequests(t *testing.T) {
	raw := mint(t, entratest.Request{User: "reader"})
	token := "Authorization: Bearer " + raw
	half := len(raw) / 2
	address := serve(t, newGate(t, nil))
	for _, c := range []struct {
		story string
		text  string
		want  string // status and reason, "200" or "404"
	}{
		{"113 two Authorization fields", http1("GET /auth HTTP/1.1", token, token), "400 invalid_request"},
		{"113 two fields in two cases", http1("GET /auth HTTP/1.1", token, "aUTHORIZATION: Bearer x"), "400 invalid_request"},
		{"113 a list", http1("GET /auth HTTP/1.1", token+", Bearer x"), "400 invalid_request"},
		{"113 another scheme", http1("GET /auth HTTP/1.1", "Authorization: Basic YTpi"), "401 no_token"},
		{"the scheme in another case", http1("GET /auth HTTP/1.1", "authorization: bEARER "+raw), "200"},
		{"114 a token in the query", http1("GET /auth?access_token=" + raw + " HTTP/1.1"), "401 no_token"},
		{"114 a token in a cookie", http1("GET /auth HTTP/1.1", "Cookie: access_token="+raw), "401 no_token"},
		{"114 a token in a form", "POST /auth HTTP/1.1\r\nHost: claimd\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n" +
			"Content-Length: " + itoa(len(raw)+13) + "\r\n\r\naccess_token=" + raw, "401 no_token"},
		{"115 obs-fold in the token", http1("GET /auth HTTP/1.1", "Authorization: Bearer "+raw[:half], " "+raw[half:]), "400 invalid_request"},
		{"115 obs-fold before the token", http1("GET /auth HTTP/1.1", "Authorization: Bearer", " "+raw), "200"},
		{"115 a spoofed header behind a bare LF", http1("GET /auth HTTP/1.1", token+"\nRemote-User: root"), "403 header_spoof"},
		{"110 the header itself", http1("GET /auth HTTP/1.1", token, "Remote-User: root"), "403 header_spoof"},
		{"110 the header itself, empty", http1("GET /auth HTTP/1.1", token, "Remote-User:"), "403 header_spoof"},
		{"111 another case", http1("GET /auth HTTP/1.1", token, "rEMOTE-gROUPS: x"), "403 header_spoof"},
		{"111 underscores", http1("GET /auth HTTP/1.1", token, "REMOTE_USER: root"), "403 header_spoof"},
		{"111 dots", http1("GET /auth HTTP/1.1", token, "Remote.Admin: true"), "403 header_spoof"},
		{"111 one of each", http1("GET /auth HTTP/1.1", token, "Remote_user: a", "Remote.user: b"), "403 header_spoof"},
		{"a header that only resembles one", http1("GET /auth HTTP/1.1", token, "X-Remote-User: x", "Remote-Users: x"), "200"},
		{"116 Connection names our headers", "GET /auth HTTP/1.1\r\nHost: claimd\r\n" + token + "\r\nConnection: close, Remote-User, Remote-Groups\r\n\r\n", "200"},
		{"117 the original request of an untrusted peer", http1("GET /auth HTTP/1.1", token, "X-Forwarded-Uri: /public", "X-Original-URI: /", "X-Forwarded-Prefix: /x"), "200"},
		{"117 ... and without a token", http1("GET /auth HTTP/1.1", "X-Forwarded-Uri: /livez", "X-Original-Method: OPTIONS"), "401 no_token"},
		{"118 two slashes", http1("GET //auth HTTP/1.1", token), "404"},
		{"118 a slash behind", http1("GET /auth/ HTTP/1.1", token), "404"},
		{"118 an encoded letter", http1("GET /%61uth HTTP/1.1", token), "404"},
		{"118 an encoded slash", http1("GET %2fauth HTTP/1.1", token), "bad"},
		{"118 dot segments", http1("GET /x/../auth HTTP/1.1", token), "404"},
		{"118 a dot", http1("GET /./auth HTTP/1.1", token), "404"},
		{"118 another case", http1("GET /Auth HTTP/1.1", token), "404"},
		{"118 a semicolon", http1("GET /auth;x HTTP/1.1", token), "404"},
		{"118 a fragment", http1("GET /auth#x HTTP/1.1", token), "404"},
		{"118 a query is no part of the path", http1("GET /auth?x=1 HTTP/1.1", token), "200"},
		{"118 an empty query", http1("GET /auth? HTTP/1.1", token), "200"},
		{"118 Envoy's prefix", http1("GET /ext_authz/x HTTP/1.1", token), "200"},
		{"118 Envoy's prefix without a path", http1("GET /ext_authz HTTP/1.1", token), "404"},
		{"118 Envoy's prefix as a piece of a name", http1("GET /ext_authzx/ HTTP/1.1", token), "404"},
		{"118 Envoy's prefix, encoded", http1("GET /%65xt_authz/x HTTP/1.1", token), "404"},
		{"118 Envoy's prefix in another case", http1("GET /EXT_AUTHZ/x HTTP/1.1", token), "404"},
		{"118 Envoy's prefix behind two slashes", http1("GET //ext_authz/x HTTP/1.1", token), "404"},
		{"118 Envoy's prefix in a whole address", http1("GET http://claimd/ext_authz/x HTTP/1.1", token), "404"},
		{"119 a health check's User-Agent", http1("GET /auth HTTP/1.1", "User-Agent: kube-probe/1.30"), "401 no_token"},
		{"119 a path behind a health check's", http1("GET /livez/../auth HTTP/1.1"), "404"},
		{"120 HEAD", http1("HEAD /auth HTTP/1.1", token), "200"},
		{"120 OPTIONS", http1("OPTIONS /auth HTTP/1.1", token), "200"},
		{"120 OPTIONS without a token, as a CORS preflight", http1("OPTIONS /auth HTTP/1.1", "Origin: https://x", "Access-Control-Request-Method: GET"), "401 no_token"},
		{"120 OPTIONS *, which Go's server would answer itself", http1("OPTIONS * HTTP/1.1"), "404"},
		{"120 CONNECT", http1("CONNECT /auth HTTP/1.1"), "401 no_token"},
		{"120 a WebSocket upgrade", "GET /auth HTTP/1.1\r\nHost: claimd\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n", "401 no_token"},
		{"120 a method nobody knows", http1("BREW /auth HTTP/1.1", token), "200"},
		{"121 HTTP/1.0", "GET /auth HTTP/1.0\r\n" + token + "\r\n\r\n", "200"},
		{"121 the preface of HTTP/2 is a request for a path that is not there", "PRI * HTTP/2.0\r\n\r\n", "404"},
		{"121 an upgrade to h2c", "GET /auth HTTP/1.1\r\nHost: claimd\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", "401 no_token"},
		{"121 Transfer-Encoding and Content-Length", "POST /auth HTTP/1.1\r\nHost: claimd\r\n" + token +
			"\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /auth HTTP/1.1\r\nHost: claimd\r\nRemote-User: root\r\n\r\n", "200"},
		{"121 two lengths", http1("POST /auth HTTP/1.1", token, "Content-Length: 0", "Content-Length: 5"), "bad"},
		{"121 a blank before the colon", http1("GET /auth HTTP/1.1", token, "Remote-User : root"), "bad"},
		{"112 a NUL in a header", http1("GET /auth HTTP/1.1", token, "X-Note: a\x00b"), "bad"},
		{"a token over the door's limit", http1("GET /auth HTTP/1.1", "Authorization: Bearer "+strings.Repeat("a", 60<<10)), "bad"},
		{"1 a token over 32 KiB", http1("GET /auth HTTP/1.1", "Authorization: Bearer "+strings.Repeat("a", 33<<10)), "401 malformed"},
	} {
		t.Run(c.story, func(t *testing.T) {
			answer := speak(t, address, c.text)
			codes := statuses(t, answer)
			if strings.HasPrefix(c.text, "HEAD ") {
				codes = codes[:1]
			}
			if len(codes) != 1 {
				t.Fatalf("%d answers, want one:\n%s", len(codes), answer)
			}
			if got := verdict(codes[0], answer); got != c.want {
				t.Errorf("got %q, want %q\n%s", got, c.want, answer)
			}
			ours := c.want != "bad"
			if ours && !strings.Contains(answer, "Cache-Control: no-store\r\n") {
				t.Errorf("123 an answer that could be kept:\n%s", answer)
			}
			if strings.Contains(answer, "root") || strings.Contains(answer, raw[:20]) {
				t.Errorf("126 the answer reflects what came in:\n%s", answer)
			}
			if c.want == "200" && !strings.Contains(answer, "\r\nRemote-User: "+reader+"\r\n") {
				t.Errorf("let in without its identity:\n%s", answer)
			}
		})
	}
}

// verdict words an answer: "bad" where Go's server refused before claimd was asked.
func verdict(code int, answer string) string {
	_, rest, found := strings.Cut(answer, `"reason":"`)
	if reason, _, _ := strings.Cut(rest, `"`); found {
		return fmt.Sprintf("%d %s", code, reason)
	}
	if code == http.StatusOK || code == http.StatusNotFound {
		return itoa(code)
	}
	return "bad"
}

// FAULTS 121: requests in one packet are judged one by one; the first one's token is not the second one's.
func TestPipelinedRequestsAreJudgedOneByOne(t *testing.T) {
	token := "Authorization: Bearer " + mint(t, entratest.Request{User: "reader"})
	with := "GET /auth HTTP/1.1\r\nHost: claimd\r\n" + token + "\r\n\r\n"
	without := "GET /auth HTTP/1.1\r\nHost: claimd\r\n\r\n"
	answer := speak(t, serve(t, newGate(t, nil)), with+without+with+http1("GET /auth HTTP/1.1"))
	if got, want := statuses(t, answer), []int{200, 401, 200, 401}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A token of the size that 200 groups by name make, with the rest of a browser's header beside it.
func TestATokenOf32KiBReachesTheGate(t *testing.T) {
	groups := make([]string, 190)
	for i := range groups {
		groups[i] = fmt.Sprintf("%s-%03d", strings.Repeat("g", 108), i)
	}
	raw := mint(t, entratest.Request{User: "reader", Claims: map[string]any{"groups": append(groups, analysts)}})
	if len(raw) < 28<<10 || len(raw) > 32<<10 {
		t.Fatalf("the token has %d bytes", len(raw))
	}
	answer := speak(t, serve(t, newGate(t, nil)), http1("GET /auth HTTP/1.1", "Authorization: Bearer "+raw, "Cookie: "+strings.Repeat("c", 12<<10)))
	if !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
		t.Errorf("got\n%.300s", answer)
	}
}

// FAULTS 112: a claim that tries to write a header of its own arrives as one value.
func TestAClaimCannotWriteAHeader(t *testing.T) {
	raw := mint(t, entratest.Request{User: "reader", Claims: map[string]any{"email": "a\r\nRemote-Admin: true", "given_name": "Zoë", "family_name": "A,B\x00"}})
	answer := speak(t, serve(t, newGate(t, nil)), http1("GET /auth HTTP/1.1", "Authorization: Bearer "+raw))
	for _, line := range []string{"Remote-Email: a%0D%0ARemote-Admin: true", "Remote-Name: Zo%C3%AB A%2CB%00", "Remote-Admin: false"} {
		if !strings.Contains(answer, "\r\n"+line+"\r\n") {
			t.Errorf("no line %q in\n%s", line, answer)
		}
	}
}

// A body at the gateway's door is nobody's to read: a client that lets it drip must hold nothing up.
func TestABodyIsNotWaitedFor(t *testing.T) {
	address := serve(t, newGate(t, nil))
	for _, framing := range []string{"Content-Length: 100000", "Transfer-Encoding: chunked", "Content-Length: 5\r\nExpect: 100-continue"} {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		_ = connection.SetDeadline(time.Now().Add(3 * time.Second))
		fmt.Fprintf(connection, "POST /auth HTTP/1.1\r\nHost: claimd\r\n%s\r\n\r\n", framing)
		answer := make([]byte, 4096)
		n, err := connection.Read(answer)
		if err != nil || !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 401 ") || !strings.Contains(string(answer[:n]), "\r\nConnection: close\r\n") {
			t.Errorf("%s: got %q (%v), want a 401 that closes, at once", framing, answer[:n], err)
		}
	}
}

func TestReadyzNeedsLiveKeysAndLivezNothing(t *testing.T) {
	address := serve(t, newGate(t, func(c *config.Config) {
		c.Providers[0].Name, c.Providers[0].Authority = "unreachable", "http://127.0.0.1:1"
	}))
	for _, c := range []struct {
		path string
		want int
	}{{"/livez", 200}, {"/readyz", 503}} {
		if got := statuses(t, speak(t, address, http1("GET "+c.path+" HTTP/1.1"))); !slices.Equal(got, []int{c.want}) {
			t.Errorf("%s: %v, want %d", c.path, got, c.want)
		}
	}
}

// FAULTS 154: the limits of a door are set, all of them, and a header that drips is cut off.
func TestTheLimitsOfADoor(t *testing.T) {
	server := gateway.NewServer(http.NotFoundHandler())
	if server.ReadHeaderTimeout != 5*time.Second || server.IdleTimeout != time.Minute || server.MaxHeaderBytes != 48<<10 {
		t.Errorf("%v %v %v", server.ReadHeaderTimeout, server.IdleTimeout, server.MaxHeaderBytes)
	}
	if server.Protocols.HTTP2() || server.Protocols.UnencryptedHTTP2() || !server.Protocols.HTTP1() {
		t.Errorf("protocols %v, want HTTP/1 alone", server.Protocols)
	}
	if !server.DisableGeneralOptionsHandler {
		t.Error("net/http answers OPTIONS * by itself")
	}
}

// FAULTS 126: no piece of a request that is eight bytes or longer stands in an answer to a refusal, in none of its headers
// either.
func FuzzARefusalReflectsNothing(f *testing.F) {
	f.Add("/auth", "Bearer abcdefghijkl", "X-Header-Name", "value-value")
	f.Add("/pathpathpath", "Basic abcdefgh", "Remote_user", "<script>alert(1)</script>")
	f.Add("/whoami", "Bearer abcdefghijkl,mnopqrstuv", "Authorization", "Bearer abcdefghijkl")
	for _, token := range []string{
		`{"typ":"JWT","alg":"RS256","kid":"kidkidkid"}.{"iss":"issuerissuer","aud":"audienceaudience"}`, `{"alg":"RS256"}.{}`, `{"typ":"JWT","alg":"noneofthem","kid":"k"}.{}`,
		`{"typ":"JWT","alg":"RS256","kid":"kidkidkid"}.{"iss":"issuerissuer","aud":"00000003-0000-0000-c000-000000000000"}`,
		`{"typ":"JWT","alg":"RS256","kid":"kidkidkid","nonce":"noncenonce"}.{}`, `{"typ":"JWT","alg":"RS256"}.{}`,
	} {
		header, payload, _ := strings.Cut(token, ".")
		encode := func(part string) string { return base64.RawURLEncoding.EncodeToString([]byte(part)) }
		f.Add("/auth", "Bearer "+encode(header)+"."+encode(payload)+".c2lnbmF0dXJl", "Accept", header)
	}
	handler := gateway.Handler(newGate(f, nil))
	f.Fuzz(func(t *testing.T, path, authorization, name, value string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://claimd/", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.URL.Path = path
		request.Header = http.Header{"Authorization": {authorization}, name: {value}}
		w := &recorder{header: http.Header{}}
		handler.ServeHTTP(w, request)
		if w.status == http.StatusOK && path != "/livez" && path != "/readyz" {
			t.Fatalf("%q was let in", authorization)
		}
		answer := w.body.String()
		for name, values := range w.header {
			if name != "X-Claimd-Decision" { // the body has it too
				answer += "\n" + name + ": " + strings.Join(values, "\n")
			}
		}
		for _, input := range []string{path, authorization, name, value} {
			for i := 0; i+8 <= len(input); i++ {
				if piece := input[i : i+8]; strings.Contains(answer, piece) && !strings.Contains(known, piece) {
					t.Fatalf("%q of %q stands in %s", piece, input, answer)
				}
			}
		}
	})
}

// known is what an answer may say by itself, whatever came in.
const known = `{"error":"invalid_request","reason":"invalid_request","decision_id":"{"error":"invalid_token","reason":"no_token","decision_id":"` +
	`{"error":"invalid_token","reason":"malformed","decision_id":"{"error":"invalid_token","reason":"opaque_token","decision_id":"` +
	`{"error":"access_denied","reason":"header_spoof","decision_id":"{"error":"not_found"}{"status":"ok"}{"error":"invalid_token","reason":"algorithm","decision_id":"` +
	`"reason":"graph_token","reason":"issuer","reason":"key","decision_id":"` + `
Content-Type: application/json
X-Content-Type-Options: nosniff
Cache-Control: no-store
Www-Authenticate: Bearer error="invalid_token"
Www-Authenticate: Bearer error="invalid_request"
Connection: close
`

// recorder is an http.ResponseWriter without a connection.
type recorder struct {
	header http.Header
	status int
	body   strings.Builder
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// A wait of 292 years, which a provider can ask for, ran over when it was rounded up, and was told as one second.
func TestRetryAfterIsWholeSecondsRoundedUp(t *testing.T) {
	for wait, want := range map[time.Duration]string{
		-time.Second: "1", 0: "1", 1: "1", time.Second: "1", time.Second + 1: "2", time.Hour: "3600", math.MaxInt64: "9223372037",
	} {
		answer := httptest.NewRecorder()
		gateway.WriteDenial(answer, &access.Decision{Reason: reason.GraphUnavailable, RetryAfter: wait})
		if got := answer.Header().Get("Retry-After"); got != want {
			t.Errorf("%s: got %s, want %s", wait, got, want)
		}
	}
}
