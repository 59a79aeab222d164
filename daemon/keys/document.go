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
}

// readDocument checks a discovery document. It must name the Source's issuer byte for byte, or else one of the tenant,
// and a key set on the authority's own host: nothing that a document says leads claimd elsewhere.
func (e edition) readDocument(raw []byte) (document, error) {
	var unverified struct {
		Issuer  string `json:"issuer"`
		KeysURL string `json:"jwks_uri"`
		Cloud   string `json:"cloud_instance_name"`
	}
	if err := json.Unmarshal(raw, &unverified); err != nil {
		return document{}, fmt.Errorf("want a JSON object without duplicate members, got other text: %s", faultOf(err))
	}
	if err := e.checkIssuer(unverified.Issuer); err != nil {
		return document{}, err
	}
	if want := e.source.CloudInstance; want != "" && unverified.Cloud != "" && unverified.Cloud != want {
		return document{}, fmt.Errorf("cloud_instance_name: want %s, got %s", quote(want), quote(unverified.Cloud))
	}
	if err := e.checkKeysURL(unverified.KeysURL); err != nil {
		return document{}, err
	}
	return document{issuer: unverified.Issuer, keysURL: unverified.KeysURL, cloud: unverified.Cloud}, nil
}

// checkIssuer holds the issuer of a document against the Source.
func (e edition) checkIssuer(unverified string) error {
	if want := e.source.issuer(e.version); want != "" {
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

// keyIssuerFits reports whether a key with this `issuer` member may sign for the document's issuer. Keys of documents
// that several tenants share name the template {tenantid}. Microsoft's own validator takes the v2.0 form for v1.0
// tokens too (Microsoft.IdentityModel.Validators, AadIssuerValidator).
func (e edition) keyIssuerFits(unverified string, d document) bool {
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
