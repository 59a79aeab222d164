package entratest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// control posts a body to the control path.
func control(t *testing.T, tenant *Tenant, path, body string) (int, map[string]any) {
	t.Helper()
	response, err := http.Post(tenant.URL()+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, readObject(t, response)
}

func TestTheMintServesUsersAndApplications(t *testing.T) {
	tenant := start(t, nil)
	path := "/" + tenant.Directory().TenantID + "/fakeentra/mint"
	now := time.Now().Unix()
	status, body := post(t, tenant, path, url.Values{"user": {"reader"}, "client": {sampleService}, "api": {sampleAPI},
		"scope": {"a b"}, "version": {"1"}, "lifetime": {"1h"}, "issued_ago": {"2h"}})
	equal(t, "status", status, 200)
	equal(t, "expires_in", body["expires_in"], 3600)
	_, claims := parts(t, body["access_token"].(string))
	equal(t, "scp", claims["scp"], "a b")
	equal(t, "ver", claims["ver"], "1.0")
	equal(t, "appid", claims["appid"], sampleService)
	if ago := now - int64(claims["iat"].(float64)); ago < 7195 || ago > 7205 {
		t.Errorf("issued %d s ago, want 7200", ago)
	}

	_, body = post(t, tenant, path, url.Values{"client": {sampleService}})
	_, claims = parts(t, body["access_token"].(string))
	equal(t, "scp of an application", claims["scp"], nil)
	equal(t, "ver of an application", claims["ver"], "2.0")
}

func TestTheMintTellsWhatItDoesNotUnderstand(t *testing.T) {
	tenant := start(t, nil)
	path := "/" + tenant.Directory().TenantID + "/fakeentra/mint"
	tests := []struct{ field, value, want string }{
		{"user", "x", `the directory has no user "x"`},
		{"version", "3", `version: want 1 or 2, got "3"`},
		{"version", "two", `version: want 1 or 2, got "two"`},
		{"lifetime", "long", `lifetime: want a duration such as 90m, got "long"`},
		{"issued_ago", "60", `issued_ago: want a duration such as 90m, got "60"`},
		{"username", "reader", `unknown field "username": want user, client, api, scope, version, lifetime, issued_ago`},
	}
	for _, test := range tests {
		status, body := post(t, tenant, path, url.Values{test.field: {test.value}})
		equal(t, "status", status, 400)
		equal(t, "error", body["error"], test.want)
	}
	status, body := control(t, tenant, "/common/fakeentra/mint", "")
	equal(t, "status of another tenant", status, 400)
	equal(t, "error of another tenant", body["error"], "invalid_tenant")
	response, err := http.Post(tenant.URL()+path, "application/x-www-form-urlencoded", strings.NewReader("a=%zz"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "error of an unreadable form", readObject(t, response)["error"], `the form cannot be read: invalid URL escape "%zz"`)
}

func TestKeysRotateAndGoOnTheControlPath(t *testing.T) {
	tenant := start(t, nil)
	first := tenant.KeyIDs()[0]
	_, body := control(t, tenant, "/fakeentra/rotate", "")
	second := tenant.KeyIDs()[1]
	equal(t, "rotated to", body["kid"], second)
	_, body = control(t, tenant, "/fakeentra/remove?kid="+first, "")
	equal(t, "left", body["keys"], []string{second})
	status, body := control(t, tenant, "/fakeentra/remove?kid=x", "")
	equal(t, "status", status, 404)
	equal(t, "error", body["error"], `the tenant has no key "x"`)

	_, body = control(t, tenant, "/fakeentra/rotate?api="+sampleAPI, "")
	header, _ := mint(t, tenant, Request{User: "reader"})
	equal(t, "the API's own key", header["kid"], body["kid"])
	equal(t, "the tenant's", tenant.KeyIDs(), []string{second})
	status, body = control(t, tenant, "/fakeentra/rotate?api=x", "")
	equal(t, "status", status, 404)
	equal(t, "error", body["error"], `api: want the application id of an API, got "x"`)
}

func TestFaultsAreSetOnTheControlPath(t *testing.T) {
	tenant := start(t, nil)
	want := map[string]any{"status": 503, "delay": "1ms", "shuffle_keys": true, "extra_members": true, "half_v1": true}
	status, body := control(t, tenant, "/fakeentra/faults",
		`{"status":503,"delay":"1ms","shuffle_keys":true,"extra_members":true,"half_v1":true}`)
	equal(t, "status", status, 200)
	equal(t, "faults", body, want)
	_, body = get(t, tenant, "/fakeentra/")
	equal(t, "faults shown", body["faults"], want)
	_, body = control(t, tenant, "/fakeentra/faults", `{"refuse":53003,"refuse_at":"token"}`)
	equal(t, "the number shown", body["refuse"], 53003)
	_, body = oauth(t, tenant, "token", form(nil))
	equal(t, "the number answered", body["error_codes"], []int{53003})
	_, body = control(t, tenant, "/fakeentra/faults", `{}`)
	equal(t, "faults of {}", body["status"], 0)

	tests := []struct{ body, want string }{
		{`{"stauts":503}`, `want JSON such as {"status":503,"delay":"2s","half_v1":true}: json: unknown field "stauts"`},
		{`{"status":99}`, `status: want 200 to 599, or 0 for none, got 99`},
		{`{"delay":"long"}`, `delay: want a duration such as 2s, got "long"`},
		{`{"refuse":1,"refuse_at":"mint"}`, `refuse_at: want token, devicecode or authorize, got "mint"`},
		{`{"delay":"-1s"}`, `delay: want a duration such as 2s, got "-1s"`},
	}
	for _, test := range tests {
		status, body := control(t, tenant, "/fakeentra/faults", test.body)
		equal(t, "status", status, 400)
		equal(t, "error", body["error"], test.want)
	}
}

func TestTheControlPathShowsWhatThereIsButNoSecret(t *testing.T) {
	tenant := start(t, nil)
	_, body := get(t, tenant, "/fakeentra/")
	equal(t, "members", names(body), "apis clients faults issuers keys tenant_id users")
	equal(t, "issuers", body["issuers"], []string{tenant.Issuer(1), tenant.Issuer(2)})
	equal(t, "clients", body["clients"], []map[string]string{
		{"name": "Desk app", "application_id": samplePublic}, {"name": "Nightly export", "application_id": sampleService}})
}

func TestTheControlPathIsForThisHostAlone(t *testing.T) {
	tenant, err := New(Sample(), "http://127.0.0.1:4190")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		peer string
		want int
	}{
		{"192.0.2.1:1234", 403}, {"[2001:db8::1]:1234", 403}, {"[::ffff:192.0.2.1]:1234", 403},
		{"127.0.0.1:1234", 200}, {"[::1]:1234", 200}, {"[::ffff:127.0.0.1]:1234", 200}, {"pipe", 200},
	}
	for _, test := range tests {
		for _, path := range []string{"GET /fakeentra/", "POST /fakeentra/faults", "GET /devicelogin",
			"POST /" + tenant.Directory().TenantID + "/fakeentra/mint"} {
			method, path, _ := strings.Cut(path, " ")
			request := httptest.NewRequest(method, path, strings.NewReader("{}"))
			request.RemoteAddr = test.peer
			answer := httptest.NewRecorder()
			tenant.Handler().ServeHTTP(answer, request)
			equal(t, "status of "+path+" for "+test.peer, answer.Code, test.want)
		}
	}
}

// Who signs in needs no password here, so only this host may.
func TestOnlyThisHostSignsIn(t *testing.T) {
	tenant, err := New(Sample(), "http://127.0.0.1:4190")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/devicelogin", "/" + tenant.Directory().TenantID + "/oauth2/v2.0/authorize"} {
		for peer, want := range map[string]int{"192.0.2.1:1234": 403, "127.0.0.1:1234": 400} {
			request := httptest.NewRequest("POST", path, strings.NewReader("user=reader"))
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.RemoteAddr = peer
			answer := httptest.NewRecorder()
			tenant.Handler().ServeHTTP(answer, request)
			equal(t, "status of "+path+" for "+peer, answer.Code, want)
		}
	}
}

func TestOneTenantServesManyAtOnce(t *testing.T) {
	tenant := start(t, nil)
	done := make(chan struct{})
	for i := range 8 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 5 {
				if _, err := tenant.Mint(Request{User: "reader"}); err != nil {
					t.Error(err)
				}
				if response, err := http.Get(tenant.URL() + "/" + tenant.Directory().TenantID + "/discovery/v2.0/keys"); err != nil {
					t.Error(err)
				} else {
					response.Body.Close()
				}
				tenant.SetFaults(Faults{ShuffleKeys: i%2 == 0})
			}
			if i == 0 {
				tenant.Remove(tenant.Rotate())
			}
		}()
	}
	for range 8 {
		<-done
	}
	equal(t, "count", tenant.Requests("v2 keys"), 40)
}
