package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/gateway"
)

const okNoBody = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

// fieldsOf gives the header fields of a request as it came, by their names, each with its values.
func fieldsOf(text string) http.Header {
	header := http.Header{}
	for line := range strings.SplitSeq(text, "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			header.Add(name, value)
		}
	}
	return header
}

// An API that follows X-Original-URL, which the proxy took out, or X-Rewrite-URL, which it left in, answers another request
// than the one that was judged. X-Claimd-Decision would be a decision that claimd did not make.
func TestNoHeaderNamesAnotherRequest(t *testing.T) {
	api := startAPI(t, "tcp", "127.0.0.1:0", okNoBody)
	address := serve(t, Handler(newGate(t, config.Proxy{Upstream: "http://" + api.address}), nil))
	speak(t, address, http1("GET /a HTTP/1.1", "Authorization: Bearer "+mint(t, "reader"), "X-Original-URL: /forged", "X-Rewrite-URL: /forged",
		"x_rewrite_url: /forged", "X.Rewrite.URL: /forged", "X-Forwarded-Uri: /forged", "X-Claimd-Decision: forged", "X_Claimd_Decision: forged"))
	if got := api.last(); strings.Contains(got, "forged") {
		t.Errorf("the upstream got %s", got)
	}
}

// Where a route is for one method, an API that follows X-HTTP-Method-Override does what another route, or none, lets in.
// Where no route names a method, nothing is decided by it, and clients that can send GET and POST alone need the header.
func TestNoHeaderNamesAnotherMethodThanARouteLetsIn(t *testing.T) {
	for match, passes := range map[string]bool{"": true, "/": true, "POST /": false, "POST claimd/": false} {
		api := startAPI(t, "tcp", "127.0.0.1:0", okNoBody)
		gate := changedGate(t, config.Proxy{Upstream: "http://" + api.address}, func(c *config.Config) {
			if match != "" {
				c.Routes = []config.Route{{Match: match}}
			}
		})
		speak(t, serve(t, Handler(gate, nil)), http1("POST /a HTTP/1.1", "Authorization: Bearer "+mint(t, "reader"), "Content-Length: 0",
			"X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE", "X_HTTP_Method_Override: DELETE"))
		got := api.last()
		if count := strings.Count(got, "DELETE"); count != map[bool]int{true: 4, false: 0}[passes] || got == "" {
			t.Errorf("routes %q: %d of the headers reached the upstream: %s", match, count, got)
		}
	}
}

// The API behind Apache and claimd makes its links, its redirects and its log from X-Forwarded-Proto and -For. claimd took
// Apache's away with the client's, and said http and 127.0.0.1: an API that redirects to https never ended to.
func TestATrustedProxyTellsOfTheClient(t *testing.T) {
	loopback := config.TrustedProxies{Nets: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	told := []string{"X-Forwarded-For: 203.0.113.7", "X-Forwarded-For: 203.0.113.8", "X-Forwarded-Proto: https", "X-Forwarded-Host: www.example",
		"X_Forwarded_Proto: gopher", "X-Forwarded-Prefix: /forged"}
	for _, test := range []struct {
		story            string
		unix             bool
		trusted          config.TrustedProxies
		match            string
		lines            []string
		want, host, from string
	}{
		{"nobody is trusted", false, config.TrustedProxies{}, "", told, "http", "claimd", "127.0.0.1"},
		{"another is trusted", false, config.TrustedProxies{Unix: true}, "", told, "http", "claimd", "127.0.0.1"},
		{"a peer", false, loopback, "", told, "https", "www.example", "203.0.113.7, 203.0.113.8, 127.0.0.1"},
		{"a peer that says nothing", false, loopback, "", nil, "http", "claimd", "127.0.0.1"},
		{"a peer that says two things", false, loopback, "", append(told, "X-Forwarded-Proto: http", "X-Forwarded-Host: other.example"), "http", "claimd",
			"203.0.113.7, 203.0.113.8, 127.0.0.1"},
		{"a route names a host", false, loopback, "GET claimd/", told, "https", "claimd", "203.0.113.7, 203.0.113.8, 127.0.0.1"},
		{"a route names none", false, loopback, "GET /", told, "https", "www.example", "203.0.113.7, 203.0.113.8, 127.0.0.1"},
		{"a unix socket", true, config.TrustedProxies{Unix: true}, "", told, "https", "www.example", "203.0.113.7, 203.0.113.8"},
		{"a unix socket that is not trusted", true, loopback, "", told, "http", "claimd", ""},
	} {
		t.Run(test.story, func(t *testing.T) {
			api := startAPI(t, "tcp", "127.0.0.1:0", okNoBody)
			gate := changedGate(t, config.Proxy{Upstream: "http://" + api.address}, func(c *config.Config) {
				c.Server.TrustedProxies = test.trusted
				if test.match != "" {
					c.Routes = []config.Route{{Match: test.match}}
				}
			})
			text := http1(append([]string{"GET /a HTTP/1.1", "Authorization: Bearer " + mint(t, "reader")}, test.lines...)...)
			if test.unix {
				speakUnix(t, gate, text)
			} else {
				speak(t, serve(t, Handler(gate, nil)), text)
			}
			got := fieldsOf(api.last())
			for name, want := range map[string]string{"X-Forwarded-Proto": test.want, "X-Forwarded-Host": test.host, "X-Forwarded-For": test.from} {
				if is := strings.Join(got[http.CanonicalHeaderKey(name)], ", "); is != want {
					t.Errorf("%s: want %q, got %q", name, want, is)
				}
			}
			if is := api.last(); strings.Contains(is, "gopher") || strings.Contains(is, "forged") {
				t.Errorf("the upstream got %s", is)
			}
		})
	}
}

// speakUnix is speak over a unix socket.
func speakUnix(t *testing.T, gate *access.Gate, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := gateway.NewServer(Handler(gate, nil))
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	speakOver(t, "unix", path, text)
}
