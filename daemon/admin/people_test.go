package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/reason"
)

func moment() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 7, time.UTC) }

// naughty steers terminals, and would end a line of a stream that does not escape it.
const naughty = "\x1b[31mEve\u202e\r\n\u2028\"\\"

// backendUsers tells the query back in the name of the one user.
func backendUsers(_ context.Context, query directory.Query) (UserPage, error) {
	if query.Group == "broken" {
		return UserPage{}, errors.New("the disk is gone")
	}
	text, err := json.Marshal(query)
	user := User{Account: "nightly", Blocked: true, Known: directory.User{
		State: directory.Inactive,
		Key:   directory.Key{Authority: "a", ID: "1"}, First: string(text), Last: naughty, LastSeen: moment(),
		Claims: map[string]json.RawMessage{"groups": json.RawMessage(`["x"]`)},
	}}
	return UserPage{Users: []User{user}, Next: "further"}, err
}

func backendUser(_ context.Context, provider, id string) (UserDetail, error) {
	if id == "nobody" {
		return UserDetail{}, &Refusal{Status: statusRefused, Problem: "the directory knows nobody", Hint: "claimctl users list"}
	}
	return UserDetail{
		User:    User{Known: directory.User{State: directory.Active, Provider: provider, User: id}},
		Paste:   Paste{Groups: []string{`x = ""`}},
		History: []Change{{Action: directory.Forget, Before: directory.Active, After: directory.Unknown, By: "uid 0 (root)", Host: "api1", At: moment()}},
	}, nil
}

func backendChange(ctx context.Context, request ChangeRequest, by string) (Changed, error) {
	switch request.ID {
	case "inactive":
		return Changed{}, &Refusal{Status: statusRefused, Problem: "he is inactive", Hint: "claimctl users activate ID first"}
	case "slow":
		<-ctx.Done()
		return Changed{}, ctx.Err()
	}
	return Changed{Changed: true, Action: request.Action, Provider: request.Provider, Key: directory.Key{ID: request.ID}, Name: by}, nil
}

func backendLocals(_ context.Context, kind directory.Kind) ([]Local, error) {
	return []Local{{Name: string(kind), Declared: true, Values: []string{naughty}, Users: 3, LastSeen: moment()}}, nil
}

func backendUnmatched(_ context.Context, limit int) (Unmatched, error) {
	return Unmatched{Values: []directory.Unmatched{{Claim: directory.Groups, Value: naughty, Users: limit}}, More: true, Paste: Paste{Roles: []string{"r"}}}, nil
}

// backendJudge gives 1,000 users.
func backendJudge(_ context.Context, give func(Judged) error) error {
	for i := range 1000 {
		judged := Judged{
			User: directory.User{Key: directory.Key{Authority: "a", ID: fmt.Sprint(i)}, Last: naughty, Claims: map[string]json.RawMessage{"groups": json.RawMessage(`["x"]`)}},
			Now:  access.Outcome{Known: true, Reason: reason.NoGroup, Roles: []string{"r"}, Admin: true},
		}
		if err := give(judged); err != nil {
			return err
		}
	}
	return nil
}

func TestTheClientMirrorsTheDirectory(t *testing.T) {
	client := NewClient(serve(t, backend(disabledGate()), standard, nil))
	ctx := t.Context()

	for name, query := range map[string]directory.Query{
		"all": {Limit: directory.MaxPage},
		"each filter": {
			Group: naughty, Role: "r&r=1", State: directory.Waiting, Provider: "contoso", Apps: true,
			SeenAfter: moment(), SeenBefore: moment().Add(time.Hour), Limit: 7, Cursor: "a/b+c=",
		},
		"a long name": {Group: strings.Repeat("é", 1000), Limit: 1},
	} {
		want, _ := backendUsers(ctx, query)
		page, err := client.Users(ctx, query)
		same(t, "users: "+name, want, page, err)
	}
	want, _ := backendUser(ctx, "contoso", naughty)
	detail, err := client.User(ctx, "contoso", naughty)
	same(t, "user", want, detail, err)
	for _, action := range []directory.Action{directory.Activate, directory.Deactivate, directory.Invite, directory.Forget} {
		request := ChangeRequest{Action: action, Provider: "contoso", ID: naughty}
		want, _ := backendChange(ctx, request, (peer{uid: uint32(os.Geteuid())}).name())
		changed, err := client.Change(ctx, request)
		same(t, "change", want, changed, err)
	}
	for _, kind := range []directory.Kind{directory.Groups, directory.Roles} {
		want, _ := backendLocals(ctx, kind)
		locals, err := client.Locals(ctx, kind)
		same(t, "locals", want, locals, err)
	}
	for limit, given := range map[int]int{0: maxUnmatched, 1: 1, maxUnmatched: maxUnmatched} {
		want, _ := backendUnmatched(ctx, given)
		unmatched, err := client.Unmatched(ctx, limit)
		same(t, "unmatched", want, unmatched, err)
	}
	var all []Judged
	if err := client.Judged(ctx, func(j Judged) error { all = append(all, j); return nil }); err != nil {
		t.Fatal(err)
	}
	var wanted []Judged
	mustDo(t, backendJudge(ctx, func(j Judged) error { wanted = append(wanted, j); return nil }))
	if !reflect.DeepEqual(all, wanted) {
		t.Errorf("want %d users as the daemon gives them, got %d: %+v", len(wanted), len(all), all[:min(1, len(all))])
	}
}

func TestTheDirectoryRefusesInWords(t *testing.T) {
	client := NewClient(serve(t, backend(disabledGate()), hasty, nil))
	ctx := t.Context()
	_, err := client.User(ctx, "", "nobody")
	wantError(t, err, "the directory knows nobody\n  hint: claimctl users list", "")
	if refusal, ok := errors.AsType[*Refusal](err); !ok || refusal.Status != 422 {
		t.Errorf("want a Refusal with status 422, got %#v", err)
	}
	_, err = client.Change(ctx, ChangeRequest{Action: directory.Forget, ID: "inactive"})
	wantError(t, err, "he is inactive\n  hint: claimctl users activate ID first", "")
	_, err = client.Users(ctx, directory.Query{Group: "broken"})
	wantError(t, err, "the directory of users could not be asked: the disk is gone\n  hint: claimctl status tells how it is", "")
	if refusal, ok := errors.AsType[*Refusal](err); !ok || refusal.Status != 503 {
		t.Errorf("want a Refusal with status 503, got %#v", err)
	}
	_, err = client.Change(ctx, ChangeRequest{Action: directory.Deactivate, ID: "slow"})
	wantError(t, err, "the directory of users could not be asked: context deadline exceeded\n  hint: claimctl status tells how it is", "")
}

func TestTheServerRefusesQueriesItDoesNotKnow(t *testing.T) {
	path := serve(t, backend(disabledGate()), hasty, nil)
	const (
		unknown = `400 {"problem":"the query has \"%s\", which nothing reads here or which is there twice","hint":"claimctl and claimd should be of the same version: claimctl version, claimctl status"}`
		badJSON = `400 {"problem":"the body is not the JSON that is wanted here"}`
		noBody  = `400 {"problem":"want a request without a body"}`
	)
	get := func(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n" }
	tests := map[string]struct{ request, want string }{
		"an unknown filter":         {get("/v1/users?groups=x"), fmt.Sprintf(unknown, "groups")},
		"a filter twice":            {get("/v1/users?group=x&group=y"), fmt.Sprintf(unknown, "group")},
		"a query of bad escapes":    {get("/v1/users?group=%zz"), `400 {"problem":"the query is not well formed"}`},
		"an unknown state":          {get("/v1/users?state=unknown"), `400 {"problem":"state: want active, inactive or waiting, got \"unknown\""}`},
		"apps that is no flag":      {get("/v1/users?apps=maybe"), `400 {"problem":"apps: want true, got \"maybe\""}`},
		"a time that is none":       {get("/v1/users?seen_after=yesterday"), `400 {"problem":"seen_after: want a time as in RFC 3339, got \"yesterday\""}`},
		"a limit over the page":     {get("/v1/users?limit=1001"), `400 {"problem":"limit: want a number up to 1000"}`},
		"a limit below nothing":     {get("/v1/users?limit=-1"), `400 {"problem":"limit: want a number up to 1000"}`},
		"a limit that is no number": {get("/v1/unmatched?limit=ten"), `400 {"problem":"limit: want a number up to 1000"}`},
		"a kind that is none":       {get("/v1/groups?kind=groups"), `400 {"problem":"kind: want group or role"}`},
		"no kind":                   {get("/v1/groups"), `400 {"problem":"kind: want group or role"}`},
		"users with a body":         {"GET /v1/users HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", noBody},
		"claims with a body":        {"GET /v1/users/claims HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", noBody},
		"a change by GET": {get("/v1/users/change?action=deactivate&id=x"),
			`404 {"problem":"this claimd has nothing of that kind","hint":"claimctl and claimd should be of the same version: claimctl version, claimctl status"}`},
		"a change by a form":     {post("/v1/users/change", "application/x-www-form-urlencoded", "action=deactivate&id=x"), `415 {"problem":"want a body of type application/json"}`},
		"an unknown action":      {postJSON("/v1/users/change", `{"action":"delete","id":"x"}`), `400 {"problem":"action: want activate, deactivate, invite, forget or revoke"}`},
		"a change with who":      {postJSON("/v1/users/change", `{"action":"deactivate","id":"x","by":"uid 1"}`), badJSON},
		"a change without more":  {postJSON("/v1/users/change", ``), badJSON},
		"two changes":            {postJSON("/v1/users/change", `{"action":"deactivate","id":"x"}{"action":"activate","id":"x"}`), badJSON},
		"ids in a list":          {postJSON("/v1/users/change", `{"action":"deactivate","id":["x"]}`), badJSON},
		"a giant id":             {postJSON("/v1/users/change", `{"action":"deactivate","id":"`+strings.Repeat("x", maxBody)+`"}`), `413 {"problem":"the request is larger than 385 KiB"}`},
		"an unknown page of one": {get("/v1/users/one?name=x"), fmt.Sprintf(unknown, "name")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, path)
			go io.WriteString(conn, test.request)
			if got := readAnswer(t, conn); got != test.want {
				t.Errorf("want %s\ngot  %s", test.want, got)
			}
		})
	}
}

// An administrator who presses Ctrl-C has asked already: the change is made, or not, as a whole.
func TestAChangeDoesNotEndWithItsClient(t *testing.T) {
	b := backend(disabledGate())
	asked, client := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	b.Change = func(ctx context.Context, _ ChangeRequest, _ string) (Changed, error) {
		close(asked)
		<-client
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
		ended <- ctx.Err()
		return Changed{}, nil
	}
	path := serve(t, b, standard, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := NewClient(path).Change(ctx, ChangeRequest{Action: directory.Deactivate, ID: "x"}); !errors.Is(err, context.Canceled) {
		t.Errorf("want context.Canceled, got %v", err)
	}
	close(client)
	if err := <-ended; err != nil {
		t.Errorf("the change: want it not ended, got %v", err)
	}
}

// A stream that ends early must not pass for all users: an impact of none would let a bad configuration through.
func TestAStreamThatIsCutOffIsNoEnd(t *testing.T) {
	b := backend(disabledGate())
	b.Judge = func(_ context.Context, give func(Judged) error) error {
		mustDo(t, give(Judged{}))
		return errors.New("the disk is gone")
	}
	client := NewClient(serve(t, b, standard, nil))
	wantError(t, client.Judged(t.Context(), func(Judged) error { return nil }), "claimd could not tell of all users: the disk is gone", "")

	b.Judge = func(context.Context, func(Judged) error) error { return errors.New("the disk is gone") }
	client = NewClient(serve(t, b, standard, nil))
	wantError(t, client.Judged(t.Context(), func(Judged) error { return nil }),
		"the directory of users could not be asked: the disk is gone\n  hint: claimctl status tells how it is", "")

	b.Judge = func(_ context.Context, give func(Judged) error) error {
		for range 100 {
			mustDo(t, give(Judged{User: directory.User{Last: strings.Repeat("a", 1000)}}))
		}
		panic(http.ErrAbortHandler) // net/http closes the connection, as a daemon that dies does
	}
	client = NewClient(serve(t, b, hasty, nil))
	wantError(t, client.Judged(t.Context(), func(Judged) error { return nil }),
		"claimd closed the connection before it had told of all users: it was stopped or restarted", "")

	b.Judge = func(context.Context, func(Judged) error) error { return nil }
	client = NewClient(serve(t, b, standard, nil))
	mustDo(t, client.Judged(t.Context(), func(Judged) error { return errors.New("want no user") }))
	b.Judge = backendJudge
	client = NewClient(serve(t, b, standard, nil))
	wantError(t, client.Judged(t.Context(), func(Judged) error { return errors.New("enough") }), "enough", "")
}

// FAULTS 175: who asks for all users and reads none is cut off.
func TestAReaderOfClaimsThatReadsNothingIsCutOff(t *testing.T) {
	b := backend(disabledGate())
	ended := make(chan error, 1)
	b.Judge = func(_ context.Context, give func(Judged) error) error {
		for {
			if err := give(Judged{User: directory.User{Last: strings.Repeat("a", 10_000)}}); err != nil {
				ended <- err
				return err
			}
		}
	}
	conn := dial(t, serve(t, b, hasty, nil))
	io.WriteString(conn, "GET /v1/users/claims HTTP/1.1\r\nHost: x\r\n\r\n")
	line, err := bufio.NewReaderSize(conn, 16).ReadString('\n')
	if err != nil || line != "HTTP/1.1 200 OK\r\n" {
		t.Fatalf("want the stream to begin, got %q, %v", line, err)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the stream goes on after 10 s")
	}
}

func TestThePeerIsNamedForTheRecord(t *testing.T) {
	const passwd = "root:x:0:0:root:/root:/bin/bash\nshort:x:7\n\ntoor:x:0:0::/:/bin/sh\nclaimd:x:990:990::/:/bin/false\nevil (root):x:66:66::/:/bin/false\nad\u202emin:x:67:1::/:/bin/sh\n"
	for uid, want := range map[string]string{"0": "root", "990": "claimd", "7": "", "66": "", "67": "", "1": "", "": ""} {
		if got := userOf(uid, passwd); got != want {
			t.Errorf("uid %s: want %q, got %q", uid, want, got)
		}
	}
	if got := (peer{uid: 4_000_000_000}).name(); got != "uid 4000000000" {
		t.Errorf("a uid of nobody: got %q", got)
	}
}

func TestACommandReadsBack(t *testing.T) {
	tenant := "5f2a7c41-93be-4d08-a6f5-1c0e7b94d2a3"
	tests := []struct {
		provider string
		key      directory.Key
		want     string
	}{
		{"contoso", directory.Key{Authority: tenant, ID: tenant}, "claimctl users show contoso " + tenant},
		{"", directory.Key{Authority: tenant, ID: tenant}, "claimctl users show " + tenant + " " + tenant},
		{"jumpcloud", directory.Key{ID: "auth0|ada o'neil $(id)"}, `claimctl users show jumpcloud 'auth0|ada o'\''neil $(id)'`},
		{"jumpcloud", directory.Key{ID: "--json"}, `claimctl users show jumpcloud -- --json`},
		{"", directory.Key{Authority: "https://oauth.id.jumpcloud.com/"}, "claimctl users show https://oauth.id.jumpcloud.com/ ''"},
	}
	for _, test := range tests {
		if got := Command("show", test.provider, test.key); got != test.want {
			t.Errorf("want %s\ngot  %s", test.want, got)
		}
	}
}

func TestEveryFilterIsReadAsItWasWritten(t *testing.T) {
	written := writeUserQuery(directory.Query{
		Group: "g", Role: "r", State: directory.Active, Provider: "p", Apps: true, SeenAfter: moment(), SeenBefore: moment(), Limit: 1, Cursor: "c",
	})
	for _, name := range userParameters {
		if !slices.ContainsFunc(strings.Split(written, "&"), func(part string) bool { return strings.HasPrefix(part, name+"=") }) {
			t.Errorf("%s is not written: %s", name, written)
		}
	}
}
