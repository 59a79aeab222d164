package keys

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Why a key is ignored, where that must be told apart from other reasons.
var (
	errLeaked = errors.New("the provider published private key material")
	errTwice  = errors.New("two keys of this id differ")
)

// Sizes of RSA keys in bits: below, they are weak (NIST SP 800-131A); above, one check costs too much.
const (
	minRSA = 2048
	maxRSA = 8192
)

// jwk is one key as the provider wrote it: unverified, all of it (RFC 7517 section 4, RFC 7518 section 6; issuer and
// cloud_instance_name are Microsoft's). A nil pointer or value is an absent member.
type jwk struct {
	Type       string   `json:"kty"`
	ID         string   `json:"kid"`
	Use        *string  `json:"use"`
	Operations []string `json:"key_ops"`
	Algorithm  *string  `json:"alg"`
	Issuer     *string  `json:"issuer"`
	Cloud      *string  `json:"cloud_instance_name"`

	N     string `json:"n"`
	E     string `json:"e"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	Y     string `json:"y"`

	D   jsontext.Value `json:"d"`
	P   jsontext.Value `json:"p"`
	Q   jsontext.Value `json:"q"`
	DP  jsontext.Value `json:"dp"`
	DQ  jsontext.Value `json:"dq"`
	QI  jsontext.Value `json:"qi"`
	Oth jsontext.Value `json:"oth"`
	K   jsontext.Value `json:"k"`
}

// readKey is what became of one key of a set. key.ID is set where the key has one, also when it is refused.
type readKey struct {
	key     Key
	kind    string // "RSA 2048", "EC P-256"
	refused error  // nil = usable
}

// status tells the same for people.
func (r readKey) status() KeyStatus {
	s := KeyStatus{ID: shown(r.key.ID), Type: r.kind}
	if r.refused != nil {
		s.Ignored = r.refused.Error()
	}
	return s
}

// readKey checks one key of the set of that document.
func (e edition) readKey(raw jsontext.Value, d document) readKey {
	var unverified jwk
	if err := json.Unmarshal(raw, &unverified); err != nil || raw.Kind() != '{' {
		return readKey{kind: "?", refused: errors.New("want a JSON object without duplicate members, each of its own type")}
	}
	read := readKey{key: Key{ID: unverified.ID}, kind: unverified.kind()}
	if unverified.Algorithm != nil {
		read.key.Algorithm = *unverified.Algorithm
	}
	if read.refused = unverified.checkPurpose(); read.refused != nil {
		return read
	}
	if read.refused = e.checkOwner(unverified, d); read.refused != nil {
		return read
	}
	read.key.Public, read.refused = unverified.public()
	return read
}

// kind names type and size. It promises nothing about the key.
func (k jwk) kind() string {
	switch k.Type {
	case "RSA":
		if n, err := number("n", k.N); err == nil {
			return fmt.Sprintf("RSA %d", n.BitLen())
		}
		return "RSA"
	case "EC":
		return strings.TrimSpace("EC " + shown(k.Curve))
	case "":
		return "?"
	}
	return shown(k.Type)
}

// checkPurpose refuses what is no public key for checking signatures, or has no id to be found by.
func (k jwk) checkPurpose() error {
	for _, private := range []jsontext.Value{k.D, k.P, k.Q, k.DP, k.DQ, k.QI, k.Oth, k.K} {
		if private != nil {
			return errLeaked
		}
	}
	switch {
	case k.Type == "oct":
		return errLeaked
	case k.Type != "RSA" && k.Type != "EC":
		return fmt.Errorf("kty: want RSA or EC, got %s", quote(k.Type))
	case k.ID == "":
		return errors.New("kid: want an id, got none")
	case k.Use != nil && *k.Use != "sig":
		return fmt.Errorf("use: want sig, got %s", quote(*k.Use))
	case k.Operations != nil && !slices.Contains(k.Operations, "verify"):
		return errors.New("key_ops: want verify among them, got none")
	}
	return k.checkAlgorithm()
}

// checkAlgorithm refuses an `alg` that does not fit the type: one key, one algorithm (RFC 8725, section 3.1).
func (k jwk) checkAlgorithm() error {
	fits := []string{"RS256", "PS256"}
	if k.Type == "EC" {
		fits = []string{"ES256"}
	}
	if k.Algorithm != nil && !slices.Contains(fits, *k.Algorithm) {
		return fmt.Errorf("alg: want %s for %s, got %s", strings.Join(fits, " or "), k.Type, quote(*k.Algorithm))
	}
	return nil
}

// checkOwner refuses a key that belongs to another tenant or another cloud, where the key says so.
func (e edition) checkOwner(unverified jwk, d document) error {
	if unverified.Issuer != nil && !e.keyIssuerFits(*unverified.Issuer, d) {
		return fmt.Errorf("issuer: want %s, got %s", quote(d.issuer), quote(*unverified.Issuer))
	}
	if unverified.Cloud == nil || !e.isEntra() {
		return nil
	}
	for _, want := range []string{d.cloud, e.source.CloudInstance} {
		if want != "" && *unverified.Cloud != want {
			return fmt.Errorf("cloud_instance_name: want %s, got %s", quote(want), quote(*unverified.Cloud))
		}
	}
	return nil
}

// public gives the key itself.
func (k jwk) public() (crypto.PublicKey, error) {
	if k.Type == "EC" {
		return k.publicEC()
	}
	return k.publicRSA()
}

func (k jwk) publicRSA() (crypto.PublicKey, error) {
	n, err := number("n", k.N)
	if err != nil {
		return nil, err
	}
	e, err := number("e", k.E)
	if err != nil {
		return nil, err
	}
	switch {
	case n.BitLen() < minRSA || n.BitLen() > maxRSA:
		return nil, fmt.Errorf("want %d to %d bits, got %d", minRSA, maxRSA, n.BitLen())
	case n.Bit(0) == 0:
		return nil, errors.New("n: want an odd number, got an even one")
	case e.BitLen() > 31 || e.Bit(0) == 0 || e.Cmp(big.NewInt(3)) < 0:
		return nil, errors.New("e: want an odd number from 3 to 2^31, got another")
	case isROCA(n):
		return nil, errors.New("the key is from a flawed generator and can be factored (ROCA, CVE-2017-15361)")
	}
	return parse(map[string]string{"kty": "RSA", "n": encode(n.Bytes()), "e": encode(e.Bytes())})
}

func (k jwk) publicEC() (crypto.PublicKey, error) {
	if k.Curve != "P-256" {
		return nil, fmt.Errorf("crv: want P-256, got %s", quote(k.Curve))
	}
	x, err := decode("x", k.X)
	if err != nil {
		return nil, err
	}
	y, err := decode("y", k.Y)
	if err != nil {
		return nil, err
	}
	if len(x) != 32 || len(y) != 32 {
		return nil, fmt.Errorf("want 32 bytes each of x and y, got %d and %d", len(x), len(y))
	}
	if _, err := ecdh.P256().NewPublicKey(slices.Concat([]byte{4}, x, y)); err != nil {
		return nil, errors.New("want a point on P-256, got another")
	}
	return parse(map[string]string{"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
}

// parse makes the public key of a checked JWK, by keyfunc. It is given nothing but the checked numbers, written anew: by
// itself keyfunc takes use=enc, any key_ops, private keys, any size, and an exponent cut to 64 bits, and one bad key
// makes it refuse the whole set.
func parse(checked map[string]string) (crypto.PublicKey, error) {
	set, err := json.Marshal(map[string]any{"keys": []any{checked}})
	if err != nil {
		return nil, err
	}
	parsed, err := keyfunc.NewJWKSetJSON(set)
	if err != nil {
		return nil, errors.New("want a public key, got none that can be read")
	}
	all, err := parsed.VerificationKeySet(context.Background())
	if err != nil || len(all.Keys) != 1 {
		return nil, errors.New("want a public key, got none that can be read")
	}
	return all.Keys[0], nil
}

// number reads a Base64urlUInt (RFC 7518, section 2). Leading zeros are let pass: they change nothing.
func number(name, text string) (*big.Int, error) {
	raw, err := decode(name, text)
	if err != nil {
		return nil, err
	}
	return new(big.Int).SetBytes(raw), nil
}

// decode reads base64url without padding, and nothing but: the library by itself skips line ends.
func decode(name, text string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || text == "" || strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("%s: want base64url without padding, got other text", name)
	}
	return raw, nil
}

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }
