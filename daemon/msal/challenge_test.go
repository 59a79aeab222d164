package msal_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/directory"
)

// newGuardedSite is a site whose API wants an authentication context below /strict/, and learns from its tokens what the
// client understands.
func newGuardedSite(t *testing.T) *site {
	t.Helper()
	directory := contoso()
	directory.APIs[0].OptionalClaims = append(directory.APIs[0].OptionalClaims, "xms_cc")
	return newSite(t, directory, "authority =", `clock_skew = "1s"
authority =`, "[server]\n", `[[route]]
match = "/strict/"
acrs = "c1"
[[route]]
match = "/"
[server]
original_request = "x-original"
trusted_proxies = ["127.0.0.1/32"]
`)
}

// visit shows the gate a token for that path, and gives its status with the challenge.
func (s *site) visit(t *testing.T, token, path string) (status int, reason, challenge string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.gate+"/auth", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{"Authorization": {"Bearer " + token}, "X-Original-Method": {"GET"}, "X-Original-Host": {"api.contoso.example"}, "X-Original-Uri": {path}}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var refused struct{ Reason string }
	_ = json.NewDecoder(response.Body).Decode(&refused) // of 200 there is no body
	return response.StatusCode, refused.Reason, response.Header.Get("WWW-Authenticate")
}

// claimsOf gives the claims of a challenge as clients are told to read them: error is insufficient_claims, and claims is
// JSON in base64 (learn.microsoft.com, identity-platform/claims-challenge).
func claimsOf(t *testing.T, challenge string) string {
	t.Helper()
	found := regexp.MustCompile(`^Bearer .*\berror="insufficient_claims", claims="([^"]+)"$`).FindStringSubmatch(challenge)
	if found == nil {
		t.Fatalf("got the challenge %q", challenge)
	}
	claims, err := base64.StdEncoding.DecodeString(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(claims)
}

// A client that declares cp1 is challenged, and what MSAL for Go makes of the challenge as it stands gets it in: another
// token after a revocation, one with the authentication context for a step-up. Without the challenge MSAL gives the token
// of its cache, which is refused again.
func TestMSALForGoMeetsAClaimsChallenge(t *testing.T) {
	s := newGuardedSite(t)
	client, err := public.New(deskApp, public.WithAuthority(s.authority()), public.WithInstanceDiscovery(false),
		public.WithHTTPClient(s.Client()), public.WithClientCapabilities([]string{"cp1"}))
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.byDeviceCode(t, client, "ada", apiScope)
	if err != nil {
		t.Fatal(err)
	}
	again := func(options ...public.AcquireSilentOption) string {
		t.Helper()
		result, err := client.AcquireTokenSilent(t.Context(), []string{apiScope}, append(options, public.WithSilentAccount(first.Account))...)
		if err != nil {
			t.Fatal(err)
		}
		return result.AccessToken
	}
	if status, reason, _ := s.visit(t, first.AccessToken, "/"); status != http.StatusOK {
		t.Fatalf("got %d %s", status, reason)
	}

	status, reason, challenge := s.visit(t, first.AccessToken, "/strict/")
	if status != http.StatusUnauthorized || reason != "step_up" {
		t.Fatalf("got %d %s", status, reason)
	}
	if token := again(); token != first.AccessToken {
		t.Error("without the challenge MSAL gives another token")
	}
	stepped := again(public.WithClaims(claimsOf(t, challenge)))
	if status, reason, _ := s.visit(t, stepped, "/strict/"); status != http.StatusOK {
		t.Errorf("with what the challenge asks for: got %d %s", status, reason)
	}

	changed, err := s.admin.Change(t.Context(), admin.ChangeRequest{Action: directory.Revoke, ID: adaID})
	if err != nil {
		t.Fatal(err)
	}
	status, reason, challenge = s.visit(t, again(), "/")
	if status != http.StatusUnauthorized || reason != "revoked" {
		t.Fatalf("got %d %s", status, reason)
	}
	var asked struct {
		AccessToken struct {
			NotBefore struct{ Value string } `json:"nbf"`
		} `json:"access_token"`
	}
	claims := claimsOf(t, challenge)
	if err := json.Unmarshal([]byte(claims), &asked); err != nil {
		t.Fatal(err)
	}
	from, err := strconv.ParseInt(asked.AccessToken.NotBefore.Value, 10, 64)
	if err != nil || from != changed.NotBefore.Add(time.Second).Unix()+1 {
		t.Fatalf("the challenge wants %s, want a token from the second after %s and clock_skew on", claims, changed.NotBefore)
	}
	time.Sleep(time.Until(time.Unix(from, 0))) // two seconds at most: the fake tenant dates nothing back
	if status, reason, _ := s.visit(t, again(public.WithClaims(claims)), "/"); status != http.StatusOK {
		t.Errorf("with what the challenge asks for: got %d %s", status, reason)
	}
}

// A client that does not declare cp1 would not know what to do with a challenge: it gets a plain refusal.
func TestAClientWithoutCP1GetsAPlainRefusal(t *testing.T) {
	s := newGuardedSite(t)
	result, err := s.byDeviceCode(t, s.publicClient(t, deskApp), "ada", apiScope)
	if err != nil {
		t.Fatal(err)
	}
	if status, reason, challenge := s.visit(t, result.AccessToken, "/strict/"); status != http.StatusForbidden || reason != "step_up" || challenge != "Bearer" {
		t.Errorf("step-up: got %d %s with %s", status, reason, challenge)
	}
	if status, reason, _ := s.visit(t, result.AccessToken, "/"); status != http.StatusOK {
		t.Errorf("got %d %s", status, reason)
	}
	if _, err := s.admin.Change(t.Context(), admin.ChangeRequest{Action: directory.Revoke, ID: adaID}); err != nil {
		t.Fatal(err)
	}
	if status, reason, challenge := s.visit(t, result.AccessToken, "/"); status != http.StatusUnauthorized || reason != "revoked" || challenge != `Bearer error="invalid_token"` {
		t.Errorf("revoked: got %d %s with %s", status, reason, challenge)
	}
}
