package daemon_test

import (
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entratest"
)

const ownKeysOn = "custom_signing_keys = true"

// mapped is the world of a tenant whose API has a signing key of its own, as a claims mapping brings one, and whose other
// API has none.
func mapped(t *testing.T) *world {
	t.Helper()
	directory := people(contosoTenant)
	directory.APIs[0].SigningKey = true
	return &world{contoso: startTenant(t, directory)}
}

// otherAPI is the tenant's other API as a provider, for plan.more.
func (w *world) otherAPI(lines string) string {
	return "[provider.other]\ntenant_id = \"" + contosoTenant + "\"\napplication_id = \"" + otherAPIApp + "\"\nclient_application_ids = [\"" +
		deskApp + "\"]\nauthority = \"" + w.contoso.URL() + "\"\nuser_prefix = \"o:\"\n" + lines + "\n"
}

// An application's own key is good for its tokens, in both versions, beside the tenant's keys; and for no other
// application's, whether that has keys of its own or not.
func TestAnApplicationsOwnKeyIsGoodForItsTokensAlone(t *testing.T) {
	t.Parallel()
	w := mapped(t)
	foreign := w.contoso.RotateFor(otherAPIApp) // so the other API has its own key too
	general := w.contoso.KeyIDs()[0]
	ada := func(api string, version int, kid string) string {
		return w.mint(t, w.contoso, entratest.Request{User: "ada", API: api, Version: version, KeyID: kid})
	}
	own := keyIDOf(t, ada(apiApp, 2, ""))
	both := func(first, second string) *claimd {
		return w.own(t, plan{provider: first, groups: `Analysts = { providers = ["contoso", "other"] }`, more: w.otherAPI(second)})
	}
	const yes, no, unknown = letIn, "401 audience", "401 key"
	one, off := w.own(t, plan{provider: ownKeysOn}), w.own(t, plan{})
	onOn, onOff := both(ownKeysOn, ownKeysOn), both(ownKeysOn, "")
	for _, test := range []struct {
		name, api, kid        string
		one, off, onOn, onOff string
	}{
		{"its own key", apiApp, own, yes, unknown, yes, yes},
		{"the tenant's key", apiApp, general, yes, yes, yes, yes},
		{"the other's key", apiApp, foreign, unknown, unknown, unknown, unknown},
		{"its own key, for the other", otherAPIApp, own, no, unknown, unknown, unknown},
		{"the tenant's key, for the other", otherAPIApp, general, no, no, yes, yes},
		{"the other's key, for the other", otherAPIApp, foreign, unknown, unknown, yes, unknown},
	} {
		for _, version := range []int{2, 1} {
			token := ada(test.api, version, test.kid)
			for range 2 { // the second time with what is kept
				for _, daemon := range []struct {
					name, want string
					asked      *claimd
				}{
					{"alone", test.one, one}, {"without custom_signing_keys", test.off, off},
					{"beside another with its own keys", test.onOn, onOn}, {"beside another without", test.onOff, onOff},
				} {
					if version == 1 && daemon.want == unknown {
						continue // three unknown ids may start a fetch, and each version has its own
					}
					daemon.asked.ask(t, token).want(t, test.name+", "+daemon.name, daemon.want)
				}
			}
		}
	}
	explained, err := off.admin.Explain(t.Context(), ada(apiApp, 2, own))
	must(t, err)
	if explained.Reason.String() != "key" || !strings.Contains(explained.Sentence, "custom_signing_keys") {
		t.Errorf("explain tells %q", explained.Sentence)
	}
}

// Both sets are refreshed together, each once; without custom_signing_keys nothing is asked with ?appid=. A key that one
// of them no longer holds ends what was verified with it, and a new key is found at its first token.
func TestBothSetsOfAnApplicationAreRefreshed(t *testing.T) {
	t.Parallel()
	w := mapped(t)
	tenant := w.contoso
	asked := func() (counts [8]int) {
		for i, what := range []string{"v1 document", "v1 keys", "v2 document", "v2 keys"} {
			counts[i], counts[4+i] = tenant.Requests(what), tenant.Requests(what+" appid")
		}
		return counts
	}
	refresh := func(c *claimd, want int) {
		t.Helper()
		before := asked()
		results, err := c.admin.RefreshKeys(t.Context(), "contoso")
		must(t, err)
		if len(results) != 1 || results[0].Problem != "" {
			t.Errorf("got %+v", results)
		}
		after := asked()
		for i, count := range after {
			appid := i >= 4
			if got := count - before[i]; !appid && got != 1+want || appid && got != want {
				t.Errorf("a refresh is %v requests after %v", after, before)
				break
			}
		}
	}
	off := w.own(t, plan{})
	refresh(off, 0)
	off.ask(t, w.ada(t, nil)).want(t, "without custom_signing_keys, after the fetch for an unknown id", "401 key")
	if counts := asked(); counts[4]+counts[5]+counts[6]+counts[7] != 0 {
		t.Errorf("without custom_signing_keys there are requests with ?appid=: %v", counts)
	}

	c := w.own(t, plan{provider: ownKeysOn})
	refresh(c, 1)
	first := w.ada(t, nil)
	general := w.mint(t, tenant, entratest.Request{User: "ada", KeyID: tenant.KeyIDs()[0]})
	c.ask(t, first).want(t, "its own key", letIn)
	c.ask(t, general).want(t, "the tenant's key", letIn)
	tenant.RotateFor(apiApp)
	second := w.ada(t, nil)
	if keyIDOf(t, second) == keyIDOf(t, first) {
		t.Fatal("the own key was not rotated")
	}
	rotated := w.mint(t, tenant, entratest.Request{User: "ada", KeyID: tenant.Rotate()})
	before := asked()
	c.ask(t, second).want(t, "the next own key, at its first token", letIn)
	c.ask(t, rotated).want(t, "the tenant's next key, which came along", letIn)
	if after := asked(); after[3] != before[3]+2 || after[7] != before[7]+1 {
		t.Errorf("the unknown id led from %v to %v requests, want one fetch of both sets", before, after)
	}
	tenant.Remove(keyIDOf(t, first))
	tenant.Remove(keyIDOf(t, general))
	for _, token := range []string{first, general, second, rotated} {
		c.ask(t, token).want(t, "before the refresh", letIn)
	}
	refresh(c, 1)
	c.ask(t, first).want(t, "an own key that was removed", "401 key")
	c.ask(t, general).want(t, "a key of the tenant's that was removed", "401 key")
	c.ask(t, second).want(t, "the own key that is left", letIn)
	c.ask(t, rotated).want(t, "the tenant's key that is left", letIn)
}

// Two tenants whose keys have one id, as a sloppy or hostile one could publish: each token is held against the key of its
// own issuer, in the tenant's set and in that of the application.
func TestTwoIssuersThatShareAKeyIDShareNoKey(t *testing.T) {
	t.Parallel()
	w := mapped(t)
	directory := people(fabrikamTenant)
	directory.APIs[0].SigningKey = true
	w.fabrikam = startTenant(t, directory)
	ours := [2]string{w.contoso.KeyIDs()[0], keyIDOf(t, w.ada(t, nil))} // the tenant's, the application's
	theirs := [2]string{w.fabrikam.KeyIDs()[0], keyIDOf(t, w.mint(t, w.fabrikam, entratest.Request{User: "ada"}))}
	w.fabrikam.SetFaults(entratest.Faults{Rewrite: func(what string, body []byte) []byte {
		if !strings.HasSuffix(what, "keys") {
			return body
		}
		return []byte(strings.NewReplacer(theirs[0], ours[0], theirs[1], ours[1]).Replace(string(body)))
	}})
	both := twoTenants(w)
	both.provider = ownKeysOn
	both.more = w.second("user_prefix = \"f:\"\n" + ownKeysOn)
	c := w.own(t, both)
	for i, which := range []string{"the tenant's key", "the application's own key"} {
		for _, version := range []int{1, 2} {
			mint := func(tenant *entratest.Tenant, kid string, changes claims) answer {
				return c.ask(t, w.mint(t, tenant, entratest.Request{
					User: "ada", Version: version, KeyID: kid, Header: claims{"kid": ours[i]}, Claims: changes,
				}))
			}
			own := mint(w.contoso, ours[i], nil)
			own.want(t, which, letIn)
			own.wantHeader(t, "Remote-User", adaObject)
			other := mint(w.fabrikam, theirs[i], nil)
			other.want(t, which+", of fabrikam", letIn)
			other.wantHeader(t, "Remote-User", "f:"+adaObject)
			mint(w.fabrikam, theirs[i], claims{"iss": w.contoso.Issuer(version), "tid": contosoTenant}).
				want(t, which+", fabrikam's for contoso", "401 signature")
			mint(w.contoso, ours[i], claims{"iss": w.fabrikam.Issuer(version), "tid": fabrikamTenant}).
				want(t, which+", contoso's for fabrikam", "401 signature")
		}
	}
}

// A reload that sets custom_signing_keys fetches the application's keys before it takes effect; one that takes it back ends
// at once what was verified with them, kept identities too.
func TestOwnKeysComeAndGoWithAReload(t *testing.T) {
	t.Parallel()
	w := mapped(t)
	c := w.own(t, plan{})
	token := w.ada(t, nil)
	for range 2 {
		c.ask(t, token).want(t, "without custom_signing_keys", "401 key")
		c.reload(t, plan{provider: ownKeysOn})
		for range 2 {
			c.ask(t, token).want(t, "with custom_signing_keys", letIn)
		}
		c.reload(t, plan{})
	}
	c.ask(t, token).want(t, "without them again", "401 key")
}
