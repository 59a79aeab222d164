package token

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
)

// What was kept of a token reads as the token did, under every name whose claim was kept.
func TestWhatIsKeptOfATokenReadsAsTheToken(t *testing.T) {
	const payload = `{"groups":["a","b\u0000","c,d"],"extn":{"x":{"groups":["e"]},"n":[{"a/b":"f"}]},"wids":7,"empty":null,
		"hasgroups":true,"_claim_names":{"roles":"src1"},"oid":"690222BE-ff1a-4d56-abd1-7e4f7d38e474","secret":"s"}`
	claims := claimsOf(t, payload)
	names := []string{"groups", "/extn/x/groups", "/extn/n/0/a~1b", "wids", "empty", "absent", "/absent/x", ""}
	kept := Kept{Claims: claims.Keep(names...)}
	want := []string{"_claim_names", "absent", "empty", "extn", "groups", "hasgroups", "wids"}
	if got := sortedKeys(kept.Claims); !slices.Equal(got, want) {
		t.Errorf("kept %q, want %q", got, want)
	}
	stored, err := json.Marshal(kept.Claims) // a store may write it otherwise
	if err != nil {
		t.Fatal(err)
	}
	for story, text := range map[string][]byte{"as it was": nil, "as JSON": stored} {
		if text != nil {
			kept.Claims = nil
			if err := json.Unmarshal(text, &kept.Claims); err != nil {
				t.Fatal(err)
			}
		}
		recalled := kept.Recall()
		for _, name := range append(names, "/extn/x", "/wids/1", "/empty") {
			if got, want := recalled.Value(name), claims.Value(name); !reflect.DeepEqual(got, want) || !kept.Reads(name) {
				t.Errorf("%s: %q: got %+v, want %+v, known %v", story, name, got, want, kept.Reads(name))
			}
		}
		for _, pair := range [][2]string{{"groups", "groups"}, {"wids", "wids"}, {"wids", "roles"}, {"extn", "wids"}} {
			if got, want := recalled.Overage(pair[0], pair[1]), claims.Overage(pair[0], pair[1]); got != want {
				t.Errorf("%s: overage of %v: got %v, want %v", story, pair, got, want)
			}
		}
	}
	for _, name := range []string{"secret", "/secret/x", "roles", "oid"} {
		if kept.Reads(name) {
			t.Errorf("%q was not kept and is said to be known", name)
		}
	}
}

// What is kept for long must not hold on to the token.
func TestWhatIsKeptOfATokenIsACopy(t *testing.T) {
	payload := []byte(`{"groups":["a"],"_claim_names":{"x":"y"}}`)
	members, _ := takeIn(payload)
	kept := (&Claims{members: members}).Keep("groups")
	clear(payload)
	if string(kept["groups"]) != `["a"]` || string(kept["_claim_names"]) != `{"x":"y"}` {
		t.Errorf("got %q", kept)
	}
}

// A store that gives back something else is no reason to fall over, nor to make values up.
func TestDamagedClaimsAreUnknown(t *testing.T) {
	for _, text := range []string{"", " ", "[", `"`, `["a"`, "nul", "{}x", "\xff", `{"a":1,"a":2}`, `"\ud800"`} {
		kept := Kept{Claims: map[string]json.RawMessage{"groups": json.RawMessage(text)}}
		if v := kept.Recall().Value("groups"); !reflect.DeepEqual(v, claimsOf(t, "{}").Value("groups")) {
			t.Errorf("%q: got %+v", text, v)
		}
		if kept.Reads("groups") {
			t.Errorf("%q is said to be known", text)
		}
	}
	kept := Kept{Claims: map[string]json.RawMessage{"groups": json.RawMessage("\n [ \"a\" ]\t")}}
	if v := kept.Recall().Value("groups"); len(v.List) != 1 || v.List[0] != "a" || !kept.Reads("groups") {
		t.Errorf("got %+v", v)
	}
}

func TestARecalledTokenIsOfTheSameCaller(t *testing.T) {
	const id = "690222be-ff1a-4d56-abd1-7e4f7d38e474"
	c := Kept{Provider: "contoso", Tenant: id, Caller: Delegated, ObjectID: id, ClientID: id, Scopes: "a b", Guest: true}.Recall()
	if !c.Guest() || !c.HasScope("b") || c.Value("oid").Text != id || c.Caller != Delegated || c.ObjectID != id || c.Tenant != id {
		t.Errorf("got %+v", c)
	}
	if (Kept{}).Recall().Guest() || (Kept{}).Recall().Has("oid") {
		t.Error("a member is a guest, or somebody has an id")
	}
}

func TestAProviderAdmitsItsClients(t *testing.T) {
	p := &Provider{ClientIDs: []string{"desk"}, AccountClients: map[string]string{"export": "nightly"}}
	for _, c := range []struct {
		claims Claims
		want   bool
	}{
		{Claims{ClientID: "desk", Caller: Delegated}, true},
		{Claims{ClientID: "desk", Caller: AppOnly, ObjectID: "other"}, true},
		{Claims{ClientID: "nightly", Caller: AppOnly, ObjectID: "export"}, true},
		{Claims{ClientID: "nightly", Caller: Delegated, ObjectID: "export"}, false},
		{Claims{ClientID: "nightly", Caller: AppOnly, ObjectID: "other"}, false},
		{Claims{ClientID: "rogue", Caller: AppOnly, ObjectID: "export"}, false},
		{Claims{ClientID: "", Caller: AppOnly, ObjectID: "other"}, false},
		{Claims{ClientID: "", Caller: Delegated}, false},
	} {
		if got := p.Admits(&c.claims); got != c.want {
			t.Errorf("%+v: got %v", c.claims, got)
		}
	}
}

func sortedKeys(claims map[string]json.RawMessage) []string {
	var names []string
	for name := range claims {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
