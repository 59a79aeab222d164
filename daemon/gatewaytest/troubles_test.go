package gatewaytest

import (
	"slices"
	"strings"
	"time"

	"github.com/claimd/claimd/etc/gateways"
)

// second runs the gateway once more: over a unix socket where it can, and with the lines for preflights in force.
func (s *stage) second(gateway gateways.Gateway) {
	site := gateways.Site{Claimd: s.asked(gateway), API: s.api.address, Preflights: true}
	if gateway.Unix && gateway.Proxied {
		site.Claimd = "unix:" + s.claimd.dir + "/proxy.sock"
	} else if gateway.Unix {
		site.Claimd = "unix:" + s.claimd.dir + "/server.sock"
	}
	s.front = s.open(gateway, site)
	s.identity("ada", s.passed("ada", request("GET", "/a", "api.example", s.tokens["ada"])), ada())
	s.passed("crowded", request("GET", "/crowd", "api.example", s.tokens["crowded"]))
	s.refused("no token", request("GET", "/a", "api.example", ""), 401, "no_token")
	s.refused("no group", request("GET", "/a", "api.example", s.tokens["stranger"]), 403, "no_group")
	s.refused("route", request("GET", "/admin/a", "api.example", s.tokens["ada"]), 403, "route")
	s.refused("OPTIONS alone", request("OPTIONS", "/a", "api.example", ""), 401, "no_token")
	s.refused("no preflight", request("GET", "/a", "api.example", "", "Access-Control-Request-Method: PUT", "Origin: https://app.example.com"), 401, "no_token")
	got := s.refused("a preflight", preflight("/admin/a", "Remote.User: root"), 0, "")
	if got.status != 200 && got.status != 204 {
		s.t.Errorf("a preflight: got %v\n%s", got, s.front.log())
	}
	for _, name := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers"} {
		if got.header.Get(name) == "" {
			s.t.Errorf("a preflight: no %s in %v", name, got)
		}
	}
}

// drifts: claimd.toml was edited and leaves an identity header out, the gateway's file was not. claimd does not mind the
// client's header then, and the API still believes it. (Behind Apache there are no two files that could differ.)
func (s *stage) drifts() {
	if gateway, _ := gateways.Find(s.name); gateway.Proxied {
		return
	}
	defer s.claimd.leaveOut("email")()
	got := s.passed("a header that claimd does not mind", request("GET", "/a", "api.example", s.tokens["ada"], "Remote-Email: root"))
	if values := got.header.Values("Remote-Email"); strings.Contains(strings.Join(values, ","), "root") {
		s.t.Errorf("a header that claimd does not mind: the API got %q", values)
	}
	if slices.Contains([]string{"caddy", "traefik", "envoy"}, s.name) {
		return // their files name no other spelling; Caddy's says so
	}
	for _, line := range []string{"Remote_Email: root", "Remote.Email: root"} {
		_, reached := s.send(request("GET", "/a", "api.example", s.tokens["ada"], line))
		for _, one := range reached {
			s.identity(line, one, ada())
		}
	}
}

// troubles: while claimd is down or hangs, nothing reaches the API; once it is back, the next request passes.
func (s *stage) troubles() {
	s.passed("before", request("GET", "/a", "api.example", s.tokens["ada"]))
	s.claimd.stop()
	s.refused("down", request("GET", "/open/a", "api.example", s.tokens["ada"]), s.down, "")
	s.claimd.start()
	s.identity("back", s.passed("back", request("GET", "/a", "api.example", s.tokens["ada"])), ada())
	end := s.claimd.hang()
	defer end()
	before := s.api.count()
	within := 15 * time.Second
	if s.slow == 0 {
		within = time.Second
	}
	got, err := speak(s.front.address, request("GET", "/a", "api.example", s.tokens["ada"]), within)
	if s.slow != 0 && (err != nil || got.status != s.slow) {
		s.t.Errorf("slow: want %d, got %v, %v", s.slow, got, err)
	}
	if s.slow == 0 && err == nil {
		s.t.Errorf("slow: want no answer within %v, got %v", within, got)
	}
	if reached := s.api.since(before); len(reached) > 0 {
		s.t.Errorf("slow: it reached the API: %+v", reached)
	}
}
