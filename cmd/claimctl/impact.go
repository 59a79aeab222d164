package main

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/reason"
)

// impact is what a configuration would change for the users of the directory, by the claim values that they were seen
// with last.
type impact struct {
	Users   int              `json:"users"`   // of the directory, service accounts too
	Changed int              `json:"changed"` // of these
	Unknown int              `json:"unknown"` // likewise: never seen, or claims are read that were not seen
	Access  shift            `json:"access"`
	Admin   shift            `json:"admin"`
	Groups  map[string]shift `json:"groups"`
	Roles   map[string]shift `json:"roles"`
	Changes []userChange     `json:"changes"`

	most int // Changes that are kept; 0: all
}

// shift counts who would get something and who would lose it.
type shift struct {
	Gained int `json:"gained"`
	Lost   int `json:"lost"`
}

// userChange is what would change for one user.
type userChange struct {
	Provider     string        `json:"provider"`
	Key          directory.Key `json:"key"`
	User         string        `json:"user"`
	Name         string        `json:"name,omitempty"`
	Access       string        `json:"access,omitempty"` // "gained" or "lost"; "" stays as it is
	Reason       reason.Reason `json:"reason,omitempty"` // why access would be lost, or was not had
	Admin        string        `json:"admin,omitempty"`
	GroupsGained []string      `json:"groups_gained,omitempty"`
	GroupsLost   []string      `json:"groups_lost,omitempty"`
	RolesGained  []string      `json:"roles_gained,omitempty"`
	RolesLost    []string      `json:"roles_lost,omitempty"`
}

const (
	isGained = "gained"
	isLost   = "lost"
)

// impactOf asks the daemon for every user and what it makes of him, and judges each by the configuration as well.
func (t *tool) impactOf(ctx context.Context, loaded *daemon.Loaded, most int) (*impact, error) {
	result := &impact{Groups: map[string]shift{}, Roles: map[string]shift{}, Changes: []userChange{}, most: most}
	replay := access.NewReplay(loaded.Config, loaded.Policy)
	err := t.client().Judged(ctx, func(judged admin.Judged) error {
		result.add(judged.User, judged.Now, replay.Judge(judged.User))
		return nil
	})
	return result, err
}

// add takes a user in: what is made of him now, and what would be then.
func (i *impact) add(user directory.User, now, then access.Outcome) {
	i.Users++
	if !now.Known || !then.Known {
		i.Unknown++
		return
	}
	c := userChange{
		Provider: user.Provider, Key: user.Key, User: cmp.Or(user.User, user.Key.ID), Name: strings.TrimSpace(user.First + " " + user.Last),
		Access: i.Access.count(now.Allowed, then.Allowed), Admin: i.Admin.count(now.Admin, then.Admin),
		GroupsGained: without(then.Groups, now.Groups), GroupsLost: without(now.Groups, then.Groups),
		RolesGained: without(then.Roles, now.Roles), RolesLost: without(now.Roles, then.Roles),
	}
	if len(c.what()) == 0 {
		return
	}
	switch c.Access {
	case isLost:
		c.Reason = then.Reason
	case isGained:
		c.Reason = now.Reason
	}
	countNames(i.Groups, c.GroupsGained, c.GroupsLost)
	countNames(i.Roles, c.RolesGained, c.RolesLost)
	i.Changed++
	if i.most == 0 || len(i.Changes) < i.most {
		i.Changes = append(i.Changes, c)
	}
}

// count counts the change, and names it: "" is none.
func (s *shift) count(now, then bool) string {
	switch {
	case now && !then:
		s.Lost++
		return isLost
	case then && !now:
		s.Gained++
		return isGained
	}
	return ""
}

func countNames(names map[string]shift, more, fewer []string) {
	for _, name := range more {
		s := names[name]
		s.Gained++
		names[name] = s
	}
	for _, name := range fewer {
		s := names[name]
		s.Lost++
		names[name] = s
	}
}

// without gives what stands in a and not in b; both are sorted.
func without(a, b []string) []string {
	var left []string
	for _, name := range a {
		if _, found := slices.BinarySearch(b, name); !found {
			left = append(left, name)
		}
	}
	return left
}

// what words the change, the weightiest first.
func (c *userChange) what() []string {
	var parts []string
	switch {
	case c.Access == isLost && c.Reason != reason.None:
		parts = append(parts, "- access: "+c.Reason.String())
	case c.Access == isLost:
		parts = append(parts, "- access")
	case c.Access == isGained:
		parts = append(parts, "+ access")
	}
	switch c.Admin {
	case isLost:
		parts = append(parts, "- admin")
	case isGained:
		parts = append(parts, "+ admin")
	}
	for _, names := range []struct {
		word  string
		names []string
	}{{"- group ", c.GroupsLost}, {"+ group ", c.GroupsGained}, {"- role ", c.RolesLost}, {"+ role ", c.RolesGained}} {
		if len(names.names) > 0 {
			parts = append(parts, names.word+firstOf(names.names, 5))
		}
	}
	return parts
}
