package soak

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/entratest"
)

const (
	sideConnections = 4
	sideRate        = 70              // requests a second for each provider
	freshEach       = 5               // each so many-th request is with a token that was never seen
	freshWhile      = 2               // so many of them at a broken provider, in the short form: fewer than open a breaker
	plenty          = 1 << 40         // all that are asked may be
	othersWithin    = 2 * time.Second // on a host that is idle else: the shortest wait for a provider that hangs is 3 s
)

// several is one claimd with four providers, each under a load of its own: two tenants of Entra ID, of which the second
// is asked at Microsoft Graph, and two that are not, of which the second is asked about opaque tokens.
type several struct {
	*rig
	address string
	admin   *admin.Client
	sides   []*side
	stop    func()

	pace        *runningLoad // of questions that lean on no provider: for what they wait the host is to blame
	slowestPace longest

	contoso, fabrikam, jumpcloud, partner *side
}

// side is one of the providers, and the load of its tokens.
type side struct {
	*several
	name   string
	place  *place
	tenant *entratest.Tenant // nil: it is no tenant of Entra ID
	openID *openID           // nil: it is one

	kept  []question           // asked with again and again
	fresh func(n int) question // asked with once; fabrikam's and partner's lean on Graph and on introspection

	moment  atomic.Pointer[sideMoment]
	slots   [sideConnections]sideSlot // of the request under way; each connection's goroutine touches its own alone
	running *runningLoad
	minted  atomic.Int64 // fresh ones so far

	slowest  longest // of the answers while this provider was not the broken one
	wrong200 atomic.Int64
	instead  atomic.Int64 // answers that were right as it was broken
	ways     int          // in which it was broken
}

// question is a request with its answer.
type question struct {
	name    string
	request []byte
	right   string
	leans   bool // on more than the provider's keys: while that is broken another answer is right
	fresh   bool // and nothing that it leans on is kept
}

// newSeveral starts the providers and claimd, sees every answer once, and begins the loads.
func newSeveral(t *testing.T) *several {
	t.Helper()
	s := &several{rig: newFiles(t)}
	certificate, ca, err := entratest.NewCertificate()
	must(t, err)
	s.contoso, s.fabrikam = &side{name: "contoso"}, &side{name: "fabrikam"}
	s.jumpcloud, s.partner = &side{name: "jumpcloud"}, &side{name: "partner"}
	s.contoso.place, s.contoso.tenant = entraPlace(t, tenantID, nil, 0)
	s.fabrikam.place, s.fabrikam.tenant = entraPlace(t, fabrikamID, &certificate, graphCrowd)
	shared := s.contoso.tenant.KeyIDs()[0]
	s.jumpcloud.place, s.jumpcloud.openID = openIDPlace(t, shared)
	s.partner.place, s.partner.openID = openIDPlace(t, shared)
	s.sides = []*side{s.contoso, s.fabrikam, s.jumpcloud, s.partner}
	for name, text := range map[string]string{"ca.pem": string(ca), "asker": askerSecret + "\n", "gate": gateSecret + "\n"} {
		must(t, os.WriteFile(filepath.Join(s.etc, name), []byte(text), 0o600))
	}
	s.write(s.text())
	s.run()
	for _, side := range s.sides {
		side.turn(newSideMoment(false, plenty))
		side.prepare()
	}
	s.pace = load{
		address: s.address, connections: 2, rate: 40, limit: time.Minute, next: func(int, int) []byte { return get("/livez") },
		check: func(a *answer) error {
			s.slowestPace.add(time.Since(a.sent))
			return nil
		},
	}.start()
	for _, side := range s.sides {
		side.load()
	}
	t.Cleanup(func() { s.finish() })
	return s
}

// text is the configuration. Both tenants have groups of the same ids, the two others groups of the same name.
func (s *several) text() string {
	entra := func(side *side, id, more string) string {
		return "[provider." + side.name + "]\ntenant_id = \"" + id + "\"\napplication_id = \"" + apiID +
			"\"\nclient_application_ids = [\"" + deskApp + "\"]\nauthority = \"" + side.place.base + "\"\n" + more
	}
	oidc := func(side *side, more string) string {
		return "[provider." + side.name + "]\nkind = \"oidc\"\nissuer = \"" + side.openID.issuer + "\"\naudiences = [\"" + oidcAudience +
			"\"]\nclient_ids = [\"" + oidcClient + "\"]\nuser_prefix = \"" + side.name + ":\"\n" + more
	}
	text := "enabled = true\n" + entra(s.contoso, tenantID, "") +
		entra(s.fabrikam, fabrikamID, "user_prefix = \"fabrikam:\"\ngroups_overage = \"graph\"\n[provider.fabrikam.graph]\nclient_id = \""+
			askerApp+"\"\nclient_secret_file = \""+s.etc+"/asker\"\ncache = \""+graphCache()+"\"\n") +
		oidc(s.jumpcloud, "") +
		oidc(s.partner, "opaque_tokens = \"introspection\"\nintrospection_client_id = \""+gateClient+
			"\"\nintrospection_client_secret_file = \""+s.etc+"/gate\"\n") + "[groups]\n"
	for _, side := range s.sides {
		value := "Team A"
		if side.tenant != nil {
			value = analysts
		}
		text += side.group() + " = { values = [\"" + value + "\"], providers = [\"" + side.name + "\"] }\n"
	}
	return text + "[outbound]\nca_file = \"" + s.etc + "/ca.pem\"\n" + s.places()
}

func (s *side) group() string { return s.name + "-staff" }
