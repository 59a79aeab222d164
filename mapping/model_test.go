package mapping_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/claimd/claimd/mapping"
)

// naive is a second model of the mapping, as plain as it can be: no tables, no indexes, every rule looked at for every
// value. The two must agree on everything.
func naive(rules mapping.Rules, p mapping.Provider, id string, claims mapping.Claims) mapping.Identity {
	groupValues, roleValues := values(claims.Groups), values(claims.Roles)
	groups, roles := map[string]bool{}, map[string]bool{}
	admin := false
	for _, v := range groupValues {
		add(groups, named(rules, p, rules.Groups, v))
		admin = admin || p.AdminGroup != "" && v == p.AdminGroup
	}
	for _, v := range roleValues {
		add(roles, named(rules, p, rules.Roles, v))
		admin = admin || p.AdminGroup != "" && v == p.AdminGroup
	}
	if slices.Contains(values(claims.Admin), p.AdminValue) && p.AdminValue != "" {
		admin = true
	}
	unmatched := map[string]bool{}
	for _, v := range append(slices.Clone(groupValues), roleValues...) {
		inGroups := slices.Contains(groupValues, v) && len(named(rules, p, rules.Groups, v)) > 0
		inRoles := slices.Contains(roleValues, v) && len(named(rules, p, rules.Roles, v)) > 0
		if !inGroups && !inRoles && (p.AdminGroup == "" || v != p.AdminGroup) {
			unmatched[v] = true
		}
	}
	add(groups, rules.DefaultGroups)
	add(roles, rules.DefaultRoles)
	for _, u := range rules.Users {
		if u.Provider == p.Name && u.ID == id {
			add(groups, u.Groups)
			add(roles, u.Roles)
		}
	}
	return mapping.Identity{Provider: p.Name, ID: id, User: p.UserPrefix + id, Email: claims.Email.Text,
		Groups: sorted(groups), Roles: sorted(roles), Admin: admin, Unmatched: len(unmatched)}
}

// naiveAccount is the same for an app's own token.
func naiveAccount(rules mapping.Rules, p mapping.Provider, id string, claim mapping.Value) mapping.Identity {
	groups, roles, unmatched := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, a := range rules.ServiceAccounts {
		if a.Provider == p.Name && strings.EqualFold(a.ObjectID, id) {
			add(groups, a.Groups)
			add(roles, a.Roles)
		}
	}
	if p.RolesForApps {
		for _, v := range values(claim) {
			add(roles, named(rules, p, rules.Roles, v))
			if len(named(rules, p, rules.Roles, v)) == 0 {
				unmatched[v] = true
			}
		}
	}
	return mapping.Identity{Provider: p.Name, ID: strings.ToLower(id), User: p.UserPrefix + strings.ToLower(id), ServiceAccount: true,
		Groups: sorted(groups), Roles: sorted(roles), Unmatched: len(unmatched)}
}

// naiveTrace gives the steps of a user, without near misses.
func naiveTrace(rules mapping.Rules, p mapping.Provider, id string, claims mapping.Claims) []mapping.Step {
	var steps []mapping.Step
	each := func(source mapping.Source, list []string, step func(value string) mapping.Step) {
		set := map[string]bool{}
		add(set, list)
		for _, value := range sorted(set) {
			s := step(value)
			s.Source, s.Value = source, value
			steps = append(steps, s)
		}
	}
	once := func(names []string) []string {
		set := map[string]bool{}
		add(set, names)
		if len(set) == 0 {
			return nil
		}
		return sorted(set)
	}
	each(mapping.FromGroups, values(claims.Groups), func(v string) mapping.Step {
		return mapping.Step{Groups: once(named(rules, p, rules.Groups, v)), Admin: v != "" && v == p.AdminGroup}
	})
	each(mapping.FromRoles, values(claims.Roles), func(v string) mapping.Step {
		return mapping.Step{Roles: once(named(rules, p, rules.Roles, v)), Admin: v != "" && v == p.AdminGroup}
	})
	each(mapping.FromAdmin, values(claims.Admin), func(v string) mapping.Step {
		return mapping.Step{Admin: v != "" && v == p.AdminValue}
	})
	asGroup := func(v string) mapping.Step { return mapping.Step{Groups: []string{v}} }
	asRole := func(v string) mapping.Step { return mapping.Step{Roles: []string{v}} }
	each(mapping.FromDefault, rules.DefaultGroups, asGroup)
	each(mapping.FromDefault, rules.DefaultRoles, asRole)
	for _, u := range rules.Users {
		if u.Provider == p.Name && u.ID == id {
			each(mapping.FromUser, u.Groups, asGroup)
			each(mapping.FromUser, u.Roles, asRole)
		}
	}
	return steps
}

// farStep gives a step without its near misses, and what is wrong with those: too many, of what a value met after all, or
// of what nobody declared.
func farStep(rules mapping.Rules, p mapping.Provider, s mapping.Step) (mapping.Step, string) {
	wrong := ""
	for _, n := range s.Near {
		declared := func(locals []mapping.Local) bool {
			return slices.ContainsFunc(locals, func(l mapping.Local) bool {
				return l.Name == n.Name && (slices.Contains(l.Values, n.Value) || l.Values == nil && n.Value == n.Name)
			})
		}
		met := slices.Contains(named(rules, p, rules.Groups, s.Value), n.Name)
		fits := false
		switch n.What {
		case "group":
			fits = s.Source == mapping.FromGroups && declared(rules.Groups) && len(s.Groups) == 0 && !met
		case "role":
			met = slices.Contains(named(rules, p, rules.Roles, s.Value), n.Name)
			fits = s.Source == mapping.FromRoles && declared(rules.Roles) && len(s.Roles) == 0 && !met
		case "admin_group":
			fits = s.Source != mapping.FromAdmin && n.Value == p.AdminGroup && n.Value != "" && n.Value != s.Value
		case "admin_value":
			fits = s.Source == mapping.FromAdmin && n.Value == p.AdminValue && n.Value != "" && n.Value != s.Value
		}
		if !fits || len(s.Near) > 5 || s.Value == n.Value && n.Difference != mapping.ByProvider {
			wrong = "a near miss that is none: " + n.What + " " + n.Name
		}
	}
	s.Near = nil
	return s, wrong
}

func named(rules mapping.Rules, p mapping.Provider, locals []mapping.Local, value string) []string {
	var found []string
	for _, l := range locals {
		if l.Providers != nil && !slices.Contains(l.Providers, p.Name) {
			continue
		}
		want := l.Values
		if want == nil {
			want = []string{l.Name}
		}
		for _, w := range want {
			if value == w || !rules.CaseSensitive && utf8.ValidString(value) && strings.EqualFold(value, w) {
				found = append(found, l.Name)
			}
		}
	}
	return found
}

func values(v mapping.Value) []string {
	switch v.Kind {
	case mapping.String:
		return []string{v.Text}
	case mapping.Strings:
		return v.List
	}
	return nil
}

func add(set map[string]bool, names []string) {
	for _, n := range names {
		set[n] = true
	}
}

func sorted(set map[string]bool) []string {
	list := []string{}
	for n := range set {
		list = append(list, n)
	}
	slices.Sort(list)
	return list
}

// words are few, so that values and names meet often, and alike, so that they nearly do.
var words = []string{
	"a", "A", "b", "B ", "k", "K", "\u212a", "s", "\u017f", "ß", "ẞ", "ss", "é", "É", "e\u0301", "ops", "OPS", "Ops", "\u00b5", "\u03bc", "\u039c",
	"i", "I", "\u0131", "\u0130", "\x00", "a\x00", "*", "x,y", readers, strings.ToUpper(readers), "{" + readers + "}", "is_admin", "Admins",
}

// dice draws rules and claims from words.
type dice struct {
	*rand.Rand
	words []string
}

func roll(seed uint64, more ...string) dice {
	return dice{rand.New(rand.NewPCG(seed, 42)), append(more, words...)}
}

func (d dice) word() string { return d.words[d.IntN(len(d.words))] }

func (d dice) some(from []string, most int) []string {
	list := []string{}
	for range d.IntN(most + 1) {
		if len(from) > 0 {
			list = append(list, from[d.IntN(len(from))])
		}
	}
	return list
}

func (d dice) locals(caseSensitive bool) ([]mapping.Local, []string) {
	var locals []mapping.Local
	var declared, used []string
	fresh := func(used []string) (string, bool) {
		word := d.word()
		return word, !slices.ContainsFunc(used, func(w string) bool {
			return w == word || !caseSensitive && strings.EqualFold(w, word)
		})
	}
	for range d.IntN(8) {
		name, ok := fresh(append(slices.Clone(declared), used...))
		if !ok {
			continue
		}
		local := mapping.Local{Name: name}
		for range d.IntN(4) {
			if value, ok := fresh(append(slices.Clone(declared), used...)); ok || slices.Contains(used, value) {
				local.Values = append(local.Values, value)
				used = append(used, value)
			}
		}
		local.Providers = [][]string{{"one"}, {"two"}, {"one", "two"}}[d.IntN(3)]
		locals, declared = append(locals, local), append(declared, name)
	}
	return locals, declared
}

func (d dice) rules() mapping.Rules {
	r := mapping.Rules{CaseSensitive: d.IntN(2) == 0, Normalize: normalize}
	var groups, roles []string
	r.Groups, groups = d.locals(r.CaseSensitive)
	r.Roles, roles = d.locals(r.CaseSensitive)
	r.DefaultGroups, r.DefaultRoles = d.some(groups, 1), d.some(roles, 1)
	settings := append([]string{"", ""}, d.words...)
	for i, name := range []string{"one", "two"} {
		p := mapping.Provider{Name: name, UserPrefix: []string{"1:", "2:"}[i], AdminValue: settings[d.IntN(len(settings))], RolesForApps: d.IntN(2) == 0}
		if group := settings[d.IntN(len(settings))]; !slices.Contains(r.DefaultGroups, group) {
			p.AdminGroup = group
		}
		r.Providers = append(r.Providers, p)
		r.Users = append(r.Users, mapping.User{Provider: name, ID: "ada", Groups: d.some(groups, 2), Roles: d.some(roles, 2)})
		r.ServiceAccounts = append(r.ServiceAccounts, mapping.ServiceAccount{Provider: name, ObjectID: export, Groups: d.some(groups, 2), Roles: d.some(roles, 2)})
	}
	return r
}

func (d dice) value() mapping.Value {
	switch d.IntN(5) {
	case 0:
		return mapping.Value{}
	case 1:
		return str(d.word())
	}
	return list(d.some(append([]string{"", "\xff", "stranger"}, d.words...), 12)...)
}

func (d dice) claims() mapping.Claims {
	c := mapping.Claims{Email: str(d.word()), Groups: d.value(), Roles: d.value(), Admin: d.value()}
	if d.IntN(2) == 0 {
		c.Roles = c.Groups
	}
	return c
}

// shuffled gives the claims with their values in another order, some of them twice.
func (d dice) shuffled(c mapping.Claims) mapping.Claims {
	for _, v := range []*mapping.Value{&c.Groups, &c.Roles, &c.Admin} {
		v.List = append(slices.Clone(v.List), d.some(v.List, 2)...)
		d.Shuffle(len(v.List), func(i, j int) { v.List[i], v.List[j] = v.List[j], v.List[i] })
	}
	return c
}

// fewerRules gives the rules with one group, role, value, default or addition taken out.
func (d dice) fewerRules(r mapping.Rules) mapping.Rules {
	r.Providers, r.Users, r.ServiceAccounts = slices.Clone(r.Providers), slices.Clone(r.Users), slices.Clone(r.ServiceAccounts)
	drop := func(list []string) []string {
		if len(list) == 0 {
			return list
		}
		i := d.IntN(len(list))
		return slices.Delete(slices.Clone(list), i, i+1)
	}
	p, u := &r.Providers[d.IntN(2)], &r.Users[d.IntN(2)]
	switch d.IntN(10) {
	case 8:
		r.Groups = d.without(r.Groups, &r.DefaultGroups, &r.Users[0].Groups, &r.Users[1].Groups, &r.ServiceAccounts[0].Groups, &r.ServiceAccounts[1].Groups)
	case 9:
		r.Roles = d.without(r.Roles, &r.DefaultRoles, &r.Users[0].Roles, &r.Users[1].Roles, &r.ServiceAccounts[0].Roles, &r.ServiceAccounts[1].Roles)
	case 0:
		r.DefaultGroups = drop(r.DefaultGroups)
	case 1:
		r.DefaultRoles = drop(r.DefaultRoles)
	case 2:
		u.Groups = drop(u.Groups)
	case 3:
		u.Roles = drop(u.Roles)
	case 4:
		p.AdminGroup = ""
	case 5:
		p.AdminValue = ""
	case 6:
		r.Groups = d.fewerValues(r.Groups)
	case 7:
		r.Roles = d.fewerValues(r.Roles)
	}
	return r
}

// without takes one local out, and its name from the lists.
func (d dice) without(locals []mapping.Local, lists ...*[]string) []mapping.Local {
	if len(locals) == 0 {
		return locals
	}
	i := d.IntN(len(locals))
	for _, list := range lists {
		*list = slices.DeleteFunc(slices.Clone(*list), func(name string) bool { return name == locals[i].Name })
	}
	return slices.Delete(slices.Clone(locals), i, i+1)
}

// fewerValues takes one value, or one provider, from a local that has several.
func (d dice) fewerValues(locals []mapping.Local) []mapping.Local {
	locals = slices.Clone(locals)
	for i := range locals {
		if len(locals[i].Values) > 1 {
			locals[i].Values = locals[i].Values[1:]
			return locals
		}
		if len(locals[i].Providers) > 1 {
			locals[i].Providers = locals[i].Providers[d.IntN(2):][:1]
			return locals
		}
	}
	return locals
}

// within reports whether every right of a is one of b.
func within(a, b mapping.Identity) bool {
	subset := func(a, b []string) bool {
		return !slices.ContainsFunc(a, func(n string) bool { return !slices.Contains(b, n) })
	}
	return subset(a.Groups, b.Groups) && subset(a.Roles, b.Roles) && (b.Admin || !a.Admin)
}

// fromTrace rebuilds the rights from the trace: what the trace tells is what the identity has.
func fromTrace(trace mapping.Trace) (groups, roles []string, admin bool) {
	g, r := map[string]bool{}, map[string]bool{}
	for _, s := range trace.Steps {
		add(g, s.Groups)
		add(r, s.Roles)
		admin = admin || s.Admin
	}
	return sorted(g), sorted(r), admin
}

// draw is one draw of rules, compiled, and the same with one rule less.
type draw struct {
	rules         mapping.Rules
	policy, fewer *mapping.Policy
}

func newDraw(t *testing.T, d dice) draw {
	rules := d.rules()
	return draw{rules, compile(t, rules), compile(t, d.fewerRules(rules))}
}

// agree checks all the properties of the mapping for one draw of claims.
func (w draw) agree(t *testing.T, d dice, claims mapping.Claims) {
	for i, p := range w.rules.Providers {
		mine := w.policy.Provider(p.Name)
		var trace mapping.Trace
		got, err := mine.Map("ada", claims, &trace)
		if err != nil {
			t.Fatal(err)
		}
		differs := func(format string, args ...any) {
			t.Fatalf("rules  %+v\nclaims %+v\nmap to %+v\n"+format, append([]any{w.rules, claims, got}, args...)...)
		}
		if want := naive(w.rules, w.rules.Providers[i], "ada", claims); !reflect.DeepEqual(got, want) {
			differs("want   %+v", want)
		}
		groups, roles, admin := fromTrace(trace)
		if !slices.Equal(groups, got.Groups) || !slices.Equal(roles, got.Roles) || admin != got.Admin {
			differs("but the trace is %q", show(trace))
		}
		want := naiveTrace(w.rules, p, "ada", claims)
		if len(want) != len(trace.Steps) {
			differs("want %d steps, got %q", len(want), show(trace))
		}
		for i, s := range trace.Steps {
			if far, wrong := farStep(w.rules, p, s); wrong != "" || !reflect.DeepEqual(far, want[i]) {
				differs("want the step %+v, got %+v %s", want[i], s, wrong)
			}
		}
		var again mapping.Trace
		if other, err := mine.Map("ada", d.shuffled(claims), &again); err != nil || !reflect.DeepEqual(got, other) || !reflect.DeepEqual(trace, again) {
			differs("and in another order %+v, %v", other, err)
		}
		if quiet, err := mine.Map("ada", claims, nil); err != nil || !reflect.DeepEqual(got, quiet) {
			differs("and without a trace %+v, %v", quiet, err)
		}
		if less, err := w.fewer.Provider(p.Name).Map("ada", claims, nil); err != nil || !within(less, got) {
			differs("and with one rule less %+v, %v", less, err)
		}
		if wider, err := mine.Map("ada", d.wider(claims), nil); err != nil || !within(got, wider) {
			differs("and with one value more %+v, %v", wider, err)
		}
		app, err := mine.MapAccount(export, claims.Roles, nil)
		if want := naiveAccount(w.rules, p, export, claims.Roles); err != nil || !reflect.DeepEqual(app, want) {
			differs("and for an app %+v, %v\nwant   %+v", app, err, want)
		}
	}
}

// wider gives the claims with one value more in one of the arrays.
func (d dice) wider(c mapping.Claims) mapping.Claims {
	v := []*mapping.Value{&c.Groups, &c.Roles, &c.Admin}[d.IntN(3)]
	if v.Kind != mapping.String {
		*v = list(append(slices.Clone(v.List), d.word())...)
	}
	return c
}

// The same token and rules give the same answer in whatever order, a second model agrees, and rights grow with values
// and with rules.
func TestRandomRulesAndClaims(t *testing.T) {
	rounds := 500
	if testing.Short() {
		rounds = 50
	}
	for seed := range rounds {
		d := roll(uint64(seed))
		w := newDraw(t, d)
		for range 20 {
			w.agree(t, d, d.claims())
		}
	}
}

// The fuzzer's words stand in the rules too, so that they can match.
func FuzzMap(f *testing.F) {
	f.Add(uint64(1), "a\nops\nAdmins", "k\n\u212a", "is_admin")
	f.Add(uint64(2), "", "\x00", "\xff\n\ufffd")
	f.Add(uint64(3), readers+"\n"+strings.ToUpper(readers), "{"+readers+"}", "IS_ADMIN")
	for seed := range uint64(20) {
		f.Add(seed, "\u01c5\n\u01c4 \nx  y\n\u200bx y", "\u1e9e\n\u00df\nSS", "A\na")
	}
	f.Fuzz(func(t *testing.T, seed uint64, groups, roles, admin string) {
		var fit []string // a rule that is no UTF-8 or empty is a fault
		for word := range strings.SplitSeq(groups+"\n"+roles+"\n"+admin, "\n") {
			if word != "" && utf8.ValidString(word) {
				fit = append(fit, word)
			}
		}
		d := roll(seed, fit...)
		newDraw(t, d).agree(t, d, mapping.Claims{
			Email:  str(groups),
			Groups: list(strings.Split(groups, "\n")...),
			Roles:  list(strings.Split(roles, "\n")...),
			Admin:  list(strings.Split(admin, "\n")...),
		})
	})
}

// A Policy and the lists of an Identity are used by many requests at once; run with the race detector.
func TestAPolicyServesManyAtOnce(t *testing.T) {
	d := roll(7)
	w := newDraw(t, d)
	claims := d.claims()
	want, err := w.policy.Provider("one").Map("ada", claims, nil)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				var trace mapping.Trace
				if got, err := w.policy.Provider("one").Map("ada", claims, &trace); err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("got %+v, %v; want %+v", got, err, want)
				}
			}
		})
	}
	all.Wait()
}
