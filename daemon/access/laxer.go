package access

import (
	"fmt"
	"slices"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/mapping"
)

// laxer finds the routes with a method where requests with other methods fall to a route that asks for less: a rule for
// GET alone protects nothing from POST.
func laxer(r *Routes, places map[*route]int) []mapping.Fault {
	var notices []mapping.Fault
	for _, p := range r.all {
		if p.method == "" {
			continue
		}
		method := "POST"
		if p.method == method {
			method = "PUT"
		}
		other := r.find(method, p.host, p.sample())
		if other == nil || other == p || !asksLess(other.rule, p.rule) {
			continue
		}
		notices = append(notices, mapping.Fault{
			Path: mapping.Path{"route", places[p], "match"}, Notice: true,
			Problem: fmt.Sprintf("a request with another method, such as %s, is decided by %q, which asks for less", method, other.rule.Match),
			Hint:    "leave the method out, or add routes for the other methods",
		})
	}
	slices.SortFunc(notices, func(a, b mapping.Fault) int { return a.Path[1].(int) - b.Path[1].(int) })
	return notices
}

// sample gives the segments of a path that the pattern matches.
func (p *pattern) sample() []string {
	const any = "any-segment-of-a-path"
	segments := make([]string, len(p.path))
	for i, piece := range p.path {
		switch piece.kind {
		case literal:
			segments[i] = piece.text
		case one, rest:
			segments[i] = any
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
