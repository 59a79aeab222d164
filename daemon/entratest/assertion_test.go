package entratest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// certify gives a PEM certificate of the key that was good until then.
func certify(t *testing.T, public, private any, until time.Time) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: until.Add(-24 * time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// statement is a client assertion before it is signed.
type statement struct {
	method jwt.SigningMethod
	header map[string]any
	claims map[string]any
	key    any
	kind   string
}

func TestAClientProvesItselfWithACertificate(t *testing.T) {
	mine, other := oneKey(t).private, mustKey(t).private
	now := time.Now()
	certificate := certify(t, mine.Public(), mine, now.Add(time.Hour))
	expired := certify(t, other.Public(), other, now.Add(-time.Hour))
	tenant := start(t, func(d *Directory) {
		d.Clients[1].Secret, d.Clients[1].Certificates = "", []string{expired, certificate}
	})
	block, _ := pem.Decode([]byte(certificate))
	sum1, sum256 := sha1.Sum(block.Bytes), sha256.Sum256(block.Bytes)
	block, _ = pem.Decode([]byte(expired))
	sumExpired := sha256.Sum256(block.Bytes)
	endpoint := tenant.URL() + "/" + tenant.Directory().TenantID + "/oauth2/v2.0/token"
	set := func(changes map[string]any) func(*statement) {
		return func(s *statement) { override(s.claims, changes) }
	}
	tests := []struct {
		name   string
		change func(*statement)
		code   int // 0 = a token
	}{
		{"PS256 and x5t#S256", func(*statement) {}, 0},
		{"RS256 and x5t", func(s *statement) {
			s.method, s.header = jwt.SigningMethodRS256, map[string]any{"x5t": base64.RawURLEncoding.EncodeToString(sum1[:])}
		}, 0},
		{"a thumbprint in plain base64", func(s *statement) { s.header["x5t#S256"] = base64.StdEncoding.EncodeToString(sum256[:]) }, 0},
		{"the issuer for an audience", set(map[string]any{"aud": tenant.Issuer(2)}), 0},
		{"an application id in upper case", set(map[string]any{"iss": strings.ToUpper(sampleService), "sub": strings.ToUpper(sampleService)}), 0},
		{"another key", func(s *statement) { s.key = other }, 700027},
		{"the expired certificate", func(s *statement) {
			s.key, s.header["x5t#S256"] = other, base64.RawURLEncoding.EncodeToString(sumExpired[:])
		}, 700027},
		{"no thumbprint", func(s *statement) { s.header = nil }, 700027},
		{"a thumbprint that is none", func(s *statement) { s.header["x5t#S256"] = "*" }, 700027},
		{"another algorithm", func(s *statement) { s.method = jwt.SigningMethodRS512 }, 700027},
		{"a shared secret", func(s *statement) { s.method, s.key = jwt.SigningMethodHS256, []byte(certificate) }, 700027},
		{"another issuer", set(map[string]any{"iss": sampleAPI}), 700021},
		{"another application", set(map[string]any{"iss": samplePublic, "sub": samplePublic}), 700021},
		{"another audience", set(map[string]any{"aud": "https://login.microsoftonline.com/common/oauth2/v2.0/token"}), 700023},
		{"no audience", set(map[string]any{"aud": nil}), 700023},
		{"expired", set(map[string]any{"exp": now.Add(-time.Minute).Unix()}), 700024},
		{"without end", set(map[string]any{"exp": nil}), 700024},
		{"of tomorrow", set(map[string]any{"nbf": now.Add(24 * time.Hour).Unix()}), 700024},
		{"of another type", func(s *statement) { s.kind = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer" }, 900144},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := statement{jwt.SigningMethodPS256, map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum256[:])},
				map[string]any{"iss": sampleService, "sub": sampleService, "aud": endpoint, "exp": now.Add(time.Minute).Unix(), "jti": "1"},
				mine, assertionType}
			test.change(&s)
			unsigned := jwt.NewWithClaims(s.method, jwt.MapClaims(s.claims))
			override(unsigned.Header, s.header)
			text, err := unsigned.SignedString(s.key)
			if err != nil {
				t.Fatal(err)
			}
			status, body := oauth(t, tenant, "token", form(map[string]string{"client_secret": "", "client_assertion": text, "client_assertion_type": s.kind}))
			if test.code != 0 {
				equal(t, "error_codes", body["error_codes"], []int{test.code})
				return
			}
			equal(t, "status", status, 200)
			_, claims := parts(t, body["access_token"].(string))
			equal(t, "azpacr", claims["azpacr"], "2")
		})
	}
	_, body := oauth(t, tenant, "token", form(map[string]string{"client_secret": "", "client_assertion": "x", "client_assertion_type": assertionType}))
	equal(t, "error_codes of what is no JWT", body["error_codes"], []int{50027})
	_, body = oauth(t, tenant, "token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "client_id": {sampleService}})
	equal(t, "error_codes without one", body["error_codes"], []int{7000218})
}

func mustKey(t *testing.T) *signingKey {
	t.Helper()
	key, err := newSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestACertificateOfADirectoryIsOneWithAnRSAKey(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"x": "want a certificate as PEM",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n": "x509: ",
		certify(t, key.Public(), key, time.Now()):                        "want a certificate with an RSA key, got *ecdsa.PublicKey",
		"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n": "want a certificate as PEM",
	} {
		directory := Sample()
		directory.Clients[1].Certificates = []string{text}
		err := directory.validate()
		if err == nil || !strings.HasPrefix(err.Error(), "directory: client[1].certificates[0]: "+want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
