package token

// Overage reports whether the token says that the user has more groups than it holds, while groupsClaim or rolesClaim
// (names as in the configuration) is read from what is left out. The marker wins over any value that is there.
//
// Entra ID leaves out a list that grew too long, names it in _claim_names (learn.microsoft.com/entra/identity-platform/
// access-token-claims-reference, groups overage claim), or sets hasgroups in the implicit flow. A marker whose form is
// not the documented one could mean any list, so it means those that are read.
func (c *Claims) Overage(groupsClaim, rolesClaim string) bool {
	groups, roles := topLevel(groupsClaim), topLevel(rolesClaim)
	if c.Has("hasgroups") && string(c.raw("hasgroups")) != "false" && (groups == "groups" || roles == "groups") {
		return true
	}
	if !c.Has("_claim_names") {
		return false
	}
	names := c.raw("_claim_names")
	if names[0] != '{' {
		return groups != "" || roles != ""
	}
	return groups != "" && step(names, groups) != nil || roles != "" && step(names, roles) != nil
}
