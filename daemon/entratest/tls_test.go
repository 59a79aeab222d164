package entratest

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestATenantOverTLSIsTrustedByItsCAAlone(t *testing.T) {
	tenant, err := StartTLS(Sample())
	if err != nil {
		t.Fatal(err)
	}
	defer tenant.Close()
	if !strings.HasPrefix(tenant.URL(), "https://localhost:") {
		t.Errorf("the authority is %s", tenant.URL())
	}
	address := tenant.URL() + "/" + tenant.Directory().TenantID + "/v2.0/.well-known/openid-configuration"
	response, err := tenant.Client().Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var document map[string]any
	if err := json.NewDecoder(response.Body).Decode(&document); err != nil {
		t.Fatal(err)
	}
	equal(t, "issuer", document["issuer"], tenant.Issuer(2))
	_, err = http.Get(address)
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); !unknown {
		t.Errorf("without the CA: %v", err)
	}
	other, err := StartTLS(Sample())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err = other.Client().Get(address); err == nil {
		t.Error("the CA of another tenant is good here too")
	}
	if _, err := StartTLS(Directory{}); err == nil {
		t.Error("a tenant without an id has started")
	}
}

func TestTheCertificateIsForThisHostByEachOfItsNames(t *testing.T) {
	pair, ca, err := NewCertificate()
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	for name, good := range map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true, "contoso.example": false} {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name})
		equal(t, "good for "+name, err == nil, good)
	}
	block, rest := pem.Decode(ca)
	if block.Type != "CERTIFICATE" || len(rest) > 0 {
		t.Errorf("the CA's file holds more than its certificate: %s", ca)
	}
	tenant := start(t, nil)
	equal(t, "CA over http", tenant.CA(), nil)
}
