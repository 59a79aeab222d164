package keys

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/claimd/claimd/daemon/entra"
)

// openID is a provider that is not Entra ID: one document, one key set.
type openID struct {
	base     string // its own address
	path     string // of the issuer
	document object // members to replace; nil leaves one out
	keys     []object
	asked    atomic.Int32 // for the keys
}

func (o *openID) issuer() string { return o.base + o.path }

func (o *openID) source() Source { return Source{Name: "jumpcloud", Issuer: o.issuer()} }

func (o *openID) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case strings.TrimSuffix(o.path, "/") + "/.well-known/openid-configuration":
		changes := make([]any, 0, 2*len(o.document))
		for name, value := range o.document {
			changes = append(changes, name, value)
		}
		w.Write(encoded(with(object{
			"issuer": o.issuer(), "jwks_uri": o.base + "/jwks", "introspection_endpoint": o.base + "/introspect", "userinfo_endpoint": o.base + "/userinfo",
		}, changes...)))
	case "/jwks":
		o.asked.Add(1)
		w.Write(encoded(object{"keys": o.keys}))
	default:
		http.NotFound(w, r)
	}
}

func openIDAt(t *testing.T, path string, keys ...object) *openID {
	t.Helper()
	o := &openID{path: path, keys: keys}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	o.base = server.URL
	return o
}

func TestTheIssuerLeadsToItsDocument(t *testing.T) {
	for _, path := range []string{"", "/", "/realms/a", "/realms/a/"} {
		o := openIDAt(t, path, rsaJWK("a", keyA()), ecJWK("b", keyEC()))
		p := ringOf(t, Options{}).Open(o.source())
		refreshed(t, p)
		for _, id := range []string{"a", "b"} {
			if key, err := p.Lookup(t.Context(), Unversioned, id); err != nil || key.ID != id {
				t.Errorf("%q: want the key %s, got %v, %v", path, id, key, err)
			}
		}
		for _, version := range []entra.Version{entra.V1, entra.V2, "3.0"} {
			if _, err := p.Lookup(t.Context(), version, "a"); !errors.Is(err, ErrUnknown) || p.Issuer(version) != "" {
				t.Errorf("%q: want nothing of version %s, got %v and %q", path, version, err, p.Issuer(version))
			}
		}
		if got := p.Issuer(Unversioned); got != o.issuer() || !p.Live() {
			t.Errorf("%q: got the issuer %q, live %v", path, got, p.Live())
		}
		if p.IntrospectionEndpoint() != o.base+"/introspect" || p.UserinfoEndpoint() != o.base+"/userinfo" || p.GraphHost() != "" {
			t.Errorf("%q: got %q, %q, %q", path, p.IntrospectionEndpoint(), p.UserinfoEndpoint(), p.GraphHost())
		}
		status := p.Status()
		if len(status.Documents) != 1 || status.Documents[0].Edition() != "openid" || status.Documents[0].Issuer != o.issuer() ||
			status.Documents[0].KeysURL != o.base+"/jwks" || len(status.Documents[0].Keys) != 2 {
			t.Errorf("%q: got %+v", path, status)
		}
	}
}

// FAULTS 31, 32: a document of another issuer is refused; its key set may stand on any host that is reached by https.
func TestADocumentOfAnotherIssuerIsRefused(t *testing.T) {
	for _, row := range []struct{ name, issuer, document, want string }{
		{"as it is", "https://idp.example/", `{"issuer":"https://idp.example/","jwks_uri":"https://keys.example/x?y=1"}`, ""},
		{"on another port", "https://idp.example", `{"issuer":"https://idp.example","jwks_uri":"https://idp.example:8443/x"}`, ""},
		{"http on loopback", "http://127.0.0.1:1/", `{"issuer":"http://127.0.0.1:1/","jwks_uri":"http://localhost:2/x"}`, ""},
		{"https for http on loopback", "http://[::1]:1/", `{"issuer":"http://[::1]:1/","jwks_uri":"https://keys.example/"}`, ""},
		{"without the slash", "https://idp.example/", `{"issuer":"https://idp.example","jwks_uri":"https://idp.example/x"}`,
			`issuer: want "https://idp.example/", got "https://idp.example"`},
		{"with a slash", "https://idp.example", `{"issuer":"https://idp.example/","jwks_uri":"https://idp.example/x"}`,
			`issuer: want "https://idp.example", got "https://idp.example/"`},
		{"in another case", "https://idp.example/", `{"issuer":"https://IDP.example/","jwks_uri":"https://idp.example/x"}`,
			`issuer: want "https://idp.example/", got "https://IDP.example/"`},
		{"without an issuer", "https://idp.example/", `{"jwks_uri":"https://idp.example/x"}`, `issuer: want "https://idp.example/", got ""`},
		{"two issuers", "https://idp.example/", `{"issuer":"https://x/","issuer":"https://idp.example/","jwks_uri":"https://idp.example/x"}`,
			`want a JSON object without duplicate members, got other text: "duplicate object member name \"issuer\" within \"/issuer\" after offset 23"`},
		{"keys by http", "https://idp.example/", `{"issuer":"https://idp.example/","jwks_uri":"http://idp.example/x"}`,
			`jwks_uri: want an https address, got "http://idp.example/x"`},
		{"keys by http on loopback", "https://idp.example/", `{"issuer":"https://idp.example/","jwks_uri":"http://127.0.0.1/x"}`,
			`jwks_uri: want an https address, got "http://127.0.0.1/x"`},
		{"keys by http elsewhere", "http://127.0.0.1:1/", `{"issuer":"http://127.0.0.1:1/","jwks_uri":"http://keys.example/x"}`,
			`jwks_uri: want an https address, got "http://keys.example/x"`},
		{"keys in a file", "https://idp.example/", `{"issuer":"https://idp.example/","jwks_uri":"file:///etc/passwd"}`,
			`jwks_uri: want an https address, got "file:///etc/passwd"`},
		{"keys with a password", "https://idp.example/", `{"issuer":"https://idp.example/","jwks_uri":"https://a:b@idp.example/"}`,
			`jwks_uri: want an https address, got "https://a:b@idp.example/"`},
		{"no keys", "https://idp.example/", `{"issuer":"https://idp.example/"}`, `jwks_uri: want an https address, got ""`},
	} {
		t.Run(row.name, func(t *testing.T) {
			d, err := oidcEdition(Source{Issuer: row.issuer}).readDocument([]byte(row.document))
			if row.want == "" && (err != nil || d.issuer != row.issuer) {
				t.Errorf("want the document, got %+v, %v", d, err)
			}
			if row.want != "" && (err == nil || !strings.HasPrefix(err.Error(), row.want[:min(len(row.want), 90)])) {
				t.Errorf("want %s, got %v", row.want, err)
			}
		})
	}
}

// An endpoint that may not be asked is none; the keys of the document are good even so.
func TestAnEndpointThatMayNotBeAskedIsNone(t *testing.T) {
	for endpoint, want := range map[string]string{
		"https://other.example/introspect?x=1": "https://other.example/introspect?x=1", "http://other.example/": "",
		"http://127.0.0.1:9/x": "http://127.0.0.1:9/x", "/introspect": "", "": "", "https://a:b@x/": "", "https://x/#y": "", "ftp://x/": "", ":": "",
	} {
		o := openIDAt(t, "/", rsaJWK("a", keyA()))
		o.document = object{"introspection_endpoint": endpoint, "userinfo_endpoint": nil}
		p := ringOf(t, Options{}).Open(o.source())
		if p.IntrospectionEndpoint() != "" {
			t.Error("want no endpoint before the first fetch")
		}
		refreshed(t, p)
		if got := p.IntrospectionEndpoint(); got != want || p.UserinfoEndpoint() != "" {
			t.Errorf("%q: want %q, got %q and %q", endpoint, want, got, p.UserinfoEndpoint())
		}
	}
}

func TestEntraHasNoEndpointsForOpaqueTokens(t *testing.T) {
	e := served(t, rsaJWK("a", keyA()))
	e.documents = object{"userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo", "introspection_endpoint": "https://x/"}
	if p := opened(t, e); p.IntrospectionEndpoint() != "" || p.UserinfoEndpoint() != "" {
		t.Errorf("got %q and %q", p.IntrospectionEndpoint(), p.UserinfoEndpoint())
	}
}

func TestAnIssuerThatIsNoAddressIsNeverAsked(t *testing.T) {
	p := ringOf(t, Options{}).Open(Source{Name: "x", Issuer: "http://idp.example/"})
	want := "x: http://idp.example/.well-known/openid-configuration: issuer: want an https address, or http on loopback"
	if err := p.Refresh(t.Context()); err == nil || err.Error() != want {
		t.Errorf("want %s, got %v", want, err)
	}
}

// The `issuer` member of a key is Microsoft's; where another provider writes it, it has to fit, and cloud_instance_name
// means nothing.
func TestKeysOfAnotherProvider(t *testing.T) {
	o := openIDAt(t, "/", rsaJWK("a", keyA()))
	o.keys = append(o.keys, with(rsaJWK("own", keyA()), "issuer", o.issuer(), "cloud_instance_name", "x"),
		with(rsaJWK("template", keyA()), "issuer", o.base+"{tenantid}/"), with(rsaJWK("ps", keyB()), "alg", "PS256"), with(ecJWK("es", keyEC()), "alg", "ES256"))
	p := ringOf(t, Options{}).Open(o.source())
	refreshed(t, p)
	for id, want := range map[string]error{"a": nil, "own": nil, "template": ErrUnknown, "ps": nil, "es": nil} {
		if _, err := p.Lookup(t.Context(), Unversioned, id); !errors.Is(err, want) {
			t.Errorf("%s: want %v, got %v", id, want, err)
		}
	}
}

// The limiter, the negatives and the death after 24 hours are those of every provider.
func TestUnknownIDsOfAnOIDCProviderAreBounded(t *testing.T) {
	o := openIDAt(t, "/", rsaJWK("a", keyA()))
	clock := time.Now()
	p := ringOf(t, Options{Now: func() time.Time { return clock }}).Open(o.source())
	for i, want := range []error{ErrUnknown, ErrUnknown, ErrUnknown, ErrUnavailable, ErrUnavailable} {
		if _, err := p.Lookup(t.Context(), Unversioned, "x"+string(rune('0'+i))); !errors.Is(err, want) {
			t.Errorf("%d: want %v, got %v", i, want, err)
		}
	}
	if _, err := p.Lookup(t.Context(), Unversioned, "x0"); !errors.Is(err, ErrUnknown) || o.asked.Load() != 3 {
		t.Errorf("want x0 unknown after 3 fetches, got %v after %d", err, o.asked.Load())
	}
	clock = clock.Add(maxAge)
	if p.Live() {
		t.Error("want the set dead after 24 hours")
	}
	if _, err := p.Lookup(t.Context(), Unversioned, "a"); err != nil || !p.Live() {
		t.Errorf("want the dead set fetched anew, got %v", err)
	}
}

func TestTheKeysOfAnOIDCProviderAreKeptOnDisk(t *testing.T) {
	o, directory := openIDAt(t, "/", rsaJWK("a", keyA())), t.TempDir()
	refreshed(t, ringOf(t, Options{Directory: directory}).Open(o.source()))
	p := ringOf(t, Options{Directory: directory}).Open(o.source())
	if key, err := p.Lookup(t.Context(), Unversioned, "a"); err != nil || key.ID != "a" || o.asked.Load() != 1 || p.IntrospectionEndpoint() == "" {
		t.Errorf("want the key from the disk, got %v, %v after %d fetches", key, err, o.asked.Load())
	}
	other := o.source()
	other.Issuer = strings.TrimSuffix(other.Issuer, "/")
	if ringOf(t, Options{Directory: directory}).Open(other).Live() {
		t.Error("want nothing from the disk for an issuer without its slash")
	}
}

// ownKeys is a tenant that publishes more for the application: under ?appid= alone.
func ownKeys(e *entraTenant, general, own []object) {
	e.publish(general...)
	for _, version := range []string{"v1", "v2"} {
		issuer, path := "/"+tenant+"/", "/discovery/keys"
		if version == "v2" {
			issuer, path = "/"+tenant+"/v2.0", "/discovery/v2.0/keys"
		}
		e.answer(version+" document", func(w http.ResponseWriter, r *http.Request) {
			query := ""
			if appid := r.URL.Query().Get("appid"); appid != "" {
				query = "?appid=" + appid
			}
			w.Write(encoded(object{"issuer": e.base + issuer, "jwks_uri": e.base + "/" + tenant + path + query}))
		})
		e.answer(version+" keys", func(w http.ResponseWriter, r *http.Request) {
			set := general
			if r.URL.Query().Get("appid") == e.source().ApplicationID {
				set = own
			}
			w.Write(encoded(object{"keys": set}))
		})
	}
}

func customSource(e *entraTenant) Source {
	source := e.source()
	source.CustomKeys = true
	return source
}

// The application's own keys are found for it, in both versions, and for no other application of the tenant, nor without
// custom_signing_keys.
func TestAnApplicationHasItsOwnKeys(t *testing.T) {
	e := served(t)
	ownKeys(e, []object{rsaJWK("all", keyA())}, []object{rsaJWK("own", keyB())})
	ring := ringOf(t, Options{})
	custom, plain := ring.Open(customSource(e)), ring.Open(e.source())
	source := customSource(e)
	source.Name, source.ApplicationID = "another", "36a0427c-4ca6-4bb6-afe2-804a729f14a1"
	another := ring.Open(source)
	for _, p := range []*Provider{custom, plain, another} {
		refreshed(t, p)
		for _, version := range []entra.Version{entra.V1, entra.V2} {
			if _, err := p.Lookup(t.Context(), version, "all"); err != nil {
				t.Errorf("%s %s: want the tenant's key, got %v", p.source.Name, version, err)
			}
			want := ErrUnknown
			if p == custom {
				want = nil
			}
			if _, err := p.Lookup(t.Context(), version, "own"); !errors.Is(err, want) {
				t.Errorf("%s %s: want %v, got %v", p.source.Name, version, want, err)
			}
		}
	}
	var got []string
	for _, d := range custom.Status().Documents {
		got = append(got, d.Edition()+" "+strings.TrimPrefix(d.URL, e.base+"/"+tenant)+" "+d.Keys[0].ID)
		if d.Application != strings.Contains(d.URL, "?appid=") || d.Issuer == "" {
			t.Errorf("got %+v", d)
		}
	}
	const document = "/.well-known/openid-configuration"
	app := "?appid=" + e.source().ApplicationID
	want := []string{"1.0 " + document + " all", "2.0 /v2.0" + document + " all", "1.0 appid " + document + app + " own", "2.0 appid /v2.0" + document + app + " own"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

// Two keys of one id that differ are refused between the two sets as within one; the same key in both is one key.
func TestAnIDInBothSetsStandsForOneKey(t *testing.T) {
	leaked := with(rsaJWK("leaked", keyA()), "d", "AQAB")
	for _, row := range []struct {
		name         string
		general, own []object
		id           string
		want         error
	}{
		{"the same key", []object{rsaJWK("x", keyA())}, []object{rsaJWK("x", keyA())}, "x", nil},
		{"another key", []object{rsaJWK("x", keyA())}, []object{rsaJWK("x", keyB())}, "x", ErrUnknown},
		{"the same key for another algorithm", []object{rsaJWK("x", keyA())}, []object{with(rsaJWK("x", keyA()), "alg", "PS256")}, "x", ErrUnknown},
		{"leaked in the tenant's", []object{leaked, rsaJWK("x", keyB())}, []object{rsaJWK("leaked", keyA())}, "leaked", ErrUnknown},
		{"leaked in its own", []object{rsaJWK("leaked", keyA())}, []object{leaked, rsaJWK("x", keyB())}, "leaked", ErrUnknown},
		{"twice in the tenant's", []object{rsaJWK("x", keyA()), rsaJWK("x", keyB()), rsaJWK("y", keyC())}, []object{rsaJWK("x", keyA())}, "x", ErrUnknown},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := served(t)
			ownKeys(e, row.general, row.own)
			p := ringOf(t, Options{}).Open(customSource(e))
			refreshed(t, p)
			wantErr(t, p, row.id, row.want)
		})
	}
}

// The private half of a tenant's key turns up in the application's own key set, from where everybody can take it; or another
// key of that id does. Lookup refused the key from then on; but the count of changes stayed, so that what had been verified
// with the key went on to pass.
func TestAKeyThatTheOtherSetBarsEndsWhatItVerified(t *testing.T) {
	for name, barring := range map[string][]object{
		"leaked": {with(rsaJWK("all", keyA()), "d", "AQAB")}, "twice": {rsaJWK("all", keyA()), rsaJWK("all", keyB())},
	} {
		t.Run(name, func(t *testing.T) {
			e := served(t)
			general, own := []object{rsaJWK("all", keyA())}, []object{rsaJWK("own", keyC())}
			ownKeys(e, general, own)
			p := ringOf(t, Options{}).Open(customSource(e))
			refreshed(t, p)
			wantKey(t, p, "all")
			for _, step := range []struct {
				own     []object
				want    error
				changed bool
			}{{own, nil, false}, {slices.Concat(own, barring), ErrUnknown, true}, {slices.Concat(own, barring), ErrUnknown, false}, {own, nil, true}} {
				before := p.Changes()
				ownKeys(e, general, step.own)
				refreshed(t, p)
				if _, err := p.Lookup(t.Context(), entra.V2, "all"); !errors.Is(err, step.want) {
					t.Errorf("want %v, got %v", step.want, err)
				}
				if changed := p.Changes() != before; changed != step.changed {
					t.Errorf("%d keys of its own: counted as a change: %v, want %v", len(step.own), changed, step.changed)
				}
			}
		})
	}
}

// While one of the two sets cannot be had, an id that the other does not hold is not unknown: nobody knows.
func TestAnIDIsUnknownOnlyWhereBothSetsAreKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, client := within(t)
		ownKeys(e, []object{rsaJWK("all", keyA())}, []object{rsaJWK("own", keyB())})
		broken := true
		good := e.override["v2 keys"]
		e.answer("v2 keys", func(w http.ResponseWriter, r *http.Request) {
			if broken && r.URL.RawQuery != "" {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			good(w, r)
		})
		p := ringOf(t, Options{Client: client}).Open(customSource(e))
		refreshed(t, p)
		wantKey(t, p, "all")
		wantErr(t, p, "own", ErrUnavailable)
		wantErr(t, p, "nobody's", ErrUnavailable)
		broken = false
		time.Sleep(time.Second)
		wantKey(t, p, "own")
		wantErr(t, p, "nobody's", ErrUnavailable) // the limiter is spent
		time.Sleep(fetchEvery)
		wantErr(t, p, "nobody's", ErrUnknown)
	})
}

// With an authority of one's own the documents name the issuers. Keys whose document names another than the tenant's
// general one hold for nobody.
func TestOwnKeysOfAnotherIssuerAreNotUsed(t *testing.T) {
	e := served(t)
	ownKeys(e, []object{rsaJWK("all", keyA())}, []object{rsaJWK("own", keyB())})
	good := e.override["v2 document"]
	e.answer("v2 document", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "" {
			good(w, r)
			return
		}
		w.Write(encoded(object{"issuer": e.base + "/other/" + tenant, "jwks_uri": e.base + "/" + tenant + "/discovery/v2.0/keys?" + r.URL.RawQuery}))
	})
	p := ringOf(t, Options{}).Open(customSource(e))
	refreshed(t, p)
	wantKey(t, p, "all")
	wantErr(t, p, "own", ErrUnknown)
}

func TestOwnKeysAreKeptOnDiskForTheirApplication(t *testing.T) {
	e, directory := served(t), t.TempDir()
	ownKeys(e, []object{rsaJWK("all", keyA())}, []object{rsaJWK("own", keyB())})
	refreshed(t, ringOf(t, Options{Directory: directory}).Open(customSource(e)))
	before := e.requests("v2 keys")
	p := ringOf(t, Options{Directory: directory}).Open(customSource(e))
	wantKey(t, p, "own")
	wantKey(t, p, "all")
	if e.requests("v2 keys") != before {
		t.Error("want no fetch")
	}
	if ringOf(t, Options{Directory: directory}).Open(e.source()).Live() {
		t.Error("want nothing from the disk without custom_signing_keys")
	}
	// What was kept as the application's is not taken for the tenant's.
	files, err := filepath.Glob(filepath.Join(directory, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	copied, err := readSealed(files[0])
	if err != nil || len(copied.Editions) != 4 || copied.Editions[0].Application || !copied.Editions[2].Application {
		t.Fatalf("got %d editions, %v", len(copied.Editions), err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
}

// ENTRA.md, clouds: each names its issuers, its own name and its Graph host, and documents that differ are refused.
func TestEachCloudsDocumentsAreHeldAgainstIt(t *testing.T) {
	for _, name := range entra.CloudNames() {
		cloud, _ := entra.CloudByName(name)
		source := Source{
			Name: "contoso", Authority: cloud.Authority(), Tenant: tenant, IssuerV1: cloud.Issuer(entra.V1, tenant), IssuerV2: cloud.Issuer(entra.V2, tenant),
			CloudInstance: cloud.InstanceName(), GraphHost: cloud.GraphHost(),
		}
		for _, version := range []entra.Version{entra.V1, entra.V2} {
			e := newEdition(source, version)
			good := object{"issuer": cloud.Issuer(version, tenant), "jwks_uri": cloud.Authority() + "/" + tenant + "/discovery/keys",
				"cloud_instance_name": cloud.InstanceName(), "msgraph_host": cloud.GraphHost()}
			if _, err := e.readDocument(encoded(good)); err != nil {
				t.Errorf("%s %s: %v", name, version, err)
			}
			if _, err := e.readDocument(encoded(with(good, "cloud_instance_name", nil, "msgraph_host", nil))); err != nil {
				t.Errorf("%s %s without names: %v", name, version, err)
			}
			for _, wrong := range []struct{ member, value, want string }{
				{"cloud_instance_name", "x", `cloud_instance_name: want "` + cloud.InstanceName() + `", got "x"`},
				{"msgraph_host", "graph.example", `msgraph_host: want "` + cloud.GraphHost() + `", got "graph.example"`},
				{"issuer", "https://x/", `issuer: want "` + cloud.Issuer(version, tenant) + `", got "https://x/"`},
				{"jwks_uri", "https://x/", `jwks_uri: want an address on ` + e.authority.Host + `, got "https://x/"`},
			} {
				if _, err := e.readDocument(encoded(with(good, wrong.member, wrong.value))); err == nil || err.Error() != wrong.want {
					t.Errorf("%s %s: want %s, got %v", name, version, wrong.want, err)
				}
			}
		}
	}
	// L4 and DoD differ in the Graph host alone.
	usgov, _ := entra.CloudByName("usgov")
	dod, _ := entra.CloudByName("usgov-dod")
	e := newEdition(Source{Authority: dod.Authority(), Tenant: tenant, IssuerV2: dod.Issuer(entra.V2, tenant), GraphHost: dod.GraphHost()}, entra.V2)
	_, err := e.readDocument(encoded(object{"issuer": usgov.Issuer(entra.V2, tenant), "jwks_uri": usgov.Authority() + "/x", "msgraph_host": usgov.GraphHost()}))
	if want := `msgraph_host: want "dod-graph.microsoft.us", got "graph.microsoft.us"`; err == nil || err.Error() != want {
		t.Errorf("want %s, got %v", want, err)
	}
}
