package soak

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

// neverPasses is a token that may not pass.
type neverPasses struct {
	name    string
	request []byte
	from    time.Time // until then it may
}

// mintAll makes the tokens of the load.
func (s *stand) mintAll(removed, blocked string) {
	s.t.Helper()
	inside := s.tenant.inside
	keyID := inside.KeyIDs()[0]
	outside := strangerTenant(s.t)
	forge := func(request entratest.Request) string {
		request.User, request.Client = "ada", deskApp
		token, err := outside.Mint(request)
		must(s.t, err)
		return token
	}
	ours := map[string]any{"iss": inside.Issuer(2), "tid": tenantID}
	s.valid = s.token("ada", nil)
	parts := strings.Split(s.valid, ".")
	ends := time.Now().Add(3 * time.Second).Truncate(time.Second)
	for name, token := range map[string]string{
		"expired":              s.token("ada", map[string]any{"iat": hoursAgo(3), "nbf": hoursAgo(3), "exp": hoursAgo(2)}),
		"not valid yet":        s.token("ada", map[string]any{"nbf": hoursAgo(-1)}),
		"of another tenant":    forge(entratest.Request{}),
		"forged, our key's id": forge(entratest.Request{Claims: ours, Header: map[string]any{"kid": keyID}}),
		"forged, unknown key":  forge(entratest.Request{Claims: ours}),
		"signature changed":    parts[0] + "." + parts[1] + "." + flipped(parts[2]),
		"algorithm none":       "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + parts[1] + ".",
		"of a removed key":     removed,
		"of a blocked user":    blocked,
		"without a group":      s.token("ada", map[string]any{"groups": []string{}}),
		"another audience":     s.token("ada", map[string]any{"aud": deskApp}),
		"another client":       s.tenant.mint(entratest.Request{User: "ada", Client: firstApp}),
	} {
		s.never = append(s.never, neverPasses{name: name, request: get("/auth", bearer(token))})
	}
	slices.SortFunc(s.never, func(a, b neverPasses) int { return cmp.Compare(a.name, b.name) })
	s.never = append(s.never, neverPasses{
		name: "that expires meanwhile", from: ends.Add(time.Second),
		request: get("/auth", bearer(s.token("ada", map[string]any{"exp": ends.Unix()}))),
	})
}

func hoursAgo(hours int) int64 { return time.Now().Add(-time.Duration(hours) * time.Hour).Unix() }

// flipped changes a letter in the midst.
func flipped(text string) string {
	letters := []byte(text)
	if letters[100]++; letters[100] > 'y' || letters[100] < 'a' {
		letters[100] = 'a'
		if text[100] == 'a' {
			letters[100] = 'b'
		}
	}
	return string(letters)
}

var soleStranger = sync.OnceValues(func() (*entratest.Tenant, error) {
	text := strings.ReplaceAll(directoryText, tenantID, "f0f0f0f0-0d9a-4f6b-b3a8-d17f90e64c25")
	directory, err := entratest.ReadDirectory([]byte(text))
	if err != nil {
		return nil, err
	}
	return entratest.New(directory, "http://127.0.0.1:1")
})

// strangerTenant is another tenant with the same people and applications, and a key of its own. Nobody serves it.
func strangerTenant(t *testing.T) *entratest.Tenant {
	t.Helper()
	tenant, err := soleStranger()
	must(t, err)
	return tenant
}

// at gives the request's token; nil = the valid one.
func (s *stand) at(connection, number int) *neverPasses {
	if number%2 == 0 {
		return nil
	}
	return &s.never[(number/2+connection)%len(s.never)]
}

// check holds an answer against the moments when it was asked for and when it came.
func (s *stand) check(a *answer) error {
	s.open[a.connection].Store(true)
	now, then := s.moment.Load(), s.slots[a.connection]
	if token := s.at(a.connection, a.number); token != nil {
		return now.checkNever(a, token)
	}
	switch {
	case a.status == http.StatusOK && (a.get("Remote-User") != adaID || a.get("Remote-Groups") != analysts || a.get("Remote-Admin") != "false"):
		now.otherwise.Add(1)
		return fmt.Errorf("a valid token passes as another: %s", shown(a))
	case a.status == http.StatusOK:
		now.passed.Add(1)
	case slices.Contains(now.valid, a.status) || slices.Contains(then.valid, a.status):
		now.notPassed.Add(1)
	default:
		now.otherwise.Add(1)
		return fmt.Errorf("a valid token: %s, want %v", shown(a), now.valid)
	}
	return nil
}

func (m *standMoment) checkNever(a *answer, token *neverPasses) error {
	switch {
	case a.status == http.StatusOK && (token.from.IsZero() || a.sent.After(token.from)):
		m.wrongPass.Add(1)
		return fmt.Errorf("a token %s passes: %s", token.name, shown(a))
	case a.status == http.StatusOK:
	case a.status == 401, a.status == 403, a.status == 503:
		m.refused.Add(1)
		if reason := reasonOf(a); reason == "" {
			m.otherwise.Add(1)
			return fmt.Errorf("a token %s is refused without a reason: %s", token.name, shown(a))
		}
	default:
		m.otherwise.Add(1)
		return fmt.Errorf("a token %s: %s, want 401, 403 or 503", token.name, shown(a))
	}
	return nil
}
