package config

import (
	"fmt"
	"slices"
	"strings"
)

// Route is one [[route]]. What its match means is for access.CompileRoutes to judge.
type Route struct {
	Match  string // net/http pattern: [METHOD ][HOST]/PATH
	Groups []string
	Roles  []string
	Scopes []string
	Admin  bool
	ACRS   string // c1 to c99; "" = none
	Public bool
	Place  string // file:line, for people
}

// routes reads [[route]]. groups and roles are those under [groups] and [roles].
func routes(top *table, groups, roles []Local) []Route {
	var list []Route
	for _, t := range top.tables("route") {
		r := Route{
			Match:  t.text("match", "", nil),
			Groups: t.texts("groups", nil, declared("groups", groups)),
			Roles:  t.texts("roles", nil, declared("roles", roles)),
			Scopes: t.texts("scopes", nil, scopeWord),
			Admin:  t.flag("admin", false),
			ACRS:   t.optional("acrs", authenticationContext),
			Public: t.flag("public", false),
			Place:  fmt.Sprintf("%s:%d", t.node.place.File, t.node.place.Line),
		}
		if !t.has("match") {
			t.check.missing(t.at("match"), `for example "GET /api/reports/"`, "is missing: want which requests the route is about")
		}
		if r.Public && (len(r.Groups)+len(r.Roles)+len(r.Scopes) > 0 || r.Admin || r.ACRS != "") {
			t.check.fault(t.at("public"), "a public route asks nobody for a token", "want public = true with nothing else but match")
		}
		list = append(list, r)
	}
	return list
}

// declared wants names that stand under [key].
func declared(key string, locals []Local) form {
	return func(name string) flaw {
		if slices.ContainsFunc(locals, func(l Local) bool { return l.Name == name }) {
			return flaw{}
		}
		return flaw{"want a name under [" + key + "], got " + show(name), "nobody could ever pass by it"}
	}
}

// authenticationContext: Entra's authentication contexts are c1 to c99.
func authenticationContext(value string) flaw {
	number := value[min(1, len(value)):]
	if len(number) == 0 || len(number) > 2 || value[0] != 'c' || number[0] == '0' || strings.Trim(number, "0123456789") != "" {
		return flawf("want an authentication context, c1 to c99, got %s", show(value))
	}
	return flaw{}
}
