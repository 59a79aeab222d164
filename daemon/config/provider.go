package config

import (
	"slices"
	"strings"
	"time"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/mapping"
)

// maxClockSkew is the most that clock_skew may be: what Microsoft's own libraries allow.
const maxClockSkew = 5 * time.Minute

// providers reads [provider.NAME], in byte order of the names.
func providers(top *table) []Provider {
	all := top.sub("provider")
	var list []Provider
	for _, name := range slices.Sorted(slices.Values(all.names())) {
		n := all.node.table[name]
		if !all.want(n.kind == object, all.at(name), n, "a table", "write [provider.NAME] above the keys of a provider") {
			continue
		}
		top.check.judge(all.at(name), name, providerName)
		list = append(list, provider(name, top.inner(all.at(name), n)))
	}
	return list
}

func provider(name string, t *table) Provider {
	kind := t.choiceOf("kind", []string{"entra"}, []string{"oidc"})
	p := Provider{
		Name:              name,
		ApplicationIDURIs: t.texts("application_id_uris", nil, applicationIDURI),
		RequiredScopes:    t.texts("required_scopes", nil, scopeWord),
		Cloud:             cloud(t),
		Authority:         strings.TrimSuffix(t.optional("authority", authority), "/"),
		ClockSkew:         duration(t, "clock_skew", time.Minute, maxClockSkew),
		Guests:            Guests(t.choice("guests", string(GuestsAllow), string(GuestsDeny))),
		AdminValue:        t.text("admin_value", "is_admin", nil),
		AdminGroup:        t.text("admin_group", "", nil),
		UserPrefix:        t.text("user_prefix", "", userPrefix),
	}
	// A provider of a later kind is told as that, and not for what an entra provider would need.
	if kind != "oidc" {
		identity(t, &p)
	}
	t.known = append(t.known, "tenant_id", "application_id", "client_application_ids")
	later(t)
	p.Claims = claimNames(t)
	return p
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
	names := entra.CloudNames()
	cloud, _ := entra.CloudByName(t.choiceOf("cloud", names[:1], names[1:]))
	return cloud
}

// duration reads a time span that is written as in Go ("90s", "1m30s").
func duration(t *table, key string, standard, most time.Duration) time.Duration {
	value := standard
	t.text(key, "", func(text string) flaw {
		parsed, err := time.ParseDuration(text)
		if err != nil {
			return flaw{problem: `want a duration such as "60s", got ` + show(text)}
		}
		if parsed < 0 || parsed > most {
			return flawf("want 0s to %s, got %s", brief(most), show(text))
		}
		value = parsed
		return flaw{}
	})
	return value
}

// brief writes whole minutes without their seconds.
func brief(d time.Duration) string { return strings.TrimSuffix(d.String(), "0s") }

// later knows the keys of a provider that belong to later versions.
func later(t *table) {
	t.laterFlag("custom_signing_keys")
	t.choiceOf("groups_overage", []string{"deny"}, []string{"graph"})
	t.choiceOf("opaque_tokens", []string{"refuse"}, []string{"introspection", "userinfo"})
	t.laterText("issuer")
	t.laterTexts("audiences")
	t.laterTexts("client_ids")
	t.laterTexts("algorithms", "RS256")
	t.laterText("introspection_client_id")
	t.laterText("introspection_client_secret_file")
	t.never("graph")
}

// twins finds two providers that no token could tell apart. The same tenant with two applications is fine: the
// audience decides.
func (c *checker) twins(providers []Provider) {
	for i, p := range providers {
		for _, other := range providers[:i] {
			if p.TenantID == "" || p.TenantID != other.TenantID || p.ApplicationID != other.ApplicationID {
				continue
			}
			first, _ := find(c.root, mapping.Path{"provider", other.Name})
			c.fault(mapping.Path{"provider", p.Name}, "keep one of the two",
				"has the same tenant_id and application_id as provider.%s at %s:%d", other.Name, first.place.File, first.place.Line)
		}
	}
}

// sharedAudiences finds application ID URIs by which a v1.0 token could be meant for two providers of one tenant. In a
// tenant each belongs to one application, so one of the two is a mistake; the token would go to the provider whose name
// comes first.
func (c *checker) sharedAudiences(providers []Provider) {
	for i := range providers {
		for j := range i {
			c.sharedAudience(&providers[i], &providers[j], providers[j].ApplicationIDURIs)
			c.sharedAudience(&providers[j], &providers[i], nil) // a URI that both list is told once
		}
	}
}

// sharedAudience finds those of p's application ID URIs that are the other's application or stand in uris.
func (c *checker) sharedAudience(p, other *Provider, uris []string) {
	for i, uri := range p.ApplicationIDURIs {
		if p.TenantID != "" && p.TenantID == other.TenantID && entra.AudienceMatches(entra.V1, uri, other.ApplicationID, uris) {
			c.fault(mapping.Path{"provider", p.Name, "application_id_uris", i}, "keep it at the provider of the application that it belongs to",
				"is an audience of provider.%s of the same tenant too", other.Name)
		}
	}
}

func providerName(name string) flaw {
	for _, c := range []byte(name) {
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return flawf("want a name of a to z, 0 to 9 and -, got %s", show(name))
		}
	}
	if len(name) < 1 || len(name) > 32 {
		return flawf("want a name of 1 to 32 characters, got %d", len(name))
	}
	return flaw{}
}

// maxUserPrefix keeps a prefix short enough to read, and Remote-User far from its limit.
const maxUserPrefix = 64

func userPrefix(prefix string) flaw {
	for _, c := range []byte(prefix) {
		if c <= ' ' || c > '~' {
			return flawf("want visible ASCII characters, got %s", show(prefix))
		}
	}
	if len(prefix) > maxUserPrefix {
		return flawf("want at most %d characters, got %d", maxUserPrefix, len(prefix))
	}
	return flaw{}
}
