package access

import (
	"testing"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/reason"
)

// Express and ASP.NET Core take /ADMIN for /admin, unless they are told not to. Claimd took it for a path that only the
// route of all the rest matches, and let it in. FAULTS 118 names case beside dot segments and slashes: one form, or no.
func TestAPathInAnotherCaseDoesNotFallToALaxerRoute(t *testing.T) {
	gate := newFixture(t, func(c *config.Config) {
		routed(c)
		c.Routes = []config.Route{
			{Match: "/", Public: true}, {Match: "/admin/", Admin: true}, {Match: "/reports/{id}/secret", Admin: true},
			{Match: "POST /posted", Admin: true}, {Match: "admin.contoso.example/hosted", Admin: true},
			{Match: "/kilo/", Admin: true}, {Match: "/Capitals/", Admin: true}, {Match: "/strasse/", Admin: true},
			{Match: "/Docs/", Public: true}, {Match: "/docs/", Admin: true}, // an API that tells them apart
			{Match: "/exact", Public: true}, {Match: "/exact/", Admin: true},
			{Match: "/One/{x}/three", Public: true}, {Match: "/one/two/Three", Admin: true},
			{Match: "/p/Q/{x}", Admin: true}, {Match: "/P/{y}/r", Public: true}, // folded, neither is the more specific
		}
	}).gate
	for _, test := range []struct {
		request string
		want    reason.Reason
	}{
		{"GET /ADMIN/a", reason.OriginalRequest}, {"GET /Admin", reason.OriginalRequest}, {"GET /%41dmin/", reason.OriginalRequest},
		{"GET /reports/7/SECRET", reason.OriginalRequest}, {"GET /Reports/X/secret", reason.OriginalRequest},
		{"GET /\u212Ailo/", reason.OriginalRequest}, {"GET /k\u0130lo/", reason.OriginalRequest}, {"GET /k\u0131lo/x", reason.OriginalRequest},
		{"GET /\u017Ftrasse/", reason.OriginalRequest},
		{"GET /capitals/", reason.OriginalRequest}, {"GET /CAPITALS/", reason.OriginalRequest}, {"GET /Capitals/", reason.NoToken},
		{"GET /admin/", reason.NoToken}, {"GET /admin/A", reason.NoToken},
		{"POST /POSTED", reason.OriginalRequest}, {"GET /POSTED", reason.None},
		{"GET admin.contoso.example/HOSTED", reason.OriginalRequest}, {"GET /HOSTED", reason.None},
		{"GET /Docs/a", reason.None}, {"GET /docs/a", reason.NoToken}, {"GET /DOCS/a", reason.OriginalRequest},
		{"GET /exact", reason.None}, {"GET /EXACT", reason.None}, {"GET /exact/", reason.NoToken}, {"GET /EXACT/", reason.OriginalRequest},
		{"GET /One/two/three", reason.OriginalRequest}, {"GET /One/2/three", reason.None},
		{"GET /P/Q/r", reason.None}, {"GET /p/q/R", reason.OriginalRequest},
		{"GET /other/ADMIN", reason.None}, {"GET /reports/ADMIN/other", reason.None}, {"GET /a/B", reason.None},
	} {
		original, err := ParseOriginal(test.request)
		if err != nil {
			t.Fatal(err)
		}
		if original.Host == "" {
			original.Host = "api.contoso.example"
		}
		if d := gate.Decide(t.Context(), Request{Original: original}); d.Reason != test.want {
			t.Errorf("%s: want %q, got %q", test.request, test.want, d.Reason)
		}
	}
}

// Werkzeug (Flask), older gunicorns and others read `delete` as DELETE. Claimd compared it with DELETE, found it another
// method, and let it in by the route for all other methods; no method in use has a lower-case letter. CONNECT asks for a
// tunnel, through which further requests would go past claimd.
func TestAMethodInLowerCaseDoesNotFallToALaxerRoute(t *testing.T) {
	gate := newFixture(t, func(c *config.Config) {
		routed(c)
		c.Routes = []config.Route{{Match: "/", Public: true}, {Match: "DELETE /reports/{id}", Roles: []string{"editor"}}}
	}).gate
	for method, want := range map[string]reason.Reason{
		"delete": reason.OriginalRequest, "Delete": reason.OriginalRequest, "dELETE": reason.OriginalRequest, "CONNECT": reason.OriginalRequest,
		"get": reason.OriginalRequest, "DELETE": reason.NoToken, "GET": reason.None, "VERSION-CONTROL": reason.None,
	} {
		d := gate.Decide(t.Context(), Request{Original: &Original{Method: method, Host: "api.contoso.example", Target: "/reports/7"}})
		if d.Reason != want {
			t.Errorf("%s: want %q, got %q", method, want, d.Reason)
		}
	}
}
