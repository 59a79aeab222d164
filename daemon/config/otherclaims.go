package config

import (
	"slices"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/mapping"
)

// claimedObjectIDs finds local groups and roles that are named by object IDs and that any tenant may name, while one tenant
// reads them from a claim other than groups: what stands in `roles`, or in a claim of a claims mapping, is text that the
// tenant's administrators choose, and may be the object ID of another tenant's group. Entra ID itself writes `groups`.
// Beside a provider that is not Entra ID every one has been told of already.
func (c *checker) claimedObjectIDs(config *Config) {
	if len(config.Providers) < 2 || slices.ContainsFunc(config.Providers, func(p Provider) bool { return p.IsOIDC() }) {
		return
	}
	for _, part := range []struct {
		key    string
		locals []Local
		claim  func(Provider) ClaimName
	}{
		{"groups", config.Groups, func(p Provider) ClaimName { return p.Claims.Groups }},
		{"roles", config.Roles, func(p Provider) ClaimName { return p.Claims.Roles }},
	} {
		at := slices.IndexFunc(config.Providers, func(p Provider) bool { return !part.claim(p).is("groups") })
		if at < 0 {
			continue
		}
		reader := config.Providers[at]
		for _, local := range part.locals {
			if !local.isOfObjectIDs() {
				continue
			}
			c.fault(mapping.Path{part.key, local.Name}, "say whose tokens may name it: providers = ["+show(config.Providers[0].Name)+"]",
				"named by object IDs: provider.%s reads %s from the claim %s, whose values the tenant chooses",
				reader.Name, part.key, show(string(part.claim(reader))))
		}
	}
}

// isOfObjectIDs reports whether the group or role is named by object IDs alone, and by any provider's.
func (l Local) isOfObjectIDs() bool {
	values := l.Values
	if values == nil {
		values = []string{l.Name}
	}
	return l.Providers == nil && len(values) > 0 && !slices.ContainsFunc(values, func(v string) bool { return !entra.IsGUID(v) })
}
