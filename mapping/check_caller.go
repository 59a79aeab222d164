package mapping

import "strconv"

// caller is a [[user]] or [[service_account]], and where it stands.
type caller struct {
	label    string // "user[0]"
	path     Path   // of its id
	provider *Provider
	id       string // in the form in which ids are compared
}

// checkCallers checks [[user]] and [[service_account]], and that no two of them are the same to the protected API.
func (c *checker) checkCallers() {
	seen := make(map[string]caller)
	for i := range c.rules.Users {
		if u, ok := c.checkUser(i); ok {
			c.checkSameName(seen, u)
		}
	}
	for i := range c.rules.ServiceAccounts {
		if a, ok := c.checkAccount(i); ok {
			c.checkSameName(seen, a)
		}
	}
}

func (c *checker) checkUser(i int) (caller, bool) {
	user := &c.rules.Users[i]
	path := Path{"user", i}
	c.checkReferences(path.at("groups"), user.Groups, &c.groups)
	c.checkReferences(path.at("roles"), user.Roles, &c.roles)
	provider, ok := c.provider(path.at("provider"), user.Provider)
	if !ok {
		return caller{}, false
	}
	path = path.at("id")
	switch {
	case user.ID == "":
		c.fault(path, `want the id of a user, got ""`, "")
		return caller{}, false
	case provider.UserIsGUID && !isGUID(user.ID):
		c.fault(path, "want a GUID, got "+strconv.Quote(user.ID), "the user claim is the object ID, shown under Users in the tenant")
		return caller{}, false
	}
	return caller{"user[" + strconv.Itoa(i) + "]", path, provider, provider.userID(user.ID)}, true
}

func (c *checker) checkAccount(i int) (caller, bool) {
	account := &c.rules.ServiceAccounts[i]
	path := Path{"service_account", i}
	c.checkReferences(path.at("groups"), account.Groups, &c.groups)
	c.checkReferences(path.at("roles"), account.Roles, &c.roles)
	provider, known := c.provider(path.at("provider"), account.Provider)
	path = path.at("object_id")
	id, ok := asGUID(account.ObjectID)
	if !ok {
		c.fault(path, "want a GUID, got "+strconv.Quote(account.ObjectID),
			"take the object ID shown under Enterprise applications")
	}
	return caller{"service_account[" + strconv.Itoa(i) + "]", path, provider, id}, ok && known
}

// checkSameName finds two callers that the protected API could not tell apart: of one provider with one id, or of two
// providers whose prefixes make the same user name.
func (c *checker) checkSameName(seen map[string]caller, next caller) {
	name := next.provider.UserPrefix + next.id
	twin, ok := seen[name]
	if !ok {
		seen[name] = next
		return
	}
	if twin.provider != next.provider {
		c.fault(next.path, twin.label+" of provider "+strconv.Quote(twin.provider.Name)+" has the same user name "+strconv.Quote(name),
			"change user_prefix at one of the providers")
		return
	}
	c.fault(next.path, twin.label+" has this id too", "keep one of the two; an id belongs to one user or one application")
}
