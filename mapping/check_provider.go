package mapping

import (
	"slices"
	"strconv"
	"strings"
)

// checkProviders checks what stands at each provider by itself.
func (c *checker) checkProviders() {
	seen := make(map[string]bool)
	for i := range c.rules.Providers {
		p := &c.rules.Providers[i]
		path := Path{"provider", p.Name}
		switch {
		case p.Name == "":
			c.fault(path, `want a name, got ""`, "")
		case seen[p.Name]:
			c.fault(path, "provider "+strconv.Quote(p.Name)+" stands here twice", "")
		}
		seen[p.Name] = true
		c.checkAdminGroup(path.at("admin_group"), p)
	}
}

func (c *checker) checkAdminGroup(path Path, p *Provider) {
	group := p.AdminGroup
	if group == "" {
		return
	}
	if slices.Contains(c.rules.DefaultGroups, group) {
		c.fault(path, strconv.Quote(group)+" stands in default_groups too, which every user has",
			"take it out of default_groups: a default never makes an administrator")
	}
	if guid, ok := looseGUID(group); ok {
		c.checkGUIDForm(path, group, guid)
		return
	}
	c.notice(path, strconv.Quote(group)+" is a name, and names of groups are not unique in a tenant",
		"use the object ID of the group")
}

// checkGUIDForm gives a notice for a GUID that is not written as Entra ID writes object IDs.
func (c *checker) checkGUIDForm(path Path, text, guid string) {
	switch {
	case text == guid:
	case isGUID(text):
		c.notice(path, strconv.Quote(text)+" never matches: Entra ID writes object IDs in lower case",
			"write "+strconv.Quote(guid))
	default:
		c.notice(path, strconv.Quote(text)+" never matches: Entra ID writes object IDs as 36 plain characters",
			"write "+strconv.Quote(guid))
	}
}

// checkPrefixes checks that user names of different providers cannot be the same.
func (c *checker) checkPrefixes() {
	for i := range c.rules.Providers {
		for j := range i {
			c.checkPrefixPair(&c.rules.Providers[j], &c.rules.Providers[i])
		}
	}
}

func (c *checker) checkPrefixPair(first, second *Provider) {
	path := Path{"provider", second.Name, "user_prefix"}
	name := strconv.Quote(first.Name)
	switch {
	case first.Name == second.Name:
	case first.UserPrefix == "" && second.UserPrefix == "":
		c.fault(path, "want a prefix, got none: provider "+name+" has none either",
			"write user_prefix at all providers but one, so that their users are told apart")
	case first.UserPrefix == second.UserPrefix:
		c.fault(path, "provider "+name+" has the prefix "+strconv.Quote(first.UserPrefix)+" too",
			"give each provider a prefix of its own")
	case mayCollide(first, second), mayCollide(second, first):
		c.fault(path, "a user here can have the same user name as one of provider "+name,
			"choose prefixes of which none begins with the other")
	}
}

// mayCollide reports whether an id of the provider with the shorter prefix can make the user name of one of the other.
func mayCollide(shorter, longer *Provider) bool {
	rest, ok := strings.CutPrefix(longer.UserPrefix, shorter.UserPrefix)
	switch {
	case !ok:
		return false
	case shorter.UserIsGUID:
		return !longer.UserIsGUID && beginsGUID(rest)
	}
	return true
}

// beginsGUID reports whether more characters after s can make it a GUID: a prefix that is a whole one has the id after it,
// which is not empty.
func beginsGUID(s string) bool {
	const zeros = "00000000-0000-0000-0000-000000000000"
	return len(s) < len(zeros) && isGUID(s+zeros[len(s):])
}
