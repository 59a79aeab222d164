package config

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/mapping"
)

// usualGraphCache is how long an answer of Microsoft Graph counts where nobody says otherwise, and maxGraphCache the most
// that it may: a membership that was taken away ends by then.
const (
	usualGraphCache = 5 * time.Minute
	maxGraphCache   = time.Hour
)

// Graph is [provider.NAME.graph]: the app credential by which the groups of a user with too many for the token are asked
// for. nil: they are not (groups_overage = "deny").
type Graph struct {
	ClientID string // the provider's application, where the table names none
	// Secret and Certificate are the contents of the two files, of which one is set: a client secret, or PEM of certificate
	// and key. They are shown nowhere. Both are "" where the file was not seen (ReadOptions.Outside).
	Secret      string
	Certificate string
	Cache       time.Duration
}

// graphSecrets are the keys of the table that name files.
var graphSecrets = [...]string{"client_secret_file", "client_certificate_file"}

// graphFiles reads the files that the tables of all providers name.
func (r *reader) graphFiles() {
	root, _, _ := r.tree.merged()
	all, ok := find(root, mapping.Path{"provider"})
	if !ok || all.kind != object {
		return
	}
	for _, name := range slices.Sorted(slices.Values(all.keys)) {
		for _, key := range graphSecrets {
			r.named(mapping.Path{"provider", name, "graph", key}, true)
		}
	}
}

// overage reads groups_overage and the table that goes with it.
func overage(t *table, p *Provider, extra []File) *Graph {
	if p.IsOIDC() {
		t.foreignText("groups_overage", "deny", KindEntra)
		t.foreignKey("graph", KindEntra)
		return nil
	}
	wanted := t.choice("groups_overage", "deny", "graph") == "graph"
	g := graphTable(t.sub("graph"), extra)
	table := t.node.table["graph"]
	secret, certificate := isSet(table, graphSecrets[0]), isSet(table, graphSecrets[1])
	if !wanted {
		if n := t.node.table["groups_overage"]; (secret || certificate) && (n == nil || n.value == "deny") {
			t.check.notice(t.at("graph"), `write groups_overage = "graph"`, `is not used: groups_overage is "deny"`)
		}
		return nil
	}
	g.ClientID = cmp.Or(g.ClientID, p.ApplicationID)
	switch {
	case secret && certificate:
		t.check.fault(t.at("graph", graphSecrets[1]), "keep one of the two", "want a client secret or a certificate, got both")
	case !secret && !certificate:
		t.check.missing(t.at("groups_overage"), "write client_secret_file or client_certificate_file under ["+KeyPath(t.at("graph"))+"]",
			`"graph" asks Microsoft Graph as an application: want its secret or its certificate, got neither`)
	}
	if strings.HasPrefix(p.Authority, "http://") {
		t.check.fault(t.at("groups_overage"), "", `"graph" wants an authority by https`)
	}
	return g
}

// isSet reports whether the key holds more than "".
func isSet(table *node, key string) bool {
	if table == nil || table.kind != object || table.table[key] == nil {
		return false
	}
	return table.table[key].value != ""
}

// graphTable reads [provider.NAME.graph].
func graphTable(t *table, extra []File) *Graph {
	g := &Graph{
		ClientID: optionalGUID(t, "client_id"),
		Cache:    duration(t, "cache", usualGraphCache, maxGraphCache),
	}
	if g.Cache == 0 && t.has("cache") {
		t.check.fault(t.at("cache"), "", "want more than 0s: each request would ask Microsoft Graph")
	}
	secret, certificate := t.optional(graphSecrets[0], namedFile), t.optional(graphSecrets[1], namedFile)
	for _, file := range extra {
		if secret != "" && file.Path == secret && file.secret {
			g.Secret = t.secretLine(graphSecrets[0], "the client secret", file.Bytes)
		}
		if certificate != "" && file.Path == certificate && file.secret {
			g.Certificate = string(file.Bytes)
		}
	}
	return g
}

// Deciding tells what of the groups claim decides something about users of the provider: the object IDs among the values,
// and what else is matched by, which cannot be known where the token does not hold the groups. Both are in the order of
// the files, the object IDs as written.
func (c *Config) Deciding(p *Provider) (objectIDs, names []string) {
	take := func(value string) {
		if entra.IsGUID(value) {
			objectIDs = append(objectIDs, value)
			return
		}
		names = append(names, value)
	}
	locals := c.Groups
	if p.Claims.Roles == p.Claims.Groups {
		locals = slices.Concat(c.Groups, c.Roles)
	}
	for _, local := range locals {
		if local.Providers != nil && !slices.Contains(local.Providers, p.Name) {
			continue
		}
		if local.Values == nil {
			take(local.Name)
		}
		for _, value := range local.Values {
			take(value)
		}
	}
	if p.AdminGroup != "" {
		take(p.AdminGroup)
	}
	if p.Claims.Admin == p.Claims.Groups {
		take(p.AdminValue)
	}
	return objectIDs, names
}

// namedOverage finds providers whose groups Microsoft Graph is asked for while something is matched by its name.
func (c *checker) namedOverage(config *Config) {
	for i := range config.Providers {
		p := &config.Providers[i]
		if p.Graph == nil {
			continue
		}
		if _, names := config.Deciding(p); len(names) > 0 {
			c.notice(mapping.Path{"provider", p.Name, "groups_overage"},
				"name it by its object ID: display names are not unique, so that Microsoft Graph is not asked about them",
				"users of whom Entra ID leaves the groups out stay refused while "+show(names[0])+" is matched by its name")
		}
	}
}
