package daemon

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
)

// The canary's tenant, which exists in the memory of this process alone. Its host cannot be resolved (RFC 6761), and the
// client that fetches its documents has no network.
const (
	selfTestAuthority = "https://canary.invalid"
	selfTestTenant    = "3f6d1f0e-5c0b-4d0e-9d52-1be2a4a6c8f1"
	selfTestAPI       = "b0b1a1c5-6a0f-4a86-8f3e-7c2d90e4d7aa"
	selfTestClient    = "5d9a2f47-1f84-4f0b-8c1d-02d7f5b4e6c3"
	selfTestUser      = "e7a3c1d8-94f2-4b6e-a05d-6c8b1f2e3d49"
	selfTestGroup     = "9c4e7b21-d3a8-4f15-b6e0-58a1c2d9f7e4"
	selfTestIssuer    = selfTestAuthority + "/" + selfTestTenant + "/v2.0"
	selfTestConfig    = `enabled = true
[provider.canary]
tenant_id = "` + selfTestTenant + `"
application_id = "` + selfTestAPI + `"
client_application_ids = ["` + selfTestClient + `"]
authority = "` + selfTestAuthority + `"
[groups]
` + selfTestGroup + ` = ""
`
)

// selfTest proves that the checks judge: a token that is good passes, and the same token altered does not. It has a tenant,
// a key and a Snapshot of its own, behind no listener, and does not depend on what is configured.
type selfTest struct {
	key  *rsa.PrivateKey
	ring *keys.Ring
	gate *access.Gate
	now  func() time.Time
}

// newSelfTest makes a key, which takes some tenths of a second.
func newSelfTest(ctx context.Context) (*selfTest, error) {
	tree := &config.Tree{Path: "canary", Files: []config.File{{Path: "canary", Bytes: []byte(selfTestConfig)}}}
	loaded, faults := judge(tree, nil)
	if faults.Refuse() {
		return nil, faults
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	ring := keys.NewRing(keys.Options{Client: &http.Client{Transport: selfTestDocuments{&key.PublicKey}}})
	providers := loaded.Open(ring)
	if err := providers["canary"].Refresh(ctx); err != nil {
		ring.Close()
		return nil, err
	}
	ring.Keep([]*keys.Provider{providers["canary"]})
	return &selfTest{key: key, ring: ring, gate: access.NewGate(loaded.Snapshot(providers, 1), access.Options{}), now: time.Now}, nil
}

func (c *selfTest) close() { c.ring.Close() }

// check has a new token judged, and the same one with another signature.
func (c *selfTest) check(ctx context.Context) error {
	token, err := c.mint()
	if err != nil {
		return err
	}
	decision := c.decide(ctx, token)
	if !decision.Allowed() || decision.Identity.User != selfTestUser || len(decision.Identity.Groups) != 1 || decision.Identity.Groups[0] != selfTestGroup {
		return fmt.Errorf("want a good token let in, got %q", decision.Reason)
	}
	signed := strings.LastIndexByte(token, '.') + 1
	other := byte('A')
	if token[signed] == other {
		other = 'B'
	}
	if decision = c.decide(ctx, token[:signed]+string(other)+token[signed+1:]); decision.Reason != reason.Signature {
		return fmt.Errorf("want an altered token refused as %s, got %q", reason.Signature, decision.Reason)
	}
	return nil
}

func (c *selfTest) decide(ctx context.Context, token string) access.Decision {
	return c.gate.Decide(ctx, access.Request{Header: http.Header{"Authorization": {"Bearer " + token}}})
}

// mint signs a token that no other is equal to, so that nothing that is kept answers for it.
func (c *selfTest) mint() (string, error) {
	now := c.now()
	claims, err := json.Marshal(map[string]any{
		"iss": selfTestIssuer, "tid": selfTestTenant, "ver": "2.0", "aud": selfTestAPI, "azp": selfTestClient,
		"oid": selfTestUser, "sub": "canary", "scp": "canary", "groups": []string{selfTestGroup},
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Minute).Unix(), "uti": rand.Text(),
	})
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(`{"typ":"JWT","alg":"RS256","kid":"canary"}`)) + "." + encode(claims)
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, c.key, crypto.SHA256, digest[:])
	return input + "." + encode(signature), err
}

// selfTestDocuments answers for the canary's tenant without any network.
type selfTestDocuments struct{ key *rsa.PublicKey }

// RoundTrip implements http.RoundTripper.
func (d selfTestDocuments) RoundTrip(r *http.Request) (*http.Response, error) {
	var document any
	base := selfTestAuthority + "/" + selfTestTenant
	switch r.URL.String() {
	case base + "/v2.0/.well-known/openid-configuration":
		document = map[string]any{"issuer": selfTestIssuer, "jwks_uri": base + "/keys"}
	case base + "/.well-known/openid-configuration":
		document = map[string]any{"issuer": base + "/", "jwks_uri": base + "/keys"}
	case base + "/keys":
		encode := base64.RawURLEncoding.EncodeToString
		document = map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "use": "sig", "kid": "canary",
			"n": encode(d.key.N.Bytes()), "e": encode(big.NewInt(int64(d.key.E)).Bytes()),
		}}}
	default:
		return nil, errors.New("the canary has no such document")
	}
	body, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(body)),
		Body: io.NopCloser(strings.NewReader(string(body))),
	}, nil
}
