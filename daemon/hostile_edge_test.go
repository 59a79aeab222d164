package daemon_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// hostileRequest is what a stranger sends, byte for byte, and what each door says to it. In the lines, PATH is a path
// of the door that is asked, and TOKEN a good token.
type hostileRequest struct {
	row         int // of the list of threats
	says        string
	lines       []string
	gate, proxy string
}

const (
	open200  = "GET PATH HTTP/1.1"
	goodLine = "Authorization: Bearer TOKEN"
	noHTTP   = "400 by net/http"
)

// hostileRequests are those that one door or the other is not shown to withstand elsewhere: what the gateway's door says
// to most of them stands in its own package, as what reaches the API stands in the proxy's.
func hostileRequests() []hostileRequest {
	same := func(row int, says, want string, lines ...string) hostileRequest {
		return hostileRequest{row, says, lines, want, want}
	}
	spoof := func(row int, says string, lines ...string) hostileRequest {
		return hostileRequest{row, says, lines, "403 header_spoof", passes}
	}
	return []hostileRequest{
		same(110, "the honest request", passes, open200, goodLine),
		spoof(110, "an identity header that is empty", open200, goodLine, "Remote-User:"),
		spoof(110, "an identity header with the true value", open200, goodLine, "Remote-User: "+adaObject),
		spoof(110, "the same header many times", open200, goodLine, "Remote-User: root", "Remote-User: root", "Remote_User: root"),
		spoof(111, "a header of blanks", open200, goodLine, "REMOTE.ADMIN:  \t "),
		same(111, "names that only begin or end so", passes, open200, goodLine, "RemoteUser: x", "X-Remote-User: x", "Remote: x", "-Remote-User: x"),
		same(113, "two Authorization fields", "400 invalid_request", open200, goodLine, goodLine),
		same(113, "two in different cases, one empty", "400 invalid_request", open200, goodLine, "aUTHORIZATION:"),
		same(113, "a list of two tokens", "400 invalid_request", open200, goodLine+", Bearer TOKEN"),
		same(113, "a list that begins with another scheme", "400 invalid_request", open200, "Authorization: Basic YTpi, Bearer TOKEN"),
		same(113, "a token and its parameters", "400 invalid_request", open200, goodLine+"; realm=x"),
		same(113, "another scheme", "401 no_token", open200, "Authorization: Basic YTpi"),
		same(113, "a scheme that begins so", "401 no_token", open200, "Authorization: BearerX TOKEN"),
		same(113, "no scheme", "401 no_token", open200, "Authorization: TOKEN"),
		same(113, "a scheme and no token", "401 no_token", open200, "Authorization: Bearer "),
		same(113, "the scheme in another case", passes, open200, "authorization: bEARER TOKEN"),
		same(113, "a name that servers take for Authorization", "401 no_token", open200, "HTTP_AUTHORIZATION: Bearer TOKEN"),
		same(113, "the proxy's own Authorization", "401 no_token", open200, "Proxy-Authorization: Bearer TOKEN"),
		same(113, "the original request's Authorization", "401 no_token", open200, "X-Forwarded-Authorization: Bearer TOKEN", "X-Original-Authorization: Bearer TOKEN"),
		same(114, "a token in the query", "401 no_token", "GET PATH?access_token=TOKEN HTTP/1.1"),
		same(114, "a token in a cookie", "401 no_token", open200, "Cookie: access_token=TOKEN; Authorization=Bearer TOKEN"),
		same(114, "a user in the address", "401 no_token", "GET http://bearer:TOKEN@api.examplePATH HTTP/1.1"),
		same(115, "a token that is folded", "400 invalid_request", open200, "Authorization: Bearer a.b", " .c"),
		same(115, "a fold before the token", passes, open200, "Authorization: Bearer", " TOKEN"),
		same(115, "a fold with nothing on the line", passes, open200, goodLine, " "),
		spoof(115, "an identity header behind a bare LF", open200, goodLine+"\nRemote-User: root"),
		same(115, "a second Authorization behind a bare LF", "400 invalid_request", open200, goodLine+"\nAuthorization: Bearer x"),
		same(115, "an identity header behind a bare CR", noHTTP, open200, goodLine, "X-Note: a\rRemote-User: root"),
		same(115, "an identity header that a fold hides", passes, open200, goodLine, "X-Note: a", " Remote-User: 0"),
		same(115, "a blank before the colon", noHTTP, open200, goodLine, "Remote-User : root"),
		same(115, "a fold before any field", noHTTP, open200, " Remote-User: root", goodLine),
		same(115, "a line without a colon", noHTTP, open200, goodLine, "Remote-User"),
		same(115, "a NUL in a value", noHTTP, open200, goodLine, "X-Note: a\x00b"),
		same(115, "a NUL in a name", noHTTP, open200, goodLine, "Remote\x00-User: root"),
		same(115, "a name that is no ASCII", noHTTP, open200, goodLine, "Remote‐User: root"),
		same(117, "what the original request was, twice", "401 no_token", open200, "X-Forwarded-Uri: /livez", "X-Forwarded-Uri: /public"),
		same(120, "a CORS preflight", "401 no_token",
			"OPTIONS PATH HTTP/1.1", "Origin: https://evil.example", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: authorization"),
		same(120, "a WebSocket", "401 no_token",
			open200, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13"),
		same(120, "a WebSocket with a token for a sub-protocol", "401 no_token", open200, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Protocol: bearer, TOKEN"),
		same(120, "another method in a header", "401 no_token", "POST PATH HTTP/1.1", "X-HTTP-Method-Override: OPTIONS", "X-Method-Override: HEAD", "Content-Length: 0"),
		same(121, "HTTP/1.0", passes, "GET PATH HTTP/1.0", goodLine),
		same(121, "HTTP/1.9", passes, "GET PATH HTTP/1.9", goodLine),
		{121, "HTTP/0.9", []string{"GET PATH"}, noHTTP, noHTTP},
		{121, "a version of letters", []string{"GET PATH HTTP/x"}, noHTTP, noHTTP},
		{121, "HTTP/3.0 in the clear", []string{"GET PATH HTTP/3.0", goodLine}, "505 by net/http", "505 by net/http"},
		same(121, "two lengths", noHTTP, "POST PATH HTTP/1.1", goodLine, "Content-Length: 0", "Content-Length: 5"),
		same(121, "a list of lengths", noHTTP, "POST PATH HTTP/1.1", goodLine, "Content-Length: 0, 5"),
		same(121, "a length with a sign", noHTTP, "POST PATH HTTP/1.1", goodLine, "Content-Length: +0"),
		same(121, "a length below zero", noHTTP, "POST PATH HTTP/1.1", goodLine, "Content-Length: -1"),
		same(121, "a length in hexadecimal digits", noHTTP, "POST PATH HTTP/1.1", goodLine, "Content-Length: 0x0"),
		same(121, "a coding that is not chunked", "501 by net/http", "POST PATH HTTP/1.1", goodLine, "Transfer-Encoding: xchunked"),
		same(121, "chunked and more", "501 by net/http", "POST PATH HTTP/1.1", goodLine, "Transfer-Encoding: chunked, identity"),
		same(121, "chunked twice", "501 by net/http", "POST PATH HTTP/1.1", goodLine, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
		same(121, "two hosts", noHTTP, open200, goodLine, "Host: a.example", "Host: b.example"),
		same(121, "a host with a path", noHTTP, open200, goodLine, "Host: api.example/x\x01"),
		same(154, "a header of 60 KiB", "431 by net/http", open200, goodLine, "X-Note: "+strings.Repeat("x", 60<<10)),
		same(154, "2,000 fields", passes, append([]string{open200, goodLine}, manyFields(2000)...)...),
		same(154, "a target of 40 KiB", "401 no_token", "GET PATH?"+strings.Repeat("x", 40<<10)+" HTTP/1.1"),
		same(1, "a token of 33 KiB", "401 malformed", open200, "Authorization: Bearer "+strings.Repeat("a", 33<<10)),
	}
}

func manyFields(n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf("X-%d: a", i))
	}
	return lines
}

// FAULTS 110 to 126: whatever a stranger sends is one request with one answer at each door, that answer keeps the
// contract (status and reason, WWW-Authenticate, no-store, all identity headers or none), and the API behind the proxy
// hears of a request only where it was let in.
func TestBothDoorsWithstandHostileRequests(t *testing.T) {
	t.Parallel()
	e := newEdge(t)
	for _, r := range hostileRequests() {
		t.Run(fmt.Sprintf("%d %s", r.row, r.says), func(t *testing.T) {
			e.gateText(t, r.gate, e.hostile("/auth", r.lines))
			e.proxyText(t, r.proxy, e.hostile("/", r.lines))
		})
	}
	t.Run("112 a claim is one value behind the proxy", func(t *testing.T) { aClaimIsOneValue(t, e) })
	t.Run("121 the pipelined are judged one by one", func(t *testing.T) { pipelined(t, e) })
	if part := tokenPart(logText(e.c), e.token); part != "" {
		t.Errorf("114: the log holds %q of a token", part)
	}
	e.letsIn(t)
}

func (e *edge) hostile(path string, lines []string) string {
	fill := strings.NewReplacer("PATH", path, "TOKEN", e.token)
	filled := slices.Clone(lines)
	for i, line := range filled {
		filled[i] = fill.Replace(line)
	}
	return wire(filled...)
}

// FAULTS 112: a claim that tries to write a header field of its own arrives at the API as one value, and one that is too
// large for all headers is refused, not cut.
func aClaimIsOneValue(t *testing.T, e *edge) {
	naughty := "Authorization: Bearer " + e.ada(t, claims{
		"email": "a\r\nRemote-Admin: true\r\n\r\n", "given_name": "Zoë\x00\u2028", "family_name": "A,B%", "groups": []string{"Analysts", "x\r\nRemote-User: y"},
	})
	want := []string{
		"Remote-Admin: false", "Remote-Email: a%0D%0ARemote-Admin: true%0D%0A%0D%0A", "Remote-Groups: Analysts", "Remote-Name: Zo%C3%AB%00%E2%80%A8 A%2CB%25",
		"Remote-Provider: contoso", "Remote-Roles: ", "Remote-User: " + adaObject,
	}
	before := len(e.api.requests())
	a := e.one(t, e.c.proxy, wire("GET / HTTP/1.1", naughty))
	seen := e.api.requests()[before:]
	if a.status != http.StatusOK || len(seen) != 1 || !slices.Equal(identityOf(headerOf(t, seen[0])), want) {
		t.Errorf("%d, and the API got %q, want the identity %q", a.status, seen, want)
	}
	a = e.one(t, e.c.gate, wire("GET /auth HTTP/1.1", naughty))
	if got := identityOf(a.header); a.status != http.StatusOK || !slices.Equal(got, want) {
		t.Errorf("/auth: %d with %q, want %q", a.status, got, want)
	}
	e.both(t, "403 header_size", "Authorization: Bearer "+e.ada(t, claims{"email": strings.Repeat("e", 17<<10)}))
	e.letsIn(t)
}

// FAULTS 121: requests in one packet are judged one by one, and the API hears of those alone that were let in.
func pipelined(t *testing.T, e *edge) {
	good := "GET /good HTTP/1.1\r\nHost: api.example\r\n" + e.bearer + "\r\n\r\n"
	bad := "GET /bad HTTP/1.1\r\nHost: api.example\r\nRemote-User: root\r\n\r\n"
	body := "POST /good HTTP/1.1\r\nHost: api.example\r\n" + e.bearer + fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n", len(bad)) + bad
	both := "POST /good HTTP/1.1\r\nHost: api.example\r\n" + e.bearer + "\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
		wire("GET /bad HTTP/1.1", "Remote-User: root")
	for _, c := range []struct {
		says, text string
		want       []int
	}{
		{"good, bad, good", good + bad + good + wire("GET /bad HTTP/1.1"), []int{200, 401, 200, 401}},
		{"a body that looks like a request", body + wire("GET /bad HTTP/1.1"), []int{200, 401}},
		{"a length beside chunks: the chunks count, and nothing may follow them", both, []int{200}},
	} {
		t.Run(c.says, func(t *testing.T) {
			before := len(e.api.requests())
			var got []int
			for _, a := range say(t, e.c.proxy, c.text) {
				got = append(got, a.status)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("answers %v, want %v", got, c.want)
			}
			seen := e.api.requests()[before:]
			if len(seen) != strings.Count(fmt.Sprint(c.want), "200") {
				t.Errorf("the API got %q", seen)
			}
			for _, request := range seen {
				if !slices.Equal(identityOf(headerOf(t, request)), adas) || !strings.Contains(request, " /good HTTP/1.1\r\n") {
					t.Errorf("the API got %q", request)
				}
			}
		})
	}
}
