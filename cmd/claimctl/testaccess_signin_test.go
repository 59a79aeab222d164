package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

// TestEveryEndingOfTheSignInSaysWhatToChange: what may go wrong before there is a token.
func TestEveryEndingOfTheSignInSaysWhatToChange(t *testing.T) {
	t.Parallel()
	device := []string{"--client-application-id", deskApp}
	browser := append([]string{"--method", "browser"}, device...)
	credentials := []string{"--client-application-id", exportApp, "--method", "client-credentials", "--client-secret-file", "SECRET"}
	answering := func(answer func(s *site, code string) error) func(*testing.T, *site) func(*terminal) {
		return func(t *testing.T, s *site) func(*terminal) {
			return func(term *terminal) {
				if err := answer(s, term.code(t)); err != nil {
					t.Log(err) // what the person reads in the browser
				}
			}
		}
	}
	signsInAs := func(user string) func(*testing.T, *site) func(*terminal) {
		return answering(func(s *site, code string) error { return s.tenant.SignIn(code, user) })
	}
	client := func(change func(*entratest.App)) siteOptions {
		return siteOptions{noDaemon: true, directory: func(d *entratest.Directory) {
			for i := range d.Clients {
				change(&d.Clients[i])
			}
		}}
	}
	plain := siteOptions{noDaemon: true}
	tests := map[string]struct {
		options siteOptions
		faults  entratest.Faults
		args    []string
		person  func(*testing.T, *site) func(*terminal)
		exit    int
	}{
		"declined": {plain, entratest.Faults{}, device,
			answering(func(s *site, code string) error { return s.tenant.Decline(code) }), exitNo},
		"code_expired": {plain, entratest.Faults{}, device,
			answering(func(s *site, code string) error { return s.tenant.Expire(code) }), exitUnknown},
		"device_code_blocked":   {siteOptions{noDaemon: true, directory: func(d *entratest.Directory) { d.BlocksDeviceCode = true }}, entratest.Faults{}, device, signsInAs("reader"), exitNo},
		"not_assigned":          {siteOptions{noDaemon: true, directory: func(d *entratest.Directory) { d.APIs[0].AssignmentRequired = true }}, entratest.Faults{}, device, signsInAs("reader"), exitNo},
		"no_consent":            {client(func(a *entratest.App) { a.NoConsent = true }), entratest.Faults{}, device, signsInAs("reader"), exitNo},
		"no_public_client":      {client(func(a *entratest.App) { a.AllowPublicClient = new(bool) }), entratest.Faults{}, device, signsInAs("reader"), exitNo},
		"unknown_scope":         {plain, entratest.Faults{}, append([]string{"--scope", "api://c8d14e02-7b6a-4f39-9e51-2a84f06d73bc/write"}, device...), nil, exitNo},
		"unknown_number":        {plain, entratest.Faults{Refuse: 7000999, RefuseAt: "devicecode"}, device, nil, exitNo},
		"declined_in_browser":   {plain, entratest.Faults{}, browser, browses(""), exitNo},
		"second_factor_missing": {siteOptions{noDaemon: true, directory: func(d *entratest.Directory) { d.Users[0].MFA = "enroll" }}, entratest.Faults{}, browser, browses("reader"), exitNo},
		"wrong_secret":          {client(func(a *entratest.App) { a.Secret = "another" }), entratest.Faults{}, credentials, nil, exitNo},
		"expired_secret":        {client(func(a *entratest.App) { a.Secret, a.ExpiredSecrets = "", []string{exportWord} }), entratest.Faults{}, credentials, nil, exitNo},
		"unknown_client":        {client(func(a *entratest.App) { a.ApplicationID = strings.Replace(a.ApplicationID, "a1f", "b1f", 1) }), entratest.Faults{}, credentials, nil, exitNo},
		"unknown_tenant": {siteOptions{noDaemon: true, config: func(text string) string {
			return strings.Replace(text, `tenant_id = "5f2a7c41`, `tenant_id = "6f2a7c41`, 1)
		}}, entratest.Faults{}, device, nil, exitNo},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, test.options)
			s.tenant.SetFaults(test.faults)
			var person func(*terminal)
			if test.person != nil {
				person = test.person(t, s)
			}
			secret := s.write(t, "secret", exportWord)
			args := append([]string{"--api-url", s.api("/challenges")}, test.args...)
			for i, arg := range args {
				if arg == "SECRET" {
					args[i] = secret
				}
			}
			screen, raw, exit := s.run(t, "", person, args...)
			if exit != test.exit {
				t.Errorf("want exit status %d, got %d", test.exit, exit)
			}
			wantNoSecret(t, raw, exportWord)
			wantGolden(t, name, s.settle(screen))
		})
	}
}

func browses(user string) func(*testing.T, *site) func(*terminal) {
	return func(t *testing.T, s *site) func(*terminal) {
		return func(term *terminal) {
			address := term.await(t, `(https://localhost:\S+/authorize\?\S+)`)
			if err := s.tenant.Browse(address, user); err != nil {
				t.Log(err)
			}
		}
	}
}

// TestATenantThatMisbehavesIsNamedAsSuch: addresses that are not safe to open, answers that are not Entra ID's, documents
// that lead elsewhere, and a tenant that is not there.
func TestATenantThatMisbehavesIsNamedAsSuch(t *testing.T) {
	t.Parallel()
	rewriting := func(path, pattern, instead string) func(http.Handler) http.Handler {
		return func(tenant http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				recorder := httptest.NewRecorder()
				tenant.ServeHTTP(recorder, r)
				body := recorder.Body.Bytes()
				if strings.HasSuffix(r.URL.Path, path) {
					body = regexp.MustCompile(pattern).ReplaceAllLiteral(body, []byte(instead))
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(recorder.Code)
				_, _ = w.Write(body)
			})
		}
	}
	portal := func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://portal.example/login")
			w.WriteHeader(http.StatusFound)
		})
	}
	notJSON := func(tenant http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/devicecode") {
				_, _ = w.Write([]byte("<html>\x1b[31mnot Entra"))
				return
			}
			tenant.ServeHTTP(w, r)
		})
	}
	tests := map[string]struct {
		options siteOptions
		exit    int
	}{
		"unsafe_address":    {siteOptions{handler: rewriting("/devicecode", `"verification_uri":"[^"]*"`, `"verification_uri":"http://login.example/\u001b[31m"`)}, exitNo},
		"another_host":      {siteOptions{handler: rewriting("/openid-configuration", `"token_endpoint":"[^"]*"`, `"token_endpoint":"https://thief.example/oauth2/v2.0/token"`)}, exitUnknown},
		"login_portal":      {siteOptions{handler: portal}, exitUnknown},
		"no_json":           {siteOptions{handler: notJSON}, exitUnknown},
		"no_tenant":         {siteOptions{config: func(text string) string { return replaceAuthority(text, "https://localhost:1") }}, exitUnknown},
		"plain_authority":   {siteOptions{config: func(text string) string { return replaceAuthority(text, "http://localhost:1") }}, exitUnknown},
		"foreign_authority": {siteOptions{config: func(text string) string { return strings.Replace(text, "ca_file", "# ca_file", 1) }}, exitUnknown},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.options.noDaemon = true
			s := newSite(t, test.options)
			address := s.api("/challenges")
			if name == "foreign_authority" { // or the API could not be reached either
				server := httptest.NewServer(http.HandlerFunc(s.serveGateway))
				t.Cleanup(server.Close)
				address = server.URL + "/challenges"
			}
			screen, raw, exit := s.run(t, "", nil, "--client-application-id", deskApp, "--api-url", address)
			if exit != test.exit {
				t.Errorf("want exit status %d, got %d", test.exit, exit)
			}
			if strings.Contains(raw, "\x1b[31m") {
				t.Errorf("an escape of the tenant's reached the terminal: %q", raw)
			}
			screen = strings.ReplaceAll(strings.ReplaceAll(screen, "http://127.0.0.1", "https://127.0.0.1"), "connect to", "connect")
			wantGolden(t, name, s.settle(screen))
		})
	}
}

func replaceAuthority(text, authority string) string {
	before, rest, _ := strings.Cut(text, `authority = "`)
	_, after, _ := strings.Cut(rest, `"`)
	return before + `authority = "` + authority + `"` + after
}

// TestALostConnectionIsWaitedOut: RFC 8628 section 3.5 asks for a slower pace, and for no end.
func TestALostConnectionIsWaitedOut(t *testing.T) {
	t.Parallel()
	var polls atomic.Int32
	s := newSite(t, siteOptions{noDaemon: true, handler: func(tenant http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/token") && polls.Add(1) == 1 {
				panic(http.ErrAbortHandler)
			}
			tenant.ServeHTTP(w, r)
		})
	}})
	s.wantToken(t, func(term *terminal, code string) error {
		term.await(t, `the tenant cannot be reached \(the connection was cut off\); trying again in 2 s`)
		return s.tenant.SignIn(code, "reader")
	})
	if got := polls.Load(); got != 2 {
		t.Errorf("want 2 polls, got %d", got)
	}
}

// TestASlowTenantIsAskedLessOften: 5 s more between polls after slow_down (RFC 8628 section 3.5).
func TestASlowTenantIsAskedLessOften(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{noDaemon: true})
	before := time.Now()
	s.wantToken(t, func(term *terminal, code string) error {
		if err := s.tenant.SlowDown(code, 1); err != nil {
			return err
		}
		term.await(t, `the tenant asks for fewer questions: asking every 6 s now`)
		return s.tenant.SignIn(code, "reader")
	})
	if took := time.Since(before); took < 7*time.Second {
		t.Errorf("want 1 s and 6 s between the polls at least, all took %v", took)
	}
}

// wantToken runs the sign-in by device code with somebody who acts on the code, until there is a token.
func (s *site) wantToken(t *testing.T, act func(*terminal, string) error) {
	t.Helper()
	person := func(term *terminal) {
		if err := act(term, term.code(t)); err != nil {
			t.Error(err)
		}
	}
	screen, _, _ := s.run(t, "", person, "--client-application-id", deskApp, "--api-url", s.api("/challenges"))
	if !strings.Contains(screen, "ok  access token      received") {
		t.Errorf("want a token:\n%s", screen)
	}
}

// TestCtrlCEndsTheWaitCleanly: nothing is left on the terminal but what happened.
func TestCtrlCEndsTheWaitCleanly(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"device", "browser"} {
		s := newSite(t, siteOptions{noDaemon: true})
		person := func(term *terminal) {
			term.await(t, `waiting for the`)
			term.press("\x03")
		}
		screen, _, exit := s.run(t, "", person, "--client-application-id", deskApp, "--api-url", s.api("/challenges"), "--method", method)
		if exit != exitUnknown {
			t.Errorf("%s: want exit status %d, got %d", method, exitUnknown, exit)
		}
		wantGolden(t, "ctrl_c_"+method, strings.TrimSuffix(s.settle(screen), "\n"))
	}
}

// TestCtrlCEndsTheReadingOfAToken, which nothing else would: a terminal has no end.
func TestCtrlCEndsTheReadingOfAToken(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{noDaemon: true})
	person := func(term *terminal) {
		term.await(t, `reading the token from the terminal`)
		term.press("\x03")
	}
	screen, _, exit := s.run(t, "", person, "--method", "token", "--api-url", s.api("/challenges"))
	if exit != exitUnknown || !strings.HasSuffix(screen, "claimctl: interrupted\n") {
		t.Errorf("want exit status %d and nothing after it, got %d:\n%s", exitUnknown, exit, screen)
	}
}

// TestTheTokenIsPrintedOnlyWhereItIsAskedFor, in text and in JSON.
func TestTheTokenIsPrintedOnlyWhereItIsAskedFor(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{noDaemon: true})
	token, err := s.tenant.Mint(entratest.Request{User: "reader"})
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--print-token"}, {"--json"}, {"--json", "--print-token"}, {}} {
		screen, raw, exit := s.run(t, token, nil, append([]string{"--method", "token", "--api-url", s.api("/lax")}, args...)...)
		if exit != exitYes {
			t.Errorf("%q: want exit status 0, got %d:\n%s", args, exit, screen)
		}
		asked := strings.Contains(strings.Join(args, " "), "--print-token")
		if got := strings.Contains(raw, token); got != asked {
			t.Errorf("%q: want the token printed: %v, got %v", args, asked, got)
		}
		if !asked {
			wantNoSecret(t, raw, token)
		}
		if len(args) > 0 && args[0] == "--json" {
			var facts struct{ Ending, Token string }
			if err := json.Unmarshal([]byte(screen), &facts); err != nil || facts.Ending != "works" || (facts.Token == token) != asked {
				t.Errorf("%q: got %+v, %v", args, facts, err)
			}
		}
	}
}

// TestACertificateProvesTheClient, and a key that is not its own does not.
func TestACertificateProvesTheClient(t *testing.T) {
	t.Parallel()
	key, certificate := newCertificate(t)
	s := newSite(t, siteOptions{noDaemon: true, directory: func(d *entratest.Directory) {
		d.Clients[1].Secret, d.Clients[1].Certificates = "", []string{certificate}
	}})
	otherKey, otherCertificate := newCertificate(t)
	tests := map[string]struct {
		pem  string
		exit int
	}{
		"certificate":         {certificate + key, exitYes},
		"another_certificate": {otherCertificate + otherKey, exitNo},
		"key_of_another":      {certificate + otherKey, exitNo},
		"no_certificate":      {"nothing of the kind", exitNo},
	}
	for name, test := range tests {
		screen, raw, exit := s.run(t, "", nil, "--client-application-id", exportApp, "--api-url", s.api("/lax"), "--method", "client-credentials",
			"--client-certificate-file", s.write(t, name+".pem", test.pem))
		if exit != test.exit {
			t.Errorf("%s: want exit status %d, got %d", name, test.exit, exit)
		}
		block, _ := pem.Decode([]byte(key))
		if bytes.Contains([]byte(raw), block.Bytes) || strings.Contains(raw, "PRIVATE KEY") {
			t.Errorf("%s: the key was printed", name)
		}
		if test.exit == exitNo {
			wantGolden(t, name, s.settle(screen))
		}
	}
}

// TestNobodySignsIn: the code's time runs out while the test waits.
func TestNobodySignsIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{noDaemon: true, directory: func(d *entratest.Directory) { d.DeviceCodeSeconds = 2 }})
	screen, _, exit := s.run(t, "", nil, "--client-application-id", deskApp, "--api-url", s.api("/challenges"))
	if exit != exitUnknown || !strings.Contains(screen, "\nCould not find out: nobody signed in before the code expired.\n") {
		t.Errorf("want exit status %d and why, got %d:\n%s", exitUnknown, exit, screen)
	}
}

// TestAWalkLeavesNothingBehind: no token, no cache and no file of Microsoft's library, neither beside the configuration
// nor in the home directory.
func TestAWalkLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{noDaemon: true})
	before := s.files(t)
	if screen, _, exit := s.run(t, "", s.signsIn(t, "reader"), "--client-application-id", deskApp, "--api-url", s.api("/lax")); exit != exitYes {
		t.Errorf("want exit status 0, got %d:\n%s", exit, screen)
	}
	if got := s.files(t); !slices.Equal(got, before) {
		t.Errorf("want the files %q, got %q", before, got)
	}
}

// files gives all files of the site, which is the home directory of claimctl too.
func (s *site) files(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(s.folder, func(path string, _ fs.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestClaimctlJudgesWhereTheDaemonGivesNoAnswer: a user who may not ask it still learns what the files say.
func TestClaimctlJudgesWhereTheDaemonGivesNoAnswer(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteOptions{noDaemon: true})
	listener, err := net.Listen("unix", s.folder+"/admin.sock")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler()}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close(); <-served })
	token, err := s.tenant.Mint(entratest.Request{User: "reader"})
	if err != nil {
		t.Fatal(err)
	}
	screen, _, exit := s.run(t, token, nil, "--method", "token", "--api-url", s.api("/lax"))
	want := "\nclaimctl judged by /etc/claimd/claimd.toml, as what answers on /etc/claimd/admin.sock is not claimd: it says 404 Not Found\n"
	if exit != exitYes || !strings.Contains(s.settle(screen), want) {
		t.Errorf("want exit status 0 and %q, got %d:\n%s", want, exit, screen)
	}
}
