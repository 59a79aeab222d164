package admin

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/access"
)

// hasty are limits that a test can wait for.
var hasty = limits{
	header: 50 * time.Millisecond, body: 50 * time.Millisecond, write: 100 * time.Millisecond, idle: 50 * time.Millisecond, change: 200 * time.Millisecond,
	headerBytes: 4 << 10, admins: 32, refused: 8,
}

func TestTheServerRefusesWhatItDoesNotKnow(t *testing.T) {
	path := serve(t, backend(disabledGate()), hasty, nil)
	const (
		notFound = `404 {"problem":"this claimd has nothing of that kind","hint":"claimctl and claimd should be of the same version: claimctl version, claimctl status"}`
		badJSON  = `400 {"problem":"the body is not the JSON that is wanted here"}`
		noBody   = `400 {"problem":"want a request without a body"}`
	)
	tests := map[string]struct{ request, want string }{
		"another path":                {"GET /v1/dump HTTP/1.1\r\nHost: x\r\n\r\n", notFound},
		"a debug page":                {"GET /debug/pprof/ HTTP/1.1\r\nHost: x\r\n\r\n", notFound},
		"another version":             {"GET /v2/status HTTP/1.1\r\nHost: x\r\n\r\n", notFound},
		"a reload by GET":             {"GET /v1/reload HTTP/1.1\r\nHost: x\r\n\r\n", notFound},
		"a token in the query":        {"POST /v1/explain?token=a.b.c HTTP/1.1\r\nHost: x\r\n\r\n", `415 {"problem":"want a body of type application/json"}`},
		"a form":                      {post("/v1/explain", "application/x-www-form-urlencoded", "token=a.b.c"), `415 {"problem":"want a body of type application/json"}`},
		"an unknown member":           {postJSON("/v1/explain", `{"token":"a","verbose":true}`), badJSON},
		"two values":                  {postJSON("/v1/explain", `{"token":"a"}{"token":"b"}`), badJSON},
		"no JSON":                     {postJSON("/v1/explain", `token`), badJSON},
		"another type":                {postJSON("/v1/explain", `{"token":["a"]}`), badJSON},
		"nothing":                     {postJSON("/v1/explain", ``), badJSON},
		"a body where none is wanted": {postJSON("/v1/reload", `{}`), noBody},
		"a body with GET":             {"GET /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", noBody},
		"a body of no stated length":  {"POST /v1/reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", noBody},
		"a body that never comes":     {"POST /v1/explain HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{", `408 {"problem":"the body did not arrive in time"}`},
		"a GET whose body never comes": {"GET /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
			noBody},
		"a giant body": {"POST /v1/explain HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000000000\r\n\r\n\"" +
			strings.Repeat("a", maxBody), `413 {"problem":"the request is larger than 385 KiB"}`},
		"a giant header": {"GET /v1/status HTTP/1.1\r\nHost: x\r\nX-Big: " + strings.Repeat("a", 16<<10) + "\r\n\r\n", "431 431 Request Header Fields Too Large"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, path)
			go io.WriteString(conn, test.request) // the answer may come before all of it is taken
			if got := readAnswer(t, conn); got != test.want {
				t.Errorf("want %s\ngot  %s", test.want, got)
			}
		})
	}
}

func postJSON(path, body string) string { return post(path, "application/json", body) }

func post(path, kind, body string) string {
	var b strings.Builder
	r, _ := http.NewRequest(http.MethodPost, "http://x"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	r.Write(&b)
	return b.String()
}

func readAnswer(t *testing.T, conn net.Conn) string {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "no answer: " + err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response.Status[:3] + " " + strings.TrimSpace(string(body))
}

// FAULTS 175: clients that do nothing are let go, whatever they have begun.
func TestSilentClientsAreLetGo(t *testing.T) {
	path := serve(t, backend(disabledGate()), hasty, nil)
	tests := map[string]string{
		"silent from the start":         "",
		"silent within the header":      "GET /v1/status HT",
		"silent before the header ends": "GET /v1/status HTTP/1.1\r\nHost: x\r\n",
		"silent after an answer":        "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n",
	}
	for name, begun := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, path)
			io.WriteString(conn, begun)
			start := time.Now()
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Errorf("want the connection closed, got %v", err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("want it closed soon after 50 ms, got %v", took)
			}
		})
	}
}

// FAULTS 175: connections beyond the places are told so at once, and places come back.
func TestTheServerHasSoManyPlacesAndNoMore(t *testing.T) {
	limits := standard
	limits.admins, limits.refused = 3, 1
	path := serve(t, backend(disabledGate()), limits, nil)
	client := NewClient(path)
	held := make([]net.Conn, limits.admins)
	for i := range held {
		held[i] = dial(t, path)
		io.WriteString(held[i], "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
		if got := readAnswer(t, held[i]); !strings.HasPrefix(got, "200 ") {
			t.Fatalf("place %d: want 200, got %s", i, got)
		}
	}
	_, err := client.Status(t.Context())
	wantError(t, err, "all 3 places on the admin socket are taken\n  hint: end a claimctl that runs elsewhere, such as denials --follow", path)

	silent := dial(t, path) // takes the one place for being told no
	beyond := dial(t, path)
	if n, err := beyond.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("beyond all places: want the connection closed, got %d bytes, %v", n, err)
	}
	silent.Close()
	held[0].Close()
	for start := time.Now(); ; {
		if _, err := client.Status(t.Context()); err == nil {
			return
		}
		if time.Since(start) > 5*time.Second {
			t.Fatalf("the place did not come back within 5 s: %v", err)
		}
		time.Sleep(time.Millisecond)
	}
}

// A reload can take longer than every limit of the connection: it fetches a new provider's keys. Its context must not end
// meanwhile, as it did where the deadline for the request's body went on during the answer.
func TestAnAnswerMayTakeLongerThanEveryLimit(t *testing.T) {
	b := backend(disabledGate())
	b.Reload = func(ctx context.Context) ReloadResult {
		select {
		case <-ctx.Done():
			return ReloadResult{Problem: "the context ended"}
		case <-time.After(4 * hasty.write):
			return ReloadResult{OK: true}
		}
	}
	b.Explain = func(ctx context.Context, _ string, _ *access.Original) access.Explanation {
		return access.Explanation{Allowed: b.Reload(ctx).OK}
	}
	client := NewClient(serve(t, b, hasty, nil))
	if verdict, err := client.Reload(t.Context()); err != nil || !verdict.OK {
		t.Errorf("reload: want OK, got %+v, %v", verdict, err)
	}
	if explanation, err := client.Explain(t.Context(), "a.b.c"); err != nil || !explanation.Allowed {
		t.Errorf("explain: want allowed, got %+v, %v", explanation, err)
	}
}

func TestAClientThatGoesEndsItsRequest(t *testing.T) {
	b := backend(disabledGate())
	asked, ended := make(chan struct{}), make(chan struct{})
	b.Reload = func(ctx context.Context) ReloadResult {
		close(asked)
		<-ctx.Done()
		close(ended)
		return ReloadResult{}
	}
	client := NewClient(serve(t, b, standard, nil))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	client.Reload(ctx)
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("the reload's context did not end")
	}
}

// FAULTS 175: a follower that reads nothing is cut off, and nothing that the daemon decides waits for it.
func TestAFollowerThatReadsNothingIsCutOff(t *testing.T) {
	gate := disabledGate()
	limits := hasty
	limits.admins = 1 // so that the place shows when the follower is gone
	path := serve(t, backend(gate), limits, nil)
	conn := dial(t, path)
	io.WriteString(conn, "GET /v1/denials/follow HTTP/1.1\r\nHost: x\r\n\r\n")
	line, err := bufio.NewReaderSize(conn, 16).ReadString('\n')
	if err != nil || line != "HTTP/1.1 200 OK\r\n" {
		t.Fatalf("want the stream to begin at once, got %q, %v", line, err)
	}
	client := NewClient(path)
	for start := time.Now(); time.Since(start) < 10*time.Second; {
		begun := time.Now()
		for range 100 {
			deny(t, gate)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Fatalf("100 decisions beside a stuck follower took %v", took)
		}
		if _, err := client.Status(t.Context()); err == nil {
			return
		}
	}
	t.Error("the follower still holds its place after 10 s")
}

// FAULTS 176 begins here: what changes the daemon leaves a line with who asked for it; tokens leave none.
func TestWhatAnAdministratorAsksForIsLogged(t *testing.T) {
	log, lines := memoryLog()
	client := NewClient(serve(t, backend(disabledGate()), standard, log))
	client.Reload(t.Context())
	client.RefreshKeys(t.Context(), "contoso")
	client.Explain(t.Context(), "canary.canary.canary")
	got := lines.String()
	for _, want := range []string{`{"msg":"admin socket: reload asked for","uid":`, `{"msg":"admin socket: keys asked for","uid":`} {
		if strings.Count(got, want) != 1 {
			t.Errorf("log: want one line with %s, got\n%s", want, got)
		}
	}
	if strings.Contains(got, "canary") {
		t.Errorf("log: want no token, got\n%s", got)
	}
}

func TestServeTellsWhyTheListenerFailed(t *testing.T) {
	l, err := Listen(filepath.Join(shortDirectory(t), "admin.sock"))
	mustDo(t, err)
	mustDo(t, l.Close())
	if err := NewServer(backend(disabledGate()), nil).Serve(l); err == nil || !strings.Contains(err.Error(), "use of closed network connection") {
		t.Errorf("want the listener's error, got %v", err)
	}
}

func TestServeAfterCloseEndsAtOnce(t *testing.T) {
	l, err := Listen(filepath.Join(shortDirectory(t), "admin.sock"))
	mustDo(t, err)
	server := NewServer(backend(disabledGate()), nil)
	mustDo(t, server.Close())
	mustDo(t, server.Serve(l))
	if _, err := l.Accept(); err == nil {
		t.Error("want the listener closed")
	}
}
