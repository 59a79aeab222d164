package config

import (
	"slices"
	"strings"
	"time"
)

// maxClockSkew is the most that clock_skew may be: what Microsoft's own libraries allow.
const maxClockSkew = 5 * time.Minute

// providers reads [provider.NAME], in byte order of the names.
func providers(top *table, extra []File) []Provider {
	all := top.sub("provider")
	var list []Provider
	for _, name := range slices.Sorted(slices.Values(all.names())) {
		n := all.node.table[name]
		if !all.want(n.kind == object, all.at(name), n, "a table", "write [provider.NAME] above the keys of a provider") {
			continue
		}
		top.check.judge(all.at(name), name, providerName)
		list = append(list, provider(name, top.inner(all.at(name), n), extra))
	}
	return list
}

func provider(name string, t *table, extra []File) Provider {
	p := Provider{
		Name:           name,
		Kind:           Kind(t.choice("kind", string(KindEntra), string(KindOIDC))),
		RequiredScopes: t.texts("required_scopes", nil, scopeWord),
		ClockSkew:      duration(t, "clock_skew", time.Minute, maxClockSkew),
		AdminValue:     t.text("admin_value", "is_admin", nil),
		AdminGroup:     t.text("admin_group", "", nil),
		UserPrefix:     t.text("user_prefix", "", userPrefix),
	}
	read := entraProvider
	if p.IsOIDC() {
		read = oidcProvider
	}
	read(t, &p, extra)
	p.Claims = claimNames(t, p.IsOIDC())
	return p
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
