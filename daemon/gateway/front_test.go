package gateway_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
)

// frontRules are the rules of what the Front recognises: each with a request that it answers, or with one that it must
// leave to net/http. TOKEN stands for a token whose identity is kept.
func frontRules() []frontRule {
	const kept = "Authorization: Bearer TOKEN"
	get := func(lines ...string) string {
		return "GET /auth HTTP/1.1\r\nHost: claimd\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"
	}
	return []frontRule{
		{"what nginx asks", get("X-Original-Method: GET", "X-Original-URI: /api?x=1", "User-Agent: Mozilla/5.0 (X11)", kept), front},
		{"what Envoy asks", "POST /ext_authz/api/reports?format=%70df HTTP/1.1\r\nhost: api.example:8443\r\ncontent-length: 0\r\nauthorization: Bearer TOKEN\r\n\r\n", front},
		{"no token", get(), front},
		{"no field but Host", "GET /auth HTTP/1.1\r\nHost: claimd\r\n\r\n", front},
		{"another scheme", get("Authorization: Basic YTpi"), front},
		{"the scheme in another case", get("authorization: bEARER TOKEN"), front},
		{"two blanks before the token", get("Authorization: Bearer  TOKEN"), front},
		{"a token that is not kept", get("Authorization: Bearer abc.def.ghi"), front},
		{"a list of tokens", get(kept + ", Bearer x"), front},
		{"an identity header", get(kept, "Remote-User: root"), front},
		{"an identity header in another spelling, empty", get(kept, "rEMOTE.user:"), front},
		{"HEAD", "HEAD /auth HTTP/1.1\r\nHost: claimd\r\n\r\n", front},
		{"OPTIONS", "OPTIONS /auth HTTP/1.1\r\nHost: claimd\r\n\r\n", front},
		{"DELETE", "DELETE /auth HTTP/1.1\r\nHost: claimd\r\n" + kept + "\r\n\r\n", front},
		{"a field twice", get(kept, "X-Note: a", "x-note: b"), front},
		{"a field without a value", get(kept, "X-Note:", "X-Other: "), front},
		{"a tab in a value", get(kept, "X-Note: a\tb"), front},
		{"keep-alive", get(kept, "Connection: keep-alive"), front},
		{"close", get(kept, "Connection: close"), front},
		{"HTTP/1.0", strings.Replace(get(kept), "1.1", "1.0", 1), front},
		{"HTTP/1.0, refused", "HEAD /auth HTTP/1.0\r\nHost: claimd\r\nConnection: close\r\n\r\n", front},
		{"HTTP/1.0, refused with a body", strings.Replace(get("Connection: close"), "1.1", "1.0", 1), front},
		{"close, refused", get("Connection: close"), front},
		{"Pragma beside Cache-Control", get(kept, "Pragma: no-cache", "Cache-Control: no-cache"), front},
		{"a host with an address", strings.Replace(get(kept), "claimd", "[::1]:4180", 1), front},
		{"64 fields", get(append(manyFields(62), kept)...), front},

		{"another path", strings.Replace(get(kept), "/auth", "/whoami", 1), netHTTP},
		{"a query", strings.Replace(get(kept), "/auth", "/auth?x", 1), netHTTP},
		{"a whole address", strings.Replace(get(kept), "/auth", "http://claimd/auth", 1), netHTTP},
		{"a path that only begins so", strings.Replace(get(kept), "/auth", "/authx", 1), netHTTP},
		{"Envoy's prefix alone", strings.Replace(get(kept), "/auth", "/ext_authz", 1), netHTTP},
		{"an escape in the path", strings.Replace(get(kept), "/auth", "/ext_authz/%61", 1), netHTTP},
		{"a broken escape in the path", strings.Replace(get(kept), "/auth", "/ext_authz/%zz", 1), netHTTP},
		{"a fragment", strings.Replace(get(kept), "/auth", "/ext_authz/x#y", 1), netHTTP},
		{"a byte in the query that is no ASCII", strings.Replace(get(kept), "/auth", "/ext_authz/x?\xe9", 1), netHTTP},
		{"a control in the query", strings.Replace(get(kept), "/auth", "/ext_authz/x?\x01", 1), netHTTP},
		{"a method that others know", strings.Replace(get(kept), "GET", "BREW", 1), netHTTP},
		{"CONNECT", strings.Replace(get(kept), "GET", "CONNECT", 1), netHTTP},
		{"a method in small letters", strings.Replace(get(kept), "GET", "get", 1), netHTTP},
		{"two blanks in the request line", strings.Replace(get(kept), "GET ", "GET  ", 1), netHTTP},
		{"HTTP/1.0 that would stay", strings.Replace(get(kept, "Connection: keep-alive"), "1.1", "1.0", 1), netHTTP},
		{"HTTP/1.0 without a Host", "GET /auth HTTP/1.0\r\n\r\n", netHTTP},
		{"HTTP/1.2", strings.Replace(get(kept), "1.1", "1.2", 1), netHTTP},
		{"HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", netHTTP},
		{"a TLS handshake", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", netHTTP},
		{"an empty line first", "\r\n" + get(kept), netHTTP},
		{"no Host", "GET /auth HTTP/1.1\r\n" + kept + "\r\n\r\n", netHTTP},
		{"two Hosts", get(kept, "Host: other"), netHTTP},
		{"an empty Host", strings.Replace(get(kept), "Host: claimd", "Host:", 1), netHTTP},
		{"a Host that is none", strings.Replace(get(kept), "Host: claimd", "Host: a/b", 1), netHTTP},
		{"two Authorizations", get(kept, kept), netHTTP},
		{"an empty Authorization", get("Authorization: "), netHTTP},
		{"a token with a control", get("Authorization: Bearer a\x00b"), netHTTP},
		{"a token with a carriage return", get("Authorization: Bearer a\rb"), netHTTP},
		{"a blank behind the token", get(kept + " "), netHTTP},
		{"a body", strings.Replace(get(kept, "Content-Length: 4"), "GET", "POST", 1) + "body", netHTTP},
		{"a length that is nought in another way", get(kept, "Content-Length: 00"), netHTTP},
		{"two lengths", get(kept, "Content-Length: 0", "Content-Length: 0"), netHTTP},
		{"chunks", strings.Replace(get(kept, "Transfer-Encoding: chunked"), "GET", "POST", 1) + "0\r\n\r\n", netHTTP},
		{"a coding that is none", get(kept, "Transfer-Encoding: identity"), netHTTP},
		{"a trailer", get(kept, "Trailer: Remote-User"), netHTTP},
		{"Expect", get(kept, "Expect: 100-continue"), netHTTP},
		{"Expect of something else", get(kept, "Expect: x"), netHTTP},
		{"an upgrade", get(kept, "Connection: upgrade", "Upgrade: websocket"), netHTTP},
		{"Upgrade alone", get(kept, "Upgrade: h2c"), netHTTP},
		{"Connection names a field", get(kept, "Connection: keep-alive, X-Note"), netHTTP},
		{"Connection twice", get(kept, "Connection: keep-alive", "Connection: close"), netHTTP},
		{"Pragma alone, of which net/http makes a Cache-Control", get(kept, "Pragma: no-cache"), netHTTP},
		{"a name with a blank", get(kept, "Remote-User : root"), netHTTP},
		{"a name that is none", get(kept, "X(Note): a"), netHTTP},
		{"a line without a colon", get(kept, "X-Note"), netHTTP},
		{"a line without a name", get(kept, ": a"), netHTTP},
		{"a folded line", get(kept, "X-Note: a", " b"), netHTTP},
		{"a folded line first", strings.Replace(get(kept), "Host", " Host", 1), netHTTP},
		{"a bare line feed", get(kept, "X-Note: a\nRemote-User: root"), netHTTP},
		{"bare line feeds alone", strings.ReplaceAll(get(kept), "\r\n", "\n"), netHTTP},
		{"a bare line feed at the end", strings.TrimSuffix(get(kept), "\r\n") + "\n", netHTTP},
		{"a carriage return in a value", get(kept, "X-Note: a\rb"), netHTTP},
		{"a NUL in a value", get(kept, "X-Note: a\x00b"), netHTTP},
		{"a value that is no ASCII", get(kept, "X-Note: \xc3\xa9"), netHTTP},
		{"a blank behind a value", get(kept, "X-Note: a "), netHTTP},
		{"a tab before a value", get(kept, "X-Note:\ta"), netHTTP},
		{"65 fields", get(append(manyFields(64), kept)...), netHTTP},
		{"a header over the limit", get(kept, "X-Note: "+strings.Repeat("x", 60<<10)), netHTTP},
		{"another request behind it", get(kept) + get(), netHTTP},
		{"something behind it", get(kept) + "x", netHTTP},
		{"less than a request line", "GET /auth HT", netHTTP},
	}
}

type frontRule struct {
	says string
	text string
	by   string
}

const (
	front   = "the front"
	netHTTP = "net/http"
)

func manyFields(n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf("X-%d: a", i))
	}
	return lines
}

// The Front is a fast path through net/http, not a second opinion: whoever asks, in whatever way, reads what net/http
// answers, byte for byte but for the date and the decision's id, and what the Front does not know for certain it leaves.
func TestTheFrontAnswersAsNetHTTPDoes(t *testing.T) {
	for name, change := range map[string]func(*config.Config){"": nil, ", with routes": func(c *config.Config) {
		routed(c)
		c.Server.TrustedProxies = config.TrustedProxies{Unix: true}
	}} {
		gate := newGate(t, change)
		token := mint(t, entratest.Request{User: "reader"})
		with, without := openDoor(t, gate, true, nil), openDoor(t, gate, false, nil)
		with.says(t, "GET /auth HTTP/1.1\r\nHost: claimd\r\nAuthorization: Bearer "+token+"\r\n\r\n") // from now on it is kept
		for _, rule := range frontRules() {
			t.Run(rule.says+name, func(t *testing.T) {
				text := strings.ReplaceAll(rule.text, "TOKEN", token)
				before := with.handed.Load()
				got, want := with.says(t, text), without.says(t, text)
				if got != want {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
				if handed := with.handed.Load() > before; handed != (rule.by == netHTTP) {
					t.Errorf("handed over: %v, want it to be %s's", handed, rule.by)
				}
				if rule.by == front && want == "" {
					t.Error("no answer")
				}
				if half := len(text) / 2; half > 0 && len(text) < 40<<10 {
					if got := with.says(t, text[:half], text[half:len(text)-1], text[len(text)-1:]); got != want {
						t.Errorf("in pieces: got\n%s\nwant\n%s", got, want)
					}
				}
			})
		}
		if begun, closed := with.ends(t); begun != closed || begun == 0 {
			t.Errorf("%d connections were told to be new, %d to be closed", begun, closed)
		}
	}
}

// FuzzTheFrontAnswersAsNetHTTPDoes is the same for whatever comes.
func FuzzTheFrontAnswersAsNetHTTPDoes(f *testing.F) {
	for _, rule := range frontRules() {
		if len(rule.text) < 10<<10 {
			f.Add(rule.text, uint16(len(rule.text)/3))
		}
	}
	gate := newGate(f, nil)
	token, err := tenant().Mint(entratest.Request{User: "reader"})
	if err != nil {
		f.Fatal(err)
	}
	with, without := openDoor(f, gate, true, nil), openDoor(f, gate, false, nil)
	f.Fuzz(func(t *testing.T, text string, cut uint16) {
		if post, second, found := strings.Cut(text, "\r\n\r\n"); found && strings.HasPrefix(post, "POST ") && strings.Trim(second, "\r\n") != second {
			return // after a POST net/http forgives empty lines, which old clients wrote
		}
		text = strings.ReplaceAll(text, "TOKEN", token)
		want := without.says(t, text)
		if got := with.says(t, text); got != want {
			t.Errorf("%q: got\n%s\nwant\n%s", text, got, want)
		}
		if at := int(cut); at < len(text) {
			if got := with.says(t, text[:at], text[at:]); got != want {
				t.Errorf("%q, in pieces: got\n%s\nwant\n%s", text, got, want)
			}
		}
	})
}

// A gateway keeps its connections: each is asked again and again, and no answer is another's.
func TestAConnectionIsAskedAgainAndAgain(t *testing.T) {
	gate := newGate(t, nil)
	d := openDoor(t, gate, true, nil)
	tokens := []string{mint(t, entratest.Request{User: "reader"}), "abc.def.ghi", mint(t, entratest.Request{User: "reader"})}
	wants := []int{http.StatusOK, http.StatusUnauthorized, http.StatusOK}
	connection := d.dial(t)
	reader := bufio.NewReader(connection)
	seen := map[string]bool{}
	for i := range 60 {
		fmt.Fprintf(connection, "GET /auth HTTP/1.1\r\nHost: claimd\r\nAuthorization: Bearer %s\r\n\r\n", tokens[i%3])
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		id := response.Header.Get("X-Claimd-Decision")
		if response.StatusCode != wants[i%3] || seen[id] || id == "" {
			t.Fatalf("request %d: %d with decision %q, want %d with another", i, response.StatusCode, id, wants[i%3])
		}
		seen[id] = true
	}
	if n := d.asked.Load(); n != 0 {
		t.Errorf("net/http was asked %d times", n)
	}
	stats := gate.Stats()
	if stats.Allowed != 40 || stats.KeptLatency.Count != 38 || stats.VerifiedLatency.Count != 22 {
		t.Errorf("counted %d allowed, %d of them kept, %d judged; want 40, 38 and 22", stats.Allowed, stats.KeptLatency.Count, stats.VerifiedLatency.Count)
	}
}

// A client that goes away while its request waits for a key is not waited for: net/http would tell by its background read.
// Who waits to the end learns that the key is unknown (`key`); who was not waited for could not be told (keys_unavailable).
func TestWhoGoesAwayIsNotJudgedToTheEnd(t *testing.T) {
	for name, leave := range map[string]func(*net.UnixConn) error{"closes": (*net.UnixConn).Close, "says no more": (*net.UnixConn).CloseWrite} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			for range 5 { // a starved client may leave too late
				if got = reasonOfWhoLeaves(t, leave); got == "keys_unavailable" {
					return
				}
			}
			t.Errorf("refused with %q, want keys_unavailable", got)
		})
	}
}

// A thousand clients came at once, and one whose request was being judged was among the connections that had been silent
// for longest when it was looked at: claimd took its own closing for the client's, and answered 500.
func TestARequestThatIsJudgedIsAnsweredThoughItsConnectionIsToClose(t *testing.T) {
	if got := reasonOfWhoLeaves(t, nil); got != "401 Unauthorized" {
		t.Errorf("got %s, want 401 Unauthorized: the key is unknown", got)
	}
}

// reasonOfWhoLeaves gives why the request is refused, for which a key is fetched while its client leaves; nil: it is the
// front that is to close the connection, and the answer's status.
func reasonOfWhoLeaves(t *testing.T, leave func(*net.UnixConn) error) string {
	t.Helper()
	alone, err := entratest.Start(entratest.Sample())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(alone.Close)
	gate := newGate(t, func(c *config.Config) { c.Providers[0].Authority = alone.URL() })
	token, err := alone.Mint(entratest.Request{User: "reader", Header: map[string]any{"kid": "unknown"}})
	if err != nil {
		t.Fatal(err)
	}
	alone.SetFaults(entratest.Faults{Delay: 300 * time.Millisecond}) // before each of two documents
	d := openDoor(t, gate, true, nil)
	connection := d.dial(t)
	fmt.Fprintf(connection, "GET /auth HTTP/1.1\r\nHost: claimd\r\nAuthorization: Bearer %s\r\n\r\n", token)
	time.Sleep(50 * time.Millisecond)
	if leave == nil {
		d.mu.Lock()
		_ = d.newest.Close()
		d.mu.Unlock()
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			return err.Error()
		}
		defer response.Body.Close()
		return response.Status
	}
	if err := leave(connection); err != nil {
		t.Fatal(err)
	}
	if begun, closed := d.ends(t); begun != 1 || closed != 1 {
		t.Errorf("%d connections begun, %d closed", begun, closed)
	}
	for _, denial := range gate.Denials().List("") {
		return denial.Reason.String()
	}
	return ""
}

// FAULTS 154: a header that drips, and a client that has nothing more to ask, are cut off; a client that asks is not.
func TestTheFrontKeepsTheLimitsOfItsServer(t *testing.T) {
	d := openDoor(t, newGate(t, nil), true, func(s *http.Server) {
		s.ReadHeaderTimeout, s.IdleTimeout = 700*time.Millisecond, 3*time.Second
	})
	const question = "GET /auth HTTP/1.1\r\nHost: claimd\r\n\r\n"
	for _, c := range []struct {
		says        string
		before      int // requests that were answered
		text        string
		least, most time.Duration
	}{
		{"who says nothing", 0, "", 600 * time.Millisecond, 2500 * time.Millisecond},
		{"half a header", 0, question[:30], 600 * time.Millisecond, 2500 * time.Millisecond},
		{"half a header, later", 2, question[:30], 600 * time.Millisecond, 2500 * time.Millisecond},
		{"between two requests", 2, "", 2900 * time.Millisecond, 10 * time.Second},
	} {
		t.Run(c.says, func(t *testing.T) {
			t.Parallel()
			connection := d.dial(t)
			reader := bufio.NewReader(connection)
			for range c.before {
				fmt.Fprint(connection, question)
				response, err := http.ReadResponse(reader, nil)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, response.Body)
			}
			if c.before > 0 && c.text != "" {
				time.Sleep(time.Second) // by now the connection's timer waits for the end of its silence
			}
			begun := time.Now()
			fmt.Fprint(connection, c.text)
			if n, err := reader.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Errorf("read %d bytes and %v, want the end", n, err)
			}
			if took := time.Since(begun); took < c.least || took > c.most {
				t.Errorf("ended after %s, want %s to %s", took, c.least, c.most)
			}
		})
	}
}

// A client that reads late gets all of its answers.
func TestAnAnswerThatIsNotTakenAtOnceIsNetHTTPs(t *testing.T) {
	d := openDoor(t, newGate(t, nil), true, nil)
	late := d.dial(t)
	const question = "GET /auth HTTP/1.1\r\nHost: claimd\r\n\r\n"
	asked := 0
	for d.handed.Load() == 0 { // until an answer does not fit
		if _, err := io.WriteString(late, question); err != nil {
			t.Fatal(err)
		}
		for asked++; d.handed.Load() == 0 && d.told(http.StateIdle) < asked; { // or two could be read at once
			time.Sleep(50 * time.Microsecond)
		}
	}
	if asked < 50 {
		t.Fatalf("handed over after %d answers", asked)
	}
	reader := bufio.NewReader(late)
	for i := range asked {
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("answer %d of %d: %v", i, asked, err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
	}
	_ = late.Close()
	if begun, closed := d.ends(t); begun != 1 || closed != 1 {
		t.Errorf("%d connections begun, %d closed", begun, closed)
	}
}

// A client that asks on and never reads is closed once the server's limit is over.
func TestWhoNeverReadsIsClosed(t *testing.T) {
	d := openDoor(t, newGate(t, nil), true, func(s *http.Server) { s.WriteTimeout = 500 * time.Millisecond })
	never := d.dial(t)
	for {
		if _, err := io.WriteString(never, "GET /auth HTTP/1.1\r\nHost: claimd\r\n\r\n"); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("it goes on")
			}
			break
		}
	}
	if begun, closed := d.ends(t); begun != 1 || closed != 1 {
		t.Errorf("%d connections begun, %d closed", begun, closed)
	}
}

// A door that closes says so in each answer, and ends who is between two requests; what was asked before is answered.
func TestAFrontThatCloses(t *testing.T) {
	d := openDoor(t, newGate(t, nil), true, nil)
	const question = "GET /auth HTTP/1.1\r\nHost: claimd\r\n\r\n"
	idle, silent, asks := d.dial(t), d.dial(t), d.dial(t)
	reader := bufio.NewReader(idle)
	fmt.Fprint(idle, question)
	if response, err := http.ReadResponse(reader, nil); err != nil || response.Close {
		t.Fatal(response, err)
	} else {
		_, _ = io.Copy(io.Discard, response.Body)
	}
	d.closing.Store(true)
	fmt.Fprint(asks, question)
	if response, err := http.ReadResponse(bufio.NewReader(asks), nil); err != nil || !response.Close {
		t.Errorf("%v, %v: want Connection: close", response, err)
	}
	d.front.SetKeepAlivesEnabled(false)
	if _, err := reader.ReadByte(); err != io.EOF {
		t.Errorf("got %v between two requests, want the end", err)
	}
	fmt.Fprint(silent, question)
	if response, err := http.ReadResponse(bufio.NewReader(silent), nil); err != nil || !response.Close {
		t.Errorf("%v, %v: want an answer with Connection: close for who has not asked yet", response, err)
	}
	last := d.dial(t)
	_ = d.front.Close()
	if _, err := last.Read(make([]byte, 1)); err == nil {
		t.Error("a connection outlives the front")
	}
	if begun, closed := d.ends(t); begun != closed {
		t.Errorf("%d connections begun, %d closed", begun, closed)
	}
}

// FAULTS 160: what breaks ends one connection, and is told.
func TestAFrontThatBreaksEndsOneConnection(t *testing.T) {
	var told strings.Builder
	d := openDoor(t, nil, true, func(s *http.Server) { s.ErrorLog = log.New(&told, "", 0) })
	if got := d.says(t, "GET /auth HTTP/1.1\r\nHost: claimd\r\n\r\n"); got != "" {
		t.Errorf("got %s", got)
	}
	d.ends(t)
	if !strings.HasPrefix(told.String(), "http: panic serving ") {
		t.Errorf("told %q", told.String())
	}
}
