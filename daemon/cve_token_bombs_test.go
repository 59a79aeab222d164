package daemon_test

import (
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// bombAdvisories are the cases about tokens that cost more than they weigh, or break what reads them.
func bombAdvisories() []advisory {
	return []advisory{
		{"CVE-2026-29000", "an unsigned token inside an encrypted one is not unwrapped", unsignedInsideEncrypted},
		{"CVE-2024-28180", "a compressed token is not inflated", inflatingToken},
		{"CVE-2025-63811", "a bomb is refused in every form", bombs},
		{"CVE-2026-34986", "an encrypted token without a wrapped key breaks nothing", emptyWrappedKey},
		{"CVE-2025-27144", "a token of nothing but dots is refused", manyDots},
		{"CVE-2025-30204", "dots behind the header cost nothing", dotsBehindTheHeader},
	}
}

// pac4j-jwt decrypted a token and took what was inside for verified: an unsigned token, encrypted to the server's own
// public key, let anybody in as administrator (GHSA-pm7g-w2cf-q238).
func unsignedInsideEncrypted(t *testing.T, s *stage) {
	inner := unsigned(t, claims{"alg": "none"}, s.payload(t, claims{"groups": []string{"Analysts", adminGroupID}})) + "."
	sealed := jwe(t, s.public, claims{"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT", "kid": s.kid()}, []byte(inner))
	around := jwe(t, s.public, claims{"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT", "kid": s.kid()}, []byte(s.ada(t, nil)))
	s.quietly(t, func() {
		s.shared(t).try(t, []attempt{
			{"signed", s.ada(t, nil), letIn},
			{"an unsigned token, encrypted", sealed, "401 malformed"},
			{"a signed token, encrypted", around, "401 malformed"},
			{"an unsigned token as the payload of a signed one", rs256(t, s.key, claims{"alg": "RS256", "typ": "JWT", "cty": "JWT", "kid": s.kid()}, []byte(inner)), "401 malformed"},
		})
	})
}

// go-jose inflated what a compressed JWE held, however large it became: a token of some kilobytes took all memory.
func inflatingToken(t *testing.T, s *stage) {
	bomb := jwe(t, s.public, claims{"alg": "RSA-OAEP-256", "enc": "A256GCM", "zip": "DEF"}, deflated(t))
	s.quietly(t, func() { s.unharmed(t, []attempt{{"a bomb", bomb, "401 malformed"}}) })
}

// jose2go inflated them too (GHSA-9mj6-hxhv-w67j). A token that says how often a password is hashed before it is opened is
// the same bomb, and so is the compressed payload of a signed one.
func bombs(t *testing.T, s *stage) {
	zip := deflated(t)
	form := func(header claims) string {
		return unsigned(t, header, []byte("wrapped key")) + "." + encode(make([]byte, 12)) + "." + encode(zip) + "." + encode(make([]byte, 16))
	}
	s.quietly(t, func() {
		s.unharmed(t, []attempt{
			{"dir", form(claims{"alg": "dir", "enc": "A128CBC-HS256", "zip": "DEF"}), "401 malformed"},
			{"a password hashed 2^31 times", form(claims{"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 1 << 31, "p2s": "c2FsdA", "zip": "DEF"}), "401 malformed"},
			{"a signed token", rs256(t, s.key, claims{"alg": "RS256", "typ": "JWT", "kid": s.kid(), "zip": "DEF"}, zip), "401 malformed"},
			{"a signed token that does not say so", rs256(t, s.key, claims{"alg": "RS256", "typ": "JWT", "kid": s.kid()}, zip), "401 malformed"},
		})
	})
}

// go-jose panicked on a JWE whose alg wraps a key, and which brings none (GHSA-78h2-9frx-2jm8).
func emptyWrappedKey(t *testing.T, s *stage) {
	var rows []attempt
	for _, alg := range []string{"A128KW", "A192KW", "A256KW", "ECDH-ES+A128KW", "PBES2-HS256+A128KW"} {
		head := unsigned(t, claims{"alg": alg, "enc": "A128GCM"}, nil) // ends with a dot: the wrapped key is empty
		rows = append(rows, attempt{alg, head + "." + encode(make([]byte, 12)) + ".AAAA." + encode(make([]byte, 16)), "401 malformed"},
			attempt{alg + ", and nothing else", head + "...", "401 malformed"})
	}
	s.quietly(t, func() { s.unharmed(t, rows) })
}

// go-jose split a token at every dot before it counted the parts: one of many dots took memory for each.
func manyDots(t *testing.T, s *stage) {
	s.quietly(t, func() {
		s.unharmed(t, []attempt{
			{"30 KiB of dots", strings.Repeat(".", 30<<10), "401 opaque_token"},
			{"40 KiB of dots", strings.Repeat(".", 40<<10), "401 malformed"},
			{"four dots", "....", "401 malformed"},
			{"two dots", "..", "401 malformed"},
			{"one dot", ".", "401 opaque_token"},
		})
	})
	header := http.Header{"Authorization": {"Bearer " + strings.Repeat(".", 60<<10)}}
	if a := fetch(t, http.MethodGet, s.shared(t).gate+"/auth", header); a.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("60 KiB of dots: status %d, want 431", a.status)
	}
}

// golang-jwt did the same in ParseUnverified, behind a header that reads like one (GHSA-mh63-6h87-95cp).
func dotsBehindTheHeader(t *testing.T, s *stage) {
	good := s.ada(t, nil)
	header, _, _ := strings.Cut(good, ".")
	s.quietly(t, func() {
		s.unharmed(t, []attempt{
			{"a header and dots", header + strings.Repeat(".", 30<<10), "401 malformed"},
			{"a token and dots", good + strings.Repeat(".", 20<<10), "401 malformed"},
			{"dots and a token", strings.Repeat(".", 20<<10) + good, "401 opaque_token"},
		})
	})
}

// unharmed asks with tokens that broke others, and looks that claimd took no harm: it still lets Ada in, panicked
// nowhere, and took little memory.
func (s *stage) unharmed(t *testing.T, rows []attempt) {
	t.Helper()
	const most = 3 << 20 // a request of 48 KiB with all of this process's part in it; a bomb holds 15 MiB
	c := s.shared(t)
	c.ask(t, s.ada(t, nil)).want(t, "before", letIn)
	for _, row := range rows {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c.ask(t, row.token).want(t, row.name, row.want)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > most {
			t.Errorf("%s: it took %d bytes, want %d at most", row.name, took, most)
		}
	}
	c.ask(t, s.ada(t, nil)).want(t, "after", letIn)
	c.wantNoPanic(t)
}

// wantNoPanic looks at the count of requests whose judgement broke.
func (c *claimd) wantNoPanic(t *testing.T) {
	t.Helper()
	status, err := c.admin.Status(t.Context())
	must(t, err)
	if status.Counts.Panics != 0 {
		t.Errorf("%d requests broke, want none", status.Counts.Panics)
	}
}

// deflated is some kilobytes that inflate to 15 MiB: one compressed block many times, as compressing takes its time.
func deflated(t *testing.T) []byte {
	t.Helper()
	var block bytes.Buffer
	w, err := flate.NewWriter(&block, flate.DefaultCompression)
	must(t, err)
	_, err = w.Write(make([]byte, 256<<10))
	must(t, err, w.Flush())
	return append(bytes.Repeat(block.Bytes(), 60), 3, 0) // an empty last block (RFC 1951, section 3.2.6)
}

// jwe encrypts to an RSA key with RSA-OAEP-256 and A256GCM (RFC 7516, appendix A.1).
func jwe(t *testing.T, key *rsa.PublicKey, header claims, plain []byte) string {
	t.Helper()
	text, err := json.Marshal(header)
	must(t, err)
	secret, nonce := make([]byte, 32), make([]byte, 12)
	rand.Read(secret)
	rand.Read(nonce)
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, key, secret, nil)
	must(t, err)
	block, err := aes.NewCipher(secret)
	must(t, err)
	gcm, err := cipher.NewGCM(block)
	must(t, err)
	sealed := gcm.Seal(nil, nonce, plain, []byte(encode(text)))
	tag := len(sealed) - gcm.Overhead()
	return strings.Join([]string{encode(text), encode(wrapped), encode(nonce), encode(sealed[:tag]), encode(sealed[tag:])}, ".")
}
