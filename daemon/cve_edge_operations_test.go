package daemon_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/entratest"
)

// operationsAdvisories: a configuration that cannot hold is served without its guard, or an administrator's door is open.
func operationsAdvisories() []edgeAdvisory {
	return []edgeAdvisory{
		{"CVE-2026-54762", "a guard that cannot be made is not left out", brokenGuards},
		{"CVE-2026-27586", "a CA file that cannot be read is a fault", unreadableRoots},
		{"CVE-2026-26998", "no answer is read or written without a limit", boundedAnswers},
		{"CVE-2026-27589", "no page in a browser can give an administrator's order", ordersFromBrowsers},
		{"CVE-2026-45692", "the admin socket has a handful of orders and no paths into the configuration", pathsOfAdmin},
		{"CVE-2024-8038", "the admin socket is a file with a mode, never an abstract one", abstractSockets},
	}
}

// Traefik could not read the secret for a route's BasicAuth, logged that, and served the route without BasicAuth.
func brokenGuards(t *testing.T, e *edge) {
	own := e.at(e.own(t, plan{}.before(e.api)))
	own.letsIn(t)
	for _, broken := range []plan{
		{provider: `client_application_ids = 7`}, {provider: `required_scope = "x"`}, {mapping: `default_groups = ["Nobody"]`},
		{more: "[outbound]\nca_file = \"/nonexistent/roots.pem\"\n"}, {more: "[[route]]\nmatch = \"GET /\"\npublic = true\n"}, {head: "enabled = maybe"},
	} {
		broken = broken.before(e.api)
		own.c.write(t, broken.text(e.contoso))
		result, err := own.c.admin.Reload(t.Context())
		must(t, err)
		if result.OK || len(result.Faults) == 0 {
			t.Errorf("%+v is taken: %+v", broken, result)
		}
		own.both(t, "401 no_token")
		own.both(t, "403 client", "Authorization: Bearer "+e.mint(t, e.contoso, entratest.Request{User: "ada", Client: rogueApp}))
		own.letsIn(t) // by the configuration before
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err = daemon.Run(ctx, daemon.Options{ConfigPath: own.c.file, Version: "test", Ready: func() { t.Errorf("%+v is served", broken); cancel() }})
		cancel()
		if err == nil {
			t.Errorf("%+v starts", broken)
		}
	}
	own.c.write(t, plan{}.before(e.api).text(e.contoso))
}

// Caddy swallowed the error of a CA file that was missing or no PEM: client certificates were then checked against the
// roots of the whole world.
func unreadableRoots(t *testing.T, e *edge) {
	dir := t.TempDir()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	good := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	key := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: []byte{1}})
	for name, content := range map[string][]byte{
		"good.pem": good, "empty.pem": nil, "words.pem": []byte("no PEM"), "cut.pem": good[:len(good)/2], "key.pem": key,
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	for _, name := range []string{"missing.pem", "empty.pem", "words.pem", "cut.pem", "key.pem", "."} {
		got := faultsOf(t, soundHead+"[outbound]\nca_file = \""+filepath.Join(dir, name)+"\"\n")
		if !strings.HasPrefix(got, "claimd.toml:9: outbound.ca_file: ") {
			t.Errorf("%s: %q, want a fault", name, got)
		}
	}
	if got := faultsOf(t, soundHead+"[outbound]\nca_file = \""+filepath.Join(dir, "good.pem")+"\"\n"); got != "" {
		t.Errorf("a good one: %s", got)
	}
	e.letsIn(t)
}

// Traefik read the answer of its authentication service whole, however long it was, until it had no memory left. claimd
// reads a mebibyte of a provider's document, and what it answers itself is short.
func boundedAnswers(t *testing.T, e *edge) {
	e.contoso.SetFaults(entratest.Faults{Rewrite: func(what string, body []byte) []byte {
		if strings.HasSuffix(what, "keys") {
			return append(body[:len(body)-1], `,"x":"`+strings.Repeat("x", 3<<20)+`"}`...)
		}
		return body
	}})
	results, err := e.c.admin.RefreshKeys(t.Context(), "contoso")
	must(t, err)
	if len(results) != 1 || results[0].Problem == "" {
		t.Errorf("keys of 3 MiB are taken: %+v", results)
	}
	e.both(t, passes, "Authorization: Bearer "+e.ada(t, claims{"nonsense": "x"})) // the keys before serve
	e.contoso.SetFaults(entratest.Faults{})
	results, err = e.c.admin.RefreshKeys(t.Context(), "contoso")
	must(t, err)
	if len(results) != 1 || results[0].Problem != "" {
		t.Errorf("good keys are not taken: %+v", results)
	}
	for _, value := range []string{e.token, strings.Repeat("a", 30<<10), strings.Repeat("a.", 10<<10), strings.Repeat("=", 40<<10)} {
		a := e.one(t, e.c.gate, wire("GET /auth HTTP/1.1", "Authorization: Bearer "+value))
		if len(a.body) > 200 || a.status == http.StatusOK && a.body != "" {
			t.Errorf("%d: a body of %d bytes", a.status, len(a.body))
		}
	}
}

// Any page in a browser on the same host could post a configuration to Caddy's admin API on localhost:2019.
func ordersFromBrowsers(t *testing.T, e *edge) {
	before, err := e.c.admin.Status(t.Context())
	must(t, err)
	for _, path := range []string{"/load", "/config/", "/stop", "/v1/reload", "/v1/keys/refresh", "/v1/explain", "/v1/status"} {
		for _, origin := range []string{"Origin: https://evil.example", "Origin: null", "Referer: http://127.0.0.1/"} {
			e.gate(t, "404 not_found", "POST "+path+" HTTP/1.1", origin, "Content-Type: text/plain", "Content-Length: 0")
			e.proxy(t, "401 no_token", "POST "+path+" HTTP/1.1", origin, "Content-Type: text/plain", "Content-Length: 0")
		}
	}
	after, err := e.c.admin.Status(t.Context())
	must(t, err)
	if after.Generation != before.Generation {
		t.Errorf("generation %d, then %d", before.Generation, after.Generation)
	}
	for _, listener := range after.Listeners {
		if listener.Door != "server" && listener.Door != "proxy" {
			t.Errorf("a door %q at %s", listener.Door, listener.Address)
		}
	}
	e.letsIn(t)
}

// Caddy's remote admin API compared the allowed path as text and then walked the configuration by it. /config/apps/00
// named another element than the one that was allowed.
func pathsOfAdmin(t *testing.T, e *edge) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(e.c.dir, "run/admin.sock"))
	}}}
	ask := func(method, path string) int {
		request, err := http.NewRequestWithContext(t.Context(), method, "http://claimd"+path, http.NoBody)
		must(t, err)
		response, err := client.Do(request)
		must(t, err)
		must(t, response.Body.Close())
		return response.StatusCode
	}
	for _, path := range []string{"/config/apps/0", "/config/apps/00", "/config", "/v1/config", "/v1/config/groups/0", "/id/x", "/v1/status/0", "/v1/keys/00", "/v1", "/"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if got := ask(method, path); got != http.StatusNotFound {
				t.Errorf("%s %s: %d, want 404", method, path, got)
			}
		}
	}
	for path, method := range map[string]string{"/v1/status": http.MethodDelete, "/v1/reload": http.MethodGet, "/v1/keys": http.MethodPut} {
		if got := ask(method, path); got != http.StatusMethodNotAllowed && got != http.StatusNotFound {
			t.Errorf("%s %s: %d", method, path, got)
		}
	}
	if got := ask(http.MethodGet, "/v1/status"); got != http.StatusOK {
		t.Errorf("GET /v1/status: %d", got)
	}
}

// Juju had a socket for looking inside in the abstract name space, which has no modes: every local user could connect.
// (That peers are asked for their uid is shown where three users ask.)
func abstractSockets(t *testing.T, e *edge) {
	for _, name := range []string{"@claimd", "@/run/claimd/admin.sock", `\u0000claimd`} {
		got := faultsOf(t, soundHead+"[admin]\nsocket = \""+name+"\"\n")
		if !strings.HasPrefix(got, "claimd.toml:9: admin.socket: want a path that begins with /, got ") {
			t.Errorf("%s: %q, want a fault", name, got)
		}
	}
	info, err := os.Lstat(filepath.Join(e.c.dir, "run/admin.sock"))
	must(t, err)
	if info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("the admin socket has the mode %s", info.Mode())
	}
	open, err := os.ReadFile("/proc/net/unix")
	must(t, err)
	if !strings.Contains(string(open), " "+e.c.dir+"/run/admin.sock\n") {
		t.Error("the admin socket is not among the kernel's")
	}
	if strings.Contains(string(open), "@"+e.c.dir) {
		t.Error("there is an abstract socket")
	}
	if _, err := e.c.admin.Status(t.Context()); err != nil {
		t.Error(fmt.Errorf("the daemon's own user: %w", err))
	}
}
