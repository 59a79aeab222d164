package entratest

import (
	"cmp"
	"net/http"
	"strconv"
	"time"
)

// GraphFaults make the tenant's Microsoft Graph misbehave. The zero value behaves.
type GraphFaults struct {
	Status     int           // of every answer, in Graph's form of an error
	Code       string        // of that error; "" = one that fits the status
	RetryAfter string        // header of these answers, such as 7 or a date; "" = none
	Location   string        // header of these answers
	From       int           // the question of each name from which on Status holds, 1 being the first; 0 = the first
	Delay      time.Duration // before each answer
	PageSize   int           // of every list; 0 = as asked, and one page of getMemberGroups and getMemberObjects
	Endless    bool          // every page names a next one
	NextLink   string        // in the place of each page's next one
	Half       bool          // the connection breaks in the middle of the answer
	Chunked    bool          // the answer does not say how long it is
	Unknown    GraphRefusal  // of questions that name a group which the tenant does not have

	Rewrite func(what string, body []byte) []byte // changes answers of status 200 at will; nil = not
}

// GraphRefusal is how checkMemberGroups refuses a question that names this group. The zero value refuses none: a group that
// nobody is in is left out of the answer.
type GraphRefusal struct {
	Group         string // its object id, in any case
	Status        int
	Code, Message string
}

// SetGraphFaults makes Microsoft Graph misbehave from now on. Rewrite may be called at once from many requests; what is
// the name of the question, such as checkMemberGroups.
func (t *Tenant) SetGraphFaults(faults GraphFaults) {
	t.graph.mu.Lock()
	defer t.graph.mu.Unlock()
	t.graph.faults = faults
}

func (t *Tenant) graphFaults() GraphFaults {
	t.graph.mu.Lock()
	defer t.graph.mu.Unlock()
	return t.graph.faults
}

// refuse answers the count-th question of its name with Status, where that holds.
func (f GraphFaults) refuse(w http.ResponseWriter, count int) bool {
	if f.Status == 0 || count < f.From {
		return false
	}
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	if f.Location != "" {
		w.Header().Set("Location", f.Location)
	}
	code := map[int]string{
		http.StatusUnauthorized:       "InvalidAuthenticationToken",
		http.StatusForbidden:          "Authorization_RequestDenied",
		http.StatusTooManyRequests:    "TooManyRequests",
		http.StatusServiceUnavailable: "serviceNotAvailable",
	}[f.Status]
	refused := graphError{f.Status, cmp.Or(f.Code, code, "UnknownError"), "fakeentra was told to answer " + strconv.Itoa(f.Status) + "."}
	refused.write(w)
	return true
}

// next gives the address of the next page: next, but for the faults. path is the address of the question itself.
func (f GraphFaults) next(next, path string) string {
	switch {
	case f.NextLink != "":
		return f.NextLink
	case f.Endless:
		return path + "?$skiptoken=0"
	}
	return next
}

// write writes an answer of status 200, whole or half.
func (f GraphFaults) write(w http.ResponseWriter, what string, body []byte) {
	if f.Rewrite != nil {
		body = f.Rewrite(what, body)
	}
	w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	if !f.Chunked {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	if !f.Half {
		_, _ = w.Write(body) // the client is gone: nobody is left to tell
		return
	}
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
