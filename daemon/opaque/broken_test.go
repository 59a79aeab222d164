package opaque

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// saysAs is an endpoint that gives that body as that content type.
func saysAs(media, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		_, _ = io.WriteString(w, body)
	}
}

// breaksOff is an endpoint that promises more than it sends.
func breaksOff(header, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		connection, buffer, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer connection.Close()
		_, _ = buffer.WriteString("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + header + "\r\n\r\n" + body)
		_ = buffer.Flush()
	}
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

const noCredential = "the provider does not accept claimd's own credential\n" +
	"hint: compare introspection_client_id and the secret in introspection_client_secret_file with the provider's, and see whether that client may introspect"

// Fault 96: whatever is wrong with the endpoint, nothing is known, and nothing of the answer counts.
func TestABrokenEndpointIsNoRefusalAndNoAnswer(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Add(1)
		says(active)(w, r)
	}))
	defer other.Close()
	long := `{"active":true,"x":"` + strings.Repeat("x", maxBody) + `"}`
	tests := []struct {
		name    string
		handler http.HandlerFunc
		want    string
		retry   time.Duration
	}{
		{"500", saysStatus(500), "ENDPOINT: want status 200, got 500", time.Second},
		{"503", saysStatus(503), "ENDPOINT: want status 200, got 503", time.Second},
		{"503 with Retry-After", saysStatus(503, "Retry-After", "7"), "ENDPOINT: want status 200, got 503", 7 * time.Second},
		{"429 with Retry-After", saysStatus(429, "Retry-After", "120"), "ENDPOINT: want status 200, got 429", 2 * time.Minute},
		{"429 with a date", saysStatus(429, "Date", "Fri, 15 Jan 2027 08:00:00 GMT", "Retry-After", "Fri, 15 Jan 2027 08:00:30 GMT"), "ENDPOINT: want status 200, got 429", 30 * time.Second},
		{"429 with a day", saysStatus(429, "Retry-After", "86400"), "ENDPOINT: want status 200, got 429", 5 * time.Minute},
		{"429 with nonsense", saysStatus(429, "Retry-After", "soon"), "ENDPOINT: want status 200, got 429", time.Second},
		{"429 with a negative", saysStatus(429, "Retry-After", "-5"), "ENDPOINT: want status 200, got 429", time.Second},
		{"204", saysStatus(204), "ENDPOINT: want status 200, got 204", time.Second},
		{"404", saysStatus(404), "ENDPOINT: want status 200, got 404", time.Second},
		{"a redirect", saysStatus(302, "Location", other.URL), "ENDPOINT: want status 200, got 302: redirects are not followed", time.Second},
		{"a redirect that keeps the body", saysStatus(307, "Location", other.URL), "ENDPOINT: want status 200, got 307: redirects are not followed", time.Second},
		{"401 for claimd itself", saysStatus(401, "WWW-Authenticate", "Basic"), "ENDPOINT: want status 200, got 401: " + noCredential, time.Second},
		{"403 for claimd itself", saysStatus(403), "ENDPOINT: want status 200, got 403: " + noCredential, time.Second},
		{"400", saysStatus(400), "ENDPOINT: want status 200, got 400", time.Second},
		{"HTML", saysAs("text/html", "<html>"+active), "ENDPOINT: want content-type application/json, got another", time.Second},
		{"JSON as text", saysAs("text/plain", active), "ENDPOINT: want content-type application/json, got another", time.Second},
		{"no content type", saysAs("", active), "ENDPOINT: want content-type application/json, got another", time.Second},
		{"a broken content type", saysAs("application/json; =", active), "ENDPOINT: want content-type application/json, got another", time.Second},
		{"another charset", saysAs("application/json; charset=utf-16", active), "ENDPOINT: want an answer in UTF-8, got another charset", time.Second},
		{"a signed answer", saysAs("application/token-introspection+jwt", "a.b.c"), "ENDPOINT: want JSON, got a signed answer\nhint: have the provider answer this client in plain JSON", time.Second},
		{"a signed answer that calls itself JSON", saysAs("application/json", "eyJh.eyJh.eyJh"), "ENDPOINT: " + noObject, time.Second},
		{"a zipped answer", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			saysAs("application/json", zipped(active))(w, r)
		}, "ENDPOINT: want no content-encoding, got one", time.Second},
		{"more than 1 MiB", says(long), "ENDPOINT: want at most 1 MiB, got more", time.Second},
		{"more than 1 MiB in pieces", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for part := range strings.SplitSeq(long, "xxxxxxxxxxxxxxxx") {
				_, _ = io.WriteString(w, part+"xxxxxxxxxxxxxxxx")
			}
		}, "ENDPOINT: want at most 1 MiB, got more", time.Second},
		{"half an answer", breaksOff("Content-Length: 1000", active), "ENDPOINT: want a whole answer, got one that ends early", time.Second},
		{"half an answer in pieces", breaksOff("Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n", len(active), active)), "ENDPOINT: want a whole answer, got one that ends early", time.Second},
		{"an answer cut short", says(active[:len(active)-1]), "ENDPOINT: " + noObject, time.Second},
		{"two answers", says(active + active), "ENDPOINT: " + noObject, time.Second},
		{"nothing", says(""), "ENDPOINT: " + noObject, time.Second},
		{"a list", says("[" + active + "]"), "ENDPOINT: " + noObject, time.Second},
		{"true", says("true"), "ENDPOINT: " + noObject, time.Second},
		{"active twice", says(`{"active":true,"active":false}`), "ENDPOINT: " + noObject, time.Second},
		{"active twice, once escaped", says(`{"active":true,"\u0061ctive":true}`), "ENDPOINT: " + noObject, time.Second},
		{"active in two cases", says(`{"active":true,"Active":false}`), "ENDPOINT: want the members of RFC 7662, got one whose name differs by case alone", time.Second},
		{"active in another case", says(`{"ACTIVE":true}`), "ENDPOINT: want the members of RFC 7662, got one whose name differs by case alone", time.Second},
		{"scope with a long s", says(`{"active":true,"ſcope":"a"}`), "ENDPOINT: want the members of RFC 7662, got one whose name differs by case alone", time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, Introspection, test.handler)
			s.cannotKnow(t, goodToken, test.want, test.retry)
			s.called(t, 1)
			if stats := s.Stats(); stats.Answers != 0 || stats.Refusals != 0 || stats.Failed != 1 {
				t.Errorf("the figures are %+v, want one failure and nothing kept", stats)
			}
		})
	}
	if elsewhere.Load() != 0 {
		t.Errorf("a redirect was followed %d times, want never", elsewhere.Load())
	}
}

// Fault 96, for the other endpoint.
func TestABrokenUserinfoEndpointIsNoRefusal(t *testing.T) {
	tests := []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"500", saysStatus(500), "ENDPOINT: want status 200, got 500"},
		{"403 of somebody on the way", saysStatus(403), "ENDPOINT: want status 200, got 403"},
		{"400", saysStatus(400), "ENDPOINT: want status 200, got 400"},
		{"a signed answer", saysAs("application/jwt", "a.b.c"), "ENDPOINT: want JSON, got a signed answer\nhint: have the provider answer this client in plain JSON"},
		{"sub twice", says(`{"sub":"ada","sub":"eve"}`), "ENDPOINT: " + noObject},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			newSite(t, Userinfo, test.handler).cannotKnow(t, goodToken, test.want, time.Second)
		})
	}
}

// Fault 96: nobody waits longer than three seconds, whether the endpoint never answers or never ends.
func TestASlowEndpointIsCutOff(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"no answer": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body) // before that the server does not see that the caller has gone
			<-r.Context().Done()
		},
		"a drip": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			w.Header().Set("Content-Type", "application/json")
			for range 1000 {
				if _, err := io.WriteString(w, " "); err != nil || r.Context().Err() != nil {
					return
				}
				_ = http.NewResponseController(w).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, Introspection, handler)
			start := time.Now()
			s.cannotKnow(t, goodToken, "ENDPOINT: want a whole answer within 3 s, got none", time.Second)
			if took := time.Since(start); took < maxExchange-100*time.Millisecond {
				t.Errorf("it was cut off after %s, want 3 s", took)
			}
		})
	}
}

// Nobody listens, or there is no address that may be asked.
func TestAnEndpointThatCannotBeAskedIsNotAsked(t *testing.T) {
	s := newSite(t, Introspection, says(active))
	for address, want := range map[string]string{
		"":                              "no discovery document that names the endpoint has been fetched yet",
		"http://id.contoso.example/ask": `want an endpoint with https, or http on loopback, got "http://id.contoso.example/ask"`,
		"ftp://127.0.0.1/ask":           `want an endpoint with https, or http on loopback, got "ftp://127.0.0.1/ask"`,
		"https:///ask":                  `want an endpoint with https, or http on loopback, got "https:///ask"`,
		"https://a:b@id.example/ask":    `want an endpoint with https, or http on loopback, got "https://a:b@id.example/ask"`,
		"https://id.example/ask#part":   `want an endpoint with https, or http on loopback, got "https://id.example/ask#part"`,
	} {
		s.moves(address)
		_, err := s.Ask(t.Context(), goodToken)
		if err == nil || err.Error() != "provider_unavailable: "+want {
			t.Errorf("%q: got %v, want %q", address, err, want)
		}
		s.pass(longestPause)
	}
	s.called(t, 0)
	s.server.Close()
	s.moves(s.server.URL)
	if _, err := s.Ask(t.Context(), goodToken); err == nil || !strings.HasPrefix(err.Error(), "provider_unavailable: "+s.server.URL+": no answer: dial tcp ") {
		t.Errorf("got %v, want nobody there", err)
	}
}

// Fault 96: after five failures in a row the provider is left alone, for a time that doubles; then one request sees.
func TestAProviderThatFailsIsLeftAlone(t *testing.T) {
	s := newSite(t, Introspection, saysStatus(500))
	next := 0
	token := func() string { next++; return fmt.Sprint("token", next) }
	const failing = "ENDPOINT: want status 200, got 500"
	for range failuresToOpen - 1 {
		s.cannotKnow(t, token(), failing, time.Second)
	}
	s.answers(says(active))
	s.vouches(t, token()) // which begins the count anew
	s.answers(saysStatus(500))
	for range failuresToOpen {
		s.cannotKnow(t, token(), failing, time.Second)
	}
	s.called(t, 2*failuresToOpen)
	for _, seconds := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
		pause := time.Duration(seconds) * time.Second
		s.cannotKnow(t, token(), "the provider is not asked for now, since it failed: "+failing, pause)
		s.pass(pause - time.Millisecond)
		s.cannotKnow(t, token(), "the provider is not asked for now, since it failed: "+failing, time.Second)
		s.called(t, 0)
		s.pass(time.Millisecond)
		s.cannotKnow(t, token(), failing, min(2*pause, longestPause))
		s.called(t, 1)
	}
	if status := s.Status(); !status.Stats.NotAskedNow || status.Error == "" || status.FailingSince.IsZero() || !status.NotAskedTill.Equal(s.now().Add(longestPause)) {
		t.Errorf("the status is %+v, want one that tells of the failure", status)
	}
	s.pass(longestPause)
	s.answers(says(active))
	s.vouches(t, token())
	s.called(t, 1)
	if status := s.Status(); status.Stats.NotAskedNow || status.Error != "" || !status.FailingSince.IsZero() || !status.NotAskedTill.IsZero() {
		t.Errorf("the status is %+v, want one without failure", status)
	}
	lines := []string{}
	for _, line := range s.log.All() {
		lines = append(lines, line.Message)
	}
	want := "the provider gives no usable answer about an opaque token\nthe provider answers about opaque tokens again\n" +
		"the provider gives no usable answer about an opaque token\nthe provider is not asked about opaque tokens for now\n" +
		"the provider answers about opaque tokens again"
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("the log has\n%s\nwant\n%s", got, want)
	}
}

// One request sees whether the provider is back; the others do not wait for it.
func TestOneRequestAloneSeesWhetherTheProviderIsBack(t *testing.T) {
	s := newSite(t, Introspection, saysStatus(429, "Retry-After", "3"))
	s.cannotKnow(t, "token1", "ENDPOINT: want status 200, got 429", 3*time.Second)
	s.cannotKnow(t, "token2", "the provider is not asked for now, since it failed: ENDPOINT: want status 200, got 429", 3*time.Second)
	s.called(t, 1)
	s.pass(3 * time.Second)
	release := make(chan struct{})
	s.answers(func(w http.ResponseWriter, r *http.Request) {
		<-release
		says(active)(w, r)
	})
	done := make(chan error)
	go func() {
		_, err := s.Ask(t.Context(), "token3")
		done <- err
	}()
	eventually(t, "one request is under way", func() bool { return s.calls.Load() == 1 })
	s.cannotKnow(t, "token4", "the provider is not asked for now, since it failed: ENDPOINT: want status 200, got 429", time.Second)
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	s.vouches(t, "token4")
	s.called(t, 2)
}

// Requests that fail together count once they are judged: 64 failures are not 64 steps of the pause.
func TestFailuresThatCameTogetherOpenTheBreakerOnce(t *testing.T) {
	var b breaker
	now := began
	for range maxFlights {
		b.fail(0, now, 0)
	}
	if wait, ok := b.passes(now); ok || wait != firstPause {
		t.Errorf("the pause is %s, want %s", wait, firstPause)
	}
	b.succeed(0) // of a request that went out before
	if _, ok := b.passes(now); ok {
		t.Error("a late answer closes it, want the next request to see")
	}
	now = now.Add(firstPause)
	if _, ok := b.passes(now); !ok {
		t.Error("after the pause nothing passes, want one request")
	}
	b.release(b.epoch) // it said nothing
	if _, ok := b.passes(now); !ok {
		t.Error("after a request that said nothing none passes, want another")
	}
	b.succeed(b.epoch)
	if b.open || b.failures != 0 {
		t.Errorf("after an answer it is %+v, want closed", b)
	}
}

// Five odd tokens that the provider cannot read must not lock everybody out: strangers choose the tokens.
func TestTokensThatTheProviderCannotReadDoNotStopTheOthers(t *testing.T) {
	for _, status := range []int{400, 413, 414, 431} {
		s := newSite(t, Introspection, saysStatus(status))
		for i := range 3 * failuresToOpen {
			s.cannotKnow(t, fmt.Sprint("token", i), fmt.Sprint("ENDPOINT: want status 200, got ", status), time.Second)
		}
		s.answers(says(active))
		s.vouches(t, goodToken)
		s.called(t, 3*failuresToOpen+1)
	}
}

// Fault 96: an answer is used for its time while the provider is down, and not a moment longer.
func TestNoAnswerOutlivesItsTime(t *testing.T) {
	s := newSite(t, Introspection, says(active))
	s.vouches(t, goodToken)
	s.answers(saysStatus(500))
	s.pass(answerLife - time.Nanosecond)
	s.vouches(t, goodToken)
	s.pass(time.Nanosecond)
	s.cannotKnow(t, goodToken, "ENDPOINT: want status 200, got 500", time.Second)
	s.called(t, 2)
}
