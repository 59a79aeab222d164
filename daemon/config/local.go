package config

import (
	"slices"
	"strings"
)

// What refers to something else here (a group, a provider, an id that is there twice) is for mapping.Compile to judge.

// locals reads [groups] or [roles].
func locals(top *table, key string) []Local {
	t := top.sub(key)
	var list []Local
	for _, name := range t.names() {
		list = append(list, local(t, name))
	}
	return list
}

// local reads one line: a label, or a table of more.
func local(t *table, name string) Local {
	l := Local{Name: name}
	n := t.node.table[name]
	label, isText := n.value.(string)
	if isText {
		l.Label = label
		return l
	}
	if n.kind == object && n.made == byDots && slices.ContainsFunc(n.keys, isNoLocalKey) {
		t.check.fault(t.at(name), "quote the whole name, as in '"+dotted(name, n)+"' = \"\"",
			"want text or { label, values, providers }, got a dotted key")
		return l
	}
	if !t.want(n.kind == object, t.at(name), n, "text or { label, values, providers }", quoteHint(n)) {
		return l
	}
	more := t.inner(t.at(name), n)
	l.Label = more.text("label", "", nil)
	l.Values = more.texts("values", nil, nil)
	l.Providers = more.texts("providers", nil, nil)
	return l
}

func isNoLocalKey(key string) bool {
	return !slices.Contains([]string{"label", "values", "providers"}, key)
}

// dotted gives the name that somebody meant who wrote it with dots and without quotes.
func dotted(name string, n *node) string {
	parts := []string{name}
	for n.kind == object && len(n.keys) > 0 {
		parts = append(parts, n.keys[0])
		n = n.table[n.keys[0]]
	}
	return strings.Join(parts, ".")
}

// users reads [[user]].
func users(top *table, providers []Provider) []User {
	var list []User
	for _, t := range top.tables("user") {
		u := User{
			Provider: whose(t, providers),
			ID:       t.text("id", "", nil),
			Groups:   t.texts("groups", nil, nil),
			Roles:    t.texts("roles", nil, nil),
			Blocked:  t.flag("blocked", false),
		}
		list = append(list, u)
	}
	return list
}

// serviceAccounts reads [[service_account]].
func serviceAccounts(top *table, providers []Provider) []ServiceAccount {
	const whichID = "take the object ID shown under Enterprise applications, not the one under App registrations"
	var list []ServiceAccount
	for _, t := range top.tables("service_account") {
		a := ServiceAccount{
			Provider:      whose(t, providers),
			ObjectID:      requiredGUID(t, "object_id", whichID, ownGUID),
			ApplicationID: optionalGUID(t, "application_id"),
			Name:          t.text("name", "", nil),
			Groups:        t.texts("groups", nil, nil),
			Roles:         t.texts("roles", nil, nil),
			Active:        t.flag("active", true),
		}
		if len(a.Groups) == 0 {
			t.check.missing(t.at("groups"), "whoever has no local group is denied", "want at least one local group, got none")
		}
		list = append(list, a)
	}
	return list
}

// whose reads the provider of a user or a service account, which goes without saying where there is one only.
func whose(t *table, providers []Provider) string {
	name := t.text("provider", "", nil)
	if t.has("provider") {
		return name
	}
	switch len(providers) {
	case 0:
		return ""
	case 1:
		return providers[0].Name
	}
	t.check.missing(t.at("provider"), "", "is missing: want one of the %d providers", len(providers))
	return ""
}
