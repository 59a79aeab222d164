package directory

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
)

const (
	defaultPage = 100
	maxFound    = 10
	maxHistory  = 100
)

// Users gives a page of users.
func (d *Directory) Users(ctx context.Context, query Query) (Page, error) {
	query.Limit = min(max(cmp.Or(query.Limit, defaultPage), 1), MaxPage)
	page, err := d.store.users(ctx, query)
	for i := range page.Users {
		page.Users[i] = d.withRevoked(page.Users[i])
	}
	return page, err
}

// User gives one user with his history, the newest change first, at most 100. The error is ErrNotFound where nobody knows
// him; the history of somebody who was forgotten is given all the same.
func (d *Directory) User(ctx context.Context, key Key) (User, []Change, error) {
	changes, err := d.store.history(ctx, key, maxHistory)
	if err != nil {
		return User{}, nil, err
	}
	user, err := d.store.user(ctx, key)
	if err != nil {
		return user, changes, err
	}
	return d.withRevoked(user), changes, nil
}

// Find gives the keys whose id, or whose user name as the API sees it, is this one: at most 10. A GUID in any case.
func (d *Directory) Find(ctx context.Context, id string) ([]Key, error) {
	keys, err := d.store.find(ctx, id)
	lower := strings.ToLower(id)
	if err != nil || !isGUID(lower) || lower == id {
		return keys, err
	}
	more, err := d.store.find(ctx, lower)
	if err != nil {
		return nil, err
	}
	keys = append(keys, more...)
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Authority, b.Authority), cmp.Compare(a.ID, b.ID))
	})
	keys = slices.Compact(keys)
	return keys[:min(len(keys), maxFound)], nil
}

// isGUID reports that the text has the form of a GUID in lower case.
func isGUID(text string) bool {
	const form = "00000000-0000-0000-0000-000000000000"
	if len(text) != len(form) {
		return false
	}
	for i := range len(text) {
		if form[i] == '-' && text[i] != '-' || form[i] == '0' && !bytes.ContainsRune([]byte("0123456789abcdef"), rune(text[i])) {
			return false
		}
	}
	return true
}

// Held counts who had which group or role when seen last, by name; what nobody has is left out.
func (d *Directory) Held(ctx context.Context, kind Kind) ([]Count, error) {
	return d.store.held(ctx, kind)
}

// Unmatched gives the claim values that named nothing local, those of most users first, at most limit.
func (d *Directory) Unmatched(ctx context.Context, limit int) ([]Unmatched, error) {
	return d.store.unmatched(ctx, limit)
}

// Each gives every user with the Claims, newest first, without groups, roles and what named none; an error of give ends it.
func (d *Directory) Each(ctx context.Context, give func(User) error) error {
	return d.store.each(ctx, give)
}
