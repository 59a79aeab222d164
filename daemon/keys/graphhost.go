package keys

import "net/url"

// GraphHost gives the address of Microsoft Graph that the provider's documents name as msgraph_host, such as
// https://graph.microsoft.com; "" = they are not known yet, name none, or name something else than a host. Documents come
// from the authority, which root has chosen: whoever answers there could say who signs tokens, too.
func (p *Provider) GraphHost() string {
	host := p.said(func(d document) string { return d.graphHost })
	address := "https://" + host
	if u, err := url.Parse(address); host == "" || err != nil || u.Host != host {
		return ""
	}
	return address
}
