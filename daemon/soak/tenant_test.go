package soak

import (
	"bufio"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/entratest"
)

// Of the directory of every rig's tenant.
const (
	tenantID  = "8c2e5a17-40d9-4f6b-b3a8-d17f90e64c25"
	apiID     = "f1b7d3c6-92a4-4e08-8d5f-3c60ea79b214"
	deskApp   = "27d94e0b-c8f3-41a6-9e7d-b50f1682ac39" // every configuration of a rig lets it call
	firstApp  = "4fa06c82-1e5d-4b97-a3c8-960d7be251f4"
	secondApp = "9d3b815e-f7c2-4064-8ea1-2f5c70d948b6"
	adaID     = "b6e1f490-5d38-42c7-90ab-e84d13c7f562"
	bobID     = "03c5d9a8-7b64-4e1f-86d2-a97f40b3e51c"
	analysts  = "e5907b3d-16fc-4a82-b4d0-7c28f3e96a15" // Ada's and Bob's
	operators = "5a8c06f1-e3b7-4d29-9f14-8b60d2c7e3a9" // Ada's
)

const directoryText = `tenant_id = "` + tenantID + `"
[[api]]
application_id = "` + apiID + `"
name = "API"
requested_access_token_version = 2
scopes = ["read"]
lifetime_seconds = 36000
optional_claims = ["email", "given_name", "family_name"]
[[client]]
application_id = "` + deskApp + `"
name = "Desk app"
[[client]]
application_id = "` + firstApp + `"
name = "First app"
[[client]]
application_id = "` + secondApp + `"
name = "Second app"
[[user]]
name = "ada"
object_id = "` + adaID + `"
email = "ada@contoso.example"
first_name = "Ada"
last_name = "Lovelace"
groups = ["` + analysts + `", "` + operators + `"]
[[user]]
name = "bob"
object_id = "` + bobID + `"
email = "bob@contoso.example"
groups = ["` + analysts + `"]
`

// tenant is the fake Entra ID tenant of a rig. All methods may be called at once but listen, refuse and close.
type tenant struct {
	t         *testing.T
	authority string            // no final slash
	inside    *entratest.Tenant // nil: the tenant is a process of its own

	address string // of inside
	server  *http.Server
	served  chan struct{} // closed when server has ended
}

// newTenant serves a tenant from this process until the test ends.
func newTenant(t *testing.T) *tenant {
	t.Helper()
	directory, err := entratest.ReadDirectory([]byte(directoryText))
	must(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	a := &tenant{t: t, address: listener.Addr().String(), authority: "http://" + listener.Addr().String()}
	a.inside, err = entratest.New(directory, a.authority)
	must(t, err)
	a.serve(listener)
	t.Cleanup(a.refuse)
	return a
}

func (a *tenant) serve(listener net.Listener) {
	a.server = &http.Server{
		Handler: a.inside.Handler(), ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: log.New(io.Discard, "", 0), // claimd cuts off what hangs, and refuses certificates
	}
	a.served = make(chan struct{})
	go func(server *http.Server, served chan struct{}) {
		defer close(served)
		_ = server.Serve(listener) // ends with ErrServerClosed
	}(a.server, a.served)
}

// refuse closes the tenant's address: connections are refused until listen. Twice is once.
func (a *tenant) refuse() {
	if a.server == nil {
		return
	}
	_ = a.server.Close()
	<-a.served
	a.server = nil
}

// listen opens the address again after refuse.
func (a *tenant) listen() {
	a.t.Helper()
	if a.server != nil {
		return
	}
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		listener, err := net.Listen("tcp", a.address)
		if err == nil {
			a.serve(listener)
			return
		}
		if time.Now().After(limit) {
			a.t.Fatal(err)
		}
	}
}

// newTenantApart runs fakeentra as a process of its own, so that neither its CPU time nor its memory is this one's.
func newTenantApart(t *testing.T) *tenant {
	t.Helper()
	file := filepath.Join(t.TempDir(), "directory.toml")
	must(t, os.WriteFile(file, []byte(directoryText), 0o600))
	command := exec.Command(program(t, "fakeentra"), "serve", "--listen", "127.0.0.1:0", "--directory", file)
	out, err := command.StdoutPipe()
	must(t, err, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		_ = command.Wait()
	})
	a := &tenant{t: t}
	for lines := bufio.NewScanner(out); a.authority == "" && lines.Scan(); {
		if authority, ok := strings.CutPrefix(lines.Text(), "authority  "); ok {
			a.authority = authority
		}
	}
	if a.authority == "" {
		t.Fatal("fakeentra says no authority")
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // until the process ends
	return a
}

// mint signs a token. A tenant of a process of its own knows of the request's User, Client, Version and Lifetime only.
func (a *tenant) mint(request entratest.Request) string {
	a.t.Helper()
	if a.inside != nil {
		token, err := a.inside.Mint(request)
		must(a.t, err)
		return token
	}
	form := url.Values{"user": {request.User}}
	if request.Client != "" {
		form.Set("client", request.Client)
	}
	if request.Lifetime != 0 {
		form.Set("lifetime", request.Lifetime.String())
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	a.post("/"+tenantID+"/fakeentra/mint", "application/x-www-form-urlencoded", form.Encode(), &answer)
	return answer.Token
}

// rotate has a new key sign from now on, and gives its id. It takes this process a tenth of a second or more.
func (a *tenant) rotate() string {
	a.t.Helper()
	if a.inside != nil {
		return a.inside.Rotate()
	}
	var answer struct{ Kid string }
	a.post("/fakeentra/rotate", "", "", &answer)
	return answer.Kid
}

// misbehave sets the faults; the zero value ends them. A tenant of a process of its own knows no Rewrite.
func (a *tenant) misbehave(faults entratest.Faults) {
	a.t.Helper()
	if a.inside != nil {
		a.inside.SetFaults(faults)
		return
	}
	body, err := json.Marshal(map[string]any{"status": faults.Status, "delay": faults.Delay.String()})
	must(a.t, err)
	a.post("/fakeentra/faults", "application/json", string(body), nil)
}

func (a *tenant) post(path, kind, body string, answer any) {
	a.t.Helper()
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Post(a.authority+path, kind, strings.NewReader(body))
	must(a.t, err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		a.t.Fatalf("the tenant answers %s to %s", response.Status, path)
	}
	if answer != nil {
		must(a.t, json.NewDecoder(response.Body).Decode(answer))
	}
}
