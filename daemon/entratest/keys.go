package entratest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"time"
)

// signingKey is one of the tenant's keys. Only removed changes, under the tenant's lock.
type signingKey struct {
	id          string // the certificate's SHA-1 thumbprint, as at Entra
	application string // id of the API whose tokens it signs, in lower case; "" = of all that have no key of their own
	private     *rsa.PrivateKey
	certificate []byte // DER, signed by the key itself
	removed     bool   // from the published set; it can still sign
}

// newSigningKey makes a key and its certificate. That takes a tenth of a second or more.
func newSigningKey() (*signingKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: "fakeentra, not for production"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(5, 0, 0),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, fmt.Errorf("make a signing key's certificate: %w", err)
	}
	thumbprint := sha1.Sum(certificate)
	return &signingKey{
		id:          base64.RawURLEncoding.EncodeToString(thumbprint[:]),
		private:     private,
		certificate: certificate,
	}, nil
}

// sign gives the compact form of header and payload, signed with RS256 whatever the header says.
func (k *signingKey) sign(header, payload []byte) (string, error) {
	text := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, k.private, crypto.SHA256, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// signForGraph signs as Microsoft Graph's tokens are: over a header whose nonce is hashed, so that nobody else's check of
// the signature holds.
func (k *signingKey) signForGraph(header map[string]any, payload []byte) (string, error) {
	nonce := randomText(32)
	hashed := sha256.Sum256([]byte(nonce))
	var texts [2][]byte
	for i, value := range []string{base64.RawURLEncoding.EncodeToString(hashed[:]), nonce} {
		header["nonce"] = value
		text, err := json.Marshal(header)
		if err != nil {
			return "", fmt.Errorf("header: %w", err)
		}
		texts[i] = text
	}
	signed, err := k.sign(texts[0], payload)
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(signed, ".")
	return base64.RawURLEncoding.EncodeToString(texts[1]) + "." + rest, nil
}

// jwk gives the public half as the key sets hold it. issuer is "" in the v1.0 set, whose keys name none.
func (k *signingKey) jwk(issuer string) map[string]any {
	exponent := big.NewInt(int64(k.private.E)).Bytes()
	jwk := map[string]any{
		"kty": "RSA",
		"use": "sig",
		"kid": k.id,
		"x5t": k.id,
		"n":   base64.RawURLEncoding.EncodeToString(k.private.N.Bytes()),
		"e":   base64.RawURLEncoding.EncodeToString(exponent),
		"x5c": []string{base64.StdEncoding.EncodeToString(k.certificate)},
	}
	if issuer != "" {
		jwk["issuer"] = issuer
	}
	return jwk
}

// Rotate makes a new key that signs from now on, publishes it beside the others, and gives its id. Tokens for an API that
// has a signing key of its own are not concerned.
func (t *Tenant) Rotate() string { return t.RotateFor("") }

// RotateFor is Rotate for the tokens of that API alone: from now on it has a signing key of its own, which is published
// under ?appid= and nowhere else. "" = Rotate.
func (t *Tenant) RotateFor(applicationID string) string {
	key, err := newSigningKey()
	if err != nil {
		panic(err) // the system has no randomness, or the template above is wrong
	}
	key.application = strings.ToLower(applicationID)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keys = append(t.keys, key)
	return key.id
}

// Remove takes a key out of the published set. It can still sign, where Request.KeyID names it or no newer one is there.
func (t *Tenant) Remove(keyID string) { t.remove(keyID) }

// remove reports whether there is such a key.
func (t *Tenant) remove(keyID string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.IndexFunc(t.keys, func(key *signingKey) bool { return key.id == keyID })
	if at < 0 {
		return false
	}
	t.keys[at].removed = true
	return true
}

// KeyIDs gives the ids of the published keys, the oldest first. The last key made signs. Keys of an API's own are not
// among them.
func (t *Tenant) KeyIDs() []string {
	var ids []string
	for _, key := range t.published("") {
		ids = append(ids, key.id)
	}
	return ids
}

// published gives the keys that are not removed, the oldest first: the tenant's, and the API's own of that id.
func (t *Tenant) published(applicationID string) []*signingKey {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(t.keys), func(key *signingKey) bool {
		return key.removed || key.application != "" && !strings.EqualFold(key.application, applicationID)
	})
}

// signer gives the key of that id, removed or not; "" is the newest that signs tokens for the API of that id.
func (t *Tenant) signer(keyID, applicationID string) (*signingKey, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var general *signingKey
	for _, key := range slices.Backward(t.keys) {
		switch {
		case keyID != "" && keyID != key.id:
		case keyID != "" || key.application != "" && strings.EqualFold(key.application, applicationID):
			return key, nil
		case key.application == "" && general == nil:
			general = key
		}
	}
	if general == nil {
		return nil, fmt.Errorf("the tenant has no key %q", keyID)
	}
	return general, nil
}

// keySet gives the published keys as the set of version 1 or 2, with ?appid= those of that API too.
func (t *Tenant) keySet(version int, applicationID string, faults Faults) map[string]any {
	issuer := ""
	if version == 2 {
		issuer = t.Issuer(2)
	}
	keys := []map[string]any{}
	for _, key := range t.published(applicationID) {
		jwk := key.jwk(issuer)
		if faults.ExtraMembers {
			addStrangers(jwk)
		}
		keys = append(keys, jwk)
	}
	if faults.ShuffleKeys {
		mathrand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	}
	return map[string]any{"keys": keys}
}
