package config

import (
	"slices"
	"strings"
)

// guardedClaims are the claims that decide whether a token is one for us at all. None of them says what its subject
// may do.
var guardedClaims = []string{
	"iss", "aud", "exp", "nbf", "iat", "tid", "ver", "azp", "appid", "client_id", "scp", "scope", "idtyp", "_claim_names", "hasgroups",
}

// unfitUserClaims name nobody for good: they change, are given to others later, are chosen by the user or the tenant's
// administrators, or are shared by many (learn.microsoft.com/entra/identity-platform/claims-validation; OpenID Connect Core
// 1.0, sections 5.1 and 5.7).
var unfitUserClaims = slices.Concat(addressClaims, []string{
	"groups", "roles", "wids", "amr", "acrs", "xms_cc", "given_name", "family_name", "middle_name", "nickname", "phone_number",
})

// addressClaims hold what users or tenants choose at will: no right may follow from them.
var addressClaims = []string{"email", "upn", "preferred_username", "unique_name", "name"}

// claimNames reads [provider.NAME.claims]. Entra ID names users by oid, any other provider by sub (OpenID Connect Core
// 1.0, section 5.7).
func claimNames(provider *table, oidc bool) ClaimNames {
	t := provider.sub("claims")
	user, identifies := "oid", userClaim(`"oid" is the user's object ID; "sub" is another ID for each application`)
	if oidc {
		user, identifies = "sub", userClaim(`"sub" is the user's ID at the provider`)
	}
	read := func(key, standard string, is form) ClaimName { return ClaimName(t.text(key, standard, is)) }
	return ClaimNames{
		User:      read("user", user, identifies),
		Email:     read("email", "email", profileClaim),
		FirstName: read("first_name", "given_name", profileClaim),
		LastName:  read("last_name", "family_name", profileClaim),
		Groups:    read("groups", "groups", rightsClaim),
		Roles:     read("roles", "groups", rightsClaim),
		Admin:     read("admin", "", adminClaim),
	}
}

// claim judges the name of a claim.
func claim(name string) flaw {
	if name == "" {
		return flawf("want the name of a claim, got an empty string")
	}
	top, ok := topLevel(name)
	if !ok {
		return flaw{
			problem: "want a JSON Pointer such as \"/a/b\" in which ~ stands as ~0 and / as ~1, got " + show(name),
			hint:    "a name that begins with / is a JSON Pointer (RFC 6901)",
		}
	}
	if isOneOf(top, guardedClaims) {
		return flawf("want a claim about the user, got %s, which says whether the token is valid", show(name))
	}
	return flaw{}
}

// profileClaim judges the name of a claim that may be switched off.
func profileClaim(name string) flaw {
	if name == "" {
		return flaw{}
	}
	return claim(name)
}

// rightsClaim judges the name of a claim that says what a user may do.
func rightsClaim(name string) flaw {
	if top, _ := topLevel(name); isOneOf(top, addressClaims) {
		return flaw{
			problem: "want a claim that says what the user may do, got " + show(name),
			hint:    "an address or a name can be chosen at will and changes: take groups, roles or a claim of your own",
		}
	}
	return claim(name)
}

// adminClaim judges the name of the admin claim, which may be switched off.
func adminClaim(name string) flaw {
	if name == "" {
		return flaw{}
	}
	return rightsClaim(name)
}

// userClaim judges the name of the claim that identifies a user.
func userClaim(hint string) form {
	return func(name string) flaw {
		if top, _ := topLevel(name); isOneOf(top, unfitUserClaims) {
			return flaw{problem: "want a claim that identifies one user for good, got " + show(name), hint: hint}
		}
		return claim(name)
	}
}

// topLevel gives the member of the token that a claim name begins at. ok is false for a wrong JSON Pointer.
func topLevel(name string) (top string, ok bool) {
	pointer, isPointer := strings.CutPrefix(name, "/")
	if !isPointer {
		return name, true
	}
	for _, part := range strings.Split(pointer, "/") {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(part), "~") {
			return "", false
		}
	}
	top, _, _ = strings.Cut(pointer, "/")
	return strings.NewReplacer("~0", "~", "~1", "/").Replace(top), top != ""
}

// isOneOf compares in any case: a token that holds such a name in another case is refused as a whole.
func isOneOf(name string, list []string) bool {
	return slices.ContainsFunc(list, func(one string) bool { return strings.EqualFold(one, name) })
}

// is reports whether the claim name means the top-level claim of that name.
func (n ClaimName) is(claim string) bool { return n == ClaimName(claim) || n == ClaimName("/"+claim) }
