package proxy

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/config"
)

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"

func towards(address string) config.Proxy { return config.Proxy{Upstream: address} }

// What the upstream gets, byte for byte, is the contract of this door (FAULTS 110, 111, 116, 117).
func TestTheUpstreamGetsTheRequestWithTheIdentity(t *testing.T) {
	token := "Authorization: Bearer " + mint(t, "reader")
	identity := []string{
		"Remote-Admin: false", "Remote-Email: ada@contoso.example", "Remote-Groups: Analysts", "Remote-Name: Ada Reader",
		"Remote-Provider: contoso", "Remote-Roles: ", "Remote-User: " + reader,
	}
	forwarded := []string{"X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: api.example", "X-Forwarded-Proto: http"}
	for _, c := range []struct {
		story   string
		request []string
		forward bool     // Authorization
		want    []string // request line and all header lines, ours and the forwarding ones left out
	}{
		{"a plain request; Host is passed on, Authorization is not", []string{"GET /a/b?c=d HTTP/1.1", "Accept: */*"}, false,
			[]string{"GET /a/b?c=d HTTP/1.1", "Host: api.example", "Accept: */*"}},
		{"Authorization where it is asked for", []string{"GET / HTTP/1.1"}, true,
			[]string{"GET / HTTP/1.1", "Host: api.example", token}},
		{"110 the client's identity headers go", []string{"GET / HTTP/1.1", "Remote-User: root", "Remote-Admin: true"}, false,
			[]string{"GET / HTTP/1.1", "Host: api.example"}},
		{"111 in every spelling", []string{"GET / HTTP/1.1", "REMOTE_USER: root", "remote.admin: true", "Remote_Groups: x", "Remote.user: y"}, false,
			[]string{"GET / HTTP/1.1", "Host: api.example"}},
		{"CVE-2026-29054: Connection must not take our headers away",
			[]string{"GET / HTTP/1.1", "Connection: Remote-User, remote-groups, X-Forwarded-For, X-Note", "X-Note: hop", "Remote-User: root"}, false,
			[]string{"GET / HTTP/1.1", "Host: api.example"}},
		{"117 what the client says of an original request goes", []string{
			"GET / HTTP/1.1", "X-Forwarded-For: 10.0.0.1", "X-Forwarded-Host: evil", "X-Forwarded-Proto: https", "X-Forwarded-User: root",
			"X_Forwarded_For: 10.0.0.2", "Forwarded: for=10.0.0.3", "X-Original-URL: /admin", "x.original.uri: /admin",
		}, false, []string{"GET / HTTP/1.1", "Host: api.example"}},
		{"hop-by-hop headers go", []string{"GET / HTTP/1.1", "Proxy-Authorization: x", "Keep-Alive: 5", "TE: gzip", "Accept-Encoding: gzip"}, false,
			[]string{"GET / HTTP/1.1", "Host: api.example", "Accept-Encoding: gzip"}},
		{"an encoded path stays as it is", []string{"GET /a%2fb/%7Euser/../c//d;e?x=%zz&y;z HTTP/1.1"}, false,
			[]string{"GET /a%2fb/%7Euser/../c//d;e?x=%zz&y;z HTTP/1.1", "Host: api.example"}},
		{"characters that net/url would spell in another way stay", []string{`GET /a"b|{c}^[d]\e?"x" HTTP/1.1`}, false,
			[]string{`GET /a"b|{c}^[d]\e?"x" HTTP/1.1`, "Host: api.example"}},
		{"two slashes stay", []string{"GET //evil.example/a HTTP/1.1"}, false, []string{"GET //evil.example/a HTTP/1.1", "Host: api.example"}},
		{"an empty query stays", []string{"GET /a? HTTP/1.1"}, false, []string{"GET /a? HTTP/1.1", "Host: api.example"}},
		{"an absolute form is a path here", []string{"GET http://api.example/a HTTP/1.1"}, false, []string{"GET /a HTTP/1.1", "Host: api.example"}},
		{"and stays as it is too", []string{`GET http://api.example/a"b%2fc|d?"x" HTTP/1.1`}, false,
			[]string{`GET /a"b%2fc|d?"x" HTTP/1.1`, "Host: api.example"}},
		{"an absolute form without a path", []string{"GET HTTPS://api.example?c=d HTTP/1.1"}, false, []string{"GET /?c=d HTTP/1.1", "Host: api.example"}},
		{"an absolute form with two slashes", []string{"GET http://api.example//evil.example/a HTTP/1.1"}, false,
			[]string{"GET //evil.example/a HTTP/1.1", "Host: api.example"}},
		{"120 OPTIONS *", []string{"OPTIONS * HTTP/1.1"}, false, []string{"OPTIONS * HTTP/1.1", "Host: api.example"}},
		{"120 HEAD", []string{"HEAD /a HTTP/1.1"}, false, []string{"HEAD /a HTTP/1.1", "Host: api.example"}},
	} {
		t.Run(c.story, func(t *testing.T) {
			behind := startAPI(t, "tcp", "127.0.0.1:0", ok)
			gate := newGate(t, config.Proxy{Upstream: "http://" + behind.address, ForwardAuthorization: c.forward})
			text := strings.Join(append(c.request, token, "Host: api.example"), "\r\n") + "\r\n"
			if !strings.Contains(text, "\r\nConnection:") {
				text += "Connection: close\r\n"
			} else {
				text = strings.Replace(text, "Connection: ", "Connection: close, ", 1)
			}
			answer := speak(t, serve(t, Handler(gate, nil)), text+"\r\n")
			if !strings.HasPrefix(answer, "HTTP/1.1 200 OK\r\n") || !strings.Contains(answer, "\r\nX-Claimd-Decision: ") {
				t.Fatalf("answer\n%s", answer)
			}
			want := append(append(append([]string{}, c.want...), identity...), forwarded...)
			compareLines(t, behind.last(), want)
		})
	}
}

// compareLines compares the request line, and the header lines in any order.
func compareLines(t *testing.T, text string, want []string) {
	t.Helper()
	header, _, _ := strings.Cut(text, "\r\n\r\n")
	got := strings.Split(header, "\r\n")
	if got[0] != want[0] {
		t.Errorf("request line %q, want %q", got[0], want[0])
	}
	rest := map[string]int{}
	for _, line := range want[1:] {
		rest[line]++
	}
	for _, line := range got[1:] {
		if line == "Connection: close" {
			continue
		}
		if rest[line]--; rest[line] < 0 {
			t.Errorf("%q is too much", line)
		}
	}
	for line, n := range rest {
		if n > 0 {
			t.Errorf("%q is missing", line)
		}
	}
}

func TestARefusalNeverReachesTheUpstream(t *testing.T) {
	behind := startAPI(t, "tcp", "127.0.0.1:0", ok)
	address := serve(t, Handler(newGate(t, towards("http://"+behind.address)), nil))
	token := "Authorization: Bearer " + mint(t, "reader")
	for _, c := range []struct {
		story, text, want string
	}{
		{"no token", http1("GET /a HTTP/1.1"), `HTTP/1.1 401 Unauthorized
Cache-Control: no-store
Content-Type: application/json
Www-Authenticate: Bearer
X-Claimd-Decision: ID
X-Content-Type-Options: nosniff
Content-Length: 72
Connection: close

{"error":"invalid_token","reason":"no_token","decision_id":"ID"}
`},
		{"a stranger", http1("GET /a HTTP/1.1", "Authorization: Bearer "+mint(t, "stranger")), `HTTP/1.1 403 Forbidden
Cache-Control: no-store
Content-Type: application/json
Www-Authenticate: Bearer
X-Claimd-Decision: ID
X-Content-Type-Options: nosniff
Content-Length: 72
Connection: close

{"error":"access_denied","reason":"no_group","decision_id":"ID"}
`},
		{"CONNECT asks for a tunnel", http1("CONNECT api.example:443 HTTP/1.1", token), `HTTP/1.1 405 Method Not Allowed
Cache-Control: no-store
Content-Type: application/json
X-Claimd-Decision: ID
X-Content-Type-Options: nosniff
Content-Length: 58
Connection: close

{"error":"method_not_allowed","decision_id":"ID"}
`},
		{"OPTIONS * without a token", http1("OPTIONS * HTTP/1.1"), `HTTP/1.1 401 Unauthorized
Cache-Control: no-store
Content-Type: application/json
Www-Authenticate: Bearer
X-Claimd-Decision: ID
X-Content-Type-Options: nosniff
Content-Length: 72
Connection: close

{"error":"invalid_token","reason":"no_token","decision_id":"ID"}
`},
		{"a path of claimd's own is the API's here", http1("GET /auth HTTP/1.1"), `HTTP/1.1 401 Unauthorized
Cache-Control: no-store
Content-Type: application/json
Www-Authenticate: Bearer
X-Claimd-Decision: ID
X-Content-Type-Options: nosniff
Content-Length: 72
Connection: close

{"error":"invalid_token","reason":"no_token","decision_id":"ID"}
`},
	} {
		t.Run(c.story, func(t *testing.T) {
			got := golden(speak(t, address, c.text))
			if sameButLength(got) != sameButLength(c.want) {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if seen := behind.last(); seen != "" {
				t.Errorf("the upstream got\n%s", seen)
			}
		})
	}
}

// sameButLength leaves out the length of the body, which depends on that of the decision's id.
func sameButLength(answer string) string {
	var lines []string
	for line := range strings.SplitSeq(answer, "\n") {
		if !strings.HasPrefix(line, "Content-Length: ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// FAULTS 160: a gate that cannot judge passes nothing on.
func TestABrokenGateIsA500(t *testing.T) {
	answer := speak(t, serve(t, Handler(access.NewGate(nil, access.Options{}), nil)), http1("GET / HTTP/1.1"))
	if !strings.HasPrefix(answer, "HTTP/1.1 500 ") {
		t.Errorf("got\n%s", answer)
	}
}

func TestTheAnswerPassesAsItIs(t *testing.T) {
	answer := "HTTP/1.1 207 Multi-Status\r\nRemote-User: api\r\nX-Claimd-Decision: forged\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n" +
		"Content-Encoding: gzip\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
	behind := startAPI(t, "tcp", "127.0.0.1:0", answer)
	address := serve(t, Handler(newGate(t, towards("http://"+behind.address)), nil))
	got := golden(speak(t, address, http1("GET / HTTP/1.1", "Authorization: Bearer "+mint(t, "reader"))))
	want := `HTTP/1.1 207 Multi-Status
Content-Encoding: gzip
Content-Length: 3
Remote-User: api
Set-Cookie: a=1
Set-Cookie: b=2
X-Claimd-Decision: ID
Connection: close

abc`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAnUpstreamOnAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "api.sock")
	behind := startAPI(t, "unix", path, ok)
	address := serve(t, Handler(newGate(t, towards("unix:"+path)), nil))
	answer := speak(t, address, http1("GET /a HTTP/1.1", "Authorization: Bearer "+mint(t, "reader")))
	if !strings.HasSuffix(answer, "\r\n\r\nhello") || !strings.HasPrefix(behind.last(), "GET /a HTTP/1.1\r\nHost: claimd\r\n") {
		t.Errorf("answer\n%s\nthe upstream got\n%s", answer, behind.last())
	}
}

func TestABodyPassesAndItsTrailersDoNot(t *testing.T) {
	behind := startAPI(t, "tcp", "127.0.0.1:0", ok)
	address := serve(t, Handler(newGate(t, towards("http://"+behind.address)), nil))
	answer := speak(t, address, http1("POST /a HTTP/1.1", "Authorization: Bearer "+mint(t, "reader"),
		"Transfer-Encoding: chunked", "Trailer: Remote-User, X-Sum")+"4\r\nwork\r\n0\r\nRemote-User: root\r\nX-Sum: 1\r\n\r\n")
	if !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
		t.Fatalf("answer\n%s", answer)
	}
	if got := behind.last(); !strings.HasSuffix(got, "\r\n\r\n4\r\nwork\r\n0\r\n\r\n") || strings.Contains(got, "root") || strings.Contains(got, "Trailer:") {
		t.Errorf("the upstream got\n%s", got)
	}
}

// FAULTS 121: what one side takes for a body, the other must not take for a request.
func TestLengthsThatContradictAreNotPassedOn(t *testing.T) {
	behind := startAPI(t, "tcp", "127.0.0.1:0", ok)
	address := serve(t, Handler(newGate(t, towards("http://"+behind.address)), nil))
	token := "Authorization: Bearer " + mint(t, "reader")
	_ = speak(t, address, http1("POST /first HTTP/1.1", token, "Content-Length: 4", "Transfer-Encoding: chunked")+
		"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: claimd\r\n\r\n")
	if got := behind.last(); strings.Contains(got, "smuggled") || strings.Contains(got, "Content-Length: 4") {
		t.Errorf("the upstream got\n%s", got)
	}
}

func TestAnUpstreamThatIsNotThere(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := listener.Addr().String()
	_ = listener.Close()
	for _, upstream := range []string{"http://" + gone, "unix:" + filepath.Join(t.TempDir(), "none.sock")} {
		address := serve(t, Handler(newGate(t, towards(upstream)), nil))
		got := golden(speak(t, address, http1("GET /secret-path HTTP/1.1", "Authorization: Bearer "+mint(t, "reader"))))
		want := `HTTP/1.1 502 Bad Gateway
Cache-Control: no-store
Content-Type: application/json
X-Claimd-Decision: ID
X-Content-Type-Options: nosniff
Connection: close

{"error":"bad_gateway","decision_id":"ID"}
`
		if sameButLength(got) != want {
			t.Errorf("%s: got\n%s\nwant\n%s", upstream, got, want)
		}
	}
}

func TestAnUpstreamThatBabbles(t *testing.T) {
	behind := startAPI(t, "tcp", "127.0.0.1:0", "this is no HTTP\r\n\r\n")
	address := serve(t, Handler(newGate(t, towards("http://"+behind.address)), nil))
	got := speak(t, address, http1("GET / HTTP/1.1", "Authorization: Bearer "+mint(t, "reader")))
	if !strings.HasPrefix(got, "HTTP/1.1 502 ") || strings.Contains(got, "this is no HTTP") {
		t.Errorf("got\n%s", got)
	}
}
