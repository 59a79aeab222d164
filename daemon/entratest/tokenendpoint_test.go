package entratest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// The API and the clients of the sample.
const (
	sampleAPI     = "c8d14e02-7b6a-4f39-9e51-2a84f06d73bc"
	samplePublic  = "3e90b7d5-4c12-4a8f-b06e-d7f1529a8c64"
	sampleService = "a1f75c38-62de-4b90-8d43-0be9c7248f15"
	sampleSecret  = "fake-secret-of-the-sample"
)

// form gives a good request for version 2 with the changes; "" removes a field.
func form(changes map[string]string) url.Values {
	values := url.Values{"grant_type": {"client_credentials"}, "client_id": {sampleService}, "client_secret": {sampleSecret},
		"scope": {"api://" + sampleAPI + "/.default"}}
	for name, value := range changes {
		values.Set(name, value)
		if value == "" {
			values.Del(name)
		}
	}
	return values
}

func TestAnApplicationGetsATokenOfItsOwn(t *testing.T) {
	tenant := start(t, nil)
	status, body := post(t, tenant, "/"+tenant.Directory().TenantID+"/oauth2/v2.0/token", form(nil))
	equal(t, "status", status, 200)
	equal(t, "members", names(body), "access_token expires_in ext_expires_in token_type")
	equal(t, "expires_in", body["expires_in"], 4500)
	equal(t, "token_type", body["token_type"], "Bearer")
	if err := verify(t, tenant, 2, body["access_token"].(string)); err != nil {
		t.Error(err)
	}
	_, claims := parts(t, body["access_token"].(string))
	equal(t, "azp", claims["azp"], sampleService)
	equal(t, "scp", claims["scp"], nil)
	equal(t, "count", tenant.Requests("token"), 1)
}

// What a client understands, and what it was told to ask for, reaches the token where the API's registration wants it.
func TestTheClaimsParameterReachesTheToken(t *testing.T) {
	const asked = `{"access_token":{"xms_cc":{"values":["cp1"]},"acrs":{"essential":true,"value":"c1"},"nbf":{"essential":true,"value":"1"}}}`
	for _, test := range []struct {
		optional, claims string
		capabilities     any
		context          any
	}{
		{"xms_cc", asked, []string{"cp1"}, []string{"c1"}},
		{"email", asked, nil, []string{"c1"}},
		{"xms_cc", `{"access_token":{}}`, nil, nil},
		{"xms_cc", "", nil, nil},
	} {
		tenant := start(t, func(d *Directory) { d.APIs[0].OptionalClaims = []string{test.optional} })
		userCode, poll := beginDevice(t, tenant, sampleScope)
		if err := tenant.SignIn(userCode, "reader"); err != nil {
			t.Fatal(err)
		}
		poll.Set("claims", test.claims)
		_, byUser := oauth(t, tenant, "token", poll)
		_, byApp := oauth(t, tenant, "token", form(map[string]string{"claims": test.claims}))
		for _, body := range []map[string]any{byUser, byApp} {
			_, claims := parts(t, body["access_token"].(string))
			equal(t, "xms_cc", claims["xms_cc"], test.capabilities)
			equal(t, "acrs", claims["acrs"], test.context)
		}
		status, body := oauth(t, tenant, "token", form(map[string]string{"claims": "x"}))
		equal(t, "status of what is no JSON", status, 400)
		equal(t, "error_codes", body["error_codes"], []int{9002313})
	}
}

func TestTheClientMayAuthenticateInTheHeader(t *testing.T) {
	tenant := start(t, func(d *Directory) { d.Clients[1].Secret = "a+b%c &" })
	for _, secret := range []string{url.QueryEscape("a+b%c &"), "a%2Bb%25c%20%26"} {
		request, err := http.NewRequest("POST", tenant.URL()+"/"+tenant.Directory().TenantID+"/oauth2/v2.0/token",
			strings.NewReader(form(map[string]string{"client_id": "", "client_secret": ""}).Encode()))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.SetBasicAuth(sampleService, secret)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "token_type", readObject(t, response)["token_type"], "Bearer")
	}
}

func TestTheFirstVersionsEndpointNamesResourcesAndWritesNumbersAsText(t *testing.T) {
	tenant := start(t, func(d *Directory) { d.APIs[0].AccessTokenVersion = 1 })
	for _, resource := range []string{sampleAPI, "api://" + sampleAPI, "api://" + sampleAPI + "/"} {
		status, body := post(t, tenant, "/"+tenant.Directory().TenantID+"/oauth2/token",
			form(map[string]string{"scope": "", "resource": resource}))
		equal(t, "status", status, 200)
		equal(t, "members", names(body), "access_token expires_in expires_on ext_expires_in not_before resource token_type")
		equal(t, "expires_in", body["expires_in"], "4500")
		equal(t, "resource", body["resource"], resource)
		_, claims := parts(t, body["access_token"].(string))
		equal(t, "aud", claims["aud"], resource)
		equal(t, "expires_on", body["expires_on"], strconv.Itoa(int(claims["exp"].(float64))))
	}
}

func TestTheTokenEndpointRefusesAsEntraDoes(t *testing.T) {
	tenant := start(t, func(d *Directory) {
		d.Clients = append(d.Clients, App{ApplicationID: "0b6f9d27-81c4-4e5a-93d8-f2a70c5be416", Secret: "s"})
	})
	const stranger = "11111111-2222-4333-8444-555555555555"
	tests := []struct {
		name    string
		version string
		changes map[string]string
		status  int
		oauth   string
		text    string
	}{
		{"no grant type", "/v2.0", map[string]string{"grant_type": ""}, 400, "invalid_request",
			"AADSTS900144: The request lacks the parameter 'grant_type'."},
		{"another grant type", "/v2.0", map[string]string{"grant_type": "password"}, 400, "unsupported_grant_type",
			"AADSTS70003: The grant type 'password' is not supported."},
		{"no client", "/v2.0", map[string]string{"client_id": ""}, 400, "invalid_request",
			"AADSTS900144: The request lacks the parameter 'client_id'."},
		{"an unknown client", "/v2.0", map[string]string{"client_id": stranger}, 400, "unauthorized_client",
			"AADSTS700016: Application '" + stranger + "' was not found in the directory '" + tenant.Directory().TenantID + "'."},
		{"no secret", "/v2.0", map[string]string{"client_secret": ""}, 401, "invalid_client",
			"AADSTS7000216: The grant 'client_credentials' needs 'client_assertion' or 'client_secret'."},
		{"a wrong secret", "/v2.0", map[string]string{"client_secret": "x"}, 401, "invalid_client",
			"AADSTS7000215: The client secret is not one of the application '" + sampleService + "'; it must be the secret's value, not its id."},
		{"a public client", "/v2.0", map[string]string{"client_id": samplePublic}, 401, "invalid_client",
			"AADSTS700025: The client is public: it must send neither 'client_secret' nor 'client_assertion'."},
		{"a client without a service principal", "/v2.0",
			map[string]string{"client_id": "0b6f9d27-81c4-4e5a-93d8-f2a70c5be416", "client_secret": "s"}, 400, "unauthorized_client",
			"AADSTS7000112: Application '0b6f9d27-81c4-4e5a-93d8-f2a70c5be416' is disabled: the directory gives it no object_id."},
		{"no scope", "/v2.0", map[string]string{"scope": ""}, 400, "invalid_request",
			"AADSTS900144: The request lacks the parameter 'scope'."},
		{"a scope that is not .default", "/v2.0", map[string]string{"scope": "api://" + sampleAPI + "/platform.read-write"}, 400, "invalid_scope",
			"AADSTS1002012: The scope api://" + sampleAPI + "/platform.read-write is not valid: for client credentials it is a resource and /.default."},
		{"the scope of nothing", "/v2.0", map[string]string{"scope": "/.default"}, 400, "invalid_scope",
			"AADSTS1002012: The scope /.default is not valid: for client credentials it is a resource and /.default."},
		{"another API", "/v2.0", map[string]string{"scope": "https://other.contoso.example/.default"}, 400, "invalid_resource",
			"AADSTS500011: The resource https://other.contoso.example was not found in the tenant " + tenant.Directory().TenantID + "."},
		{"no resource", "", nil, 400, "invalid_request",
			"AADSTS900144: The request lacks the parameter 'resource'."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status, body := post(t, tenant, "/"+tenant.Directory().TenantID+"/oauth2"+test.version+"/token", form(test.changes))
			equal(t, "status", status, test.status)
			equal(t, "error", body["error"], test.oauth)
			text, _, _ := strings.Cut(body["error_description"].(string), " Trace ID: ")
			equal(t, "error_description", text, test.text)
			equal(t, "members", names(body), "correlation_id error error_codes error_description error_uri timestamp trace_id")
			code := int(body["error_codes"].([]any)[0].(float64))
			if !strings.HasPrefix(text, "AADSTS"+strconv.Itoa(code)+": ") {
				t.Errorf("error_codes %d is not that of %s", code, text)
			}
		})
	}
}

func TestTheTokenEndpointOfAnotherTenantAndAnUnreadableForm(t *testing.T) {
	tenant := start(t, nil)
	status, body := post(t, tenant, "/common/oauth2/v2.0/token", form(nil))
	equal(t, "status", status, 400)
	equal(t, "error", body["error"], "invalid_tenant")
	response, err := http.Post(tenant.URL()+"/"+tenant.Directory().TenantID+"/oauth2/token",
		"application/x-www-form-urlencoded", strings.NewReader("a=%zz"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "error", readObject(t, response)["error"], "invalid_request")
}
