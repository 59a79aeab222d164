package token

// Guest reports whether the token says that its user is a guest of the tenant: acct where it is present (0 = member, 1
// = guest, and anything else counts as a guest), else idp where it is present and is not an issuer form of this tenant.
// A null claim is an absent one. (learn.microsoft.com/entra/identity-platform/optional-claims-reference)
func (c *Claims) Guest() bool {
	if c.Has("acct") {
		return string(c.raw("acct")) != "0"
	}
	if !c.Has("idp") {
		return false
	}
	idp, _ := stringOf(c.raw("idp"))
	for _, issuer := range c.issuers {
		if issuer != "" && string(idp) == issuer {
			return false
		}
	}
	return true
}
