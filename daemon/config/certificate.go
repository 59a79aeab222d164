package config

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
)

const (
	maxChain     = 16   // certificates in tls_certificate: with more of them no handshake is quick
	minRSABits   = 2048 // NIST SP 800-131A, as is the next
	minCurveBits = 256
)

// serverPair makes a pair of what tls_certificate and tls_key_file hold. nil content was not read, which is told already.
// Whether it has expired is not asked here, as that is not in the bytes alone. No fault shows a part of the key.
func serverPair(t *table, chainPEM, keyPEM []byte) *tls.Certificate {
	const chainKey, keyKey = "tls_certificate", "tls_key_file"
	told := len(t.check.faults)
	tell := func(key string, found flaw) {
		if found.problem != "" {
			t.check.fault(t.at(key), found.hint, "%s", found.problem)
		}
	}
	var chain []*x509.Certificate
	var key crypto.Signer
	var found flaw
	if chainPEM != nil {
		chain, found = certificateChain(chainPEM)
		tell(chainKey, found)
	}
	if keyPEM != nil {
		key, found = privateKey(keyPEM)
		tell(keyKey, found)
	}
	if chain == nil || key == nil || len(t.check.faults) > told {
		return nil
	}
	if found = belongs(key, chain); found.problem != "" {
		tell(keyKey, found)
		return nil
	}
	if found = judgeChain(chain); found.problem != "" {
		tell(chainKey, found)
		return nil
	}
	pair := &tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for _, certificate := range chain {
		pair.Certificate = append(pair.Certificate, certificate.Raw)
	}
	return pair
}

// certificateChain reads the certificates of a PEM file (RFC 7468), in their order.
func certificateChain(content []byte) ([]*x509.Certificate, flaw) {
	var chain []*x509.Certificate
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return nil, flaw{"want certificates alone, got a private key too",
				"certificates may be read by everybody: keep the key in a file of its own, named by tls_key_file"}
		case block.Type != "CERTIFICATE":
			continue
		case len(chain) == maxChain:
			return nil, flawf("want at most %d certificates, got more", maxChain)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, flawf("certificate %d cannot be read: %s", len(chain)+1, strings.TrimPrefix(err.Error(), "x509: "))
		}
		chain = append(chain, certificate)
	}
	if len(chain) == 0 {
		return nil, flawf("want at least one certificate in PEM form, got none")
	}
	return chain, flaw{}
}

// privateKey reads the first private key of a PEM file: PKCS #8, PKCS #1 or SEC 1. The errors of crypto/x509 are not
// passed on.
func privateKey(content []byte) (crypto.Signer, flaw) {
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue // openssl ecparam writes EC PARAMETERS before it
		}
		if strings.Contains(block.Type, "ENCRYPTED") || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return nil, flaw{"want a private key without a passphrase, got an encrypted one",
				"nobody is there to type it at a start: openssl pkey -in FILE -out NEW, with a mode as this file's"}
		}
		if key := parseKey(block.Bytes); key != nil {
			return key, flaw{}
		}
		return nil, flawf("want a private key of RSA, ECDSA or Ed25519, got one that cannot be read")
	}
	return nil, flawf("want a private key in PEM form, got none")
}

func parseKey(der []byte) crypto.Signer {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		signer, _ := key.(crypto.Signer) // nil for X25519, which cannot sign
		return signer
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key
	}
	return nil
}

// belongs judges whether the key is that of the first certificate.
func belongs(key crypto.Signer, chain []*x509.Certificate) flaw {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return flawf("want a private key of RSA, ECDSA or Ed25519, got another kind")
	}
	switch i := slices.IndexFunc(chain, func(c *x509.Certificate) bool { return public.Equal(c.PublicKey) }); i {
	case 0:
		return flaw{}
	case -1:
		return flaw{"want the key of tls_certificate, got that of another one", "when both were renewed, only one of the two files may have been written yet"}
	default:
		return flaw{flawf("want the key of the first certificate in tls_certificate, got that of number %d", i+1).problem,
			"the server's own certificate stands first, then who has signed it, and so on"}
	}
}

// judgeChain judges certificates of which the first is the server's.
func judgeChain(chain []*x509.Certificate) flaw {
	for i, certificate := range chain {
		if strength := keyStrength(certificate.PublicKey); strength != "" {
			return flawf("certificate %d has %s, want RSA of %d bits, ECDSA P-256 or Ed25519, or more", i+1, strength, minRSABits)
		}
		if i > 0 && !signed(certificate, chain[i-1]) {
			return flaw{flawf("certificate %d has not signed the one before it", i+1).problem,
				"the server's own certificate stands first, then who has signed it, and so on; leave out what is no part of that"}
		}
	}
	uses := chain[0].ExtKeyUsage
	if len(uses) > 0 && !slices.Contains(uses, x509.ExtKeyUsageServerAuth) && !slices.Contains(uses, x509.ExtKeyUsageAny) {
		return flawf("want a certificate for a server (extended key usage serverAuth), got one for another use")
	}
	return flaw{}
}

// signed reports whether the certificates name each other as issuer and subject. Signatures are for clients to judge.
func signed(issuer, certificate *x509.Certificate) bool {
	named := bytes.Equal(issuer.RawSubject, certificate.RawIssuer)
	if len(issuer.SubjectKeyId) == 0 || len(certificate.AuthorityKeyId) == 0 {
		return named
	}
	return named && bytes.Equal(issuer.SubjectKeyId, certificate.AuthorityKeyId)
}

// keyStrength describes a key that is too weak; "" for one that is not.
func keyStrength(public crypto.PublicKey) string {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSABits {
			return flawf("an RSA key of %d bits", bits).problem
		}
	case *ecdsa.PublicKey:
		if key.Curve.Params().BitSize < minCurveBits {
			return "an ECDSA key on " + key.Curve.Params().Name
		}
	case ed25519.PublicKey:
	default:
		return "a key of another kind"
	}
	return ""
}
