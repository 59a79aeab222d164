package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/claimd/claimd/cmd/claimctl/finding"
)

// askTLS shakes hands as claimd would, and tells who has signed for the host: a proxy that reads along signs with a
// root of its own.
func (v *visit) askTLS(ctx context.Context) finding.Finding {
	if v.authority.Scheme == "http" {
		return finding.Good("not used: %s is on this host", v.address())
	}
	name := v.authority.Hostname()
	trust := v.trust.Clone()
	trust.ServerName = name
	conn := tls.Client(v.conn, trust)
	err := conn.HandshakeContext(ctx)
	if err != nil {
		return v.handshakeFault(ctx, name, err)
	}
	state := conn.ConnectionState()
	issuer := lastIssuer(state.PeerCertificates)
	version := tls.VersionName(state.Version)
	if !v.byCAFile || publicly(state.PeerCertificates, name) {
		return finding.Good("%s; signed by %s, a root that this host trusts", version, issuer)
	}
	if v.provider.Authority == "" { // Microsoft's own hosts have public certificates
		return finding.Good("%s, through an intercepting proxy: %s has signed for %s, and ca_file trusts it", version, issuer, name)
	}
	return finding.Good("%s; signed by %s, which ca_file alone trusts", version, issuer)
}

// publicly reports whether the chain holds without ca_file.
func publicly(chain []*x509.Certificate, name string) bool {
	roots, err := x509.SystemCertPool()
	if err != nil || len(chain) == 0 {
		return false
	}
	between := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		between.AddCert(certificate)
	}
	_, err = chain[0].Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: between})
	return err == nil
}

// handshakeFault tells why there is no TLS.
func (v *visit) handshakeFault(ctx context.Context, name string, err error) finding.Finding {
	refused, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok || len(refused.UnverifiedCertificates) == 0 {
		if isTimeout(err) || ctx.Err() != nil {
			return finding.Bad("does something between this host and the provider hold TLS up?", "%s: no handshake in time", v.address())
		}
		return finding.Bad("is what answers there the provider, and does it speak TLS 1.2 or 1.3?", "%s: %s", v.address(), strings.TrimPrefix(err.Error(), "tls: "))
	}
	chain := refused.UnverifiedCertificates
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return finding.Bad("have the proxy leave "+name+" alone, or put its root into a file and name that: ca_file under [outbound]",
			"the certificate of %s is signed by %s, which this host does not trust: an intercepting proxy, or a private authority", name, lastIssuer(chain))
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return finding.Bad("does DNS or the proxy lead to the right host?", "the certificate is for %s and not for %s", namesOf(chain[0]), name)
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return expired(chain, name)
	}
	return finding.Bad("ask who runs "+name, "the certificate of %s is no good: %s", name, strings.TrimPrefix(refused.Err.Error(), "x509: "))
}

// expired tells of the first certificate of the chain that is out of its time.
func expired(chain []*x509.Certificate, name string) finding.Finding {
	now := time.Now()
	for _, certificate := range chain {
		if now.After(certificate.NotAfter) {
			return finding.Bad("is the clock of this host right (timedatectl)? if so, its owner must renew it",
				"the certificate of %s has expired on %s, and here it is %s", name, day(certificate.NotAfter), day(now))
		}
		if now.Before(certificate.NotBefore) {
			return finding.Bad("is the clock of this host right (timedatectl)?",
				"the certificate of %s is valid from %s on, and here it is %s", name, day(certificate.NotBefore), day(now))
		}
	}
	return finding.Bad("is the clock of this host right (timedatectl)?", "a certificate on the way to %s has expired or is not valid yet", name)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// lastIssuer names who has signed the end of the chain that the server sent.
func lastIssuer(chain []*x509.Certificate) string {
	if len(chain) == 0 {
		return "nobody"
	}
	return nameOf(chain[len(chain)-1].Issuer)
}

func nameOf(name pkix.Name) string {
	organization := strings.Join(name.Organization, ", ")
	text := cmp.Or(name.CommonName, organization, name.String())
	if organization != "" && text != organization {
		text = fmt.Sprintf("%s (%s)", text, organization)
	}
	return `"` + text + `"`
}

func namesOf(certificate *x509.Certificate) string {
	names := certificate.DNSNames
	for _, address := range certificate.IPAddresses {
		names = append(names, address.String())
	}
	if len(names) == 0 {
		return nameOf(certificate.Subject)
	}
	if n := len(names); n > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), n-3)
	}
	return strings.Join(names, ", ")
}
