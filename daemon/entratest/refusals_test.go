package entratest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Each AADSTS number that a setting of the directory or a request leads to, with the OAuth error and the status that come
// with it.
func TestEachSettingLeadsToItsNumber(t *testing.T) {
	const other = "0b6f9d27-81c4-4e5a-93d8-f2a70c5be416"
	tests := []struct {
		code     int
		name     string
		change   func(*Directory)
		ask      func(*testing.T, *Tenant) (int, map[string]any)
		status   int
		oauth    string
		suberror string
	}{
		{50020, "a user of another tenant", func(d *Directory) { d.Users[0].Foreign = true }, byDevice(sampleScope), 400, "invalid_grant", ""},
		{50057, "a disabled user", func(d *Directory) { d.Users[0].Disabled = true }, byDevice(sampleScope), 400, "invalid_grant", ""},
		{50076, "a second factor", func(d *Directory) { d.Users[0].MFA = "required" }, byDevice(sampleScope), 400, "invalid_grant", "basic_action"},
		{50079, "no second factor yet", func(d *Directory) { d.Users[0].MFA = "enroll" }, byDevice(sampleScope), 400, "invalid_grant", "basic_action"},
		{50105, "not assigned", func(d *Directory) { d.APIs[0].AssignmentRequired = true }, byDevice(sampleScope), 400, "invalid_grant", ""},
		{0, "assigned", func(d *Directory) { d.APIs[0].AssignmentRequired, d.APIs[0].Assigned = true, []string{"reader"} },
			byDevice(sampleScope), 200, "", ""},
		{53003, "device code blocked", func(d *Directory) { d.BlocksDeviceCode = true }, byDevice(sampleScope), 400, "invalid_grant", "message_only"},
		{65001, "no consent", func(d *Directory) { d.Clients[0].NoConsent = true }, byDevice(sampleScope), 400, "invalid_grant", "consent_required"},
		{7000218, "no public client", func(d *Directory) { d.Clients[0].AllowPublicClient = new(false) }, byDevice(sampleScope), 401, "invalid_client", ""},
		{50146, "a claims mapping without a key", func(d *Directory) { d.APIs[0].ClaimsMapping = true }, byDevice(sampleScope), 400, "invalid_request", ""},
		{0, "a claims mapping for the GUID", func(d *Directory) { d.APIs[0].ClaimsMapping, d.APIs[0].AcceptMappedClaims = true, true },
			byDevice(sampleScope), 200, "", ""},
		{501461, "a claims mapping for another audience", func(d *Directory) {
			d.APIs[0].ClaimsMapping, d.APIs[0].AcceptMappedClaims, d.APIs[0].AccessTokenVersion = true, true, 1
		}, byDevice(sampleScope), 400, "invalid_request", ""},
		{0, "a claims mapping with a key", func(d *Directory) { d.APIs[0].ClaimsMapping, d.APIs[0].SigningKey = true, true }, byDevice(sampleScope), 200, "", ""},

		{900144, "no scope", nil, asDevice(""), 400, "invalid_request", ""},
		{500011, "an unknown resource", nil, asDevice("api://" + other + "/.default"), 400, "invalid_resource", ""},
		{650052, "a service not enabled", func(d *Directory) { d.APIs[0].NotEnabled = true }, asDevice(sampleScope), 400, "invalid_client", ""},
		{650053, "an unknown scope", nil, asDevice("api://" + sampleAPI + "/nothing"), 400, "invalid_client", ""},
		{650053, "an unknown scope of Graph", nil, asDevice("platform.read-write"), 400, "invalid_client", ""},
		{650057, "a resource not listed", func(d *Directory) { d.Clients[0].Permissions = []string{other} }, asDevice(sampleScope), 400, "invalid_resource", ""},
		{0, "a resource listed", func(d *Directory) { d.Clients[0].Permissions = []string{strings.ToUpper(sampleAPI)} }, asDevice(sampleScope), 200, "", ""},
		{70011, ".default and more", nil, asDevice(sampleScope + " api://" + sampleAPI + "/platform.read-write"), 400, "invalid_scope", ""},
		{70011, "a resource alone", nil, asDevice("api://" + sampleAPI + "/"), 400, "invalid_scope", ""},
		{28000, "two resources", nil, asDevice("User.Read " + sampleScope), 400, "invalid_request", ""},
		{7000112, "a disabled client", func(d *Directory) { d.Clients[0].Disabled = true }, asDevice(sampleScope), 400, "unauthorized_client", ""},

		{7000222, "an expired secret", func(d *Directory) { d.Clients[1].ExpiredSecrets = []string{"old"} },
			asService(map[string]string{"client_secret": "old"}), 401, "invalid_client", ""},
		{7000215, "a secret of a client that has certificates only", func(d *Directory) {
			d.Clients[1].Secret, d.Clients[1].ExpiredSecrets = "", []string{"old"}
		}, asService(map[string]string{"client_secret": "x"}), 401, "invalid_client", ""},
		{501051, "an application not assigned", func(d *Directory) { d.APIs[0].AssignmentRequired = true }, asService(nil), 400, "invalid_grant", ""},
		{0, "an application assigned", func(d *Directory) { d.APIs[0].AssignmentRequired, d.APIs[0].Assigned = true, []string{sampleService} },
			asService(nil), 200, "", ""},
		{50146, "a claims mapping and an application", func(d *Directory) { d.APIs[0].ClaimsMapping = true }, asService(nil), 400, "invalid_request", ""},
		{650052, "an application and a service not enabled", func(d *Directory) { d.APIs[0].NotEnabled = true }, asService(nil), 400, "invalid_client", ""},
		{0, "words that Microsoft's libraries add", nil, asService(map[string]string{"scope": sampleScope + " openid offline_access profile"}), 200, "", ""},
		{90014, "no device code", nil, asService(map[string]string{"grant_type": "device_code"}), 400, "invalid_request", ""},
		{70003, "a grant that is not served", nil, asService(map[string]string{"grant_type": "password"}), 400, "unsupported_grant_type", ""},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%d %s", test.code, test.name), func(t *testing.T) {
			status, body := test.ask(t, start(t, test.change))
			equal(t, "status", status, test.status)
			if test.code == 0 {
				equal(t, "error", body["error_description"], nil)
				return
			}
			equal(t, "error", body["error"], test.oauth)
			equal(t, "error_codes", body["error_codes"], []int{test.code})
			suberror, _ := body["suberror"].(string)
			equal(t, "suberror", suberror, test.suberror)
			contains(t, body["error_description"].(string), fmt.Sprintf("AADSTS%d: ", test.code), " Trace ID: "+body["trace_id"].(string)+
				" Correlation ID: "+body["correlation_id"].(string)+" Timestamp: "+body["timestamp"].(string))
		})
	}
}

// asDevice asks for a device code.
func asDevice(scope string) func(*testing.T, *Tenant) (int, map[string]any) {
	return func(t *testing.T, tenant *Tenant) (int, map[string]any) {
		return oauth(t, tenant, "devicecode", url.Values{"client_id": {samplePublic}, "scope": {scope}})
	}
}

// byDevice lets the reader sign in, and polls once.
func byDevice(scope string) func(*testing.T, *Tenant) (int, map[string]any) {
	return func(t *testing.T, tenant *Tenant) (int, map[string]any) {
		userCode, poll := beginDevice(t, tenant, scope)
		_ = tenant.SignIn(userCode, "reader") // the poll hears the same
		return oauth(t, tenant, "token", poll)
	}
}

// asService asks for the nightly export's own token.
func asService(changes map[string]string) func(*testing.T, *Tenant) (int, map[string]any) {
	return func(t *testing.T, tenant *Tenant) (int, map[string]any) {
		return oauth(t, tenant, "token", form(changes))
	}
}

func TestASecretIsNotForAPublicClientInAnyGrant(t *testing.T) {
	tenant := start(t, nil)
	_, poll := beginDevice(t, tenant, sampleScope)
	poll.Set("client_secret", "x")
	status, body := oauth(t, tenant, "token", poll)
	equal(t, "status", status, 401)
	equal(t, "error_codes", body["error_codes"], []int{700025})
}

// Whoever asks for no scope of the API gets a token of Microsoft Graph, whose signature nobody else can check.
func TestAScopeWithoutAResourceLeadsToMicrosoftGraph(t *testing.T) {
	tenant := start(t, nil)
	for scope, granted := range map[string]string{"User.Read": "User.Read", "openid profile": "User.Read",
		"https://graph.microsoft.com/.default": "https://graph.microsoft.com/User.Read https://graph.microsoft.com/.default"} {
		t.Run(scope, func(t *testing.T) {
			_, body := byDevice(scope)(t, tenant)
			equal(t, "scope", body["scope"], granted)
			header, claims := parts(t, body["access_token"].(string))
			equal(t, "aud", claims["aud"], "https://graph.microsoft.com")
			equal(t, "members of the header", names(header), "alg kid nonce typ x5t")
			if err := verify(t, tenant, 1, body["access_token"].(string)); err == nil {
				t.Error("the signature holds")
			}
		})
	}
}

func TestAFirstVersionTokenBearsTheNameThatWasAskedFor(t *testing.T) {
	tenant := start(t, func(d *Directory) { d.APIs[0].AccessTokenVersion = 1 })
	for scope, want := range map[string]string{
		sampleScope: "api://" + sampleAPI, "api://" + sampleAPI + "//.default": "api://" + sampleAPI + "/",
		sampleAPI + "/platform.read-write": sampleAPI,
	} {
		_, body := byDevice(scope)(t, tenant)
		_, claims := parts(t, body["access_token"].(string))
		equal(t, "aud of "+scope, claims["aud"], want)
		contains(t, body["scope"].(string), want+"/platform.read-write")
	}
}

func TestAnyNumberCanBeAskedFor(t *testing.T) {
	tenant := start(t, nil)
	tenant.SetFaults(Faults{Refuse: 900432, RefuseAt: "token"})
	_, body := oauth(t, tenant, "token", form(nil))
	equal(t, "error_codes", body["error_codes"], []int{900432})
	equal(t, "error", body["error"], "invalid_request")
	status, _ := asDevice(sampleScope)(t, tenant)
	equal(t, "status of another endpoint", status, 200)

	tenant.SetFaults(Faults{Refuse: 7000113})
	for _, endpoint := range []string{"token", "devicecode"} {
		_, body := oauth(t, tenant, endpoint, form(nil))
		equal(t, "error_codes", body["error_codes"], []int{7000113})
		equal(t, "error", body["error"], "unauthorized_client")
	}
	redirect, got := callback(t)
	if err := tenant.Browse(authorizationOf(tenant, redirect, nil), "reader"); err != nil {
		t.Fatal(err)
	}
	contains(t, (<-got).Get("error_description"), "AADSTS7000113: ")

	tenant.SetFaults(Faults{Refuse: 12345})
	_, body = oauth(t, tenant, "token", form(nil))
	equal(t, "error of a number nobody knows", body["error"], "invalid_request")
	contains(t, body["error_description"].(string), "AADSTS12345: ")
}

func TestEveryFailureHasANumberOfItsOwn(t *testing.T) {
	seen := make(map[int]bool)
	for _, failure := range everyFailure {
		if seen[failure.code] && failure.code != wrongCode.code {
			t.Errorf("%d is there twice", failure.code)
		}
		seen[failure.code] = true
		if failure.oauth == "" || failure.format == "" || !strings.HasSuffix(failure.format, ".") {
			t.Errorf("%d lacks its error or its sentence: %+v", failure.code, failure)
		}
	}
}

// The endpoints read what strangers send: they bound it, and answer what they cannot read.
func TestWhatCannotBeReadIsRefused(t *testing.T) {
	tenant := start(t, nil)
	base := tenant.URL() + "/" + tenant.Directory().TenantID + "/oauth2/v2.0/"
	large := "client_id=" + strings.Repeat("x", maxForm)
	tests := []struct{ name, kind, body string }{
		{"too large", "application/x-www-form-urlencoded", large},
		{"a broken escape", "application/x-www-form-urlencoded", "client_id=%zz"},
		{"a separator of another kind", "application/x-www-form-urlencoded", "a=1;b=2"},
		{"a broken content type", "application/x-www-form-urlencoded; =", "client_id=x"},
	}
	for _, test := range tests {
		for _, endpoint := range []string{"token", "devicecode", "authorize"} {
			t.Run(test.name+" "+endpoint, func(t *testing.T) {
				response, err := http.Post(base+endpoint, test.kind, strings.NewReader(test.body))
				if err != nil {
					t.Fatal(err)
				}
				equal(t, "status", response.StatusCode, 400)
				equal(t, "error_codes", readObject(t, response)["error_codes"], []int{9002313})
			})
		}
	}
	response, err := http.Post(base+"token", "application/json", strings.NewReader(`{"grant_type":"client_credentials"}`))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "error_codes of JSON", readObject(t, response)["error_codes"], []int{900144})
	status, page := browse(t, tenant.URL()+"/devicelogin", url.Values{"user_code": {strings.Repeat("x", maxForm)}})
	equal(t, "status of the verification page", status, 400)
	contains(t, page, "AADSTS9002313")
	status, page = browse(t, base+"authorize", url.Values{"request": {"client_id=%zz"}})
	equal(t, "status of the sign-in page", status, 400)
	contains(t, page, "AADSTS9002313")
	for _, endpoint := range []string{"token", "devicecode"} {
		status, _ = browse(t, base+endpoint, nil)
		equal(t, "status of GET", status, 405)
	}
}

// A parameter in the query is none of the form: secrets there would end in the logs of whatever stands between.
func TestParametersInTheQueryAreNotRead(t *testing.T) {
	tenant := start(t, nil)
	_, body := oauth(t, tenant, "token?"+form(nil).Encode(), nil)
	equal(t, "error_codes", body["error_codes"], []int{900144})
}
