package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/claimd/claimd/cmd/claimctl/finding"
	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/keys"
)

// judged gives what claimd makes of documents and keys, fetched for this and kept nowhere.
func (v *visit) judged(ctx context.Context) *keys.Status {
	if v.keys != nil {
		return v.keys
	}
	ring := keys.NewRing(keys.Options{Client: v.client})
	defer ring.Close()
	provider := ring.Open(v.source)
	_ = provider.Refresh(ctx) // the status tells what failed, version by version
	status := provider.Status()
	v.keys, v.graph = &status, provider.GraphHost()
	return v.keys
}

// edition gives the status of one version. Its error is without the address, which is told by the check's name.
func (v *visit) edition(ctx context.Context, version entra.Version) keys.DocumentStatus {
	for _, document := range v.judged(ctx).Documents {
		if document.Version == string(version) {
			return document
		}
	}
	return keys.DocumentStatus{Error: "nothing was fetched"}
}

// unverifiedDocument is what of a discovery document is shown, beside what package keys checks.
type unverifiedDocument struct {
	Issuer    string `json:"issuer"`
	Cloud     string `json:"cloud_instance_name"`
	GraphHost string `json:"msgraph_host"`
	KeysURL   string `json:"jwks_uri"`
}

// askDocument asks for the discovery document of one version, and holds it against tenant and cloud.
func (v *visit) askDocument(ctx context.Context, version entra.Version) finding.Finding {
	f := v.document(ctx, version)
	switch {
	case f.err != nil:
		return finding.Bad("does it answer later? if not, ask who runs "+v.authority.Host, "%s", dialCause(ctx, f.err))
	case f.status != http.StatusOK:
		return v.refusedDocument(f)
	}
	d := v.edition(ctx, version)
	if isOfDocument(d) && !strings.Contains(d.Error, ": msgraph_host: ") { // that is told below, with the cloud's name
		return v.badDocument(d.Error)
	}
	if d.FetchedAt.IsZero() && d.Error == "" {
		return finding.Untold("", "it came once, but not a second time with its keys in time")
	}
	var unverified unverifiedDocument
	_ = json.Unmarshal(f.body, &unverified)                 // package keys has judged the text
	text := "issuer " + cmp.Or(d.Issuer, unverified.Issuer) // the same, once package keys has taken the document
	if unverified.Cloud != "" {
		text += ", cloud " + unverified.Cloud
	}
	if v.provider.Authority != "" || unverified.GraphHost == "" {
		return finding.Good("%s", text)
	}
	if !v.provider.Cloud.IsGraphHost(unverified.GraphHost) {
		return finding.Bad(cloudHint(unverified), "the tenant's Microsoft Graph is %s, which is not that of cloud %s", unverified.GraphHost, v.provider.Cloud.Name)
	}
	return finding.Good("%s, Graph %s", text, unverified.GraphHost)
}

// isOfDocument reports whether what failed was the document, and not the key set that it names.
func isOfDocument(d keys.DocumentStatus) bool {
	return strings.HasPrefix(d.Error, d.URL+": ") || d.URL == ""
}

// aadsts finds the number of Entra's own errors.
var aadsts = regexp.MustCompile(`AADSTS(\d{4,7})`)

// refusedDocument puts an answer that is no document into words.
func (v *visit) refusedDocument(f fetched) finding.Finding {
	code := ""
	if found := aadsts.FindSubmatch(f.body); found != nil {
		code = string(found[1])
	}
	switch {
	case code == "90002":
		return finding.Bad("copy the tenant ID from the overview page of Entra ID, and set cloud if the tenant is not in the "+v.provider.Cloud.Name+" one",
			"there is no tenant %s at %s (AADSTS90002)", v.source.Tenant, v.source.Authority)
	case code != "":
		return finding.Bad("look the code up at "+v.source.Authority+"/error?code="+code, "the provider answers %d with AADSTS%s", f.status, code)
	case f.status/100 == 3:
		return finding.Bad("is authority right? claimd follows no redirect", "the provider answers %d and leads elsewhere", f.status)
	}
	return finding.Bad("is authority right? if the answer stays, ask who runs "+v.authority.Host, "want status 200, got %d", f.status)
}

// badDocument tells what package keys has against the document.
func (v *visit) badDocument(problem string) finding.Finding {
	_, text, ok := strings.Cut(problem, ": ")
	if !ok {
		text = problem
	}
	toDo := "is what answers there the provider?"
	switch {
	case strings.HasPrefix(text, "cloud_instance_name"):
		toDo = "set cloud to the one that the tenant is in"
	case strings.HasPrefix(text, "issuer"):
		toDo = "do tenant_id, cloud and authority belong together?"
	}
	return finding.Bad(toDo, "%s", text)
}

// cloudHint names the cloud that the document is of.
func cloudHint(d unverifiedDocument) string {
	for _, name := range entra.CloudNames() {
		if cloud, ok := entra.CloudByName(name); ok && cloud.IsGraphHost(d.GraphHost) {
			return fmt.Sprintf("cloud = %q", name)
		}
	}
	return "set cloud to one of " + strings.Join(entra.CloudNames(), ", ")
}

// askKeys counts the keys that claimd can use.
func (v *visit) askKeys(ctx context.Context) finding.Finding {
	var parts, problems []string
	for _, d := range v.judged(ctx).Documents {
		usable, ignored := 0, 0
		for _, key := range d.Keys {
			if key.Ignored == "" {
				usable++
				continue
			}
			ignored++
			problems = append(problems, fmt.Sprintf("v%s ignores %s: %s", d.Edition(), cmp.Or(key.ID, nameless), key.Ignored))
		}
		parts = append(parts, fmt.Sprintf("v%s %d usable", d.Edition(), usable))
		if usable == 0 && (d.Application || !isOfDocument(d)) { // the tenant's documents have a question of their own
			problems = append(problems, "v"+d.Edition()+": "+d.Error)
		}
	}
	text := strings.Join(parts, ", ")
	if len(problems) > 0 {
		text += "; " + strings.Join(problems, "; ")
	}
	if !v.keys.Live {
		return finding.Bad("without keys every request is answered 503 keys_unavailable; see the documents above", "%s", text)
	}
	return finding.Good("%s, fetched from %s", text, v.authority.Host)
}

// askOwnKeys asks whether the application has signing keys that the tenant's set does not hold: Entra makes them for a
// claims mapping, and publishes them under ?appid= alone (saml-claims-customization, signing-key-rollover).
func (v *visit) askOwnKeys(ctx context.Context) finding.Finding {
	address := entra.DocumentURL(v.source.Authority, entra.V2, v.source.Tenant) + "?appid=" + url.QueryEscape(v.source.ApplicationID)
	f := v.get(ctx, address)
	var unverified unverifiedDocument
	if f.err != nil || f.status != http.StatusOK || json.Unmarshal(f.body, &unverified) != nil {
		return finding.Untold("", "the provider tells nothing about this application alone")
	}
	keysURL, err := url.Parse(unverified.KeysURL)
	if err != nil || keysURL.Host != v.authority.Host || keysURL.Scheme != v.authority.Scheme {
		return finding.Untold("", "the document for this application names keys elsewhere")
	}
	f = v.get(ctx, keysURL.String())
	var set struct{ Keys []struct{ KID string } }
	if f.err != nil || f.status != http.StatusOK || json.Unmarshal(f.body, &set) != nil {
		return finding.Untold("", "the keys for this application cannot be read")
	}
	known := v.edition(ctx, entra.V2).Keys
	var own []string
	for _, key := range set.Keys {
		if !slices.ContainsFunc(known, func(k keys.KeyStatus) bool { return k.ID == key.KID }) {
			own = append(own, key.KID)
		}
	}
	if len(own) > 0 && v.source.CustomKeys {
		return finding.Good("%s of the application's own, which custom_signing_keys fetches", count(len(own), "signing key"))
	}
	if len(own) > 0 {
		return finding.Bad("set custom_signing_keys = true under [provider."+v.source.Name+"], or remove the signing key of the claims mapping",
			"the application has %s of its own, which a claims mapping brings: tokens signed with it are refused 401 key", count(len(own), "signing key"))
	}
	return finding.Good("the application signs with the tenant's")
}
