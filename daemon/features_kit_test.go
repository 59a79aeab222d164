package daemon_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/keys"
)

// jsonNull is a claim that is there and null; a nil one is left out.
var jsonNull = json.RawMessage("null")

// claims are changes to the claims of a token; nil takes one out.
type claims = map[string]any

// The applications and people of the two tenants. Both have the same of all but their own id.
const (
	contosoTenant  = "6b1f0c58-93d7-4e2a-8f64-0a5be7c219d3"
	fabrikamTenant = "e29d7a40-58c6-4b13-9d0e-71f3a86c42b5"
	apiApp         = "3d84f6b1-0e97-4c5a-b2d8-96a17fe05c43"
	otherAPIApp    = "b7c0951e-64fa-4d38-8e21-5f09d3a7168c"
	deskApp        = "90e5d2c7-3b18-4fa6-a7d4-c2f86b019e35"
	rogueApp       = "f4a6083d-d95b-4217-bc6e-18e07d52a94f"
	nightlyApp     = "1c97b3e4-a06d-48f5-92b7-e4d3061f8a5b"
	nightlyObject  = "57d20f8b-c1e9-4a34-86d5-3b9f0e72c16a"
	otherObject    = "a8e3716c-2d40-4b9f-b5c8-07f1d96e34a2"
	adaObject      = "c40b9e15-7fd2-4863-a1e0-8d5c36f27b94"
	blockedObject  = "2f7a6d90-e8b4-4c17-9035-d1a4c8f06e5b"
	someGroupID    = "6e18d0b7-42fc-4a95-8d3e-b0c75f19a624"
	adminGroupID   = "d50c8f31-96ea-4b72-a4f8-2e7d10b6c359"
	apiURI         = "https://contoso.example/API"
	nightlySecret  = "fake-secret-of-a-test"
	readWrite      = "platform.read-write"
)

// people is the directory of a tenant. Ada and Bob carry the group Analysts, as tokens of a directory by names do.
func people(tenantID string) entratest.Directory {
	analyst := func(name, object string) entratest.User {
		return entratest.User{
			ObjectID: object, Name: name, Email: name + "@contoso.example", FirstName: "Ada", LastName: "Lovelace",
			Claims: claims{"groups": []string{"Analysts"}},
		}
	}
	return entratest.Directory{
		TenantID: tenantID,
		APIs: []entratest.API{
			{
				ApplicationID: apiApp, Name: "API", IdentifierURIs: []string{apiURI}, AccessTokenVersion: 2,
				Scopes: []string{readWrite}, OptionalClaims: []string{"email", "given_name", "family_name"},
			},
			{ApplicationID: otherAPIApp, Name: "Another API", AccessTokenVersion: 2, Scopes: []string{readWrite}},
		},
		Clients: []entratest.App{
			{ApplicationID: deskApp, ObjectID: otherObject, Name: "Desk app"},
			{ApplicationID: rogueApp, Name: "Rogue app"},
			{ApplicationID: nightlyApp, ObjectID: nightlyObject, Name: "Nightly export", Secret: nightlySecret, Roles: []string{"Export.Run"}},
		},
		Users: []entratest.User{analyst("ada", adaObject), analyst("blocked", blockedObject)},
	}
}

// plan is a configuration of the tenant contoso in pieces, each some lines below the table of that name.
type plan struct {
	provider, claims, mapping, groups, roles string
	more                                     string // further tables
	head                                     string // in place of `enabled = true`
}

// world holds the tenants, and a running claimd for each plan that a case asked for.
type world struct {
	contoso, fabrikam *entratest.Tenant
	shared            map[plan]*claimd
	minted            []string // every token so far
}

func newWorld(t *testing.T) *world {
	w := &world{shared: map[plan]*claimd{}}
	w.contoso, w.fabrikam = startTenant(t, people(contosoTenant)), startTenant(t, people(fabrikamTenant))
	t.Cleanup(func() {
		for _, c := range w.shared {
			c.end(t)
		}
	})
	return w
}

func startTenant(t *testing.T, directory entratest.Directory) *entratest.Tenant {
	t.Helper()
	tenant, err := entratest.Start(directory)
	must(t, err)
	t.Cleanup(tenant.Close)
	return tenant
}

func must(t *testing.T, problems ...error) {
	t.Helper()
	if err := errors.Join(problems...); err != nil {
		t.Fatal(err)
	}
}

// text writes the plan as a file. Where it names no group, there is Analysts.
func (p plan) text(tenant *entratest.Tenant) string {
	if p.head == "" {
		p.head = "enabled = true"
	}
	if p.groups == "" {
		p.groups = `Analysts = ""`
	}
	return p.head + `
[provider.contoso]
tenant_id = "` + tenant.Directory().TenantID + `"
application_id = "` + apiApp + `"
authority = "` + tenant.URL() + `"
` + p.withClients() + `
[provider.contoso.claims]
` + p.claims + `
[mapping]
` + p.mapping + `
[groups]
` + p.groups + `
[roles]
` + p.roles + `
` + p.more + "\n"
}

// withClients lists the desk app as the client, unless the plan says who may call.
func (p plan) withClients() string {
	if strings.Contains(p.provider, "client_application_ids") {
		return p.provider
	}
	return `client_application_ids = ["` + deskApp + "\"]\n" + p.provider
}

// second is the other tenant as a provider, for plan.more.
func (w *world) second(lines string) string {
	return `[provider.fabrikam]
tenant_id = "` + fabrikamTenant + `"
application_id = "` + apiApp + `"
client_application_ids = ["` + deskApp + `"]
authority = "` + w.fabrikam.URL() + "\"\n" + lines + "\n"
}

// claimd is a running daemon with its files, and what reaches it.
type claimd struct {
	world *world
	dir   string
	file  string // claimd.toml
	gate  string // http://127.0.0.1:PORT of [server]
	proxy string // of [proxy]; "" = none
	admin *admin.Client
	logs  *observer.ObservedLogs

	signals chan struct{}
	stop    context.CancelFunc
	ended   chan error
}

// claimd gives the daemon of that plan, which other cases use too.
func (w *world) claimd(t *testing.T, p plan) *claimd {
	t.Helper()
	if w.shared[p] == nil {
		w.shared[p] = w.start(t, p.text(w.contoso))
		w.shared[p].ready(t)
	}
	return w.shared[p]
}

// own gives a daemon for one case, which may change its files.
func (w *world) own(t *testing.T, p plan) *claimd {
	t.Helper()
	c := w.start(t, p.text(w.contoso))
	t.Cleanup(func() { c.end(t) })
	c.ready(t)
	return c
}

// start runs a configuration on addresses of its own.
func (w *world) start(t *testing.T, text string) *claimd {
	t.Helper()
	dir, err := os.MkdirTemp("", "claimd") // not t.TempDir: a unix socket's path has room for 107 bytes
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(dir, "conf.d"), 0o700), os.MkdirAll(filepath.Join(dir, "run"), 0o700))
	c := &claimd{
		world: w, dir: dir, file: filepath.Join(dir, "claimd.toml"),
		admin:   admin.NewClient(filepath.Join(dir, "run/admin.sock")),
		signals: make(chan struct{}),
		ended:   make(chan error, 1),
	}
	c.write(t, text)
	must(t, os.WriteFile(filepath.Join(dir, "conf.d/99-places.toml"), []byte(c.places(text)), 0o600))
	core, logs := observer.New(zapcore.DebugLevel)
	c.logs = logs
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	bound := make(chan struct{})
	go func() {
		c.ended <- daemon.Run(ctx, daemon.Options{
			ConfigPath: c.file, Version: "test", Log: zap.New(core), Reload: c.signals, Ready: func() { close(bound) },
		})
	}()
	select {
	case <-bound:
	case err := <-c.ended:
		cancel()
		t.Fatalf("the daemon does not start: %v", err)
	}
	status, err := c.admin.Status(t.Context())
	must(t, err)
	for _, listener := range status.Listeners {
		if listener.Door == "proxy" {
			c.proxy = "http://" + listener.Address
		} else if listener.Door == "server" {
			c.gate = "http://" + listener.Address
		}
	}
	return c
}

// places is the part of a configuration that names places on this host.
func (c *claimd) places(text string) string {
	places := "[admin]\nsocket = \"" + c.dir + "/run/admin.sock\"\n[state]\ndirectory = \"" + c.dir + "/state\"\n"
	if !strings.Contains(text, "[server]\n") {
		places += "[server]\nlisten = [\"127.0.0.1:0\"]\n"
	}
	return places
}

// ready waits for the keys of every provider.
func (c *claimd) ready(t *testing.T) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		status, err := c.admin.Status(t.Context())
		must(t, err)
		live := 0
		for _, provider := range status.Providers {
			if !slices.ContainsFunc(provider.Documents, func(d keys.DocumentStatus) bool { return !d.Live }) {
				live++
			}
		}
		if live == len(status.Providers) {
			return
		}
		if time.Now().After(limit) {
			t.Fatal("the keys are not there after 10 seconds")
		}
	}
}

// end stops the daemon. Nothing that it logged holds a token or a part of one.
func (c *claimd) end(t *testing.T) {
	t.Helper()
	c.stop()
	if err := <-c.ended; err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
	var lines strings.Builder
	for _, entry := range c.logs.All() {
		fmt.Fprintln(&lines, entry.Message, entry.ContextMap())
	}
	for _, token := range c.world.minted {
		if part := tokenPart(lines.String(), token); part != "" {
			t.Errorf("the log holds %q of a token", part)
		}
	}
	must(t, os.RemoveAll(c.dir))
}

// tokenPart gives the payload or the signature of the token where the text holds it.
func tokenPart(text, token string) string {
	for _, part := range strings.Split(token, ".")[1:] {
		if len(part) > 40 && strings.Contains(text, part[:40]) {
			return part[:40]
		}
	}
	return ""
}

// write saves claimd.toml in one step.
func (c *claimd) write(t *testing.T, text string) {
	t.Helper()
	must(t, os.WriteFile(c.file+".new", []byte(text), 0o600), os.Rename(c.file+".new", c.file))
}

// reload saves the plan and has it take effect.
func (c *claimd) reload(t *testing.T, p plan) {
	t.Helper()
	c.write(t, p.text(c.world.contoso))
	result, err := c.admin.Reload(t.Context())
	must(t, err)
	if !result.OK {
		t.Fatalf("the reload is refused: %+v", result)
	}
	c.ready(t)
}

// mint signs a token of the tenant; it is for Ada and from the desk app, unless the request says otherwise.
func (w *world) mint(t *testing.T, tenant *entratest.Tenant, request entratest.Request) string {
	t.Helper()
	token, err := tenant.Mint(request)
	must(t, err)
	w.minted = append(w.minted, token)
	return token
}

// ada gives a token of Ada's whose claims are changed.
func (w *world) ada(t *testing.T, changes claims) string {
	t.Helper()
	return w.mint(t, w.contoso, entratest.Request{User: "ada", Claims: changes})
}

// ask asks /auth with the token as a gateway would; "" sends none.
func (c *claimd) ask(t *testing.T, token string) answer {
	t.Helper()
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	return c.auth(t, header)
}

// auth asks /auth with these header fields, and holds the answer against what every answer keeps.
func (c *claimd) auth(t *testing.T, header http.Header) answer {
	t.Helper()
	a := fetch(t, http.MethodGet, c.gate+"/auth", header)
	a.holdContract(t, c.world)
	return a
}

// whoami gives the JSON of /whoami.
func (c *claimd) whoami(t *testing.T, token string) (got map[string]any) {
	t.Helper()
	a := fetch(t, http.MethodGet, c.gate+"/whoami", http.Header{"Authorization": {"Bearer " + token}})
	if a.status != http.StatusOK {
		t.Fatalf("/whoami answers %s", a)
	}
	must(t, json.Unmarshal([]byte(a.body), &got))
	return got
}

// through sends a GET through claimd's own proxy.
func (c *claimd) through(t *testing.T, path string, header http.Header) answer {
	t.Helper()
	return fetch(t, http.MethodGet, c.proxy+path, header)
}
