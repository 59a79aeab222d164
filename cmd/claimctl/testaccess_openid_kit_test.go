package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/oidctest"
)

const openIDConfig = `enabled = true

[provider.jumpcloud]
kind = "oidc"
issuer = "ISSUER"
audiences = ["urn:contoso:reports", "reports.read"]
client_ids = ["desk", "window", "gate", "service"]
required_scopes = ["reports.read"]

[groups]
Analysts = ""
Readers = ""

[mapping]
default_groups = ["Readers"]

[server]
listen = ["unix:FOLDER/auth.sock"]

[outbound]
ca_file = "FOLDER/ca.pem"

[admin]
socket = "FOLDER/admin.sock"

[state]
directory = "FOLDER/state"
`

// newOpenIDSite is a claimd in this process for a provider that is not Entra ID, and an API behind a gateway that asks it.
func newOpenIDSite(t *testing.T, issuer string) *site {
	t.Helper()
	u, err := url.Parse(issuer)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{folder: t.TempDir(), shown: map[string]bool{}, idp: u.Scheme + "://" + u.Host}
	s.write(t, "ca.pem", string(s.startGateway(t)))
	s.config = s.write(t, "claimd.toml", strings.NewReplacer("ISSUER", issuer, "FOLDER", s.folder).Replace(openIDConfig))
	s.startDaemon(t)
	return s
}

// entersCode reads address and code off the terminal, and signs in there.
func entersCode(t *testing.T, p *oidctest.Provider, user string) func(*terminal) {
	return func(term *terminal) {
		code := term.code(t)
		p.EnterCode(t, term.await(t, `In any browser, open\s+(\S+)\s`), code, user)
	}
}
