package entratest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// oneKey gives the key that every tenant of start has: making one takes longer than most tests.
func oneKey(t *testing.T) *signingKey {
	t.Helper()
	key, err := firstKey()
	if err != nil {
		t.Fatal(err)
	}
	return &signingKey{id: key.id, private: key.private, certificate: key.certificate}
}

var firstKey = sync.OnceValues(newSigningKey)

// start serves the sample directory, changed by change where it is not nil.
func start(t *testing.T, change func(*Directory)) *Tenant {
	t.Helper()
	directory := Sample()
	if change != nil {
		change(&directory)
	}
	if err := directory.validate(); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tenant := newTenant(directory, "http://"+listener.Addr().String(), oneKey(t))
	tenant.serve(listener)
	t.Cleanup(func() {
		tenant.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return tenant
}

// get gives the JSON object at the path below the tenant's own, and the status.
func get(t *testing.T, tenant *Tenant, path string) (int, map[string]any) {
	t.Helper()
	response, err := http.Get(tenant.URL() + path)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, readObject(t, response)
}

// post sends a form and gives the JSON object that comes back.
func post(t *testing.T, tenant *Tenant, path string, form url.Values) (int, map[string]any) {
	t.Helper()
	response, err := http.PostForm(tenant.URL()+path, form)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, readObject(t, response)
}

func readObject(t *testing.T, response *http.Response) map[string]any {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(body, &object); err != nil {
		t.Fatalf("%s %s: no JSON object: %s", response.Status, response.Request.URL, body)
	}
	return object
}

// parts gives header and claims of a token without a look at the signature.
func parts(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		t.Fatalf("%d segments, want 3: %q", len(segments), token)
	}
	for i, into := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(segments[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

func mint(t *testing.T, tenant *Tenant, request Request) (header, claims map[string]any) {
	t.Helper()
	token, err := tenant.Mint(request)
	if err != nil {
		t.Fatal(err)
	}
	return parts(t, token)
}

func names(members map[string]any) string {
	return strings.Join(slices.Sorted(maps.Keys(members)), " ")
}

// equal compares two values by their JSON.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	gotJSON, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	wantJSON, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if string(gotJSON) != string(wantJSON) {
		t.Errorf("%s:\n got %s\nwant %s", what, gotJSON, wantJSON)
	}
}

// verify checks the token's signature against the published key set of that version, with another library than the
// one that signed.
func verify(t *testing.T, tenant *Tenant, version int, token string) error {
	t.Helper()
	path := map[int]string{1: "/discovery/keys", 2: "/discovery/v2.0/keys"}[version]
	_, set := get(t, tenant, "/"+tenant.Directory().TenantID+path)
	_, err := jwt.Parse(token, func(unverified *jwt.Token) (any, error) {
		for _, member := range set["keys"].([]any) {
			if jwk := member.(map[string]any); jwk["kid"] == unverified.Header["kid"] {
				return publicKey(t, jwk), nil
			}
		}
		return nil, jwt.ErrTokenUnverifiable
	}, jwt.WithValidMethods([]string{"RS256"}))
	return err
}

func TestTheTwoDocumentsAreInMicrosoftsFormAndLeadNowhereElse(t *testing.T) {
	tenant := start(t, nil)
	base := tenant.URL() + "/" + tenant.Directory().TenantID
	tests := []struct {
		name, path string
		want       map[string]string
		members    string
	}{
		{"v2.0", "/v2.0/.well-known/openid-configuration", map[string]string{
			"issuer":                        base + "/v2.0",
			"jwks_uri":                      base + "/discovery/v2.0/keys",
			"authorization_endpoint":        base + "/oauth2/v2.0/authorize",
			"token_endpoint":                base + "/oauth2/v2.0/token",
			"device_authorization_endpoint": base + "/oauth2/v2.0/devicecode",
			"tenant_region_scope":           "EU",
			"cloud_instance_name":           "localhost",
		}, "authorization_endpoint claims_supported cloud_graph_host_name cloud_instance_name device_authorization_endpoint " +
			"end_session_endpoint frontchannel_logout_supported http_logout_supported id_token_signing_alg_values_supported issuer " +
			"jwks_uri kerberos_endpoint msgraph_host rbac_url request_uri_parameter_supported response_modes_supported " +
			"response_types_supported scopes_supported subject_types_supported tenant_region_scope token_endpoint " +
			"token_endpoint_auth_methods_supported userinfo_endpoint"},
		{"v1.0", "/.well-known/openid-configuration", map[string]string{
			"issuer":                        base + "/",
			"jwks_uri":                      base + "/discovery/keys",
			"authorization_endpoint":        base + "/oauth2/authorize",
			"token_endpoint":                base + "/oauth2/token",
			"device_authorization_endpoint": base + "/oauth2/devicecode",
		}, "authorization_endpoint claims_supported cloud_graph_host_name cloud_instance_name device_authorization_endpoint " +
			"end_session_endpoint frontchannel_logout_supported http_logout_supported id_token_signing_alg_values_supported issuer " +
			"jwks_uri kerberos_endpoint microsoft_multi_refresh_token msgraph_host rbac_url request_uri_parameter_supported " +
			"response_modes_supported response_types_supported scopes_supported subject_types_supported tenant_region_scope " +
			"token_endpoint token_endpoint_auth_methods_supported userinfo_endpoint"},
		{"v2.0 of one application", "/v2.0/.well-known/openid-configuration?appid=c8d14e02-7b6a-4f39-9e51-2a84f06d73bc",
			map[string]string{"jwks_uri": base + "/discovery/v2.0/keys?appid=c8d14e02-7b6a-4f39-9e51-2a84f06d73bc"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status, document := get(t, tenant, "/"+tenant.Directory().TenantID+test.path)
			equal(t, "status", status, 200)
			for member, want := range test.want {
				equal(t, member, document[member], want)
			}
			if test.members != "" {
				equal(t, "members", names(document), test.members)
			}
			for member, value := range document {
				if text, ok := value.(string); ok && strings.Contains(text, "://") && !strings.HasPrefix(text, tenant.URL()) {
					t.Errorf("%s leads off the tenant: %s", member, text)
				}
			}
		})
	}
	equal(t, "count of v2 documents", tenant.Requests("v2 document"), 2)
	equal(t, "count of v1 documents", tenant.Requests("v1 document"), 1)
}

func TestEachVersionHasItsKeySetAndOnlyTheSecondNamesAnIssuer(t *testing.T) {
	tenant := start(t, nil)
	for version, want := range map[int]string{1: "e kid kty n use x5c x5t", 2: "e issuer kid kty n use x5c x5t"} {
		token, err := tenant.Mint(Request{User: "reader", Version: version})
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(t, tenant, version, token); err != nil {
			t.Errorf("v%d: %v", version, err)
		}
		path := map[int]string{1: "/discovery/keys", 2: "/discovery/v2.0/keys"}[version]
		_, set := get(t, tenant, "/"+tenant.Directory().TenantID+path)
		key := set["keys"].([]any)[0].(map[string]any)
		equal(t, "members", names(key), want)
		equal(t, "kid", []any{key["kid"]}, tenant.KeyIDs())
		if version == 2 {
			equal(t, "issuer", key["issuer"], tenant.Issuer(2))
		}
		certificate := certificateOf(t, key)
		if !publicKey(t, key).Equal(certificate.PublicKey) {
			t.Error("x5c holds another key than n and e")
		}
		if err := certificate.CheckSignature(certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature); err != nil {
			t.Errorf("x5c is not signed by itself: %v", err)
		}
	}
}

func TestAnotherTenantIsNotFound(t *testing.T) {
	tenant := start(t, nil)
	for _, path := range []string{"/common/v2.0/.well-known/openid-configuration",
		"/11111111-2222-4333-8444-555555555555/discovery/v2.0/keys"} {
		status, body := get(t, tenant, path)
		equal(t, "status", status, 400)
		equal(t, "error", body["error"], "invalid_tenant")
		equal(t, "code", body["error_codes"], []int{90002})
	}
	status, _ := get(t, tenant, "/"+strings.ToUpper(tenant.Directory().TenantID)+"/discovery/v2.0/keys")
	equal(t, "status of the tenant's id in upper case", status, 200)
}

func TestRotationSignsWithANewKeyAndPublishesBoth(t *testing.T) {
	tenant := start(t, nil)
	old := tenant.KeyIDs()[0]
	before, err := tenant.Mint(Request{User: "reader"})
	if err != nil {
		t.Fatal(err)
	}
	fresh := tenant.Rotate()
	equal(t, "published", tenant.KeyIDs(), []string{old, fresh})
	after, err := tenant.Mint(Request{User: "reader"})
	if err != nil {
		t.Fatal(err)
	}
	header, _ := parts(t, after)
	equal(t, "kid after the rotation", header["kid"], fresh)
	for _, token := range []string{before, after} {
		if err := verify(t, tenant, 2, token); err != nil {
			t.Error(err)
		}
	}

	tenant.Remove(old)
	equal(t, "published after the removal", tenant.KeyIDs(), []string{fresh})
	if err := verify(t, tenant, 2, before); err == nil {
		t.Error("a token of the removed key still verifies")
	}
	header, _ = mint(t, tenant, Request{User: "reader", KeyID: old})
	equal(t, "kid of a token of the removed key", header["kid"], old)
}

// An API's own key signs its tokens alone, and is published with ?appid= of this API alone, beside the tenant's.
func TestAnAPIsOwnKeyIsForItsTokensAlone(t *testing.T) {
	const other = "0b6f9d27-81c4-4e5a-93d8-f2a70c5be416"
	tenant := start(t, func(d *Directory) {
		d.APIs = append(d.APIs, API{ApplicationID: other, AccessTokenVersion: 2, SigningKey: true})
	})
	kidOf := func(request Request) any {
		request.User = "reader"
		header, _ := mint(t, tenant, request)
		return header["kid"]
	}
	general := tenant.KeyIDs()[0]
	own := kidOf(Request{API: other})
	equal(t, "the tenant's key for an API without", kidOf(Request{}), any(general))
	if own == general {
		t.Error("the API with a key signs with the tenant's")
	}
	equal(t, "its key where it is asked for", kidOf(Request{KeyID: own.(string)}), own)
	newer := tenant.Rotate()
	equal(t, "after the tenant's rotation", kidOf(Request{API: other}), own)
	newest := tenant.RotateFor(strings.ToUpper(other))
	equal(t, "after its own", kidOf(Request{API: other}), any(newest))
	for query, want := range map[string][]any{
		"": {general, newer}, "?appid=" + sampleAPI: {general, newer}, "?appid=" + other: {general, own, newer, newest},
	} {
		for version, path := range map[string]string{"v1": "/discovery/keys", "v2": "/discovery/v2.0/keys"} {
			before := tenant.Requests(version + " keys appid")
			_, body := get(t, tenant, "/"+tenant.Directory().TenantID+path+query)
			var got []any
			for _, key := range body["keys"].([]any) {
				got = append(got, key.(map[string]any)["kid"])
			}
			equal(t, version+" keys "+query, got, want)
			if counted := tenant.Requests(version+" keys appid") - before; counted != min(len(query), 1) {
				t.Errorf("%s%s counts as %d requests with ?appid=", path, query, counted)
			}
		}
	}
}

func TestFaultsAreSeenInWhatIsServed(t *testing.T) {
	tenant := start(t, nil)
	path := "/" + tenant.Directory().TenantID + "/v2.0/.well-known/openid-configuration"
	keys := "/" + tenant.Directory().TenantID + "/discovery/v2.0/keys"

	tenant.SetFaults(Faults{Status: 503})
	status, body := get(t, tenant, path)
	equal(t, "status", status, 503)
	equal(t, "error", body["error"], "temporarily_unavailable")

	tenant.SetFaults(Faults{ExtraMembers: true})
	_, body = get(t, tenant, path)
	equal(t, "stranger in the document", body["xms_stranger"], "a member of tomorrow")
	_, body = get(t, tenant, keys)
	equal(t, "stranger in the key", body["keys"].([]any)[0].(map[string]any)["xms_stranger"], "a member of tomorrow")
	_, claims := mint(t, tenant, Request{User: "reader"})
	equal(t, "stranger in the claims", claims["xms_stranger"], "a member of tomorrow")

	var seen string
	tenant.SetFaults(Faults{Rewrite: func(what string, _ []byte) []byte {
		seen = what
		return []byte(`{"keys":[]}`)
	}})
	_, body = get(t, tenant, keys)
	equal(t, "rewritten", body, map[string]any{"keys": []any{}})
	equal(t, "what was rewritten", seen, "v2 keys")

	tenant.SetFaults(Faults{Delay: 50 * time.Millisecond})
	started := time.Now()
	get(t, tenant, path)
	if took := time.Since(started); took < 50*time.Millisecond {
		t.Errorf("answered after %v, want 50 ms or more", took)
	}

	tenant.SetFaults(Faults{HalfV1: true})
	count := make(map[any]int)
	for range 10 {
		_, claims := mint(t, tenant, Request{User: "reader"})
		count[claims["ver"]]++
	}
	equal(t, "v1.0 of ten tokens", count["1.0"], 5)

	tenant.SetFaults(Faults{})
	status, _ = get(t, tenant, path)
	equal(t, "status without faults", status, 200)
}

func TestKeysAreShuffledWhenAsked(t *testing.T) {
	tenant := start(t, nil)
	tenant.Rotate()
	tenant.SetFaults(Faults{ShuffleKeys: true})
	first := make(map[any]bool)
	for range 100 { // 2^-99 is the chance that one order comes every time
		_, set := get(t, tenant, "/"+tenant.Directory().TenantID+"/discovery/v2.0/keys")
		first[set["keys"].([]any)[0].(map[string]any)["kid"]] = true
		if len(first) == 2 {
			return
		}
	}
	t.Error("the same key came first each time")
}

func TestADelayedAnswerEndsWithItsClient(t *testing.T) {
	tenant, err := New(Sample(), "http://127.0.0.1:4190")
	if err != nil {
		t.Fatal(err)
	}
	tenant.SetFaults(Faults{Delay: time.Hour})
	request := httptest.NewRequest("GET", "/"+tenant.Directory().TenantID+"/discovery/keys", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	answer := httptest.NewRecorder()
	tenant.Handler().ServeHTTP(answer, request.WithContext(ctx))
	equal(t, "body", answer.Body.String(), "")
}

func TestABaseMustBeAnAddressWithoutAFinalSlash(t *testing.T) {
	for _, base := range []string{"", "127.0.0.1:4190", "http://127.0.0.1:4190/", "http://%zz"} {
		_, err := New(Sample(), base)
		want := `base "` + base + `": want an address such as http://127.0.0.1:4190, without a final slash`
		if err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}
