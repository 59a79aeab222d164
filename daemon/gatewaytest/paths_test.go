package gatewaytest

import (
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"
)

// smuggles: where a gateway and claimd, or the API, could see the end of a request in two places, no second request that
// nobody judged comes out of it.
func (s *stage) smuggles() {
	hidden := "GET /admin/a HTTP/1.1\r\nHost: api.example\r\n\r\n"
	head := "POST /open/a HTTP/1.1\r\nHost: api.example\r\n"
	for story, text := range map[string]string{
		"two framings":             head + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"two framings, a blank":    head + "Content-Length: 4\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden,
		"another transfer coding":  head + "Content-Length: 4\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden,
		"two lengths":              head + "Content-Length: 0\r\nContent-Length: " + fmt.Sprint(len(hidden)) + "\r\n\r\n" + hidden,
		"a length with a sign":     head + "Content-Length: +0\r\n\r\n" + hidden,
		"a length in a GET":        "GET /open/a HTTP/1.1\r\nHost: api.example\r\nContent-Length: " + fmt.Sprint(len(hidden)) + "\r\n\r\n" + hidden,
		"a request in a chunk":     head + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x", len(hidden)) + "\r\n" + hidden + "\r\n0\r\n\r\n",
		"requests in one packet":   "GET /open/a HTTP/1.1\r\nHost: api.example\r\n\r\n" + hidden,
		"... the first with token": "GET /a HTTP/1.1\r\nHost: api.example\r\nAuthorization: Bearer " + s.tokens["olga"] + "\r\n\r\n" + hidden,
	} {
		before := s.api.count()
		s.send(text)
		time.Sleep(20 * time.Millisecond) // for what would come after the answer
		for _, one := range s.api.since(before) {
			if meansAdmin(one.target) {
				s.t.Errorf("%s: the API got %s", story, one.target)
			}
		}
	}
}

// paths: whatever a program makes of the path, /admin/ is not reached by who may not.
func (s *stage) paths() {
	for _, target := range []string{
		"/admin/", "/admin", "/admin/a?x=/open/", "/admin?", "/admin/?/../open/", "/%61dmin/a", "/admin%2fa", "/admin%2Fa", "//admin/a", "///admin/a",
		"/./admin/a", "/%2e/admin/a", "/x/../admin/a", "/x/%2e%2e/admin/a", "/x/.%2e/admin/a", "/open/../admin/a", "/open/%2e%2e/admin/a",
		"/open/..%2fadmin/a", "/open%2f..%2fadmin/a", "/open/..;/admin/a", "/open/..;x=1/admin/a", "/admin;/a", "/admin;x=/open/",
		"/open;/../admin/a", "/open/..\\admin/a", "/open\\..\\admin\\a", "/open/%5c../admin/a", "/open/..%5cadmin/a", "/open/%252e%252e/admin/a",
		"/open/..%252fadmin/a", "/admin/a#/open/", "/open/a#/../../admin/a", "/open/#/../admin/a", "/open/%23/../../admin/a", "/open//../admin/a",
		"/open/%00/../../admin/a", "/admin%00/a", "/admin%20/a", "/admin/%2e/a", "/admin/./a", "/open/%c0%ae%c0%ae/admin/a", "/open/%u002e%u002e/admin/a",
		"/open/../admin", "/open/..", "/open/../../admin/a", "*", "/open/%3f/../../admin/a", "/open/?/../admin/a", "/open/a/../../admin/",
	} {
		for _, token := range []string{"", s.tokens["ada"]} {
			got, reached := s.send(request("GET", target, "api.example", token))
			for _, one := range reached {
				if meansAdmin(one.target) {
					s.t.Errorf("%s: the API got %s", target, one.target)
				}
			}
			if got.status < 400 && len(reached) != 1 {
				s.t.Errorf("%s: got %v, and the API %d requests", target, got, len(reached))
			}
		}
	}
	s.passed("an encoded letter", request("GET", "/%61", "api.example", s.tokens["ada"]))
	if got := s.passed("escapes", request("GET", "/a%20b/%7Ec/d+e?%2f", "api.example", s.tokens["ada"])); got.target != "/a%20b/%7Ec/d+e?%2f" {
		s.t.Errorf("escapes: the API got %s", got.target)
	}
	s.refused("an encoded slash", request("GET", "/a%2Fb", "api.example", s.tokens["ada"]), 403, "original_request")
	if got := s.passed("a query", request("GET", "/open/?/../admin/a", "api.example", "")); got.target != "/open/?/../admin/a" {
		s.t.Errorf("a query: the API got %s", got.target)
	}
}

// meansAdmin reports whether some program may take the target for one below /admin: decoded once or more, with
// backslashes for slashes, without what follows a semicolon, and with its dot segments resolved.
func meansAdmin(target string) bool {
	plain, _, _ := strings.Cut(target, "?")
	plain, _, _ = strings.Cut(plain, "#")
	for range 3 {
		var segments []string
		for segment := range strings.SplitSeq(strings.ReplaceAll(plain, "\\", "/"), "/") {
			segment, _, _ = strings.Cut(segment, ";")
			segments = append(segments, strings.TrimRight(segment, "\x00"))
		}
		clean := strings.ToLower(path.Clean("/" + strings.Join(segments, "/")))
		if clean == "/admin" || strings.HasPrefix(clean, "/admin/") {
			return true
		}
		decoded, err := url.PathUnescape(plain)
		if err != nil {
			return false
		}
		plain = decoded
	}
	return false
}
