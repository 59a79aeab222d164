package token

import (
	"bytes"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/mapping"
)

// Claims are the claims of a verified token. They are immutable; slices and values must not be changed. They may be
// read by any number of goroutines at once.
type Claims struct {
	Provider string        // of the configuration
	Version  entra.Version // keys.Unversioned of a provider that is not Entra ID
	Caller   Caller
	Issuer   string
	Tenant   string // who vouches for the user: the tenant's GUID in lower case, or the issuer that is not Entra ID
	Subject  string // sub, verbatim
	// ObjectID is Entra ID's oid: GUID in lower case; "" where absent (or, with a user's token, no GUID: then Value tells),
	// and of any other provider.
	ObjectID string
	ClientID string // azp or appid: GUID in lower case. Of any other provider azp or client_id verbatim, "" where absent
	KeyID    string
	Scopes   string // scp (or scope of a provider that is not Entra ID): words with blanks between them; "" = none
	Expires  time.Time
	IssuedAt time.Time // iat. Of a provider that is not Entra ID nbf where iat is absent, zero where both are

	members []member  // of the payload's outermost object
	issuers [2]string // every issuer form of the tenant, v1.0 and v2.0; "" = not known
}

// member is one claim: its name without quotes and escapes, and its raw value.
type member struct{ name, value []byte }

// takeIn is the full intake of a payload whose signature holds: one JSON object in UTF-8 and nothing else, within the
// limits, no member twice at any depth, no lone surrogate, no case variant of a guarded name. Two readers that share no
// code must agree on that. Values are left as they are until they are asked for.
func takeIn(payload []byte) (members []member, problem string) {
	if !jsontext.Value(payload).IsValid() {
		return nil, "claims that are no JSON, not UTF-8, or hold a member twice"
	}
	members = make([]member, 0, 32)
	ok := eachMember(payload, payloadLimits, func(quoted, value []byte) bool {
		name := unquoted(quoted)
		if _, folded, known := named(guardedNames, name); known && folded {
			problem = "a claim whose name differs from a guarded one by case alone"
			return false
		}
		members = append(members, member{name, value})
		return true
	})
	switch {
	case problem != "":
		return nil, problem
	case !ok:
		return nil, "claims that are not one JSON object of 2,000 members and 64 levels at most"
	}
	return members, ""
}

// raw gives the raw value of the top-level claim of exactly this name; nil where it is absent.
func (c *Claims) raw(name string) []byte {
	for _, m := range c.members {
		if string(m.name) == name {
			return m.value
		}
	}
	return nil
}

// Has reports whether a top-level claim of exactly this name is there and not null.
func (c *Claims) Has(name string) bool {
	raw := c.raw(name)
	return raw != nil && raw[0] != 'n'
}

// HasScope reports whether word is one of the words of scp, exactly.
func (c *Claims) HasScope(word string) bool {
	for has := range strings.SplitSeq(c.Scopes, " ") {
		if has == word && word != "" {
			return true
		}
	}
	return false
}

// Value gives the value of the claim of that name: a literal top-level name, or a JSON Pointer (RFC 6901) where it
// begins with /. The empty name, and a pointer to nothing, give an absent value. Each call decodes anew.
func (c *Claims) Value(name string) mapping.Value {
	if name == "" {
		return mapping.Value{}
	}
	if pointer, ok := strings.CutPrefix(name, "/"); ok {
		return valueOf(c.pointed(pointer))
	}
	return valueOf(c.raw(name))
}

// valueOf decodes a raw value; nil is an absent one.
func valueOf(raw []byte) mapping.Value {
	switch {
	case raw == nil || raw[0] == 'n':
		return mapping.Value{}
	case raw[0] == '"':
		return mapping.Value{Kind: mapping.String, Text: string(unquoted(raw))}
	case raw[0] == '[':
		return listOf(raw)
	}
	return mapping.Value{Kind: mapping.Other}
}

// listOf decodes an array. Its strings share one allocation, as groups come by the hundred; so whoever keeps one of
// them for long clones it.
func listOf(raw []byte) mapping.Value {
	list := make([]string, 0, bytes.Count(raw, []byte(","))+1) // too long where a string holds a comma
	var text strings.Builder
	text.Grow(len(raw)) // no string is longer than what it is written as, so the bytes stay where they are
	ok := eachElement(raw, func(element []byte) bool {
		characters, ok := stringOf(element)
		start := text.Len()
		text.Write(characters)
		list = append(list, text.String()[start:])
		return ok
	})
	if !ok {
		return mapping.Value{Kind: mapping.Other}
	}
	return mapping.Value{Kind: mapping.Strings, List: list}
}
