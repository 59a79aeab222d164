package daemon_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// openID is a fake of a provider that is not Entra ID: one document, and a key for each algorithm. The key ids can be those
// of somebody else.
type openID struct {
	issuer string // with a slash at its end, as JumpCloud's
	kid    string // of the RSA key
	rsa    *rsa.PrivateKey
	pss    *rsa.PrivateKey   // kid "ps", alg PS256; nil: there is none
	ec     *ecdsa.PrivateKey // kid "es", alg ES256

	vouches *voucher // answers about opaque tokens; nil: no endpoint does
}

const (
	jumpcloudAudience = "https://api.contoso.example"
	jumpcloudClient   = "desk app"
	groupsName        = "https://app.contoso.example/groups" // a claim's name in the shape of a URL
)

func startOpenID(t *testing.T, kid string) *openID {
	t.Helper()
	o := &openID{kid: kid}
	var err, errEC error
	o.rsa, err = rsa.GenerateKey(rand.Reader, 2048)
	o.ec, errEC = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err, errEC)
	o.listen(t)
	return o
}

func (o *openID) listen(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(o.serve))
	t.Cleanup(server.Close)
	o.issuer = server.URL + "/"
}

func (o *openID) serve(w http.ResponseWriter, r *http.Request) {
	answer := any(claims{"issuer": o.issuer, "jwks_uri": o.issuer + "jwks"})
	if o.vouches != nil && o.vouches.answered(w, r) {
		return
	}
	if o.vouches != nil {
		answer = o.vouches.document(o.issuer)
	}
	if r.URL.Path == "/jwks" {
		point, _ := o.ec.PublicKey.Bytes()
		key := func(kid string, key *rsa.PrivateKey) claims {
			return claims{"kty": "RSA", "use": "sig", "kid": kid, "n": base64url(key.N.Bytes()), "e": base64url(big.NewInt(int64(key.E)).Bytes())}
		}
		es := claims{"kty": "EC", "crv": "P-256", "kid": "es", "alg": "ES256", "x": base64url(point[1:33]), "y": base64url(point[33:])}
		published := []any{key(o.kid, o.rsa), es}
		if o.pss != nil {
			ps := key("ps", o.pss)
			ps["alg"] = "PS256"
			published = append(published, ps)
		}
		answer = claims{"keys": published}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func base64url(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// mint signs an access token of Ada's with RS256; a nil change takes a claim out.
func (o *openID) mint(t *testing.T, w *world, changes claims) string {
	t.Helper()
	return o.mintWith(t, w, "RS256", o.kid, changes)
}

// mintWith signs with that algorithm and the key of that id.
func (o *openID) mintWith(t *testing.T, w *world, algorithm, kid string, changes claims) string {
	t.Helper()
	now := time.Now().Unix()
	payload := claims{
		"iss": o.issuer, "aud": jumpcloudAudience, "exp": now + 3600, "iat": now, "sub": "5f1a", "client_id": jumpcloudClient,
		"scope": "openid " + readWrite, groupsName: []string{"Analysts"}, "email": "ada@contoso.example", "given_name": "Ada", "family_name": "Lovelace",
	}
	maps.Copy(payload, changes)
	maps.DeleteFunc(payload, func(_ string, value any) bool { return value == nil })
	body, err := json.Marshal(payload)
	must(t, err)
	signed := base64url(fmt.Appendf(nil, `{"alg":%q,"kid":%q}`, algorithm, kid)) + "." + base64url(body)
	digest := sha256.Sum256([]byte(signed))
	var signature []byte
	switch algorithm {
	case "RS256":
		signature, err = rsa.SignPKCS1v15(nil, o.rsa, crypto.SHA256, digest[:])
	case "PS256":
		signature, err = rsa.SignPSS(rand.Reader, o.pss, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case "ES256":
		r, s, failed := ecdsa.Sign(rand.Reader, o.ec, digest[:])
		must(t, failed)
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	must(t, err)
	token := signed + "." + base64url(signature)
	w.minted = append(w.minted, token)
	return token
}

// table is its [provider.NAME], with more keys.
func (o *openID) table(name, more string) string {
	return `[provider.` + name + `]
kind = "oidc"
issuer = "` + o.issuer + `"
audiences = ["` + jumpcloudAudience + `"]
client_ids = ["` + jumpcloudClient + `"]
` + more + `
[provider.` + name + `.claims]
groups = "` + groupsName + `"
roles = "` + groupsName + "\"\n"
}

// jumpcloudText is a configuration of this provider alone; the change is made to the text.
func (o *openID) jumpcloudText(change ...string) string {
	text := "enabled = true\n" + o.table("jumpcloud", "") + "[groups]\nAnalysts = \"\"\nOperators = \"\"\n"
	return strings.NewReplacer(change...).Replace(text)
}

// begins fails the test where the answer's line begins with something else.
func (a answer) begins(t *testing.T, what, want string) {
	t.Helper()
	if !strings.HasPrefix(a.String(), want) {
		t.Errorf("%s: want %s, got %s", what, want, a)
	}
}

// keyIDOf gives the key id in a token's header.
func keyIDOf(t *testing.T, token string) string {
	t.Helper()
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	must(t, err)
	var header struct{ Kid string }
	must(t, json.Unmarshal(raw, &header))
	return header.Kid
}
