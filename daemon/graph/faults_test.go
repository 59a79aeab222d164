package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/claimd/claimd/daemon/entratest"
)

const permissionHint = "\nhint: Entra admin center > App registrations > " + askerID + " > API permissions: add Microsoft Graph, " +
	"application permissions User.Read.All and GroupMember.Read.All, and grant admin consent"

// FAULTS 104 to 107: whatever Graph answers but a whole answer, nothing is known, and an administrator reads why.
func TestNothingButAWholeAnswerIsAnAnswer(t *testing.T) {
	s := theSite(t)
	host := strings.TrimPrefix(s.URL(), "https://")
	answer := func(body string) entratest.GraphFaults {
		return entratest.GraphFaults{Rewrite: func(string, []byte) []byte { return []byte(body) }}
	}
	list := func(items string) entratest.GraphFaults { return answer(`{"value":[` + items + `]}`) }
	few := []string{analysts, operators}
	many := append(fillers(70), few...)
	tests := []struct {
		name   string
		user   string
		asked  []string
		faults entratest.GraphFaults
		kind   Kind
		want   string
	}{
		{"503", lovelace, few, entratest.GraphFaults{Status: 503}, Server, "want status 200, got 503 serviceNotAvailable"},
		{"500", lovelace, few, entratest.GraphFaults{Status: 500, Code: "no word, but a text"}, Server, "want status 200, got 500"},
		{"202", lovelace, few, entratest.GraphFaults{Status: 202, Code: "x"}, Server, "want status 200, got 202 x"},
		{"429", lovelace, few, entratest.GraphFaults{Status: 429}, Throttled, "too many requests of this application (429 TooManyRequests)"},
		{"401 for good", lovelace, few, entratest.GraphFaults{Status: 401}, Credential,
			"it refuses a token that Entra has just given claimd (401 InvalidAuthenticationToken)\n" +
				"hint: compare cloud under [provider.NAME] with the tenant's own, and this host's clock with the true time"},
		{"403 with all permissions", lovelace, few, entratest.GraphFaults{Status: 403}, Permission,
			"the application may not read group memberships (403): want the app permissions User.Read.All and GroupMember.Read.All" + permissionHint},
		{"400", lovelace, many, entratest.GraphFaults{Status: 400, Code: "Request_BadRequest"}, User,
			"it does not take the question about this user (400 Request_BadRequest)"},
		{"an unknown user", stranger, few, entratest.GraphFaults{}, User, "it knows no user " + stranger +
			" (404)\nhint: look for the user in the tenant: a token outlives the account by up to a day"},
		{"a redirect", lovelace, few, entratest.GraphFaults{Status: 307, Location: s.ClaimSource("ada"), Code: "x"}, Garbled,
			"want status 200, got 307 x: redirects are not followed"},
		{"half an answer", lovelace, few, entratest.GraphFaults{Half: true}, Network, "the answer did not come whole: the connection was cut off"},
		{"half a long answer", lovelace, many, entratest.GraphFaults{Half: true}, Network, "the answer did not come whole: the connection was cut off"},
		{"no JSON", lovelace, few, answer("<html>Sign in</html>"), Garbled, "want a list of groups, got no JSON"},
		{"nothing", lovelace, few, answer(""), Garbled, "want a list of groups, got one that ends in the middle"},
		{"JSON cut short", lovelace, few, answer(`{"value":["` + analysts + `"]`), Garbled, "want a list of groups, got one that ends in the middle"},
		{"no list", lovelace, few, answer(`{}`), Garbled, "want a list of groups, got none in the answer"},
		{"null", lovelace, few, answer(`{"value":null}`), Garbled, "want a list of groups, got something else than \"[\""},
		{"another case", lovelace, few, answer(`{"Value":[]}`), Garbled, "want a list of groups, got none in the answer"},
		{"two lists", lovelace, few, answer(`{"value":[],"value":["` + analysts + `"]}`), Garbled, `want a list of groups, got two members "value"`},
		{"a list alone", lovelace, few, answer(`["` + analysts + `"]`), Garbled, "want a list of groups, got something else than \"{\""},
		{"more behind it", lovelace, few, answer(`{"value":[]} {"value":[]}`), Garbled, "want a list of groups, got more behind the answer"},
		{"an error with 200", lovelace, few, answer(`{"error":{"code":"x"},"value":[]}`), Garbled, "want a list of groups, got an error with status 200"},
		{"a number", lovelace, few, list(`"` + analysts + `",7`), Garbled, "want a list of groups, got something of another type in it"},
		{"null in it", lovelace, few, list(`null`), Garbled, `want a list of groups, got "" among them`},
		{"a name in it", lovelace, few, list(`"Analysts"`), Garbled, `want a list of groups, got "Analysts" among them`},
		{"a group not asked about", lovelace, few, list(`"` + auditors + `"`), Garbled, "want a list of groups, got a group among them that was not asked about"},
		{"objects for ids", lovelace, many, list(`{"id":"` + analysts + `"}`), Garbled, "want a list of groups, got something of another type in it"},
		{"64 KiB and more", lovelace, few, answer(`{"value":[],"x":"` + strings.Repeat("x", 64<<10) + `"}`), Garbled, "want an answer of at most 64 KiB, got more"},
		{"64 KiB and more of unknown length", lovelace, few, entratest.GraphFaults{Chunked: true, Rewrite: func(string, []byte) []byte {
			return []byte(`{"value":[],"x":"` + strings.Repeat("x", 64<<10) + `"}`)
		}}, Garbled, "want an answer of at most 64 KiB, got more"},
		{"1 MiB and more", lovelace, many, answer(`{"value":[],"x":"` + strings.Repeat("x", 1<<20) + `"}`), Garbled, "want an answer of at most 1024 KiB, got more"},
		{"a group of another call", lovelace, append(fillers(38), few...), list(`"` + operators + `"`), Garbled,
			"want a list of groups, got a group among them that was not asked about"},
		{"a group of a later call", lovelace, append(fillers(38), few...), list(`"` + fillers(38)[37] + `"`), Garbled,
			"want a list of groups, got a group among them that was not asked about"},
		{"an empty next page", lovelace, many, answer(`{"value":[],"@odata.nextLink":""}`), Garbled, "want a list of groups, got an empty address of a next page"},
		{"null for a next page", lovelace, many, answer(`{"value":[],"@odata.nextLink":null}`), Garbled, "want a list of groups, got an empty address of a next page"},
		{"page 3 of 5", lovelace, many, entratest.GraphFaults{PageSize: 50, Status: 503}, Server,
			"want status 200, got 503 serviceNotAvailable"},
		{"endless pages", lovelace, many, entratest.GraphFaults{Endless: true}, TooMany, "the user's groups fill more than 50 pages\n" +
			"hint: " + allHint},
		{"the next page elsewhere", lovelace, many, entratest.GraphFaults{NextLink: "https://graph.example/v1.0/users"}, Garbled,
			"the next page of an answer is on another host: it is not asked"},
		{"the next page on another port", lovelace, many, entratest.GraphFaults{NextLink: "https://localhost/v1.0/users"}, Garbled,
			"the next page of an answer is on another host: it is not asked"},
		{"the next page by http", lovelace, many, entratest.GraphFaults{NextLink: "http://" + host + "/v1.0/users"}, Garbled,
			"the next page of an answer is on another host: it is not asked"},
		{"the next page with a user", lovelace, few, entratest.GraphFaults{NextLink: "https://graph@" + host + "/"}, Garbled,
			"the next page of an answer is on another host: it is not asked"},
		{"an object without a type", hopper, many, entratest.GraphFaults{Rewrite: func(_ string, body []byte) []byte {
			return bytes.ReplaceAll(body, []byte(`"@odata.type"`), []byte(`"type"`))
		}}, Garbled, "want a list of groups, got an object without a type among them"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := s.graph(t)
			if test.faults.PageSize > 0 {
				test.faults.From = s.Tenant.Requests("graph getMemberGroups") + 3
			}
			s.SetGraphFaults(test.faults)
			fails(t, g, test.user, about(t, test.asked...), test.kind, "microsoft graph: "+test.want)
			if status := g.Status(); status.Failures != 1 || "microsoft graph: "+test.want != told(status) {
				t.Errorf("got the status %+v", status)
			}
			if calls := g.Status().Calls; test.faults.Endless && calls != maxPages {
				t.Errorf("want %d calls, got %d", maxPages, calls)
			}
			s.SetGraphFaults(entratest.GraphFaults{})
			if !test.kind.ofOne() {
				tells(t, g, lovelace, about(t, test.asked...), analysts, operators)
			}
		})
	}
	if got := s.Requests("claim source"); got != 0 {
		t.Errorf("the redirect was followed %d times", got)
	}
}

// told gives the last problem of a status in the words of the error.
func told(s Status) string {
	return (&Unavailable{Problem: s.Problem, Hint: s.Hint}).Error()
}

// FAULTS 106, seen from the other calls: of three that run at once one fails, and the answers of the others are worth
// nothing.
func TestOneOfThreeCallsThatFailsFailsAll(t *testing.T) {
	s := theSite(t)
	g := s.graph(t)
	s.SetGraphFaults(entratest.GraphFaults{Rewrite: func(_ string, body []byte) []byte {
		if bytes.Contains(body, []byte(analysts)) {
			return body[:len(body)-1]
		}
		return body
	}})
	fails(t, g, lovelace, about(t, append(fillers(50), analysts)...), Garbled,
		"microsoft graph: want a list of groups, got one that ends in the middle")
}

// One group of the configuration was deleted, or is another tenant's: Graph refuses the question that names it, whoever it
// is about. That is no reason to let nobody in: all groups of the user are read then, and the log names the one, once.
func TestAGroupThatGraphDoesNotKnowShutsNobodyOut(t *testing.T) {
	for name, test := range map[string]struct {
		refused entratest.GraphRefusal
		told    string
	}{
		"named": {entratest.GraphRefusal{Status: 404, Code: "Request_ResourceNotFound", Message: "Resource '" + strings.ToUpper(nobodys) + "' is not there."},
			"it knows no group " + nobodys + " (404)\nhint: take the group out of [groups], or correct its object ID; providers = [\"NAME\"] says whose it is"},
		"not named": {entratest.GraphRefusal{Status: 400, Code: "Request_BadRequest", Message: "Invalid object identifier."},
			"it does not take the question about these groups (400 Request_BadRequest)\nhint: are all under [groups] that users of this provider can have " +
				"groups of its tenant? providers = [\"NAME\"] says whose a line is"},
	} {
		t.Run(name, func(t *testing.T) {
			s := theSite(t)
			core, log := observer.New(zap.WarnLevel)
			g := s.graph(t, func(o *Options) { o.Log = zap.New(core) })
			test.refused.Group = nobodys
			s.SetGraphFaults(entratest.GraphFaults{Unknown: test.refused})
			q := about(t, append(fillers(30), analysts, nobodys)...)
			tells(t, g, lovelace, q, analysts)
			tells(t, g, turing, q, analysts)
			tells(t, g, hopper, q, analysts) // in more than one answer holds
			fails(t, g, stranger, q, User, "microsoft graph: it knows no user "+stranger+" (404)\n"+
				"hint: look for the user in the tenant: a token outlives the account by up to a day")
			tells(t, g, turing, about(t, analysts), analysts)
			lines := log.FilterMessage("Microsoft Graph does not take a group of the configuration: all groups of users are read instead").All()
			if len(lines) != 1 || "microsoft graph: "+fmt.Sprint(lines[0].ContextMap()["problem"], "\nhint: ", lines[0].ContextMap()["hint"]) != "microsoft graph: "+test.told {
				t.Errorf("want one line that says %s\ngot %v", test.told, lines)
			}
			if status := g.Status(); status.Failing || status.Breaker != stateClosed {
				t.Errorf("got the status %+v", status)
			}
		})
	}
}

// Graph asks to be left alone for a year, or until the end of time. claimd asks again after an hour at the latest; no client
// is told to wait for 12 days, or one second because the sum ran over.
func TestNobodyIsToldToWaitLongerThanGraphIsLeftAlone(t *testing.T) {
	s := theSite(t)
	for _, asked := range []string{"31536000", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		g := s.graph(t)
		s.SetGraphFaults(entratest.GraphFaults{Status: 429, RetryAfter: asked})
		u := fails(t, g, lovelace, about(t, analysts), Throttled, "microsoft graph: too many requests of this application (429 TooManyRequests)")
		if u.RetryAfter != longestAsked {
			t.Errorf("Retry-After %s: clients are told to wait for %s, want an hour", asked, u.RetryAfter)
		}
	}
}

// Grace is in so many groups that reading them takes longer than a look-up may. Graph answers every page in time; but her
// look-ups counted as failures of Graph, and after five of her requests nobody else was asked about for a while.
func TestOneUserWhoTakesTooLongShutsNobodyElseOut(t *testing.T) {
	s := theSite(t)
	g := s.graph(t)
	many := append(fillers(70), analysts)
	tells(t, g, lovelace, about(t, many...), analysts)
	g.timeout = 1500 * time.Millisecond
	s.SetGraphFaults(entratest.GraphFaults{Delay: 40 * time.Millisecond, PageSize: 250}) // 48 pages
	var asking sync.WaitGroup
	for i := range breaksAfter { // at once, about different groups, as what was told of her is kept
		q := about(t, many[:len(many)-i]...)
		asking.Go(func() {
			_, err := g.Memberships(t.Context(), hopper, q)
			if u, ok := errors.AsType[*Unavailable](err); !ok || u.Kind != TooMany || u.Hint != allHint {
				t.Errorf("want that reading her groups takes too long, got %v", err)
			}
		})
	}
	asking.Wait()
	g.timeout = time.Minute
	s.SetGraphFaults(entratest.GraphFaults{})
	tells(t, g, turing, about(t, many...), analysts)
}

// Directory roles and administrative units come with the groups of who is in very many; none of them is a group.
func TestADirectoryRoleIsNoGroup(t *testing.T) {
	s := theSite(t)
	g := s.graph(t)
	q := about(t, append(fillers(60), analysts, auditors)...)
	s.SetGraphFaults(entratest.GraphFaults{Rewrite: func(_ string, body []byte) []byte {
		return bytes.ReplaceAll(body, []byte(`"#microsoft.graph.group","id":"`+auditors+`"`), []byte(`"#microsoft.graph.directoryRole","id":"`+auditors+`"`))
	}})
	tells(t, g, hopper, q, analysts)
}

// FAULTS 107: the permission that is missing is named, from claimd's own token.
func TestTheMissingPermissionIsNamed(t *testing.T) {
	s := theSite(t)
	g := s.graph(t, func(o *Options) { o.ClientID = otherID })
	fails(t, g, lovelace, about(t, analysts), Permission, "microsoft graph: the application may not read group memberships (403): "+
		"it lacks the app permission GroupMember.Read.All"+strings.ReplaceAll(permissionHint, askerID, otherID))
	if got := lacking(askerID, []string{"openid"}).Problem; got != "the application may not read group memberships (403): "+
		"it lacks the app permission User.Read.All and GroupMember.Read.All" {
		t.Error(got)
	}
}

// Whoever grants the permission is not told 403 for as long as the token without it lasts.
func TestAPermissionThatIsGrantedHelpsAtTheNextLookUp(t *testing.T) {
	s := newSite(t, contoso())
	s.GrantGraph(askerID)
	g := s.graph(t)
	q := about(t, analysts)
	fails(t, g, lovelace, q, Permission, "microsoft graph: the application may not read group memberships (403): "+
		"it lacks the app permission User.Read.All and GroupMember.Read.All"+permissionHint)
	s.GrantGraph(askerID, "Directory.Read.All")
	tells(t, g, lovelace, q, analysts)
	tells(t, g, turing, q, analysts)
	if got := s.Requests("token"); got != 2 {
		t.Errorf("want two tokens, got %d", got)
	}
}

// Nobody waits for a Graph that does not answer longer than the limit, and nothing is left when it answers too late.
func TestASlowGraphIsGivenUp(t *testing.T) {
	s := theSite(t)
	g := s.graph(t)
	g.timeout = 100 * time.Millisecond
	s.SetGraphFaults(entratest.GraphFaults{Delay: time.Minute})
	fails(t, g, lovelace, about(t, analysts), Timeout, "microsoft graph: want a whole answer within 5 s, got none")
}

func TestAGraphThatIsNotThereIsNamed(t *testing.T) {
	s := theSite(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	g := s.graph(t, func(o *Options) { o.Authority = "https://" + address })
	fails(t, g, lovelace, about(t, analysts), Network, "microsoft graph: the authority "+address+
		" cannot be reached: dial tcp "+address+": connect: connection refused")

	g = s.graph(t, func(o *Options) { o.Client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} })
	fails(t, g, lovelace, about(t, analysts), Network, "microsoft graph: the authority "+strings.TrimPrefix(s.URL(), "https://")+
		" cannot be reached: its certificate is signed by an unknown authority; a private root goes into [outbound] ca_file")
}

// The credential goes to the authority and nowhere else, whatever its document says.
func TestTheCredentialGoesToNoOtherHost(t *testing.T) {
	s := theSite(t)
	host := strings.TrimPrefix(s.URL(), "https://")
	for address, named := range map[string]string{
		"https://token.example/token": "token.example",
		"http://" + host + "/token":   host, // the same one, in clear
		"https://localhost/token":     "localhost",
	} {
		g := s.graph(t)
		s.SetFaults(entratest.Faults{Rewrite: func(_ string, body []byte) []byte {
			return bytes.ReplaceAll(body, []byte(s.URL()+"/"+tenantID+"/oauth2/v2.0/token"), []byte(address))
		}})
		fails(t, g, lovelace, about(t, analysts), Garbled,
			`microsoft graph: the authority's document leads to another host, "`+named+`": it is not asked`)
	}
	if got := s.Requests("token"); got != 0 {
		t.Errorf("want no token request, got %d", got)
	}
}

// The form in which Graph is asked is Microsoft's (graph/api/directoryobject-checkmembergroups).
func TestGraphIsAskedAsMicrosoftSays(t *testing.T) {
	s := theSite(t)
	var asked []string
	g := s.graph(t, func(o *Options) {
		inner := o.Client.Transport
		o.Client = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if strings.HasPrefix(r.URL.Path, "/v1.0/") {
				body, err := r.GetBody()
				if err != nil {
					return nil, err
				}
				var content any
				_ = json.NewDecoder(body).Decode(&content) // nil of a GET
				text, _ := json.Marshal(content)
				asked = append(asked, fmt.Sprintf("%s %s %s %s %s", r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"),
					strings.Fields(r.Header.Get("Authorization"))[0], text))
			}
			return inner.RoundTrip(r)
		})}
	})
	tells(t, g, lovelace, about(t, analysts), analysts)
	tells(t, g, hopper, about(t, append(fillers(60), analysts)...), analysts)
	want := []string{
		"POST /v1.0/users/" + lovelace + `/checkMemberGroups application/json Bearer {"groupIds":["` + analysts + `"]}`,
		"POST /v1.0/users/" + hopper + `/getMemberGroups application/json Bearer {"securityEnabledOnly":false}`,
		"GET /v1.0/users/" + hopper + "/transitiveMemberOf?$select=id&$top=999  Bearer null",
	}
	for i := range want {
		if len(asked) <= i || asked[i] != want[i] {
			t.Errorf("want %s\ngot  %q", want[i], asked)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
