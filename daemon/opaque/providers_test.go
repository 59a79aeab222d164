package opaque

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/oidctest"
)

// asker makes an Asker of a provider that somebody else wrote, by the real clock.
func asker(t *testing.T, kind Kind, endpoint string, by oidctest.Client) *Asker {
	t.Helper()
	a, err := New(Options{
		Name: "stranger", Kind: kind, Endpoint: func() string { return endpoint }, ClientID: by.ID, ClientSecret: by.Secret,
		Skew: time.Minute, Client: &http.Client{Transport: &http.Transport{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// patiently asks again where a machine that has much else to do took longer than three seconds.
func patiently(t *testing.T, a *Asker, token string) (answer Answer, err error) {
	t.Helper()
	for range failuresToOpen - 1 {
		answer, err = a.Ask(t.Context(), token)
		if err == nil || !strings.HasSuffix(err.Error(), tooSlow) {
			break
		}
	}
	return answer, err
}

const tooSlow = ": want a whole answer within 3 s, got none"

func ask(t *testing.T, a *Asker, token string) Answer {
	t.Helper()
	answer, err := patiently(t, a, token)
	if err != nil {
		t.Fatalf("got %v, want an answer", err)
	}
	return answer
}

// isRefused checks that the token is not accepted, with that text.
func isRefused(t *testing.T, a *Asker, token, want string) {
	t.Helper()
	if _, err := patiently(t, a, token); err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestNodeProvidersOpaqueTokens(t *testing.T) {
	claims := map[string]any{"groups": []string{"Analysts"}, "https://app.hoop.dev/groups": "Analysts"}
	p := oidctest.Start(t, oidctest.Settings{Claims: claims})
	t.Run("a user's at introspection", func(t *testing.T) {
		a := asker(t, Introspection, p.Introspection, p.ResourceServer)
		token := p.UserTokens(t, "ada", oidctest.Opaque).Access
		answer := ask(t, a, token)
		if answer.Issuer != p.Issuer || len(answer.Audiences) != 1 || answer.Audiences[0] != oidctest.OpaqueResource ||
			answer.ClientID != "desk" || answer.Subject != "ada" || answer.Scope != oidctest.Scope ||
			time.Until(answer.Expires) < 59*time.Minute || time.Until(answer.Until) > time.Minute {
			t.Errorf("the answer is %+v", answer)
		}
		hasClaims(t, answer, claims)
		isRefused(t, a, token+"x", notActive)
		isRefused(t, a, token[1:], notActive)
	})
	t.Run("a service's at introspection", func(t *testing.T) {
		answer := ask(t, asker(t, Introspection, p.Introspection, p.ResourceServer), p.ServiceToken(t, oidctest.Opaque))
		if answer.ClientID != "service" || answer.Subject != "" {
			t.Errorf("the answer is %+v, want one of a service, which has no sub", answer)
		}
	})
	t.Run("a user's at userinfo", func(t *testing.T) {
		a := asker(t, Userinfo, p.Userinfo, oidctest.Client{})
		token := p.UserinfoToken(t, "ada")
		answer := ask(t, a, token)
		if answer.Subject != "ada" || answer.Audiences != nil {
			t.Errorf("the answer is %+v", answer)
		}
		hasClaims(t, answer, claims)
		isRefused(t, a, token+"x", "opaque_token: the provider does not accept the token at its userinfo endpoint")
	})
	t.Run("one for an API at userinfo", func(t *testing.T) {
		isRefused(t, asker(t, Userinfo, p.Userinfo, oidctest.Client{}), p.UserTokens(t, "ada", oidctest.Opaque).Access,
			"opaque_token: the token was issued without the scope openid, so userinfo says nothing about it")
	})
	t.Run("a signed answer of userinfo", func(t *testing.T) {
		isRefused(t, asker(t, Userinfo, p.Userinfo, oidctest.Client{}), p.SignedUserinfoToken(t, "ada"),
			"provider_unavailable: "+p.Userinfo+": want JSON, got a signed answer\nhint: have the provider answer this client in plain JSON")
	})
	// The provider calls refresh tokens active too, without a token_type. They have no audience, which the caller must ask for.
	t.Run("a refresh token", func(t *testing.T) {
		answer := ask(t, asker(t, Introspection, p.Introspection, p.ResourceServer), p.UserTokens(t, "ada", oidctest.Opaque).Refresh)
		if answer.Audiences != nil {
			t.Errorf("the answer is %+v, want one without audience", answer)
		}
	})
	t.Run("a wrong credential", func(t *testing.T) {
		isRefused(t, asker(t, Introspection, p.Introspection, oidctest.Client{ID: p.ResourceServer.ID, Secret: "wrong"}), goodToken,
			"provider_unavailable: "+p.Introspection+": want status 200, got 401: "+noCredential)
	})
	t.Run("revoked", func(t *testing.T) {
		token := p.UserTokens(t, "ada", oidctest.Opaque).Access
		ask(t, asker(t, Introspection, p.Introspection, p.ResourceServer), token)
		p.Revoke(t, token)
		isRefused(t, asker(t, Introspection, p.Introspection, p.ResourceServer), token, notActive)
	})
	t.Run("held up, then gone", func(t *testing.T) {
		a := asker(t, Introspection, p.Introspection, p.ResourceServer)
		known, late := p.ServiceToken(t, oidctest.Opaque), p.ServiceToken(t, oidctest.Opaque)
		ask(t, a, known)
		p.Freeze(t)
		ask(t, a, known) // for its minute
		if _, err := a.Ask(t.Context(), late); err == nil || err.Error() != "provider_unavailable: "+p.Introspection+tooSlow {
			t.Errorf("got %v, want unavailable after 3 s", err)
		}
		p.Thaw(t)
		ask(t, a, late)
		p.Stop()
		ask(t, a, late)
		if _, err := a.Ask(t.Context(), late+"x"); err == nil {
			t.Error("a provider that is gone answers")
		}
	})
}

// hasClaims checks that the answer holds these claims as the provider was told them.
func hasClaims(t *testing.T, answer Answer, claims map[string]any) {
	t.Helper()
	var got map[string]json.RawMessage
	if err := json.Unmarshal(answer.Raw, &got); err != nil {
		t.Fatal(err)
	}
	for name, value := range claims {
		want, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if string(got[name]) != string(want) {
			t.Errorf("%s is %s, want %s", name, got[name], want)
		}
	}
}

// Glewlwyd's access tokens are JWTs, and go nowhere from here. Its refresh tokens are opaque, and it calls them active:
// the hint keeps most providers from that, and token_type tells the others.
func TestGlewlwydsTokens(t *testing.T) {
	g := oidctest.StartGlewlwyd(t, "")
	a := asker(t, Introspection, g.Introspection, g.ResourceServer)
	tokens := g.UserTokens(t)
	isRefused(t, a, tokens.Access, "malformed: a token in the form of a JWT, which is never asked about")
	isRefused(t, a, tokens.Refresh, notActive)
	isRefused(t, a, goodToken, notActive)
	// What it says of a JWT is read as any answer: exchange is what Ask asks with.
	answer, err := a.exchange(t.Context(), g.Introspection, tokens.Access, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if answer.Issuer != "" || answer.ClientID != "gate" || answer.Scope != "openid "+oidctest.Scope || answer.Username != oidctest.User ||
		len(answer.Audiences) != 1 || answer.Audiences[0] != answer.Scope || answer.Subject == "" || answer.Expires.IsZero() {
		t.Errorf("the answer is %+v", answer)
	}
	user := asker(t, Userinfo, g.Userinfo, oidctest.Client{})
	isRefused(t, user, tokens.Refresh, "opaque_token: the provider does not accept the token at its userinfo endpoint")
	if about, err := user.exchange(t.Context(), g.Userinfo, tokens.Access, time.Now()); err != nil || about.Subject != answer.Subject {
		t.Errorf("userinfo says %+v and %v, want the same subject", about, err)
	}
	isRefused(t, asker(t, Introspection, g.Introspection, oidctest.Client{ID: "gate", Secret: "wrong"}), goodToken,
		"provider_unavailable: "+g.Introspection+": want status 200, got 401: "+noCredential)
	other := asker(t, Introspection, g.Introspection, g.Service)
	if _, err := other.exchange(t.Context(), g.Introspection, tokens.Access, time.Now()); err == nil || err.Error() != notActive {
		t.Errorf("another client's token: got %v, want %q", err, notActive)
	}
}
