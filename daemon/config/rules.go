package config

import (
	"golang.org/x/text/unicode/norm"

	"github.com/claimd/claimd/mapping"
)

// Rules gives the part of the configuration that package mapping compiles. Indexes are those of the files.
func (c *Config) Rules() mapping.Rules {
	rules := mapping.Rules{
		CaseSensitive: c.Mapping.CaseSensitive,
		DefaultGroups: c.Mapping.DefaultGroups,
		DefaultRoles:  c.Mapping.DefaultRoles,
		Groups:        localRules(c.Groups),
		Roles:         localRules(c.Roles),
		Normalize:     norm.NFKC.String,
	}
	for _, p := range c.Providers {
		rules.Providers = append(rules.Providers, p.rules())
	}
	for _, u := range c.Users {
		rules.Users = append(rules.Users, mapping.User{Provider: u.Provider, ID: u.ID, Groups: u.Groups, Roles: u.Roles})
	}
	for _, a := range c.ServiceAccounts {
		rules.ServiceAccounts = append(rules.ServiceAccounts, mapping.ServiceAccount{
			Provider: a.Provider, ObjectID: a.ObjectID, Name: a.Name, Groups: a.Groups, Roles: a.Roles,
		})
	}
	return rules
}

func localRules(locals []Local) []mapping.Local {
	rules := make([]mapping.Local, len(locals))
	for i, l := range locals {
		rules[i] = mapping.Local(l)
	}
	return rules
}

func (p *Provider) rules() mapping.Provider {
	rules := mapping.Provider{
		Name:         p.Name,
		UserPrefix:   p.UserPrefix,
		UserIsGUID:   !p.IsOIDC() && p.Claims.User.is("oid"),
		AdminGroup:   p.AdminGroup,
		RolesForApps: !p.IsOIDC() && p.Claims.Roles.is("roles"),
	}
	if p.Claims.Admin != "" {
		rules.AdminValue = p.AdminValue
	}
	return rules
}
