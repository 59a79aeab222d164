package daemon_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

// cloudHost is where the documents of Microsoft's global cloud are.
const cloudHost = "login.microsoftonline.com"

// cloud stands for Microsoft's global cloud: it has its name and speaks TLS, and is reached through a proxy on loopback
// that [outbound] names, as on a host without a way out of its own.
type cloud struct {
	tenant *entratest.Tenant
	proxy  *httptest.Server
	caFile string
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	tenant, err := entratest.New(people(contosoTenant), "https://"+cloudHost)
	must(t, err)
	tenant.SetFaults(entratest.Faults{Rewrite: asMicrosoft})
	certificate, ca := certify(t, cloudHost)
	site := httptest.NewUnstartedServer(tenant.Handler())
	site.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	site.StartTLS()
	t.Cleanup(site.Close)
	c := &cloud{tenant: tenant, caFile: filepath.Join(t.TempDir(), "ca.pem")}
	must(t, os.WriteFile(c.caFile, ca, 0o600))
	c.proxy = httptest.NewServer(tunnel(site.Listener.Addr().String()))
	t.Cleanup(c.proxy.Close)
	return c
}

// asMicrosoft writes the documents as those of the real cloud: the v1.0 issuer has a host of its own.
func asMicrosoft(what string, body []byte) []byte {
	body = bytes.ReplaceAll(body, []byte(`"cloud_instance_name":"localhost"`), []byte(`"cloud_instance_name":"microsoftonline.com"`))
	body = bytes.ReplaceAll(body, []byte(`"msgraph_host":"`+cloudHost+`"`), []byte(`"msgraph_host":"graph.microsoft.com"`))
	if what == "v1 document" {
		issuer := `"issuer":"https://` + cloudHost + "/" + contosoTenant + `/"`
		body = bytes.ReplaceAll(body, []byte(issuer), []byte(`"issuer":"https://sts.windows.net/`+contosoTenant+`/"`))
	}
	return body
}

// text is a configuration that leaves the authority to the cloud.
func (c *cloud) text() string {
	return `enabled = true
[provider.contoso]
tenant_id = "` + contosoTenant + `"
application_id = "` + apiApp + `"
client_application_ids = ["` + deskApp + `"]
[groups]
Analysts = ""
[outbound]
proxy = "` + c.proxy.URL + `"
ca_file = "` + c.caFile + "\"\n"
}

// tunnel is an HTTP proxy (CONNECT, RFC 9110 section 9.3.6) that leads to the address, and to the cloud's host only.
func tunnel(address string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != cloudHost+":443" {
			http.Error(w, "not through here", http.StatusForbidden)
			return
		}
		there, err := net.Dial("tcp", address)
		if err != nil {
			http.Error(w, "nobody there", http.StatusBadGateway)
			return
		}
		defer there.Close()
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer here.Close()
		_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		done := make(chan struct{}, 2)
		for _, way := range [][2]net.Conn{{here, there}, {there, here}} {
			go func() {
				_, _ = io.Copy(way[0], way[1])
				done <- struct{}{}
			}()
		}
		<-done
		here.Close()
		there.Close()
		<-done
	})
}

// certify makes a certificate for the host, and the PEM that trusts it.
func certify(t *testing.T, host string) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
