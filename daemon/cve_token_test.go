package daemon_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/claimd/claimd/daemon/entratest"
)

// advisory is a flaw that somebody else's program had, published under that id, and the case that shows that claimd
// does not have it. Each case opens with the story and has a control: a request of that kind that is let in.
type advisory struct {
	id, says string
	holds    func(*testing.T, *stage)
}

// tokenAdvisories are those about tokens, keys and claims.
func tokenAdvisories() []advisory {
	return slices.Concat(forgeries(), bombAdvisories(), audienceAdvisories(), claimAdvisories(), identityAdvisories(), keyAdvisories(), keptAdvisories())
}

// cveTokenNotOurs are advisories that claimd cannot have, and why.
func cveTokenNotOurs() map[string]string {
	return map[string]string{
		"CVE-2025-64101": "ZITADEL mailed password reset links with the host of a forwarded header: claimd writes no links and no mail",
	}
}

// cveTokenIDs are the ids of the list of threats that are about tokens, keys, claims and Entra ID.
const cveTokenIDs = `
	CVE-2018-0114 CVE-2021-32701 CVE-2022-29165 CVE-2022-31105 CVE-2023-22482 CVE-2023-3128 CVE-2023-3518 CVE-2024-28180
	CVE-2024-5037 CVE-2024-51744 CVE-2024-54150 CVE-2024-5798 CVE-2025-22149 CVE-2025-24976 CVE-2025-27144 CVE-2025-30204
	CVE-2025-55241 CVE-2025-63811 CVE-2025-64101 CVE-2025-64527 CVE-2026-23518 CVE-2026-23990 CVE-2026-24899 CVE-2026-27840
	CVE-2026-27896 CVE-2026-30223 CVE-2026-32301 CVE-2026-33031 CVE-2026-33322 CVE-2026-33496 CVE-2026-33544 CVE-2026-33668
	CVE-2026-34986 CVE-2026-40945 CVE-2026-40946 CVE-2026-41164 CVE-2026-41413 CVE-2026-42576 CVE-2026-42602 CVE-2026-49478
	CVE-2026-49998 CVE-2026-55075 CVE-2026-55076 CVE-2026-55669 CVE-2026-55689 CVE-2026-58425 CVE-2026-71326
	GHSA-3rw9-wmc8-8948 GHSA-prh4-vhfh-24mj GHSA-q382-vc8q-7jhj GHSA-q926-c743-49qj GHSA-wxg7-w2v3-w38g GHSA-x883-2vmg-xwf7 nOAuth`

// TestTokenAdvisories runs each case against running tenants and running claimds, over HTTP.
func TestTokenAdvisories(t *testing.T) {
	s := newStage(t)
	for _, a := range tokenAdvisories() {
		t.Run(a.id+" "+a.says, func(t *testing.T) { a.holds(t, s) })
	}
}

// TestEveryTokenAdvisoryHasACaseOrAReason: no id is forgotten, and none stands here twice.
func TestEveryTokenAdvisoryHasACaseOrAReason(t *testing.T) {
	count := map[string]int{}
	for _, a := range tokenAdvisories() {
		count[a.id]++
	}
	for id, why := range cveTokenNotOurs() {
		count[id]++
		if why == "" {
			t.Errorf("%s: no reason is given", id)
		}
	}
	for _, id := range strings.Fields(cveTokenIDs) {
		if count[id] == 0 {
			t.Errorf("%s has neither a case nor a reason", id)
		}
	}
	form := regexp.MustCompile(`^(CVE-\d{4}-\d{4,5}|GHSA(-[0-9a-z]{4}){3}|nOAuth)$`)
	for id, n := range count {
		if n != 1 {
			t.Errorf("%s stands here %d times, want once", id, n)
		}
		if !form.MatchString(id) {
			t.Errorf("%q is no id of an advisory", id)
		}
	}
}

// stage is what the cases share: two tenants and their claimds, what an attacker has, and a tenant to misbehave.
type stage struct {
	*world
	t      *testing.T      // outlives each case
	key    *rsa.PrivateKey // an attacker's own
	public *rsa.PublicKey  // contoso's, as everybody can read it
	trap   *trap
	odd    *oddTenant // nil: not needed yet
}

func newStage(t *testing.T) *stage {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	s := &stage{world: newWorld(t), t: t, key: key, trap: newTrap(t)}
	s.public = publicKey(t, s.contoso)
	s.shared(t)
	return s
}

// shared is the claimd that most cases ask: it trusts contoso and knows the group Analysts.
func (s *stage) shared(t *testing.T) *claimd {
	t.Helper()
	return s.claimd(t, plan{})
}

// trap is an attacker's server. Whoever connects to it was led there.
type trap struct {
	*httptest.Server
	hits atomic.Int32
}

func newTrap(t *testing.T) *trap {
	t.Helper()
	trap := &trap{}
	trap.Server = httptest.NewUnstartedServer(http.NotFoundHandler())
	trap.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			trap.hits.Add(1)
		}
	}
	trap.Start()
	t.Cleanup(trap.Close)
	return trap
}

// fetches counts what claimds have asked of the tenants so far, and connections to the trap.
func (s *stage) fetches() int {
	n := int(s.trap.hits.Load())
	for _, what := range []string{"v1 document", "v2 document", "v1 keys", "v2 keys"} {
		n += s.contoso.Requests(what) + s.fabrikam.Requests(what)
	}
	return n
}

// quietly does something that must not make claimd ask anybody.
func (s *stage) quietly(t *testing.T, do func()) {
	t.Helper()
	before := s.fetches()
	do()
	if n := s.fetches() - before; n != 0 {
		t.Errorf("claimd sent %d requests, want none", n)
	}
}

// attempt is a token and its answer.
type attempt struct{ name, token, want string }

// try asks with each token. The first row is the control: it wants to be let in.
func (c *claimd) try(t *testing.T, rows []attempt) {
	t.Helper()
	if !strings.HasPrefix(rows[0].want, "200 ") {
		t.Fatalf("the first row is to be let in, so that not everything is refused: %+v", rows[0])
	}
	for _, row := range rows {
		c.ask(t, row.token).want(t, row.name, row.want)
	}
}

// kid is the id of contoso's key.
func (s *stage) kid() string { return s.contoso.KeyIDs()[0] }

// payload is what a token of Ada's with these changes holds.
func (s *stage) payload(t *testing.T, changes claims) []byte {
	t.Helper()
	return payloadOf(t, s.ada(t, changes))
}

func payloadOf(t *testing.T, token string) []byte {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	must(t, err)
	return payload
}

// unsigned is the part of a token that is signed.
func unsigned(t *testing.T, header claims, payload []byte) string {
	t.Helper()
	text, err := json.Marshal(header)
	must(t, err)
	return encode(text) + "." + encode(payload)
}

// rs256 signs with any key; what the header says is not looked at.
func rs256(t *testing.T, key *rsa.PrivateKey, header claims, payload []byte) string {
	t.Helper()
	text := unsigned(t, header, payload)
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	must(t, err)
	return text + "." + encode(signature)
}

// jwkOf is the public half of a key as a key set holds it.
func jwkOf(key *rsa.PrivateKey, kid string) claims {
	return claims{"kty": "RSA", "use": "sig", "kid": kid, "e": "AQAB", "n": encode(key.N.Bytes())}
}

// oddTenant is a tenant with a claimd of its own, for cases in which documents and keys are not as they should be.
type oddTenant struct {
	*entratest.Tenant
	server *httptest.Server
	detour atomic.Pointer[http.HandlerFunc] // answers instead of the tenant; nil = nobody does
	claimd *claimd
}

// oddly gives the odd tenant, which behaves again once the case is over.
func (s *stage) oddly(t *testing.T) *oddTenant {
	t.Helper()
	if s.odd == nil {
		s.odd = s.newOddTenant()
	}
	odd := s.odd
	t.Cleanup(func() {
		odd.detour.Store(nil)
		odd.SetFaults(entratest.Faults{})
		if problem := odd.refresh(t); problem != "" {
			t.Errorf("the tenant behaves, and its keys cannot be fetched: %s", problem)
		}
	})
	return odd
}

// newOddTenant starts both, for all cases together.
func (s *stage) newOddTenant() *oddTenant {
	t, odd := s.t, &oddTenant{}
	odd.server = httptest.NewUnstartedServer(nil)
	base := "http://" + odd.server.Listener.Addr().String()
	tenant, err := entratest.New(people(contosoTenant), base)
	must(t, err)
	handler := tenant.Handler()
	odd.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if detour := odd.detour.Load(); detour != nil {
			(*detour)(w, r)
			return
		}
		handler.ServeHTTP(w, r)
	})
	odd.server.Start()
	t.Cleanup(odd.server.Close)
	odd.Tenant = tenant
	odd.claimd = s.start(t, plan{}.text(tenant))
	t.Cleanup(func() { odd.claimd.end(t) })
	odd.claimd.ready(t)
	return odd
}

// answer lets something else answer in place of the tenant.
func (o *oddTenant) answer(handler http.HandlerFunc) { o.detour.Store(&handler) }

// refresh has the keys fetched now, and gives what was wrong with that.
func (o *oddTenant) refresh(t *testing.T) (problem string) {
	t.Helper()
	results, err := o.claimd.admin.RefreshKeys(context.Background(), "contoso") // also when the case is over
	must(t, err)
	if len(results) != 1 {
		t.Fatalf("refreshing gives %+v, want one result", results)
	}
	return results[0].Problem
}

// publish adds keys to those of the tenant in both of its sets, and has them fetched.
func (o *oddTenant) publish(t *testing.T, more ...any) {
	t.Helper()
	text, err := json.Marshal(more)
	must(t, err)
	o.SetFaults(entratest.Faults{Rewrite: func(what string, body []byte) []byte {
		if !strings.HasSuffix(what, "keys") || len(more) == 0 {
			return body
		}
		list, found := strings.CutSuffix(string(body), "]}")
		if !found {
			return nil
		}
		return []byte(list + "," + string(text[1:len(text)-1]) + "]}")
	}})
	if problem := o.refresh(t); problem != "" {
		t.Fatalf("the keys are refused: %s", problem)
	}
}
