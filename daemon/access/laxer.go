package access

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/mapping"
)

// laxer finds the routes beside which nearly the same request falls to a route that asks for less: a rule for GET alone
// protects nothing from POST, and one for /admin not /admin/, which many programs take for the same.
func laxer(r *Routes, places map[*route]int) []mapping.Fault {
	var notices []mapping.Fault
	notice := func(p *route, hint, format string, args ...any) {
		notices = append(notices, mapping.Fault{
			Path: mapping.Path{"route", places[p], "match"}, Notice: true, Problem: fmt.Sprintf(format, args...), Hint: hint,
		})
	}
	for _, p := range r.all {
		if method, other := r.laxerMethod(p); other != nil {
			notice(p, "leave the method out, or add routes for the other methods",
				"a request with another method, such as %s, is decided by %q, which asks for less", method, other.rule.Match)
		}
		if other := r.laxerSlash(p); other != nil {
			notice(p, fmt.Sprintf("%q decides about both, and about all below", p.rule.Match+"/"),
				"a request for the same path with a slash behind is decided by %q, which asks for less", other.rule.Match)
		}
		if other := r.laxerWithoutSlash(p); other != nil {
			notice(p, fmt.Sprintf("have %q ask for the same", p.rule.Match[:strings.LastIndexByte(p.rule.Match, '/')]),
				"a request for the same path without its final slash is decided by %q, which asks for less", other.rule.Match)
		}
		if other := r.laxerHost(p); other != nil {
			notice(p, "leave the host out, or have the gateway pass no other host to this API",
				"a request with another host is decided by %q, which asks for less", other.rule.Match)
		}
	}
	slices.SortStableFunc(notices, func(a, b mapping.Fault) int { return a.Path[1].(int) - b.Path[1].(int) })
	return notices
}

// laxerSlash finds the route that asks for less of p's path with a final slash; nil: there is none.
func (r *Routes) laxerSlash(p *route) *route {
	if last := p.path[len(p.path)-1].kind; last != literal && last != one {
		return nil
	}
	other := r.find(cmp.Or(p.method, "GET"), p.host, append(p.sample(), ""))
	if other == nil || !asksLess(other.rule, p.rule) {
		return nil
	}
	return other
}

// laxerWithoutSlash finds the route that asks for less of p's path without its final slash; nil: there is none.
func (r *Routes) laxerWithoutSlash(p *route) *route {
	last := len(p.path) - 1
	if kind := p.path[last].kind; last == 0 || kind != rest && kind != end {
		return nil
	}
	other := r.find(cmp.Or(p.method, "GET"), p.host, p.sample()[:last])
	if other == nil || !asksLess(other.rule, p.rule) {
		return nil
	}
	return other
}

// laxerHost finds the route that asks for less of p's path on a host that no route names: clients choose Host, and an API
// may not look at it. nil: there is none.
func (r *Routes) laxerHost(p *route) *route {
	if p.host == "" {
		return nil
	}
	other := r.find(cmp.Or(p.method, "GET"), "", p.sample())
	if other == nil || !asksLess(other.rule, p.rule) {
		return nil
	}
	return other
}

// laxerMethod finds a method with which requests for p's paths change things by a route that asks for less; nil: there is
// none.
func (r *Routes) laxerMethod(p *route) (method string, other *route) {
	segments := p.sample()
	for _, method := range [...]string{"POST", "PUT", "PATCH", "DELETE"} {
		if method == p.method {
			continue
		}
		if other := r.find(method, p.host, segments); other != nil && asksLess(other.rule, p.rule) {
			return method, other
		}
	}
	return "", nil
}

// sample gives the segments of a path that the pattern matches.
func (p *pattern) sample() []string {
	const anything = "any-segment-of-a-path"
	segments := make([]string, len(p.path))
	for i, piece := range p.path {
		switch piece.kind {
		case literal:
			segments[i] = piece.text
		case one, rest:
			segments[i] = anything
		case end:
		}
	}
	return segments
}

// asksLess reports whether somebody whom the rule more keeps out may pass by the rule less.
func asksLess(less, more *config.Route) bool {
	within := func(list, of []string) bool {
		return len(of) == 0 || len(list) > 0 && !slices.ContainsFunc(list, func(name string) bool { return !slices.Contains(of, name) })
	}
	switch {
	case more.Public:
		return false
	case less.Public:
		return true
	}
	return !within(less.Groups, more.Groups) || !within(less.Roles, more.Roles) ||
		slices.ContainsFunc(more.Scopes, func(scope string) bool { return !slices.Contains(less.Scopes, scope) }) ||
		more.Admin && !less.Admin || more.ACRS != "" && less.ACRS != more.ACRS
}
