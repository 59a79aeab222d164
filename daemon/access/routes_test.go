package access

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/config"
)

func routesOf(t testing.TB, matches ...string) *Routes {
	t.Helper()
	rules := make([]config.Route, len(matches))
	for i, match := range matches {
		rules[i] = config.Route{Match: match, Place: fmt.Sprintf("claimd.toml:%d", i+1)}
	}
	routes, faults := CompileRoutes(rules)
	for _, fault := range faults {
		if !fault.Notice {
			t.Fatalf("%v: %s", fault.Path, fault.Problem)
		}
	}
	return routes
}

// decides gives the match of the route that decides; "" = none, "refused" = the path is one that no route lets in.
func (r *Routes) decides(method, host, target string) string {
	segments, ok := pathOf(target)
	if !ok {
		return "refused"
	}
	name, ok := cleanHost(host)
	if !ok {
		return "refused"
	}
	if found := r.find(method, name, segments); found != nil {
		return found.rule.Match
	}
	return ""
}

func TestTheMostSpecificRouteDecides(t *testing.T) {
	routes := routesOf(t, "/", "GET /api/reports/", "GET /api/reports/{id}", "POST /api/reports/{id}", "GET /api/reports/{id}/{$}",
		"admin.contoso.example/", "GET admin.contoso.example/api/{rest...}", "/files/{name...}", "/one", "/a%20b/")
	for _, test := range []struct{ method, host, target, want string }{
		{"GET", "api.contoso.example", "/", "/"},
		{"GET", "api.contoso.example", "/other/place?x=/api/reports/", "/"},
		{"GET", "api.contoso.example", "/api/reports/", "GET /api/reports/"},
		{"HEAD", "api.contoso.example", "/api/reports/", "GET /api/reports/"},
		{"POST", "api.contoso.example", "/api/reports/", "/"},
		{"GET", "api.contoso.example", "/api/reports", "GET /api/reports/"},
		{"GET", "api.contoso.example", "/api/reports/7/pages", "GET /api/reports/"},
		{"POST", "api.contoso.example", "/api/reports/7", "POST /api/reports/{id}"},
		{"GET", "api.contoso.example", "/api/reports/7", "GET /api/reports/{id}"},
		{"GET", "api.contoso.example", "/api/reports/7/", "GET /api/reports/{id}/{$}"},
		{"GET", "api.contoso.example", "/api/reports/7/8", "GET /api/reports/"},
		{"PUT", "api.contoso.example", "/api/reports/7", "/"},
		{"PUT", "ADMIN.contoso.example.:8443", "/api/reports/7", "admin.contoso.example/"},
		{"GET", "admin.contoso.example:8443", "/api/reports/7", "GET admin.contoso.example/api/{rest...}"},
		{"GET", "api.contoso.example", "/files/", "/files/{name...}"},
		{"GET", "api.contoso.example", "/files", "/files/{name...}"},
		{"GET", "api.contoso.example", "/files/a/b", "/files/{name...}"},
		{"GET", "api.contoso.example", "/one", "/one"},
		{"GET", "api.contoso.example", "/one/", "/"},
		{"GET", "api.contoso.example", "/One", "/"},
		{"GET", "api.contoso.example", "/a%20b/c", "/a%20b/"},
		{"GET", "api.contoso.example", "/%61pi/reports/7", "GET /api/reports/{id}"},
		{"get", "api.contoso.example", "/api/reports/", "/"},
	} {
		if got := routes.decides(test.method, test.host, test.target); got != test.want {
			t.Errorf("%s %s%s: want %q, got %q", test.method, test.host, test.target, test.want, got)
		}
	}
	if got := routesOf(t, "GET /api/").decides("GET", "a", "/other"); got != "" {
		t.Errorf("want no route for a path that none names, got %q", got)
	}
}

// TestPathsThatProgramsReadInDifferentWaysAreRefused: what a gateway calls /public/..%2fadmin the API may call /admin
// (CVE-2025-54576, CVE-2026-41059, CVE-2026-42272, CVE-2025-66490).
func TestPathsThatProgramsReadInDifferentWaysAreRefused(t *testing.T) {
	routes := routesOf(t, "/")
	for _, target := range []string{
		"", "*", "api", "http://api/x", "/a/../b", "/a/./b", "/..", "/.", "/a/..", "/a/%2e%2e/b", "/a/%2E./b", "/a/.%2e",
		"//", "//a", "/a//b", "/a%2fb", "/a%2Fb", "/a%5cb", "/a\\b", "/a;b", "/a%3bb", "/a;/../b", "/a%00", "/a%0ab", "/a%25b",
		"/a%252fb", "/a%7f", "/a%c2%85", "/a%ff", "/a%c0%af", "/a%", "/a%2", "/a%zz", "/a#b", "/a#?b", "/public/, /a", "/" + strings.Repeat("a/", maxPathSegments),
	} {
		if got := routes.decides("GET", "a", target); got != "refused" {
			t.Errorf("%q: want it refused, got %q", target, got)
		}
	}
	for _, host := range []string{"", ":80", "a:b", "a:123456", "a b", "a/b", "[::1", "[]", "[a]", "[a.b]:80", "[::1%25eth0]", "[127.0.0.1]", "[::1]x", "a,b", "a%2e", "a..", "\u212a", "\u00e9"} {
		if got := routes.decides("GET", host, "/"); got != "refused" {
			t.Errorf("host %q: want it refused, got %q", host, got)
		}
	}
	if got := routes.decides("GET", "[2001:DB8::1]", "/"); got != "/" {
		t.Errorf("an IPv6 address without a port: got %q", got)
	}
	for _, method := range []string{"", "GET, POST", "G T", "G\u00e9"} {
		j := judgement{snapshot: &Snapshot{routes: routes}}
		if j.ask(&Request{Original: &Original{method, "a", "/"}}) {
			t.Errorf("method %q: want it refused", method)
		}
	}
	for _, target := range []string{"/a?b=../..&c=%2f;#", "/a.b/..c/...", "/a%20b", "/%C3%A9", "/a%3Fb", "/a+b", "/~a", "/a%2Bb"} {
		if got := routes.decides("GET", "[::1]:80", target); got != "/" {
			t.Errorf("%q: want it taken, got %q", target, got)
		}
	}
}

func TestAMatchThatCannotBeMeantIsAFault(t *testing.T) {
	for match, want := range map[string]string{
		"":                  `want [METHOD ][HOST]/PATH, got "" without a slash`,
		"GET":               `want [METHOD ][HOST]/PATH, got "GET" without a slash`,
		"get /":             `want a method such as GET in upper case before the blank, got "get"`,
		" /":                `want a method such as GET in upper case before the blank, got ""`,
		"A.example/":        `want the host in lower case, got "A.example"`,
		"a.example:80/":     `want a host without a port, got "a.example:80"`,
		"a.example./":       `want a host without a final dot, got "a.example."`,
		"*.example/":        `want the name of one host, got "*.example": there are no wildcards for hosts`,
		"{h}.example/":      `want the name of one host, got "{h}.example": there are no wildcards for hosts`,
		"/a//b":             `want a path without //, which no request may have`,
		"/a/../b":           `no request may have a dot segment in its path, so ".." matches none`,
		"/a;b":              `no request may have a semicolon in its path, so "a;b" matches none`,
		"/a%2fb":            `no request may have an encoded slash in its path, so "a%2fb" matches none`,
		"/a%25":             `no request may have an encoded percent sign in its path, so "a%25" matches none`,
		`/a\b`:              `no request may have a backslash in its path, so "a\\b" matches none`,
		"/a%00":             `no request may have a control character in its path, so "a%00" matches none`,
		"/a%ff":             `no request may have bytes that are no UTF-8 in its path, so "a%ff" matches none`,
		"/a%2":              `want %XX with two hexadecimal digits, got "a%2"`,
		"/a?b":              `want a path without query and fragment, got "a?b"`,
		"/a{b}":             `want {name} as a whole segment of the path, got "a{b}"`,
		"/{a}b":             `want {name} as a whole segment of the path, got "{a}b"`,
		"/{}":               `want {name} of letters, digits and _, got "{}"`,
		"/{...}":            `want {name} of letters, digits and _, got "{...}"`,
		"/{1a}":             `want {name} of letters, digits and _, got "{1a}"`,
		"/{a...}/b":         `want {a...} at the end of the path`,
		"/{$}/b":            `want {$} at the end of the path`,
		"/{a}/{a}":          `want each {name} once, got {a} twice`,
		"GET a.example /b":  `want the name of one host, got "a.example ": there are no wildcards for hosts`,
		"CONNECT example":   `want [METHOD ][HOST]/PATH, got "CONNECT example" without a slash`,
		"GE\u0301T /a":      "want a method such as GET in upper case before the blank, got \"GE\u0301T\"",
		"/a/{b}/{$}/":       `want {$} at the end of the path`,
		"https://a.example": `want a host without a port, got "https:"`,
	} {
		_, faults := CompileRoutes([]config.Route{{Match: match}})
		if len(faults) != 1 || faults[0].Problem != want {
			t.Errorf("%q: want\n%s\ngot\n%+v", match, want, faults)
		}
	}
}

func TestRoutesOfWhichNeitherDecidesAreAFaultThatNamesBoth(t *testing.T) {
	for _, test := range []struct{ first, second, want string }{
		{"/a/{x}", "/a/{y}", `"/a/{y}" matches exactly what "/a/{x}" matches`},
		{"/a/", "/a/{rest...}", `"/a/{rest...}" matches exactly what "/a/" matches`},
		{"/a%62/", "/ab/", `"/ab/" matches exactly what "/a%62/" matches`},
		{"/a/{x}", "/{y}/b", `some requests match both "/a/{x}" and "/{y}/b", and neither is the more specific`},
		{"GET /{x}", "/a", `some requests match both "GET /{x}" and "/a", and neither is the more specific`},
		{"GET /", "HEAD /a", ""},
		{"GET /", "POST /", ""},
		{"a.example/", "b.example/", ""},
		{"a.example/{x}", "/a", ""},
		{"/a/{$}", "/a/{x}", ""},
		{"/a/", "/a", ""},
		{"/a/{x}/", "/a/b/{y...}", ""},
	} {
		_, faults := CompileRoutes([]config.Route{
			{Match: test.first, Place: "claimd.toml:7"}, {Match: test.second, Place: "conf.d/routes.toml:3"},
		})
		got := ""
		if len(faults) > 0 && !faults[0].Notice {
			got = faults[0].Problem
			if want := "the other one is claimd.toml:7; make one of them match less"; faults[0].Hint != want {
				t.Errorf("want the hint %q, got %q", want, faults[0].Hint)
			}
		}
		if got != test.want {
			t.Errorf("%q and %q: want %q, got %q", test.first, test.second, test.want, got)
		}
	}
}

func TestARouteIsNoticedBesideWhichNearlyTheSameRequestFallsToALaxerOne(t *testing.T) {
	rules := []config.Route{
		{Match: "/", Groups: []string{"Analysts"}},
		{Match: "GET /admin/", Admin: true, Groups: []string{"Analysts"}},
		{Match: "POST /reports/{id}", Groups: []string{"Writers"}},
		{Match: "GET /same/", Groups: []string{"Analysts"}},
		{Match: "GET /wider/", Groups: []string{"Analysts", "Writers"}},
		{Match: "GET /open", Public: true},
		{Match: "GET /scope", Groups: []string{"Analysts"}, Scopes: []string{"reports.read"}},
		{Match: "GET /acrs", Groups: []string{"Analysts"}, ACRS: "c1"},
		{Match: "GET /keys/", Groups: []string{"Analysts"}},
		{Match: "/keys/", Public: true},
		{Match: "POST /twice/", Admin: true},
		{Match: "PUT /twice/", Admin: true},
		{Match: "/all/{id}", Roles: []string{"writer"}},
		{Match: "/all/{id}/{$}", Roles: []string{"writer"}},
	}
	_, faults := CompileRoutes(rules)
	var got []string
	for _, fault := range faults {
		if !fault.Notice {
			t.Fatalf("%+v", fault)
		}
		got = append(got, fmt.Sprint(fault.Path[1], " ", fault.Problem))
	}
	want := []string{
		`1 a request with another method, such as POST, is decided by "/", which asks for less`,
		`2 a request with another method, such as PUT, is decided by "/", which asks for less`,
		`2 a request for the same path with a slash behind is decided by "/", which asks for less`,
		`6 a request with another method, such as POST, is decided by "/", which asks for less`,
		`6 a request for the same path with a slash behind is decided by "/", which asks for less`,
		`7 a request with another method, such as POST, is decided by "/", which asks for less`,
		`7 a request for the same path with a slash behind is decided by "/", which asks for less`,
		`8 a request with another method, such as POST, is decided by "/keys/", which asks for less`,
		`10 a request with another method, such as PATCH, is decided by "/", which asks for less`,
		`11 a request with another method, such as PATCH, is decided by "/", which asks for less`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("want\n%s\ngot\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
}

// The client chooses Host, and one path may be asked for with its final slash or without. Check told of methods and of a
// slash behind, and let an administrator believe that a route for admin.contoso.example, or for /admin/, kept people out.
func TestARouteIsNoticedBesideALaxerOneForAnotherHostOrWithoutItsSlash(t *testing.T) {
	rules := []config.Route{
		{Match: "/", Groups: []string{"Analysts"}},
		{Match: "admin.contoso.example/", Admin: true, Groups: []string{"Analysts"}},
		{Match: "pages.contoso.example/", Groups: []string{"Analysts"}},
		{Match: "open.contoso.example/", Public: true},
		{Match: "/{page}", Public: true},
		{Match: "/admin/", Admin: true},
		{Match: "/end/{$}", Groups: []string{"Analysts"}},
		{Match: "/open/", Public: true},
		{Match: "/two/three/{rest...}", Admin: true},
	}
	_, faults := CompileRoutes(rules)
	var got []string
	for _, fault := range faults {
		if strings.Contains(fault.Problem, "host") || strings.Contains(fault.Problem, "without its") {
			got = append(got, fmt.Sprint(fault.Path[1], " ", fault.Problem, "; ", fault.Hint))
		}
	}
	want := []string{
		`1 a request with another host is decided by "/{page}", which asks for less; leave the host out, or have the gateway pass no other host to this API`,
		`2 a request with another host is decided by "/{page}", which asks for less; leave the host out, or have the gateway pass no other host to this API`,
		`5 a request for the same path without its final slash is decided by "/{page}", which asks for less; have "/admin" ask for the same`,
		`6 a request for the same path without its final slash is decided by "/{page}", which asks for less; have "/end" ask for the same`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("want\n%s\ngot\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
}

func TestOnePatternCoversAnother(t *testing.T) {
	for _, test := range []struct {
		a, b   string
		covers bool
	}{
		{"/", "GET a.example/x/{y}", true}, {"GET /", "/", false}, {"GET /", "HEAD /", true}, {"HEAD /", "GET /", false},
		{"a.example/", "/", false}, {"/a/b", "/a", false}, {"/a", "/a/b", false}, {"/a/", "/a/b", true}, {"/a/b", "/a/", false},
		{"/{x}", "/a", true}, {"/{x}", "/{$}", false}, {"/{x}", "/", false}, {"/a/{$}", "/a/", false}, {"/a/", "/a/{$}", true},
	} {
		a, b := routesOf(t, test.a).all[0], routesOf(t, test.b).all[0]
		if got := a.covers(&b.pattern); got != test.covers {
			t.Errorf("%q covers %q: %v", test.a, test.b, got)
		}
	}
}

func TestMoreRoutesThanCanBeComparedAreAFault(t *testing.T) {
	rules := make([]config.Route, MaxRoutes+1)
	for i := range rules {
		rules[i].Match = fmt.Sprintf("/%d/", i)
	}
	if _, faults := CompileRoutes(rules); len(faults) != 1 || faults[0].Problem != "want at most 1000 routes, got 1001" {
		t.Errorf("got %+v", faults)
	}
	if routes, faults := CompileRoutes(rules[:MaxRoutes]); len(faults) != 0 || routes.decides("GET", "a", "/999/x") != "/999/" {
		t.Errorf("got %+v", faults)
	}
	if routes, faults := CompileRoutes(nil); routes != nil || faults != nil {
		t.Errorf("want nothing for no routes, got %v, %v", routes, faults)
	}
}

// TestRoutesDecideAsServeMuxDoes holds the routes to net/http's own: the same pairs clash, and for requests that claimd
// takes the same pattern decides (where ServeMux redirects to a path with a slash, the pattern of that one).
func TestRoutesDecideAsServeMuxDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		compareWithServeMux(t, random)
	}
}

func compareWithServeMux(t *testing.T, random *rand.Rand) {
	t.Helper()
	var matches []string
	for range 1 + random.IntN(6) {
		matches = append(matches, randomMatch(random))
	}
	mux, clash := http.NewServeMux(), false
	func() {
		defer func() { clash = recover() != nil }()
		for _, match := range matches {
			mux.HandleFunc(match, func(http.ResponseWriter, *http.Request) {})
		}
	}()
	rules := make([]config.Route, len(matches))
	for i, match := range matches {
		rules[i] = config.Route{Match: match}
	}
	routes, faults := CompileRoutes(rules)
	if (routes == nil) != clash {
		t.Fatalf("%q: ServeMux refuses them: %v, claimd: %+v", matches, clash, faults)
	}
	if clash {
		return
	}
	for range 20 {
		method, host, target := pick(random, "GET", "HEAD", "POST", "PUT"), pick(random, "a", "b", "c"), randomTarget(random)
		request := httptest.NewRequest(method, "http://"+host+target, nil)
		_, want := mux.Handler(request)
		if got := routes.decides(method, host, target); got != want {
			t.Fatalf("%q: %s %s%s: ServeMux takes %q, claimd %q", matches, method, host, target, want, got)
		}
	}
}

func pick(random *rand.Rand, from ...string) string { return from[random.IntN(len(from))] }

func randomMatch(random *rand.Rand) string {
	match := pick(random, "", "", "GET ", "HEAD ", "POST ") + pick(random, "", "", "a", "b")
	for range random.IntN(4) {
		match += "/" + pick(random, "x", "x", "y", "{"+string(rune('a'+len(match)))+"}")
	}
	return match + pick(random, "", "/", "/{$}", "/{rest...}", "/z")
}

func randomTarget(random *rand.Rand) string {
	target := ""
	for range random.IntN(4) {
		target += "/" + pick(random, "x", "y", "z", "w", "%78")
	}
	if target == "" {
		return "/"
	}
	return target + pick(random, "", "/")
}

func FuzzAPathIsReadAsURLsAreOrNotAtAll(f *testing.F) {
	for _, seed := range []string{"/", "/a/b", "/a%2fb", "/a/../b", "/a?b#c", "/%e2%82%ac", "/a;b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		segments, ok := pathOf(target)
		if !ok {
			return
		}
		parsed, err := url.ParseRequestURI(target)
		if err != nil {
			return // pathOf knows less of queries
		}
		joined := "/" + strings.Join(segments, "/")
		if parsed.Path != joined {
			t.Errorf("%q: net/url reads the path %q, claimd %q", target, parsed.Path, joined)
		}
		if again, ok := pathOf(joined); !strings.ContainsAny(joined, "?#") && (!ok || !slices.Equal(again, segments)) {
			t.Errorf("%q: decoded twice it is another path: %q, %q", target, segments, again)
		}
	})
}

// Whatever a client writes, a request is refused, or judged by the route that net/http would take for a path that it finds
// nothing to clean in.
func FuzzARouteIsTheOneThatServeMuxTakes(f *testing.F) {
	matches := []string{
		"GET /public/", "/reports/", "GET /reports/{id}", "/reports/{id}/{$}", "POST /reports/{id}/pages", "guarded.example/", "GET guarded.example/a/{rest...}",
		"/a%20b/", "/caf\u00e9", "/x/{y}/z/",
	}
	mux, routes := http.NewServeMux(), routesOf(f, matches...)
	for _, match := range matches {
		mux.HandleFunc(match, func(http.ResponseWriter, *http.Request) {})
	}
	for _, target := range []string{
		"/public/a", "/public/../reports/7", "/public/%2e%2e/reports/7", "/public%2f..%2freports", "/reports/7/", "/reports", "/a%20b/c", "/caf%C3%A9",
		"/x/y/z", "/x/y/z/", "//reports/7", "/public/;/x", "/reports/7?/public/", "/public/\x00", "/%70ublic/", "/reports/%37/pages",
	} {
		f.Add("GET", "guarded.example", target)
		f.Add("POST", "api.example:8443", target)
	}
	f.Fuzz(func(t *testing.T, method, host, target string) {
		got := routes.decides(method, host, target)
		parsed, err := url.ParseRequestURI(target)
		if got == "refused" || err != nil || method == http.MethodConnect {
			return
		}
		if path.Clean(parsed.Path) != strings.TrimSuffix(parsed.Path, "/") && parsed.Path != "/" {
			t.Fatalf("%q was taken, and there is something to clean in it", target)
		}
		name, _ := cleanHost(host)
		if _, want := mux.Handler(&http.Request{Method: method, Host: name, URL: parsed}); got != want {
			t.Fatalf("%s %s%s: ServeMux takes %q, claimd %q", method, host, target, want, got)
		}
	})
}
