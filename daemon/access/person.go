package access

import (
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/daemon/token"
)

// person is the caller as the directory of users knows him.
type person struct {
	key  directory.Key
	hash directory.Hash // of key
	// other is the hash by the user claim, where that is not the object ID: an administrator may know the user by either.
	// Else it is as hash.
	other directory.Hash
}

// personOf names the caller by what nobody else can come to have: the tenant and the object ID, or the user id where the
// token has no object ID.
func personOf(claims *token.Claims, id string) *person {
	byID := directory.Key{Authority: claims.Tenant, ID: id}
	if entra.IsGUID(claims.Tenant) {
		byID.ID = guidKey(id) // see stateKey
	}
	if claims.ObjectID == "" || claims.ObjectID == byID.ID {
		hash := byID.Hash()
		return &person{key: byID, hash: hash, other: hash}
	}
	key := directory.Key{Authority: claims.Tenant, ID: claims.ObjectID}
	return &person{key: key, hash: key.Hash(), other: byID.Hash()}
}

// standing tells whether a user or service account may come in, and who says no.
type standing uint8

// The standings. Where the directory is not asked, everybody that the configuration does not switch off is welcome.
const (
	welcome     standing = iota
	blocked              // by the configuration
	deactivated          // by claimctl users deactivate
	uninvited            // sign_up = "invite", and nobody has invited him
	unknowable           // the directory cannot be read
)

func (s standing) reason() reason.Reason {
	switch s {
	case welcome:
		return reason.None
	case unknowable:
		return reason.DirectoryUnavailable
	}
	return reason.UserInactive
}

// standingOf gives the standing of whom the configuration does not switch off. invited: he need not be known.
func standingOf(state directory.State, invited bool) standing {
	switch state {
	case directory.Inactive:
		return deactivated
	case directory.Unavailable:
		return unknowable
	case directory.Active:
		return welcome
	}
	if invited {
		return welcome
	}
	return uninvited
}

// stateOf asks for the state under both hashes. Whoever is switched off under one of them is; so is who is let in.
func stateOf(d *directory.Directory, hash, other directory.Hash) directory.State {
	state := d.State(hash)
	if other == hash {
		return state
	}
	return firmer(state, d.State(other))
}

// firmer gives the state that counts of two.
func firmer(a, b directory.State) directory.State {
	for _, state := range [...]directory.State{directory.Inactive, directory.Unavailable, directory.Active, directory.Waiting} {
		if a == state || b == state {
			return state
		}
	}
	return directory.Unknown
}

// invited reports whether the caller need not be known to the directory: users sign up by themselves, or he stands in the
// configuration.
func (j *judgement) invited() bool {
	return !j.snapshot.config.Mapping.Invite || j.claims.Caller == token.AppOnly || j.provider.policy.HasUser(j.id)
}

// state: nobody comes in who is switched off, by the configuration or in the directory, or who waits for an invitation.
func (j *judgement) state() reason.Reason {
	j.standing = j.judgeStanding()
	return j.standing.reason()
}

func (j *judgement) judgeStanding() standing {
	if j.provider.switchedOff(j.id, j.claims.ObjectID) {
		return blocked
	}
	if j.recalled != nil {
		return standingOf(j.recalled.State, j.invited())
	}
	d := j.provider.directory
	if d == nil {
		return welcome
	}
	j.person = personOf(j.claims, j.id)
	return standingOf(stateOf(d, j.person.hash, j.person.other), j.invited())
}
