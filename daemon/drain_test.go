package daemon

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// A connection was accepted just before the door closed, and its request came just after: net/http's Shutdown drops it.
func TestARequestOnAConnectionThatWasAcceptedIsAnswered(t *testing.T) {
	s := newSite(t)
	s.pace.grace = 0
	s.write(s.toml(s.listen(), `listen = ["127.0.0.1:0"]`))
	s.start()
	token := s.token()
	address := s.status().Listeners[0].Address
	accepted, err := net.Dial("tcp", address)
	mustDo(t, err)
	defer accepted.Close()
	half, err := net.Dial("tcp", address)
	mustDo(t, err)
	defer half.Close()
	_, err = fmt.Fprint(half, "GET /auth HTTP/1.1\r\nHost: api\r\n")
	mustDo(t, err)
	time.Sleep(50 * time.Millisecond) // both are accepted
	ended := make(chan error, 1)
	go func() { ended <- s.end() }()
	eventually(t, func() (string, bool) {
		probe, err := net.Dial("tcp", address)
		if err == nil {
			probe.Close()
		}
		return "the door is still open", err != nil
	})
	_, err = fmt.Fprintf(accepted, "GET /auth HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer %s\r\n\r\n", token)
	mustDo(t, err)
	_, err = fmt.Fprintf(half, "Authorization: Bearer %s\r\n\r\n", token)
	mustDo(t, err)
	for name, connection := range map[string]net.Conn{"accepted": accepted, "half a header": half} {
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if response.StatusCode != http.StatusOK || !response.Close {
			t.Errorf("%s: %s, want 200 and Connection: close", name, response.Status)
		}
		response.Body.Close()
	}
	mustDo(t, <-ended)
}

// A gateway that keeps connections is told to leave them while claimd still accepts, and /readyz says to go elsewhere.
func TestADoorThatClosesSaysSoFirst(t *testing.T) {
	s := newSite(t)
	s.pace.grace, s.pace.drain = 2*time.Second, 20*time.Second
	s.write(s.toml(s.listen(), `listen = ["127.0.0.1:0"]`))
	s.start()
	token := s.token()
	address := s.status().Listeners[0].Address
	kept, err := net.Dial("tcp", address)
	mustDo(t, err)
	defer kept.Close()
	reader := bufio.NewReader(kept)
	ask := func(path string) *http.Response {
		_, err := fmt.Fprintf(kept, "GET %s HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer %s\r\n\r\n", path, token)
		mustDo(t, err)
		response, err := http.ReadResponse(reader, nil)
		mustDo(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		mustDo(t, err)
		return response
	}
	eventually(t, func() (string, bool) { r := ask("/readyz"); return r.Status, r.StatusCode == http.StatusOK })
	ended := make(chan error, 1)
	go func() { ended <- s.end() }()
	fresh := func() {
		next, err := net.Dial("tcp", address)
		mustDo(t, err)
		t.Cleanup(func() { next.Close() })
		kept, reader = next, bufio.NewReader(next)
	}
	eventually(t, func() (string, bool) {
		r := ask("/readyz")
		if r.Close {
			fresh()
		}
		return "readyz: " + r.Status + ", want 503 and Connection: close", r.StatusCode == http.StatusServiceUnavailable && r.Close
	})
	if r := ask("/auth"); r.StatusCode != http.StatusOK || !r.Close {
		t.Errorf("a new connection: %s, close %v, want 200 and Connection: close", r.Status, r.Close)
	}
	mustDo(t, <-ended)
}

// Whoever says nothing is not waited for as long as a request under way: strangers must not hold up a restart.
func TestASilentConnectionDoesNotHoldUpTheEnd(t *testing.T) {
	s := newSite(t)
	s.pace.unasked, s.pace.drain = 100*time.Millisecond, time.Minute
	s.write(s.toml())
	s.start()
	silent, err := net.Dial("unix", s.gate())
	mustDo(t, err)
	defer silent.Close()
	time.Sleep(20 * time.Millisecond)
	began := time.Now()
	mustDo(t, s.end())
	if took := time.Since(began); took < 100*time.Millisecond || took > 5*time.Second {
		t.Errorf("ended after %s, want 100ms", took)
	}
	if s.logged("requests were cut off") != 0 {
		t.Error("no request was cut off")
	}
}
