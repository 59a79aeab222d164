package opaque

import (
	"bytes"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

// Fault 93: RFC 7662 section 2.2 has active as a JSON boolean. Servers were seen that took its presence for enough.
func TestOnlyActiveTrueIsActive(t *testing.T) {
	s := newSite(t, Introspection, nil)
	for i, answer := range []string{
		`{}`, `{"active":false}`, `{"active":"true"}`, `{"active":1}`, `{"active":null}`, `{"active":[true]}`,
		`{"active":{"active":true}}`, `{"sub":"ada","client_id":"desk"}`, `{"active":false,"sub":"ada","exp":4000000000}`,
		`{"active":"True"}`, `{"data":{"active":true}}`,
	} {
		s.answers(says(answer))
		s.refuses(t, fmt.Sprint("token", i), notActive)
	}
	s.called(t, 11)
	for _, answer := range []string{`{"active":true}`, ` { "active" : true } `, `{"active":true,"sub":null}`, "{\"\\u0061ctive\":true}"} {
		s.answers(says(answer))
		if got := s.vouches(t, "token"+fmt.Sprintf("%x", answer)); string(got.Raw) != answer {
			t.Errorf("the answer is %q, want %q", got.Raw, answer)
		}
	}
}

// Fault 94: gateways kept "active" under the token and skipped the checks of audience and scope on later uses. Here the
// whole answer is handed out each time, for the caller to judge each time; and what one endpoint says is nothing to another.
func TestAnAnswerIsKeptForItsTokenAndItsEndpointAlone(t *testing.T) {
	s := newSite(t, Introspection, says(active))
	first := s.vouches(t, goodToken)
	s.answers(says(`{"active":false}`))
	second := s.vouches(t, goodToken)
	s.called(t, 1)
	if !reflect.DeepEqual(first, second) {
		t.Errorf("the kept answer is %+v, want %+v", second, first)
	}
	if second.Issuer != "https://id.contoso.example/" || len(second.Audiences) != 1 || second.Audiences[0] != "reports" ||
		second.ClientID != "desk" || second.Scope != "a b" || second.Subject != "ada" || second.Username != "Ada" {
		t.Errorf("the kept answer is %+v", second)
	}
	s.moves(s.at() + "/elsewhere")
	s.refuses(t, goodToken, notActive)
	s.called(t, 1)
}

// Fault 95: how long answers and refusals live.
func TestWhatIsKeptEnds(t *testing.T) {
	exp := func(after time.Duration) string {
		return fmt.Sprintf(`{"active":true,"exp":%d}`, began.Add(after).Unix())
	}
	tests := []struct {
		name   string
		answer string
		lives  time.Duration
	}{
		{"no exp", `{"active":true}`, 60 * time.Second},
		{"an exp far away", exp(time.Hour), 60 * time.Second},
		{"an exp in 20 s", exp(20 * time.Second), 20 * time.Second},
		{"an exp in 61 s", exp(61 * time.Second), 60 * time.Second},
		{"an exp now", exp(0), 0},
		{"an exp a minute ago, which the skew allows", exp(-time.Minute), 0},
		{"a refusal", `{"active":false}`, 10 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, Introspection, says(test.answer))
			first, _ := s.Ask(t.Context(), goodToken)
			if first.Raw != nil && first.Until.Sub(began) != min(test.lives, answerLife) && test.lives > 0 {
				t.Errorf("what is kept because of it may live %s, want %s", first.Until.Sub(began), test.lives)
			}
			s.called(t, 1)
			if test.lives > 0 {
				s.pass(test.lives - time.Nanosecond)
				_, _ = s.Ask(t.Context(), goodToken)
				s.called(t, 0)
				s.pass(time.Nanosecond)
			}
			_, _ = s.Ask(t.Context(), goodToken)
			s.called(t, 1)
		})
	}
}

// Fault 64, here: a clock that was set back makes no answer live on.
func TestAClockThatWasSetBackKeepsNothing(t *testing.T) {
	for _, answer := range []string{active, `{"active":false}`} {
		s := newSite(t, Introspection, says(answer))
		_, _ = s.Ask(t.Context(), goodToken)
		s.pass(-time.Hour)
		_, _ = s.Ask(t.Context(), goodToken)
		s.called(t, 2)
	}
}

// Fault 95: strangers' refusals push out no answers, and neither grows without end.
func TestWhatIsKeptIsBounded(t *testing.T) {
	s := newSite(t, Introspection, says(active))
	s.vouches(t, goodToken)
	now := s.now()
	s.Asker.mu.Lock()
	for i := range 2 * maxKept {
		s.refusals.keep(keyOf("", fmt.Sprint(i)), &keptRefusal{since: now}, refusalWeight)
	}
	s.Asker.mu.Unlock()
	stats := s.Stats()
	if stats.Refusals != maxKept || stats.Answers != 1 {
		t.Errorf("kept are %d refusals and %d answers, want %d and 1", stats.Refusals, stats.Answers, maxKept)
	}
	answer := Answer{Raw: make([]byte, 100), Lease: Lease{asked: now}}
	s.Asker.mu.Lock()
	for i := range 2 * maxKept {
		s.Asker.answers.keep(keyOf("", fmt.Sprint(i)), answer, answer.weight())
	}
	s.Asker.mu.Unlock()
	if got := s.Stats().Answers; got != maxKept {
		t.Errorf("kept are %d answers, want %d", got, maxKept)
	}
	big := Answer{Raw: make([]byte, maxBody), Lease: Lease{asked: now}}
	s.Asker.mu.Lock()
	for i := range 50 {
		s.Asker.answers.keep(keyOf("big", fmt.Sprint(i)), big, big.weight())
	}
	s.Asker.mu.Unlock()
	stats = s.Stats()
	if want := maxBytes / big.weight(); stats.Answers != want || stats.AnswerBytes != want*big.weight() {
		t.Errorf("kept are %d answers of %d bytes, want %d", stats.Answers, stats.AnswerBytes, want)
	}
	if len(s.Asker.answers.entries) != s.Asker.answers.order.Len() || len(s.refusals.entries) != s.refusals.order.Len() {
		t.Error("the two indexes of what is kept differ")
	}
}

// The least recently used goes first.
func TestTheLeastRecentlyUsedGoesFirst(t *testing.T) {
	l := newLRU[string](2, 100)
	always := func(string) bool { return true }
	a, b, c := keyOf("", "a"), keyOf("", "b"), keyOf("", "c")
	l.keep(a, "a", 1)
	l.keep(b, "b", 1)
	l.find(a, always)
	l.keep(c, "c", 1)
	if _, ok := l.find(b, always); ok {
		t.Error("b is kept, want a and c alone")
	}
	for _, about := range []key{a, c} {
		if _, ok := l.find(about, always); !ok {
			t.Error("a or c is gone, want both kept")
		}
	}
}

// Fault 95: whoever reads the memory of what is kept finds no token in it.
func TestNoTokenIsKept(t *testing.T) {
	s := newSite(t, Introspection, knows(goodToken))
	const other = "a.stranger's" // no b64token
	const refused = "4nother-0paque-t0ken"
	s.vouches(t, goodToken)
	s.refuses(t, refused, notActive)
	_, _ = s.Ask(t.Context(), other)
	s.answers(saysStatus(http.StatusServiceUnavailable))
	_, _ = s.Ask(t.Context(), refused+"x")
	eventually(t, "nothing is under way", func() bool { return s.Stats().InFlight == 0 })
	found := map[string]bool{}
	w := walk{seen: map[uintptr]bool{}, visit: func(text string) {
		for _, token := range []string{goodToken, refused, ourID} {
			if strings.Contains(text, token) {
				found[token] = true
			}
		}
	}}
	s.Asker.mu.Lock()
	for _, what := range []any{&s.Asker.answers, &s.refusals, &s.flights, &s.breaker, &s.lastErr, &s.counts} {
		w.walk(reflect.ValueOf(what))
	}
	s.Asker.mu.Unlock()
	if len(found) > 0 {
		t.Errorf("found %v in what is kept", found)
	}
	w.walk(reflect.ValueOf([]any{"x" + goodToken}))
	if !found[goodToken] || w.texts < 10 {
		t.Errorf("the search finds no token where one is, or saw %d texts only", w.texts)
	}
}

// walk visits every text that a value leads to.
type walk struct {
	seen  map[uintptr]bool
	visit func(string)
	texts int
}

func (w *walk) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || w.seen[v.Pointer()] {
			return
		}
		w.seen[v.Pointer()] = true
		w.walk(v.Elem())
	case reflect.Interface:
		w.walk(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			w.walk(v.Field(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			w.walk(key)
			w.walk(v.MapIndex(key))
		}
	case reflect.String:
		w.texts++
		w.visit(v.String())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			w.texts++
			w.visit(string(unsafe.Slice((*byte)(v.UnsafePointer()), v.Len())))
			return
		}
		for i := range v.Len() {
			w.walk(v.Index(i))
		}
	case reflect.Array:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			for i := range v.Len() {
				w.walk(v.Index(i))
			}
		}
	}
}

// Fault 99: a JWT with a bad signature would be judged by its issuer's own word for it, without audience and algorithm.
// Tokens of three or five parts are judged here, and never sent.
func TestTokensInTheFormOfAJWTAreNeverSent(t *testing.T) {
	for _, kind := range []Kind{Introspection, Userinfo} {
		s := newSite(t, kind, says(active))
		for token, want := range map[string]string{
			"":                              "malformed: nothing",
			"a.b.c":                         "malformed: a token in the form of a JWT, which is never asked about",
			"a.b.c.d.e":                     "malformed: a token in the form of a JWT, which is never asked about",
			"..":                            "malformed: a token in the form of a JWT, which is never asked about",
			"....":                          "malformed: a token in the form of a JWT, which is never asked about",
			"eyJhbGciOi.b":                  "malformed: a JWT with parts missing or added, which is never asked about",
			"eyJh.b.c.d":                    "malformed: a JWT with parts missing or added, which is never asked about",
			"==":                            "malformed: nothing but padding",
			"a b":                           "malformed: a character that no bearer token has",
			"a=b":                           "malformed: a character that no bearer token has",
			"a\r\nX: b":                     "malformed: a character that no bearer token has",
			"a\x00":                         "malformed: a character that no bearer token has",
			"ä":                             "malformed: a character that no bearer token has",
			"a&token=other":                 "malformed: a character that no bearer token has",
			strings.Repeat("a", maxToken+1): "malformed: more than 32 KiB",
		} {
			s.refuses(t, token, want)
		}
		s.called(t, 0)
		if stats := s.Stats(); stats != (Stats{}) {
			t.Errorf("the figures are %+v, want none", stats)
		}
	}
}

// Fault 100 (CVE-2026-27840): a provider took a truncated token for the whole one. Whatever differs in one character is
// another token here, with an answer of its own.
func TestATokenWithAnotherCharacterIsAnotherToken(t *testing.T) {
	s := newSite(t, Introspection, knows(goodToken))
	s.vouches(t, goodToken)
	s.called(t, 1)
	var others []string
	for i := range goodToken {
		swapped := byte('A')
		if goodToken[i] == swapped {
			swapped = 'B'
		}
		others = append(others, goodToken[:i]+string(swapped)+goodToken[i+1:], goodToken[:i]+"z"+goodToken[i:])
		if i > 0 {
			others = append(others, goodToken[:i])
		}
	}
	others = append(others, goodToken+"=", strings.ToUpper(goodToken), strings.ToLower(goodToken))
	asked := int64(0)
	for _, token := range others {
		before := s.calls.Load()
		_, err := s.Ask(t.Context(), token)
		if err == nil || !strings.HasPrefix(err.Error(), "opaque_token: ") && !strings.HasPrefix(err.Error(), "malformed: ") {
			t.Errorf("%q: got %v, want refused", token, err)
		}
		asked += s.calls.Load() - before
	}
	if want := int64(len(others)) - 2*2; asked < want { // a character in the padding is no token at all
		t.Errorf("%d of %d other tokens were asked about, want at least %d", asked, len(others), want)
	}
	if keyOf("ab", "c") == keyOf("a", "bc") {
		t.Error("the end of the endpoint counts as the beginning of the token")
	}
	s.calls.Store(0)
	s.vouches(t, goodToken)
	s.called(t, 0)
}

// Fault 101: a thousand requests with one new token are one request to the provider.
func TestAThousandRequestsWithOneTokenAskOnce(t *testing.T) {
	release := make(chan struct{})
	s := newSite(t, Introspection, func(w http.ResponseWriter, r *http.Request) {
		<-release
		says(active)(w, r)
	})
	var all sync.WaitGroup
	var failed atomic.Int64
	for range 1000 {
		all.Go(func() {
			if _, err := s.Ask(t.Context(), goodToken); err != nil {
				failed.Add(1)
			}
		})
	}
	eventually(t, "999 wait for one", func() bool { return s.Stats().Shared == 999 })
	close(release)
	all.Wait()
	if failed.Load() != 0 {
		t.Errorf("%d of 1,000 got no answer, want none", failed.Load())
	}
	s.called(t, 1)
}

// Fault 101: with a thousand tokens 64 requests are under way, and nobody waits for a place.
func TestAThousandTokensAskSixtyFourAtOnce(t *testing.T) {
	release := make(chan struct{})
	var now, most atomic.Int64
	s := newSite(t, Introspection, func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		for seen := most.Load(); n > seen && !most.CompareAndSwap(seen, n); seen = most.Load() {
		}
		<-release
		now.Add(-1)
		says(active)(w, r)
	})
	var all sync.WaitGroup
	var good, shed, other atomic.Int64
	for i := range 1000 {
		all.Go(func() {
			switch _, err := s.Ask(t.Context(), fmt.Sprint("token-", i)); {
			case err == nil:
				good.Add(1)
			case err.Error() == "provider_unavailable: 64 requests to the provider are under way":
				shed.Add(1)
			default:
				other.Add(1)
				t.Error(err)
			}
		})
	}
	eventually(t, "936 were sent away", func() bool { return shed.Load()+other.Load() == 936 && now.Load() == 64 })
	close(release)
	all.Wait()
	if good.Load() != 64 || most.Load() != 64 {
		t.Errorf("%d tokens were verified with %d requests at once, want 64 and 64", good.Load(), most.Load())
	}
	s.called(t, 64)
	s.vouches(t, "token-new")
}

// Fault 102: the secret reaches the provider and nobody else.
func TestTheSecretStandsNowhere(t *testing.T) {
	s := newSite(t, Introspection, saysStatus(http.StatusUnauthorized, "WWW-Authenticate", "Basic"))
	var seen bytes.Buffer
	for i := range failuresToOpen + 1 {
		_, err := s.Ask(t.Context(), fmt.Sprint("token", i))
		fmt.Fprintln(&seen, err)
	}
	fmt.Fprintf(&seen, "%+v\n%+v\n", s.Status(), s.Stats())
	for _, line := range s.log.All() {
		fmt.Fprintln(&seen, line.Message, line.ContextMap())
	}
	for _, secret := range []string{ourSecret, "secret%2F", s.basic, strings.TrimPrefix(s.basic, "Basic "), "token0"} {
		if strings.Contains(seen.String(), secret) {
			t.Errorf("%q stands in %s", secret, seen.String())
		}
	}
	if !strings.Contains(seen.String(), "introspection_client_secret_file") || s.log.Len() == 0 {
		t.Errorf("nothing says what is wrong with the credential: %s", seen.String())
	}
}
