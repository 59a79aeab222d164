package gatewaytest

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/etc/gateways"
)

// traefik is what the shipped file tells Traefik.
type traefik struct {
	claimd, api string
	copied      []string         // authResponseHeaders
	removed     []string         // customRequestHeaders that are empty
	preflight   *preflightAnswer // nil: the middleware is not there
}

// playTraefik asks as Traefik's ForwardAuth does (doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/
// forwardauth): GET at the address, with the client's headers, and method, protocol, host, URI and the client's address in
// X-Forwarded-Method, -Proto, -Host, -Uri and -For, which replace the client's unless trustForwardHeader; 2xx passes with
// authResponseHeaders, which replace the client's; any other answer goes to the client; none is a 500. Last it leaves out
// what the headers middleware empties, and what Connection names.
func playTraefik(t *testing.T, site gateways.Site) *front {
	t.Helper()
	text, err := gateways.Fill("traefik.yaml", site)
	must(t, err)
	if !strings.Contains(text, ") && !Method(`CONNECT`)") {
		t.Fatal("traefik.yaml lets CONNECT pass: what is played leaves it to no router")
	}
	if trusts := setting(t, text, `trustForwardHeader: (\w+)\n`); trusts != "false" {
		t.Fatalf("trustForwardHeader is %s", trusts)
	}
	p := &traefik{
		claimd:  setting(t, text, `address: http://(\S+)/auth\n`),
		api:     setting(t, text, `- url: http://(\S+)`),
		copied:  strings.Split(setting(t, text, `authResponseHeaders: \[(.*)\]\n`), ", "),
		removed: settings(text, `([\w-]+): ""\n`),
	}
	if strings.Contains(text, "\n        - claimd-preflights\n") {
		p.preflight = &preflightAnswer{setting(t, text, `accessControlAllowOriginList: \["(.*)"\]`),
			setting(t, text, `accessControlAllowMethods: \[(.*)\]`), setting(t, text, `accessControlAllowHeaders: \[(.*)\]`)}
	}
	return serve(t, p.serve)
}

func (p *traefik) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodConnect {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if p.preflight != nil && isPreflight(r) {
		p.preflight.give(w)
		return
	}
	body, _ := io.ReadAll(r.Body) // what arrived is passed on
	question := r.Header.Clone()
	question.Set("X-Forwarded-Method", r.Method)
	question.Set("X-Forwarded-Proto", "http")
	question.Set("X-Forwarded-Host", r.Host)
	question.Set("X-Forwarded-Uri", r.URL.RequestURI())
	question.Set("X-Forwarded-For", "127.0.0.1")
	verdict, err := ask("tcp", p.claimd, "GET", "/auth", p.claimd, question, nil, 30*time.Second)
	switch {
	case err != nil:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case verdict.status < 200 || verdict.status > 299:
		give(w, verdict)
		return
	}
	passed := r.Header.Clone()
	for _, name := range p.copied {
		delete(passed, http.CanonicalHeaderKey(name))
		if values := verdict.header.Values(name); len(values) > 0 {
			passed[http.CanonicalHeaderKey(name)] = values
		}
	}
	for _, name := range p.removed {
		passed.Del(name)
	}
	for _, value := range passed.Values("Connection") {
		for name := range strings.SplitSeq(value, ",") {
			passed.Del(strings.TrimSpace(name))
		}
	}
	pass(w, p.api, r, r.URL.RequestURI(), passed, body)
}
