package entratest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/claimd/claimd/daemon/entra"
)

// The limits of Microsoft Graph (learn.microsoft.com, graph/api/directoryobject-checkmembergroups, user-getmembergroups,
// user-list-transitivememberof).
const (
	maxChecked    = 20     // groups of one checkMemberGroups
	maxMemberIDs  = 11_000 // groups that getMemberGroups and getMemberObjects tell
	usualPage     = 100    // of transitiveMemberOf
	longestPage   = 999
	maxGraphForm  = 64 << 10 // bytes of a question
	graphGroup    = "#microsoft.graph.group"
	graphOverSize = "Directory_ResultSizeLimitExceeded"
)

// graph is the tenant's Microsoft Graph: what of it changes.
type graph struct {
	mu      sync.Mutex
	faults  GraphFaults
	granted map[string][]string // permissions of a client, in the place of its GraphPermissions
	ids     map[string][]string // object ids of the groups of a user, by its name
	left    map[[2]string]bool  // object ids of user and group, in lower case
	seen    map[string]bool     // tokens that were shown
	expired map[string]bool     // those of seen that are good no more
	busy    int
	peak    int
}

// Leave takes the user out of the group, for Microsoft Graph from now on. Both are object ids.
func (t *Tenant) Leave(user, group string) {
	t.graph.mu.Lock()
	defer t.graph.mu.Unlock()
	if t.graph.left == nil {
		t.graph.left = make(map[[2]string]bool)
	}
	t.graph.left[[2]string{strings.ToLower(user), strings.ToLower(group)}] = true
}

// GrantGraph gives the client of that application id these permissions at Microsoft Graph, and no others, in its tokens from
// now on.
func (t *Tenant) GrantGraph(client string, permissions ...string) {
	t.graph.mu.Lock()
	defer t.graph.mu.Unlock()
	if t.graph.granted == nil {
		t.graph.granted = make(map[string][]string)
	}
	t.graph.granted[strings.ToLower(client)] = permissions
}

func (t *Tenant) graphPermissions(client App) []string {
	t.graph.mu.Lock()
	defer t.graph.mu.Unlock()
	if granted, ok := t.graph.granted[strings.ToLower(client.ApplicationID)]; ok {
		return granted
	}
	return client.GraphPermissions
}

// GroupsOf gives the object ids of all groups that the user of that name is in, those made up for more_groups included.
func (t *Tenant) GroupsOf(name string) []string {
	user, ok := t.user(name)
	if !ok {
		return nil
	}
	return t.memberships(user)
}

// GraphPeak gives how many requests Microsoft Graph has had under way at once, at most.
func (t *Tenant) GraphPeak() int {
	t.graph.mu.Lock()
	defer t.graph.mu.Unlock()
	return t.graph.peak
}

// ClaimSource gives an address on the tenant like that of the overage marker. It answers with every group there is, to
// whoever asks; Requests("claim source") counts who was led there.
func (t *Tenant) ClaimSource(user string) string {
	found, _ := t.user(user)
	return t.base + "/" + t.directory.TenantID + "/users/" + found.ObjectID + "/getMemberObjects"
}

// microsoftGraph gives the resource with its addresses in every cloud, and in this tenant, among the names.
func (t *Tenant) microsoftGraph() API {
	api := microsoftGraph()
	for _, name := range entra.CloudNames() {
		cloud, _ := entra.CloudByName(name)
		api.IdentifierURIs = append(api.IdentifierURIs, cloud.GraphURL())
	}
	api.IdentifierURIs = append(api.IdentifierURIs, t.base)
	return api
}

// graphHost is msgraph_host of the documents.
func (t *Tenant) graphHost() string {
	_, host, _ := strings.Cut(t.base, "://")
	return host
}

// handleGraph adds what Microsoft Graph answers, and the trap of ClaimSource.
func (t *Tenant) handleGraph(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1.0/users/{id}/checkMemberGroups", t.graphCall("checkMemberGroups", t.checkMemberGroups))
	mux.HandleFunc("POST /v1.0/users/{id}/getMemberGroups", t.graphCall("getMemberGroups", t.getMembers))
	mux.HandleFunc("POST /v1.0/users/{id}/getMemberObjects", t.graphCall("getMemberObjects", t.getMembers))
	mux.HandleFunc("GET /v1.0/users/{id}/getMemberGroups", t.graphCall("getMemberGroups", t.moreMembers))
	mux.HandleFunc("GET /v1.0/users/{id}/getMemberObjects", t.graphCall("getMemberObjects", t.moreMembers))
	mux.HandleFunc("GET /v1.0/users/{id}/transitiveMemberOf", t.graphCall("transitiveMemberOf", t.transitiveMemberOf))
	trap := func(w http.ResponseWriter, r *http.Request) {
		if _, ok := t.begin(w, r, "claim source"); ok {
			writeJSON(w, http.StatusOK, map[string]any{"value": t.allGroups()})
		}
	}
	mux.HandleFunc("/{tenant}/users/{id}/getMemberObjects", trap)
}

// allGroups gives the object id of every group that anybody is in.
func (t *Tenant) allGroups() []string {
	var all []string
	for _, user := range t.directory.Users {
		all = append(all, t.memberships(user)...)
	}
	return all
}

// memberships gives the object ids of the user's groups, in lower case as Graph writes them.
func (t *Tenant) memberships(user User) []string {
	t.graph.mu.Lock()
	defer t.graph.mu.Unlock()
	ids, known := t.graph.ids[user.Name]
	if !known {
		for _, id := range user.Groups {
			ids = append(ids, strings.ToLower(id))
		}
		for i := range user.MoreGroups {
			ids = append(ids, inventedGUID(user.ObjectID, i))
		}
		if t.graph.ids == nil {
			t.graph.ids = make(map[string][]string)
		}
		t.graph.ids[user.Name] = ids
	}
	if len(t.graph.left) == 0 {
		return slices.Clone(ids)
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return t.graph.left[[2]string{strings.ToLower(user.ObjectID), id}]
	})
}

// graphError is a refusal in Graph's form (learn.microsoft.com, graph/errors). The sentences are this package's own.
type graphError struct {
	status        int
	code, message string
}

// graphAnswer is what a question leads to: value with where to go on, or an error.
type graphAnswer struct {
	context string
	value   any
	next    string
	refused *graphError
}

// graphCall counts a question, lets the faults have their way, and answers it for the user of the path.
func (t *Tenant) graphCall(what string, answer func(*http.Request, User, []byte) graphAnswer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer t.enterGraph()()
		count := t.countGraph(what)
		faults := t.graphFaults()
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxGraphForm)) // a client that leaves is seen from here on
		if err != nil {
			badQuestion("The body cannot be read.").refused.write(w)
			return
		}
		if !wait(r.Context(), faults.Delay) || faults.refuse(w, count) {
			return
		}
		if refused := t.admitToGraph(r); refused != nil {
			refused.write(w)
			return
		}
		user, refused := t.graphUser(r.PathValue("id"))
		if refused != nil {
			refused.write(w)
			return
		}
		got := answer(r, user, body)
		if got.refused != nil {
			got.refused.write(w)
			return
		}
		faults.write(w, what, t.graphBody(got, faults, r.URL.Path))
	}
}

// enterGraph counts who is in, and gives what counts it out.
func (t *Tenant) enterGraph() (leave func()) {
	t.graph.mu.Lock()
	defer t.graph.mu.Unlock()
	t.graph.busy++
	t.graph.peak = max(t.graph.peak, t.graph.busy)
	return func() {
		t.graph.mu.Lock()
		defer t.graph.mu.Unlock()
		t.graph.busy--
	}
}

// countGraph counts the question under its name and under "graph", and gives its number under its name.
func (t *Tenant) countGraph(what string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests["graph"]++
	t.requests["graph "+what]++
	return t.requests["graph "+what]
}

// graphBody gives the JSON of an answer to a question on that path.
func (t *Tenant) graphBody(answer graphAnswer, faults GraphFaults, path string) []byte {
	members := map[string]any{"@odata.context": t.base + "/v1.0/$metadata#" + answer.context, "value": answer.value}
	if next := faults.next(answer.next, t.base+path); next != "" {
		members["@odata.nextLink"] = next
	}
	body, err := json.Marshal(members)
	if err != nil {
		panic(err) // lists of strings: there is nothing that could fail
	}
	return body
}

// graphUser finds the user by object id or, as Graph does, by sign-in name.
func (t *Tenant) graphUser(id string) (User, *graphError) {
	for _, user := range t.directory.Users {
		if strings.EqualFold(id, user.ObjectID) || strings.EqualFold(id, user.Email) {
			return user, nil
		}
	}
	return User{}, &graphError{http.StatusNotFound, "Request_ResourceNotFound",
		fmt.Sprintf("Resource '%s' does not exist, or something that it refers to is missing.", id)}
}

func badQuestion(format string, arguments ...any) graphAnswer {
	return graphAnswer{refused: &graphError{http.StatusBadRequest, "Request_BadRequest", fmt.Sprintf(format, arguments...)}}
}

// checkMemberGroups tells which of at most 20 groups the user is in.
func (t *Tenant) checkMemberGroups(_ *http.Request, user User, body []byte) graphAnswer {
	var question struct {
		GroupIDs []string `json:"groupIds"`
	}
	if err := json.Unmarshal(body, &question); err != nil {
		return badQuestion("The body cannot be read.")
	}
	if len(question.GroupIDs) > maxChecked || len(question.GroupIDs) == 0 {
		return badQuestion("groupIds must hold 1 to %d items.", maxChecked)
	}
	in := make(map[string]bool)
	for _, id := range t.memberships(user) {
		in[id] = true
	}
	member := []string{}
	for _, id := range question.GroupIDs {
		if !entra.IsGUID(id) {
			return badQuestion("Invalid object identifier '%s'.", id)
		}
		if refusal := t.graphFaults().Unknown; strings.EqualFold(id, refusal.Group) {
			return graphAnswer{refused: &graphError{refusal.Status, refusal.Code, refusal.Message}}
		}
		if id = strings.ToLower(id); in[id] {
			member = append(member, id)
		}
	}
	return graphAnswer{context: "Collection(Edm.String)", value: member}
}

// getMembers tells all of the user's groups, or that they are too many.
func (t *Tenant) getMembers(r *http.Request, user User, body []byte) graphAnswer {
	var question struct {
		SecurityEnabledOnly *bool `json:"securityEnabledOnly"`
	}
	if err := json.Unmarshal(body, &question); err != nil || question.SecurityEnabledOnly == nil {
		return badQuestion("The body must hold securityEnabledOnly.")
	}
	member := t.memberships(user)
	if len(member) > maxMemberIDs {
		return graphAnswer{refused: &graphError{http.StatusBadRequest, graphOverSize,
			fmt.Sprintf("The result has more than %d items.", maxMemberIDs)}}
	}
	return t.membersFrom(r, member, 0)
}

// moreMembers answers the next page of getMembers.
func (t *Tenant) moreMembers(r *http.Request, user User, _ []byte) graphAnswer {
	skip, err := strconv.Atoi(r.URL.Query().Get("$skiptoken"))
	if err != nil || skip < 0 {
		return badQuestion("The $skiptoken is not valid.")
	}
	return t.membersFrom(r, t.memberships(user), skip)
}

func (t *Tenant) membersFrom(r *http.Request, member []string, skip int) graphAnswer {
	size := cmp.Or(t.graphFaults().PageSize, maxMemberIDs)
	page := member[min(skip, len(member)):min(skip+size, len(member))]
	return graphAnswer{context: "Collection(Edm.String)", value: page, next: t.nextPage(r.URL.Path+"?", skip+size, len(member))}
}

// transitiveMemberOf tells the user's groups page by page, and a directory role before them.
func (t *Tenant) transitiveMemberOf(r *http.Request, user User, _ []byte) graphAnswer {
	query := r.URL.Query()
	top, skip := usualPage, 0
	var err error
	if text := query.Get("$top"); text != "" {
		if top, err = strconv.Atoi(text); err != nil || top < 1 || top > longestPage {
			return badQuestion("Invalid page size specified: '%s'. Must be between 1 and %d inclusive.", text, longestPage)
		}
	}
	if text := query.Get("$skiptoken"); text != "" {
		if skip, err = strconv.Atoi(text); err != nil || skip < 0 {
			return badQuestion("The $skiptoken is not valid.")
		}
	}
	objects := []map[string]string{{"@odata.type": "#microsoft.graph.directoryRole", "id": inventedGUID(user.ObjectID, 65_535)}}
	for _, id := range t.memberships(user) {
		objects = append(objects, map[string]string{"@odata.type": graphGroup, "id": id})
	}
	if size := t.graphFaults().PageSize; size > 0 {
		top = size
	}
	page := objects[min(skip, len(objects)):min(skip+top, len(objects))]
	return graphAnswer{context: "directoryObjects(id)", value: page,
		next: t.nextPage(r.URL.Path+"?$select=id&$top="+strconv.Itoa(top)+"&", skip+top, len(objects))}
}

// nextPage gives the address of the page that begins at from; "" = there is none.
func (t *Tenant) nextPage(path string, from, length int) string {
	if from >= length {
		return ""
	}
	return fmt.Sprintf("%s%s$skiptoken=%d", t.base, path, from)
}

func (e *graphError) write(w http.ResponseWriter) {
	id := inventedGUID(randomText(8), 0)
	writeJSON(w, e.status, map[string]any{"error": map[string]any{
		"code":    e.code,
		"message": e.message,
		"innerError": map[string]string{
			"date":              time.Now().UTC().Format("2006-01-02T15:04:05"),
			"request-id":        id,
			"client-request-id": id,
		},
	}})
}
