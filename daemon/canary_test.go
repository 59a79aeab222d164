package daemon

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
)

// canary is a word that stands in claims of every token of this test, in places that no answer and no log shows.
const canary = "kanarienvogel"

// TestNoOutputHoldsATokenOrItsSecrets sends tokens that are all different through every door, good ones and ones that
// fail at each check, and looks at every byte that claimd gives out meanwhile.
//
// FAULTS 180 (CVE-2026-40945, GHSA-prh4-vhfh-24mj): a token in a log is a token for whoever reads the log. FAULTS 22 and
// 126: a refusal tells a stranger nothing that the request brought.
func TestNoOutputHoldsATokenOrItsSecrets(t *testing.T) {
	a := newAviary(t)
	a.fly()
	a.unavailable()
	a.brokenUpstream()
	a.refusedReload()
	a.disabled()
	a.administer()
	mustDo(t, a.site.end())
	a.output("the log", a.log.String())
	a.judge()
}

// aviary is a daemon with every door open, the tokens that were sent to it, and everything that came out of it.
type aviary struct {
	t       *testing.T
	site    *site
	log     *lockedBuffer
	plain   *http.Client      // of the admin socket
	sent    int               // requests with a token
	seen    map[string]int    // answers, as "401 key"
	pieces  map[string]string // of all tokens, and which token they are of
	outputs []output
}

type output struct {
	what, text string
	values     bool // claim values may stand there: it was let in, or an administrator asked
}

// pieceSize is how many characters a piece has: whatever shows half as many again of a token shows a whole piece.
const pieceSize = 20

// lockedBuffer is where the daemon's goroutines write their log.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func newAviary(t *testing.T) *aviary {
	t.Helper()
	s := newSite(t)
	a := &aviary{t: t, site: s, log: &lockedBuffer{}, seen: map[string]int{}, pieces: map[string]string{}}
	a.plain = socketClient(t, filepath.Join(s.dir, "run/admin.sock"))
	// The real log, in both of its forms at once, at the level that tells most.
	s.log = zap.New(zapcore.NewTee(
		newLogging(a.log, nil, config.Log{Level: "debug", Format: "json"}).logger().Core(),
		newLogging(a.log, nil, config.Log{Level: "debug", Format: "text"}).logger().Core()))
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the API") }))
	t.Cleanup(upstream.Close)
	s.write(a.toml(upstream.URL))
	s.start()
	eventually(t, func() (string, bool) { return "no keys", s.status().Providers[0].Live })
	return a
}

// toml has a provider that works and one that never answers, and something to fail for each reason.
func (a *aviary) toml(upstream string) string {
	return a.site.toml(
		"[groups]\n", `required_scopes = ["read"]
guests = "deny"
[provider.silent]
tenant_id = "5a4b0d2c-7a32-4d6a-8f07-6c2c5f3f8d11"
application_id = "`+testAPI+`"
client_application_ids = ["`+testClient+`"]
authority = "http://127.0.0.1:1"
user_prefix = "silent-"
[[user]]
provider = "contoso"
id = "`+blockedUser+`"
blocked = true
[groups]
`,
		"auditor = \"\"", `auditor = { providers = ["contoso"] }`,
		"[server]\n", `[proxy]
listen = ["unix:`+a.site.dir+`/run/proxy.sock"]
upstream = "`+upstream+`"
[log]
level = "debug"
[server]
`)
}

const blockedUser = "2f7a6d90-e8b4-4c17-9035-d1a4c8f06e5b"

// bird makes one token of Ada's that nobody has seen before. The canary stands in claims that no answer shows, and in all
// that only an allowed answer does.
func (a *aviary) bird(change map[string]any) string {
	return a.mint(entratest.Request{User: "ada", Claims: change})
}

func (a *aviary) mint(request entratest.Request) string {
	a.t.Helper()
	all := map[string]any{
		"jti": canary + rand.Text(), canary: rand.Text(), "sub": canary + rand.Text(), "email": canary + "@contoso.example",
		"given_name": canary, "family_name": canary, "ipaddr": "192.0.2.1 " + canary, "xms_more": map[string]any{canary: []string{canary}},
	}
	if request.User == "" { // what an application's token says about users would make it none
		delete(all, "sub")
	}
	maps.Copy(all, request.Claims)
	request.Claims = all
	token, err := a.site.tenant.Mint(request)
	if err != nil {
		a.t.Fatal(err)
	}
	return token
}

// learn notes the pieces of a token that must come out nowhere. Each piece begins in the middle of the one before it.
func (a *aviary) learn(what, raw string) {
	for part := range strings.FieldsFuncSeq(raw, func(r rune) bool { return strings.ContainsRune("., \r\n\"", r) }) {
		for i := 0; i+pieceSize <= len(part); i += pieceSize / 2 {
			a.pieces[part[i:i+pieceSize]] = what
		}
	}
}

func (a *aviary) output(what, text string) {
	a.outputs = append(a.outputs, output{what: what, text: text})
}

// fly sends a fresh flock to every door and place where a token may be or must not be.
func (a *aviary) fly() {
	gate, proxied := a.site.http, socketClient(a.t, filepath.Join(a.site.dir, "run/proxy.sock"))
	bearer := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	places := []struct {
		name   string
		client *http.Client
		ask    func(token string) (method, path string, header http.Header, body string)
	}{
		{"/auth", gate, func(token string) (string, string, http.Header, string) { return "GET", "/auth", bearer(token), "" }},
		{"/whoami", gate, func(token string) (string, string, http.Header, string) { return "GET", "/whoami", bearer(token), "" }},
		{"the proxy", proxied, func(token string) (string, string, http.Header, string) { return "GET", "/reports", bearer(token), "" }},
		{"/auth beside an identity header", gate, func(token string) (string, string, http.Header, string) {
			return "GET", "/auth", http.Header{"Authorization": {"Bearer " + token}, "Remote-User": {token}, "Remote_groups": {token}}, ""
		}},
		{"two fields", gate, func(token string) (string, string, http.Header, string) {
			return "GET", "/auth", http.Header{"Authorization": {"Bearer " + token, "Bearer " + token}}, ""
		}},
		{"another scheme, query, cookie, form and names", gate, func(token string) (string, string, http.Header, string) {
			return "POST", "/auth?access_token=" + token, http.Header{
				"Authorization": {"Basic " + token}, "Cookie": {"access_token=" + token}, "X-Forwarded-Access-Token": {token},
				"User-Agent": {token}, "X-Forwarded-Uri": {"/?access_token=" + token}, "Content-Type": {"application/x-www-form-urlencoded"},
			}, "access_token=" + token
		}},
		{"the path", gate, func(token string) (string, string, http.Header, string) { return "GET", "/" + token, bearer(token), "" }},
	}
	for _, place := range places {
		for kind, token := range a.flock() {
			what := kind + " at " + place.name
			a.learn(what, token)
			if len(token) > 40<<10 && place.name != "/auth" {
				continue // several of them would not fit into a request's header
			}
			method, path, header, body := place.ask(token)
			a.ask(what, place.client, method, path, header, body)
			a.explain(what, token)
		}
	}
	a.raw()
	if a.sent < 300 {
		a.t.Errorf("%d requests, want 300 at least", a.sent)
	}
}

// ask sends one request and keeps every byte of its answer.
func (a *aviary) ask(what string, client *http.Client, method, path string, header http.Header, body string) {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), method, "http://claimd"+path, strings.NewReader(body))
	mustDo(a.t, err)
	request.Header = header
	a.sent++
	a.keep(what, client, request)
}

func (a *aviary) keep(what string, client *http.Client, request *http.Request) {
	a.t.Helper()
	response, err := client.Do(request)
	if err != nil { // in words of this host's net/http, which are no output of claimd's
		a.seen["no answer"]++
		return
	}
	defer response.Body.Close()
	var text strings.Builder
	mustDo(a.t, response.Header.Write(&text))
	_, err = io.Copy(&text, response.Body)
	mustDo(a.t, err)
	_, reason, _ := strings.Cut(text.String(), `"reason":"`)
	reason, _, _ = strings.Cut(reason, `"`)
	a.seen[strings.TrimSpace(fmt.Sprint(response.StatusCode, " ", reason))]++
	a.outputs = append(a.outputs, output{"the answer to " + what, text.String(), response.StatusCode == 200})
}

// explain asks the administrator's explanation, which shows claims, but never the token.
func (a *aviary) explain(what, token string) {
	a.t.Helper()
	body, err := json.Marshal(map[string]string{"token": token})
	mustDo(a.t, err)
	a.adminAsk("explain of "+what, "POST", "/v1/explain", string(body))
}

func (a *aviary) adminAsk(what, method, path, body string) {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), method, "http://claimd"+path, strings.NewReader(body))
	mustDo(a.t, err)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := a.plain.Do(request)
	mustDo(a.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	mustDo(a.t, err)
	if response.StatusCode != http.StatusOK {
		a.t.Errorf("%s: %d %s", what, response.StatusCode, text)
	}
	a.outputs = append(a.outputs, output{"the admin socket, " + what, string(text), true})
}

// raw are requests that Go's server refuses before claimd sees them.
func (a *aviary) raw() {
	for name, request := range map[string]string{
		"a blank before the colon": "GET /auth HTTP/1.1\r\nHost: claimd\r\nAuthorization : Bearer %s\r\n\r\n",
		"a token as the method":    "%s /auth HTTP/1.1\r\nHost: claimd\r\n\r\n",
		"a token as the version":   "GET /auth %s\r\nHost: claimd\r\n\r\n",
		"a token as the host":      "GET /auth HTTP/1.1\r\nHost: %s/\r\n\r\n",
		"a token as a header":      "GET /auth HTTP/1.1\r\nHost: claimd\r\n%s\r\n\r\n",
		"a NUL in the field":       "GET /auth HTTP/1.1\r\nHost: claimd\r\nAuthorization: Bearer %s\x00\r\n\r\n",
		"a length of a token":      "POST /auth HTTP/1.1\r\nHost: claimd\r\nContent-Length: %s\r\n\r\n",
		"a coding of a token":      "POST /auth HTTP/1.1\r\nHost: claimd\r\nTransfer-Encoding: %s\r\n\r\n",
		"a folded field":           "GET /auth HTTP/1.1\r\nHost: claimd\r\nConnection: close\r\nAuthorization: Bearer\r\n x%s\r\n\r\n",
	} {
		for _, door := range []string{"gate", "proxy"} {
			token := a.bird(nil)
			a.learn(name, token)
			connection, err := net.Dial("unix", filepath.Join(a.site.dir, "run", door+".sock"))
			mustDo(a.t, err)
			mustDo(a.t, connection.SetDeadline(time.Now().Add(5*time.Second)))
			_, err = fmt.Fprintf(connection, request, token)
			mustDo(a.t, err, connection.(*net.UnixConn).CloseWrite())
			answer, _ := io.ReadAll(connection) // a connection that is reset has said what it had to say
			mustDo(a.t, connection.Close())
			a.sent++
			a.output("the answer to "+name+" at "+door, string(answer))
		}
	}
}

// unavailable asks for a tenant whose keys nobody can fetch.
func (a *aviary) unavailable() {
	const silent = "5a4b0d2c-7a32-4d6a-8f07-6c2c5f3f8d11"
	for range 6 { // past what the limiter lets through
		token := a.bird(map[string]any{"tid": silent, "iss": "http://127.0.0.1:1/" + silent + "/v2.0"})
		a.learn("no keys", token)
		a.ask("no keys", a.site.http, "GET", "/auth", http.Header{"Authorization": {"Bearer " + token}}, "")
		a.explain("no keys", token)
	}
}

// brokenUpstream lets tokens in, in front of an API that is not there, and of one that babbles.
func (a *aviary) brokenUpstream() {
	babbler := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_, _ = io.WriteString(connection, "HTTP/1.1 OK\r\n"+r.Header.Get("Remote-Email")+"\r\n\r\n")
			_ = connection.Close()
		}
	}))
	defer babbler.Close()
	proxied := socketClient(a.t, filepath.Join(a.site.dir, "run/proxy.sock"))
	for _, upstream := range []string{"http://127.0.0.1:1", babbler.URL} {
		a.site.write(a.toml(upstream))
		a.site.reload()
		for range 5 {
			token := a.bird(nil)
			a.learn("a broken API", token)
			a.ask("a broken API", proxied, "GET", "/x?access_token="+token, http.Header{"Authorization": {"Bearer " + token}, "Cookie": {token}}, "")
		}
	}
}

// refusedReload saves faulty files while requests come.
func (a *aviary) refusedReload() {
	for _, text := range []string{"", "[groups", a.toml("nowhere"), strings.Replace(a.toml("http://127.0.0.1:1"), "guests", "gusets", 1)} {
		a.site.write(text)
		a.adminAsk("reload", "POST", "/v1/reload", "")
		token := a.bird(nil)
		a.learn("a refused reload", token)
		a.ask("a refused reload", a.site.http, "GET", "/auth", http.Header{"Authorization": {"Bearer " + token}}, "")
		a.adminAsk("status", "GET", "/v1/status", "")
	}
}

func (a *aviary) disabled() {
	a.administer()
	a.site.write(strings.Replace(a.toml("http://127.0.0.1:1"), "enabled = true", "enabled = false", 1))
	a.site.reload()
	for _, kind := range []string{"good", "no dots"} {
		token := a.flock()[kind]
		a.learn("disabled", token)
		a.ask("disabled", a.site.http, "GET", "/auth", http.Header{"Authorization": {"Bearer " + token}}, "")
		a.explain("disabled", token)
	}
}

// administer asks everything that an administrator can.
func (a *aviary) administer() {
	for _, path := range []string{"/v1/status", "/v1/denials", "/v1/keys"} {
		a.adminAsk(path, "GET", path, "")
	}
	a.adminAsk("keys refresh", "POST", "/v1/keys/refresh", "{}")
	a.adminAsk("reload", "POST", "/v1/reload", "")
}

// judge looks at everything that came out.
func (a *aviary) judge() {
	a.t.Helper()
	for _, want := range strings.Split("200|400 invalid_request|401 no_token|401 malformed|401 algorithm|401 key|401 signature|401 graph_token|"+
		"401 issuer|401 tenant|401 version|401 audience|401 expired|401 not_yet_valid|401 lifetime|401 id_token|401 opaque_token|401 missing_claim|"+
		"401 claim_type|403 header_spoof|403 client|403 unknown_service_account|403 scope|403 guest|403 user_inactive|403 groups_overage|403 no_group|"+
		"403 header_size|404|502|503 disabled|503 keys_unavailable", "|") {
		if a.seen[want] == 0 {
			a.t.Errorf("nothing was answered %s; the answers: %v", want, a.seen)
		}
	}
	total, hits := 0, 0
	for _, out := range a.outputs {
		total += len(out.text)
		if hit := a.hit(out); hit != "" && hits < 10 {
			hits++
			a.t.Errorf("%s holds %s:\n%.300s", out.what, hit, out.text)
		}
	}
	if total < 100<<10 || a.log.Len() == 0 {
		a.t.Errorf("%d bytes were looked at: too few to mean anything", total)
	}
}

// hit gives what the output must not hold.
func (a *aviary) hit(out output) string {
	if !out.values && strings.Contains(out.text, canary) {
		return "the value of a claim"
	}
	for i := 0; i+pieceSize <= len(out.text); i++ {
		if of, found := a.pieces[out.text[i:i+pieceSize]]; found {
			return fmt.Sprintf("%q of the token %q", out.text[i:i+pieceSize], of)
		}
	}
	return ""
}

// The search of the test above finds what it looks for, wherever in a token it is cut out.
func TestTheSearchForTokensFindsThem(t *testing.T) {
	a := &aviary{t: t, pieces: map[string]string{}}
	token := rand.Text() + rand.Text() + "." + rand.Text() + rand.Text() + rand.Text() + "." + rand.Text() + rand.Text()
	a.learn("a token", token)
	for _, part := range strings.Split(token, ".") {
		for start := range len(part) - 30 {
			if a.hit(output{text: "before " + part[start:start+30] + " after"}) == "" {
				t.Fatalf("30 characters from %d are not found", start)
			}
		}
	}
	if a.hit(output{text: canary}) == "" || a.hit(output{text: canary, values: true}) != "" || a.hit(output{text: "a sentence of claimd's own"}) != "" {
		t.Error("claim values")
	}
}
