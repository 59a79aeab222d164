package graph

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/claimd/claimd/daemon/entra"
)

// Question is a set of groups: those that decide something under one configuration. It is made once for a configuration
// and never changes.
type Question struct {
	groups []string       // object ids in lower case, sorted, each once
	at     map[string]int // their places
	sum    [sha256.Size]byte
}

// NewQuestion makes the question about the groups of these object ids, in any case, order and number. What is no GUID, and
// no group at all, is an error: Graph is never asked for names, which are not unique.
func NewQuestion(groups []string) (*Question, error) {
	if len(groups) == 0 {
		return nil, errors.New("want the object IDs of the groups to ask about, got none")
	}
	q := &Question{at: make(map[string]int, len(groups))}
	for _, group := range groups {
		id, ok := entra.GUID(group)
		if !ok {
			return nil, fmt.Errorf("want the object IDs of groups, got %s", quote(group))
		}
		q.groups = append(q.groups, id)
	}
	slices.Sort(q.groups)
	q.groups = slices.Compact(q.groups)
	for i, id := range q.groups {
		q.at[id] = i
	}
	q.sum = sha256.Sum256([]byte(strings.Join(q.groups, " ")))
	return q, nil
}

// members collects an answer to a question. It is for one goroutine.
type members struct {
	about *Question
	in    []bool
}

func (q *Question) newMembers() *members { return &members{about: q, in: make([]bool, len(q.groups))} }

// list gives the groups collected.
func (m *members) list() []string {
	var list []string
	for i, in := range m.in {
		if in {
			list = append(list, m.about.groups[i])
		}
	}
	return list
}
