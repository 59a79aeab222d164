package graph

import (
	"fmt"
	"strings"
	"time"
)

// Kind says what kept Graph from telling.
type Kind string

// The kinds. Credential to Answer speak of Graph as a whole and open the breaker; User and TooMany speak of one user;
// the rest are claimd's own doing.
const (
	Credential Kind = "credential" // Entra or Graph refuses claimd's application
	Permission Kind = "permission" // the application lacks an app permission
	Throttled  Kind = "throttled"  // 429
	Server     Kind = "server"     // 5xx and other statuses that should not be
	Network    Kind = "network"    // no connection, or it broke
	Timeout    Kind = "timeout"    // no whole answer within 5 seconds
	Garbled    Kind = "answer"     // an answer that is not one: no JSON, half, too long, a redirect, another host

	User    Kind = "user"     // Graph does not know the user, or does not take the question about it
	TooMany Kind = "too_many" // the user is in more groups than claimd reads

	Open      Kind = "open"      // the breaker is open, or Graph asked for a pause: it was not asked
	Busy      Kind = "busy"      // too many look-ups at once
	Abandoned Kind = "abandoned" // the caller's context ended
	Closed    Kind = "closed"    // the Graph is closed
)

// ofOne reports whether the kind says nothing about Graph's health: it answered.
func (k Kind) ofOne() bool { return k == User || k == TooMany }

// Unavailable is the error of every question that was not answered. Its text is for administrators, and holds neither
// token nor secret.
type Unavailable struct {
	Kind       Kind
	Problem    string        // one sentence, lower case, without a period
	Hint       string        // what to do; "" = nothing but wait
	RetryAfter time.Duration // when asking again can help
	cause      error         // the context's error of Abandoned
}

func (u *Unavailable) Error() string {
	text := "microsoft graph: " + u.Problem
	if u.Hint != "" {
		text += "\nhint: " + u.Hint
	}
	return text
}

// Unwrap gives the context's error of an Abandoned one.
func (u *Unavailable) Unwrap() error { return u.cause }

func garbled(format string, arguments ...any) *Unavailable {
	return &Unavailable{Kind: Garbled, Problem: fmt.Sprintf(format, arguments...)}
}

// The two app permissions that checkMemberGroups and getMemberGroups need for users, each with those that include it
// (graph/api/directoryobject-checkmembergroups, user-getmembergroups).
var needed = [][]string{
	{"User.Read.All", "User.ReadBasic.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"},
	{"GroupMember.Read.All", "Group.Read.All", "GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"},
}

// lacking words a 403: which permission the application's token does not have. Where it has all, or cannot be read, both
// are named.
func lacking(clientID string, roles []string) *Unavailable {
	var missing []string
	for _, permission := range needed {
		if !containsAny(roles, permission) {
			missing = append(missing, permission[0])
		}
	}
	u := &Unavailable{Kind: Permission, Hint: fmt.Sprintf("Entra admin center > App registrations > %s > API permissions: "+
		"add Microsoft Graph, application permissions User.Read.All and GroupMember.Read.All, and grant admin consent", clientID)}
	if len(missing) == 0 {
		u.Problem = "the application may not read group memberships (403): want the app permissions User.Read.All and GroupMember.Read.All"
		return u
	}
	u.Problem = "the application may not read group memberships (403): it lacks the app permission " + strings.Join(missing, " and ")
	return u
}

func containsAny(roles, wanted []string) bool {
	for _, role := range roles {
		for _, want := range wanted {
			if role == want {
				return true
			}
		}
	}
	return false
}
