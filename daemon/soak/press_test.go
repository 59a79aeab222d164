package soak

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

// pressPrimes is how many primes of 64 bits the press's modulus of 2048 bits is made of. Whoever has the modulus can
// factor it; but it signs in a tenth of the time that one of two primes needs, and verifies as any other.
const pressPrimes = 32

// press signs tokens that are valid and all different, fast enough for a million of them. All methods may be called at
// once.
type press struct {
	keyID   string
	modulus *big.Int
	parts   [pressPrimes]pressPart

	header  string // of every token, in base64url, with its dot
	payload []byte // of every token, but for the two places
	places  []int  // of 12 bytes each, where a token's number goes: in oid and in uti
}

// pressPart is one prime's share of a signature (Chinese remainder theorem).
type pressPart struct {
	prime, exponent, inverse uint64
	others                   *big.Int // the product of the other primes
}

// newPress has the tenant publish the press's key beside its own. Tokens are Ada's of the tenant, with the groups, but
// each is of another user.
func newPress(t *testing.T, r *rig, groups []string) *press {
	t.Helper()
	p := &press{keyID: "a-key-of-small-primes"}
	p.makeKey(t)
	p.makeToken(t, r, groups)
	p.publish(r)
	return p
}

func (p *press) makeKey(t *testing.T) {
	p.modulus = big.NewInt(1)
	public := big.NewInt(65537)
	for i := range p.parts {
		prime := p.newPrime(t, i)
		less := new(big.Int).Sub(prime, big.NewInt(1))
		p.parts[i].prime = prime.Uint64()
		p.parts[i].exponent = new(big.Int).ModInverse(public, less).Uint64()
		p.modulus.Mul(p.modulus, prime)
	}
	for i := range p.parts {
		prime := new(big.Int).SetUint64(p.parts[i].prime)
		p.parts[i].others = new(big.Int).Quo(p.modulus, prime)
		p.parts[i].inverse = new(big.Int).ModInverse(new(big.Int).Mod(p.parts[i].others, prime), prime).Uint64()
	}
	if p.modulus.BitLen() != 2048 {
		t.Fatalf("a modulus of %d bits", p.modulus.BitLen())
	}
}

// newPrime gives a prime with its six highest bits set, so that 32 of them make 2048 bits, that is none of the first i
// and fits the public exponent.
func (p *press) newPrime(t *testing.T, i int) *big.Int {
	for {
		prime, err := rand.Prime(rand.Reader, 64)
		must(t, err)
		known := slices.ContainsFunc(p.parts[:i], func(part pressPart) bool { return part.prime == prime.Uint64() })
		if prime.Uint64()>>58 == 63 && prime.Uint64()%65537 != 1 && !known {
			return prime
		}
	}
}

func (p *press) makeToken(t *testing.T, r *rig, groups []string) {
	const oid, uti = "b6e1f490-5d38-42c7-90ab-", "uti-of-"
	sample := strings.Split(r.tenant.mint(entratest.Request{User: "ada", Client: deskApp, Claims: map[string]any{
		"groups": groups, "oid": oid + "000000000000", "uti": uti + "000000000000",
	}}), ".")
	var err error
	p.payload, err = base64.RawURLEncoding.DecodeString(sample[1])
	must(t, err)
	for _, before := range []string{oid, uti} {
		p.places = append(p.places, strings.Index(string(p.payload), before)+len(before))
	}
	header := fmt.Sprintf(`{"typ":"JWT","alg":"RS256","kid":%q}`, p.keyID)
	p.header = base64.RawURLEncoding.EncodeToString([]byte(header)) + "."
}

// publish puts the key into both key sets, beside what is there.
func (p *press) publish(r *rig) {
	n, e := base64.RawURLEncoding.EncodeToString(p.modulus.Bytes()), "AQAB"
	r.tenant.misbehave(entratest.Faults{Rewrite: func(what string, body []byte) []byte {
		var set struct {
			Keys []map[string]any `json:"keys"`
		}
		if !strings.HasSuffix(what, " keys") || json.Unmarshal(body, &set) != nil {
			return body
		}
		set.Keys = append(set.Keys, map[string]any{"kty": "RSA", "use": "sig", "kid": p.keyID, "n": n, "e": e})
		changed, err := json.Marshal(set)
		if err != nil {
			return body
		}
		return changed
	}})
}

// token gives the token of that number.
func (p *press) token(number uint64) string {
	s := pressSpace.Get().(*pressScratch)
	defer pressSpace.Put(s)
	s.payload = append(s.payload[:0], p.payload...)
	for _, place := range p.places {
		copy(s.payload[place:], fmt.Sprintf("%012x", number))
	}
	s.text = append(s.text[:0], p.header...)
	s.text = base64.RawURLEncoding.AppendEncode(s.text, s.payload)
	signature := p.sign(s, sha256.Sum256(s.text))
	s.text = append(s.text, '.')
	s.text = base64.RawURLEncoding.AppendEncode(s.text, signature[:])
	return string(s.text)
}

// pressScratch is what a signature needs of memory.
type pressScratch struct {
	payload, text []byte
	message       [256]byte
	sum, one, sub big.Int
}

var pressSpace = sync.Pool{New: func() any { return new(pressScratch) }}

// pkcs1SHA256 stands before the digest of a signature by RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 9.2).
var pkcs1SHA256 = [...]byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}

func (p *press) sign(s *pressScratch, digest [sha256.Size]byte) (signature [256]byte) {
	m := s.message[:]
	for i := range m {
		m[i] = 0xff
	}
	m[0], m[1] = 0, 1
	m[256-sha256.Size-len(pkcs1SHA256)-1] = 0
	copy(m[256-sha256.Size-len(pkcs1SHA256):], pkcs1SHA256[:])
	copy(m[256-sha256.Size:], digest[:])
	s.sum.SetUint64(0)
	for i := range p.parts {
		part := &p.parts[i]
		var rest uint64
		for at := 0; at < len(m); at += 8 {
			rest = bits.Rem64(rest, binary.BigEndian.Uint64(m[at:]), part.prime)
		}
		rest = mulMod(powMod(rest, part.exponent, part.prime), part.inverse, part.prime)
		s.one.SetUint64(rest)
		s.sum.Add(&s.sum, s.sub.Mul(part.others, &s.one))
	}
	s.sum.Mod(&s.sum, p.modulus).FillBytes(signature[:])
	return signature
}

func mulMod(a, b, modulus uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return bits.Rem64(high, low, modulus)
}

func powMod(base, exponent, modulus uint64) uint64 {
	result := uint64(1)
	for ; exponent > 0; exponent >>= 1 {
		if exponent&1 == 1 {
			result = mulMod(result, base, modulus)
		}
		base = mulMod(base, base, modulus)
	}
	return result
}

// A press whose signatures were wrong would measure refusals.
func TestThePressSignsWhatClaimdLetsIn(t *testing.T) {
	r := newRig(t)
	p := newPress(t, r, []string{analysts})
	r.write(r.toml())
	d := r.start()
	seen := map[string]bool{}
	result := load{
		address: d.address, connections: 1, rate: 1000,
		next: func(_, number int) []byte { return get("/auth", bearer(p.token(uint64(number)))) },
		check: func(a *answer) error {
			seen[a.get("Remote-User")] = true
			return nil
		},
	}.run(50 * time.Millisecond)
	if result.asked < 5 || result.statuses[200] != result.asked || result.failed > 0 || len(seen) != result.asked {
		t.Errorf("%v %q\n%s", result, result.problems, d.log())
	}
}
