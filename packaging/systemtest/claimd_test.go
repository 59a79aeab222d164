package systemtest

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

const (
	configFile = "/etc/claimd/claimd.toml"
	server     = "127.0.0.1:4180" // [server] listen as it is by default
	authority  = "http://127.0.0.1:4190"
)

// directory is what the tenant on a host knows: fakeentra's own sample.
func directory() entratest.Directory { return entratest.Sample() }

// reader is a user in the group Analysts, stranger one in a group that the hosts' configuration does not declare.
func reader() entratest.User   { return directory().Users[0] }
func stranger() entratest.User { return directory().Users[2] }

// tenant starts fakeentra.
func (h *host) tenant() {
	h.t.Helper()
	h.run("systemd-run", "--quiet", "--unit=tenant", "/usr/bin/fakeentra", "serve")
	h.waitFor("the tenant", 30*time.Second, func() bool { return h.try("curl", "-sf", authority+"/fakeentra/").code == 0 })
}

// token gives a new one of the user.
func (h *host) token(user string) string {
	h.t.Helper()
	return strings.TrimSpace(h.run("fakeentra", "mint", "--user", user, "--lifetime", "8h"))
}

// edit changes a file as administrators do from scripts.
func (h *host) edit(file string, expressions ...string) {
	h.t.Helper()
	arguments := []string{"sed", "-i"}
	for _, expression := range expressions {
		arguments = append(arguments, "-e", expression)
	}
	h.run(append(arguments, file)...)
}

// threeIDs are the edits that the shipped claimd.toml needs before it lets somebody in: tenant, application and client, a
// group, the switch; and here, where the tenant is.
func threeIDs() []string {
	d := directory()
	return []string{
		`s/^#\(enabled\) = .*/\1 = true/`,
		`s/^#\(\[provider.contoso\]\)$/\1/`,
		`s/^#\(tenant_id\) = .*/\1 = "` + d.TenantID + `"/`,
		`s/^#\(application_id\) = "17e1.*/\1 = "` + d.APIs[0].ApplicationID + `"/`,
		`s/^#\(client_application_ids\) = .*/\1 = ["` + d.Clients[0].ApplicationID + `"]/`,
		`s|^#\(authority\) = .*|\1 = "` + authority + `"|`,
		`s/^#\(\[groups\]\)$/\1/`,
		`s/^#Analysts = .*/Analysts = { values = ["` + d.Groups[0].ObjectID + `"] }/`,
	}
}

// serving installs claimd and fakeentra and lets the reader in.
func (h *host) serving() (token string) {
	h.t.Helper()
	h.install(built(h.t, "claimd-fakeentra"), built(h.t, "claimd"))
	h.tenant()
	h.edit(configFile, threeIDs()...)
	h.waitUntilReady()
	return h.token(reader().Name)
}

func (h *host) waitUntilReady() {
	h.t.Helper()
	h.waitFor("claimd to be ready", 30*time.Second, func() bool { return h.get("/readyz", "").StatusCode == http.StatusOK })
}

// answer is an HTTP answer with its body.
type answer struct {
	StatusCode int // 0: there was none
	Header     http.Header
	Body       string
}

// get asks claimd's gateway door with curl.
func (h *host) get(path, token string, more ...string) answer {
	h.t.Helper()
	return h.getFrom("http://"+server, path, token, more...)
}

// getFrom asks whoever is at base; more are further arguments for curl.
func (h *host) getFrom(base, path, token string, more ...string) answer {
	h.t.Helper()
	arguments := append([]string{"curl", "-s", "-i", "--max-time", "10"}, more...)
	if token != "" {
		arguments = append(arguments, "-H", "Authorization: Bearer "+token)
	}
	o := h.try(append(arguments, base+path)...)
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(o.out)), nil)
	if err != nil {
		return answer{Body: o.out}
	}
	body, _ := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body)}
}

// journal gives what claimd wrote since a cursor of now, as sentences.
func (h *host) journal(since string, more ...string) string {
	h.t.Helper()
	h.run("journalctl", "--sync") // what was sent to the journal stands in it
	arguments := append([]string{"journalctl", "--quiet", "--no-pager", "--unit=claimd", "--output=cat", "--after-cursor=" + since}, more...)
	return h.run(arguments...)
}

// now is the journal's cursor.
func (h *host) now() string {
	h.t.Helper()
	h.run("journalctl", "--sync")
	_, cursor, _ := strings.Cut(h.run("journalctl", "--quiet", "--no-pager", "--lines=1", "--show-cursor", "--output=cat"), "-- cursor: ")
	return strings.TrimSpace(cursor)
}

// want fails the test unless text holds all of the parts.
func (h *host) want(what, text string, parts ...string) {
	h.t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			h.t.Errorf("%s: want %q in it, got:\n%s", what, part, text)
		}
	}
}
