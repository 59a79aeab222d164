package keys

import "slices"

// What a provider's document says beside issuer and keys. Each is "" as long as no good document has been fetched or
// kept; none of them is ever of a token.

// IntrospectionEndpoint gives the provider's introspection endpoint (RFC 7662); "" of Entra ID, which has none.
func (p *Provider) IntrospectionEndpoint() string {
	return p.said(func(d document) string { return d.introspection })
}

// UserinfoEndpoint gives the provider's userinfo endpoint (OpenID Connect Core 1.0, section 5.3); "" of Entra ID, whose
// userinfo takes tokens for Microsoft Graph and names no audience.
func (p *Provider) UserinfoEndpoint() string {
	return p.said(func(d document) string { return d.userinfo })
}

// said gives the first answer of the documents, which are those of the last good fetch however old it is.
func (p *Provider) said(of func(document) string) string {
	for _, set := range slices.Backward(p.state.Load().sets) { // v2.0 before v1.0
		if set == nil {
			continue
		}
		if answer := of(set.document); answer != "" {
			return answer
		}
	}
	return ""
}
