package entratest

import (
	"slices"
	"strings"
)

// signedIn is a user who has signed in for a client, and what the client may have.
type signedIn struct {
	caller caller
	user   User
	wish   wish
	nonce  string // for the ID token
}

// admit finds the user by name or e-mail address, and tells what keeps it from signing in. device says that the client
// uses the device code flow.
func (t *Tenant) admit(client App, wish wish, name string, device bool) (User, *refusal) {
	user, ok := t.person(name)
	if !ok {
		return User{}, noSuchUser.with(name, t.directory.TenantID)
	}
	return user, t.mayHave(client, wish, user, device)
}

// mayHave tells what keeps the user from what the client wishes.
func (t *Tenant) mayHave(client App, wish wish, user User, device bool) *refusal {
	switch {
	case user.Foreign:
		return foreignUser.with(user.Name, t.directory.TenantID)
	case user.Disabled:
		return userDisabled.with()
	case user.MFA == "required":
		return wantsMFA.with(wish.api.ApplicationID)
	case user.MFA == "enroll":
		return wantsEnrollment.with(wish.api.ApplicationID)
	case device && t.directory.BlocksDeviceCode:
		return policyBlocks.with()
	case client.NoConsent:
		return noConsent.with(client.ApplicationID)
	case !wish.api.admits(user.Name):
		return notAssigned.with(user.Name, wish.api.ApplicationID)
	}
	return nil
}

// admits reports whether the user of that name or the application of that id is assigned, or need not be.
func (a API) admits(who string) bool {
	return !a.AssignmentRequired || slices.ContainsFunc(a.Assigned, func(assigned string) bool {
		return strings.EqualFold(assigned, who)
	})
}

// person finds the user by its name or e-mail address.
func (t *Tenant) person(name string) (User, bool) {
	if user, ok := t.user(name); ok {
		return user, true
	}
	for _, user := range t.directory.Users {
		if name != "" && strings.EqualFold(name, user.Email) {
			return user, true
		}
	}
	return User{}, false
}
