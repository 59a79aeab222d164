package access

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/reason"
)

// advice is what to tell an administrator about one failure.
type advice struct {
	why   string // what was there, with values; "" = the reason's sentence says it all
	mend  string // one line: what to change, where
	paste string // lines of TOML to paste; "" = none
}

// advise tells why the check failed and what mends it in this very case. Before the signature holds nothing of the
// token is known for certain; then only the reason and what the check itself tells count.
func (j *judgement) advise(failed reason.Check) advice {
	if j.identity != nil && (failed.Reason == reason.Route || failed.Reason == reason.StepUp) {
		return j.adviseRoute(failed.Reason)
	}
	if failed.Reason != reason.None && failed.Reason == j.vouched.reason() {
		return j.adviseOpaque(failed.Reason)
	}
	if j.claims != nil {
		if a, ok := j.adviseVerified(failed); ok {
			return a
		}
	}
	a := advice{mend: failed.Mend}
	if failed.Want != "" {
		a.why = "wanted " + cleanTo(failed.Want, 2*maxQuoted) + ", got " + cleanTo(failed.Got, 2*maxQuoted)
	}
	if a.mend == "" {
		a.mend = j.usual(failed.Reason)
	}
	return a
}

// adviseVerified knows the cases in which the verified claims tell more; ok is false in all others. What package token
// has found fault with it words itself.
func (j *judgement) adviseVerified(failed reason.Check) (a advice, ok bool) {
	switch r := failed.Reason; r {
	case reason.Client:
		return j.adviseClient(), failed.Want == ""
	case reason.UnknownServiceAccount:
		return j.adviseAccount(), true
	case reason.Scope:
		return j.adviseScope(), true
	case reason.Guest:
		return advice{
			why:  "acct or idp marks the user as a guest, and " + j.table() + " has guests = \"deny\"",
			mend: "set guests = \"allow\" under " + j.table() + " to let guests in",
		}, true
	case reason.UserInactive:
		return j.adviseState(), true
	case reason.GroupsOverage:
		return j.adviseOverage(), true
	case reason.GraphUnavailable:
		return j.adviseGraph(), true
	case reason.Revoked:
		return j.adviseRevoked(), true
	case reason.MissingClaim, reason.ClaimType:
		return j.adviseClaim(failed)
	case reason.NoGroup:
		return j.adviseNoGroup(), true
	case reason.HeaderSize:
		return advice{
			why:  fmt.Sprintf("the identity headers take %d bytes, %d at most are sent", j.size, maxHeaders),
			mend: j.usual(r),
		}, true
	}
	return advice{}, false
}

func (j *judgement) adviseClient() advice {
	client := j.claims.ClientID
	if j.provider.config.IsOIDC() {
		return advice{
			why:  "the client " + client + " calls, and client_ids does not list it",
			mend: fmt.Sprintf("add %q to client_ids under %s", client, j.table()),
		}
	}
	return advice{
		why:  "the application " + client + " calls, and client_application_ids does not list it",
		mend: fmt.Sprintf("add %q to client_application_ids under %s", client, j.table()),
	}
}

func (j *judgement) adviseAccount() advice {
	if j.provider.config.IsOIDC() {
		return advice{
			why:  "the client " + j.claims.ClientID + " calls for itself (its own id is in sub); service accounts are Entra ID's",
			mend: "let the client call for a user",
		}
	}
	lines := []string{
		"[[service_account]]",
		fmt.Sprintf("provider = %q", j.provider.config.Name),
		fmt.Sprintf("object_id = %q", j.claims.ObjectID),
	}
	if !slices.Contains(j.provider.config.ClientApplicationIDs, j.claims.ClientID) {
		lines = append(lines, fmt.Sprintf("application_id = %q", j.claims.ClientID)) // else the check before this one refuses it
	}
	lines = append(lines, `name = "what this application does"`, "groups = ["+TOMLString(j.someGroup())+"]")
	return advice{
		why: "the application " + j.claims.ClientID + " calls with a token of its own, " +
			"and no [[service_account]] has its object ID " + j.claims.ObjectID,
		mend: fmt.Sprintf("add a [[service_account]] with object_id = %q (the object ID shown under Enterprise applications) "+
			"and the groups it is to have", j.claims.ObjectID),
		paste: strings.Join(lines, "\n"),
	}
}

func (j *judgement) adviseScope() advice {
	var missing []string
	for _, word := range j.provider.config.RequiredScopes {
		if !j.claims.HasScope(word) {
			missing = append(missing, word)
		}
	}
	if j.provider.config.IsOIDC() {
		return advice{
			why:  j.scopeClaim() + " holds " + orNone(scopeWords(j.claims.Scopes)) + "; missing: " + orNone(missing),
			mend: "let the client ask for " + strings.Join(missing, " ") + "; or take it out of required_scopes under " + j.table(),
		}
	}
	asked := make([]string, len(missing))
	for i, word := range missing {
		asked[i] = "api://" + j.provider.config.ApplicationID + "/" + word
	}
	return advice{
		why: "scp holds " + orNone(scopeWords(j.claims.Scopes)) + "; missing: " + orNone(missing),
		mend: "let the client ask for " + strings.Join(asked, " ") + ", and consent to it in the tenant; " +
			"or take it out of required_scopes under " + j.table(),
	}
}

// adviseClaim tells which of the configured claims cannot be used, where it was a check of this package that failed.
func (j *judgement) adviseClaim(failed reason.Check) (advice, bool) {
	mend := j.usual(failed.Reason)
	for _, seen := range j.claimsSeen() {
		switch {
		case seen.For == "user" && failed.Name == checkUserID:
			return advice{why: fmt.Sprintf("claims.user names the claim %s, which is %s", quoted(seen.Name), unusable(seen.Shape)), mend: mend}, true
		case (seen.For == "groups" || seen.For == "roles") && seen.Shape == "other" && failed.Name == checkMapping:
			return advice{
				why:  fmt.Sprintf("claims.%s names the claim %s, which is neither a string nor an array of strings", seen.For, quoted(seen.Name)),
				mend: mend,
			}, true
		}
	}
	return advice{}, false
}

func unusable(shape string) string {
	switch shape {
	case "absent":
		return "absent"
	case "string":
		return "a string, but empty or no GUID"
	}
	return "no string"
}

// someGroup gives a local group to stand in an example.
func (j *judgement) someGroup() string {
	groups := j.snapshot.config.Groups
	if len(groups) == 0 {
		return "a local group"
	}
	return groups[0].Name
}

// usual is what mends the reason in general, with the names of this configuration where they are clear.
func (j *judgement) usual(r reason.Reason) string {
	mend := strings.ReplaceAll(j.mendOf(r), "APPLICATION_ID", j.applicationID())
	if j.provider != nil {
		mend = strings.ReplaceAll(mend, "[provider.NAME", "[provider."+j.provider.config.Name)
	}
	return mend
}

// mendOf words it for the provider's kind, or for all of the configuration while it is not known whose the token is.
func (j *judgement) mendOf(r reason.Reason) string {
	providers := j.snapshot.config.Providers
	entraIDs := slices.ContainsFunc(providers, func(p config.Provider) bool { return !p.IsOIDC() })
	switch {
	case r == reason.Issuer:
		return mendIssuer(providers)
	case j.provider != nil && j.provider.config.IsOIDC(), j.provider == nil && !entraIDs:
		return cmp.Or(mendElsewhere(r), r.Mend())
	}
	return r.Mend()
}

// mendIssuer tells what to compare the issuer with.
func mendIssuer(providers []config.Provider) string {
	var with []string
	for _, p := range providers {
		if p.IsOIDC() {
			with = append(with, "issuer under [provider."+p.Name+"], byte for byte")
			continue
		}
		with = append(with, "tenant_id and cloud under [provider."+p.Name+"]")
	}
	if len(with) == 0 || len(with) > maxListed {
		return reason.Issuer.Mend()
	}
	return "compare the issuer with " + strings.Join(with, ", and ")
}

// mendElsewhere is what mends the reason at providers that are not Entra ID; "": it is no other.
func mendElsewhere(r reason.Reason) string {
	switch r {
	case reason.Algorithm:
		return "look at algorithms under [provider.NAME], and at what the provider signs access tokens with"
	case reason.Key:
		return "look at claimctl keys, and whether the token comes from the issuer under [provider.NAME]"
	case reason.Audience:
		return "let the client ask for a token for this API, and look at audiences under [provider.NAME]"
	case reason.Lifetime:
		return "ask the provider for a new token"
	case reason.GraphToken:
		return "let the client ask for a token for this API instead"
	case reason.MissingClaim:
		return "if it is the user claim, look at user under [provider.NAME.claims]"
	case reason.ClaimType:
		return "look at the claim names under [provider.NAME.claims]: groups and roles hold strings, and user one string"
	}
	return ""
}

// applicationID gives the application that the token should be for, as far as that is clear.
func (j *judgement) applicationID() string {
	providers := j.snapshot.config.Providers
	switch {
	case j.provider != nil && !j.provider.config.IsOIDC():
		return j.provider.config.ApplicationID
	case len(providers) == 1 && !providers[0].IsOIDC():
		return providers[0].ApplicationID
	}
	return "APPLICATION_ID"
}

// claimsTable names the table of the provider's claims as the files spell it.
func (j *judgement) claimsTable() string { return "[provider." + j.provider.config.Name + ".claims]" }

// table names the provider's table as the files spell it.
func (j *judgement) table() string { return "[provider." + j.provider.config.Name + "]" }
