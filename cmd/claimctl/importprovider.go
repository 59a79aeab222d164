package main

import (
	"strconv"
	"strings"

	"github.com/claimd/claimd/cmd/claimctl/python"
)

// hasNoProvider reports whether nothing can be said of a tenant yet, and nothing need be, as OAuth is off.
func (i *importer) hasNoProvider() bool {
	tenant, application := i.get(eiqTenant), i.get(eiqApplication)
	if tenant.what != "" || application.what != "" {
		return true
	}
	enabled := i.get(eiqEnabled)
	isOff := enabled.value == nil || enabled.value.Kind == python.Bool && !enabled.value.True
	return isOff && (tenant.isEmpty() || application.isEmpty())
}

// provider writes [provider.azure], commented out where the IDs are not known.
func (i *importer) provider() {
	i.header("provider", "azure")
	if i.off {
		i.explain(0, "", "[provider.azure] is off: once you have both IDs, take one # from each of its lines and of [provider.azure.claims]")
	}
	for _, id := range []struct{ key, name string }{{"tenant_id", eiqTenant}, {"application_id", eiqApplication}} {
		i.id(id.key, i.get(id.name))
	}
	i.clients()
	i.explain(0, "", "applications ask EclecticIQ for the scope platform.read-write; with the line required_scopes claimd wants it in every token of a user")
	i.set("required_scopes", []string{"platform.read-write"}, true, "")
	i.adminGroup()
}

// id writes one of the two IDs that must be there.
func (i *importer) id(key string, setting *importSetting) {
	i.from(key, setting)
	switch {
	case setting.what != "": // then the table is off
		i.comment(unreadHere(setting) + "write its value here.")
		i.set(key, "", false, "")
	case setting.isEmpty() && (i.off || !setting.isSet()):
		if i.off {
			i.set(key, "", false, origin(setting))
		}
	case setting.value.Kind == python.None:
		i.fault(setting, setting.line, "want a GUID, got None", "")
	case i.want(setting, python.Text):
		i.set(key, setting.value.Text, false, origin(setting))
	}
}

func unreadHere(setting *importSetting) string {
	return setting.name + " is set at line " + strconv.Itoa(setting.line) + ", but only running the file would tell to what (" + setting.what + "): "
}

// unread writes a key whose value could not be read; sample is of the type that is wanted.
func (i *importer) unread(key string, sample any, setting *importSetting) {
	i.comment(unreadHere(setting) + "write its value here.")
	i.set(key, sample, true, "")
}

// clients writes who may call. An empty list is nobody here, whatever it means there.
func (i *importer) clients() {
	const key = "client_application_ids"
	setting := i.get(eiqClients)
	i.from(key, setting)
	if setting.what != "" {
		i.comment(unreadHere(setting) + "list the client applications here.")
		i.set(key, []string{}, false, "")
		return
	}
	if setting.isEmpty() && (setting.value == nil || setting.value.Kind != python.Text) {
		i.explain(setting.line, setting.name, "names no application: nobody may call until one is listed, whatever EclecticIQ makes of an empty list")
		i.set(key, []string{}, false, origin(setting))
		return
	}
	texts, ok := importTexts(setting.value)
	if !ok {
		i.fault(setting, setting.value.Line, "want a list of texts, got "+listKind(setting.value), "")
		return
	}
	i.set(key, texts, false, origin(setting))
}

// listKind gives the kind of a value where a list of texts is wanted.
func listKind(value *python.Value) string {
	for _, item := range value.Items {
		if value.Kind != python.Dict && item.Kind != python.Text {
			return "one with " + item.Kind.String() + " in it"
		}
	}
	return value.Kind.String()
}

// adminGroup writes one of the two ways to become an administrator, which are on by default there and off here.
func (i *importer) adminGroup() {
	const key = "admin_group"
	setting := i.get(eiqAdminGroup)
	i.from(key, setting)
	switch {
	case setting.what != "":
		i.unread(key, "", setting)
	case !setting.isSet():
		i.explain(0, setting.name, `is not set: EclecticIQ then makes an administrator of whoever has "EclecticIQAdminsGroup" among the groups or roles; `+
			"here it takes the line "+key)
		i.set(key, "EclecticIQAdminsGroup", true, "")
	case setting.value.Kind == python.None:
		i.set(key, "", false, origin(setting))
	case i.want(setting, python.Text):
		i.set(key, setting.value.Text, false, origin(setting))
	}
}

// claims writes [provider.azure.claims].
func (i *importer) claims() {
	i.header("provider", "azure", "claims")
	i.supposedOr("user", "oid")
	i.supposedOr("email", "email")
	for _, claim := range []struct{ key, name, standard string }{
		{"first_name", eiqFirstName, "given_name"}, {"last_name", eiqLastName, "family_name"},
		{"groups", eiqGroups, "groups"}, {"roles", eiqRoles, "groups"},
	} {
		setting := i.get(claim.name)
		i.from(claim.key, setting)
		switch {
		case setting.what != "":
			i.unread(claim.key, claim.standard, setting)
		case !setting.isSet():
			i.set(claim.key, claim.standard, false, origin(setting))
		case claim.standard != "groups" && setting.value.Kind == python.None:
			i.set(claim.key, "", false, origin(setting))
		default:
			i.claim(claim.key, setting)
		}
	}
	i.adminClaim()
}

// claim writes the name of a claim.
func (i *importer) claim(key string, setting *importSetting) {
	if !i.want(setting, python.Text) {
		return
	}
	if strings.HasPrefix(setting.value.Text, "/") {
		i.explain(setting.line, setting.name, "begins with /, as only JSON Pointers do here: the one below names the same claim")
	}
	i.set(key, literalClaim(setting.value.Text), false, origin(setting))
}

// literalClaim gives the claim's name as claimd writes it: where it begins with / it would be a JSON Pointer (RFC 6901),
// and is made one that says the same.
func literalClaim(name string) string {
	if strings.HasPrefix(name, "/") {
		return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	}
	return name
}

func (i *importer) adminClaim() {
	const key = "admin"
	setting := i.get(eiqAdminClaim)
	i.from(key, setting)
	switch {
	case setting.what != "":
		i.unread(key, "", setting)
	case !setting.isSet():
		i.explain(0, setting.name, `is not set: EclecticIQ then makes an administrator of whoever has "is_admin" in the claim isEclecticIQAdmin; here it takes the line `+key)
		i.set(key, "isEclecticIQAdmin", true, "")
	case setting.value.Kind == python.None:
		i.set(key, "", false, origin(setting))
	default:
		i.claim(key, setting)
	}
}
