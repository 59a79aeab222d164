// Package directory knows the external users and service accounts that have called, and who of them may not come again.
//
// What decides (who is active, inactive or waiting) is held in memory: a judgement asks State and waits for no read and
// no write. What is seen is gathered by Seen and Touch, which never wait either, and written in the background to one of
// two stores: SQLite in the state directory, or a PostgreSQL that several hosts share. What an administrator changes is on
// disk before he is told so.
//
// A user is known by a Key that no administrator of a provider can reuse for somebody else: the tenant and the object id
// for Entra ID, the issuer and the user id for other providers; never an e-mail address or a name
// (Microsoft: claims-validation, "Use immutable claim values").
package directory

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"
)

// Key names one external user or service account.
type Key struct {
	Authority string `json:"authority"` // the tenant's GUID in lower case, or the issuer byte for byte
	ID        string `json:"id"`        // oid in lower case, or the user id byte for byte
}

// Hash is a Key in 16 bytes: the first of the SHA-256 over both parts. It stands for the Key in memory and in the stores.
type Hash [16]byte

// Hash gives the hash of the key. An authority holds no NUL.
func (k Key) Hash() Hash {
	sum := sha256.Sum256([]byte(k.Authority + "\x00" + k.ID))
	return Hash(sum[:16])
}

// State is what the directory knows about a Key's right to come.
type State uint8

// The states. A user that nobody has seen or invited is Unknown; Unavailable says that the store could not be read for
// so long that nobody's state is known.
const (
	Unknown State = iota
	Active
	Inactive
	Waiting
	Unavailable
)

// String gives the state as people see it: "active", "inactive", "waiting"; "unknown", "unavailable".
func (s State) String() string {
	switch s {
	case Active:
		return "active"
	case Inactive:
		return "inactive"
	case Waiting:
		return "waiting"
	case Unavailable:
		return "unavailable"
	}
	return "unknown"
}

// MarshalText writes the state as String gives it.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (s *State) UnmarshalText(text []byte) error {
	for state := Unknown; state <= Unavailable; state++ {
		if string(text) == state.String() {
			*s = state
			return nil
		}
	}
	return fmt.Errorf("want a state such as active, inactive or waiting, got %q", text)
}

// Source tells where a group or a role came from.
type Source string

// The sources of a Held.
const (
	FromClaim   Source = "claim"   // a value of the token
	FromGraph   Source = "graph"   // a membership asked at Microsoft Graph
	FromDefault Source = "default" // default_groups, default_roles
	FromLocal   Source = "local"   // [[user]] or [[service_account]]
)

// Held is one local group or role that a user had, or one claim value that named nothing local.
type Held struct {
	Name   string `json:"name"`
	Source Source `json:"source,omitempty"` // of several the first of the list above; "" for an unmatched value
}

// Sighting is what one verified token told of its user. It is never changed once it was given to Seen.
//
// Where Groups and Roles are both nil the token did not tell them (overage): what was known before of both, and of the
// values that named nothing, stays as it was. Lists that are empty and not nil say that there are none. All else,
// Claims too, is what the newest token told.
type Sighting struct {
	Key      Key
	At       time.Time
	Provider string // of the configuration
	App      bool   // a service account
	Guest    bool
	User     string // prefix and user id, as Remote-User has it
	Email    string
	First    string
	Last     string
	Client   string // application id of the calling application
	Scopes   string // scp, verbatim
	Admin    bool
	Refused  string // the reason why the gate let it in or not: "" = let in, else a reason's name (no_group, user_inactive ...)
	Waiting  bool   // the state to begin with where nobody knows the user: Waiting instead of Active

	Groups          []Held // in byte order of the names, likewise the others; nil with Roles: not told
	Roles           []Held
	UnmatchedGroups []string // values of the groups claim that named nothing local
	UnmatchedRoles  []string // likewise of the roles claim; empty where both are one claim
	// Claims are the claims that the configuration reads groups, roles and administration from: name -> value, as in the
	// token. check --impact replays them.
	Claims map[string]json.RawMessage

	// Mark differs where anything differs that the sighting was made of but for the time and the client; SeenAgain compares
	// it. It is made with the Seed. 0: the sighting itself is looked at instead.
	Mark uint64
}

// told reports whether the token told groups and roles.
func (s *Sighting) told() bool { return s.Groups != nil || s.Roles != nil }

// keeping gives the sighting with the groups and roles of an earlier one, where it does not tell its own.
func (s *Sighting) keeping(earlier *Sighting) *Sighting {
	if s.told() || !earlier.told() {
		return s
	}
	both := *s
	both.Groups, both.Roles = earlier.Groups, earlier.Roles
	both.UnmatchedGroups, both.UnmatchedRoles = earlier.UnmatchedGroups, earlier.UnmatchedRoles
	return &both
}

// User is one user or service account as the store has it.
type User struct {
	State     State     `json:"state"`
	Key       Key       `json:"key"`
	Provider  string    `json:"provider"` // whose token was seen last; of one never seen the provider it was named with
	App       bool      `json:"service_account"`
	Guest     bool      `json:"guest"`
	User      string    `json:"user"`
	Email     string    `json:"email"`
	First     string    `json:"first_name"`
	Last      string    `json:"last_name"`
	Client    string    `json:"client_application_id"` // used last
	Scopes    string    `json:"scopes"`
	Admin     bool      `json:"admin"`
	Refused   string    `json:"refused,omitempty"`
	FirstSeen time.Time `json:"first_seen,omitzero"`  // zero: never
	LastSeen  time.Time `json:"last_seen,omitzero"`   // to a minute
	ChangedBy string    `json:"changed_by,omitempty"` // who set the state last; "" = nobody did
	ChangedAt time.Time `json:"changed_at,omitzero"`
	NotBefore time.Time `json:"not_before,omitzero"` // tokens issued up to then are revoked

	Groups          []Held                     `json:"groups"`
	Roles           []Held                     `json:"roles"`
	UnmatchedGroups []string                   `json:"unmatched_groups,omitempty"`
	UnmatchedRoles  []string                   `json:"unmatched_roles,omitempty"`
	Claims          map[string]json.RawMessage `json:"claims,omitempty"`
}

// Action is what an administrator does to a user.
type Action string

// The actions. Invite makes a user Active that was not Inactive; Forget removes what is known of him, so that he is
// Unknown; the change itself stays on record. Whoever is Inactive is activated before he can be forgotten.
const (
	Activate   Action = "activate"
	Deactivate Action = "deactivate"
	Invite     Action = "invite"
	Forget     Action = "forget"
)

// Restored is the Action of a Change that nobody made: it stands where an older store was put in place of a newer one. The
// changes between the one before it and it are missing. Its Key is empty.
const Restored Action = "restored"

// Change is one thing that an administrator did, as it stays on record.
type Change struct {
	Sequence uint64    `json:"sequence"` // counts all changes of the store, from 1
	Key      Key       `json:"key"`
	Action   Action    `json:"action"`
	Before   State     `json:"before"`
	After    State     `json:"after"`
	By       string    `json:"by"` // "uid 0 (root)"
	Host     string    `json:"host"`
	At       time.Time `json:"at"`
}
