package daemon_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/oidctest"
)

// stranger is a configuration of one provider that is not Entra ID, and of the local groups Analysts and Operators.
type stranger struct {
	issuer     string
	audiences  []string // nil leaves the key out
	clients    []string // nil leaves the key out
	algorithms []string // nil leaves the key out: RS256
	groups     string   // claims.groups; "" leaves the key out: "groups"
	more       string   // further lines of [provider.stranger]
	tables     string   // further tables
}

func (s stranger) text() string {
	lines := []string{"enabled = true", "[provider.stranger]", `kind = "oidc"`, fmt.Sprintf("issuer = %q", s.issuer)}
	for _, list := range []struct {
		key    string
		values []string
	}{{"audiences", s.audiences}, {"client_ids", s.clients}, {"algorithms", s.algorithms}} {
		if list.values != nil {
			lines = append(lines, fmt.Sprintf("%s = [%s]", list.key, quoted(list.values)))
		}
	}
	if s.more != "" {
		lines = append(lines, s.more)
	}
	if s.groups != "" {
		lines = append(lines, "[provider.stranger.claims]", fmt.Sprintf("groups = %q", s.groups))
	}
	return strings.Join(append(lines, "[groups]", `Analysts = ""`, `Operators = ""`, s.tables, ""), "\n")
}

func quoted(values []string) string {
	var list []string
	for _, value := range values {
		list = append(list, fmt.Sprintf("%q", value))
	}
	return strings.Join(list, ", ")
}

// introspects has the stranger asked about opaque tokens with that credential, whose secret stands in a file.
func (s stranger) introspects(t *testing.T, by oidctest.Client) stranger {
	t.Helper()
	s.more += fmt.Sprintf("\nopaque_tokens = \"introspection\"\nintrospection_client_id = %q\nintrospection_client_secret_file = %q\n", by.ID,
		secretFile(t, by.Secret))
	return s
}

// asksUserinfo has the stranger's userinfo asked about opaque tokens: then neither audience nor client is known.
func (s stranger) asksUserinfo() stranger {
	s.audiences, s.clients = nil, nil
	s.more += "\nopaque_tokens = \"userinfo\"\n"
	return s
}

// guard is a running claimd in front of a provider that others wrote.
type guard struct {
	*claimd
	serves  string // the text of the configuration
	retries int    // of settles, so far
}

func newGuard(t *testing.T, s stranger) *guard {
	t.Helper()
	g := unreadyGuard(t, s)
	g.ready(t)
	return g
}

// unreadyGuard gives one that may have no keys yet.
func unreadyGuard(t *testing.T, s stranger) *guard {
	t.Helper()
	g := &guard{claimd: new(world).start(t, s.text()), serves: s.text()}
	t.Cleanup(func() {
		g.logsNoOpaqueToken(t)
		g.end(t)
	})
	return g
}

// logsNoOpaqueToken checks what end does not: tokens that are no JWT.
func (g *guard) logsNoOpaqueToken(t *testing.T) {
	t.Helper()
	for _, entry := range g.logs.All() {
		line := fmt.Sprintln(entry.Message, entry.ContextMap())
		for _, token := range g.world.minted {
			if !strings.Contains(token, ".") && len(token) > 16 && strings.Contains(line, token[:16]) {
				t.Errorf("the log holds an opaque token: %s", line)
			}
		}
	}
}

// takes has the configuration take effect, where another serves.
func (g *guard) takes(t *testing.T, s stranger) {
	t.Helper()
	text := s.text()
	if text == g.serves {
		return
	}
	g.write(t, text)
	result, err := g.admin.Reload(t.Context())
	must(t, err)
	if !result.OK {
		t.Fatalf("the reload is refused: %+v", result)
	}
	g.serves = text
	g.ready(t)
}

// presents asks both doors with the token, as a gateway and as an app would, and gives their one answer in a line:
// "200 ada [Analysts Operators]" of an accepted token, "401 audience" of a refused one. Nothing of the token may reach
// the log.
func (g *guard) presents(t *testing.T, token string) string {
	t.Helper()
	atAuth := g.atAuth(t, token)
	atWhoami := fetch(t, http.MethodGet, g.gate+"/whoami", http.Header{"Authorization": {"Bearer " + token}})
	if atAuth.status != http.StatusOK || atWhoami.status != http.StatusOK {
		if atAuth.status != atWhoami.status || atAuth.reason != atWhoami.reason {
			t.Errorf("/auth answers %s, /whoami %s", atAuth, atWhoami)
		}
		return atAuth.String()
	}
	var who struct {
		Provider, User, Kind string
		Groups               []string
	}
	must(t, json.Unmarshal([]byte(atWhoami.body), &who))
	if got := atAuth.header.Get("Remote-Groups"); got != strings.Join(who.Groups, ",") {
		t.Errorf("/auth gives the groups %s, /whoami %s", got, who.Groups)
	}
	if got := atAuth.header.Get("Remote-User"); got != who.User || who.Provider != "stranger" || who.Kind != "user" {
		t.Errorf("/auth gives the user %s, /whoami %+v", got, who)
	}
	return fmt.Sprint(atWhoami.status, " ", who.User, " ", who.Groups)
}

// settles checks the answer to the token. Where it is to be known, a machine that has much else to do may take longer for
// it than a request waits: 503 is asked again.
func (g *guard) settles(t *testing.T, token, want string) {
	t.Helper()
	got := g.presents(t, token)
	for limit := time.Now().Add(10 * time.Second); strings.HasPrefix(got, "503 ") && got != want && time.Now().Before(limit); {
		time.Sleep(50 * time.Millisecond)
		g.retries++
		got = g.presents(t, token)
	}
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// restart ends claimd and starts it again on its files.
func (g *guard) restart(t *testing.T) {
	t.Helper()
	g.logsNoOpaqueToken(t)
	g.stop()
	must(t, <-g.ended)
	core, logs := observer.New(zapcore.DebugLevel)
	ctx, cancel := context.WithCancel(context.Background())
	g.logs, g.stop = logs, cancel
	bound := make(chan struct{})
	go func() {
		g.ended <- daemon.Run(ctx, daemon.Options{ConfigPath: g.file, Version: "test", Log: zap.New(core), Ready: func() { close(bound) }})
	}()
	select {
	case <-bound:
	case err := <-g.ended:
		g.ended <- nil
		t.Fatalf("the daemon does not start again: %v", err)
	}
	status, err := g.admin.Status(t.Context())
	must(t, err)
	g.gate = "http://" + status.Listeners[0].Address
}

// health gives the status of /readyz, or another health path.
func (g *guard) health(t *testing.T, path string) int {
	t.Helper()
	return fetch(t, http.MethodGet, g.gate+path, nil).status
}

// keysAreKept waits until the keys are in the state directory.
func (g *guard) keysAreKept(t *testing.T) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if files, err := filepath.Glob(filepath.Join(g.dir, "state/keys/*.json")); err != nil || len(files) > 0 {
			must(t, err)
			return
		}
		if time.Now().After(limit) {
			t.Fatal("no keys are kept after 10 seconds")
		}
	}
}

// atAuth asks /auth alone.
func (g *guard) atAuth(t *testing.T, token string) answer {
	t.Helper()
	if !slices.Contains(g.world.minted, token) {
		g.world.minted = append(g.world.minted, token)
	}
	return g.ask(t, token)
}

// letAdaIn is the answer to a good token of Ada's, of both groups.
const letAdaIn = "200 ada [Analysts Operators]"

// presented is one token before one configuration, and the whole answer.
type presented struct {
	name  string
	by    stranger
	token string
	want  string
}

// judge runs the rows one after another.
func (g *guard) judge(t *testing.T, rows []presented) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			g.takes(t, row.by)
			g.settles(t, row.token, row.want)
		})
	}
}

// with gives the stranger after the change.
func (s stranger) with(change func(*stranger)) stranger {
	change(&s)
	return s
}

// forged gives the token with its part of that number decoded, changed and encoded again; its signature stays.
func forged(t *testing.T, token string, part int, change func(claims)) string {
	t.Helper()
	parts := strings.Split(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(parts[part])
	must(t, err)
	members := claims{}
	must(t, json.Unmarshal(text, &members))
	change(members)
	text, err = json.Marshal(members)
	must(t, err)
	parts[part] = base64url(text)
	return strings.Join(parts, ".")
}

// bent gives the token with one bit of its signature changed.
func bent(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	must(t, err)
	signature[len(signature)/2] ^= 1
	return parts[0] + "." + parts[1] + "." + base64url(signature)
}

// expiresAt gives the time that /whoami tells.
func expiresAt(t *testing.T, a answer) time.Time {
	t.Helper()
	var who struct {
		ExpiresAt time.Time `json:"expires_at"`
	}
	must(t, json.Unmarshal([]byte(a.body), &who))
	return who.ExpiresAt
}

// claimsOf gives the claims of a JWT.
func claimsOf(t *testing.T, token string) (got claims) {
	t.Helper()
	forged(t, token, 1, func(members claims) { got = members })
	return got
}

// expiry gives the time in exp of a JWT.
func expiry(t *testing.T, token string) time.Time {
	t.Helper()
	seconds, ok := claimsOf(t, token)["exp"].(float64)
	if !ok {
		t.Fatal("the token has no exp")
	}
	return time.Unix(int64(seconds), 0)
}
