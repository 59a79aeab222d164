package daemon_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/directory"
	"github.com/claimd/claimd/daemon/entratest"
)

// A stream through the proxy of a running claimd ends by itself: after its token, when the user is switched off in the
// directory, and when a save takes the client away. How soon is for the log of the test: the host may be starved.
func TestStreamsEndWithWhatLetThemIn(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: hello\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer api.Close()
	w := &world{shared: map[plan]*claimd{}, contoso: startTenant(t, people(contosoTenant))}
	before := plan{provider: "clock_skew = \"0s\"", more: "[proxy]\nlisten = [\"127.0.0.1:0\"]\nupstream = \"" + api.URL + "\"\n"}
	c := w.own(t, before)
	open := func(token string) (net.Conn, *bufio.Reader) {
		connection, err := net.Dial("tcp", strings.TrimPrefix(c.proxy, "http://"))
		must(t, err)
		must(t, connection.SetDeadline(time.Now().Add(30*time.Second)))
		_, err = io.WriteString(connection, "GET /events HTTP/1.1\r\nHost: api.example\r\nAuthorization: Bearer "+token+"\r\n\r\n")
		must(t, err)
		reader := bufio.NewReader(connection)
		for line := ""; !strings.HasPrefix(line, "data: "); {
			line, err = reader.ReadString('\n')
			must(t, err)
			if strings.Contains(line, `"reason"`) {
				t.Fatal(line)
			}
		}
		return connection, reader
	}
	ends := func(story string, reader *bufio.Reader, since time.Time) {
		t.Helper()
		if _, err := io.ReadAll(reader); isTimeout(err) {
			t.Errorf("%s: the stream goes on", story)
		}
		t.Logf("%s: ended after %v", story, time.Since(since).Round(10*time.Millisecond))
	}
	expires := time.Now().Add(2 * time.Second).Truncate(time.Second)
	short := w.mint(t, w.contoso, entratest.Request{User: "ada", Issued: expires.Add(-time.Hour), Lifetime: time.Hour})
	first, ofShort := open(short)
	defer first.Close()
	second, ofAda := open(w.ada(t, nil))
	defer second.Close()
	ends("the token's end", ofShort, expires)
	now := time.Now()
	c.act(t, directory.Deactivate, "contoso", adaObject)
	ends("users deactivate", ofAda, now)
	c.act(t, directory.Activate, "contoso", adaObject)
	third, again := open(w.ada(t, nil))
	defer third.Close()
	now = time.Now()
	before.provider += "\nclient_application_ids = []"
	c.reload(t, before)
	ends("a reload", again, now)
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}
