package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"time"

	"github.com/claimd/claimd/cmd/claimctl/finding"
	"github.com/claimd/claimd/daemon"
)

// useTLS has the client of an address that speaks TLS trust the certificate that the files hold, and no other one.
// Whether the API's clients trust it is for them to say; its time is asked about by itself.
func (l *listener) useTLS(loaded *daemon.Loaded) {
	if !l.TLS || loaded == nil || loaded.Config.Proxy.Certificate == nil {
		return
	}
	transport, ok := l.client.Transport.(*http.Transport)
	if !ok {
		return
	}
	l.leaf = loaded.Config.Proxy.Certificate.Leaf
	only := x509.NewCertPool()
	only.AddCert(l.leaf)
	transport.TLSClientConfig = &tls.Config{
		RootCAs: only, ServerName: anyName(l.leaf), MinVersion: tls.VersionTLS12,
		Time: func() time.Time { return l.leaf.NotBefore },
	}
}

// anyName gives a host name or an address that the certificate is for.
func anyName(leaf *x509.Certificate) string {
	if len(leaf.DNSNames) > 0 {
		return strings.Replace(leaf.DNSNames[0], "*", "claimd", 1)
	}
	if len(leaf.IPAddresses) > 0 {
		return leaf.IPAddresses[0].String()
	}
	return cmp.Or(leaf.Subject.CommonName, "claimd") // which no client takes for a name any more
}

// askCertificate tells for how long the certificate of an address is good. It does not arise where there is none.
func (l *listener) askCertificate(context.Context) finding.Finding {
	if l.leaf == nil {
		return finding.Finding{}
	}
	now, left := time.Now(), time.Until(l.leaf.NotAfter)
	const hint = "renew it: new files are taken up at once"
	switch {
	case left < 0:
		return finding.Bad(hint, "has expired on %s, and here it is %s", day(l.leaf.NotAfter), day(now))
	case now.Before(l.leaf.NotBefore):
		return finding.Bad("is the clock of this host right (timedatectl)?", "is valid from %s on, and here it is %s", day(l.leaf.NotBefore), day(now))
	case left < l.leaf.NotAfter.Sub(l.leaf.NotBefore)/10:
		return finding.Bad(hint, "expires on %s: less than a tenth of its time is left", day(l.leaf.NotAfter))
	}
	return finding.Good("for %s, valid until %s", namesOf(l.leaf), day(l.leaf.NotAfter))
}
