package daemon_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"hash"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

// forgeries are the cases about who signed a token, and with what.
func forgeries() []advisory {
	return []advisory{
		{"CVE-2021-44878", "no algorithm at all signs nothing", noAlgorithm},
		{"CVE-2024-54150", "a public key is no HMAC secret", publicKeyAsSecret},
		{"CVE-2026-33322", "the client's secret signs no token", clientSecretAsSecret},
		{"CVE-2026-22817", "a key without alg does not let the token choose one", keyWithoutAlg},
		{"CVE-2018-0114", "a key that the token brings along verifies nothing", keyInTheToken},
		{"CVE-2025-24976", "a trusted key id does not make the key beside it trusted", trustedIDForeignKey},
		{"CVE-2022-21449", "a signature of zeros is none", zeroSignature},
		{"CVE-2026-23518", "who signed is asked before anything is believed", nobodySigned},
		{"CVE-2024-51744", "a forged token that has expired too is a forged one", forgedAndExpired},
		{"CVE-2024-5037", "a token in the JSON form is no token", jsonSerialization},
		{"CVE-2026-27840", "a token is whole or is none", cutTokens},
	}
}

// pac4j took OpenID tokens of the algorithm "none" unless told not to: whoever left the signature out was let in as
// anybody.
func noAlgorithm(t *testing.T, s *stage) {
	payload := s.payload(t, nil)
	rows := []attempt{{"signed", s.ada(t, nil), letIn}}
	for _, alg := range []string{"none", "None", "nOnE", "NONE", "none ", "", "none\x00"} {
		want := "401 algorithm"
		if alg == "" {
			want = "401 malformed"
		}
		text := unsigned(t, claims{"alg": alg, "typ": "JWT", "kid": s.kid()}, payload)
		rows = append(rows,
			attempt{"alg " + alg + " with a signature of somebody's", text + ".AAAA", want},
			attempt{"alg " + alg + " without a signature", text + ".", "401 malformed"},
			attempt{"alg " + alg + " without the last dot", text, "401 malformed"})
	}
	s.quietly(t, func() { s.shared(t).try(t, rows) })
}

// cjwt (xmidt-org) took the algorithm from the token: a token of HS256 was verified with the RSA public key as the HMAC
// secret, so everybody who could read the public key could write tokens.
func publicKeyAsSecret(t *testing.T, s *stage) {
	payload, key := s.payload(t, nil), s.public
	der, err := x509.MarshalPKIXPublicKey(key)
	must(t, err)
	pkcs1 := x509.MarshalPKCS1PublicKey(key)
	asPEM := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	jwk, err := json.Marshal(jwkOf(&rsa.PrivateKey{PublicKey: *key}, s.kid()))
	must(t, err)
	rows := []attempt{{"signed", s.ada(t, nil), letIn}}
	for name, secret := range map[string][]byte{
		"PEM": asPEM("PUBLIC KEY", der), "PEM without its last line end": bytes.TrimSpace(asPEM("PUBLIC KEY", der)),
		"PEM of PKCS#1": asPEM("RSA PUBLIC KEY", pkcs1), "DER": der, "DER of PKCS#1": pkcs1, "the modulus": key.N.Bytes(),
		"the modulus in base64": []byte(encode(key.N.Bytes())), "the JWK": jwk, "nothing": {}, "the key id": []byte(s.kid()),
	} {
		for alg, sum := range map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New} {
			rows = append(rows, attempt{alg + " with " + name, hs(t, sum, secret, claims{"alg": alg, "typ": "JWT", "kid": s.kid()}, payload), "401 algorithm"})
		}
	}
	rows = append(rows, attempt{"RS256 in the header, a MAC behind it",
		hs(t, sha256.New, der, claims{"alg": "RS256", "typ": "JWT", "kid": s.kid()}, payload), "401 signature"})
	s.quietly(t, func() { s.shared(t).try(t, rows) })
}

// MinIO took OpenID tokens of HS256, with the client secret as the key: who knew the secret of the application wrote
// tokens with any policy, consoleAdmin too (GHSA-5cx5-wh4m-82fh).
func clientSecretAsSecret(t *testing.T, s *stage) {
	payload := s.payload(t, nil)
	rows := []attempt{{"signed", s.ada(t, nil), letIn}}
	for _, secret := range []string{nightlySecret, encode([]byte(nightlySecret)), apiApp, ""} {
		for _, header := range []claims{{"alg": "HS256", "typ": "JWT", "kid": s.kid()}, {"alg": "HS256", "typ": "JWT"}} {
			rows = append(rows, attempt{"a MAC with a secret", hs(t, sha256.New, []byte(secret), header, payload), "401 algorithm"})
		}
	}
	s.quietly(t, func() { s.shared(t).try(t, rows) })
}

// Hono's middleware for key sets let the token's header decide where the key named no alg, as Entra's keys do not:
// algorithms could be confused (GHSA-f67f-6cw9-8mq4). Here the token decides nothing: RS256 or none.
func keyWithoutAlg(t *testing.T, s *stage) {
	odd := s.oddly(t)
	pinned := jwkOf(s.key, "pinned")
	pinned["alg"] = "PS256"
	odd.publish(t, jwkOf(s.key, "plain"), pinned)
	payload := payloadOf(t, s.mint(t, odd.Tenant, entratest.Request{User: "ada"}))
	with := func(alg, kid string) string {
		return rs256(t, s.key, claims{"alg": alg, "typ": "JWT", "kid": kid}, payload)
	}
	rows := []attempt{
		{"RS256", with("RS256", "plain"), letIn},
		{"RS256 by a key for PS256", with("RS256", "pinned"), "401 key"},
		{"PS256 by a key for PS256", with("PS256", "pinned"), "401 algorithm"},
	}
	for _, alg := range []string{"RS384", "RS512", "PS256", "ES256", "ES256K", "EdDSA", "HS256", "RS1", "rs256", "RS256\n"} {
		rows = append(rows, attempt{"alg " + alg, with(alg, "plain"), "401 algorithm"})
	}
	rows = append(rows, attempt{"an HMAC with the modulus",
		hs(t, sha256.New, s.key.N.Bytes(), claims{"alg": "HS256", "typ": "JWT", "kid": "plain"}, payload), "401 algorithm"})
	odd.claimd.try(t, rows)
}

// node-jose (Cisco) verified a token with the key in the token's own jwk header: whoever signed with a key of his own
// and enclosed it was let in. jku, x5u and x5c are the same by post.
func keyInTheToken(t *testing.T, s *stage) {
	payload := s.payload(t, nil)
	rows := []attempt{{"signed", s.ada(t, nil), letIn}}
	for name, value := range map[string]any{
		"jwk": jwkOf(s.key, "mine"), "jku": s.trap.URL + "/keys", "x5u": s.trap.URL + "/certificate",
		"x5c": []string{base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&s.key.PublicKey))}, "JWK": jwkOf(s.key, "mine"),
	} {
		for _, kid := range []any{"mine", s.kid(), nil} {
			header := claims{"alg": "RS256", "typ": "JWT", name: value}
			if kid != nil {
				header["kid"] = kid
			}
			rows = append(rows, attempt{"header " + name, rs256(t, s.key, header, payload), "401 malformed"})
		}
	}
	s.quietly(t, func() { s.shared(t).try(t, rows) })
}

// Distribution's registry looked up the key id of the token's jwk among those it trusts, and then verified with the key
// that came along: a right id beside a wrong key was let in.
func trustedIDForeignKey(t *testing.T, s *stage) {
	payload := s.payload(t, nil)
	header := func(more claims) claims { return merge(claims{"alg": "RS256", "typ": "JWT", "kid": s.kid()}, more) }
	s.quietly(t, func() {
		s.shared(t).try(t, []attempt{
			{"signed", s.ada(t, nil), letIn},
			{"the trusted id in both places", rs256(t, s.key, header(claims{"jwk": jwkOf(s.key, s.kid())}), payload), "401 malformed"},
			{"the trusted key enclosed, another signed", rs256(t, s.key, header(claims{"jwk": claims{"kty": "RSA", "kid": s.kid()}}), payload), "401 malformed"},
			{"the trusted id alone", rs256(t, s.key, header(nil), payload), "401 signature"},
			{"the trusted id and its thumbprint", rs256(t, s.key, header(claims{"x5t": s.kid()}), payload), "401 signature"},
		})
	})
}

// Java 15 to 18 took an ECDSA signature of zeros for right, whatever was signed (psychic signatures).
func zeroSignature(t *testing.T, s *stage) {
	payload := s.payload(t, nil)
	text := unsigned(t, claims{"alg": "RS256", "typ": "JWT", "kid": s.kid()}, payload)
	elliptic := unsigned(t, claims{"alg": "ES256", "typ": "JWT", "kid": s.kid()}, payload)
	modulus := s.public.N
	less := new(big.Int).Sub(modulus, big.NewInt(1))
	s.quietly(t, func() {
		s.shared(t).try(t, []attempt{
			{"signed", s.ada(t, nil), letIn},
			{"64 zeros of ES256", elliptic + "." + encode(make([]byte, 64)), "401 algorithm"},
			{"64 zeros", text + "." + encode(make([]byte, 64)), "401 signature"},
			{"256 zeros", text + "." + encode(make([]byte, 256)), "401 signature"},
			{"one", text + "." + encode(append(make([]byte, 255), 1)), "401 signature"},
			{"the modulus", text + "." + encode(modulus.Bytes()), "401 signature"},
			{"the modulus less one", text + "." + encode(less.Bytes()), "401 signature"},
			{"257 bytes", text + "." + encode(append([]byte{1}, make([]byte, 256)...)), "401 signature"},
		})
	})
}

// Fleet read the claims of Azure AD tokens in the enrolment of Windows devices, and never verified their signatures: a
// device was enrolled for any user that a forged token named (GHSA-63m5-974w-448v).
func nobodySigned(t *testing.T, s *stage) {
	good := s.ada(t, nil)
	parts := strings.Split(good, ".")
	boss := s.payload(t, claims{"oid": blockedObject, "groups": []string{"Analysts", adminGroupID}})
	foreign := s.mint(t, s.fabrikam, entratest.Request{User: "ada", Claims: s.asContoso(nil), Header: claims{"kid": s.kid()}})
	s.quietly(t, func() {
		s.shared(t).try(t, []attempt{
			{"signed", good, letIn},
			{"other claims under a right signature", parts[0] + "." + encode(boss) + "." + parts[2], "401 signature"},
			{"another header under a right signature", unsigned(t, claims{"alg": "RS256", "typ": "at+jwt", "kid": s.kid()}, payloadOf(t, good)) + "." + parts[2], "401 signature"},
			{"signed by an attacker", rs256(t, s.key, claims{"alg": "RS256", "typ": "JWT", "kid": s.kid()}, boss), "401 signature"},
			{"signed by another tenant", foreign, "401 signature"},
			{"one bit of the signature", alter(good), "401 signature"},
			{"any text for a signature", parts[0] + "." + parts[1] + "." + encode([]byte("signed, Ada")), "401 signature"},
		})
	})
}

// golang-jwt gave two errors in one for a token that was forged and had expired, and its documentation showed code that
// looked for the second alone: who let expired tokens in for a while let forged ones in (GHSA-29wx-vh33-7x7r).
func forgedAndExpired(t *testing.T, s *stage) {
	old := s.mint(t, s.contoso, entratest.Request{User: "ada", Issued: longAgo()})
	justNow := time.Now().Unix() - 30
	within := s.ada(t, claims{"exp": justNow, "nbf": justNow - 600, "iat": justNow - 600})
	header := claims{"alg": "RS256", "typ": "JWT", "kid": s.kid()}
	s.quietly(t, func() {
		s.shared(t).try(t, []attempt{
			{"signed, and expired within the skew", within, letIn},
			{"signed and expired", old, "401 expired"},
			{"forged and expired", rs256(t, s.key, header, payloadOf(t, old)), "401 signature"},
			{"forged and expired within the skew", rs256(t, s.key, header, payloadOf(t, within)), "401 signature"},
			{"forged and not valid yet", rs256(t, s.key, header, s.payload(t, claims{"nbf": 1 << 35})), "401 signature"},
		})
	})
}

// OpenShift's Telemeter verified the signature of a JSON-serialized JWS, and read the issuer from members that stood
// beside it unsigned: a forged token passed the check of iss.
func jsonSerialization(t *testing.T, s *stage) {
	c, good := s.shared(t), s.ada(t, nil)
	parts := strings.Split(good, ".")
	flat, err := json.Marshal(claims{"protected": parts[0], "payload": parts[1], "signature": parts[2], "iss": s.contoso.Issuer(2)})
	must(t, err)
	general, err := json.Marshal(claims{"payload": parts[1], "signatures": []claims{{"protected": parts[0], "signature": parts[2]}}})
	must(t, err)
	s.quietly(t, func() {
		c.ask(t, good).want(t, "the compact form", letIn)
		for _, row := range []struct {
			name, text, payload string // the answer where it stands as the payload
		}{{"flattened", string(flat), "401 tenant"}, {"general", string(general), "401 issuer"}} {
			c.auth(t, http.Header{"Authorization": {"Bearer " + row.text}}).want(t, row.name, "400 invalid_request")
			c.ask(t, encode([]byte(row.text))).want(t, row.name+" in base64", "401 opaque_token")
			c.ask(t, parts[0]+"."+encode([]byte(row.text))+"."+parts[2]).want(t, row.name+" as the payload", row.payload)
		}
	})
}

// ZITADEL took an opaque token that was cut to 80 characters for the whole one (GHSA-6mq3-xmgp-pjm5).
func cutTokens(t *testing.T, s *stage) {
	good := s.ada(t, nil)
	dot := strings.LastIndexByte(good, '.')
	rows := []attempt{
		{"whole", good, letIn},
		{"80 characters", good[:80], "401 opaque_token"},
		{"the header", good[:strings.IndexByte(good, '.')], "401 opaque_token"},
		{"without a signature", good[:dot], "401 malformed"},
		{"without a signature, but for the dot", good[:dot+1], "401 malformed"},
		{"three bytes less", good[:len(good)-6], "401 signature"},
		{"three bytes more", good + "AAAA", "401 signature"},
		{"a part more", good + ".AAAA", "401 malformed"},
		{"a dot more", good + ".", "401 malformed"},
		{"twice", good + good, "401 malformed"},
	}
	s.quietly(t, func() {
		c := s.shared(t)
		c.try(t, rows)
		for cut := dot + 1; cut < len(good); cut += 13 {
			if a := c.ask(t, good[:cut]); a.status != http.StatusUnauthorized || a.reason != "signature" && a.reason != "malformed" {
				t.Errorf("cut to %d of %d characters: %s", cut, len(good), a)
			}
		}
	})
}

// hs signs with a secret (RFC 7515, appendix A.1).
func hs(t *testing.T, sum func() hash.Hash, secret []byte, header claims, payload []byte) string {
	t.Helper()
	text := unsigned(t, header, payload)
	mac := hmac.New(sum, secret)
	mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}

// publicKey takes the tenant's first key from its key set, as anybody can.
func publicKey(t *testing.T, tenant *entratest.Tenant) *rsa.PublicKey {
	t.Helper()
	a := fetch(t, http.MethodGet, tenant.URL()+"/"+tenant.Directory().TenantID+"/discovery/v2.0/keys", nil)
	var set struct{ Keys []struct{ N string } }
	must(t, json.Unmarshal([]byte(a.body), &set))
	n, err := base64.RawURLEncoding.DecodeString(set.Keys[0].N)
	must(t, err)
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
}
