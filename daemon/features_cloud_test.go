package daemon_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/entratest"
)

// cloud stands for one of Microsoft's clouds: it has the names of its hosts and speaks TLS, and is reached through a proxy
// on loopback that [outbound] names, as on a host without a way out of its own.
type cloud struct {
	entra.Cloud
	tenant *entratest.Tenant
	proxy  *httptest.Server
	caFile string

	mu    sync.Mutex
	asked map[string]int // hosts that the proxy led to
}

// newCloud is the global cloud with the people of contoso.
func newCloud(t *testing.T) *cloud { return startCloud(t, "global", people(contosoTenant)) }

func startCloud(t *testing.T, name string, directory entratest.Directory) *cloud {
	t.Helper()
	named, ok := entra.CloudByName(name)
	if !ok {
		t.Fatalf("no cloud %q", name)
	}
	c := &cloud{Cloud: named, asked: map[string]int{}, caFile: filepath.Join(t.TempDir(), "ca.pem")}
	var err error
	c.tenant, err = entratest.New(directory, named.Authority())
	must(t, err)
	c.say(named.InstanceName(), named.GraphHost())
	certificate, ca := certify(t, c.host(), named.GraphHost())
	site := httptest.NewUnstartedServer(c.tenant.Handler())
	site.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	site.StartTLS()
	t.Cleanup(site.Close)
	must(t, os.WriteFile(c.caFile, ca, 0o600))
	through := tunnel(site.Listener.Addr().String(), c.host(), named.GraphHost())
	c.proxy = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.asked[r.Host]++
		c.mu.Unlock()
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(c.proxy.Close)
	return c
}

// host is that of the authority.
func (c *cloud) host() string { return strings.TrimPrefix(c.Authority(), "https://") }

// say has the documents name that instance and that host of Microsoft Graph; "" leaves the member out. All else is as in
// those of the real cloud: the v1.0 issuer has a host of its own.
func (c *cloud) say(instance, graphHost string) {
	member := func(name, value string) string {
		if value == "" {
			return `"` + name + `_of_old":""`
		}
		return `"` + name + `":"` + value + `"`
	}
	c.tenant.SetFaults(entratest.Faults{Rewrite: func(what string, body []byte) []byte {
		text := strings.NewReplacer(`"cloud_instance_name":"localhost"`, member("cloud_instance_name", instance),
			`"msgraph_host":"`+c.host()+`"`, member("msgraph_host", graphHost)).Replace(string(body))
		if what == "v1 document" {
			text = strings.Replace(text, `"issuer":"`+c.tenant.Issuer(1)+`"`, `"issuer":"`+c.Issuer(entra.V1, contosoTenant)+`"`, 1)
		}
		return []byte(text)
	}})
}

// hosts are those that the proxy led to, in order.
func (c *cloud) hosts() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.asked))
}

// text is a configuration that leaves the authority to the cloud.
func (c *cloud) text() string {
	return `enabled = true
[provider.contoso]
tenant_id = "` + contosoTenant + `"
application_id = "` + apiApp + `"
client_application_ids = ["` + deskApp + `"]
cloud = "` + c.Name + `"
[groups]
Analysts = ""
[outbound]
proxy = "` + c.proxy.URL + `"
ca_file = "` + c.caFile + "\"\n"
}

// tunnel is an HTTP proxy (CONNECT, RFC 9110 section 9.3.6) that leads to the address, for these hosts only.
func tunnel(address string, hosts ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, ok := strings.CutSuffix(r.Host, ":443")
		if r.Method != http.MethodConnect || !ok || !slices.Contains(hosts, host) {
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

// certify makes a certificate for the hosts, and the PEM that trusts it.
func certify(t *testing.T, hosts ...string) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: hosts[0]}, DNSNames: hosts,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
