package gatewaytest

import (
	"slices"
	"strings"
)

// forgedIdentities: a header of the client's never reaches the API as an identity, in no spelling. Where nothing else
// stands there, as for an e-mail that the token does not have, it would be believed.
func (s *stage) forgedIdentities() {
	var forged [][]string
	for _, name := range identityNames() {
		forged = append(forged, []string{name + ": root"}, []string{strings.ToLower(name) + ": root"}, []string{strings.ToUpper(name) + ": root"},
			[]string{strings.ReplaceAll(name, "-", "_") + ": root"}, []string{strings.ReplaceAll(name, "-", ".") + ": root"},
			[]string{strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + ": root"})
	}
	forged = append(forged,
		[]string{"Remote-Email: root", "Remote-Email: root"}, []string{"Remote-Email:", "remote-email: root"},
		[]string{"Remote_Email: root", "Remote.Email: root", "Remote-Email: root"},
		[]string{"Remote-Email: root", "Connection: Remote-Email"}, []string{"Connection: Remote-User, Remote-Groups, Remote-Admin"},
		[]string{"Remote-Email : root"}, []string{"X-Note: a", " Remote-Email: root"}, []string{"Remote-Email:\troot"},
		[]string{"X-Note: a\nRemote-Email: root"}, []string{"X-Note: a\rRemote-Email: root"},
	)
	for _, lines := range forged {
		story := strings.Join(lines, ", ")
		for _, target := range []string{"/a", "/open/a"} {
			got, reached := s.send(request("GET", target, "api.example", s.tokens["ada"], lines...))
			want := ada()
			if target == "/open/a" {
				want = map[string]string{}
			}
			for _, one := range reached {
				s.identity(story+" for "+target, one, want)
			}
			if got.status < 400 && len(reached) != 1 {
				s.t.Errorf("%s for %s: got %v, and the API %d requests", story, target, got, len(reached))
			}
		}
		s.refused(story+" without a token", request("GET", "/a", "api.example", "", lines...), 0, "")
	}
}

// forgedOriginals: what the client writes about the original request decides nothing.
func (s *stage) forgedOriginals() {
	for _, lines := range [][]string{
		{"X-Original-URI: /open/"}, {"X-Original-Uri: /open/", "X-Original-URI: /open/"}, {"X-Forwarded-Uri: /open/"},
		{"x-original-uri: /open/", "x-forwarded-uri: /open/", "X-Original-Method: GET", "X-Forwarded-Method: GET"},
		{"X_Original_URI: /open/", "X.Original.URI: /open/", "X_Forwarded_Uri: /open/", "X.Forwarded.Uri: /open/"},
		{"X-Original-URL: /open/", "X-Rewrite-URL: /open/", "X-Forwarded-Prefix: /open", "X-Forwarded-Path: /open/"},
		{"X-Original-Host: inner.example", "X-Forwarded-Host: inner.example", "Forwarded: host=inner.example"},
		{"X-HTTP-Method-Override: GET", "X-Envoy-Original-Path: /open/", "X-Auth-Request-Redirect: /open/"},
		{"Connection: X-Original-URI, X-Forwarded-Uri, X-Original-Method, X-Forwarded-Method, Authorization"},
	} {
		story := strings.Join(lines, ", ")
		for question, text := range map[string]string{
			"/admin/":           request("GET", "/admin/a", "api.example", s.tokens["ada"], lines...),
			"/admin/ of nobody": request("GET", "/admin/a", "api.example", "", lines...),
			"POST":              request("POST", "/reports/1", "api.example", s.tokens["ada"], append(lines, "Content-Length: 0")...),
			"another host":      request("GET", "/a", "inner.example", s.tokens["ada"], lines...),
		} {
			got := s.refused(question+" with "+story, text, 0, "")
			if !slices.Contains([]int{400, 401, 403}, got.status) { // a gateway may refuse by itself, and lose the token by Connection
				s.t.Errorf("%s with %s: got %v", question, story, got)
			}
		}
	}
	lines := []string{"X-Original-URI: /admin/", "X-Forwarded-Uri: /admin/", "X-Original-Method: POST", "X-Forwarded-Method: POST"}
	s.passed("GET /reports/ with others' headers", request("GET", "/reports/1", "api.example", s.tokens["ada"], lines...))
	s.passed("the operator", request("POST", "/reports/1", "api.example", s.tokens["olga"], append(lines, "Content-Length: 0")...))
	s.passed("the operator's /admin/", request("GET", "/admin/a", "api.example", s.tokens["olga"]))
	s.passed("the operator's host", request("GET", "/a", "inner.example", s.tokens["olga"]))
	s.identity("nobody", s.passed("nobody", request("GET", "/open/a", "api.example", "")), map[string]string{})
	s.refused("the host in another case, with a port", request("GET", "/a", "INNER.example:80", s.tokens["ada"]), 403, "")
	s.refused("the host with a final dot", request("GET", "/a", "inner.example.", s.tokens["ada"]), 403, "")
	s.refused("an absolute target", request("GET", "http://inner.example/a", "api.example", s.tokens["ada"]), 0, "")
	s.refused("an absolute target of a public path", request("GET", "http://inner.example/open/a", "api.example", ""), 0, "")
	s.refused("two hosts", request("GET", "/a", "api.example", s.tokens["ada"], "Host: inner.example"), 0, "")
}
