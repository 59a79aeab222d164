package daemon_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	voucherID     = "gate:1"
	voucherSecret = "a %2B secret/&=é"
)

// voucher is what an openID says of opaque tokens, at its introspection and its userinfo endpoint. Whoever is asked about a
// token that it does not know says so as RFC 7662 and RFC 6750 have it.
type voucher struct {
	mu       sync.Mutex
	says     map[string]claims // of each token
	paths    []string          // of every request to the two endpoints, in order
	tokens   []string          // which they were about
	secret   string
	suffix   string             // of the endpoints' paths, to move them
	trouble  http.HandlerFunc   // answers instead, where it is not nil
	arriving func(token string) // is told before each answer; nil: nobody
}

// startVoucher starts a provider that vouches for opaque tokens.
func startVoucher(t *testing.T) (*openID, *voucher) {
	t.Helper()
	o := new(openID)
	*o = voucherKeys()
	o.vouches = &voucher{says: map[string]claims{}, secret: voucherSecret}
	o.listen(t)
	return o, o.vouches
}

// voucherKeys are the keys that the vouchers of all tests have: what they sign with is none of these tests' affair, and
// keys are dear.
var voucherKeys = sync.OnceValue(func() openID {
	o := openID{kid: "a"}
	var err, errPS, errEC error
	o.rsa, err = rsa.GenerateKey(rand.Reader, 2048)
	o.pss, errPS = rsa.GenerateKey(rand.Reader, 2048)
	o.ec, errEC = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err, errPS, errEC); err != nil {
		panic(err)
	}
	return o
})

// document is what the discovery document says.
func (v *voucher) document(issuer string) claims {
	v.mu.Lock()
	defer v.mu.Unlock()
	return claims{
		"issuer": issuer, "jwks_uri": issuer + "jwks",
		"introspection_endpoint": issuer + "introspect" + v.suffix, "userinfo_endpoint": issuer + "userinfo" + v.suffix,
	}
}

// answered answers a request to one of the two endpoints; false: it is to neither.
func (v *voucher) answered(w http.ResponseWriter, r *http.Request) bool {
	introspection := strings.HasPrefix(r.URL.Path, "/introspect")
	if !introspection && !strings.HasPrefix(r.URL.Path, "/userinfo") {
		return false
	}
	token := r.PostFormValue("token")
	if !introspection {
		token = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	v.mu.Lock()
	v.paths, v.tokens = append(v.paths, r.URL.Path), append(v.tokens, token)
	said, known := v.says[token]
	secret, trouble, arriving := v.secret, v.trouble, v.arriving
	v.mu.Unlock()
	if arriving != nil {
		arriving(token)
	}
	id, password, _ := r.BasicAuth()
	switch {
	case trouble != nil:
		trouble(w, r)
		return true
	case introspection && (r.Method != http.MethodPost || unescaped(id) != voucherID || unescaped(password) != secret):
		w.WriteHeader(http.StatusUnauthorized)
		return true
	case !introspection && !known:
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	case !known:
		said = claims{"active": false}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(said)
	return true
}

// set has the provider vouch for the token, in these words; nil: no more.
func (v *voucher) set(token string, says claims) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if says == nil {
		delete(v.says, token)
		return
	}
	v.says[token] = says
}

// change changes the voucher itself.
func (v *voucher) change(how func(*voucher)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	how(v)
}

// asked gives how many requests there were so far.
func (v *voucher) asked() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.paths)
}

// active is what introspection says of a token of Ada's; a nil change takes a member out.
func (o *openID) active(changes claims) claims {
	now := time.Now().Unix()
	says := claims{
		"active": true, "iss": o.issuer, "aud": []string{"other", jumpcloudAudience}, "exp": now + 3600, "iat": now - 5, "sub": "5f1a",
		"client_id": jumpcloudClient, "scope": "openid " + readWrite, "token_type": "Bearer", groupsName: []string{"Analysts"},
		"email": "ada@contoso.example", "given_name": "Ada", "family_name": "Lovelace",
	}
	maps.Copy(says, changes)
	maps.DeleteFunc(says, func(_ string, value any) bool { return value == nil })
	return says
}

// user is what userinfo says of Ada, in JumpCloud's shapes.
func (o *openID) user(changes claims) claims {
	says := claims{"sub": "5f1a", "email": "ada@contoso.example", "given_name": "Ada", "family_name": "Lovelace", groupsName: "Analysts"}
	maps.Copy(says, changes)
	maps.DeleteFunc(says, func(_ string, value any) bool { return value == nil })
	return says
}

// introspected is a configuration of this provider, whose opaque tokens are asked about by introspection. The secret is
// put into a file of the test's.
func (o *openID) introspected(t *testing.T, change ...string) string {
	t.Helper()
	return o.jumpcloudText(append(change, "audiences =", introspectionKeys(t, voucherSecret)+"audiences =")...)
}

// introspectionKeys are the keys of a provider for it.
func introspectionKeys(t *testing.T, secret string) string {
	t.Helper()
	return "opaque_tokens = \"introspection\"\nintrospection_client_id = \"" + voucherID + "\"\nintrospection_client_secret_file = \"" +
		secretFile(t, secret) + "\"\n"
}

// secretFile writes a secret into a file that claimd takes.
func secretFile(t *testing.T, secret string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "claimd-secret")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "secret")
	must(t, os.WriteFile(path, []byte(secret+"\n"), 0o600))
	return path
}

// byUserinfo is a configuration of this provider, whose opaque tokens are asked about at userinfo.
func (o *openID) byUserinfo(change ...string) string {
	return o.jumpcloudText(append(change, "audiences = [\""+jumpcloudAudience+"\"]\nclient_ids = [\""+jumpcloudClient+"\"]",
		`opaque_tokens = "userinfo"`)...)
}
