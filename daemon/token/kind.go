package token

import (
	"bytes"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/reason"
)

// Caller is the kind of caller that a token stands for.
type Caller uint8

// The kinds of caller. The zero value is none: the token was refused before it was known.
const (
	Delegated Caller = iota + 1 // a user, through an application
	AppOnly                     // an application by itself
)

// String says for people who calls.
func (c Caller) String() string {
	switch c {
	case Delegated:
		return "a user, through an application"
	case AppOnly:
		return "an application by itself"
	}
	return "nobody"
}

// readKind decides which kind of token this is, and fills in the claims that belong to it: Caller, ClientID, ObjectID,
// Subject, Scopes. A null claim is there, with a wrong type. problem is for people.
//
// Entra ID's ID tokens have the application as audience too. What sets an access token apart is the calling client (azp
// or appid), and scp or idtyp (RFC 9068 section 4 asks for the distinction, access-token-claims-reference lists the
// claims).
func (c *Claims) readKind() (why reason.Reason, problem string) {
	if why, problem = c.readClient(); why != reason.None {
		return why, problem
	}
	subject, isText := stringOf(c.raw("sub"))
	if c.raw("sub") != nil && !isText {
		return reason.ClaimType, "sub is no string"
	}
	c.Subject = string(subject)
	if !c.readCaller() {
		return reason.IDToken, "neither scp nor idtyp marks an access token of a user or of an application"
	}
	return c.readObjectID()
}

// readClient finds the calling application. v1.0 tokens name it appid, v2.0 tokens azp; either is taken, and two that
// differ are no token of Entra ID's.
func (c *Claims) readClient() (why reason.Reason, problem string) {
	azp, appid := c.raw("azp"), c.raw("appid")
	if azp == nil && appid == nil {
		for _, mark := range [...]string{"nonce", "at_hash", "c_hash"} {
			if c.raw(mark) != nil {
				return reason.IDToken, "no azp and no appid, but " + mark + " of an ID token"
			}
		}
		return reason.MissingClaim, "no azp and no appid"
	}
	first, second := azp, appid
	if azp == nil {
		first, second = appid, appid
	} else if appid == nil {
		second = azp
	}
	text, isText := stringOf(first)
	same, isSameText := stringOf(second)
	id, isGUID := entra.GUID(string(text))
	switch {
	case !isText || !isSameText:
		return reason.ClaimType, "azp or appid is no string"
	case !bytes.EqualFold(text, same):
		return reason.Malformed, "azp and appid differ"
	case !isGUID:
		return reason.ClaimType, "azp or appid is no GUID"
	}
	c.ClientID = id
	return reason.None, ""
}

// readCaller tells a user's token from an application's own. Where idtyp is absent, Entra ID writes an application's
// object id into sub too, while a user's sub is another for each application.
func (c *Claims) readCaller() bool {
	idtyp, typed := stringOf(c.raw("idtyp"))
	if c.raw("idtyp") != nil && !typed {
		return false
	}
	if c.raw("scp") != nil {
		scp, isText := stringOf(c.raw("scp"))
		if !isText || len(scp) == 0 || typed && string(idtyp) != "user" {
			return false
		}
		c.Caller, c.Scopes = Delegated, string(scp)
		return true
	}
	oid, _ := stringOf(c.raw("oid"))
	if string(idtyp) == "app" || !typed && len(oid) > 0 && string(oid) == c.Subject {
		c.Caller = AppOnly
		return true
	}
	return false
}

// readObjectID reads oid. An application is known by nothing else; which claim is a user's id is the configuration's to
// say, and is checked when the user is mapped.
func (c *Claims) readObjectID() (why reason.Reason, problem string) {
	text, isText := stringOf(c.raw("oid"))
	id, isGUID := entra.GUID(string(text))
	switch {
	case isGUID: // what is no string is none
		c.ObjectID = id
	case c.Caller != AppOnly:
	case !c.Has("oid") || isText && len(text) == 0:
		return reason.MissingClaim, "no oid, by which an application is known"
	default:
		return reason.ClaimType, "oid is no GUID"
	}
	return reason.None, ""
}
