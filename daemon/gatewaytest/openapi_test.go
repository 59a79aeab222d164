package gatewaytest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/etc/gateways"
)

// openAPI is an API that answers every method with 200, CONNECT too, and switches to HTTP/2 where an Upgrade asks for
// it. It goes on reading requests on the same connection, as any HTTP/1.1 server does.
type openAPI struct {
	address string
	mu      sync.Mutex
	all     []*http.Request
}

func startOpenAPI(t *testing.T) *openAPI {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	a := &openAPI{address: listener.Addr().String()}
	var running sync.WaitGroup
	var open []net.Conn
	running.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				for _, connection := range open {
					_ = connection.Close() // nobody asks any more
				}
				return
			}
			open = append(open, connection)
			running.Go(func() { a.serve(connection) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	return a
}

func (a *openAPI) serve(connection net.Conn) {
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(2 * time.Second)) // the longest that an idle connection is kept
	reader := bufio.NewReader(connection)
	for {
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, request.Body)
		a.mu.Lock()
		a.all = append(a.all, request)
		a.mu.Unlock()
		for _, word := range strings.Split(strings.Join(request.Header["Upgrade"], ","), ",") {
			if strings.TrimSpace(word) == "h2c" {
				_, _ = io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
			}
		}
		answer := "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
		if request.Method == http.MethodConnect {
			answer = "HTTP/1.1 200 OK\r\n\r\n"
		}
		_, _ = io.WriteString(connection, answer)
	}
}

// forged gives the requests that reached the API with an identity that claimd did not give, a while after the last that
// could bring one was sent.
func (a *openAPI) forged() []string {
	time.Sleep(100 * time.Millisecond)
	var found []string
	for _, r := range a.reached() {
		for name, values := range r.Header {
			if strings.Contains(strings.Join(values, ","), "root") {
				found = append(found, fmt.Sprintf("%s %s with %s: %q", r.Method, r.RequestURI, name, values))
			}
		}
	}
	return found
}

// utter sends a text, and after the first bytes of an answer another one, and gives what comes back, each within a fifth of
// a second.
func utter(address string, texts ...string) string {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		return err.Error()
	}
	defer connection.Close()
	got := ""
	for _, text := range texts {
		_, _ = io.WriteString(connection, text) // a gateway may have closed
		buffer := make([]byte, 4096)
		_ = connection.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		n, _ := connection.Read(buffer)
		got += string(buffer[:n]) + "|"
	}
	return got
}

// reached gives the requests so far.
func (a *openAPI) reached() []*http.Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.all)
}

// inner is a request that claimd is not asked about, if it gets through.
const inner = "GET /admin/a HTTP/1.1\r\nHost: api.example\r\nRemote-User: root\r\nRemote-Groups: Operators\r\n\r\n"

// openStage is a gateway of this host in front of an openAPI, with ada's token.
func openStage(t *testing.T, name string, routed bool) (s *stage, api *openAPI, token string) {
	t.Helper()
	programs()[name].path(t)
	tenant := startTenant(t)
	token, err := tenant.Mint(entratest.Request{User: "ada", Lifetime: 2 * time.Hour})
	must(t, err)
	gateway, _ := gateways.Find(name)
	api = startOpenAPI(t)
	s = &stage{t: t, promise: promise{name: name}, claimd: newClaimd(t, tenant, gateway, api.address)}
	if !routed {
		text, err := os.ReadFile(s.claimd.file)
		must(t, err, os.WriteFile(s.claimd.file, []byte(strings.Replace(string(text), routes, "", 1)), 0o600))
	}
	s.claimd.start()
	return s, api, token
}
