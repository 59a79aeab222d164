package gateway_test

import (
	"bufio"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/gateway"
)

// routed lets everybody fetch what is public, Analysts what is theirs, and nobody anything else.
func routed(c *config.Config) {
	c.Routes = []config.Route{
		{Match: "GET /public/", Public: true}, {Match: "/reports/", Groups: []string{"Analysts"}}, {Match: "/strict/", ACRS: "c1"},
		{Match: "/scoped/", Scopes: []string{"reports.all"}}, {Match: "admin.contoso.example/reports/", Admin: true},
	}
	c.Server.OriginalRequest = config.OriginalXForwarded
	c.Server.TrustedProxies = config.TrustedProxies{Nets: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
}

// What a gateway tells of the client's request, byte for byte. FAULTS 117, 118, 120.
func TestTheOriginalRequestOnTheWire(t *testing.T) {
	token := "Authorization: Bearer " + mint(t, entratest.Request{User: "reader"})
	const method, host, uri = "X-Forwarded-Method: GET", "X-Forwarded-Host: api.contoso.example", "X-Forwarded-Uri: /reports/7?x=1"
	address := serve(t, newGate(t, routed))
	auth := func(lines ...string) string { return http1(slices.Concat([]string{"GET /auth HTTP/1.1"}, lines)...) }
	for _, c := range []struct{ story, text, want string }{
		{"all three", auth(token, method, host, uri), "200"},
		{"without a token", auth(method, host, uri), "401 no_token"},
		{"none", auth(token), "403 original_request"},
		{"no method", auth(token, host, uri), "403 original_request"},
		{"no host, though there is a Host", auth(token, method, uri), "403 original_request"},
		{"no URI", auth(token, method, host), "403 original_request"},
		{"the URI of a client beside it", auth(token, method, host, "X-Forwarded-Uri: /public/", uri), "403 original_request"},
		{"... in another case", auth(token, method, host, uri, "x-forwarded-URI: /public/"), "403 original_request"},
		{"... the same", auth(token, method, host, uri, uri), "403 original_request"},
		{"... empty", auth(token, method, host, "X-Forwarded-Uri: ", uri), "403 original_request"},
		{"the method of a client beside it", auth(token, method, method, host, uri), "403 original_request"},
		{"the host of a client beside it", auth(token, method, host, host, uri), "403 original_request"},
		{"the other family of a client beside it", auth(token, method, host, uri, "X-Original-URI: /public/", "X-Original-Method: GET", "X-Original-Host: a"), "200"},
		{"the other family alone", auth(token, "X-Original-Method: GET", "X-Original-Host: a", "X-Original-URI: /reports/"), "403 original_request"},
		{"an alias of a client beside it", auth(token, method, host, "X-Forwarded-Uri: /nowhere", "X_Forwarded_Uri: /public/", "X.Forwarded.Uri: /public/"), "403 route"},
		{"aliases alone", auth("X_Forwarded_Method: GET", "X_Forwarded_Host: a", "X_Forwarded_Uri: /public/"), "403 original_request"},
		{"a public route", auth(method, host, "X-Forwarded-Uri: /public/logo.svg"), "200"},
		{"a public route, by a method that it does not name", auth("X-Forwarded-Method: POST", host, "X-Forwarded-Uri: /public/logo.svg"), "401 no_token"},
		{"a public route that leads elsewhere", auth(method, host, "X-Forwarded-Uri: /public/../reports/"), "403 original_request"},
		{"... encoded", auth(method, host, "X-Forwarded-Uri: /public/%2e%2e/reports/"), "403 original_request"},
		{"... encoded twice", auth(method, host, "X-Forwarded-Uri: /public/%252e%252e/reports/"), "403 original_request"},
		{"... with an encoded slash", auth(method, host, "X-Forwarded-Uri: /public%2f..%2freports/"), "403 original_request"},
		{"... behind a semicolon", auth(method, host, "X-Forwarded-Uri: /public/;/../reports/"), "403 original_request"},
		{"... with a backslash", auth(method, host, `X-Forwarded-Uri: /public/..\reports/`), "403 original_request"},
		{"a public route in the query", auth(method, host, "X-Forwarded-Uri: /reports/?/public/"), "401 no_token"},
		{"a public route in a fragment", auth(method, host, "X-Forwarded-Uri: /reports/#/public/"), "403 original_request"},
		{"the stricter host", auth(token, method, "X-Forwarded-Host: ADMIN.contoso.example.:443", uri), "403 route"},
		{"the stricter host in brackets", auth(token, method, "X-Forwarded-Host: [admin.contoso.example]", uri), "403 original_request"},
		{"OPTIONS", auth(token, "X-Forwarded-Method: OPTIONS", host, uri), "200"},
		{"a preflight without a token", auth("X-Forwarded-Method: OPTIONS", host, uri, "Origin: https://x", "Access-Control-Request-Method: GET"), "401 no_token"},
		{"a method override of a client", auth("X-Forwarded-Method: POST", "X-HTTP-Method-Override: GET", host, "X-Forwarded-Uri: /public/"), "401 no_token"},
		{"whoami asks no route", http1("GET /whoami HTTP/1.1", token), "200"},
		{"HEAD of the gateway itself", http1("HEAD /auth HTTP/1.1", token, "X-Forwarded-Method: GET", host, uri), "200"},

		{"Envoy asks", http1("GET /ext_authz/reports/7?x=1 HTTP/1.1", token), "200"},
		{"Envoy asks without a token", http1("GET /ext_authz/reports/7 HTTP/1.1"), "401 no_token"},
		{"Envoy passes a client's headers on", http1("GET /ext_authz/nowhere HTTP/1.1", token, method, host, "X-Forwarded-Uri: /public/", "X-Envoy-Original-Path: /public/"), "403 route"},
		{"Envoy asks about a public route", http1("GET /ext_authz/public/a HTTP/1.1"), "200"},
		{"Envoy asks for POST", "POST /ext_authz/public/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "401 no_token"},
		{"Envoy asks with dot segments", http1("GET /ext_authz/public/../reports/ HTTP/1.1"), "403 original_request"},
		{"Envoy asks for claimd's own page", http1("GET /ext_authz/livez HTTP/1.1", token), "403 route"},
		{"Envoy asks for the root", http1("GET /ext_authz/ HTTP/1.1", token), "403 route"},
		{"Envoy asks for the stricter host", "GET /ext_authz/reports/7 HTTP/1.1\r\nHost: admin.contoso.example\r\nConnection: close\r\n" + token + "\r\n\r\n", "403 route"},
		{"Envoy asks without a host", "GET /ext_authz/public/ HTTP/1.0\r\n\r\n", "403 original_request"},
		{"Envoy asks with CONNECT", "CONNECT api.contoso.example:443 HTTP/1.1\r\nHost: api.contoso.example:443\r\nConnection: close\r\n" + token + "\r\n\r\n", "404"},
	} {
		t.Run(c.story, func(t *testing.T) {
			answer := speak(t, address, c.text)
			codes := statuses(t, answer)
			if len(codes) != 1 || verdict(codes[0], answer) != c.want {
				t.Errorf("want %s, got\n%s", c.want, answer)
			}
			identified := strings.Contains(answer, "\r\nRemote-User: "+reader+"\r\n")
			if c.want == "200" && !strings.Contains(c.text, "/whoami") && identified != strings.Contains(c.text, "Authorization") {
				t.Errorf("the wrong identity:\n%s", answer)
			}
		})
	}
}

// A client that understands claims challenges gets one, in the form that MSAL reads; of any other the same request is
// plainly refused. A route's scopes stand in the challenge.
func TestWhatARouteAsksForOnTheWire(t *testing.T) {
	address := serve(t, newGate(t, routed))
	tenantID := entratest.Sample().TenantID
	challenge := `Bearer realm="` + tenantID + `", authorization_uri="` + tenant().URL() + "/" + tenantID + `/oauth2/v2.0/authorize", ` +
		`error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19"`
	for _, c := range []struct {
		path   string
		claims map[string]any
		want   string
	}{
		{"/strict/", map[string]any{"xms_cc": []string{"cp1"}}, "401 Unauthorized\n" + challenge + `{"error":"` + "access_denied" + `","reason":"step_up","decision_id":"ID"}`},
		{"/strict/", nil, `403 Forbidden` + "\nBearer" + `{"error":"access_denied","reason":"step_up","decision_id":"ID"}`},
		{"/scoped/", nil, `403 Forbidden` + "\n" + `Bearer error="insufficient_scope", scope="reports.all"` + `{"error":"insufficient_scope","reason":"route","decision_id":"ID"}`},
		{"/nowhere", nil, `403 Forbidden` + "\nBearer" + `{"error":"access_denied","reason":"route","decision_id":"ID"}`},
	} {
		token := "Authorization: Bearer " + mint(t, entratest.Request{User: "reader", Claims: c.claims})
		answer := golden(speak(t, address, http1("GET /ext_authz"+c.path+" HTTP/1.1", token)))
		header, body, _ := strings.Cut(answer, "\n\n")
		status, header, _ := strings.Cut(strings.TrimPrefix(header, "HTTP/1.1 "), "\n")
		_, header, _ = strings.Cut(header, "Www-Authenticate: ")
		header, _, _ = strings.Cut(header, "\n")
		if got := status + "\n" + header + strings.TrimSpace(body); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.path, got, c.want)
		}
	}
}

// "unix" trusts who may connect to the socket, and nobody who comes over TCP.
func TestAUnixSocketIsAPeer(t *testing.T) {
	gate := newGate(t, func(c *config.Config) { routed(c); c.Server.TrustedProxies = config.TrustedProxies{Unix: true} })
	text := http1("GET /auth HTTP/1.1", "X-Forwarded-Method: GET", "X-Forwarded-Host: a", "X-Forwarded-Uri: /public/")
	if answer := speak(t, serve(t, gate), text); !strings.Contains(answer, `"reason":"original_request"`) {
		t.Errorf("over TCP: %s", answer)
	}
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := gateway.NewFront(gate, gateway.NewServer(gateway.Handler(gate)), nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(gateway.Raw(listener))
	}()
	defer func() {
		_ = server.Close()
		<-ended
	}()
	connection, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := connection.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("over the socket: %v, %v", response, err)
	}
}
