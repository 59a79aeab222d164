package config

import (
	"strings"
)

// proxy reads [proxy]. Where plaintext may be bound is a setting of [server], and holds here too unless the door has TLS.
func proxy(top *table, extra []File) Proxy {
	t := top.sub("proxy")
	p := Proxy{
		TLSCertificate: t.optional("tls_certificate", namedFile),
		TLSKeyFile:     t.optional("tls_key_file", namedFile),
	}
	p.Listen = t.texts("listen", nil, listenAddress(plaintextAnywhere(top) || p.TLS()))
	p.Upstream = strings.TrimSuffix(t.optional("upstream", upstream), "/")
	p.ForwardAuthorization = t.flag("forward_authorization", false)
	switch {
	case p.TLSCertificate != "" && p.TLSKeyFile == "":
		t.check.missing(t.at("tls_key_file"), "name the file of the certificate's private key", "is missing: tls_certificate is set")
	case p.TLSKeyFile != "" && p.TLSCertificate == "":
		t.check.missing(t.at("tls_certificate"), "name the file of the certificate that the key belongs to", "is missing: tls_key_file is set")
	case p.TLS():
		p.Certificate = serverPair(t, content(extra, p.TLSCertificate), content(extra, p.TLSKeyFile))
	}
	switch {
	case len(p.Listen) > 0 && p.Upstream == "":
		t.check.missing(t.at("upstream"), "name the API, as in \"http://127.0.0.1:8080\"", "is missing: listen is set")
	case p.Upstream != "" && len(p.Listen) == 0:
		t.check.notice(t.at("listen"), "name the address, as in [\"127.0.0.1:4181\"], or enable claimd-proxy.socket", "is missing: the proxy is off unless systemd hands a socket over")
	}
	return p
}

// content gives what was read of a *_file; nil where it was not.
func content(extra []File, path string) []byte {
	for _, file := range extra {
		if file.Path == path {
			return file.Bytes
		}
	}
	return nil
}
