package config

import (
	"slices"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/mapping"
)

// NeedsProviders reports whether a line of that name under the key "groups" or "roles", without values, must name its
// providers: there are several, and some other one could emit the name too. Names that are no object IDs mapping.Compile
// finds, object IDs Tree.Parse.
func (c *Config) NeedsProviders(key, name string) bool {
	return len(c.Providers) > 1 && (!entra.IsGUID(name) || c.borrower(key) != nil)
}

// borrower gives the first provider that can emit the object IDs of another provider's tenant where groups or roles are
// read; nil: none can. The groups claim of Entra ID holds what Microsoft gives out, once in the world. All else is what
// somebody has written: any claim of another provider, and app roles and mapped claims, which a tenant's administrators
// define.
func (c *Config) borrower(key string) *Provider {
	for i := range c.Providers {
		p := &c.Providers[i]
		if name := p.rightsFrom(key); p.IsOIDC() || name != "" && !name.is("groups") {
			return p
		}
	}
	return nil
}

// rightsFrom gives the claim that groups or roles are read from.
func (p *Provider) rightsFrom(key string) ClaimName {
	if key == "roles" {
		return p.Claims.Roles
	}
	return p.Claims.Groups
}

// borrowedObjectIDs finds local groups and roles that are named by object IDs and that any provider may name, where one
// could name those of another's tenant. Names that are no object IDs are for mapping.Compile to tell.
func (c *checker) borrowedObjectIDs(config *Config) {
	if len(config.Providers) < 2 {
		return
	}
	for _, part := range []struct {
		key    string
		locals []Local
	}{{"groups", config.Groups}, {"roles", config.Roles}} {
		other := config.borrower(part.key)
		if other == nil {
			continue
		}
		problem := "named by object IDs: provider." + other.Name + " is not Entra ID and could emit them too"
		if !other.IsOIDC() {
			problem = "named by object IDs: provider." + other.Name + " reads " + part.key + " from the claim " +
				show(string(other.rightsFrom(part.key))) + ", whose values the tenant chooses"
		}
		for _, local := range part.locals {
			values := local.Values
			if values == nil {
				values = []string{local.Name}
			}
			if local.Providers != nil || len(values) == 0 || slices.ContainsFunc(values, func(v string) bool { return !entra.IsGUID(v) }) {
				continue
			}
			c.fault(mapping.Path{part.key, local.Name}, "say whose tokens may name it: providers = ["+show(config.Providers[0].Name)+"]", "%s", problem)
		}
	}
}
