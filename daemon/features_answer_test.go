package daemon_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// answer is what came back.
type answer struct {
	status int
	reason string // of a refusal
	header http.Header
	body   string
}

// fetch sends a request on a connection of its own. A field Host is the request's host.
func fetch(t *testing.T, method, address string, header http.Header) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	must(t, err)
	request.Header = header.Clone()
	if request.Header == nil {
		request.Header = http.Header{}
	}
	request.Host = header.Get("Host")
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       10 * time.Second,
	}
	response, err := client.Do(request)
	must(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	var refusal struct{ Reason string }
	_ = json.Unmarshal(body, &refusal)
	return answer{response.StatusCode, refusal.Reason, response.Header, string(body)}
}

// String writes an answer in a line: "200 groups=Analysts roles=", with " admin" for an administrator, or "403 no_group".
func (a answer) String() string {
	if a.status != http.StatusOK {
		return strconv.Itoa(a.status) + " " + a.reason
	}
	line := "200 groups=" + a.header.Get("Remote-Groups") + " roles=" + a.header.Get("Remote-Roles")
	if a.header.Get("Remote-Admin") == "true" {
		line += " admin"
	}
	return line
}

// The answers that most cases want.
const (
	letIn     = "200 groups=Analysts roles="
	letInBoss = "200 groups=Analysts roles= admin"
)

var identityHeaders = []string{
	"Remote-User", "Remote-Email", "Remote-Name", "Remote-Groups", "Remote-Roles", "Remote-Admin", "Remote-Provider",
}

// statuses are the contract's: the reasons of each status.
var statuses = map[int]string{
	400: "invalid_request",
	401: "no_token malformed algorithm key signature graph_token issuer tenant version audience expired not_yet_valid lifetime " +
		"id_token opaque_token missing_claim claim_type revoked",
	403: "header_spoof original_request client unknown_service_account scope guest user_inactive groups_overage no_group route " +
		"step_up header_size",
	503: "disabled keys_unavailable graph_unavailable provider_unavailable directory_unavailable",
}

// holdContract checks what every answer of /auth keeps, whatever it is about.
func (a answer) holdContract(t *testing.T, w *world) {
	t.Helper()
	if got := a.header.Values("Cache-Control"); !slices.Equal(got, []string{"no-store"}) {
		t.Errorf("%s: Cache-Control %q", a, got)
	}
	id := a.header.Get("X-Claimd-Decision")
	if id == "" {
		t.Errorf("%s: no X-Claimd-Decision", a)
	}
	for _, name := range identityHeaders {
		if got := len(a.header.Values(name)); (got == 1) != (a.status == http.StatusOK) || got > 1 {
			t.Errorf("%s: %s stands there %d times", a, name, got)
		}
	}
	if a.status == http.StatusOK {
		if a.body != "" {
			t.Errorf("%s: a body %q", a, a.body)
		}
		return
	}
	if !slices.Contains(strings.Fields(statuses[a.status]), a.reason) {
		t.Errorf("%s: not a status and a reason of the contract", a)
	}
	code, challenge := a.contractError()
	if want := fmt.Sprintf(`{"error":%q,"reason":%q,"decision_id":%q}`+"\n", code, a.reason, id); a.body != want {
		t.Errorf("%s: body %q, want %q", a, a.body, want)
	}
	if got := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, challenge) || a.reason != "scope" && got != challenge {
		t.Errorf("%s: WWW-Authenticate %q, want %q", a, got, challenge)
	}
	if retry, err := strconv.Atoi(a.header.Get("Retry-After")); (err == nil && retry > 0) != (a.status == 503) {
		t.Errorf("%s: Retry-After %q", a, a.header.Get("Retry-After"))
	}
}

// contractError gives what a refusal's body calls the error, and how WWW-Authenticate begins (RFC 6750 section 3).
func (a answer) contractError() (code, challenge string) {
	switch {
	case a.status == 400:
		return "invalid_request", `Bearer error="invalid_request"`
	case a.reason == "no_token":
		return "invalid_token", "Bearer"
	case a.status == 401:
		return "invalid_token", `Bearer error="invalid_token"`
	case a.reason == "scope":
		return "insufficient_scope", `Bearer error="insufficient_scope", scope="`
	case a.status == 403:
		return "access_denied", "Bearer"
	}
	return "temporarily_unavailable", ""
}

// verdict is one token and its answer.
type verdict struct {
	name    string
	changes claims
	want    string
}

// judge asks with a token of Ada's for each row.
func (c *claimd) judge(t *testing.T, rows []verdict) {
	t.Helper()
	for _, row := range rows {
		if got := c.ask(t, c.world.ada(t, row.changes)).String(); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}

// wantHeader checks one field of an answer.
func (a answer) wantHeader(t *testing.T, name, want string) {
	t.Helper()
	if got := strings.Join(a.header.Values(name), " | "); got != want {
		t.Errorf("%s: %s is %q, want %q", a, name, got, want)
	}
}

func (a answer) want(t *testing.T, what, want string) {
	t.Helper()
	if a.String() != want {
		t.Errorf("%s: got %s, want %s", what, a, want)
	}
}
