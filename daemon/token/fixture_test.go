package token

import (
	"context"
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
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
)

const (
	tenantID    = "d86ca749-105f-4f0a-a4f2-89c5ef275c2e"
	otherTenant = "5a4b0d2c-7a32-4d6a-8f07-6c2c5f3f8d11"
	apiID       = "17e1e12b-3908-4782-b7ca-f01bec2bd750"
	otherAPI    = "0c2d9a6e-4f0b-4a51-9d55-2d3b1c7a9e02"
	clientID    = "36a0427c-4ca6-4bb6-afe2-804a729f14a1"
	exporterID  = "b1b1f0c2-91d4-4c0e-8f5e-3a7d6c5b4a39" // application of the service account
	accountID   = "e2f0a1b3-0c4d-4e5f-9a6b-7c8d9e0f1a2b" // its object id
	userID      = "690222be-ff1a-4d56-abd1-7e4f7d38e474"
	graphID     = "00000003-0000-0000-c000-000000000000"
	apiURI      = "https://api.contoso.com/reports"
	skew        = 60 * time.Second
)

// now is when every token of the tests is looked at.
var now = time.Unix(1_800_000_000, 0)

// tenant is a tenant of entratest whose published keys are the tests' own, so that the tests can sign any bytes at all.
type tenant struct {
	*entratest.Tenant
	ring *keys.Ring
	rsa  *rsa.PrivateKey   // kid "rsa", no alg; kid "rsa-ps", alg PS256
	ec   *ecdsa.PrivateKey // kid "ec", no alg
}

// contoso is started once: an RSA key takes long to make.
var contoso *tenant

func TestMain(m *testing.M) {
	var err error
	if contoso, err = startTenant(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	contoso.ring.Close()
	contoso.Close()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func startTenant() (*tenant, error) {
	server, err := entratest.Start(entratest.Directory{
		TenantID: tenantID,
		APIs:     []entratest.API{{ApplicationID: apiID, AccessTokenVersion: 2}},
		Clients:  []entratest.App{{ApplicationID: clientID, Name: "web"}},
		Users:    []entratest.User{{ObjectID: userID, Name: "ada"}},
	})
	if err != nil {
		return nil, err
	}
	t := &tenant{Tenant: server}
	if t.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, err
	}
	if t.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	published := t.published()
	server.SetFaults(entratest.Faults{Rewrite: func(what string, body []byte) []byte {
		if strings.HasSuffix(what, "keys") {
			return published
		}
		return body
	}})
	client, err := keys.NewClient(keys.Outbound{})
	if err != nil {
		return nil, err
	}
	t.ring = keys.NewRing(keys.Options{Client: client})
	return t, t.open("contoso", apiID).Refresh(context.Background())
}

// published is the key set that the tenant serves.
func (t *tenant) published() []byte {
	encode := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
	rsaKey := func(kid, more string) string {
		return fmt.Sprintf(`{"kty":"RSA","kid":%q,"n":%q,"e":"AQAB"%s}`, kid, encode(t.rsa.N), more)
	}
	point, err := t.ec.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	coordinate := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	return fmt.Appendf(nil, `{"keys":[%s,%s,{"kty":"EC","kid":"ec","crv":"P-256","x":%q,"y":%q}]}`,
		rsaKey("rsa", ""), rsaKey("rsa-ps", `,"alg":"PS256"`), coordinate(point[1:33]), coordinate(point[33:]))
}

// open gives the keys of a provider of this tenant.
func (t *tenant) open(name, applicationID string) *keys.Provider {
	return t.ring.Open(keys.Source{Name: name, Authority: t.URL(), Tenant: tenantID, ApplicationID: applicationID})
}

// provider is [provider.contoso]; change may alter it.
func (t *tenant) provider(change func(*Provider)) Provider {
	p := Provider{
		Name:              "contoso",
		Tenant:            tenantID,
		ApplicationID:     apiID,
		ApplicationIDURIs: []string{apiURI},
		ClientIDs:         []string{clientID},
		AccountClients:    map[string]string{accountID: exporterID},
		Skew:              skew,
		Algorithms:        []string{"RS256"},
		Keys:              t.open("contoso", apiID),
	}
	if change != nil {
		change(&p)
	}
	return p
}

// verifier has one provider.
func (t *tenant) verifier(change func(*Provider)) *Verifier {
	return NewVerifier([]Provider{t.provider(change)})
}

const plainHeader = `{"typ":"JWT","alg":"RS256","kid":"rsa"}`

// sign makes a token of these very bytes, signed as the header says.
func (t *tenant) sign(header, payload string) string {
	return t.signCompact(base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload)))
}

func (t *tenant) signCompact(signed string) string {
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(nil, t.rsa, crypto.SHA256, digest[:])
	if err != nil {
		panic(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// claims is a change to the claims of a good token; nil leaves one out.
type claims map[string]any

// userClaims are those of a v2.0 token of a user.
func (t *tenant) userClaims(change claims) claims {
	c := claims{
		"iss": t.Issuer(2), "aud": apiID, "tid": tenantID, "ver": "2.0",
		"iat": now.Unix() - 300, "nbf": now.Unix() - 300, "exp": now.Unix() + 3600,
		"azp": clientID, "oid": userID, "sub": "3Xk9VqJrYc2-h0Zb7LwQeT1nPdSgAuFmRi5KoCy8Ex4", "scp": "platform.read-write",
		"groups": []string{"6cab8f93-8e22-4947-80c3-c6ed549cb47a", "Analysts"}, "roles": "analyst",
		"email": "ada@contoso.example", "given_name": "Ada",
	}
	return c.with(change)
}

// v1 turns the claims of a user into those of a v1.0 token.
func (t *tenant) v1(change claims) claims {
	return claims{"iss": t.Issuer(1), "ver": "1.0", "azp": nil, "appid": clientID, "aud": "api://" + apiID}.with(change)
}

// app turns the claims of a user into those of an application.
func app(change claims) claims {
	return claims{"scp": nil, "idtyp": "app", "oid": accountID, "sub": accountID, "azp": exporterID}.with(change)
}

// with gives the claims with the change.
func (c claims) with(change claims) claims {
	all := maps.Clone(c)
	maps.Copy(all, change)
	return all
}

func (c claims) json() string {
	all := maps.Clone(c)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// user signs the token of a user with these changes.
func (t *tenant) user(change claims) string { return t.sign(plainHeader, t.userClaims(change).json()) }

// raw signs the token of a user whose claims are written as text put in front of the others, which are left out where
// change says so.
func (t *tenant) raw(members string, change claims) string {
	return t.sign(plainHeader, "{"+members+","+strings.TrimPrefix(t.userClaims(change).json(), "{"))
}

// null is a JSON null, where nil would leave the claim out.
var null = json.RawMessage("null")

func (v *Verifier) verify(tb testing.TB, raw string) Verdict {
	return v.Verify(tb.Context(), raw, now, nil)
}

// wantReason fails the test where the token meets another fate, with a trace or without one.
func wantReason(t *testing.T, v *Verifier, raw string, want reason.Reason) Verdict {
	t.Helper()
	verdict := v.verify(t, raw)
	if verdict.Reason != want {
		t.Errorf("reason: want %q, got %q", want, verdict.Reason)
	}
	var trace reason.Trace
	if traced := v.Verify(t.Context(), raw, now, &trace); traced.Reason != want {
		t.Errorf("reason with a trace: want %q, got %q", want, traced.Reason)
	}
	if first, failed := trace.First(); failed != (want != reason.None) || first.Reason != want {
		t.Errorf("first failed check: want %q, got %+v", want, first)
	}
	return verdict
}
