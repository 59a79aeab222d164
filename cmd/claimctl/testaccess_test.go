package main

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

// TestEveryEndingAtTheGateAndTheAPISaysWhatToChange: what may go wrong once there is a token. The tokens come on standard
// input, so that nobody has to sign in.
func TestEveryEndingAtTheGateAndTheAPISaysWhatToChange(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	tests := map[string]struct {
		request entratest.Request
		path    string
		exit    int
	}{
		"works":              {entratest.Request{User: "reader"}, "/", exitYes},
		"client":             {entratest.Request{User: "reader", Client: strangeApp}, "/", exitNo},
		"no_group":           {entratest.Request{User: "stranger"}, "/tells", exitNo},
		"groups_overage":     {entratest.Request{User: "collector"}, "/", exitNo},
		"graph_token":        {entratest.Request{User: "reader", Claims: map[string]any{"aud": "00000003-0000-0000-c000-000000000000"}}, "/", exitNo},
		"audience":           {entratest.Request{User: "reader", API: otherAPI}, "/", exitNo},
		"audience_v1":        {entratest.Request{User: "reader", Version: 1, Claims: map[string]any{"aud": "https://api.contoso.example"}}, "/", exitNo},
		"version":            {entratest.Request{User: "reader", Version: 2, Claims: map[string]any{"ver": "1.0"}}, "/", exitNo},
		"expired":            {entratest.Request{User: "reader", Issued: time.Now().Add(-3 * time.Hour), Lifetime: time.Hour}, "/", exitNo},
		"api_open":           {entratest.Request{User: "reader"}, "/open", exitNo},
		"api_drops":          {entratest.Request{User: "reader"}, "/drops", exitNo},
		"api_challenges":     {entratest.Request{User: "reader"}, "/challenges", exitNo},
		"api_spoofs":         {entratest.Request{User: "reader"}, "/spoofs", exitNo},
		"api_lax":            {entratest.Request{User: "stranger"}, "/lax", exitNo},
		"api_own":            {entratest.Request{User: "reader"}, "/own", exitNo},
		"api_elsewhere":      {entratest.Request{User: "reader"}, "/elsewhere", exitNo},
		"api_redirects":      {entratest.Request{User: "reader"}, "/moved", exitUnknown},
		"api_missing":        {entratest.Request{User: "reader"}, "/missing", exitUnknown},
		"api_faulty":         {entratest.Request{User: "reader"}, "/faulty", exitUnknown},
		"api_down":           {entratest.Request{User: "reader"}, "/down", exitUnknown},
		"api_echoes":         {entratest.Request{User: "reader"}, "/echoes", exitNo},
		"service_account":    {entratest.Request{Client: exportApp}, "/", exitYes},
		"unlisted_service":   {entratest.Request{Client: unlistedService}, "/", exitNo},
		"no_service_account": {entratest.Request{Client: deskApp}, "/", exitNo},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			token, err := s.tenant.Mint(test.request) // each has an id of its own
			if err != nil {
				t.Fatal(err)
			}
			screen, raw, exit := s.run(t, token, nil, "--method", "token", "--api-url", s.api(test.path))
			if exit != test.exit {
				t.Errorf("want exit status %d, got %d", test.exit, exit)
			}
			wantNoSecret(t, raw, token)
			wantGolden(t, name, s.settle(screen))
			foreign := slices.Contains([]string{"graph_token", "audience", "audience_v1", "version"}, name)
			if got := s.wasShown(token); got == foreign {
				t.Errorf("want the token shown to the API: %v, got %v", !foreign, got)
			}
		})
	}
}

// TestAPersonSignsIn: the whole way by each method, as somebody in front of a terminal walks it.
func TestAPersonSignsIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{})
	t.Run("device", func(t *testing.T) {
		screen, raw, exit := s.run(t, "", s.signsIn(t, "reader"), "--client-application-id", deskApp, "--platform-api-url", s.api("/"))
		if exit != exitYes || !regexp.MustCompile(`waiting for the sign-in, 1[45] min \d+ s left\r`).MatchString(raw) {
			t.Errorf("want exit status 0 and the time left, got %d", exit)
		}
		wantNoSecret(t, raw)
		wantGolden(t, "device", s.settle(screen))
	})
	t.Run("the wrong scope", func(t *testing.T) {
		screen, raw, exit := s.run(t, "", s.signsIn(t, "reader"), "--client-application-id", deskApp, "--api-url", s.api("/"), "--scope", "User.Read")
		if exit != exitNo {
			t.Errorf("want exit status 1, got %d", exit)
		}
		wantNoSecret(t, raw)
		wantGolden(t, "graph_scope", s.settle(screen))
	})
	t.Run("browser", func(t *testing.T) {
		person := func(term *terminal) {
			if err := s.tenant.Browse(term.await(t, `(https://localhost:\S+/authorize\?\S+)`), "administrator"); err != nil {
				t.Error(err)
			}
		}
		screen, raw, exit := s.run(t, "", person, "--client-application-id", deskApp, "--api-url", s.api("/"), "--method", "browser")
		if exit != exitYes {
			t.Errorf("want exit status 0, got %d", exit)
		}
		wantNoSecret(t, raw)
		wantGolden(t, "browser", s.settle(screen))
	})
	t.Run("client-credentials", func(t *testing.T) {
		screen, raw, exit := s.run(t, "", nil, "--client-application-id", exportApp, "--api-url", s.api("/"),
			"--method", "client-credentials", "--client-secret-file", s.write(t, "secret", exportWord+"\n"))
		if exit != exitYes {
			t.Errorf("want exit status 0, got %d", exit)
		}
		wantNoSecret(t, raw, exportWord)
		wantGolden(t, "client_credentials", s.settle(screen))
	})
}

// TestTheWholeWayThroughClaimdsOwnProxy: the gateway is claimd itself, over http on this host.
func TestTheWholeWayThroughClaimdsOwnProxy(t *testing.T) {
	t.Parallel()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Remote-User") == "" || r.Header.Get("Authorization") != "" {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	t.Cleanup(api.Close)
	address := "127.0.0.1:" + strings.TrimPrefix(reservedAddress(t), "localhost:")
	s := newSite(t, siteOptions{config: func(text string) string {
		return text + "\n[proxy]\nlisten = [\"" + address + "\"]\nupstream = \"" + api.URL + "\"\n"
	}})
	screen, _, exit := s.run(t, "", s.signsIn(t, "reader"), "--client-application-id", deskApp, "--api-url", "http://"+address+"/reports")
	if exit != exitYes || !strings.Contains(screen, "without a token   401 Unauthorized, refused by claimd: no_token\n") ||
		!strings.Contains(screen, "with the token    200 OK, and claimd was asked\n") {
		t.Errorf("want exit status 0 and claimd's marks, got %d:\n%s", exit, screen)
	}
}
