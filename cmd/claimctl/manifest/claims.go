package manifest

import (
	"cmp"
	"slices"
	"strings"

	"github.com/claimd/claimd/cmd/claimctl/finding"
	"github.com/claimd/claimd/daemon/config"
)

// named is a claim that the configuration reads, by the key that names it.
type named struct{ key, claim string }

// claims gives the top-level claims that the configuration reads, each with its first key.
func (j *judgement) claims() []named {
	c := j.provider.Claims
	var all []named
	for _, pair := range []struct {
		key  string
		name config.ClaimName
	}{{"user", c.User}, {"email", c.Email}, {"first_name", c.FirstName}, {"last_name", c.LastName}, {"groups", c.Groups}, {"roles", c.Roles}, {"admin", c.Admin}} {
		if claim := topLevel(pair.name); claim != "" && !slices.ContainsFunc(all, func(n named) bool { return n.claim == claim }) {
			all = append(all, named{pair.key, claim})
		}
	}
	return all
}

// topLevel gives the claim that a name or a JSON Pointer (RFC 6901) begins at.
func topLevel(name config.ClaimName) string {
	pointer, ok := strings.CutPrefix(string(name), "/")
	if !ok {
		return string(name)
	}
	first, _, _ := strings.Cut(pointer, "/")
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(first)
}

func (j *judgement) reads(claim string) bool {
	return slices.ContainsFunc(j.claims(), func(n named) bool { return n.claim == claim })
}

// How a claim comes into an access token (access-token-claims-reference, optional-claims-reference).
var (
	// inEvery stand in the tokens of both versions without being asked for, where there is something to tell.
	inEvery = []string{"oid", "sub", "name", "groups", "roles", "wids", "idp", "acr", "uti"}
	// inV1 stand in v1.0 tokens only, unless they are asked for.
	inV1 = []string{"given_name", "family_name", "upn", "ipaddr", "onprem_sid", "unique_name", "amr"}
	// inV2 stand in v2.0 tokens only, unless they are asked for.
	inV2 = []string{"preferred_username"}
	// onDemand stand in none unless they are asked for.
	onDemand = []string{"email", "acct", "acrs", "auth_time", "ctry", "fwd", "idtyp", "login_hint", "sid", "tenant_ctry", "tenant_region_scope",
		"verified_primary_email", "verified_secondary_email", "vnet", "xms_cc", "xms_edov", "xms_pdl", "xms_pl", "xms_tpl", "ztdid"}
)

// askedFor reports whether the claim comes only where optionalClaims asks for it.
func (j *judgement) askedFor(claim string) bool {
	if j.version == 1 {
		return slices.Contains(onDemand, claim) || slices.Contains(inV2, claim)
	}
	return slices.Contains(onDemand, claim) || slices.Contains(inV1, claim)
}

// wantedClaim is an optional claim that the configuration reads.
type wantedClaim struct{ name, optional, why string }

// wanted gives the optional claims that the configuration reads.
func (j *judgement) wanted() []wantedClaim {
	var all []wantedClaim
	for _, n := range j.claims() {
		attribute, isExtension := strings.CutPrefix(n.claim, "extn.")
		switch {
		case isExtension: // directory extensions, which the manifest names in full
			owner := strings.ToLower(strings.ReplaceAll(j.manifest.AppID, "-", ""))
			all = append(all, wantedClaim{n.claim, "extension_" + owner + "_" + attribute, "claims." + n.key})
		case j.askedFor(n.claim):
			all = append(all, wantedClaim{n.claim, n.claim, "claims." + n.key})
		}
	}
	if j.provider.Guests == config.GuestsDeny {
		all = append(all, wantedClaim{"acct", "acct", `guests = "deny"`})
	}
	if j.hasServiceAccounts() {
		all = append(all, wantedClaim{"idtyp", "idtyp", "[[service_account]]"})
	}
	return all
}

// askOptional asks whether access tokens hold the claims that the configuration reads. Those of the idToken section do
// nothing for an API.
func (j *judgement) askOptional() finding.Finding {
	var missing, elsewhere, there []string
	for _, w := range j.wanted() {
		if hasOptional(j.access, w) {
			there = append(there, w.name)
			continue
		}
		missing = append(missing, w.name+" ("+w.why+")")
		if hasOptional(j.manifest.Optional.IDToken, w) {
			elsewhere = append(elsewhere, w.name)
		}
		claim := optionalClaim{Name: w.optional, AdditionalProperties: []string{}}
		if w.optional != w.name {
			user := "user"
			claim.Source = &user
		}
		j.setAccess(append(slices.Clone(j.access), created(claim)))
	}
	if len(missing) == 0 {
		if len(there) == 0 {
			return finding.Good("the configuration reads none")
		}
		return finding.Good("access tokens hold %s", strings.Join(there, ", "))
	}
	toDo := "Token configuration, Add optional claim, Access"
	if len(elsewhere) > 0 {
		toDo += ": the section idToken, where " + strings.Join(elsewhere, ", ") + " stands, does nothing for an API"
	}
	return finding.Bad(toDo, "access tokens lack %s", strings.Join(missing, ", "))
}

// hasOptional reports whether the section asks for the claim. An extension may belong to another app of the tenant.
func hasOptional(section []element[optionalClaim], w wantedClaim) bool {
	return slices.ContainsFunc(values(section), func(c optionalClaim) bool {
		if attribute, ok := strings.CutPrefix(w.name, "extn."); ok {
			return strings.HasPrefix(c.Name, "extension_") && strings.HasSuffix(c.Name, "_"+attribute)
		}
		return c.Name == w.optional
	})
}

// setAccess makes this the accessToken section of the lines.
func (j *judgement) setAccess(section []element[optionalClaim]) {
	j.access = section
	if j.manifest.optionalDeclared {
		j.edits.set("optionalClaims", "accessToken", section)
		return
	}
	none := []element[optionalClaim]{}
	j.edits.set("", "optionalClaims", optionalClaims{IDToken: none, AccessToken: section, SAML2Token: none})
}

// custom gives the claims that Entra does not know by itself: a claims mapping has to make them.
func (j *judgement) custom() []named {
	return slices.DeleteFunc(j.claims(), func(n named) bool {
		return strings.HasPrefix(n.claim, "extn.") || slices.Contains(slices.Concat(inEvery, inV1, inV2, onDemand), n.claim)
	})
}

// askCustom asks whether Entra may put claims of a claims mapping into the tokens.
func (j *judgement) askCustom() finding.Finding {
	m, custom := j.manifest, j.custom()
	single := cmp.Or(m.SignInAudience, "AzureADMyOrg") == "AzureADMyOrg"
	name := j.attribute(m.form.mapped)
	switch {
	case m.AcceptMapped && !single:
		j.edits.set(m.form.in, m.form.mapped, false)
		return finding.Bad("set it to false, or make the app single-tenant: administrators of other tenants can write claims of their own into its tokens",
			"%s is true in an app for several tenants", name)
	case m.AcceptMapped && len(custom) == 0:
		return finding.Good("%s is true, though the configuration reads no claim that needs it", name)
	case len(custom) == 0:
		return finding.Good("the configuration reads none")
	case m.AcceptMapped:
		return finding.Good("%s is true: %s can come, to clients that ask for %s/.default", name, customText(custom), m.AppID)
	}
	j.edits.set(m.form.in, m.form.mapped, true)
	return finding.Bad("set it to true (single-tenant apps only); clients then ask for "+m.AppID+"/.default, or a URI of a verified domain (else AADSTS501461)",
		"%s comes from a claims mapping, and %s is not true (AADSTS50146)", customText(custom), name)
}

func customText(custom []named) string {
	var texts []string
	for _, n := range custom {
		texts = append(texts, n.claim+" (claims."+n.key+")")
	}
	return strings.Join(texts, ", ")
}

// askMapping: claims mappings are policies of the service principal, and in no manifest. It does not arise where none
// is needed.
func (j *judgement) askMapping() finding.Finding {
	custom := j.custom()
	if len(custom) == 0 {
		return finding.Finding{}
	}
	return finding.Untold("Enterprise applications, the app, Single sign-on, Attributes & Claims; then claimctl explain on a token shows what has come",
		"whether a claims mapping makes %s does not stand in a manifest", customText(custom))
}
