package gatewaytest

import (
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/etc/gateways"
)

// envoy is what the shipped file tells Envoy.
type envoy struct {
	network, claimd, api string
	prefix               string
	within               time.Duration
	first                []string         // header_mutation: removed before all else
	shown                []*regexp.Regexp // allowed_headers
	copied               []string         // allowed_upstream_headers
	removed              string           // request_headers_to_remove
	preflight            *preflightAnswer // nil: the CORS filter is not there
}

// playEnvoy asks as Envoy's ext_authz filter does over HTTP (envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/http/
// ext_authz/v3/ext_authz.proto): the client's method and Host, path_prefix before its path, Content-Length 0, of its
// headers Authorization and those that allowed_headers name; 200 passes with allowed_upstream_headers, which replace the
// client's; 5xx or none is status_on_error unless failure_mode_allow; any other answer goes to the client. Header names
// are in lower case, fields of one name are joined, and a path with a fragment is a 400. The header_mutation filter before
// it takes headers out.
func playEnvoy(t *testing.T, site gateways.Site) *front {
	t.Helper()
	text, err := gateways.Fill("envoy.yaml", site)
	must(t, err)
	for expression, want := range map[string]string{
		`failure_mode_allow: (\w+)\n`: "false", `status_on_error: \{code: (\w+)\}`: "ServiceUnavailable",
		`headers_with_underscores_action: (\w+)`: "REJECT_REQUEST",
	} {
		if got := setting(t, text, expression); got != want {
			t.Fatalf("%s is %s: what is played is %s", expression, got, want)
		}
	}
	e := &envoy{
		prefix:  setting(t, text, `path_prefix: (\S+)\n`),
		first:   settings(text, `- remove: (\S+)\n`),
		copied:  settings(text, `- exact: (\S+)\n`),
		removed: setting(t, text, `request_headers_to_remove: \[(\w+)\]`),
	}
	e.network, e.claimd = envoyEndpoint(t, text, "claimd")
	_, e.api = envoyEndpoint(t, text, "api")
	seconds, err := strconv.Atoi(setting(t, text, `cluster: claimd, timeout: (\d+)s`))
	must(t, err)
	e.within = time.Duration(seconds) * time.Second
	for _, expression := range settings(text, `safe_regex: \{regex: "(.*)"\}`) {
		e.shown = append(e.shown, regexp.MustCompile("^(?:"+expression+")$"))
	}
	if strings.Contains(text, "\n                  - name: envoy.filters.http.cors\n") {
		e.preflight = &preflightAnswer{setting(t, text, `allow_origin_string_match: \[\{exact: "(.*)"\}\]`),
			setting(t, text, `allow_methods: "(.*)"`), setting(t, text, `allow_headers: "(.*)"`)}
	}
	return serve(t, e.serve)
}

func (e *envoy) serve(w http.ResponseWriter, r *http.Request) {
	header, target, ok := envoyRequest(r)
	switch {
	case r.Method == http.MethodConnect:
		w.WriteHeader(http.StatusNotFound) // no route has a connect_matcher
		return
	case !ok:
		w.WriteHeader(http.StatusBadRequest)
		return
	case e.preflight != nil && isPreflight(r):
		e.preflight.give(w)
		return
	}
	body, _ := io.ReadAll(r.Body) // what arrived is passed on
	for _, name := range e.first {
		delete(header, name)
	}
	question := http.Header{}
	for name, values := range header {
		if name == "authorization" || slices.ContainsFunc(e.shown, func(shown *regexp.Regexp) bool { return shown.MatchString(name) }) {
			question[name] = values
		}
	}
	verdict, err := ask(e.network, e.claimd, r.Method, e.prefix+target, r.Host, question, nil, e.within)
	switch {
	case err != nil || verdict.status >= 500:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case verdict.status != http.StatusOK:
		give(w, verdict)
		return
	}
	for _, name := range e.copied {
		if values := verdict.header.Values(name); len(values) > 0 {
			header[name] = values
		}
	}
	delete(header, e.removed)
	pass(w, e.api, r, target, header, body)
}

// envoyRequest gives the client's request as Envoy's filters see it; false: Envoy answers 400.
func envoyRequest(r *http.Request) (header http.Header, target string, ok bool) {
	header, target = http.Header{}, r.RequestURI
	for name, values := range r.Header {
		if strings.Contains(name, "_") {
			return nil, "", false
		}
		header[strings.ToLower(name)] = []string{strings.Join(values, ",")}
	}
	if strings.HasPrefix(target, "http://") { // the host of the address stands for Host
		target = "/" + strings.Join(strings.Split(target, "/")[3:], "/")
	}
	return header, target, strings.HasPrefix(target, "/") && !strings.Contains(target, "#")
}

// envoyEndpoint gives the address of a cluster.
func envoyEndpoint(t *testing.T, text, cluster string) (network, address string) {
	t.Helper()
	_, after, _ := strings.Cut(text, "\n    - name: "+cluster+"\n")
	_, after, _ = strings.Cut(after, "- endpoint: {address: {")
	if after, ok := strings.CutPrefix(after, "pipe: {path: "); ok {
		path, _, _ := strings.Cut(after, "}")
		return "unix", path
	}
	found := regexp.MustCompile(`^socket_address: \{address: (\S+), port_value: (\d+)\}`).FindStringSubmatch(after)
	if found == nil {
		t.Fatalf("cluster %s has no address", cluster)
	}
	return "tcp", net.JoinHostPort(found[1], found[2])
}
