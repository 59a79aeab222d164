package daemon_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/opaque"
)

// aToken is one that a provider might have issued.
const aToken = "k7Xq2-opaque_token.of~ada+/=="

// save has the text take effect.
func (c *claimd) save(t *testing.T, text string) {
	t.Helper()
	c.write(t, text)
	result, err := c.admin.Reload(t.Context())
	must(t, err)
	if !result.OK {
		t.Fatalf("the reload is refused: %+v", result)
	}
	c.ready(t)
}

// asks gives what claimd counts of its requests to the provider.
func (c *claimd) asks(t *testing.T) opaque.Status {
	t.Helper()
	status, err := c.admin.Status(t.Context())
	must(t, err)
	if status.Opaque == nil {
		return opaque.Status{}
	}
	return *status.Opaque
}

// FAULTS 97: with several providers an opaque token goes to the one that takes them, and to no other, whatever their
// documents name and whichever of them has issued it.
func TestAnOpaqueTokenGoesToOneProviderAlone(t *testing.T) {
	w := &world{shared: map[plan]*claimd{}, contoso: startTenant(t, people(contosoTenant))}
	taking, takes := startVoucher(t)
	other, refuses := startVoucher(t)
	p := plan{
		provider: `user_prefix = "contoso:"`, groups: "Analysts = { providers = [\"contoso\", \"jumpcloud\", \"okta\"] }",
		more: other.table("okta", `user_prefix = "okta:"`) + taking.table("jumpcloud", "user_prefix = \"jumpcloud:\"\n"+introspectionKeys(t, voucherSecret)),
	}
	c := w.own(t, p)
	takes.set(aToken, taking.active(nil))
	refuses.set("of-the-other", other.active(nil))
	c.ask(t, aToken).begins(t, "its own", "200 ")
	c.ask(t, "of-the-other").begins(t, "the other's", "401 opaque_token")
	for _, jwt := range []string{taking.mint(t, w, nil), other.mint(t, w, nil), w.ada(t, nil)} {
		c.ask(t, jwt).begins(t, "a JWT", "200 ")
		c.ask(t, alter(jwt)).begins(t, "an altered one", "401 signature")
		head, _, _ := strings.Cut(jwt, ".")
		c.ask(t, head+".").begins(t, "a cut one", "401 malformed")
	}
	if takes.asked() != 2 || refuses.asked() != 0 {
		t.Errorf("%d requests to the one that takes them, and %d to the other", takes.asked(), refuses.asked())
	}
}

// FAULTS 100 (ZITADEL CVE-2026-27840): a token is the whole of its characters, each of them.
func TestEachCharacterOfAnOpaqueTokenCounts(t *testing.T) {
	w := &world{shared: map[plan]*claimd{}}
	o, v := startVoucher(t)
	c := w.start(t, o.introspected(t))
	defer c.end(t)
	c.ready(t)
	v.set(aToken, o.active(nil))
	c.ask(t, aToken).begins(t, "the token", "200 ")
	c.ask(t, aToken+"x").begins(t, "something after the padding", "400 invalid_request")
	body := strings.TrimRight(aToken, "=")
	altered := []string{body, body + "=", aToken + "=", body + "x==", aToken + aToken[:1] + "==", strings.ToUpper(body) + "==", "=" + aToken}
	for i := range body {
		other := "a"
		if aToken[i] == 'a' {
			other = "b"
		}
		altered = append(altered, aToken[:i]+other+aToken[i+1:], aToken[:i], aToken[:i]+aToken[i+1:])
	}
	refused := 0
	for _, token := range altered {
		if token == "" || token == aToken {
			continue
		}
		if a := c.ask(t, token); a.status == http.StatusOK || a.status == http.StatusServiceUnavailable {
			t.Errorf("%q: %s", token, a)
		}
		refused++
	}
	c.ask(t, aToken).begins(t, "the token again", "200 ")
	t.Logf("%d altered tokens refused", refused)
}

// FAULTS 101: a thousand requests with one new token are one request to the provider; a thousand tokens are 64 at once,
// and who comes beyond is told to come again. Nobody else waits for them.
func TestManyAtOnceAskTheProviderInOrder(t *testing.T) {
	w := &world{shared: map[plan]*claimd{}}
	o, v := startVoucher(t)
	c := w.start(t, o.introspected(t))
	defer c.end(t)
	c.ready(t)
	release := make(chan struct{}) // v.mu guards it
	var under, most atomic.Int64
	v.change(func(v *voucher) {
		v.arriving = func(string) {
			now := under.Add(1)
			for was := most.Load(); now > was && !most.CompareAndSwap(was, now); was = most.Load() {
			}
			v.mu.Lock()
			wait := release
			v.mu.Unlock()
			<-wait
			under.Add(-1)
		}
	})
	jwt := o.mint(t, w, nil)
	// crowd has 1,000 requests made, 250 at a time, while the provider keeps them waiting, and counts the answers.
	crowd := func(token func(int) string) map[string]int {
		var lock sync.Mutex
		answers := map[string]int{}
		var all sync.WaitGroup
		places := make(chan struct{}, 250)
		for i := range 1000 {
			all.Go(func() {
				places <- struct{}{}
				a := c.knock(t, token(i))
				<-places
				lock.Lock()
				defer lock.Unlock()
				answers[fmt.Sprint(a.status, " ", a.reason)]++
			})
		}
		let := release
		time.AfterFunc(300*time.Millisecond, func() { close(let) }) // long before claimd gives the provider up
		began := time.Now()
		c.ask(t, jwt).begins(t, "a JWT meanwhile", "200 ")
		t.Logf("a JWT meanwhile took %v", time.Since(began).Round(time.Millisecond))
		all.Wait()
		return answers
	}
	v.set(aToken, o.active(nil))
	one := crowd(func(int) string { return aToken })
	// A host so starved that an answer takes 3 seconds has one more request for each that failed.
	failed := c.asks(t).Stats.Failed
	if v.asked() != 1+int(failed) || one["200 "] != 1000 && failed == 0 {
		t.Errorf("one token: %v, after %d requests to the provider, of which %d failed", one, v.asked(), failed)
	}
	v.change(func(v *voucher) {
		release = make(chan struct{})
		for i := range 1000 {
			v.says[fmt.Sprintf("token-%d", i)] = o.active(claims{"sub": fmt.Sprintf("user-%d", i)})
		}
	})
	before := c.asks(t).Stats
	got := crowd(func(i int) string { return fmt.Sprintf("token-%d", i) })
	asked := c.asks(t).Stats
	if most.Load() > 64 || got["200 "] < 64 || got["200 "]+got["503 provider_unavailable"] != 1000 ||
		asked.Verified-before.Verified != uint64(got["200 "]) ||
		asked.Shed+asked.Failed+asked.Held-before.Shed-before.Failed-before.Held < uint64(got["503 provider_unavailable"]) {
		t.Errorf("1,000 tokens: %v, %d at once; %+v", got, most.Load(), asked)
	}
	t.Logf("1,000 tokens: %v, %d at once", got, most.Load())
}

// FAULTS 96: a provider that is down, slow, broken or too talkative lets nobody in and keeps nobody waiting; after five
// failures it is left alone.
func TestAProviderInTroubleLetsNobodyIn(t *testing.T) {
	for story, trouble := range map[string]http.HandlerFunc{
		"500":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"HTML":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>sign in</html>")) },
		"cut off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/introspect/elsewhere", http.StatusTemporaryRedirect)
		},
		"too much": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"active":true,"x":"` + strings.Repeat("x", 1<<20) + `"}`))
		},
		"another's answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`[{"active":true}]`))
		},
	} {
		t.Run(story, func(t *testing.T) {
			t.Parallel()
			w := &world{shared: map[plan]*claimd{}}
			o, v := startVoucher(t)
			c := w.start(t, o.introspected(t))
			defer c.end(t)
			c.ready(t)
			v.set(aToken, o.active(nil))
			v.change(func(v *voucher) { v.trouble = trouble })
			for i := range 8 {
				c.ask(t, fmt.Sprintf("%s-%d", aToken[:20], i)).begins(t, story, "503 provider_unavailable")
			}
			if v.asked() != 5 {
				t.Errorf("asked %d times, want 5 and no more", v.asked())
			}
			status := c.asks(t)
			if !status.Stats.NotAskedNow || status.Stats.Failed != 5 || status.Stats.Held != 3 || status.Error == "" || status.FailingSince.IsZero() {
				t.Errorf("status: %+v", status)
			}
			c.ask(t, o.mint(t, w, nil)).begins(t, "a JWT", "200 ")
			v.change(func(v *voucher) { v.trouble = nil })
			for limit := time.Now().Add(10 * time.Second); c.ask(t, aToken).status != http.StatusOK; time.Sleep(50 * time.Millisecond) {
				if time.Now().After(limit) {
					t.Fatal("it is not asked again")
				}
			}
		})
	}
	t.Run("slow", func(t *testing.T) {
		t.Parallel()
		w := &world{shared: map[plan]*claimd{}}
		o, v := startVoucher(t)
		c := w.start(t, o.introspected(t))
		defer c.end(t)
		c.ready(t)
		v.change(func(v *voucher) { v.trouble = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() } })
		began := time.Now()
		c.ask(t, aToken).begins(t, "slow", "503 provider_unavailable")
		t.Logf("answered after %v", time.Since(began).Round(time.Millisecond))
		if denials, err := c.admin.Denials(t.Context(), ""); err != nil || len(denials) != 1 || !strings.Contains(denials[0].Mend, "want a whole answer within 3 s") {
			t.Errorf("denials: %+v, %v", denials, err)
		}
	})
}

// FAULTS 94: what an endpoint has said ends when the provider's document names another one.
func TestAnotherEndpointIsAskedAnew(t *testing.T) {
	w := &world{shared: map[plan]*claimd{}}
	o, v := startVoucher(t)
	c := w.start(t, o.introspected(t))
	defer c.end(t)
	c.ready(t)
	v.set(aToken, o.active(nil))
	for range 3 {
		c.ask(t, aToken).begins(t, "before", "200 ")
	}
	v.change(func(v *voucher) { v.suffix = "/two" })
	_, err := c.admin.RefreshKeys(t.Context(), "")
	must(t, err)
	for range 3 {
		c.ask(t, aToken).begins(t, "after", "200 ")
	}
	if got := strings.Join(v.paths, " "); got != "/introspect /introspect/two" {
		t.Errorf("asked %s", got)
	}
}

// A reload that leaves the provider as it was keeps its answers and what is known of its failing; one that changes how it
// is asked begins anew, and the answers of before are judged by what is wanted now.
func TestAReloadKeepsWhatTheProviderSaid(t *testing.T) {
	w := &world{shared: map[plan]*claimd{}}
	o, v := startVoucher(t)
	text := o.introspected(t)
	c := w.start(t, text)
	defer c.end(t)
	c.ready(t)
	v.set(aToken, o.active(nil))
	c.ask(t, aToken).begins(t, "at first", "200 ")
	for _, step := range []struct {
		story, text, want string
		asked             int
	}{
		{"another group", strings.Replace(text, "Operators = \"\"", "Others = \"\"", 1), "200 ", 1},
		{"another audience", strings.Replace(text, jumpcloudAudience, "https://other.example", 1), "401 audience", 1},
		{"other clients", strings.Replace(text, jumpcloudClient, "other", 1), "403 client", 1},
		{"a scope", strings.Replace(text, "audiences =", "required_scopes = [\"admin\"]\naudiences =", 1), "403 scope", 1},
		{"no opaque tokens", o.jumpcloudText(), "401 opaque_token", 1},
		{"again", text, "200 ", 2},
		{"another secret", o.introspected(t, voucherSecret, "x"), "503 provider_unavailable", 2}, // see below
	} {
		if step.story == "another secret" {
			step.text, step.asked = strings.Replace(text, "introspection_client_secret_file = \"", "introspection_client_secret_file = \""+secretFile(t, "wrong")+"\" #", 1), 3
		}
		c.save(t, step.text)
		c.ask(t, aToken).begins(t, step.story, step.want)
		if v.asked() != step.asked {
			t.Errorf("%s: the provider was asked %d times, want %d", step.story, v.asked(), step.asked)
		}
	}
	v.change(func(v *voucher) { v.secret = "wrong" })
	c.ask(t, aToken).begins(t, "the provider knows the new secret too", "200 ")
}

// FAULTS 95, 102: neither the token nor the secret, nor the credential that is made of it, is anywhere that is looked at.
func TestNothingShowsATokenOrTheSecret(t *testing.T) {
	w := &world{shared: map[plan]*claimd{}}
	o, v := startVoucher(t)
	c := w.start(t, o.introspected(t)+"[metrics]\nlisten = [\"127.0.0.1:0\"]\n")
	defer c.end(t)
	c.ready(t)
	v.set(aToken, o.active(nil))
	unknown := "another-token-nobody-knows"
	c.ask(t, aToken).begins(t, "let in", "200 ")
	c.ask(t, unknown).begins(t, "refused", "401 opaque_token")
	v.change(func(v *voucher) { v.secret = "rotated" })
	failing := "a-token-while-the-secret-is-wrong"
	c.ask(t, failing).begins(t, "unavailable", "503 provider_unavailable")
	var seen strings.Builder
	for _, token := range []string{aToken, unknown, failing} {
		e, err := c.admin.Explain(t.Context(), token)
		must(t, err)
		text, err := json.Marshal(e)
		must(t, err)
		seen.Write(text)
	}
	status, err := c.admin.Status(t.Context())
	must(t, err)
	denials, err := c.admin.Denials(t.Context(), "")
	must(t, err)
	for _, value := range []any{status, denials} {
		text, err := json.Marshal(value)
		must(t, err)
		seen.Write(text)
	}
	for _, listener := range status.Listeners {
		if listener.Door == "metrics" {
			seen.WriteString(fetch(t, http.MethodGet, "http://"+listener.Address+"/metrics", nil).body)
		}
	}
	for _, entry := range c.logs.All() {
		fmt.Fprintln(&seen, entry.Message, entry.ContextMap())
	}
	if !strings.Contains(seen.String(), "claimd_opaque_requests_total") || !strings.Contains(seen.String(), "does not accept claimd's own credential") {
		t.Error("not everything was looked at")
	}
	for _, secret := range []string{aToken[:12], unknown[:12], failing[:12], voucherSecret, "a+%252B", "Z2F0ZSUzQTE"} { // gate%3A1 in base64
		if strings.Contains(seen.String(), secret) {
			t.Errorf("%q is shown", secret)
		}
	}
}

// A user is one whichever form his tokens have: one record, and one decision about him.
func TestAUserIsTheSameWithEitherForm(t *testing.T) {
	w := &world{shared: map[plan]*claimd{}}
	o, v := startVoucher(t)
	c := w.start(t, o.introspected(t))
	defer c.end(t)
	c.ready(t)
	v.set(aToken, o.active(nil))
	jwt := o.mint(t, w, nil)
	both := func(want string) {
		t.Helper()
		for range 2 {
			c.ask(t, aToken).begins(t, "the opaque one", want)
			c.ask(t, jwt).begins(t, "the JWT", want)
		}
	}
	both("200 ")
	page, err := c.admin.Users(t.Context(), directory.Query{})
	must(t, err)
	if len(page.Users) != 1 || page.Users[0].Key != (directory.Key{Authority: o.issuer, ID: "5f1a"}) {
		t.Errorf("on record: %+v", page.Users)
	}
	c.act(t, directory.Deactivate, "jumpcloud", "5f1a")
	both("403 user_inactive")
	c.act(t, directory.Activate, "jumpcloud", "5f1a")
	both("200 ")
	c.act(t, directory.Revoke, "jumpcloud", "5f1a")
	both("401 revoked")
	if v.asked() != 1 {
		t.Errorf("asked %d times", v.asked())
	}
}

// userinfo does not tell when a token was issued: a user who was revoked there would never come in again, so that it is
// not done.
func TestAUserOfUserinfoIsNotRevoked(t *testing.T) {
	w := &world{shared: map[plan]*claimd{}}
	o, v := startVoucher(t)
	c := w.start(t, o.byUserinfo())
	defer c.end(t)
	c.ready(t)
	v.set(aToken, o.user(nil))
	c.ask(t, aToken).begins(t, "before", "200 ")
	_, err := c.admin.Change(t.Context(), admin.ChangeRequest{Action: directory.Revoke, Provider: "jumpcloud", ID: "5f1a"})
	refusal, ok := errors.AsType[*admin.Refusal](err)
	if !ok || !strings.HasPrefix(refusal.Problem, "provider.jumpcloud does not tell when a token was issued") || !strings.Contains(refusal.Hint, "claimctl users deactivate") {
		t.Errorf("got %v", err)
	}
	c.ask(t, aToken).begins(t, "after", "200 ")
	c.act(t, directory.Deactivate, "jumpcloud", "5f1a")
	c.ask(t, aToken).begins(t, "deactivated", "403 user_inactive")
}

// While nobody has fetched the provider's document, or it names no endpoint, an opaque token is no wrong token.
func TestWithoutAnEndpointNothingIsKnown(t *testing.T) {
	w := &world{shared: map[plan]*claimd{}}
	o, _ := startVoucher(t)
	o.vouches = nil // its document names no endpoint
	c := w.start(t, o.introspected(t))
	defer c.end(t)
	c.ready(t)
	c.ask(t, aToken).begins(t, "no endpoint", "503 provider_unavailable")
	if status := c.asks(t); status.Endpoint != "" || status.Provider != "jumpcloud" || status.Stats.Asked != 0 {
		t.Errorf("status: %+v", status)
	}
	c.save(t, "enabled = false\n")
	c.ask(t, aToken).begins(t, "switched off", "503 disabled")
	if status := c.asks(t); status.Provider != "" {
		t.Errorf("status: %+v", status)
	}
}

// The routes are asked about an opaque token as about a JWT, and explained as for one.
func TestARouteDecidesAboutAnOpaqueToken(t *testing.T) {
	w := &world{shared: map[plan]*claimd{}}
	o, v := startVoucher(t)
	c := w.start(t, o.introspected(t)+"[server]\nlisten = [\"127.0.0.1:0\"]\ntrusted_proxies = [\"127.0.0.1/32\"]\noriginal_request = \"x-original\"\n"+
		"[[route]]\nmatch = \"/read\"\nscopes = [\""+readWrite+"\"]\n[[route]]\nmatch = \"/admin\"\nscopes = [\"admin\"]\n")
	defer c.end(t)
	c.ready(t)
	v.set(aToken, o.active(nil))
	for path, want := range map[string]string{"/read": "200 ", "/admin": "403 route"} {
		for range 2 {
			a := fetch(t, http.MethodGet, c.gate+"/auth", http.Header{
				"Authorization": {"Bearer " + aToken}, "X-Original-Method": {"GET"}, "X-Original-Uri": {path}, "X-Original-Host": {"api.example"},
			})
			a.begins(t, path, want)
		}
		e, err := c.admin.ExplainFor(t.Context(), aToken, "GET "+path)
		must(t, err)
		if e.Allowed != (want == "200 ") {
			t.Errorf("%s: explained as %+v", path, e)
		}
	}
	if v.asked() != 1 {
		t.Errorf("asked %d times", v.asked())
	}
}
