package access

import (
	"errors"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/daemon/token"
	"github.com/claimd/claimd/mapping"
)

// account: an application that calls with a token of its own must be a [[service_account]]. Its token has an oid: package
// token refuses one without.
func (j *judgement) account() reason.Reason {
	if !j.provider.policy.HasAccount(j.claims.ObjectID) {
		return reason.UnknownServiceAccount
	}
	j.id = j.claims.ObjectID
	return reason.None
}

// scope: each of required_scopes is a whole word of scp.
func (j *judgement) scope() reason.Reason {
	for _, word := range j.provider.config.RequiredScopes {
		if !j.claims.HasScope(word) {
			return reason.Scope
		}
	}
	return reason.None
}

func (j *judgement) userID() reason.Reason {
	id, err := j.provider.policy.UserID(j.value(j.provider.config.Claims.User))
	if err != nil {
		return mappingReason(err)
	}
	j.id = id
	return reason.None
}

func (j *judgement) guest() reason.Reason {
	if j.provider.config.Guests != config.GuestsAllow && j.isGuest() {
		return reason.Guest
	}
	return reason.None
}

// isGuest reports whether the caller is a guest of the tenant. idp and acct say so in Entra ID's tokens alone: other
// providers write there what they like (Duende IdentityServer has idp = "local" in every access token).
func (j *judgement) isGuest() bool { return !j.provider.config.IsOIDC() && j.claims.Guest() }

func (j *judgement) mapped() reason.Reason {
	identity, err := j.mapIdentity(j.values)
	if err != nil {
		return mappingReason(err)
	}
	j.identity = &Identity{Identity: identity, ClientID: j.claims.ClientID, Scopes: j.claims.Scopes, Expires: j.expires()}
	j.identity.marks = j.snapshot.routes.marksOf(j.claims)
	return reason.None
}

// mapIdentity maps the claims; with a trace it tells of each value what it named. A claim that groups and roles are both
// read from, as is usual, is decoded once: package mapping then looks at each of its values once too. The user claim
// has given j.id already.
func (j *judgement) mapIdentity(trace *mapping.Trace) (mapping.Identity, error) {
	if j.claims.Caller == token.AppOnly {
		return j.provider.policy.MapAccount(j.claims.ObjectID, j.value(j.provider.config.Claims.Roles), trace)
	}
	return j.provider.policy.Map(j.id, j.claimValues(), trace)
}

// claimValues gives what the rules look at in a user's token.
func (j *judgement) claimValues() mapping.Claims {
	names := &j.provider.config.Claims
	roles, admin := j.value(names.Roles), j.value(names.Admin)
	groups := roles
	if names.Groups != names.Roles {
		groups = j.value(names.Groups)
	}
	if j.told != nil { // the marker wins over any value that is there
		groups = j.told.values()
		if names.Roles == names.Groups {
			roles = groups
		}
		if names.Admin == names.Groups {
			admin = groups
		}
	}
	return mapping.Claims{
		Email:     j.value(names.Email),
		FirstName: j.value(names.FirstName),
		LastName:  j.value(names.LastName),
		Groups:    groups,
		Roles:     roles,
		Admin:     admin,
	}
}

// group: whoever has no local group is let in nowhere, an administrator neither.
func (j *judgement) group() reason.Reason {
	if len(j.identity.Groups) == 0 {
		return reason.NoGroup
	}
	return reason.None
}

func (j *judgement) render() reason.Reason {
	j.headers, j.size = render(j.snapshot.lines, j.identity)
	if j.size > maxHeaders {
		return reason.HeaderSize
	}
	return reason.None
}

// value gives the value of a configured claim; one that is switched off ("") is absent.
func (j *judgement) value(name config.ClaimName) mapping.Value { return j.claims.Value(string(name)) }

// mappingReason gives the reason of a mapping error. An error of no known kind is a claim that cannot be mapped.
func mappingReason(err error) reason.Reason {
	switch {
	case errors.Is(err, mapping.ErrMissingClaim):
		return reason.MissingClaim
	case errors.Is(err, mapping.ErrUnknownAccount):
		return reason.UnknownServiceAccount
	}
	return reason.ClaimType
}
