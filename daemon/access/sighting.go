package access

import (
	"slices"
	"strings"

	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/daemon/token"
	"github.com/claimd/claimd/mapping"
)

// sight tells the directory what the judgement of a token has shown of its user. It holds nothing up.
func (j *judgement) sight() {
	if j.claims == nil || j.provider.directory == nil {
		return
	}
	if sighting := j.sighting(); sighting != nil {
		j.provider.directory.Seen(sighting)
	}
}

// sighting gives what is to be recorded: of everybody who may call (client, service account, scope, guest) and is not
// switched off, let in or not; nil for all others.
//
// Where the groups are unknown (overage, or a claim of the wrong type while the user waits for an invitation), Groups and
// Roles are nil: then what was known of them before stays.
func (j *judgement) sighting() *directory.Sighting {
	switch j.reason {
	case reason.None, reason.NoGroup, reason.HeaderSize, reason.Route, reason.StepUp:
		return j.seen(&j.identity.Identity, true)
	case reason.GroupsOverage:
		return j.seen(j.profile(), false)
	case reason.UserInactive:
		if j.standing != uninvited {
			return nil
		}
		if identity, err := j.mapIdentity(nil); err == nil && j.overage() == reason.None {
			return j.seen(&identity, true)
		}
		return j.seen(j.profile(), false)
	}
	return nil
}

// profile is the identity of a user whose groups are unknown.
func (j *judgement) profile() *mapping.Identity {
	names := &j.provider.config.Claims
	identity, _ := j.provider.policy.Map(j.id, mapping.Claims{ // without groups and roles there is no error
		Email: j.value(names.Email), FirstName: j.value(names.FirstName), LastName: j.value(names.LastName),
	}, nil)
	return &identity
}

// seen makes the record. Nothing of it shares memory with the token.
func (j *judgement) seen(identity *mapping.Identity, groupsKnown bool) *directory.Sighting {
	sighting := &directory.Sighting{
		Key:      j.person.key,
		At:       j.now.Round(0).UTC(),
		Provider: identity.Provider,
		App:      identity.ServiceAccount,
		Guest:    !identity.ServiceAccount && j.claims.Guest(),
		User:     identity.User,
		Email:    identity.Email,
		First:    identity.FirstName,
		Last:     identity.LastName,
		Client:   j.claims.ClientID,
		Scopes:   j.claims.Scopes,
		Admin:    identity.Admin,
		Waiting:  j.standing == uninvited,
		Claims:   j.claims.Keep(j.replayed()...),
	}
	if j.reason != reason.None && j.reason != reason.Route && j.reason != reason.StepUp { // another route may let him in
		sighting.Refused = j.reason.String()
	}
	if groupsKnown {
		j.held(sighting)
	}
	return sighting
}

// held fills in groups and roles with their sources, and what named nothing.
func (j *judgement) held(sighting *directory.Sighting) {
	names := &j.provider.config.Claims
	var sources mapping.Sources
	if sighting.App {
		sources = j.provider.policy.AccountSources(j.claims.ObjectID, j.value(names.Roles))
	} else {
		sources = j.provider.policy.UserSources(j.id, j.claimValues())
		if names.Groups == names.Roles {
			sources.UnmatchedRoles = nil // they are the same values
		}
	}
	sighting.Groups, sighting.Roles = heldOf(sources.Groups), heldOf(sources.Roles)
	sighting.UnmatchedGroups, sighting.UnmatchedRoles = cloned(sources.UnmatchedGroups), cloned(sources.UnmatchedRoles)
}

func heldOf(given []mapping.Given) []directory.Held {
	held := make([]directory.Held, len(given))
	for i, g := range given {
		held[i] = directory.Held{Name: g.Name, Source: heldSource(g.Source)}
	}
	return held
}

func heldSource(source mapping.Source) directory.Source {
	switch source {
	case mapping.FromDefault:
		return directory.FromDefault
	case mapping.FromUser, mapping.FromAccount:
		return directory.FromLocal
	}
	return directory.FromClaim
}

// cloned: the values of a claim share one piece of memory.
func cloned(values []string) []string {
	values = slices.Clone(values)
	for i, value := range values {
		values[i] = strings.Clone(value)
	}
	return values
}

// replayed gives the names of the claims that decide what a user may: a Replay needs no others.
func (j *judgement) replayed() []string { return replayedClaims(j.provider, j.claims.Caller) }

func replayedClaims(p *provider, caller token.Caller) []string {
	names := &p.config.Claims
	if caller == token.AppOnly {
		return []string{string(names.Roles)}
	}
	replayed := []string{string(names.Groups), string(names.Roles), string(names.Admin)}
	if !isObjectID(names.User) {
		replayed = append(replayed, string(names.User))
	}
	return replayed
}
