package admin

import (
	"time"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/directory"
)

// Known is a user as the directory has him. The name lets User have its fields, of which one is called User.
type Known = directory.User

// User is a user or service account of the directory, with what the running configuration adds.
type User struct {
	Known
	// Account is the name of a service account under [[service_account]]; "" = it has none there.
	Account string `json:"account,omitempty"`
	// Blocked: the configuration keeps him out (blocked, or active = false), whatever the directory says.
	Blocked bool `json:"blocked,omitempty"`
	// Gone: no provider of the running configuration has this authority, so nobody of it is let in.
	Gone bool `json:"gone,omitempty"`
}

// UserPage is a part of the users, the last seen first, those never seen at the end. Claims are left out.
type UserPage struct {
	Users []User `json:"users"`
	Next  string `json:"next,omitempty"` // the cursor of the next page; "": there are no more
}

// UserDetail is all that is known of one user. Of one who was forgotten, whose state is "unknown", that is Key, Provider
// and History.
type UserDetail struct {
	User
	Paste   Paste    `json:"paste,omitzero"` // lines that declare what named nothing local
	History []Change `json:"history"`        // the newest change first
}

// Change is one thing that an administrator did to a user, as it stays on record.
type Change struct {
	Action directory.Action `json:"action"`
	Before directory.State  `json:"before"` // Unknown: nobody knew of him
	After  directory.State  `json:"after"`
	By     string           `json:"by"` // "uid 0 (root)"
	Host   string           `json:"host"`
	At     time.Time        `json:"at"`
}

// ChangeRequest is the body of POST /v1/users/change.
type ChangeRequest struct {
	Action directory.Action `json:"action"`
	// Provider is a provider's name; of those no longer configured the tenant id. It may be "" where there is no doubt.
	Provider string `json:"provider"`
	// ID is the user's object ID, in any case, or the user name as the API sees it.
	ID string `json:"id"`
}

// Changed is what came of a ChangeRequest. It is in force.
type Changed struct {
	Changed  bool             `json:"changed"` // false: it was so already
	Action   directory.Action `json:"action"`
	Provider string           `json:"provider"` // "" = none of the running configuration
	Key      directory.Key    `json:"key"`
	User     string           `json:"user,omitempty"` // his name, as the API sees it; "" = he was never seen
	Name     string           `json:"name,omitempty"` // first and last name
	Before   directory.State  `json:"before"`
	After    directory.State  `json:"after"`
	// NotBefore and Passes are of a revocation: tokens issued up to the first are refused, and those that are issued from
	// the second on pass, as clocks may differ by clock_skew, and Entra ID dates tokens back by some minutes.
	NotBefore time.Time `json:"not_before,omitzero"`
	Passes    time.Time `json:"passes,omitzero"`
	Undated   bool      `json:"undated,omitempty"` // the provider need not date its tokens; those without iat and nbf never pass
	Blocked   bool      `json:"blocked,omitempty"` // the configuration keeps him out all the same
	Invite    bool      `json:"invite,omitempty"`  // sign_up = "invite": who is unknown does not come in
	Shared    bool      `json:"shared,omitempty"`  // the directory is one of several hosts
}

// Local is one local group or role, and who had it.
type Local struct {
	Name      string    `json:"name"`
	Declared  bool      `json:"declared"` // false: the running configuration has none of that name, some users had it
	Label     string    `json:"label,omitempty"`
	Values    []string  `json:"values,omitempty"`    // the claim values that name it; none: its own name
	Providers []string  `json:"providers,omitempty"` // whose tokens may name it; none: every provider's
	Users     int       `json:"users"`               // who had it when seen last, service accounts too
	LastSeen  time.Time `json:"last_seen,omitzero"`  // one of them
}

// Unmatched are claim values that named nothing local, those of most users first.
type Unmatched struct {
	Values []directory.Unmatched `json:"values"`
	More   bool                  `json:"more"` // there are more than were asked for
	Paste  Paste                 `json:"paste,omitzero"`
}

// Paste holds lines of TOML, each for one claim value: a local group or role of its name, or a comment that says why
// there can be none.
type Paste struct {
	Groups []string `json:"groups,omitempty"` // for [groups]
	Roles  []string `json:"roles,omitempty"`  // for [roles]
}

// Judged is a user with the claim values that he was seen with last, and what the running configuration makes of them.
type Judged struct {
	User directory.User `json:"user"`
	Now  access.Outcome `json:"now"`
}
