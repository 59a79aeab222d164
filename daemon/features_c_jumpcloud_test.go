package daemon_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

const (
	jumpcloudHost   = "oauth.id.jumpcloud.com"
	jumpcloudIssuer = "https://" + jumpcloudHost + "/"
	// jumpcloudForm is how a token looks in which a provider has a dot of its own: still no JWT.
	jumpcloudForm = "at_q0XuVZ4mWv6rGvI5n2Zk0bD1c-YdQ8f3aJtK7oLwE9s.%04d"
)

// way is one of those in which a provider tells who a user is.
type way struct {
	name string
	text func(change ...string) string // the configuration for it, after a change to the text
	// token gives a good token of Ada's of whom the provider says that, beside what is its own to say; nil takes out.
	token  func(changes claims) string
	client string // the calling client; "" = the provider does not tell
}

// ways are all: in a JWT, and of opaque tokens at introspection or at userinfo.
func (o *openID) ways(t *testing.T, w *world) []way {
	t.Helper()
	opaque := func(says func(claims) claims) func(claims) string {
		return func(changes claims) string {
			o.vouches.mu.Lock()
			token := fmt.Sprintf(jumpcloudForm, len(o.vouches.says))
			o.vouches.mu.Unlock()
			o.vouches.set(token, says(changes))
			return token
		}
	}
	return []way{
		{"JWT", o.jumpcloudText, func(changes claims) string { return o.mint(t, w, changes) }, jumpcloudClient},
		{"introspection", func(change ...string) string { return o.introspected(t, change...) }, opaque(o.active), jumpcloudClient},
		{"userinfo", o.byUserinfo, opaque(o.user), ""},
	}
}

// guarded starts a claimd in front of the provider, for one row.
func (o *openID) guarded(t *testing.T, w *world, change ...string) *claimd {
	t.Helper()
	c := w.start(t, o.jumpcloudText(change...))
	t.Cleanup(func() { c.end(t) })
	c.ready(t)
	return c
}

// becomes has another configuration take effect.
func (c *claimd) becomes(t *testing.T, text string) {
	t.Helper()
	c.write(t, text)
	result, err := c.admin.Reload(t.Context())
	must(t, err)
	if !result.OK {
		t.Fatalf("the reload is refused: %+v", result)
	}
}

// inEachWay has the claimd in front of the provider take each way in turn.
func (o *openID) inEachWay(t *testing.T, c *claimd, run func(*testing.T, way), change ...string) {
	t.Helper()
	for _, one := range o.ways(t, c.world) {
		t.Run(one.name, func(t *testing.T) {
			c.becomes(t, one.text(change...))
			run(t, one)
		})
	}
}

// startJumpCloud starts a provider of JumpCloud's own name. It speaks TLS and is reached through a proxy on loopback,
// which the table [outbound] names.
func startJumpCloud(t *testing.T) (o *openID, outbound string) {
	t.Helper()
	o, _ = startVoucher(t)
	certificate, ca := certify(t, jumpcloudHost)
	site := httptest.NewUnstartedServer(http.HandlerFunc(o.serve))
	site.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	site.StartTLS()
	t.Cleanup(site.Close)
	o.issuer = jumpcloudIssuer
	file := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(file, ca, 0o600))
	proxy := httptest.NewServer(tunnel(site.Listener.Addr().String(), jumpcloudHost))
	t.Cleanup(proxy.Close)
	return o, fmt.Sprintf("[outbound]\nproxy = %q\nca_file = %q\n", proxy.URL, file)
}

// jumpcloudUser gives testdata/jumpcloud/NAME.json, what JumpCloud says of a user, as changes.
func jumpcloudUser(t *testing.T, name string) claims {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/jumpcloud", name+".json"))
	must(t, err)
	changes := claims{groupsName: nil}
	must(t, json.Unmarshal(text, &changes))
	return changes
}

// jumpcloudShapes: no group, one as a string, more as an array, under a plain name or a URL. What comes of them does not
// depend on the shape, nor on the way.
func jumpcloudShapes(t *testing.T, c *claimd, o *openID, outbound string) {
	t.Helper()
	const none, one, two = "403 no_group", "200 groups=Analysts roles=Analysts", "200 groups=Analysts,Operators roles=Analysts,Operators"
	for name, rows := range map[string][]struct{ user, want string }{
		"groups": {
			{"none", none}, {"one", one}, {"one-listed", one}, {"two", two}, {"two-and-others", two}, {"url-one", none}, {"url-two", none},
		},
		groupsName: {{"none", none}, {"url-one", one}, {"url-two", two}, {"one", none}, {"two", none}},
	} {
		who := map[string]map[string]any{} // by the answer at /auth
		o.inEachWay(t, c, func(t *testing.T, way way) {
			for _, row := range rows {
				token := way.token(jumpcloudUser(t, row.user))
				c.ask(t, token).want(t, row.user, row.want)
				if row.want == none {
					continue
				}
				got := c.whoami(t, token)
				delete(got, "expires_at")
				if client := got["client_application_id"]; client != way.client {
					t.Errorf("%s: whoami tells the client %v, want %s", row.user, client, way.client)
				}
				delete(got, "client_application_id")
				if before := who[row.want]; before != nil && !maps.EqualFunc(before, got, sameJSON) {
					t.Errorf("%s: whoami tells %v, and of another shape %v", row.user, got, before)
				}
				who[row.want] = got
			}
		}, `"`+groupsName+`"`, `"`+name+`"`, "[groups]", outbound+"[roles]\nAnalysts = \"\"\nOperators = \"\"\n[groups]")
	}
}

func sameJSON(a, b any) bool {
	return fmt.Sprint(a) == fmt.Sprint(b)
}
