package keys

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/claimd/claimd/daemon/entra"
)

// This file is a second model of the provider's documents, as plain as it can be: on encoding/json, which the package
// does not use, with arithmetic of its own, and a look at every other key of the set for each one.

// naiveKey is one key of a set: its members, and the numbers that make it.
type naiveKey struct {
	kind, algorithm string
	numbers         [2]string // n and e, or x and y, in decimal
}

var errNaive = errors.New("not what the contract lets in")

// naiveKeys gives the usable keys of a set by their ids; an error where the set is a bad one.
func naiveKeys(raw []byte, e edition, d document) (map[string]naiveKey, error) {
	elements, err := naiveElements(raw)
	if err != nil || len(elements) > 1000 {
		return nil, errNaive
	}
	usable, refused := map[string]naiveKey{}, map[string]bool{}
	for _, element := range elements {
		var members map[string]any
		if !jsontext.Value(element).IsValid() || json.Unmarshal(element, &members) != nil || members == nil || !wellTyped(members) {
			continue
		}
		id, _ := members["kid"].(string)
		if isPrivate(members) {
			refused[id] = true
		}
		key, ok := naiveUsable(members, e, d)
		if !ok || id == "" {
			continue
		}
		if before, ok := usable[id]; ok && before != key {
			refused[id] = true
		}
		usable[id] = key
	}
	maps.DeleteFunc(usable, func(id string, _ naiveKey) bool { return refused[id] })
	if len(usable) == 0 {
		return nil, errNaive
	}
	return usable, nil
}

// naiveElements gives the elements of `keys`, where one object is all there is and no member of it stands twice.
func naiveElements(raw []byte) ([]json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errNaive
	}
	members := map[string]json.RawMessage{}
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || decoder.Decode(&value) != nil || members[name] != nil {
			return nil, errNaive
		}
		members[name] = value
		if name != "keys" && !jsontext.Value(value).IsValid() {
			return nil, errNaive
		}
	}
	if _, err := decoder.Token(); err != nil {
		return nil, errNaive
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errNaive
	}
	var elements []json.RawMessage
	if !bytes.HasPrefix(members["keys"], []byte("[")) || json.Unmarshal(members["keys"], &elements) != nil {
		return nil, errNaive
	}
	return elements, nil
}

// wellTyped reports whether the members that are texts, or a list of them, are that or null.
func wellTyped(members map[string]any) bool {
	for _, name := range strings.Fields("kty kid use alg issuer cloud_instance_name n e crv x y") {
		if _, ok := members[name].(string); !ok && members[name] != nil {
			return false
		}
	}
	operations, ok := members["key_ops"].([]any)
	return (ok || members["key_ops"] == nil) && !slices.ContainsFunc(operations, func(v any) bool {
		_, ok := v.(string)
		return !ok && v != nil
	})
}

func isPrivate(members map[string]any) bool {
	for _, name := range strings.Fields("d p q dp dq qi oth k") {
		if _, ok := members[name]; ok {
			return true
		}
	}
	return members["kty"] == "oct"
}

func naiveUsable(members map[string]any, e edition, d document) (naiveKey, bool) {
	either := func(name string, allowed ...any) bool {
		return members[name] == nil || slices.Contains(allowed, members[name])
	}
	operations, _ := members["key_ops"].([]any)
	issuers := []any{d.issuer, strings.ReplaceAll(d.issuer, e.source.Tenant, "{tenantid}")}
	if e.version == entra.V1 {
		v2 := "https://login.contoso.test/" + e.source.Tenant + "/v2.0"
		issuers = append(issuers, v2, strings.ReplaceAll(v2, e.source.Tenant, "{tenantid}"))
	}
	if isPrivate(members) || !either("use", "sig") || members["key_ops"] != nil && !slices.Contains(operations, any("verify")) ||
		!either("issuer", issuers...) {
		return naiveKey{}, false
	}
	for _, cloud := range []string{d.cloud, e.source.CloudInstance} {
		if cloud != "" && !either("cloud_instance_name", cloud) {
			return naiveKey{}, false
		}
	}
	algorithm, _ := members["alg"].(string)
	switch members["kty"] {
	case "RSA":
		n, e := naiveNumber(members["n"]), naiveNumber(members["e"])
		good := n != nil && e != nil && n.BitLen() >= 2048 && n.BitLen() <= 8192 && n.Bit(0) == 1 && e.Bit(0) == 1 && e.BitLen() <= 31 &&
			e.Int64() >= 3 && !isROCA(n) && either("alg", "RS256", "PS256")
		if !good {
			return naiveKey{}, false
		}
		return naiveKey{"RSA", algorithm, [2]string{n.String(), e.String()}}, true
	case "EC":
		x, y := naiveNumber(members["x"]), naiveNumber(members["y"])
		if x == nil || y == nil || members["crv"] != "P-256" || !isOnP256(x, y) || !either("alg", "ES256") ||
			len(members["x"].(string)) != 43 || len(members["y"].(string)) != 43 {
			return naiveKey{}, false
		}
		return naiveKey{"EC", algorithm, [2]string{x.String(), y.String()}}, true
	}
	return naiveKey{}, false
}

var base64Text = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// naiveNumber reads a number whose bytes have no other spelling; nil for anything else.
func naiveNumber(member any) *big.Int {
	text, _ := member.(string)
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || !base64Text.MatchString(text) || base64.RawURLEncoding.EncodeToString(raw) != text {
		return nil
	}
	return new(big.Int).SetBytes(raw)
}

// isOnP256 reports whether y^2 = x^3 - 3x + b (FIPS 186-4, appendix D.1.2.3).
func isOnP256(x, y *big.Int) bool {
	p, _ := new(big.Int).SetString("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff", 16)
	b, _ := new(big.Int).SetString("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b", 16)
	if x.Cmp(p) >= 0 || y.Cmp(p) >= 0 {
		return false
	}
	right := new(big.Int).Exp(x, big.NewInt(3), nil)
	right.Sub(right, new(big.Int).Mul(big.NewInt(3), x)).Add(right, b).Mod(right, p)
	return new(big.Int).Exp(y, big.NewInt(2), p).Cmp(right) == 0
}
