package entratest

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

const sampleScope = "api://" + sampleAPI + "/.default"

// oauth posts a form to an OAuth endpoint of version 2.
func oauth(t *testing.T, tenant *Tenant, endpoint string, form url.Values) (int, map[string]any) {
	t.Helper()
	return post(t, tenant, "/"+tenant.Directory().TenantID+"/oauth2/v2.0/"+endpoint, form)
}

// beginDevice asks for a device code of the desk app.
func beginDevice(t *testing.T, tenant *Tenant, scope string) (userCode string, poll url.Values) {
	t.Helper()
	status, body := oauth(t, tenant, "devicecode", url.Values{"client_id": {samplePublic}, "scope": {scope}})
	if status != 200 {
		t.Fatalf("%d %v", status, body)
	}
	return body["user_code"].(string), url.Values{
		"grant_type": {"device_code"}, "client_id": {samplePublic}, "device_code": {body["device_code"].(string)}, "client_info": {"1"},
	}
}

func TestADeviceGetsTheTokensOfWhoSignsIn(t *testing.T) {
	tenant := start(t, nil)
	status, body := oauth(t, tenant, "devicecode", url.Values{"client_id": {samplePublic},
		"scope": {sampleScope + " openid profile offline_access"}, "x-client-SKU": {"x"}})
	equal(t, "status", status, 200)
	equal(t, "members", names(body), "device_code expires_in interval message user_code verification_uri")
	equal(t, "expires_in", body["expires_in"], 900)
	equal(t, "interval", body["interval"], 5)
	equal(t, "verification_uri", body["verification_uri"], tenant.URL()+"/devicelogin")
	userCode := body["user_code"].(string)
	if !regexp.MustCompile(`^[A-Z2-9]{9}$`).MatchString(userCode) {
		t.Errorf("the user code is %q", userCode)
	}
	equal(t, "message", body["message"], "Open the page "+tenant.URL()+"/devicelogin and enter the code "+userCode+" to sign in.")
	equal(t, "waiting", tenant.UserCodes(), []string{userCode})

	poll := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {samplePublic},
		"device_code": {body["device_code"].(string)}}
	status, body = oauth(t, tenant, "token", poll)
	equal(t, "status while nobody has signed in", status, 400)
	equal(t, "error while nobody has signed in", body["error"], "authorization_pending")
	equal(t, "code while nobody has signed in", body["error_codes"], []int{70016})

	if err := tenant.SignIn(" "+strings.ToLower(userCode), "ADA@contoso.example"); err != nil {
		t.Fatal(err)
	}
	equal(t, "waiting after the sign-in", tenant.UserCodes(), nil)
	poll.Set("client_info", "1")
	poll.Set("grant_type", "device_code")
	status, body = oauth(t, tenant, "token", poll)
	equal(t, "status", status, 200)
	equal(t, "members", names(body), "access_token client_info expires_in ext_expires_in id_token refresh_token scope token_type")
	equal(t, "scope", body["scope"], "api://"+sampleAPI+"/platform.read-write "+sampleScope)
	if err := verify(t, tenant, 2, body["access_token"].(string)); err != nil {
		t.Error(err)
	}
	if err := verify(t, tenant, 2, body["id_token"].(string)); err != nil {
		t.Error(err)
	}
	const ada = "d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42"
	_, claims := parts(t, body["access_token"].(string))
	equal(t, "oid", claims["oid"], ada)
	equal(t, "aud", claims["aud"], sampleAPI)
	equal(t, "scp", claims["scp"], "platform.read-write")
	equal(t, "azpacr", claims["azpacr"], "0")
	_, claims = parts(t, body["id_token"].(string))
	equal(t, "aud of the ID token", claims["aud"], samplePublic)
	equal(t, "members of the ID token", names(claims), "aud exp iat iss name nbf oid preferred_username rh sub tid uti ver")
	info, err := base64.RawURLEncoding.DecodeString(body["client_info"].(string))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "client_info", string(info), `{"uid":"`+ada+`","utid":"`+tenant.Directory().TenantID+`"}`)

	_, body = oauth(t, tenant, "token", poll)
	equal(t, "error of a second redemption", body["error"], "bad_verification_code")
	equal(t, "count", tenant.Requests("devicecode"), 1)
}

func TestADeviceHearsHowItsCodeEnds(t *testing.T) {
	tenant := start(t, func(d *Directory) { d.DeviceCodeSeconds, d.DeviceCodeInterval = 60, 1 })
	tests := []struct {
		name  string
		end   func(userCode string) error
		oauth string
		code  int
	}{
		{"declined", tenant.Decline, "authorization_declined", 65004},
		{"expired", tenant.Expire, "expired_token", 70020},
		{"refused", func(code string) error {
			equal(t, "what the page says", tenant.SignIn(code, "nobody").Error(),
				"AADSTS50034: The user account 'nobody' does not exist in the directory "+tenant.Directory().TenantID+".")
			return nil
		}, "invalid_grant", 50034},
		{"too fast", func(code string) error { return tenant.SlowDown(code, 1) }, "slow_down", 70016},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			userCode, poll := beginDevice(t, tenant, sampleScope)
			if err := test.end(userCode); err != nil {
				t.Fatal(err)
			}
			status, body := oauth(t, tenant, "token", poll)
			equal(t, "status", status, 400)
			equal(t, "error", body["error"], test.oauth)
			equal(t, "error_codes", body["error_codes"], []int{test.code})
		})
	}
	_, poll := beginDevice(t, tenant, sampleScope)
	poll.Set("client_id", sampleService)
	poll.Set("client_secret", sampleSecret)
	_, body := oauth(t, tenant, "token", poll)
	equal(t, "error of another client", body["error"], "bad_verification_code")
	for _, err := range []error{tenant.SignIn("NOSUCH", "reader"), tenant.Decline("NOSUCH"), tenant.SlowDown("NOSUCH", 1), tenant.Expire("NOSUCH")} {
		equal(t, "an unknown user code", err.Error(), `no device waits with the code "NOSUCH"`)
	}
}

// At Entra most refusals of a sign-in are seen in the browser, and the device waits on until its code expires.
func TestARefusalMayStayInTheBrowser(t *testing.T) {
	tenant := start(t, func(d *Directory) { d.RefusesInBrowser, d.BlocksDeviceCode = true, true })
	userCode, poll := beginDevice(t, tenant, sampleScope)
	equal(t, "what the page says", tenant.SignIn(userCode, "reader").Error(), "AADSTS53003: Conditional Access does not let a token be issued.")
	_, body := oauth(t, tenant, "token", poll)
	equal(t, "error", body["error"], "authorization_pending")
}

func TestACodeThatHasEndedIsNoLongerWaitedFor(t *testing.T) {
	tenant := start(t, nil)
	for want, end := range map[string]func(string) error{
		"AADSTS70019: The code has expired.": tenant.Expire,
		"has been used":                      tenant.Decline,
		`" has been used`:                    func(code string) error { return tenant.SignIn(code, "reader") },
	} {
		userCode, _ := beginDevice(t, tenant, sampleScope)
		if err := end(userCode); err != nil {
			t.Fatal(err)
		}
		equal(t, "waiting", tenant.UserCodes(), nil)
		for _, err := range []error{tenant.SignIn(userCode, "reader"), tenant.Decline(userCode)} {
			if err == nil || !strings.HasSuffix(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	}
}

func TestARefreshTokenStandsForItsUser(t *testing.T) {
	tenant := start(t, nil)
	userCode, poll := beginDevice(t, tenant, "User.Read offline_access")
	if err := tenant.SignIn(userCode, "reader"); err != nil {
		t.Fatal(err)
	}
	_, body := oauth(t, tenant, "token", poll)
	refresh := url.Values{"grant_type": {"refresh_token"}, "client_id": {samplePublic}, "refresh_token": {body["refresh_token"].(string)}}
	_, body = oauth(t, tenant, "token", refresh)
	equal(t, "scope of the first time", body["scope"], "User.Read")
	refresh.Set("scope", sampleScope)
	_, body = oauth(t, tenant, "token", refresh)
	_, claims := parts(t, body["access_token"].(string))
	equal(t, "aud of another scope", claims["aud"], sampleAPI)
	equal(t, "members without offline_access", names(body), "access_token expires_in ext_expires_in scope token_type")

	tests := []struct {
		name   string
		change func(url.Values)
		code   int
	}{
		{"another client", func(form url.Values) { form.Set("client_id", sampleService); form.Set("client_secret", sampleSecret) }, 70000},
		{"an unknown token", func(form url.Values) { form.Set("refresh_token", "x") }, 70000},
		{"no token", func(form url.Values) { form.Del("refresh_token") }, 90014},
		{"a wrong scope", func(form url.Values) { form.Set("scope", "api://"+sampleAPI+"/nothing") }, 650053},
		{"sign-in frequency", func(url.Values) { tenant.ExpireRefreshTokens(false) }, 70043},
		{"inactivity", func(url.Values) { tenant.ExpireRefreshTokens(true) }, 700082},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			form := url.Values{}
			for name, values := range refresh {
				form[name] = values
			}
			test.change(form)
			status, body := oauth(t, tenant, "token", form)
			equal(t, "status", status, 400)
			equal(t, "error_codes", body["error_codes"], []int{test.code})
		})
	}
}

// A client that never comes back for its codes must not fill the memory.
func TestATenantKeepsAThousandOfEachAndLetsTheOldestGo(t *testing.T) {
	kept := make([]int, 0)
	for i := range maxKept + 5 {
		kept = keep(kept, i)
	}
	equal(t, "kept", []int{len(kept), kept[0], kept[len(kept)-1]}, []int{maxKept, 5, maxKept + 4})
}

func TestTheVerificationPageTakesACodeAndAName(t *testing.T) {
	tenant := start(t, nil)
	userCode, _ := beginDevice(t, tenant, sampleScope)
	status, text := browse(t, tenant.URL()+"/devicelogin?user_code="+userCode+`"<x>`, nil)
	equal(t, "status", status, 200)
	contains(t, text, `value="`+userCode+`&#34;&lt;x&gt;"`, "<option>reader</option>")
	page := tenant.URL() + "/devicelogin"
	status, text = browse(t, page, url.Values{"user_code": {userCode}, "user": {"<b>"}})
	equal(t, "status for nobody", status, 400)
	contains(t, text, "AADSTS50034: The user account &#39;&lt;b&gt;&#39; does not exist")

	userCode, poll := beginDevice(t, tenant, sampleScope)
	status, text = browse(t, page, url.Values{"user_code": {userCode}, "user": {"reader"}})
	equal(t, "status for the reader", status, 200)
	contains(t, text, "You have signed in.")
	status, _ = oauth(t, tenant, "token", poll)
	equal(t, "status of the poll", status, 200)

	userCode, poll = beginDevice(t, tenant, sampleScope)
	_, text = browse(t, page, url.Values{"user_code": {userCode}, "answer": {"decline"}})
	contains(t, text, "You have declined.")
	_, body := oauth(t, tenant, "token", poll)
	equal(t, "error of the poll", body["error"], "authorization_declined")
	status, text = browse(t, page, url.Values{"user_code": {"NOSUCH"}, "user": {"reader"}})
	equal(t, "status of an unknown code", status, 400)
	contains(t, text, "no device waits with the code")
}

func TestADeviceCodeLastsAsLongAsTheDirectorySays(t *testing.T) {
	tenant := start(t, func(d *Directory) { d.DeviceCodeSeconds = 1 })
	_, poll := beginDevice(t, tenant, sampleScope)
	tenant.mu.Lock()
	tenant.devices[0].expires = tenant.devices[0].expires.Add(-time.Second)
	tenant.mu.Unlock()
	_, body := oauth(t, tenant, "token", poll)
	equal(t, "error", body["error"], "expired_token")
}
