package admin

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/claimd/claimd/daemon/directory"
)

// The parameters of GET /v1/users.
var userParameters = []string{"group", "role", "state", "provider", "apps", "seen_after", "seen_before", "limit", "cursor"}

// readQuery reads the query: known parameters only, each once; false: refused.
func readQuery(w http.ResponseWriter, r *http.Request, known ...string) (url.Values, bool) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		refuse(w, http.StatusBadRequest, "the query is not well formed", "")
		return nil, false
	}
	for name, all := range values {
		if !slices.Contains(known, name) || len(all) > 1 {
			refuse(w, http.StatusBadRequest, fmt.Sprintf("the query has %q, which nothing reads here or which is there twice", name),
				"claimctl and claimd should be of the same version: claimctl version, claimctl status")
			return nil, false
		}
	}
	return values, true
}

// readLimit reads limit: 1 to most, 0 or none for most; false: refused.
func readLimit(w http.ResponseWriter, values url.Values, most int) (int, bool) {
	text := values.Get("limit")
	if text == "" {
		return most, true
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 0 || limit > most {
		refuse(w, http.StatusBadRequest, fmt.Sprintf("limit: want a number up to %d", most), "")
		return 0, false
	}
	if limit == 0 {
		limit = most
	}
	return limit, true
}

// readUserQuery reads which users are wanted; false: refused.
func readUserQuery(w http.ResponseWriter, r *http.Request) (directory.Query, bool) {
	var query directory.Query
	values, ok := readQuery(w, r, userParameters...)
	if !ok {
		return query, false
	}
	if query.Limit, ok = readLimit(w, values, directory.MaxPage); !ok {
		return query, false
	}
	query.Group, query.Role, query.Provider = values.Get("group"), values.Get("role"), values.Get("provider")
	query.Cursor = values.Get("cursor")
	var problems [4]error
	query.State, problems[0] = stateOf(values.Get("state"))
	query.Apps, problems[1] = flagOf("apps", values.Get("apps"))
	query.SeenAfter, problems[2] = timeOf("seen_after", values.Get("seen_after"))
	query.SeenBefore, problems[3] = timeOf("seen_before", values.Get("seen_before"))
	for _, problem := range problems {
		if problem != nil {
			refuse(w, http.StatusBadRequest, problem.Error(), "")
			return query, false
		}
	}
	return query, true
}

// writeUserQuery is readUserQuery the other way round.
func writeUserQuery(query directory.Query) string {
	values := url.Values{}
	set := func(name, value string) {
		if value != "" {
			values.Set(name, value)
		}
	}
	set("group", query.Group)
	set("role", query.Role)
	set("provider", query.Provider)
	set("cursor", query.Cursor)
	if query.State != directory.Unknown {
		set("state", query.State.String())
	}
	if query.Apps {
		set("apps", "true")
	}
	if query.Limit != 0 {
		set("limit", strconv.Itoa(query.Limit))
	}
	if !query.SeenAfter.IsZero() {
		set("seen_after", query.SeenAfter.Format(time.RFC3339Nano))
	}
	if !query.SeenBefore.IsZero() {
		set("seen_before", query.SeenBefore.Format(time.RFC3339Nano))
	}
	return values.Encode()
}

// stateOf reads the state that users are to have; "" = any.
func stateOf(text string) (directory.State, error) {
	for _, state := range []directory.State{directory.Active, directory.Inactive, directory.Waiting} {
		if state.String() == text {
			return state, nil
		}
	}
	if text == "" {
		return directory.Unknown, nil
	}
	return 0, fmt.Errorf("state: want active, inactive or waiting, got %q", text)
}

func flagOf(name, text string) (bool, error) {
	if text == "" || text == "true" {
		return text == "true", nil
	}
	return false, fmt.Errorf("%s: want true, got %q", name, text)
}

func timeOf(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	moment, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: want a time as in RFC 3339, got %q", name, text)
	}
	return moment, nil
}
