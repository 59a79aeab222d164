package token

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/claimd/claimd/mapping"
)

// claimsOf takes a payload in as if its signature had held.
func claimsOf(t *testing.T, payload string) *Claims {
	t.Helper()
	members, problem := takeIn([]byte(payload))
	if problem != "" {
		t.Fatalf("intake: %s", problem)
	}
	return &Claims{members: members, issuers: [...]string{"https://sts.windows.net/t/", ""}}
}

func TestValue(t *testing.T) {
	text := func(s string) mapping.Value { return mapping.Value{Kind: mapping.String, Text: s} }
	list := func(s ...string) mapping.Value {
		return mapping.Value{Kind: mapping.Strings, List: append([]string{}, s...)}
	}
	absent, other := mapping.Value{}, mapping.Value{Kind: mapping.Other}
	c := claimsOf(t, `{
		"one":"Analysts","escaped":"CONTOSO\\Team A \u00e9\n","none":[],"two":["b","a, \"b\"\u0000"],"empty":"","null":null,
		"eleven":["0","1","2","3","4","5","6","7","8","9","10"],"number":1,"true":true,"object":{"a":"x"},"mixed":["a",1],"nulls":[null],"lists":[["a"]],
		"https://app.hoop.dev/groups":["g"],"extn.admin":"is_admin","":"nameless","a/b":"slash","m~n":"tilde","\u0067\u0072":"written with escapes",
		"realm":{"roles":["r"],"deep":[{"name":"n"},"second"],"k/l":{"":"nameless within"},"esc\u0061ped":"e","null":null}
	}`)
	for _, row := range []struct {
		about, name string
		want        mapping.Value
	}{
		{"A10 a string is one value", "one", text("Analysts")},
		{"A10 escapes are what they stand for", "escaped", text("CONTOSO\\Team A é\n")},
		{"A10 an empty list is a list", "none", list()},
		{"A10 a list has its values, commas and NUL included", "two", list("b", "a, \"b\"\x00")},
		{"A9 an empty string is a string", "empty", text("")},
		{"A9 null is absent", "null", absent},
		{"A9 absent is absent", "missing", absent},
		{"A10 a number", "number", other},
		{"A10 a boolean", "true", other},
		{"A10 an object", "object", other},
		{"A10 a list with one number in it", "mixed", other},
		{"A10 a list with null in it", "nulls", other},
		{"A10 a list of lists", "lists", other},
		{"A7 a URL is a literal name", "https://app.hoop.dev/groups", list("g")},
		{"A7 a dot is a literal", "extn.admin", text("is_admin")},
		{"A7 a slash inside is a literal", "a/b", text("slash")},
		{"A7 names are exact", "One", absent},
		{"A7 a name that is written with escapes", "gr", text("written with escapes")},
		{"the empty name is switched off", "", absent},
		{"a pointer", "/realm/roles", list("r")},
		{"a pointer to a top-level claim", "/one", text("Analysts")},
		{"a pointer to the empty name", "/", text("nameless")},
		{"a pointer into a list", "/realm/deep/0/name", text("n")},
		{"a pointer to the second element", "/realm/deep/1", text("second")},
		{"a pointer with two digits", "/eleven/10", text("10")},
		{"a pointer behind the list", "/realm/deep/2", absent},
		{"a pointer to what comes after the last", "/realm/deep/-", absent},
		{"a pointer with a leading zero", "/realm/deep/00", absent},
		{"a pointer with a sign", "/realm/deep/+1", absent},
		{"a pointer through a string", "/one/0", absent},
		{"a pointer through nothing", "/missing/roles", absent},
		{"a pointer to null", "/realm/null", absent},
		{"a pointer with ~1", "/a~1b", text("slash")},
		{"a pointer with ~0", "/m~0n", text("tilde")},
		{"a pointer with both, within", "/realm/k~1l/", text("nameless within")},
		{"a pointer to a name that is written with escapes", "/realm/escaped", text("e")},
	} {
		t.Run(row.about, func(t *testing.T) {
			if got := c.Value(row.name); !reflect.DeepEqual(got, row.want) {
				t.Errorf("Value(%q): want %+v, got %+v", row.name, row.want, got)
			}
		})
	}
}

func TestALargeListKeepsEachValue(t *testing.T) {
	want := make([]string, 200)
	for i := range want {
		want[i] = fmt.Sprintf("6cab8f93-8e22-4947-80c3-%012d", i)
	}
	c := claimsOf(t, `{"groups":["`+strings.Join(want, `" , "`)+`"]}`)
	if got := c.Value("groups"); !reflect.DeepEqual(got.List, want) {
		t.Errorf("want 200 values in order, got %v", got)
	}
}

// Groups come by the hundred, so a list takes no allocation for each: its characters stand in one, its strings in another.
func TestAListIsDecodedInTwoAllocations(t *testing.T) {
	for _, n := range []int{1, 5, 200} {
		c := claimsOf(t, `{"groups":["`+strings.Join(groupsOf(n), `","`)+`"]}`)
		if got := testing.AllocsPerRun(20, func() { c.Value("groups") }); got != 2 {
			t.Errorf("%d groups: want 2 allocations, got %v", n, got)
		}
	}
}

func TestHas(t *testing.T) {
	c := claimsOf(t, `{"a":0,"b":null,"c":"","\u0064":[]}`)
	for name, want := range map[string]bool{"a": true, "b": false, "c": true, "d": true, "e": false, "A": false, "/a": false, "": false} {
		if got := c.Has(name); got != want {
			t.Errorf("Has(%q): want %v, got %v", name, want, got)
		}
	}
}

func TestD3AScopeIsAWholeWord(t *testing.T) {
	c := &Claims{Scopes: "openid platform.read-write.all  User.Read"}
	for word, want := range map[string]bool{
		"openid": true, "platform.read-write.all": true, "User.Read": true,
		"platform.read-write": false, "user.read": false, "": false, "openid platform.read-write.all": false,
	} {
		if got := c.HasScope(word); got != want {
			t.Errorf("HasScope(%q): want %v, got %v", word, want, got)
		}
	}
	if (&Claims{}).HasScope("") {
		t.Error("no scopes: want no word, got the empty one")
	}
}

func TestOverage(t *testing.T) {
	const named = `{"_claim_names":{"groups":"src1"},"_claim_sources":{"src1":{"endpoint":"https://graph.windows.net/"}}`
	for _, row := range []struct {
		about, payload, groups, roles string
		want                          bool
	}{
		{"A9 no marker", `{"groups":["a"]}`, "groups", "groups", false},
		{"A9 _claim_names names the groups claim", named + `}`, "groups", "groups", true},
		{"A9 the marker wins over values", named + `,"groups":["a"]}`, "groups", "roles", true},
		{"A9 only roles are read from roles", named + `}`, "roles", "roles", false},
		{"A9 no groups are read", named + `}`, "", "roles", false},
		{"A9 roles are read from groups", named + `}`, "", "groups", true},
		{"A9 a pointer to groups", named + `}`, "/groups", "", true},
		{"A9 it names the roles claim", `{"_claim_names":{"roles":"src1"}}`, "groups", "roles", true},
		{"A9 it names a claim with a name of its own", `{"_claim_names":{"https://x/groups":"src1"}}`, "https://x/groups", "", true},
		{"A9 it names that claim, which a pointer reads", `{"_claim_names":{"my/groups":"src1"}}`, "/my~1groups/0", "", true},
		{"A9 it names another claim", `{"_claim_names":{"wids":"src1"}}`, "groups", "roles", false},
		{"A9 it names nothing", `{"_claim_names":{}}`, "groups", "roles", false},
		{"A9 it names the empty name, and no groups are read", `{"_claim_names":{"":"src1"}}`, "", "roles", false},
		{"A9 it names the empty name, and no roles are read", `{"_claim_names":{"":"src1"}}`, "groups", "", false},
		{"A9 a member that is null is named too", `{"_claim_names":{"groups":null}}`, "groups", "", true},
		{"A9 a null marker is absent", `{"_claim_names":null}`, "groups", "groups", false},
		{"A9 a marker that is a list could name any", `{"_claim_names":["wids"]}`, "my", "", true},
		{"A9 a marker that is a string could name any", `{"_claim_names":"x"}`, "", "roles", true},
		{"A9 a marker of no known form, and nothing is read", `{"_claim_names":"x"}`, "", "", false},
		{"A9 hasgroups", `{"hasgroups":true}`, "groups", "groups", true},
		{"A9 hasgroups, and only groups are read from groups", `{"hasgroups":true}`, "groups", "roles", true},
		{"A9 hasgroups false", `{"hasgroups":false}`, "groups", "groups", false},
		{"A9 hasgroups null", `{"hasgroups":null}`, "groups", "groups", false},
		{"A9 hasgroups as a string is not false", `{"hasgroups":"false"}`, "groups", "groups", true},
		{"A9 hasgroups 0 is not false", `{"hasgroups":0}`, "groups", "groups", true},
		{"A9 hasgroups with another groups claim", `{"hasgroups":true}`, "my", "roles", false},
		{"A9 hasgroups with roles from groups", `{"hasgroups":true}`, "my", "groups", true},
	} {
		t.Run(row.about, func(t *testing.T) {
			if got := claimsOf(t, row.payload).Overage(row.groups, row.roles); got != row.want {
				t.Errorf("want %v, got %v", row.want, got)
			}
		})
	}
}

func TestE80Guest(t *testing.T) {
	for _, row := range []struct {
		payload string
		want    bool
	}{
		{`{}`, false},
		{`{"acct":0}`, false},
		{`{"acct":1}`, true},
		{`{"acct":0,"idp":"live.com"}`, false},
		{`{"acct":1,"idp":"https://sts.windows.net/t/"}`, true},
		{`{"acct":null}`, false},
		{`{"acct":null,"idp":"live.com"}`, true},
		{`{"acct":"0"}`, true},
		{`{"acct":2}`, true},
		{`{"acct":false}`, true},
		{`{"idp":"https://sts.windows.net/t/"}`, false},
		{`{"idp":"https://sts.windows.net/other/"}`, true},
		{`{"idp":"live.com"}`, true},
		{`{"idp":""}`, true},
		{`{"idp":1}`, true},
		{`{"idp":null}`, false},
	} {
		t.Run(row.payload, func(t *testing.T) {
			if got := claimsOf(t, row.payload).Guest(); got != row.want {
				t.Errorf("want %v, got %v", row.want, got)
			}
		})
	}
}

func TestTheKindsOfCallerHaveNames(t *testing.T) {
	for caller, want := range map[Caller]string{
		0: "nobody", Delegated: "a user, through an application", AppOnly: "an application by itself",
	} {
		if got := caller.String(); got != want {
			t.Errorf("%d: want %q, got %q", caller, want, got)
		}
	}
}
