package entra

import (
	"slices"
	"testing"
)

const (
	tenant = "d86ca749-105f-4f0a-a4f2-89c5ef275c2e"
	app    = "17e1e12b-3908-4782-b7ca-f01bec2bd750"
	upper  = "17E1E12B-3908-4782-B7CA-F01BEC2BD750"
	other  = "36a0427c-4ca6-4bb6-afe2-804a729f14a1"
)

func TestEveryCloudHasItsExactIssuersAndHosts(t *testing.T) {
	tests := []struct{ cloud, v1, v2, authority, graph, instance string }{
		{"global", "https://sts.windows.net/" + tenant + "/", "https://login.microsoftonline.com/" + tenant + "/v2.0",
			"https://login.microsoftonline.com", "graph.microsoft.com", "microsoftonline.com"},
		{"usgov", "https://sts.windows.net/" + tenant + "/", "https://login.microsoftonline.us/" + tenant + "/v2.0",
			"https://login.microsoftonline.us", "graph.microsoft.us", "microsoftonline.us"},
		{"usgov-dod", "https://sts.windows.net/" + tenant + "/", "https://login.microsoftonline.us/" + tenant + "/v2.0",
			"https://login.microsoftonline.us", "dod-graph.microsoft.us", "microsoftonline.us"},
		{"china", "https://sts.chinacloudapi.cn/" + tenant + "/", "https://login.partner.microsoftonline.cn/" + tenant + "/v2.0",
			"https://login.partner.microsoftonline.cn", "microsoftgraph.chinacloudapi.cn", "partner.microsoftonline.cn"},
	}
	var names []string
	for _, test := range tests {
		names = append(names, test.cloud)
		t.Run(test.cloud, func(t *testing.T) {
			c, ok := CloudByName(test.cloud)
			if !ok {
				t.Fatal("there is no such cloud")
			}
			for _, pair := range [][2]string{
				{c.Name, test.cloud}, {c.Issuer(V1, tenant), test.v1}, {c.Issuer(V2, tenant), test.v2},
				{c.Authority(), test.authority}, {c.graphHost, test.graph}, {c.InstanceName(), test.instance},
			} {
				if pair[0] != pair[1] {
					t.Errorf("got %q, want %q", pair[0], pair[1])
				}
			}
		})
	}
	if got := CloudNames(); !slices.Equal(got, names) {
		t.Errorf("CloudNames() = %q, want %q", got, names)
	}
}

func TestACloudIsNamedExactly(t *testing.T) {
	for _, name := range []string{"", "Global", "global ", "germany", "usgov-", "microsoftonline.com"} {
		if c, ok := CloudByName(name); ok || c != (Cloud{}) {
			t.Errorf("CloudByName(%q) = %+v, %v; want none", name, c, ok)
		}
	}
}

func TestEachVersionHasItsOwnDocument(t *testing.T) {
	tests := []struct {
		version Version
		want    string
	}{
		{V1, "https://login.microsoftonline.com/" + tenant + "/.well-known/openid-configuration"},
		{V2, "https://login.microsoftonline.com/" + tenant + "/v2.0/.well-known/openid-configuration"},
	}
	for _, test := range tests {
		if got := DocumentURL("https://login.microsoftonline.com", test.version, tenant); got != test.want {
			t.Errorf("DocumentURL(%s) = %q, want %q", test.version, got, test.want)
		}
	}
}

// Each row has the answer for a v1.0 and for a v2.0 token.
func TestAudienceForms(t *testing.T) {
	uris := []string{"https://contoso.com/api", "https://contoso.com/slash/", "api://reports", "api://" + other}
	tests := []struct {
		name, aud string
		v1, v2    bool
	}{
		{"the application ID", app, true, true},
		{"the application ID in upper case", upper, true, true},
		{"the application ID with a final slash", app + "/", true, false},
		{"the application ID with two final slashes", app + "//", false, false},
		{"api:// and the application ID", "api://" + app, true, false},
		{"api:// and the application ID in upper case", "api://" + upper, true, false},
		{"api:// and the application ID with a final slash", "api://" + app + "/", true, false},
		{"api:// and the application ID with two final slashes", "api://" + app + "//", false, false},
		{"api:// in upper case", "API://" + app, false, false},
		{"api:// twice", "api://api://" + app, false, false},
		{"api:// and the application ID with a path", "api://" + app + "/x", false, false},
		{"spn: and the application ID", "spn:" + app, false, false},
		{"a URI of the list", "https://contoso.com/api", true, false},
		{"a URI of the list with a final slash", "https://contoso.com/api/", true, false},
		{"a URI of the list with two final slashes", "https://contoso.com/api//", false, false},
		{"a URI of the list in another case", "https://contoso.com/API", false, false},
		{"a URI of the list with a path", "https://contoso.com/api/x", false, false},
		{"a URI of the list cut short", "https://contoso.com/ap", false, false},
		{"a URI that is listed with a slash", "https://contoso.com/slash/", true, false},
		{"a URI that is listed with a slash, without it", "https://contoso.com/slash", true, false},
		{"a URI of the list by name", "api://reports", true, false},
		{"a GUID in a URI of the list", "api://" + other, true, false},
		{"a GUID in a URI of the list in upper case", "api://36A0427C-4CA6-4BB6-AFE2-804A729F14A1", false, false},
		{"a GUID in a URI of the list by itself", other, false, false},
		{"another application ID", "00000000-0000-0000-0000-000000000001", false, false},
		{"the application ID with something before it", "x" + app, false, false},
		{"the application ID with something after it", app + "x", false, false},
		{"the application ID in braces", "{" + app + "}", false, false},
		{"the application ID with a blank", app + " ", false, false},
		{"nothing", "", false, false},
		{"a slash", "/", false, false},
		{"api:// alone", "api://", false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := AudienceMatches(V1, test.aud, app, uris); got != test.v1 {
				t.Errorf("v1.0: got %v, want %v", got, test.v1)
			}
			if got := AudienceMatches(V2, test.aud, app, uris); got != test.v2 {
				t.Errorf("v2.0: got %v, want %v", got, test.v2)
			}
			if got := AudienceMatches(V1, test.aud, upper, uris); got != test.v1 {
				t.Errorf("v1.0, configured in upper case: got %v, want %v", got, test.v1)
			}
		})
	}
}

func TestAnEmptySettingMatchesNoAudience(t *testing.T) {
	for _, version := range []Version{V1, V2, "", "1.1", "2"} {
		for _, aud := range []string{"", "/", "api://", "api:///"} {
			if AudienceMatches(version, aud, "", []string{"", "/"}) {
				t.Errorf("version %q: audience %q matches", version, aud)
			}
		}
	}
}

func TestAnUnknownVersionHasNoAudience(t *testing.T) {
	for _, version := range []Version{"", "1", "1.1", "2", "2.00", "3.0"} {
		if AudienceMatches(version, app, app, []string{app}) {
			t.Errorf("version %q: the application ID matches", version)
		}
	}
}

func TestGraphAudiences(t *testing.T) {
	tests := []struct {
		aud  string
		want bool
	}{
		{"00000003-0000-0000-c000-000000000000", true},
		{"00000003-0000-0000-C000-000000000000/", true},
		{"00000002-0000-0000-c000-000000000000", true},
		{"https://graph.microsoft.com", true},
		{"https://graph.microsoft.com/", true},
		{"HTTPS://Graph.Microsoft.com", true},
		{"https://graph.microsoft.us", true},
		{"https://dod-graph.microsoft.us/", true},
		{"https://microsoftgraph.chinacloudapi.cn", true},
		{"https://graph.windows.net", true},
		{"https://graph.windows.net/", true},
		{"https://graph.microsoftazure.us", true},
		{"https://graph.chinacloudapi.cn", true},
		{"https://graph.microsoft.com//", false},
		{"https://graph.microsoft.com/v1.0", false},
		{"https://graph.microsoft.com.example.org", false},
		{"http://graph.microsoft.com", false},
		{"graph.microsoft.com", false},
		{"https://management.azure.com/", false},
		{"00000001-0000-0000-c000-000000000000", false},
		{app, false},
		{"https://", false},
		{"", false},
	}
	for _, test := range tests {
		if got := IsGraphAudience(test.aud); got != test.want {
			t.Errorf("IsGraphAudience(%q) = %v, want %v", test.aud, got, test.want)
		}
	}
}
