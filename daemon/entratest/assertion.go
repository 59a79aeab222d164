package entratest

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// assertionLeeway is how far the client's clock may be off.
const assertionLeeway = 5 * time.Second

// checkAssertion holds a client's signed statement (RFC 7523 3) against the certificates of its registration: the header
// names one by x5t or x5t#S256, RS256 or PS256 is signed with its key, and issuer, subject, audience and time are right.
func (t *Tenant) checkAssertion(client App, kind, assertion string) *refusal {
	if kind != assertionType {
		return noParameter.with("client_assertion_type")
	}
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(assertion, &claims, client.assertionKey,
		jwt.WithValidMethods([]string{"RS256", "PS256"}), jwt.WithExpirationRequired(), jwt.WithLeeway(assertionLeeway))
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return assertionBroken.with()
	case errors.Is(err, jwt.ErrTokenInvalidClaims): // the signature holds: only the times are looked at
		return assertionTime.with()
	case err != nil:
		return assertionKey.with(client.ApplicationID)
	case claims.Issuer != claims.Subject || !strings.EqualFold(claims.Subject, client.ApplicationID):
		return assertionClient.with()
	case !slices.ContainsFunc(claims.Audience, t.isOurs):
		return assertionFor.with()
	}
	return nil
}

// isOurs reports whether that audience of an assertion means this tenant: its token endpoint, or its issuer.
func (t *Tenant) isOurs(audience string) bool {
	tenant := t.base + "/" + t.directory.TenantID
	return slices.Contains([]string{tenant + "/oauth2/v2.0/token", tenant + "/oauth2/token", tenant + "/v2.0", tenant + "/"}, audience)
}

// assertionKey gives the key of the registered certificate that the unverified header names.
func (a App) assertionKey(unverified *jwt.Token) (any, error) {
	for _, text := range a.Certificates {
		certificate, err := readCertificate(text)
		if err != nil || time.Now().After(certificate.NotAfter) {
			continue
		}
		sum1, sum256 := sha1.Sum(certificate.Raw), sha256.Sum256(certificate.Raw)
		if bears(unverified, "x5t", sum1[:]) || bears(unverified, "x5t#S256", sum256[:]) {
			return certificate.PublicKey.(*rsa.PublicKey), nil
		}
	}
	return nil, jwt.ErrTokenUnverifiable
}

// bears reports whether the header member is that thumbprint. Microsoft's libraries write it in one base64 or the other.
func bears(unverified *jwt.Token, member string, thumbprint []byte) bool {
	text, ok := unverified.Header[member].(string)
	if !ok {
		return false
	}
	text = strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(text)
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && bytes.Equal(decoded, thumbprint)
}

// readCertificate reads a PEM certificate with an RSA key.
func readCertificate(text string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("want a certificate as PEM")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	if _, ok := certificate.PublicKey.(*rsa.PublicKey); !ok {
		return nil, fmt.Errorf("want a certificate with an RSA key, got %T", certificate.PublicKey)
	}
	return certificate, nil
}
