package doctor

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
)

// The proxy has got a certificate; doctor, which asked it without TLS, said that something else listens there.
func TestADoorWithTLSIsAskedByIt(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Claimd-Decision", "an id")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	leaf := server.Certificate()
	loaded := &daemon.Loaded{Config: &config.Config{Proxy: config.Proxy{Certificate: &tls.Certificate{Leaf: leaf}}}}
	at := func(loaded *daemon.Loaded) *listener {
		address := server.Listener.Addr().String()
		l := &listener{Listener: admin.Listener{Door: "proxy", Address: address, TLS: true}, client: clientTo(address)}
		l.useTLS(loaded)
		return l
	}
	if got := at(loaded).askAnswer(t.Context()); got.Found != "without a token 401" {
		t.Errorf("got %+v", got)
	}
	until := "valid until " + leaf.NotAfter.UTC().Format(time.DateOnly)
	if got := at(loaded).askCertificate(t.Context()); !strings.HasSuffix(got.Found, until) {
		t.Errorf("got %+v, want %s", got, until)
	}
	if got := at(nil).askAnswer(t.Context()); !strings.HasSuffix(got.Found, "speaks TLS, and the certificate is not read here") {
		t.Errorf("without the files: %+v", got)
	}
	other := *leaf
	other.Raw = append([]byte{}, leaf.Raw...)
	other.Raw[len(other.Raw)-1]++
	loaded.Config.Proxy.Certificate.Leaf = &other
	if got := at(loaded).askAnswer(t.Context()); !strings.HasSuffix(got.Found, "shows another certificate than tls_certificate holds") {
		t.Errorf("with another certificate: %+v", got)
	}
}
