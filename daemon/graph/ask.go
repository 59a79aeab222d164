package graph

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/claimd/claimd/daemon/entra"
)

// ask asks Graph in the way that fits the number of groups.
func (g *Graph) ask(ctx context.Context, user string, about *Question) ([]string, *Unavailable) {
	token, failed := g.credential.token(ctx, "")
	if failed != nil {
		return nil, failed
	}
	m := about.newMembers()
	if len(about.groups) > fewGroups {
		failed = g.fetchAll(ctx, token, user, m)
	} else if failed = g.check(ctx, token, user, m); failed != nil && failed.Kind == wrongGroup {
		g.noteWrongGroup(failed)
		clear(m.in)
		failed = g.fetchAll(ctx, token, user, m)
	}
	if failed != nil {
		return nil, failed
	}
	return m.list(), nil
}

// check asks about at most 20 groups a call, all calls at once. The first that fails ends the others.
func (g *Graph) check(ctx context.Context, token, user string, m *members) *Unavailable {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var calls sync.WaitGroup
	var once sync.Once
	var first *Unavailable
	from := 0
	for chunk := range slices.Chunk(m.about.groups, maxChecked) {
		in := m.in[from : from+len(chunk)] // each call writes its own part
		begin := from
		from += len(chunk)
		calls.Go(func() {
			question := g.post(token, user, "checkMemberGroups", map[string][]string{"groupIds": chunk})
			question.namesGroups = true
			failed := g.read(ctx, question, false, func(id string) bool {
				at, ok := m.about.at[id]
				if ok = ok && begin <= at && at < begin+len(chunk); ok {
					in[at-begin] = true
				}
				return ok // a group that was not asked about is no answer to the question
			})
			if failed != nil {
				once.Do(func() { first = failed; cancel() })
			}
		})
	}
	calls.Wait()
	return first
}

// fetchAll reads all groups of the user. getMemberGroups tells up to 11,000 of them in one answer; of users in more the
// pages of transitiveMemberOf are read, which Microsoft names for that (graph/api/user-getmembergroups). It is the same
// question as checkMemberGroups: all kinds of groups, and no directory roles. It names no group, so that one that is
// deleted, or is another tenant's, cannot spoil it.
func (g *Graph) fetchAll(ctx context.Context, token, user string, m *members) *Unavailable {
	take := func(id string) bool {
		if at, ok := m.about.at[id]; ok {
			m.in[at] = true
		}
		return true
	}
	failed := g.read(ctx, g.post(token, user, "getMemberGroups", map[string]bool{"securityEnabledOnly": false}), false, take)
	if failed == nil || failed.Kind != tooLong {
		return failed
	}
	clear(m.in)
	if failed = g.read(ctx, g.get(token, user), true, take); failed != nil && failed.Kind == tooLong {
		failed.Kind = TooMany
	}
	return failed
}

// question is one request to Graph.
type question struct {
	method      string
	address     string
	body        []byte
	token       string
	user        string
	objects     bool // the answer lists objects, not ids
	namesGroups bool // up to 20 of them, and the answer lists no others
}

func (g *Graph) post(token, user, action string, content any) question {
	body, err := json.Marshal(content)
	if err != nil {
		panic(err) // strings and a truth value
	}
	return question{method: http.MethodPost, address: g.host.String() + "/v1.0/users/" + user + "/" + action, body: body, token: token, user: user}
}

func (g *Graph) get(token, user string) question {
	return question{method: http.MethodGet, token: token, user: user, objects: true,
		address: g.host.String() + "/v1.0/users/" + user + "/transitiveMemberOf?$select=id&$top=999"}
}

// read sends the question and gives each group of the answer, all its pages, to take, which reports whether it belongs
// there. Where it fails, what take has had is worth nothing. goesOn says that Graph has answered a question before it that
// this one goes on with: where the time is over after some answer, it is this user whose groups are too many, and Graph
// is well.
func (g *Graph) read(ctx context.Context, q question, goesOn bool, take func(id string) bool) *Unavailable {
	for page := range maxPages {
		next, failed := g.call(ctx, &q, take)
		if failed != nil && (page > 0 || goesOn) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return &Unavailable{Kind: TooMany, Problem: "the user's groups take longer to read than 5 s", Hint: allHint}
		}
		if failed != nil || next == "" {
			return failed
		}
		if !g.isOurs(next) {
			return garbled("the next page of an answer is on another host: it is not asked")
		}
		q.method, q.address, q.body = http.MethodGet, next, nil
	}
	return &Unavailable{Kind: TooMany, Problem: "the user's groups fill more than 50 pages", Hint: allHint}
}

const allHint = "all memberships are read where more than 60 groups decide, or one that Graph does not know: declare fewer under [groups]"

// isOurs reports whether the address of a next page is on Graph's own host, by https and without a user.
func (g *Graph) isOurs(next string) bool {
	address, err := url.Parse(next)
	return err == nil && address.Scheme == "https" && address.User == nil && hostOf(address) == hostOf(g.host)
}

// hostOf gives host and port.
func hostOf(address *url.URL) string {
	port := address.Port()
	if port == "" {
		port = "443"
	}
	return strings.ToLower(address.Hostname()) + ":" + port
}

// guidsIn gives the GUIDs in a text, in lower case.
func guidsIn(text string) []string {
	var found []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF-", r) }) {
		if id, ok := entra.GUID(word); ok {
			found = append(found, id)
		}
	}
	return found
}
