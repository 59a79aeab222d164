package daemon

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/daemon/vectors"
)

// TestANaughtyUserIsOneLineOfTheLog refuses each of the big list of naughty strings, as a user whose one group is not
// declared, and reads the log in both of its forms.
//
// FAULTS 179 (Envoy Gateway's CVE-2025-25294): a log that takes over what a request brought lets strangers write lines of
// their own, and steer the terminal of whoever reads it.
func TestANaughtyUserIsOneLineOfTheLog(t *testing.T) {
	s := newSite(t)
	s.write(s.toml("[groups]\n", "[provider.contoso.claims]\nuser = \"sub\"\n[groups]\n"))
	loaded, err := Load(s.config, config.ReadOptions{})
	mustDo(t, err)
	ring := keys.NewRing(keys.Options{})
	t.Cleanup(ring.Close)
	providers := loaded.Open(ring)
	mustDo(t, providers["contoso"].Refresh(t.Context()))
	var text, lines bytes.Buffer
	now := time.Now()
	gate := access.NewGate(loaded.Snapshot(providers, 1), access.Options{
		Log: zap.New(zapcore.NewTee(
			newLogging(&text, nil, config.Log{Level: "debug", Format: "text"}).logger().Core(),
			newLogging(&lines, nil, config.Log{Level: "debug", Format: "json"}).logger().Core())),
		Now: func() time.Time { return now },
	})
	for _, name := range vectors.NaughtyStrings(t)[1:] {
		now = now.Add(time.Second) // one line a second is written for each reason
		token, err := s.tenant.Mint(entratest.Request{User: "ada", Claims: map[string]any{"sub": name, "groups": []string{name}}})
		mustDo(t, err)
		decision := gate.Decide(t.Context(), access.Request{Header: http.Header{"Authorization": {"Bearer " + token}}})
		if decision.Reason != reason.NoGroup {
			t.Fatalf("%+q: got %v", name, decision.Reason)
		}
		clean := access.Clean(name)
		if got := wantLine(t, name, text.String()); userOfText(got) != clean {
			t.Errorf("%+q: the text names the user %+q, want %+q: %s", name, userOfText(got), clean, got)
		}
		var got struct{ Message, User, Decision_ID string }
		mustDo(t, json.Unmarshal([]byte(wantLine(t, name, lines.String())), &got))
		if got.Message != "denied" || got.User != clean || got.Decision_ID != decision.ID {
			t.Errorf("%+q: the log has %+q", name, got)
		}
		denials := gate.Denials().List(decision.ID)
		if len(denials) != 1 || denials[0].User != clean || !slices.Equal(denials[0].Unmatched, []string{clean}) {
			t.Errorf("%+q: the denials are %+v", name, denials)
		}
		text.Reset()
		lines.Reset()
	}
}

// wantLine gives the one line that a log holds, which a terminal shows as it is.
func wantLine(t *testing.T, name, log string) string {
	t.Helper()
	line, rest, found := strings.Cut(log, "\n")
	if !found || rest != "" {
		t.Fatalf("%+q: want one line, got %q", name, log)
	}
	if strings.ContainsFunc(line, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }) {
		t.Errorf("%+q: the line holds what a terminal acts on: %+q", name, line)
	}
	return line
}

// userOfText reads what stands after user= in a line of text, in quotes or as one word.
func userOfText(line string) string {
	_, rest, _ := strings.Cut(line, " user=")
	if quoted, err := strconv.QuotedPrefix(rest); err == nil && quoted[0] == '"' {
		user, _ := strconv.Unquote(quoted)
		return user
	}
	user, _, _ := strings.Cut(rest, " ")
	return user
}
