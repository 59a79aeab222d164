package config

import (
	"crypto/x509"
	"strings"
)

// outbound reads [outbound]. The certificates are those that Read has taken with the other files.
func outbound(top *table, extra []File) Outbound {
	t := top.sub("outbound")
	o := Outbound{
		Proxy:  strings.TrimSuffix(t.optional("proxy", outboundProxy), "/"),
		CAFile: t.optional("ca_file", namedFile),
	}
	for _, file := range extra {
		if file.Path != o.CAFile {
			continue
		}
		if !x509.NewCertPool().AppendCertsFromPEM(file.Bytes) {
			t.check.fault(t.at("ca_file"), "", "want at least one certificate in PEM form, got none")
			continue
		}
		o.CA = file.Bytes
	}
	return o
}
