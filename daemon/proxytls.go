package daemon

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/mapping"
)

// newTLS gives what a door says of itself in a handshake; nil without a certificate. All else is Go's default: TLS 1.2
// and 1.3, and the cipher suites that crypto/tls holds good. A client that names another host, or none, gets the same
// certificate. Each has its own keys for session tickets, so that nobody resumes a session of the certificate before.
func newTLS(pair *tls.Certificate) *tls.Config {
	if pair == nil {
		return nil
	}
	return &tls.Config{Certificates: []tls.Certificate{*pair}, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}
}

// sameCertificate reports whether both speak with one certificate, or both without.
func sameCertificate(was *tls.Config, pair *tls.Certificate) bool {
	if was == nil || pair == nil {
		return was == nil && pair == nil
	}
	before := was.Certificates[0].Certificate
	if len(before) != len(pair.Certificate) {
		return false
	}
	for i := range before {
		if !bytes.Equal(before[i], pair.Certificate[i]) {
			return false
		}
	}
	return true
}

// tlsFor gives what the proxy's addresses speak under the configuration: what they speak already where the certificate
// is the same.
func (d *doors) tlsFor(proxy *config.Proxy) *tls.Config {
	if sameCertificate(d.tls, proxy.Certificate) {
		return d.tls
	}
	return newTLS(proxy.Certificate)
}

// secure has the proxy's TCP addresses among the doors take new connections with TLS, or without where it is nil.
// Connections that are open keep the certificate that they began with; a request on one that was taken before TLS was
// switched on or off is answered, and then it is left.
func (d *doors) secure(all []*door, with *tls.Config) {
	for _, door := range all {
		if _, isTCP := door.socket.Addr().(*net.TCPAddr); door.name != doorProxy || !isTCP || door.tls.Load() == with {
			continue
		}
		door.tls.Store(with)
		if with == nil {
			d.log.Warn("the proxy takes connections without TLS from now on", zap.String("address", door.shown()))
			continue
		}
		leaf := with.Certificates[0].Leaf
		d.log.Info("the proxy has a certificate", zap.String("address", door.shown()), zap.Strings("names", leaf.DNSNames),
			zap.Time("valid_until", leaf.NotAfter))
	}
	d.tls = with
}

// securing is a listener whose connections speak TLS while there is a configuration for it. The handshake is the server's
// to make, when the connection has a goroutine of its own.
type securing struct {
	net.Listener
	with *atomic.Pointer[tls.Config]
}

// Accept implements net.Listener.
func (s securing) Accept() (net.Conn, error) {
	accepted, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if with := s.with.Load(); with != nil {
		return tls.Server(accepted, with), nil
	}
	return accepted, nil
}

// leaving has clients leave connections that do not speak as the door does now.
func (d *door) leaving(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if (r.TLS != nil) != (d.tls.Load() != nil) {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// checkValidity tells when the time of the proxy's certificate is not now. It is no fault: whoever uses another door is
// not to lose it for that, and clients refuse such a certificate by themselves.
func (l *Loaded) checkValidity(now time.Time) (config.Fault, bool) {
	pair := l.Config.Proxy.Certificate
	if pair == nil {
		return config.Fault{}, true
	}
	notice := mapping.Fault{Path: mapping.Path{"proxy", "tls_certificate"}, Notice: true}
	day := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	for i, raw := range pair.Certificate {
		certificate, err := x509.ParseCertificate(raw)
		switch {
		case err != nil: // config has read it
			continue
		case now.After(certificate.NotAfter):
			notice.Problem = fmt.Sprintf("certificate %d has expired on %s: clients refuse it", i+1, day(certificate.NotAfter))
			notice.Hint = "renew it; a new file is taken up at once"
		case now.Before(certificate.NotBefore):
			notice.Problem = fmt.Sprintf("certificate %d is valid from %s on, and here it is %s: clients refuse it", i+1, day(certificate.NotBefore), day(now))
			notice.Hint = "is the clock of this host right (timedatectl)?"
		default:
			continue
		}
		return l.locate(notice), false
	}
	return config.Fault{}, true
}
