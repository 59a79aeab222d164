package config

import (
	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/mapping"
)

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
