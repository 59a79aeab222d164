package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/daemon/gateway"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/mapping"
)

// Of the sample directory.
const (
	apiID      = "c8d14e02-7b6a-4f39-9e51-2a84f06d73bc"
	desktopApp = "3e90b7d5-4c12-4a8f-b06e-d7f1529a8c64"
	analysts   = "6d3a91f0-b54c-4e27-8a19-c20f6b7e58d4"
	reader     = "d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(untilTheTenantCloses{m}) }

type untilTheTenantCloses struct{ *testing.M }

func (m untilTheTenantCloses) Run() int {
	defer func() { tenant().Close() }()
	return m.M.Run()
}

// tenant serves all tests.
var tenant = sync.OnceValue(func() *entratest.Tenant {
	t, err := entratest.Start(entratest.Sample())
	if err != nil {
		panic(err)
	}
	return t
})

func mint(t *testing.T, user string) string {
	t.Helper()
	raw, err := tenant().Mint(entratest.Request{User: user})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// newGate makes a gate that knows the reader as one of the Analysts.
func newGate(t testing.TB, proxy config.Proxy) *access.Gate {
	t.Helper()
	return changedGate(t, proxy, func(*config.Config) {})
}

// changedGate is newGate with a configuration that change edits.
func changedGate(t testing.TB, proxy config.Proxy, change func(*config.Config)) *access.Gate {
	t.Helper()
	provider := config.Provider{
		Name: "contoso", TenantID: entratest.Sample().TenantID, ApplicationID: apiID, Authority: tenant().URL(),
		ClientApplicationIDs: []string{desktopApp}, Guests: config.GuestsAllow,
		Claims: config.ClaimNames{User: "oid", Email: "email", FirstName: "given_name", LastName: "family_name", Groups: "groups"},
	}
	headers := config.Headers{
		User: "Remote-User", Email: "Remote-Email", Name: "Remote-Name", Groups: "Remote-Groups",
		Roles: "Remote-Roles", Admin: "Remote-Admin", Provider: "Remote-Provider",
	}
	cfg := &config.Config{
		Enabled: true, Providers: []config.Provider{provider}, Groups: []config.Local{{Name: "Analysts", Values: []string{analysts}}},
		Server: config.Server{Headers: headers}, Proxy: proxy,
	}
	change(cfg)
	policy, faults := mapping.Compile(cfg.Rules())
	if policy == nil {
		t.Fatal(faults)
	}
	ring := keys.NewRing(keys.Options{})
	t.Cleanup(ring.Close)
	opened := ring.Open(keys.Source{Name: provider.Name, Authority: provider.Authority, Tenant: provider.TenantID, ApplicationID: apiID})
	if err := opened.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return access.NewGate(access.Compile(cfg, policy, map[string]*keys.Provider{provider.Name: opened}, 1), access.Options{})
}

// api is an API that keeps the last request as it came over the wire, and answers as told.
type api struct {
	address string
	mu      sync.Mutex
	seen    []string
	answer  string
}

// startAPI listens on network and answers each request with answer, closing its connection.
func startAPI(t *testing.T, network, address, answer string) *api {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	a := &api{address: listener.Addr().String(), answer: answer}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			a.serve(connection)
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	return a
}

func (a *api) serve(connection net.Conn) {
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(5 * time.Second))
	reader := bufio.NewReader(connection)
	var text strings.Builder
	request, err := http.ReadRequest(bufio.NewReader(io.TeeReader(reader, &text)))
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, request.Body)
	a.mu.Lock()
	a.seen = append(a.seen, text.String())
	a.mu.Unlock()
	_, _ = io.WriteString(connection, a.answer)
}

// last gives the last request as it came; "" = none did.
func (a *api) last() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.seen) == 0 {
		return ""
	}
	return a.seen[len(a.seen)-1]
}

// serve gives the address of the proxy with the limits of the real one.
func serve(t testing.TB, handler http.Handler) string {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.Config = gateway.NewServer(handler)
	server.Start()
	t.Cleanup(func() {
		_ = server.Config.Close() // cuts off what is still under way
		server.Close()
	})
	return server.Listener.Addr().String()
}

// speak writes text to the proxy as it is and gives everything that comes back until it closes.
func speak(t *testing.T, address, text string) string {
	t.Helper()
	return speakOver(t, "tcp", address, text)
}

func speakOver(t *testing.T, network, address, text string) string {
	t.Helper()
	connection, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(connection, text); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(connection)
	if err != nil && len(answer) == 0 {
		t.Fatal(err)
	}
	return string(answer)
}

// http1 is a request with the final line that has the door close the connection after it.
func http1(lines ...string) string {
	return strings.Join(lines, "\r\n") + "\r\nHost: claimd\r\nConnection: close\r\n\r\n"
}

var (
	decisionID = regexp.MustCompile(`[a-z2-7]{8}-[0-9]+`)
	dateLine   = regexp.MustCompile(`(?m)^Date: .*\r\n`)
)

// golden makes an answer comparable: without its date, with ID for the decision's id, and \n for line ends.
func golden(answer string) string {
	answer = dateLine.ReplaceAllString(answer, "")
	answer = decisionID.ReplaceAllString(answer, "ID")
	return strings.ReplaceAll(answer, "\r\n", "\n")
}
