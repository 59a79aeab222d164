package entratest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// The ids of the tenant with a Graph.
const (
	graphAsker   = "73d0e9a4-5b1c-4f68-a2d7-e90c36b81f54"
	graphHalf    = "84e1fab5-6c2d-4079-b3e8-fa1d47c92065"
	graphPerson  = "95f20bc6-7d3e-418a-84f9-0b2e58da3176"
	graphCrowd   = "a6031cd7-8e4f-429b-950a-1c3f69eb4287"
	graphMember  = "b7142de8-9f50-43ac-a61b-2d407afc5398"
	graphTenant  = "c8253ef9-a061-44bd-b72c-3e518b0d64a9"
	graphMissing = "d936400a-b172-45ce-883d-4f629c1e75ba"
)

func graphDirectory() Directory {
	return Directory{
		TenantID: graphTenant,
		APIs:     []API{{ApplicationID: "ea47511b-c283-46df-994e-50730d2f86cb", AccessTokenVersion: 2}},
		Clients: []App{
			{ApplicationID: graphAsker, ObjectID: "fb58622c-d394-47e0-aa5f-61841e3097dc", Secret: "s", Roles: []string{"API.Read"},
				GraphPermissions: []string{"User.Read.All", "GroupMember.Read.All"}},
			{ApplicationID: graphHalf, ObjectID: "0c69733d-e4a5-48f1-bb60-72952f41a8ed", Secret: "s", GraphPermissions: []string{"GroupMember.Read.All"}},
		},
		Users: []User{
			{Name: "person", ObjectID: graphPerson, Groups: []string{strings.ToUpper(graphMember)}, MoreGroups: 200},
			{Name: "crowd", ObjectID: graphCrowd, Groups: slices.Repeat([]string{graphMember}, 1001), MoreGroups: 10_000},
		},
	}
}

// graphToken gets the client's own token for the resource of that name.
func graphToken(t *testing.T, tenant *Tenant, client, resource string) string {
	t.Helper()
	status, answer := post(t, tenant, "/"+graphTenant+"/oauth2/v2.0/token", url.Values{"grant_type": {"client_credentials"},
		"client_id": {client}, "client_secret": {"s"}, "scope": {resource + "/.default openid profile offline_access"}})
	token, ok := answer["access_token"].(string)
	if !ok {
		t.Fatalf("no token: %d %v", status, answer)
	}
	return token
}

// askGraph asks and gives the status, Graph's error code or "", and the ids of value.
func askGraph(t *testing.T, tenant *Tenant, method, path, token, body string) (status int, code string, ids []string, next string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, tenant.URL()+"/v1.0/users/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Value []json.RawMessage
		Next  string `json:"@odata.nextLink"`
		Error struct{ Code string }
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	for _, item := range answer.Value {
		var object struct{ ID string }
		if json.Unmarshal(item, &object) != nil {
			_ = json.Unmarshal(item, &object.ID)
		}
		ids = append(ids, object.ID)
	}
	return response.StatusCode, answer.Error.Code, ids, answer.Next
}

func TestGraphAnswersAnApplicationThatMayAsk(t *testing.T) {
	tenant, err := Start(graphDirectory())
	if err != nil {
		t.Fatal(err)
	}
	defer tenant.Close()
	defer http.DefaultClient.CloseIdleConnections()
	good := graphToken(t, tenant, graphAsker, tenant.URL())
	apis := graphToken(t, tenant, graphAsker, "api://ea47511b-c283-46df-994e-50730d2f86cb")
	check := func(ids ...string) string {
		text, _ := json.Marshal(map[string]any{"groupIds": ids})
		return string(text)
	}
	const all = `{"securityEnabledOnly":false}`
	tests := []struct {
		name, method, path, token, body string
		want                            string // status, code, how many ids, whether there is a next page
	}{
		{"a member", "POST", graphPerson + "/checkMemberGroups", good, check(graphMember, graphMissing), "200  1 false"},
		{"by another name of Graph", "POST", graphPerson + "/checkMemberGroups", graphToken(t, tenant, graphAsker, "https://graph.microsoft.com"), check(graphMember), "200  1 false"},
		{"no member", "POST", graphPerson + "/checkMemberGroups", good, check(graphMissing), "200  0 false"},
		{"21 groups", "POST", graphPerson + "/checkMemberGroups", good, check(slices.Repeat([]string{graphMember}, 21)...), "400 Request_BadRequest 0 false"},
		{"a name", "POST", graphPerson + "/checkMemberGroups", good, check("Analysts"), "400 Request_BadRequest 0 false"},
		{"no JSON", "POST", graphPerson + "/checkMemberGroups", good, "x", "400 Request_BadRequest 0 false"},
		{"all", "POST", graphPerson + "/getMemberGroups", good, all, "200  201 false"},
		{"all objects", "POST", graphPerson + "/getMemberObjects", good, all, "200  201 false"},
		{"all without saying which", "POST", graphPerson + "/getMemberGroups", good, "{}", "400 Request_BadRequest 0 false"},
		{"11,001", "POST", graphCrowd + "/getMemberGroups", good, all, "400 Directory_ResultSizeLimitExceeded 0 false"},
		{"the usual page", "GET", graphPerson + "/transitiveMemberOf", good, "", "200  100 true"},
		{"the longest page", "GET", graphPerson + "/transitiveMemberOf?$top=999", good, "", "200  202 false"},
		{"too long a page", "GET", graphPerson + "/transitiveMemberOf?$top=1000", good, "", "400 Request_BadRequest 0 false"},
		{"nobody", "POST", graphMissing + "/checkMemberGroups", good, check(graphMember), "404 Request_ResourceNotFound 0 false"},
		{"no token", "POST", graphPerson + "/checkMemberGroups", "", check(graphMember), "401 InvalidAuthenticationToken 0 false"},
		{"the API's token", "POST", graphPerson + "/checkMemberGroups", apis, check(graphMember), "401 InvalidAuthenticationToken 0 false"},
		{"a forged token", "POST", graphPerson + "/checkMemberGroups", good[:len(good)-8] + "AAAAAAAA", check(graphMember), "401 InvalidAuthenticationToken 0 false"},
		{"half the permissions", "POST", graphPerson + "/checkMemberGroups", graphToken(t, tenant, graphHalf, tenant.URL()), check(graphMember), "403 Authorization_RequestDenied 0 false"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status, code, ids, next := askGraph(t, tenant, test.method, test.path, test.token, test.body)
			if got := fmt.Sprint(status, " ", code, " ", len(ids), " ", next != ""); got != test.want {
				t.Errorf("want %s, got %s", test.want, got)
			}
		})
	}
	equal(t, "calls", tenant.Requests("graph"), len(tests))
	equal(t, "checkMemberGroups", tenant.Requests("graph checkMemberGroups"), 11)
	tenant.Leave(graphPerson, graphMember)
	if _, _, ids, _ := askGraph(t, tenant, "POST", graphPerson+"/checkMemberGroups", good, check(graphMember)); len(ids) != 0 {
		t.Error("who left is in still")
	}
	tenant.ExpireGraphTokens()
	if status, _, _, _ := askGraph(t, tenant, "POST", graphPerson+"/checkMemberGroups", good, check(graphMember)); status != 401 {
		t.Errorf("want 401 for an expired token, got %d", status)
	}
}

// The documents say where Graph is, and who follows the address in a token is counted.
func TestTheDocumentNamesGraphsHost(t *testing.T) {
	tenant, err := Start(graphDirectory())
	if err != nil {
		t.Fatal(err)
	}
	defer tenant.Close()
	defer http.DefaultClient.CloseIdleConnections()
	_, document := get(t, tenant, "/"+graphTenant+"/v2.0/.well-known/openid-configuration")
	equal(t, "msgraph_host", document["msgraph_host"], any(strings.TrimPrefix(tenant.URL(), "http://")))
	status, _ := get(t, tenant, strings.TrimPrefix(tenant.ClaimSource("person"), tenant.URL()))
	equal(t, "status", status, 200)
	equal(t, "led there", tenant.Requests("claim source"), 1)
}
