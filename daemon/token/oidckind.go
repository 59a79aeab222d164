package token

import (
	"bytes"
	"strings"

	"github.com/claimd/claimd/daemon/reason"
)

// readOIDCKind is readKind for providers that are not Entra ID. It fills in Caller, ClientID, Subject and Scopes; there is
// no ObjectID, whatever the token holds under oid. problem is for people.
//
// What Entra ID marks by scp and idtyp has no mark that all others have: at_hash and c_hash belong to ID tokens (OpenID
// Connect Core 1.0 sections 3.1.3.6 and 3.3.2.11), and the audience has to tell the rest.
func (c *Claims) readOIDCKind() (why reason.Reason, problem string) {
	for _, mark := range [...]string{"at_hash", "c_hash"} {
		if c.raw(mark) != nil {
			return reason.IDToken, mark + " of an ID token"
		}
	}
	if why, problem = c.readOIDCClient(); why != reason.None {
		return why, problem
	}
	subject, isText := stringOf(c.raw("sub"))
	if c.raw("sub") != nil && !isText {
		return reason.ClaimType, "sub is no string"
	}
	c.Subject = string(subject)
	if why, problem = c.readOIDCScopes(); why != reason.None {
		return why, problem
	}
	// A client that calls for itself has its own id in sub (RFC 9068 section 2.2).
	c.Caller = Delegated
	if c.ClientID != "" && c.Subject == c.ClientID {
		c.Caller = AppOnly
	}
	return reason.None, ""
}

// readOIDCClient finds the calling client: azp (OpenID Connect Core 1.0 section 2) or client_id (RFC 9068 section 2.2),
// which must be the same where both are there. One of them must be, whichever clients may call: ID tokens need not have a
// mark of their own, and where they have none (npm oidc-provider's after a device flow) they name no client but in aud,
// which some configure as the audience.
func (c *Claims) readOIDCClient() (why reason.Reason, problem string) {
	azp, id := c.raw("azp"), c.raw("client_id")
	first, second := azp, id
	switch {
	case azp == nil && id == nil:
		return reason.MissingClaim, "no azp and no client_id"
	case azp == nil:
		first = id
	case id == nil:
		second = azp
	}
	text, isText := stringOf(first)
	same, isSameText := stringOf(second)
	switch {
	case !isText || !isSameText:
		return reason.ClaimType, "azp or client_id is no string"
	case !bytes.Equal(text, same):
		return reason.Malformed, "azp and client_id differ"
	case len(text) == 0:
		return reason.MissingClaim, "azp or client_id is empty"
	}
	c.ClientID = string(text)
	return reason.None, ""
}

// readOIDCScopes reads scope (RFC 9068 section 2.2.3: a string of words with blanks between them), or scp, as some
// providers call it; either may be an array of words. Two that differ are refused: nobody could say which one counts.
func (c *Claims) readOIDCScopes() (why reason.Reason, problem string) {
	var texts []string
	for _, name := range [...]string{"scope", "scp"} {
		if !c.Has(name) {
			continue
		}
		text, ok := words(c.raw(name))
		if !ok {
			return reason.ClaimType, name + " is no string and no array of words"
		}
		texts = append(texts, text)
	}
	if len(texts) == 2 && texts[0] != texts[1] {
		return reason.Malformed, "scope and scp differ"
	}
	c.Scopes = strings.Join(texts[:min(len(texts), 1)], "")
	return reason.None, ""
}

// words gives the raw value as words with blanks between them. A word of an array has none in it.
func words(raw []byte) (text string, ok bool) {
	if text, ok := stringOf(raw); ok {
		return string(text), true
	}
	var list []string
	ok = eachElement(raw, func(element []byte) bool {
		word, isText := stringOf(element)
		list = append(list, string(word))
		return isText && len(word) > 0 && bytes.IndexByte(word, ' ') < 0
	})
	return strings.Join(list, " "), ok
}
