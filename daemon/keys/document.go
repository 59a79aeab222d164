package keys

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/claimd/claimd/daemon/entra"
)

// document is what of a checked discovery document is used (OpenID Connect Discovery 1.0, section 3).
type document struct {
	issuer  string
	keysURL string
	cloud   string // cloud_instance_name, Microsoft's own; "" = the document has none

	graphHost     string // msgraph_host, Microsoft's own; "" = the document has none
	introspection string // RFC 8414 section 2; "" = the document has none that may be asked, or is Entra ID's
	userinfo      string
	signIn        SignInEndpoints
}

// unverifiedDocument is what a document says.
type unverifiedDocument struct {
	Issuer        string `json:"issuer"`
	KeysURL       string `json:"jwks_uri"`
	Cloud         string `json:"cloud_instance_name"`
	GraphHost     string `json:"msgraph_host"`
	Introspection string `json:"introspection_endpoint"`
	Userinfo      string `json:"userinfo_endpoint"`
}

// readDocument checks a discovery document. Entra ID's must name the Source's issuer byte for byte, or else one of the
// tenant, and a key set on the authority's own host: nothing that it says leads claimd elsewhere. Any other provider's
// must name the issuer byte for byte; its key set and endpoints may stand on any host, reached by https.
func (e edition) readDocument(raw []byte) (document, error) {
	var unverified unverifiedDocument
	if err := json.Unmarshal(raw, &unverified); err != nil {
		return document{}, fmt.Errorf("want a JSON object without duplicate members, got other text: %s", faultOf(err))
	}
	if err := e.checkIssuer(unverified.Issuer); err != nil {
		return document{}, err
	}
	if err := e.checkKeysURL(unverified.KeysURL); err != nil {
		return document{}, err
	}
	d := document{issuer: unverified.Issuer, keysURL: unverified.KeysURL}
	if !e.isEntra() {
		d.introspection, d.userinfo = e.endpoint(unverified.Introspection), e.endpoint(unverified.Userinfo)
		d.signIn = e.readSignIn(raw)
		return d, nil
	}
	d.cloud, d.graphHost = unverified.Cloud, unverified.GraphHost
	return d, e.checkCloud(unverified)
}

// checkCloud holds what a document says of its cloud against the Source. US Government L4 and DoD differ in the host of
// Microsoft Graph alone (page authentication-national-cloud).
func (e edition) checkCloud(unverified unverifiedDocument) error {
	if want := e.source.CloudInstance; want != "" && unverified.Cloud != "" && unverified.Cloud != want {
		return fmt.Errorf("cloud_instance_name: want %s, got %s", quote(want), quote(unverified.Cloud))
	}
	if want := e.source.GraphHost; want != "" && unverified.GraphHost != "" && !strings.EqualFold(unverified.GraphHost, want) {
		return fmt.Errorf("msgraph_host: want %s, got %s", quote(want), quote(unverified.GraphHost))
	}
	return nil
}

// checkIssuer holds the issuer of a document against the Source.
func (e edition) checkIssuer(unverified string) error {
	if want := e.source.issuer(e.version); want != "" || !e.isEntra() {
		if unverified != want {
			return fmt.Errorf("issuer: want %s, got %s", quote(want), quote(unverified))
		}
		return nil
	}
	u, err := url.Parse(unverified)
	if err != nil || u.Host == "" || u.User != nil || strings.ContainsAny(unverified, "?#") { // also where nothing follows them
		return fmt.Errorf("issuer: want an https address, got %s", quote(unverified))
	}
	if u.Scheme != "https" && !(isPlainLoopback(u) && isPlainLoopback(e.authority)) {
		return fmt.Errorf("issuer: want an https address, got %s", quote(unverified))
	}
	if !slices.Contains(strings.Split(u.EscapedPath(), "/"), e.source.Tenant) {
		return fmt.Errorf("issuer: want one with the tenant %s in its path, got %s", e.source.Tenant, quote(unverified))
	}
	return nil
}

// checkKeysURL holds the address of the key set against the authority.
func (e edition) checkKeysURL(unverified string) error {
	if !e.isEntra() {
		if e.endpoint(unverified) == "" {
			return fmt.Errorf("jwks_uri: want an https address, got %s", quote(unverified))
		}
		return nil
	}
	u, err := url.Parse(unverified)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("jwks_uri: want an address on %s, got %s", e.authority.Host, quote(unverified))
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && isPlainLoopback(e.authority)) {
		return fmt.Errorf("jwks_uri: want https, got %s", quote(unverified))
	}
	if !sameHost(u, e.authority) {
		return fmt.Errorf("jwks_uri: want an address on %s, got %s", e.authority.Host, quote(unverified))
	}
	return nil
}

// endpoint gives an address that a document names where it may be asked, else "": https on any host, or http that stays
// on this host where the issuer is such too.
func (e edition) endpoint(unverified string) string {
	u, err := url.Parse(unverified)
	if err != nil || u.Host == "" || u.User != nil || strings.Contains(unverified, "#") {
		return ""
	}
	if u.Scheme == "https" || isPlainLoopback(u) && isPlainLoopback(e.authority) {
		return unverified
	}
	return ""
}

// keyIssuerFits reports whether a key with this `issuer` member may sign for the document's issuer. Keys of documents
// that several tenants share name the template {tenantid}. Microsoft's own validator takes the v2.0 form for v1.0
// tokens too (Microsoft.IdentityModel.Validators, AadIssuerValidator).
func (e edition) keyIssuerFits(unverified string, d document) bool {
	if !e.isEntra() {
		return unverified == d.issuer
	}
	issuer := strings.ReplaceAll(unverified, "{tenantid}", e.source.Tenant)
	if issuer == d.issuer {
		return true
	}
	return e.version == entra.V1 && issuer == e.issuerV2()
}

// issuerV2 gives the v2.0 form of the tenant's issuer.
func (e edition) issuerV2() string {
	if e.source.IssuerV2 != "" {
		return e.source.IssuerV2
	}
	return e.source.Authority + "/" + e.source.Tenant + "/v2.0"
}

// faultOf gives the cause of a JSON fault without the Go types that the library names.
func faultOf(err error) string {
	if fault, ok := errors.AsType[*json.SemanticError](err); ok {
		if fault.JSONPointer != "" {
			return "wrong type at " + quote(string(fault.JSONPointer))
		}
		return "wrong type"
	}
	return quote(strings.TrimPrefix(err.Error(), "jsontext: "))
}
