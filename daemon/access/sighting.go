package access

import (
	"hash/maphash"
	"strings"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/daemon/token"
	"github.com/claimd/claimd/mapping"
)

// sight tells the directory what the judgement of a token has shown of its user. It holds nothing up. Of a user whose
// token tells what the one before told, that is little: a sighting costs as much as half of a judgement.
func (j *judgement) sight() {
	if j.claims == nil || j.provider.directory == nil || !j.tells() {
		return
	}
	mark := j.mark()
	if j.provider.directory.SeenAgain(j.person.hash, mark, j.now.Round(0).UTC(), j.claims.ClientID) {
		return
	}
	sighting := j.sighting()
	sighting.Mark = mark
	j.provider.directory.Seen(sighting)
}

// tells reports whether there is something to be recorded: of everybody who may call (client, service account, scope,
// guest) and is not switched off, let in or not.
func (j *judgement) tells() bool {
	switch j.reason {
	case reason.None, reason.NoGroup, reason.HeaderSize, reason.Route, reason.StepUp, reason.GroupsOverage:
		return true
	}
	return j.reason == reason.UserInactive && j.standing == uninvited
}

// mark gives a number that differs wherever the sighting would, but for its time and client: it is made of all that a
// sighting is made of. What the configuration adds is in the generation.
func (j *judgement) mark() uint64 {
	var h maphash.Hash
	h.SetSeed(j.provider.directory.Seed())
	names := &j.provider.config.Claims
	maphash.WriteComparable(&h, inputs{
		generation: j.snapshot.generation, provider: j.provider.place, caller: j.claims.Caller, standing: j.standing,
		guest: j.isGuest(), refused: j.refused(), scopes: j.claims.Scopes,
	})
	for _, name := range j.replayed() {
		j.claims.Mix(&h, name)
	}
	for _, name := range [...]config.ClaimName{names.Email, names.FirstName, names.LastName} {
		j.claims.Mix(&h, string(name))
	}
	j.claims.MixMarks(&h)
	if j.told != nil { // what Graph says changes without the token
		for _, group := range j.told.answer.Member {
			_, _ = h.WriteString(group) // GUIDs are of one length; it never fails
		}
	}
	return h.Sum64() | 1 // 0 is no mark
}

// inputs are what a mark is made of beside claims. The user himself is not among them: his mark is kept under his key.
type inputs struct {
	generation uint64
	provider   int
	caller     token.Caller
	standing   standing
	guest      bool
	refused    string
	scopes     string
}

// refused gives the name of the reason that keeps the user out whatever he asks for; "": another route may let him in.
func (j *judgement) refused() string {
	switch j.reason {
	case reason.None, reason.Route, reason.StepUp:
		return ""
	}
	return j.reason.String()
}

// sighting gives what is to be recorded; nil where nothing is.
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
		if identity, err := j.mapIdentity(nil); err == nil && !j.leftOut() {
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
		Guest:    !identity.ServiceAccount && j.isGuest(),
		User:     identity.User,
		Email:    identity.Email,
		First:    identity.FirstName,
		Last:     identity.LastName,
		Client:   j.claims.ClientID,
		Scopes:   j.claims.Scopes,
		Admin:    identity.Admin,
		Refused:  j.refused(),
		Waiting:  j.standing == uninvited,
		Claims:   j.claims.Keep(j.replayed()...),
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
	sighting.Groups, sighting.Roles = heldOf(sources.Groups, j.groupSource()), heldOf(sources.Roles, j.roleSource())
	sighting.UnmatchedGroups, sighting.UnmatchedRoles = cloned(sources.UnmatchedGroups), cloned(sources.UnmatchedRoles)
}

// heldOf gives what was given; claim is where the values of the claim came from.
func heldOf(given []mapping.Given, claim directory.Source) []directory.Held {
	held := make([]directory.Held, len(given))
	for i, g := range given {
		held[i] = directory.Held{Name: g.Name, Source: heldSource(g.Source, claim)}
	}
	return held
}

func heldSource(source mapping.Source, claim directory.Source) directory.Source {
	switch source {
	case mapping.FromDefault:
		return directory.FromDefault
	case mapping.FromUser, mapping.FromAccount:
		return directory.FromLocal
	}
	return claim
}

// cloned gives copies of the values, which share one piece of memory with all others of the claim, in one of their own.
func cloned(values []string) []string {
	if values == nil {
		return nil
	}
	all := strings.Join(values, "")
	copies := make([]string, len(values))
	for i, value := range values {
		copies[i], all = all[:len(value)], all[len(value):]
	}
	return copies
}

// replayed gives the names of the claims that decide what a user may: a Replay needs no others.
func (j *judgement) replayed() []string { return replayedClaims(j.provider, j.claims.Caller) }

func replayedClaims(p *provider, caller token.Caller) []string {
	names := &p.config.Claims
	if caller == token.AppOnly {
		return []string{string(names.Roles)}
	}
	replayed := append(make([]string, 0, 4), string(names.Groups))
	if names.Roles != names.Groups {
		replayed = append(replayed, string(names.Roles))
	}
	if names.Admin != "" {
		replayed = append(replayed, string(names.Admin))
	}
	if p.config.IsOIDC() || !isObjectID(names.User) {
		replayed = append(replayed, string(names.User))
	}
	return replayed
}
