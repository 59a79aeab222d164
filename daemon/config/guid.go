package config

import (
	"cmp"
	"strings"

	"github.com/claimd/claimd/daemon/entra"
)

// requiredGUID reads a GUID that has to be written, in lower case. The hint tells where it is found.
func requiredGUID(t *table, key, hint string, is form) string {
	if !t.has(key) {
		t.check.missing(t.at(key), hint, "is missing")
	}
	return knownGUID(t, key, t.text(key, "", func(text string) flaw {
		found := is(text)
		found.hint = cmp.Or(found.hint, hint)
		return found
	}))
}

// optionalGUID reads a GUID that may be "".
func optionalGUID(t *table, key string) string {
	return knownGUID(t, key, t.optional(key, ownGUID))
}

// guids reads an array of GUIDs. It is never nil.
func guids(t *table, key string) []string {
	list := t.texts(key, []string{}, ownGUID)
	lower := make([]string, len(list))
	for i, guid := range list {
		lower[i] = strings.ToLower(guid)
		t.check.exampleNotice(t.at(key, i), lower[i])
	}
	return lower
}

// knownGUID gives the GUID in lower case, and says where it is one of the examples'.
func knownGUID(t *table, key, guid string) string {
	guid = strings.ToLower(guid)
	t.check.exampleNotice(t.at(key), guid)
	return guid
}

// ownGUID judges a GUID that an administrator copies from the Entra admin center.
func ownGUID(text string) flaw {
	trimmed := strings.TrimSpace(text)
	bare := strings.TrimSuffix(strings.TrimPrefix(trimmed, "{"), "}")
	switch {
	case text == "":
		return flawf("want a GUID, got an empty string")
	case entra.IsPlaceholder(text) && entra.IsGUID(text), strings.ContainsAny(text, "<>"), strings.Trim(text, ".x-") == "":
		return flaw{"want a GUID of your own, got the placeholder " + show(text), "did you edit the file?"}
	case entra.IsGUID(text):
		return flaw{}
	case entra.IsGUID(bare):
		return flaw{"want a GUID, got " + show(text), "write it without braces and blanks: " + bare}
	}
	return flaw{problem: "want a GUID, got " + show(text)}
}

// tenantID judges the ID of one tenant. The words for many tenants would admit tokens of strangers.
func tenantID(text string) flaw {
	const one = "name one tenant by its ID; several tenants are several [provider.NAME] tables"
	switch strings.ToLower(text) {
	case "common", "organizations", "consumers":
		return flaw{"want the GUID of one tenant, got " + show(text), one}
	case entra.ConsumerTenant:
		return flaw{"want the GUID of an organisation's tenant, got that of all personal Microsoft accounts", ""}
	}
	found := ownGUID(text)
	if found.problem != "" && strings.Contains(strings.Trim(text, "."), ".") {
		return flaw{"want the GUID of the tenant, got the domain name " + show(text), one}
	}
	return found
}
