package daemon

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entra"
)

// whom finds the user that an administrator names: by his id, which for Entra is the object ID in any case, or by his
// user name as the API sees it, where one alone has it. An e-mail address is nobody's for good, and never taken; but what
// an OpenID provider calls a user may look like one. unseen: he may be somebody whom the directory does not know.
func (p *people) whom(ctx context.Context, verb, provider, id string, unseen bool) (directory.Key, error) {
	if err := p.settle(ctx); err != nil {
		return directory.Key{}, err
	}
	cfg := p.serving().Config
	authority, err := authorityNamed(cfg, provider)
	if err != nil {
		return directory.Key{}, err
	}
	keys, err := p.known(ctx, authority, id)
	switch {
	case err != nil:
		return directory.Key{}, inWords(err)
	case len(keys) == 1:
		return keys[0], nil
	case len(keys) > 1:
		return directory.Key{}, ambiguous(cfg, verb, id, keys)
	case strings.Contains(id, "@") && !isIssuer(soleAuthority(cfg, authority)):
		return directory.Key{}, anAddress(cfg, verb, authority)
	case !unseen:
		return directory.Key{}, nobody(id)
	}
	return stranger(cfg, verb, authority, id)
}

// known gives the keys of the directory that the id can mean; authority "" = any. Whose id it is comes before whose
// name it is: a name may be chosen, an id may not.
func (p *people) known(ctx context.Context, authority, id string) ([]directory.Key, error) {
	if id == "" {
		return nil, refusalOf("want the id of a user, got nothing", "claimctl users list shows the ids")
	}
	if authority != "" {
		key := keyOf(authority, id)
		if _, _, err := p.directory.User(ctx, key); err == nil {
			return []directory.Key{key}, nil
		}
	}
	found, err := p.directory.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	var ids, names []directory.Key
	for _, key := range found {
		switch {
		case authority != "" && key.Authority != authority:
		case key == keyOf(key.Authority, id):
			ids = append(ids, key)
		case !strings.Contains(id, "@") || isIssuer(key.Authority):
			names = append(names, key)
		}
	}
	if ids != nil {
		return ids, nil
	}
	return names, nil
}

func nobody(id string) error {
	return refusalOf(fmt.Sprintf("the directory knows nobody of the id %q", id), "claimctl users list shows who has come, with their ids")
}

// anAddress refuses what looks like an e-mail address and is nobody's id or name. Where several providers are possible it may
// be the id of somebody new at one of them.
func anAddress(cfg *config.Config, verb, authority string) error {
	hint := "name the user by his id; claimctl users list shows it"
	other := slices.IndexFunc(cfg.Providers, func(p config.Provider) bool { return p.IsOIDC() })
	if authority == "" && other >= 0 {
		hint += "; of somebody who has not come yet at an OpenID provider: claimctl users " + verb + " " + cfg.Providers[other].Name + " ID"
	}
	return refusalOf("an e-mail address names nobody for good: it can be given to somebody else", hint)
}

// ambiguous lists what to type instead.
func ambiguous(cfg *config.Config, verb, id string, keys []directory.Key) error {
	commands := make([]string, len(keys))
	for i, key := range keys {
		commands[i] = admin.Command(verb, providerOf(cfg, key.Authority), key)
	}
	slices.Sort(commands)
	return refusalOf(fmt.Sprintf("%q can mean %d users", id, len(keys)), "say which:\n"+strings.Join(commands, "\n"))
}

// stranger gives the key of somebody whom the directory does not know.
func stranger(cfg *config.Config, verb, authority, id string) (directory.Key, error) {
	switch sole := soleAuthority(cfg, authority); {
	case sole == "" && len(cfg.Providers) == 0:
		return directory.Key{}, refusalOf("no provider is configured", "")
	case sole == "":
		return directory.Key{}, refusalOf(fmt.Sprintf("the directory knows nobody of the id %q, and there are several providers", id),
			"say whose user it is: claimctl users "+verb+" PROVIDER ID; PROVIDER is one of "+strings.Join(providerNames(cfg), ", "))
	case isIssuer(sole) && providerOf(cfg, sole) == "" && verb != "show": // one that is written a little wrong shuts nobody out
		return directory.Key{}, refusalOf(fmt.Sprintf("the directory knows nobody of the id %q, and no provider has the issuer %q", id, sole),
			"it counts byte for byte, a final slash too; PROVIDER is one of "+strings.Join(providerNames(cfg), ", "))
	default:
		authority = sole
	}
	if !entra.IsGUID(id) && onlyObjectIDs(cfg, authority) {
		return directory.Key{}, refusalOf(fmt.Sprintf("%q is no object ID, and the directory knows nobody of that name", id),
			"the object ID stands on the user's page in the Entra admin center")
	}
	return keyOf(authority, id), nil
}

// soleAuthority gives the authority that is named, or else the one that all providers have; "": there are several, or none.
func soleAuthority(cfg *config.Config, named string) string {
	sole := named
	for i := range cfg.Providers {
		own := authorityFor(&cfg.Providers[i])
		if named == "" && sole != "" && own != sole {
			return ""
		}
		sole = cmp.Or(sole, own)
	}
	return sole
}

// isIssuer reports whether an authority is the issuer of an OpenID provider, and no tenant of Entra ID's.
func isIssuer(authority string) bool { return strings.Contains(authority, "://") }

// onlyObjectIDs reports whether the users of the authority are known by their object IDs and nothing else: then another id
// would never name one who comes.
func onlyObjectIDs(cfg *config.Config, authority string) bool {
	for i := range cfg.Providers {
		provider := &cfg.Providers[i]
		if user := provider.Claims.User; authorityFor(provider) == authority && user != "oid" && user != "/oid" {
			return false
		}
	}
	return entra.IsGUID(authority)
}

// authorityNamed gives the authority that an administrator names: by a provider's name, or itself where no provider of
// it is configured any more: a tenant ID, or an issuer byte for byte. "" gives "".
func authorityNamed(cfg *config.Config, provider string) (string, error) {
	if provider == "" {
		return "", nil
	}
	if authority := authorityOf(cfg, provider); authority != "" {
		return authority, nil
	}
	if guid, ok := entra.GUID(provider); ok {
		return guid, nil
	}
	if isIssuer(provider) {
		return provider, nil
	}
	return "", refusalOf(unknownProvider(provider, providerNames(cfg)).Error(), "")
}

// authorityOf gives the authority of the provider of that name; "" where there is none.
func authorityOf(cfg *config.Config, provider string) string {
	for i := range cfg.Providers {
		if cfg.Providers[i].Name == provider {
			return authorityFor(&cfg.Providers[i])
		}
	}
	return ""
}

// authorityFor gives what the directory knows a provider's users by.
func authorityFor(provider *config.Provider) string { return provider.UserAuthority() }

// providerOf gives the name of the first provider with that authority; "" where there is none.
func providerOf(cfg *config.Config, authority string) string {
	for i := range cfg.Providers {
		if authorityFor(&cfg.Providers[i]) == authority {
			return cfg.Providers[i].Name
		}
	}
	return ""
}

func providerNames(cfg *config.Config) []string {
	names := make([]string, len(cfg.Providers))
	for i := range cfg.Providers {
		names[i] = cfg.Providers[i].Name
	}
	return names
}

// keyOf gives the key of an id as somebody wrote it: an object ID of Entra in any case.
func keyOf(authority, id string) directory.Key {
	if guid, ok := entra.GUID(id); ok && entra.IsGUID(authority) {
		id = guid
	}
	return directory.Key{Authority: authority, ID: id}
}
