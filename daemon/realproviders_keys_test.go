package daemon_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/claimd/claimd/daemon/oidctest"
)

// A provider that others wrote, and what may become of it: its keys change, it is held up, it is gone.
func TestOIDCProviderChangesItsKeysAndGoesAway(t *testing.T) {
	t.Parallel()
	p := startNode(t, false)
	base := stranger{issuer: p.Issuer, audiences: allResources, clients: []string{"desk", "service"}, algorithms: allAlgorithms}
	g := newGuard(t, base)
	t.Run("its issuer has no slash", func(t *testing.T) { slashIsNotOurs(t, p, base) })
	t.Run("its keys change", func(t *testing.T) { keysChange(t, p, g) })
	t.Run("it is held up, then gone", func(t *testing.T) { heldUp(t, p, g, base) })
}

// aService is the answer to a token of a client for itself that is good in every other way.
const aService = "403 unknown_service_account"

// slashIsNotOurs: a slash more in the configuration is another issuer, whose document is not there.
func slashIsNotOurs(t *testing.T, p *oidctest.Provider, base stranger) {
	t.Helper()
	base.issuer += "/"
	g := unreadyGuard(t, base)
	if _, err := g.admin.RefreshKeys(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if got := g.presents(t, p.ServiceToken(t, oidctest.JWT)); got != "401 issuer" {
		t.Errorf("got %s, want 401 issuer", got)
	}
	if readyz, livez := g.health(t, "/readyz"), g.health(t, "/livez"); readyz != http.StatusServiceUnavailable || livez != http.StatusOK {
		t.Errorf("readyz %d, livez %d, want 503 and 200", readyz, livez)
	}
	status, err := g.admin.Status(t.Context())
	must(t, err)
	document := status.Providers[0].Documents[0]
	if want := p.Issuer + `/.well-known/openid-configuration: issuer: want "` + p.Issuer + `/", got "` + p.Issuer + `"`; document.Error != want {
		t.Errorf("status says %q, want %q", document.Error, want)
	}
}

// keysChange: the provider signs with new keys and goes on to publish the old ones, then it does not. A new id is fetched
// once, however many requests bring it, three times within five minutes; then root can have it fetched.
func keysChange(t *testing.T, p *oidctest.Provider, g *guard) {
	t.Helper()
	seen, unseen := p.ServiceToken(t, oidctest.JWT), p.ServiceTokenFor(t, esResource)
	g.settles(t, seen, aService)
	before := p.Asked(t, p.Keys)
	fetched := func(want int) {
		t.Helper()
		if got := p.Asked(t, p.Keys) - before; got != want {
			t.Errorf("the key set was asked for %d times, want %d", got, want)
		}
	}
	p.Rotate(t, true)
	first := p.ServiceToken(t, oidctest.JWT)
	if id := keyIDOf(t, first); id != "key-RS256-2" {
		t.Fatalf("the key id is %s, want another", id)
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			_ = fetch(t, http.MethodGet, g.gate+"/auth", http.Header{"Authorization": {"Bearer " + first}})
		})
	}
	all.Wait()
	for _, token := range []string{first, seen, unseen, p.ServiceTokenFor(t, esResource), p.ServiceTokenFor(t, psResource)} {
		g.settles(t, token, aService)
	}
	fetched(1)
	p.Rotate(t, false)
	second := p.ServiceToken(t, oidctest.JWT)
	g.settles(t, second, aService)
	fetched(2)
	for range 3 {
		g.settles(t, first, "401 key")
	}
	fetched(3)
	p.Rotate(t, false)
	third := p.ServiceToken(t, oidctest.JWT)
	for _, token := range []string{third, unseen, third} {
		if got := g.presents(t, token); got != "503 keys_unavailable" {
			t.Errorf("a fourth id: got %s, want 503 keys_unavailable", got)
		}
	}
	g.settles(t, second, aService) // its key is not known to be gone
	fetched(3)
	_, err := g.admin.RefreshKeys(t.Context(), "")
	must(t, err)
	g.settles(t, third, aService)
	fetched(4)
}

// heldUp: the provider answers nobody for a while. The keys that are known serve, and what it said of opaque tokens
// stands for its minute; of everything else nobody knows anything, until it answers again.
func heldUp(t *testing.T, p *oidctest.Provider, g *guard, base stranger) {
	t.Helper()
	in := stranger{issuer: p.Issuer, audiences: []string{oidctest.OpaqueResource}, clients: []string{"desk"}}.introspects(t, p.ResourceServer)
	introspection, userinfo := newGuard(t, in), newGuard(t, stranger{issuer: p.Issuer}.asksUserinfo())
	user, seen, unseen := p.UserTokens(t, "ada", oidctest.JWT).Access, p.ServiceToken(t, oidctest.JWT), p.ServiceTokenFor(t, esResource)
	known, late := p.UserTokens(t, "ada", oidctest.Opaque).Access, p.UserTokens(t, "ada", oidctest.Opaque).Access
	knownUser, lateUser := p.UserinfoToken(t, "ada"), p.UserinfoToken(t, "ada")
	g.settles(t, seen, aService)
	introspection.settles(t, known, letAdaIn)
	userinfo.settles(t, knownUser, letAdaIn)
	p.Freeze(t)
	g.settles(t, seen, aService)
	g.settles(t, unseen, aService)
	g.settles(t, user, letAdaIn)
	introspection.settles(t, known, letAdaIn)
	userinfo.settles(t, knownUser, letAdaIn)
	first := unreadyGuard(t, base)
	atOnce(t, map[string]func() answer{ // fetch gives each 10 s
		"503 keys_unavailable, of a key not known": func() answer {
			return g.atAuth(t, forged(t, user, 0, func(m claims) { m["kid"] = "nobody-has" }))
		},
		"503 keys_unavailable, of a first start":                                func() answer { return first.atAuth(t, user) },
		"503 provider_unavailable, of a token not seen before at introspection": func() answer { return introspection.atAuth(t, late) },
		"503 provider_unavailable, of a token not seen before at userinfo":      func() answer { return userinfo.atAuth(t, lateUser) },
	})
	if readyz, livez := first.health(t, "/readyz"), first.health(t, "/livez"); readyz != http.StatusServiceUnavailable || livez != http.StatusOK {
		t.Errorf("readyz %d, livez %d, want 503 and 200", readyz, livez)
	}
	p.Thaw(t)
	first.ready(t) // by itself
	first.settles(t, user, letAdaIn)
	introspection.settles(t, late, letAdaIn)
	userinfo.settles(t, lateUser, letAdaIn)
	gone(t, p, g, base)
	introspection.settles(t, late, letAdaIn)
	userinfo.settles(t, lateUser, letAdaIn)
	introspection.atAuth(t, late+"A").want(t, "a token not seen before, once it is gone", "503 provider_unavailable")
	userinfo.atAuth(t, lateUser+"A").want(t, "a token not seen before at userinfo, once it is gone", "503 provider_unavailable")
}

// atOnce asks side by side. Each answer begins what it is called.
func atOnce(t *testing.T, asked map[string]func() answer) {
	t.Helper()
	var all sync.WaitGroup
	for name, ask := range asked {
		all.Go(func() {
			if got := ask(); !strings.HasPrefix(name, got.String()+",") {
				t.Errorf("got %s, want %s", got, name)
			}
		})
	}
	all.Wait()
}

// gone ends the provider. The keys that are known serve, after a restart too; a claimd that never had any cannot know.
func gone(t *testing.T, p *oidctest.Provider, g *guard, base stranger) {
	t.Helper()
	user, unseen := p.UserTokens(t, "ada", oidctest.JWT).Access, p.ServiceTokenFor(t, psResource)
	g.keysAreKept(t)
	p.Stop()
	g.settles(t, unseen, aService)
	g.restart(t)
	if readyz := g.health(t, "/readyz"); readyz != http.StatusOK {
		t.Errorf("readyz %d after a restart without the provider, want 200", readyz)
	}
	g.settles(t, user, letAdaIn)
	status, err := g.admin.Status(t.Context())
	must(t, err)
	if source := status.Providers[0].Documents[0].Source; source != "disk" {
		t.Errorf("the keys come from %s, want disk", source)
	}
	never := unreadyGuard(t, base)
	never.atAuth(t, user).want(t, "a first start without the provider", "503 keys_unavailable")
	results, err := never.admin.RefreshKeys(t.Context(), "")
	must(t, err)
	if len(results) != 1 || !strings.HasPrefix(results[0].Problem, p.Issuer+"/.well-known/openid-configuration: ") {
		t.Errorf("a refresh says %+v, want what is wrong with the document", results)
	}
}
