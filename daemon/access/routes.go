package access

import (
	"fmt"
	"slices"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/mapping"
)

// MaxRoutes is how many [[route]] a configuration may have: each is compared with every other one.
const MaxRoutes = 1000

// Routes are the [[route]] of a configuration, compiled. They are immutable; nil has no route.
type Routes struct {
	all     []*route // what decides before another one stands before it
	byFirst map[string][]*route
	others  []*route // those that begin with a wildcard
	folded  *Routes  // these with their paths folded, for inAnotherCase; nil in itself
	differs bool     // of folded ones: some path was another before
	scoped  bool     // some route asks for scopes
	stepped bool     // some route asks for an authentication context
}

// route is one [[route]].
type route struct {
	pattern
	rule *config.Route
}

// CompileRoutes compiles the routes, or tells what is wrong with them. A notice tells where a request that is nearly the
// same, but for its method, its host or a final slash, falls to a route that asks for less.
func CompileRoutes(rules []config.Route) (*Routes, []mapping.Fault) {
	if len(rules) == 0 {
		return nil, nil
	}
	if len(rules) > MaxRoutes {
		return nil, []mapping.Fault{{
			Path: mapping.Path{"route", MaxRoutes}, Problem: fmt.Sprintf("want at most %d routes, got %d", MaxRoutes, len(rules)),
		}}
	}
	r := &Routes{byFirst: map[string][]*route{}}
	var faults []mapping.Fault
	places := map[*route]int{}
	for i := range rules {
		parsed, err := parsePattern(rules[i].Match)
		if err != nil {
			faults = append(faults, mapping.Fault{
				Path: mapping.Path{"route", i, "match"}, Problem: err.Error(), Hint: `for example "GET /api/reports/", "api.contoso.example/" or "/"`,
			})
			continue
		}
		compiled := &route{parsed, &rules[i]}
		r.scoped = r.scoped || len(rules[i].Scopes) > 0
		r.stepped = r.stepped || rules[i].ACRS != ""
		r.all = append(r.all, compiled)
		places[compiled] = i
	}
	faults = append(faults, clashes(r.all, places)...)
	if len(faults) > 0 {
		return nil, faults
	}
	r.order()
	r.index()
	r.folded = r.fold()
	return r, laxer(r, places)
}

// order puts each route before those that it decides before. What decides before p decides before all that p decides
// before too, so the count of those above is smaller the earlier a route may stand.
func (r *Routes) order() {
	above := map[*route]int{}
	for _, p := range r.all {
		for _, q := range r.all {
			if p != q && p.meets(&q.pattern) && q.before(&p.pattern) {
				above[p]++
			}
		}
	}
	hosts := func(p *route) int {
		if p.host == "" {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(r.all, func(p, q *route) int {
		if hosts(p) != hosts(q) {
			return hosts(p) - hosts(q)
		}
		return above[p] - above[q]
	})
}

// index keeps a request from being compared with every route.
func (r *Routes) index() {
	for _, p := range r.all {
		if p.path[0].kind == literal {
			r.byFirst[p.path[0].text] = nil
		} else {
			r.others = append(r.others, p)
		}
	}
	for first := range r.byFirst {
		for _, p := range r.all {
			if p.path[0].kind != literal || p.path[0].text == first {
				r.byFirst[first] = append(r.byFirst[first], p)
			}
		}
	}
}

// find gives the route that decides about a request; nil: none matches. A path without its final slash belongs to the
// route of the path with it, unless another one matches exactly that path: net/http would redirect it there, and most
// programs take the two for one.
func (r *Routes) find(method, host string, segments []string) *route {
	candidates := r.candidates(segments)
	found := first(candidates, func(p *route) bool { return p.matches(method, host, segments) })
	if found != nil && found.exact() || segments[len(segments)-1] == "" {
		return found
	}
	with := first(candidates, func(p *route) bool { return p.matchesSlash(method, host, segments) })
	if with != nil && (found == nil || with.before(&found.pattern)) {
		return with
	}
	return found
}

// candidates gives the routes that may match a path.
func (r *Routes) candidates(segments []string) []*route {
	if found, ok := r.byFirst[segments[0]]; ok {
		return found
	}
	return r.others
}

func first(candidates []*route, fits func(*route) bool) *route {
	if i := slices.IndexFunc(candidates, fits); i >= 0 {
		return candidates[i]
	}
	return nil
}

// clashes finds the pairs of routes of which neither decides.
func clashes(all []*route, places map[*route]int) []mapping.Fault {
	var faults []mapping.Fault
	for i, p := range all {
		for _, q := range all[:i] {
			if !p.clashes(&q.pattern) {
				continue
			}
			problem := fmt.Sprintf("some requests match both %q and %q, and neither is the more specific", q.rule.Match, p.rule.Match)
			if p.covers(&q.pattern) && q.covers(&p.pattern) {
				problem = fmt.Sprintf("%q matches exactly what %q matches", p.rule.Match, q.rule.Match)
			}
			faults = append(faults, mapping.Fault{
				Path: mapping.Path{"route", places[p], "match"}, Problem: problem,
				Hint: fmt.Sprintf("the other one is %s; make one of them match less", q.rule.Place),
			})
		}
	}
	return faults
}

// soundRoutes compiles routes that were judged before. Had they a fault all the same, nothing would match.
func soundRoutes(rules []config.Route) *Routes {
	routes, _ := CompileRoutes(rules)
	if routes == nil && len(rules) > 0 {
		return new(Routes)
	}
	return routes
}
