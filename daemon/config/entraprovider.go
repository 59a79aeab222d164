package config

import (
	"strings"

	"github.com/claimd/claimd/daemon/entra"
)

// entraProvider reads the keys of kind = "entra", and refuses those of the other kind.
func entraProvider(t *table, p *Provider, extra []File) {
	p.ApplicationIDURIs = t.texts("application_id_uris", nil, applicationIDURI)
	p.Cloud = cloud(t)
	p.Authority = strings.TrimSuffix(t.optional("authority", authority), "/")
	p.CustomSigningKeys = t.flag("custom_signing_keys", false)
	p.Guests = Guests(t.choice("guests", string(GuestsAllow), string(GuestsDeny)))
	identity(t, p)
	p.Graph = overage(t, p, extra)
	for _, key := range []string{"issuer", "introspection_client_id", "introspection_client_secret_file"} {
		t.foreignText(key, "", KindOIDC)
	}
	t.foreignTexts("audiences", KindOIDC)
	t.foreignTexts("client_ids", KindOIDC)
	t.foreignTexts("algorithms", KindOIDC, "RS256")
	t.foreignText("opaque_tokens", string(OpaqueRefuse), KindOIDC)
}

// identity reads what says whose tokens are taken: nothing of it has a default.
func identity(t *table, p *Provider) {
	p.TenantID = requiredGUID(t, "tenant_id", "the directory (tenant) ID stands on the app registration's overview page", tenantID)
	p.ApplicationID = requiredGUID(t, "application_id", "the application (client) ID stands on the app registration's overview page", ownGUID)
	if !t.has("client_application_ids") {
		t.check.missing(t.at("client_application_ids"), "list the client applications that may call; [] admits nobody", "is missing")
	}
	p.ClientApplicationIDs = guids(t, "client_application_ids")
	if p.TenantID != "" && p.TenantID == p.ApplicationID {
		t.check.notice(t.at("application_id"), "one is the ID of the directory, the other that of the app registration", "is the same as tenant_id")
	}
	if n := t.node.table["required_scopes"]; n == nil && t.check.whole || n != nil && n.kind == array && len(n.items) == 0 {
		t.check.notice(t.at("required_scopes"), "name the scope that the API exposes", "is empty: a token with any scope of the API will do")
	}
	for i, scope := range p.RequiredScopes {
		if strings.Contains(scope, "://") {
			t.check.notice(t.at("required_scopes", i), "write "+show(scope[strings.LastIndex(scope, "/")+1:]),
				"is a scope as clients ask for it: tokens hold its last part only")
		}
	}
}

func cloud(t *table) entra.Cloud {
	cloud, _ := entra.CloudByName(t.choice("cloud", entra.CloudNames()...))
	return cloud
}
