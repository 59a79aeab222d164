package gatewaytest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func ada() map[string]string {
	return map[string]string{
		"Remote-User": adaID, "Remote-Email": "", "Remote-Name": "Ada Lovelace", "Remote-Groups": "Analysts", "Remote-Roles": "",
		"Remote-Admin": "false", "Remote-Provider": "contoso",
	}
}

// decides: allow, 401, 403, with what the client needs to know.
func (s *stage) decides() {
	s.identity("ada", s.passed("ada", request("GET", "/a?b=c", "api.example", s.tokens["ada"])), ada())
	olga := ada()
	olga["Remote-User"], olga["Remote-Email"], olga["Remote-Name"], olga["Remote-Groups"] = olgaID, "olga@contoso.example", "", "Analysts,Operators"
	s.identity("olga", s.passed("olga", request("GET", "/a", "api.example", s.tokens["olga"])), olga)
	for user, most := range map[string]int{"crowded": 14 << 10, "named": 0} {
		got := s.passed(user, request("GET", "/crowd", "api.example", s.tokens[user]))
		if size := len(got.header.Get("Remote-Groups")) + len(got.header.Get("Remote-Roles")); size < most {
			s.t.Errorf("%s: the API got %d bytes of groups and roles", user, size)
		}
	}
	s.isWholeOrNothing()
	got := s.refused("no token", request("GET", "/", "api.example", ""), 401, "no_token")
	if challenge := got.header.Get("Www-Authenticate"); challenge != "Bearer" {
		s.t.Errorf("no token: got WWW-Authenticate %q", challenge)
	}
	got = s.refused("expired", request("GET", "/", "api.example", s.tokens["expired"]), 401, "expired")
	if challenge := got.header.Values("Www-Authenticate"); !slices.Equal(challenge, []string{`Bearer error="invalid_token"`}) {
		s.t.Errorf("expired: got WWW-Authenticate %q", challenge)
	}
	got = s.refused("no group", request("GET", "/", "api.example", s.tokens["stranger"]), 403, "no_group")
	if challenge := got.header.Values("Www-Authenticate"); !slices.Equal(challenge, []string{"Bearer"}) || got.header.Get("X-Claimd-Decision") == "" {
		s.t.Errorf("no group: want WWW-Authenticate and the decision's id, got %v", got)
	}
	if s.bodies {
		var body struct {
			ID string `json:"decision_id"`
		}
		if err := json.Unmarshal([]byte(got.body), &body); err != nil || body.ID != got.header.Get("X-Claimd-Decision") {
			s.t.Errorf("no group: got %v (%v)", got, err)
		}
	}
	s.refused("route", request("GET", "/admin/a", "api.example", s.tokens["ada"]), 403, "route")
	s.refused("two tokens", request("GET", "/", "api.example", s.tokens["ada"], "Authorization: Bearer "+s.tokens["olga"]), 0, "")
	s.refused("a token of 33 KiB", request("GET", "/", "api.example", strings.Repeat("a", 33<<10)), 0, "")
	s.refused("a preflight that nothing lets pass", preflight("/"), 401, "no_token")
}

// isWholeOrNothing: where the rest of a request leaves no room for the identity, it is refused. HAProxy once let requests in
// whose buffer had no room for all of it, without the headers that did not fit.
func (s *stage) isWholeOrNothing() {
	ids := slices.Sorted(slices.Values(manyGroups()))
	want := map[string]string{"Remote-User": crowdedID, "Remote-Name": "", "Remote-Email": "", "Remote-Admin": "false", "Remote-Provider": "contoso"}
	for size := 4 << 10; size < 48<<10; size += 4 << 10 {
		got, reached := s.send(request("GET", "/crowd", "api.example", s.tokens["crowded"], "Cookie: c="+strings.Repeat("c", size)))
		if got.status < 400 && len(reached) != 1 {
			s.t.Errorf("a cookie of %d bytes: got %v", size, got)
		}
		for _, one := range reached {
			want["Remote-Groups"], want["Remote-Roles"] = "*", "*"
			s.identity(fmt.Sprintf("a cookie of %d bytes", size), one, want)
			for _, name := range []string{"Remote-Groups", "Remote-Roles"} {
				if held := slices.Sorted(strings.SplitSeq(one.header.Get(name), ",")); !slices.Equal(held, ids) {
					s.t.Errorf("a cookie of %d bytes: the API got %d of %d in %s", size, len(held), len(ids), name)
				}
			}
		}
	}
}

// passes: what is let in reaches the API as it was sent, once.
func (s *stage) passes() {
	body := strings.Repeat("x", 100<<10)
	got := s.passed("a body", "POST /b?c=%20d HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\nAuthorization: Bearer "+s.tokens["ada"]+
		"\r\nContent-Length: 102400\r\n\r\n"+body)
	if got.body != body || got.method != "POST" || got.target != "/b?c=%20d" || !strings.HasPrefix(got.host, "api.example") {
		s.t.Errorf("a body: the API got %s %s %s with %d bytes", got.method, got.host, got.target, len(got.body))
	}
	s.identity("a body", got, ada())
	got = s.passed("chunks", "POST /b HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\nAuthorization: Bearer "+s.tokens["ada"]+
		"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
	if got.body != "hello" {
		s.t.Errorf("chunks: the API got %q", got.body)
	}
	s.refused("a body without a token", "POST /b HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", 401, "no_token")
	s.refused("an upgrade without a token", upgrade("/", ""), 401, "no_token")
	got = s.passed("an upgrade to HTTP/2", request("GET", "/", "api.example", s.tokens["ada"], "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
		"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"))
	if values := got.header.Values("Upgrade"); len(values) > 0 {
		s.t.Errorf("an upgrade to HTTP/2, through which requests would go past claimd: the API got Upgrade: %q", values)
	}
	if !s.websocks {
		return
	}
	// RFC 6455 section 4.2.1: in any case. Caddy's file once took WebSocket for another protocol.
	for _, word := range []string{"websocket", "WebSocket"} {
		got, reached := s.send(strings.Replace(upgrade("/", s.tokens["ada"]), "Upgrade: websocket", "Upgrade: "+word, 1))
		if got.status != http.StatusSwitchingProtocols || got.body != "hello" || len(reached) != 1 {
			s.t.Fatalf("a %s: got %v, the API %+v\n%s", word, got, reached, s.front.log())
		}
		s.identity("a "+word, reached[0], ada())
	}
}

func upgrade(target, token string) string {
	text := "GET " + target + " HTTP/1.1\r\nHost: api.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	if token != "" {
		text += "Authorization: Bearer " + token + "\r\n"
	}
	return text + "\r\n"
}

func preflight(target string, lines ...string) string {
	return request("OPTIONS", target, "api.example", "", append(lines, "Origin: https://app.example.com", "Access-Control-Request-Method: PUT")...)
}
