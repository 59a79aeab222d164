package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/claimd/claimd/cmd/claimctl/finding"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
)

// gatewayChecks are the questions about the API's address. None sends a token, so nothing may get through: what comes
// with identity headers of the caller's own must be refused as what comes without.
var gatewayChecks = []check[gateway]{
	{name: "encrypted", ask: (*gateway).askEncrypted},
	{name: "answers", ask: (*gateway).askAnswer},
	{name: "no token", needs: "answers", ask: (*gateway).askWithoutToken},
	{name: "forged headers", needs: "answers", ask: forged(func(name string) string { return name }, false)},
	{name: "forged, small", needs: "answers", ask: forged(strings.ToLower, false)},
	{name: "forged, capitals", needs: "answers", ask: forged(strings.ToUpper, false)},
	{name: "forged, with _", needs: "answers", ask: forged(func(name string) string { return strings.ReplaceAll(name, "-", "_") }, false)},
	{name: "forged, with .", needs: "answers", ask: forged(func(name string) string { return strings.ReplaceAll(name, "-", ".") }, false)},
	{name: "forged, twice", needs: "answers", ask: forged(func(name string) string { return name }, true)},
}

// gateway is what answers at the API's address.
type gateway struct {
	address *url.URL
	client  *http.Client
	headers []string      // the identity headers, as configured
	admin   *admin.Client // the claimd of this host, which need not be the one that is asked
	first   reply         // to a request without a token
}

func newGateway(options Options) *gateway {
	headers := standardHeaders()
	if options.Loaded != nil {
		headers = options.Loaded.Config.Server.Headers
	}
	return &gateway{
		address: options.API,
		headers: named(headers),
		admin:   admin.NewClient(options.Socket),
		client: &http.Client{
			// HTTP/1.1 alone: it carries a header's name as it is spelt.
			Transport:     &http.Transport{TLSClientConfig: trustOf(options.Loaded), Protocols: onlyHTTP1(), MaxResponseHeaderBytes: 64 << 10},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func onlyHTTP1() *http.Protocols {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	return protocols
}

func (g *gateway) close() { g.client.CloseIdleConnections() }

// standardHeaders are those of a configuration that names none.
func standardHeaders() config.Headers {
	return config.Headers{
		User: "Remote-User", Email: "Remote-Email", Name: "Remote-Name", Groups: "Remote-Groups", Roles: "Remote-Roles",
		Admin: "Remote-Admin", Provider: "Remote-Provider",
	}
}

func named(h config.Headers) []string {
	var names []string
	for _, name := range []string{h.User, h.Email, h.Name, h.Groups, h.Roles, h.Admin, h.Provider, h.Client, h.Scopes} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// reply is what the gateway answered.
type reply struct {
	status   int
	decision string // of claimd; "" = the answer does not show that claimd was asked
	reason   string // of claimd, where the answer or the claimd of this host tells it
	counted  bool   // the reason is one that the claimd of this host counted meanwhile
	leads    string // Location
}

// call calls the API with these headers and no token. Gateways that keep X-Claimd-Decision to themselves are common:
// then what the claimd of this host counted meanwhile tells its reason. Somebody else's request may have been counted
// too, but hardly for one of these two reasons at that very moment.
func (g *gateway) call(ctx context.Context, header http.Header) (reply, error) {
	before, known := g.counts(ctx)
	r, err := g.send(ctx, header)
	if err != nil || r.reason != "" {
		return r, err
	}
	if r.decision != "" {
		r.reason = g.recorded(ctx, r.decision)
		return r, nil
	}
	after, stillKnown := g.counts(ctx)
	if !known || !stillKnown {
		return r, nil
	}
	for _, reason := range []string{"header_spoof", "no_token"} {
		if after[reason] > before[reason] {
			r.reason, r.counted = reason, true
			break
		}
	}
	return r, nil
}

// counts gives how many requests the claimd of this host has refused, by reason; false: it cannot be asked.
func (g *gateway) counts(ctx context.Context) (map[string]uint64, bool) {
	status, err := g.admin.Status(ctx)
	return status.Counts.Denied, err == nil
}

func (g *gateway) send(ctx context.Context, header http.Header) (reply, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.address.String(), nil)
	if err != nil {
		return reply{}, err
	}
	request.Header = header
	request.Header.Set("User-Agent", "claimctl")
	response, err := g.client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	r := reply{status: response.StatusCode, decision: response.Header.Get("X-Claimd-Decision"), leads: response.Header.Get("Location")}
	var body struct{ Reason string }
	if text, err := io.ReadAll(io.LimitReader(response.Body, 4<<10)); err == nil && r.decision != "" && json.Unmarshal(text, &body) == nil {
		r.reason = body.Reason
	}
	return r, nil
}

// recorded asks the claimd of this host for the reason of a decision; "" = it has not made that decision, or cannot be
// asked.
func (g *gateway) recorded(ctx context.Context, decision string) string {
	denials, err := g.admin.Denials(ctx, decision)
	if err != nil || len(denials) == 0 {
		return ""
	}
	return denials[0].Reason.String()
}

func (g *gateway) askEncrypted(context.Context) finding.Finding {
	switch {
	case g.address.Scheme == "https":
		return finding.Good("https")
	case config.IsLoopback(g.address.Hostname()):
		return finding.Good("http, on this host")
	}
	return finding.Bad("give the gateway a certificate: whoever reads a token can use it", "http: tokens cross the network as they are")
}

func (g *gateway) askAnswer(ctx context.Context) finding.Finding {
	r, err := g.call(ctx, http.Header{})
	if err != nil {
		return finding.Bad("does the gateway run, and is --api-url right?", "%s", dialCause(ctx, err))
	}
	g.first = r
	return finding.Good("with %d", r.status)
}

// askWithoutToken asks whether the gateway asks claimd at all.
func (g *gateway) askWithoutToken(context.Context) finding.Finding {
	switch r := g.first; {
	case r.status/100 == 2:
		return finding.Bad("have the gateway ask claimd for every path of the API; until then anybody may call it",
			"THE API ANSWERS WITHOUT A TOKEN: %d", r.status)
	case r.decision != "" || r.reason == "header_spoof":
		return judged(r)
	case r.status == http.StatusUnauthorized && r.counted:
		return finding.Good("401, and the claimd of this host counted a no_token with it")
	case r.status == http.StatusUnauthorized:
		return finding.Untold("have the gateway pass X-Claimd-Decision on; or run this on the host of claimd, as root",
			"401, but nothing in it shows that claimd was asked")
	case r.status/100 == 3:
		return finding.Untold("is that the address of the API? an API answers 401, and claimctl follows no redirect", "%d leads to %s", r.status, r.leads)
	case r.status/100 == 5:
		return finding.Bad("the gateway's log tells why: does it reach claimd, and under the right address?", "%d, and nothing in it shows that claimd was asked", r.status)
	default:
		return finding.Untold("is that the address of the API?", "%d, and nothing in it shows that claimd was asked", r.status)
	}
}

// judged tells what claimd made of a request without a token.
func judged(r reply) finding.Finding {
	switch {
	case r.status == http.StatusUnauthorized && (r.reason == "no_token" || r.reason == ""):
		return finding.Good("401 by claimd (decision %s)", r.decision)
	case r.reason == "header_spoof":
		return finding.Bad("claimctl denials names the header: the gateway must not set it where it asks claimd",
			"the gateway sends identity headers of its own to claimd, which refuses every request for it")
	case r.status == http.StatusServiceUnavailable:
		return finding.Good("503 by claimd (decision %s), which was asked and refuses everything now", r.decision)
	}
	return finding.Bad("claimctl denials "+r.decision, "want 401 no_token, got %d %s (decision %s)", r.status, r.reason, r.decision)
}

// forged gives the question whether a caller gets through with identity headers of his own, in one spelling of their
// names. Such a request must end like one without: refused by claimd, or stripped before claimd is asked.
func forged(spell func(string) string, twice bool) func(*gateway, context.Context) finding.Finding {
	return func(g *gateway, ctx context.Context) finding.Finding {
		header, names := http.Header{}, []string{}
		for _, name := range g.headers {
			spelt := spell(name)
			names = append(names, spelt)
			header[spelt] = []string{"claimctl-doctor"}
			if twice {
				header[spelt] = []string{"claimctl-doctor", "claimctl-doctor"}
			}
		}
		if len(names) == 0 {
			return finding.Finding{}
		}
		shown := names[0]
		if len(names) > 1 {
			shown = fmt.Sprintf("%s and %d more", shown, len(names)-1)
		}
		if g.first.status/100 == 2 || g.first.reason == "header_spoof" {
			return finding.Untold("", "needs a yes for no token")
		}
		r, err := g.call(ctx, header)
		if err != nil {
			return finding.Untold("", "%s: %s", shown, dialCause(ctx, err))
		}
		return throughForged(shown, r)
	}
}

func throughForged(shown string, r reply) finding.Finding {
	switch {
	case r.status/100 == 2:
		return finding.Bad("have the gateway remove these headers from what callers send, in every spelling, before anything else",
			"THE API BELIEVES THEM: %s in a request without a token is answered %d", shown, r.status)
	case r.reason == "header_spoof":
		return finding.Good("%s: claimd saw and refused them, header_spoof", shown)
	case r.status == http.StatusUnauthorized && (r.decision != "" || r.counted):
		return finding.Good("%s: judged as if they were not there, 401 no_token", shown)
	case r.status == http.StatusServiceUnavailable && r.decision != "", r.status == http.StatusBadRequest, r.status == http.StatusUnauthorized,
		r.status == http.StatusForbidden, r.status == http.StatusRequestHeaderFieldsTooLarge:
		return finding.Good("%s: refused with %d", shown, r.status)
	}
	return finding.Untold("", "%s: answered %d", shown, r.status)
}
