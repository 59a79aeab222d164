package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/reason"
)

func TestTheClientMirrorsTheBackend(t *testing.T) {
	gate := disabledGate()
	b := backend(gate)
	client := NewClient(serve(t, b, standard, nil))
	ctx := t.Context()
	id := deny(t, gate)
	other := deny(t, gate)

	status, err := client.Status(ctx)
	same(t, "status", b.Status(), status, err)
	verdict, err := client.Reload(ctx)
	same(t, "reload", b.Reload(ctx), verdict, err)
	explanation, err := client.Explain(ctx, "a.b.c")
	same(t, "explain", b.Explain(ctx, "a.b.c", nil), explanation, err)
	explanation, err = client.ExplainFor(ctx, "a.b.c", "GET api.example/x?y")
	same(t, "explain of a request", b.Explain(ctx, "a.b.c", &access.Original{Method: "GET", Host: "api.example", Target: "/x?y"}), explanation, err)
	all, err := client.Denials(ctx, "")
	same(t, "denials", b.Denials.List(""), all, err)
	one, err := client.Denials(ctx, id)
	same(t, "one denial", b.Denials.List(id), one, err)
	if len(all) != 2 || len(one) != 1 || one[0].ID != id || all[1].ID != other {
		t.Errorf("denials: want two, oldest first, and one by id; got %v and %v", all, one)
	}
	kept, err := client.Keys(ctx)
	same(t, "keys", b.Keys(), kept, err)
	want, _ := b.RefreshKeys(ctx, "")
	results, err := client.RefreshKeys(ctx, "")
	same(t, "refresh", want, results, err)
}

func TestNoDenialsAreAnEmptyList(t *testing.T) {
	client := NewClient(serve(t, backend(disabledGate()), standard, nil))
	list, err := client.Denials(t.Context(), "no such id")
	if err != nil || list == nil || len(list) != 0 {
		t.Errorf("want an empty list, got %v, %v", list, err)
	}
}

func TestTheDaemonRefusesInWords(t *testing.T) {
	client := NewClient(serve(t, backend(disabledGate()), standard, nil))
	_, err := client.RefreshKeys(t.Context(), "nobody")
	wantError(t, err, `there is no provider "nobody"`, "")
	if refusal, ok := errors.AsType[*Refusal](err); !ok || refusal.Status != 422 {
		t.Errorf("want a Refusal with status 422, got %#v", err)
	}
	_, err = client.ExplainFor(t.Context(), "a.b.c", "no request")
	if refusal, ok := errors.AsType[*Refusal](err); !ok || refusal.Status != http.StatusUnprocessableEntity ||
		refusal.Problem != `want a method and a path, as in "GET /api/x" or "GET api.contoso.example/api/x", got "no request"` {
		t.Errorf("explain of no request: got %v", err)
	}
	_, err = client.Explain(t.Context(), strings.Repeat("a", MaxToken+1))
	wantError(t, err, "the token is larger than 64 KiB", "")
	_, err = client.Explain(t.Context(), strings.Repeat("\x01", 2*MaxToken))
	wantError(t, err, "the request is larger than 385 KiB", "")
	if explanation, err := client.Explain(t.Context(), strings.Repeat("\x01", MaxToken)); err != nil || explanation.Sentence != "65536 bytes" {
		t.Errorf("the largest token: want it explained, got %q, %v", explanation.Sentence, err)
	}
}

func TestTheClientSaysWhatToDoWhereNoDaemonAnswers(t *testing.T) {
	tests := map[string]func(t *testing.T, path string){
		"nothing there":         func(*testing.T, string) {},
		"a stale socket":        leaveStaleSocket,
		"a file, not a socket":  func(t *testing.T, path string) { mustDo(t, os.WriteFile(path, nil, 0o600)) },
		"a link that leads off": func(t *testing.T, path string) { mustDo(t, os.Symlink("/nowhere/at/all", path)) },
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(shortDirectory(t), "admin.sock")
			prepare(t, path)
			_, err := NewClient(path).Status(t.Context())
			wantError(t, err, "no claimd answers on "+path+
				"\n  hint: systemctl status claimd; if it runs, it listens on another socket: --socket PATH", "PATH")
			if !errors.Is(err, ErrNoDaemon) {
				t.Errorf("want ErrNoDaemon wrapped, got %v", err)
			}
			err = NewClient(path).FollowDenials(t.Context(), nil)
			if !errors.Is(err, ErrNoDaemon) {
				t.Errorf("follow: want ErrNoDaemon wrapped, got %v", err)
			}
		})
	}
}

func TestTheClientSaysWhatIsWrongWithAnAnswer(t *testing.T) {
	tests := map[string]struct{ answer, want string }{
		"closed at once":       {"", "claimd closed the connection on PATH without an answer\n  hint: systemctl status claimd"},
		"cut short":            {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "claimd closed the connection on PATH without an answer\n  hint: systemctl status claimd"},
		"no JSON":              {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "no sensible answer on PATH: invalid character 'h' looking for beginning of value"},
		"another service":      {"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nhi", "what answers on PATH is not claimd: it says 404 Not Found"},
		"a redirect elsewhere": {"HTTP/1.1 302 Found\r\nLocation: http://example.com/\r\nContent-Length: 0\r\n\r\n", "what answers on PATH is not claimd: it says 302 Found"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(shortDirectory(t), "admin.sock")
			answerWith(t, path, test.answer)
			_, err := NewClient(path).Status(t.Context())
			wantError(t, err, test.want, path)
		})
	}
}

// answerWith answers each connection on path with the text and closes it.
func answerWith(t *testing.T, path, text string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	mustDo(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Read(make([]byte, 4096))
			conn.Write([]byte(text))
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
}

func TestTheClientWaitsNoLongerThanItSays(t *testing.T) {
	path := filepath.Join(shortDirectory(t), "admin.sock")
	listenUntilEnd(t, "unix", path) // connects, and never answers
	_, err := call[Status](t.Context(), NewClient(path), 20*time.Millisecond, "GET", "/v1/status", nil)
	wantError(t, err, "claimd did not answer within 20ms: context deadline exceeded", path)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewClient(path).Status(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("after Ctrl-C: want context.Canceled, got %v", err)
	}
	if err := NewClient(path).FollowDenials(ctx, nil); err != nil {
		t.Errorf("follow after Ctrl-C: want nil, got %v", err)
	}
}

func TestFollowGivesFurtherDenialsUntilItsContextEnds(t *testing.T) {
	gate := disabledGate()
	client := NewClient(serve(t, backend(gate), standard, nil))
	deny(t, gate) // before: not among them
	ctx, cancel := context.WithCancel(t.Context())
	followed, done := make(chan access.Denial), make(chan error)
	go func() {
		done <- client.FollowDenials(ctx, func(d access.Denial) {
			select {
			case followed <- d:
			case <-ctx.Done():
			}
		})
	}()
	first := denyUntilFollowed(t, gate, followed)
	if first.Reason != reason.Disabled || first.ID == "" {
		t.Errorf("want a denial with its reason and id, got %+v", first)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("want nil after the context's end, got %v", err)
	}
}

// denyUntilFollowed makes denials until one arrives: only then is it certain that the client follows.
func denyUntilFollowed(t *testing.T, gate *access.Gate, followed <-chan access.Denial) access.Denial {
	t.Helper()
	deadline := time.After(5 * time.Second)
	for {
		deny(t, gate)
		select {
		case denial := <-followed:
			return denial
		case <-deadline:
			t.Fatal("no denial arrived within 5 s")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestFollowEndsWithAnErrorWhereTheDaemonDoes(t *testing.T) {
	gate := disabledGate()
	path := filepath.Join(shortDirectory(t), "admin.sock")
	l, err := Listen(path)
	mustDo(t, err)
	server := NewServer(backend(gate), nil)
	served, done := make(chan error), make(chan error)
	go func() { served <- server.Serve(l) }()
	followed := make(chan access.Denial, 1000)
	go func() { done <- NewClient(path).FollowDenials(t.Context(), func(d access.Denial) { followed <- d }) }()
	denyUntilFollowed(t, gate, followed)
	mustDo(t, server.Close())
	mustDo(t, <-served)
	wantError(t, <-done, "claimd closed the connection: it was stopped or restarted, or cut off a reader that was too slow", "")
}

// same compares what came through the socket with what the backend gave.
func same(t *testing.T, what string, want, got any, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	wantText, _ := json.Marshal(want)
	gotText, _ := json.Marshal(got)
	if string(wantText) != string(gotText) {
		t.Errorf("%s\nwant %s\ngot  %s", what, wantText, gotText)
	}
}
