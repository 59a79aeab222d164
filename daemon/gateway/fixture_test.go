package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
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
	exportApp  = "a1f75c38-62de-4b90-8d43-0be9c7248f15"
	analysts   = "6d3a91f0-b54c-4e27-8a19-c20f6b7e58d4"
	reader     = "d07e53a8-29f4-4b1c-a5d6-6c81e90f7b42"
)

func TestMain(m *testing.M) {
	code := m.Run()
	tenant().Close()
	err := goleak.Find()
	for range 3 { // net/http lingers half a second on a connection whose body it did not read
		if err != nil {
			err = goleak.Find()
		}
	}
	if code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// tenant serves all tests.
var tenant = sync.OnceValue(func() *entratest.Tenant {
	t, err := entratest.Start(entratest.Sample())
	if err != nil {
		panic(err)
	}
	return t
})

func mint(t *testing.T, request entratest.Request) string {
	t.Helper()
	raw, err := tenant().Mint(request)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// newGate makes a gate whose configuration lets the desktop app in and knows the group Analysts; change edits it.
func newGate(t testing.TB, change func(*config.Config)) *access.Gate {
	t.Helper()
	cfg := &config.Config{
		Enabled: true,
		Providers: []config.Provider{{
			Name: "contoso", TenantID: entratest.Sample().TenantID, ApplicationID: apiID, Authority: tenant().URL(),
			ClientApplicationIDs: []string{desktopApp}, ClockSkew: time.Minute, Guests: config.GuestsAllow,
			Claims: config.ClaimNames{User: "oid", Email: "email", FirstName: "given_name", LastName: "family_name", Groups: "groups"},
		}},
		Mapping: config.Mapping{CaseSensitive: true},
		Groups:  []config.Local{{Name: "Analysts", Values: []string{analysts}}},
		Server: config.Server{Headers: config.Headers{
			User: "Remote-User", Email: "Remote-Email", Name: "Remote-Name", Groups: "Remote-Groups",
			Roles: "Remote-Roles", Admin: "Remote-Admin", Provider: "Remote-Provider",
		}},
	}
	if change != nil {
		change(cfg)
	}
	ring := keys.NewRing(keys.Options{})
	t.Cleanup(ring.Close)
	providers := map[string]*keys.Provider{}
	for _, p := range cfg.Providers {
		providers[p.Name] = ring.Open(keys.Source{Name: p.Name, Authority: p.Authority, Tenant: p.TenantID, ApplicationID: p.ApplicationID})
		if err := providers[p.Name].Refresh(context.Background()); err != nil && p.Name != "unreachable" {
			t.Fatal(err)
		}
	}
	policy, faults := mapping.Compile(cfg.Rules())
	if policy == nil {
		t.Fatal(faults)
	}
	return access.NewGate(access.Compile(cfg, policy, providers, 1), access.Options{})
}

// serve gives the address of a door with the limits of the real one.
func serve(t *testing.T, gate *access.Gate) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := gateway.NewFront(gate, gateway.NewServer(gateway.Handler(gate)), nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(gateway.Raw(listener))
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	return listener.Addr().String()
}

// speak writes text to the door as it is and gives everything that comes back until the door closes.
func speak(t *testing.T, address, text string) string {
	t.Helper()
	connection, err := net.Dial("tcp", address)
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

// statuses gives the status codes of all answers in the text.
func statuses(t *testing.T, text string) []int {
	t.Helper()
	var codes []int
	reader := bufio.NewReader(strings.NewReader(text))
	for {
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return codes
		}
		codes = append(codes, response.StatusCode)
		_, _ = io.Copy(io.Discard, response.Body)
	}
}
