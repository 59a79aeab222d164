// Package entra holds what Microsoft fixes about Entra ID: clouds, the forms of issuers and audiences, GUIDs. It is
// pure: no network, no clock.
//
// The rules come from learn.microsoft.com/entra/identity-platform, pages access-tokens, access-token-claims-reference,
// authentication-national-cloud and claims-validation.
package entra

import (
	"slices"
	"strings"
)

// ConsumerTenant is the tenant of personal Microsoft accounts. Its tokens are no organisation's.
const ConsumerTenant = "9188040d-6c67-4c5b-b112-36a304b66dad"

// Version is the version of an access token, which the `ver` claim names and the app registration of the API decides
// (requestedAccessTokenVersion), whatever endpoint the client used.
type Version string

// The two versions of Entra's access tokens.
const (
	V1 Version = "1.0"
	V2 Version = "2.0"
)

// Cloud is one of Microsoft's clouds. Tenants and tokens of one are unknown in the others.
type Cloud struct {
	Name          string // as `cloud` in the configuration spells it
	authorityHost string // where tokens are issued and documents published
	graphHost     string
	instance      string // cloud_instance_name in its documents and keys
	issuerV1      string // prefix of v1.0 issuers
}

// The authority host also begins the issuers of v2.0 tokens. The v1.0 issuer of the US Government clouds is the
// global one's: the tenant, the keys and cloud_instance_name tell them apart.
var clouds = []Cloud{
	{"global", "login.microsoftonline.com", "graph.microsoft.com", "microsoftonline.com", "https://sts.windows.net/"},
	{"usgov", "login.microsoftonline.us", "graph.microsoft.us", "microsoftonline.us", "https://sts.windows.net/"},
	{"usgov-dod", "login.microsoftonline.us", "dod-graph.microsoft.us", "microsoftonline.us", "https://sts.windows.net/"},
	{"china", "login.partner.microsoftonline.cn", "microsoftgraph.chinacloudapi.cn", "partner.microsoftonline.cn", "https://sts.chinacloudapi.cn/"},
}

// CloudByName gives the cloud that the configuration names.
func CloudByName(name string) (Cloud, bool) {
	for _, c := range clouds {
		if c.Name == name {
			return c, true
		}
	}
	return Cloud{}, false
}

// CloudNames gives the names of all clouds, the global one first.
func CloudNames() []string {
	names := make([]string, len(clouds))
	for i, c := range clouds {
		names[i] = c.Name
	}
	return names
}

// Authority gives the base address of the cloud's documents, without a final slash.
func (c Cloud) Authority() string { return "https://" + c.authorityHost }

// GraphHost gives the host of Microsoft Graph in this cloud.
func (c Cloud) GraphHost() string { return c.graphHost }

// InstanceName gives the cloud_instance_name that the cloud's documents and keys carry, where they carry one.
func (c Cloud) InstanceName() string { return c.instance }

// Issuer gives the exact issuer of the tenant's tokens of that version, V1 or V2. tenant is a GUID in lower case. A v1.0
// issuer ends with a slash, a v2.0 issuer does not.
func (c Cloud) Issuer(version Version, tenant string) string {
	if version == V1 {
		return c.issuerV1 + tenant + "/"
	}
	return "https://" + c.authorityHost + "/" + tenant + "/v2.0"
}

// DocumentURL gives the address of the discovery document that holds for the tenant's tokens of that version: each
// version has its own, whatever endpoint the client used. authority has no final slash.
func DocumentURL(authority string, version Version, tenant string) string {
	if version == V1 {
		return authority + "/" + tenant + "/.well-known/openid-configuration"
	}
	return authority + "/" + tenant + "/v2.0/.well-known/openid-configuration"
}

// graphAudiences are the audiences of Microsoft Graph and of the retired Azure AD Graph beside the clouds' Graph hosts:
// the application IDs, which are the same in every cloud, and the old hosts.
var graphAudiences = []string{
	"00000003-0000-0000-c000-000000000000",
	"00000002-0000-0000-c000-000000000000",
	"https://graph.windows.net",
	"https://graph.microsoftazure.us",
	"https://graph.chinacloudapi.cn",
}

// IsGraphAudience reports whether a token with this audience is for Microsoft Graph (or the retired Azure AD Graph) of
// any cloud: such a token is in a form of Microsoft's own and must not be validated by others (page access-tokens).
func IsGraphAudience(aud string) bool {
	aud = strings.ToLower(strings.TrimSuffix(aud, "/"))
	for _, c := range clouds {
		if aud == "https://"+c.graphHost {
			return true
		}
	}
	return slices.Contains(graphAudiences, aud)
}

// AudienceMatches reports whether aud is the audience of a token for the application: for v2.0 its ID, nothing else;
// for v1.0 its ID, api://ID, or one of uris byte for byte, each with or without one final slash
// (access-token-claims-reference, aud). GUIDs compare in any case. No other version has an audience that matches.
func AudienceMatches(version Version, aud, applicationID string, uris []string) bool {
	switch version {
	case V2:
		return EqualGUID(aud, applicationID)
	case V1:
		return matchesV1(strings.TrimSuffix(aud, "/"), applicationID, uris)
	}
	return false
}

// matchesV1 takes aud without its one final slash.
func matchesV1(aud, applicationID string, uris []string) bool {
	if EqualGUID(strings.TrimPrefix(aud, "api://"), applicationID) {
		return true
	}
	for _, uri := range uris {
		if aud != "" && aud == strings.TrimSuffix(uri, "/") {
			return true
		}
	}
	return false
}

// otherHosts begin issuers or addresses of Entra ID beside the clouds' own: older names that still answer.
var otherHosts = []string{"login.windows.net", "login.microsoft.com", "login.chinacloudapi.cn", "login.microsoftonline.de", "sts.microsoftonline.de"}

// IsIssuerHost reports whether issuers of Entra ID's access tokens begin with that host, in any cloud. The external
// tenants of customers (ciamlogin.com, b2clogin.com) have hosts of their own, which are none of these.
func IsIssuerHost(host string) bool {
	host = strings.ToLower(host)
	for _, c := range clouds {
		if host == c.authorityHost || "https://"+host+"/" == c.issuerV1 {
			return true
		}
	}
	return slices.Contains(otherHosts, host)
}
