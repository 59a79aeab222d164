package access

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/reason"
)

// markOf judges a new token and gives the mark, and the sighting, of it.
func (k *knowing) markOf(claims map[string]any) (uint64, *directory.Sighting) {
	k.t.Helper()
	j := judgement{snapshot: k.gate.Snapshot(), now: k.now}
	j.judge(k.t.Context(), k.mint(entratest.Request{User: "reader", Claims: claims}))
	if !j.tells() {
		k.t.Fatalf("%v: refused by %s, nothing to tell", claims, j.reason)
	}
	return j.mark(), j.sighting()
}

// A user whose token tells what the one before told is not told of again: whatever a sighting is made of must be in its
// mark, or a change would not be on record until the daemon is started again.
func TestAChangeOfAnythingThatASightingIsMadeOfIsTold(t *testing.T) {
	base := map[string]any{
		"groups": []string{analysts, "Strangers"}, "roles": []string{"a"}, "admin": "no", "email": "ada@contoso.example", "given_name": "Ada",
		"family_name": "Lovelace", "acct": 0, "employee": "e1", "nested": map[string]any{"groups": []string{"x"}},
	}
	configure := func(c *config.Config) {
		p := &c.Providers[0]
		p.Claims.User, p.Claims.Admin, p.Claims.Roles = "employee", "admin", "/nested/groups"
		c.Users = []config.User{{Provider: "contoso", ID: "e1", Groups: []string{"Analysts"}}}
	}
	k := newKnowing(t, configure)
	mark, _ := k.markOf(base)
	if again, _ := k.markOf(base); again != mark {
		t.Error("another token that tells the same has another mark")
	}
	other := maps.Clone(base)
	other["azp"] = apiID
	k.config.Providers[0].ClientApplicationIDs = append(k.config.Providers[0].ClientApplicationIDs, apiID)
	k.gate.Swap(k.compile(1))
	if again, _ := k.markOf(other); again != mark {
		t.Error("another client has another mark: a touch would do")
	}
	seen := map[uint64]string{mark: "the first"}
	for _, c := range []struct {
		story  string
		claims map[string]any // nil: absent
	}{
		{"one group fewer", map[string]any{"groups": []string{analysts}}},
		{"groups in one string", map[string]any{"groups": analysts}},
		{"another value that names nothing", map[string]any{"groups": []string{analysts, "Foreigners"}}},
		{"no groups", map[string]any{"groups": nil}},
		{"another role", map[string]any{"nested": map[string]any{"groups": []string{"y"}}}},
		{"an administrator", map[string]any{"admin": "is_admin"}},
		{"another address", map[string]any{"email": "ada@fabrikam.example"}},
		{"no address", map[string]any{"email": nil}},
		{"another first name", map[string]any{"given_name": "Augusta"}},
		{"another last name", map[string]any{"family_name": "King"}},
		{"names that moved", map[string]any{"given_name": "AdaL", "family_name": "ovelace"}},
		{"a guest", map[string]any{"acct": 1}},
		{"other scopes", map[string]any{"scp": "platform.read-write other"}},
		{"another id", map[string]any{"employee": "e2"}},
		{"overage", map[string]any{"_claim_names": map[string]any{"groups": "src1"}}},
		{"overage in the other form", map[string]any{"hasgroups": true}},
		{"another overage", map[string]any{"_claim_names": map[string]any{"groups": "src2"}}},
	} {
		claims := maps.Clone(base)
		maps.Copy(claims, c.claims)
		got, _ := k.markOf(claims)
		if twin, found := seen[got]; found {
			t.Errorf("%s has the mark of: %s", c.story, twin)
		}
		seen[got] = c.story
	}
	for _, c := range []struct {
		story  string
		change func(*config.Config)
		number uint64
	}{
		{"a reload", func(*config.Config) {}, 2},
		{"waiting for an invitation", func(c *config.Config) { c.Mapping.Invite, c.Users = true, nil }, 1},
	} {
		c.change(k.config)
		k.gate.Swap(k.compile(c.number))
		got, _ := k.markOf(base)
		if twin, found := seen[got]; found {
			t.Errorf("%s has the mark of: %s", c.story, twin)
		}
		seen[got] = c.story
	}
}

// A new token that tells what the one before told moves the last sighting, and the client, and nothing else is written; one
// that tells something else is on record at once.
func TestANewTokenOfAKnownUserIsATouch(t *testing.T) {
	k := newKnowing(t, func(c *config.Config) {
		c.Providers[0].ClientApplicationIDs = append(c.Providers[0].ClientApplicationIDs, apiID)
	})
	k.want(k.mint(entratest.Request{User: "reader"}), reason.None, "first")
	first := k.seen(reader)
	written := k.directory.Status().Written
	for range 20 {
		k.want(k.mint(entratest.Request{User: "reader"}), reason.None, "of the same minute")
	}
	if k.seen(reader); k.directory.Status().Written != written {
		t.Errorf("%d rows were written", k.directory.Status().Written-written)
	}
	k.now = k.now.Add(2 * time.Minute)
	k.want(k.mint(entratest.Request{User: "reader", Claims: map[string]any{"azp": apiID}}), reason.None, "another client")
	got := k.seen(reader)
	if !got.LastSeen.After(first.LastSeen) || got.Client != apiID || len(got.Groups) != len(first.Groups) {
		t.Errorf("got %+v", got)
	}
	k.want(k.mint(entratest.Request{User: "reader", Claims: map[string]any{"email": "new@contoso.example"}}), reason.None, "another address")
	if got := k.seen(reader); got.Email != "new@contoso.example" {
		t.Errorf("got %+v", got)
	}
	k.want(k.mint(entratest.Request{User: "reader", Claims: map[string]any{"groups": nil}}), reason.NoGroup, "no groups any more")
	if got := k.seen(reader); got.Refused != "no_group" || len(got.Groups) != 0 {
		t.Errorf("got %+v", got)
	}
	k.change(reader, directory.Forget)
	k.want(k.mint(entratest.Request{User: "reader"}), reason.None, "forgotten")
	k.want(k.mint(entratest.Request{User: "reader"}), reason.None, "again")
	if got := k.seen(reader); got.State != directory.Active || len(got.Groups) == 0 {
		t.Errorf("got %+v", got)
	}
}

// An administrator who looked up the user of a token with an overage marker was shown that he has no group, and the counts
// of the groups were without him.
func TestATokenWithOverageLeavesTheGroupsOnRecord(t *testing.T) {
	k := newKnowing(t, nil)
	k.want(k.mint(entratest.Request{User: "reader", Claims: map[string]any{"groups": []string{analysts, "Strangers"}}}), reason.None, "before")
	before := k.seen(reader)
	overage := map[string]any{"groups": nil, "_claim_names": map[string]any{"groups": "src1"}}
	k.want(k.mint(entratest.Request{User: "reader", Claims: overage}), reason.GroupsOverage, "overage")
	got := k.seen(reader)
	if got.Refused != "groups_overage" || len(got.Groups) != 1 || got.Groups[0] != before.Groups[0] || strings.Join(got.UnmatchedGroups, " ") != "Strangers" {
		t.Errorf("got %+v", got)
	}
	// The claims are those of the newest token: what a configuration would make of him is what it makes of that one.
	if _, there := got.Claims["_claim_names"]; !there {
		t.Errorf("got the claims %s", got.Claims)
	}
	k.want(k.mint(entratest.Request{User: "reader", Claims: map[string]any{"groups": []string{}}}), reason.NoGroup, "none")
	if got := k.seen(reader); len(got.Groups)+len(got.UnmatchedGroups) != 0 {
		t.Errorf("got %+v", got)
	}
}
