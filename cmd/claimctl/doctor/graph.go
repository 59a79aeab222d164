package doctor

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/claimd/claimd/cmd/claimctl/finding"
	"github.com/claimd/claimd/daemon/graph"
)

// checks are the questions about this provider.
func (v *visit) checks() []check[visit] {
	switch {
	case v.provider.IsOIDC():
		return openIDChecks
	case v.provider.Graph != nil:
		return providerChecks
	}
	return slices.DeleteFunc(slices.Clone(providerChecks), func(c check[visit]) bool { return c.name == graphCheck })
}

// graphCheck is the question that is asked where groups_overage is "graph" alone.
const graphCheck = "Graph"

// askGraph asks Microsoft Graph as the running claimd would, about a user that there is none of: whoever may not read
// memberships is told so before the user is looked for, so that the answer "no such user" says that all is well.
func (v *visit) askGraph(ctx context.Context) finding.Finding {
	p := v.provider
	if p.Graph.Secret == "" && p.Graph.Certificate == "" {
		return finding.Untold("systemctl status claimd, and claimctl status for what Microsoft Graph says", "the app credential can be read by the unit alone")
	}
	v.judged(ctx) // a document that package keys does not take says nothing about who gets the token
	asked, err := v.loaded.GraphOf(p, v.graph)
	if err != nil {
		return finding.Untold("look at [provider."+p.Name+".graph], and at msgraph_host in the document v2.0", "%v", err)
	}
	defer asked.Close()
	ids, names := v.loaded.Config.Deciding(p)
	if len(names) > 0 {
		return finding.Bad("name every group and role of the provider by its object ID, or leave groups_overage at \"deny\"",
			"Microsoft Graph is never asked while something is matched by its name, such as %s", strconv.Quote(names[0]))
	}
	about, err := graph.NewQuestion(ids)
	if err != nil {
		return finding.Good("never asked: no object ID decides anything")
	}
	_, err = asked.Memberships(ctx, p.ApplicationID, about) // no user has the ID of an application
	unavailable, ok := errors.AsType[*graph.Unavailable](err)
	if err == nil || ok && unavailable.Kind == graph.User {
		return finding.Good("%s gives the application %s a token, and Microsoft Graph lets it read memberships", v.authority.Hostname(), p.Graph.ClientID)
	}
	if !ok {
		return finding.Untold("", "%v", err)
	}
	switch unavailable.Kind {
	case graph.Credential, graph.Permission:
		return finding.Bad(unavailable.Hint, "%s", unavailable.Problem)
	}
	return finding.Untold(unavailable.Hint, "%s", unavailable.Problem)
}
