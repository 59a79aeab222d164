package daemon

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/opaque"
)

// vouching is a provider that has both endpoints and fails at them.
func vouching(t *testing.T) (issuer string) {
	t.Helper()
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			_, _ = w.Write([]byte(strings.ReplaceAll(`{"issuer":"AT","jwks_uri":"AT/jwks","introspection_endpoint":"AT/introspect","userinfo_endpoint":"AT/userinfo"}`, "AT", server.URL)))
		case "/jwks": // RFC 7517 appendix A.1
			_, _ = w.Write([]byte(`{"keys":[{"kty":"EC","crv":"P-256","use":"sig","kid":"a","alg":"ES256",` +
				`"x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`))
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// loadedOpaque loads a configuration whose provider takes opaque tokens; the change is made to its text.
func loadedOpaque(t *testing.T, issuer string, change ...string) *Loaded {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(append(change, "ISSUER", issuer, "DIR", dir)...).Replace(`enabled = true
[provider.jumpcloud]
kind = "oidc"
issuer = "ISSUER"
audiences = ["api"]
client_ids = ["desk"]
opaque_tokens = "introspection"
introspection_client_id = "gate"
introspection_client_secret_file = "DIR/secret"
[groups]
Analysts = ""
`)
	for name, content := range map[string]string{"claimd.toml": text, "secret": "fake-secret\n", "other": "another-secret\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := Load(filepath.Join(dir, "claimd.toml"), config.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// What asks the provider is the same over a reload, with all that it keeps, where it would ask alike; else it is another,
// and the one before goes on for the requests that still have it, until claimd ends at the latest.
func TestWhatAsksTheProviderOutlivesAReload(t *testing.T) {
	issuer := vouching(t)
	ring := keys.NewRing(keys.Options{})
	defer ring.Close()
	o := newOpaques(zap.NewNop())
	first := loadedOpaque(t, issuer)
	use := func(l *Loaded) *opaque.Asker { return o.use(l, l.Open(ring)) }
	before := use(first)
	if before == nil || before.Status().Kind != opaque.Introspection {
		t.Fatalf("got %v", before)
	}
	all := []*opaque.Asker{before}
	for _, c := range []struct {
		story string
		same  bool
		next  *Loaded
	}{
		{"the same", true, loadedOpaque(t, issuer)},
		{"other groups", true, loadedOpaque(t, issuer, "Analysts", "Others")},
		{"other audiences, clients and scopes", true, loadedOpaque(t, issuer, `"api"`, `"other"`, `"desk"`, `"*"`, "client_ids", "required_scopes = [\"a\"]\nclient_ids")},
		{"another secret", false, loadedOpaque(t, issuer, "/secret", "/other")},
		{"another client of claimd's", false, loadedOpaque(t, issuer, `"gate"`, `"gate2"`)},
		{"another skew", false, loadedOpaque(t, issuer, "[groups]", "clock_skew = \"5s\"\n[groups]")},
		{"another name", false, loadedOpaque(t, issuer, "jumpcloud", "sso")},
		{"userinfo", false, loadedOpaque(t, issuer, `"introspection"`, `"userinfo"`, "audiences", "#", "client_ids", "#", "introspection_client", "#")},
		{"nobody is asked", false, loadedOpaque(t, issuer, `opaque_tokens = "introspection"`, "", "introspection_client", "#")},
		{"again", false, loadedOpaque(t, issuer)},
		{"switched off", false, loadedOpaque(t, issuer, "enabled = true", "enabled = false")},
	} {
		c.next.Client = first.Client // as a reload that leaves [outbound] does
		after := use(c.next)
		if same := after == before; same != c.same {
			t.Errorf("%s: the same %v, want %v", c.story, same, c.same)
		}
		if status := o.status(); (status == nil) != (after == nil) {
			t.Errorf("%s: status %+v", c.story, status)
		}
		if after != nil && !slices.Contains(all, after) {
			all = append(all, after)
		}
		before = after
	}
	other := loadedOpaque(t, issuer)
	one := use(first)
	two := use(other)
	if one == two {
		t.Error("another client for [outbound]: the same")
	}
	closed := func(asker *opaque.Asker) bool {
		_, err := asker.Ask(t.Context(), "a-token")
		unavailable, ok := errors.AsType[*opaque.Unavailable](err)
		return ok && strings.Contains(unavailable.Detail, "no longer in the configuration")
	}
	_ = ring.Open(keys.Source{Name: "jumpcloud", Issuer: issuer}).Refresh(t.Context())
	if closed(one) || closed(all[0]) {
		t.Error("one that was replaced is closed while a request may still have it")
	}
	o.close()
	for i, asker := range append(all, one, two) {
		if asker.Status().Endpoint != "" && !closed(asker) {
			t.Errorf("%d is not closed in the end", i)
		}
	}
}

// systemctl status says that a provider is left alone.
func TestTheSentenceTellsThatAProviderDoesNotAnswer(t *testing.T) {
	ring := keys.NewRing(keys.Options{})
	defer ring.Close()
	loaded := loadedOpaque(t, vouching(t))
	r := &reloader{opaques: newOpaques(zap.NewNop()), doors: newDoors(zap.NewNop(), nil, nil, usualPace, nil, &inherited{})}
	defer r.opaques.close()
	now := &running{loaded: loaded, providers: loaded.Open(ring), generation: 1, at: time.Now()}
	r.state.Store(&state{running: now})
	asker := r.opaques.use(loaded, now.providers)
	for provider := range maps.Values(now.providers) {
		if err := provider.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	const well = "Ready: generation 1, 1 group, 0 roles; jumpcloud has 1 key; nothing listens"
	if got := r.sentence(); got != well {
		t.Errorf("got %s", got)
	}
	for _, token := range []string{"a", "b", "c", "d", "e"} {
		_, _ = asker.Ask(t.Context(), token)
	}
	const failing = "Ready: generation 1, 1 group, 0 roles; jumpcloud has 1 key; jumpcloud DOES NOT ANSWER about opaque tokens; nothing listens"
	if got := r.sentence(); got != failing {
		t.Errorf("got %s", got)
	}
}
