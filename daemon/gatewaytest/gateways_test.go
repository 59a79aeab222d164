package gatewaytest

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/etc/gateways"
)

// promise is what a gateway does in its own way.
type promise struct {
	name     string
	bodies   bool // claimd's body reaches the client
	down     int  // the status while claimd is down
	slow     int  // ... while claimd takes too long; 0: the gateway waits for as long as for the API
	websocks bool // its file passes WebSockets
	trailers bool // it passes those of requests on
	played   bool // by the test
}

var promises = []promise{
	{name: "nginx", down: 500, slow: 500},
	{name: "apache", bodies: true, down: 503, websocks: true},
	{name: "caddy", bodies: true, down: 502, slow: 504, websocks: true, trailers: true}, // 2.11 does, 2.6 does not
	{name: "haproxy", bodies: true, down: 503, slow: 503, websocks: true, trailers: true},
	{name: "traefik", bodies: true, down: 500, played: true},
	{name: "envoy", bodies: true, down: 503, slow: 503, played: true},
}

// stage is one gateway with all that stands around it.
type stage struct {
	t *testing.T
	promise
	claimd *claimd
	api    *api
	tokens map[string]string
	front  *front
}

// TestGatewaysAskClaimd drives each gateway with the file that is shipped for it. They run at once: most of the time is
// spent in waiting for a claimd that hangs, which t.Parallel would do for as many at a time as there are processors.
func TestGatewaysAskClaimd(t *testing.T) {
	tenant := startTenant(t)
	tokens := mintAll(t, tenant)
	var all sync.WaitGroup
	for _, p := range promises {
		all.Go(func() {
			t.Run(p.name, func(t *testing.T) { drive(t, tenant, &stage{t: t, promise: p, tokens: tokens}) })
		})
	}
	all.Wait()
}

func drive(t *testing.T, tenant *entratest.Tenant, s *stage) {
	t.Helper()
	if !s.played {
		programs()[s.name].path(t)
	}
	gateway, _ := gateways.Find(s.name)
	s.api = startAPI(t)
	s.claimd = newClaimd(t, tenant, gateway, s.api.address)
	s.claimd.start()
	s.front = s.open(gateway, gateways.Site{Claimd: s.asked(gateway), API: s.api.address})
	for _, part := range []struct {
		name string
		test func(*stage)
	}{
		{"lets in and refuses", (*stage).decides},
		{"passes requests on", (*stage).passes},
		{"forged identities", (*stage).forgedIdentities},
		{"forged original requests", (*stage).forgedOriginals},
		{"what tells of another request", (*stage).hearsOfNoOther},
		{"identities outside the header", (*stage).identitiesElsewhere},
		{"uploads", (*stage).uploads},
		{"paths", (*stage).paths},
		{"requests within requests", (*stage).smuggles},
		{"over a unix socket, with preflights", func(s *stage) { s.second(gateway) }},
		{"claimd sets fewer headers", (*stage).drifts},
		{"answers of two users", (*stage).mixesNoAnswers},
		{"claimd down, back, and slow", (*stage).troubles},
	} {
		t.Run(part.name, func(t *testing.T) {
			inner := *s
			inner.t = t
			part.test(&inner)
		})
	}
}

func (s *stage) asked(gateway gateways.Gateway) string {
	if gateway.Proxied {
		return s.claimd.proxy
	}
	return s.claimd.server
}

// open starts the gateway.
func (s *stage) open(gateway gateways.Gateway, site gateways.Site) *front {
	s.t.Helper()
	switch s.name {
	case "traefik":
		return playTraefik(s.t, site)
	case "envoy":
		return playEnvoy(s.t, site)
	}
	return programs()[s.name].run(s.t, gateway, site)
}

// send sends one request and gives the answer, and what reached the API meanwhile.
func (s *stage) send(text string) (answer, []seen) {
	s.t.Helper()
	before := s.api.count()
	got, err := speak(s.front.address, text, 20*time.Second)
	if err != nil {
		s.t.Fatalf("%.200q: %v\n%s", text, err, s.front.log())
	}
	return got, s.api.since(before)
}

// refused wants the status and, where the gateway tells, the reason; and that nothing reached the API.
func (s *stage) refused(story, text string, status int, reason string) answer {
	s.t.Helper()
	got, reached := s.send(text)
	if len(reached) > 0 {
		s.t.Errorf("%s: it reached the API: %+v", story, reached)
	}
	if status != 0 && got.status != status {
		s.t.Errorf("%s: want %d, got %v", story, status, got)
	}
	if s.bodies && reason != "" && !strings.Contains(got.body, `"reason":"`+reason+`"`) {
		s.t.Errorf("%s: want %s, got %v", story, reason, got)
	}
	return got
}

// passed wants a 200 from the API, which got the request once.
func (s *stage) passed(story, text string) seen {
	s.t.Helper()
	got, reached := s.send(text)
	if got.status != http.StatusOK || got.header.Get("X-From-The-Api") != "yes" || len(reached) != 1 {
		s.t.Errorf("%s: want the API's answer, got %v; the API got %+v\n%s", story, got, reached, s.front.log())
		return seen{}
	}
	return reached[0]
}

// identity checks that the request has each identity header of the user once, under its own name, where it is not empty,
// and no other spelling of any.
func (s *stage) identity(story string, got seen, want map[string]string) {
	s.t.Helper()
	for name, values := range got.header {
		at := slices.IndexFunc(identityNames(), func(n string) bool { return fold(n) == fold(name) })
		if at < 0 {
			continue
		}
		wanted := identityNames()[at]
		if name != wanted || !slices.Equal(values, []string{want[wanted]}) && want[wanted] != "*" {
			s.t.Errorf("%s: the API got %s: %.80q, want %s: %.80q", story, name, values, wanted, want[wanted])
		}
	}
	for name, value := range want {
		if value != "" && got.header.Get(name) == "" {
			s.t.Errorf("%s: the API got no %s", story, name)
		}
	}
	if values := got.header["Authorization"]; values != nil {
		s.t.Errorf("%s: the API got the token", story)
	}
}
