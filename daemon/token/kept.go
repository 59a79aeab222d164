package token

import (
	"bytes"
	"encoding/binary"
	"encoding/json" //nolint:depguard // RawMessage alone, as the directory has it: nothing is read by this package
	"hash/maphash"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// overageMarks are the claims by which a token says that it does not hold all groups.
func overageMarks() [2]string { return [...]string{"_claim_names", "hasgroups"} }

// Keep gives the claims that these names (as in the configuration) read, or read a part of: the top-level claim's name
// and its value as in the token, null where the token has none; and the marks of overage, where they are there. The
// values are copies. Kept.Recall makes Claims of it again.
func (c *Claims) Keep(names ...string) map[string]json.RawMessage {
	kept := make(map[string]json.RawMessage, len(names))
	for _, name := range names {
		claim := topLevel(name)
		if claim == "" {
			continue
		}
		kept[claim] = json.RawMessage("null")
		if raw := c.raw(claim); raw != nil {
			kept[claim] = bytes.Clone(raw)
		}
	}
	for _, mark := range overageMarks() {
		if c.Has(mark) {
			kept[mark] = bytes.Clone(c.raw(mark))
		}
	}
	return kept
}

// Mix puts what Keep keeps of the name into the hash, without a copy of it.
func (c *Claims) Mix(h *maphash.Hash, name string) {
	claim := topLevel(name)
	raw := c.raw(claim)
	if claim == "" || raw == nil {
		raw = []byte("null")
	}
	mix(h, raw)
}

// MixMarks does so with the marks of overage.
func (c *Claims) MixMarks(h *maphash.Hash) {
	for _, mark := range overageMarks() {
		var raw []byte
		if c.Has(mark) {
			raw = c.raw(mark)
		}
		mix(h, raw)
	}
}

// mix puts a value with its length, so that two in a row are not as two others.
func mix(h *maphash.Hash, raw []byte) {
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(raw)))
	_, _ = h.Write(length[:]) // it never fails
	_, _ = h.Write(raw)
}

// Kept is what is kept of a verified token for long, to be looked at again under another configuration.
type Kept struct {
	Provider string
	Tenant   string
	Caller   Caller
	ObjectID string
	ClientID string
	Scopes   string
	Guest    bool
	Claims   map[string]json.RawMessage // of Keep
}

// Reads reports whether the claims that the name reads, or reads a part of, were kept: then they were in the token or were
// not, but it is known.
func (k Kept) Reads(name string) bool {
	claim := topLevel(name)
	return claim == "" || sound(k.Claims[claim]) != nil
}

// sound gives the value without blanks around it; nil where it is not what a token can hold.
func sound(value json.RawMessage) []byte {
	value = bytes.TrimSpace(value)
	if !jsontext.Value(value).IsValid() {
		return nil
	}
	return value
}

// Recall gives the claims as far as they were kept. All others are absent.
func (k Kept) Recall() *Claims {
	c := &Claims{
		Provider: k.Provider, Tenant: k.Tenant, Caller: k.Caller, ObjectID: k.ObjectID, ClientID: k.ClientID, Scopes: k.Scopes,
		members: make([]member, 0, len(k.Claims)+2),
	}
	add := func(name string, value []byte) {
		if c.raw(name) == nil {
			c.members = append(c.members, member{[]byte(name), value})
		}
	}
	for name, value := range k.Claims {
		if value := sound(value); value != nil {
			add(name, value)
		}
	}
	if k.ObjectID != "" {
		add("oid", []byte(`"`+k.ObjectID+`"`)) // a GUID
	}
	if k.Guest {
		add("acct", []byte("1"))
	}
	return c
}

// Admits reports whether the application that calls may do so: it is one of ClientIDs, or a service account that names
// its application and calls for itself.
func (p *Provider) Admits(c *Claims) bool {
	if p.OIDC && (p.AnyClient || p.Clientless) {
		return true
	}
	if c.ClientID == "" {
		return false
	}
	return slices.Contains(p.ClientIDs, c.ClientID) || c.Caller == AppOnly && p.AccountClients[c.ObjectID] == c.ClientID
}
