package config

import (
	"slices"

	"github.com/claimd/claimd/mapping"
)

// Parse makes a Config of the tree and finds every fault that needs no compiled rules. Faults holds notices too. The
// Config is nil where a file could not be read or is no TOML; beside other faults it is there, so that further faults
// can be found in it.
func (t *Tree) Parse() (*Config, Faults) {
	root, faults, whole := t.merged()
	check := &checker{root: root, order: map[string]int{}, whole: whole, faults: slices.Clone(faults)}
	for i, file := range t.Files {
		check.order[file.Path] = i
	}
	config := check.config(t.Extra)
	if !whole {
		config = nil
	}
	return config, check.sorted()
}

// config reads the whole of the merged files.
func (c *checker) config(extra []File) *Config {
	top := &table{check: c, node: c.root}
	c.tables = append(c.tables, top)
	config := &Config{Enabled: top.flag("enabled", false)}
	config.Providers = providers(top, extra)
	config.Mapping = mappingTable(top)
	config.Groups = locals(top, "groups")
	config.Roles = locals(top, "roles")
	config.Users = users(top, config.Providers)
	config.ServiceAccounts = serviceAccounts(top, config.Providers)
	config.Routes = routes(top, config.Groups, config.Roles)
	config.Server = server(top)
	config.Proxy = proxy(top, extra)
	config.Outbound = outbound(top, extra)
	config.Metrics = metrics(top)
	config.Admin = admin(top)
	config.State = state(top)
	config.Directory = directory(top, extra)
	config.Log = logTable(top)
	if config.Enabled && len(config.Providers) == 0 {
		c.missing(mapping.Path{"enabled"}, "write a [provider.NAME] table, or enabled = false", "want a provider where this is true, got none")
	}
	c.unknown()
	c.twins(config.Providers)
	c.sharedAudiences(config.Providers)
	c.sharedIssuers(config.Providers)
	c.disguised(config.Providers)
	c.oneOpaque(config.Providers)
	c.openDefaults(config)
	c.accountsElsewhere(config)
	c.borrowedObjectIDs(config)
	c.doors(config)
	c.originals(config)
	c.namedOverage(config)
	return config
}

func mappingTable(top *table) Mapping {
	t := top.sub("mapping")
	return Mapping{
		DefaultGroups: t.texts("default_groups", nil, nil),
		DefaultRoles:  t.texts("default_roles", nil, nil),
		CaseSensitive: t.flag("case_sensitive", true),
		Invite:        t.choice("sign_up", "auto", "invite") == "invite",
	}
}

func admin(top *table) Admin {
	t := top.sub("admin")
	return Admin{Socket: t.text("socket", DefaultAdminSocket, socketPath)}
}

func state(top *table) State {
	t := top.sub("state")
	return State{Directory: t.text("directory", "/var/lib/claimd", absolutePath)}
}

// directory reads [directory]. Whether the URL is one that a database can be found by is for others to judge.
func directory(top *table, extra []File) Directory {
	t := top.sub("directory")
	d := Directory{URLFile: t.optional("url_file", namedFile)}
	for _, file := range extra {
		if file.Path == d.URLFile {
			d.URL = t.secretLine("url_file", "postgres://...", file.Bytes)
		}
	}
	return d
}

func logTable(top *table) Log {
	t := top.sub("log")
	return Log{
		Level:   t.text("level", "info", oneOf("debug", "info", "warn", "error")),
		Format:  t.choice("format", "auto", "text", "json"),
		Denials: t.flag("denials", true),
	}
}
