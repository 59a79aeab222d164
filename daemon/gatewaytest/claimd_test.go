package gatewaytest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/entratest"
	"github.com/claimd/claimd/etc/gateways"
)

// claimd is a real daemon in this process, at the same addresses each time it runs.
type claimd struct {
	t      *testing.T
	dir    string
	file   string
	server string // 127.0.0.1:port, where gateways ask
	proxy  string // where claimd proxies
	stop   func()
}

// routes decide in all tests. Nobody is let in to /admin/ but Operators, and to POST /reports/ but administrators.
const routes = `
[[route]]
match = "/"
groups = ["Analysts"]
[[route]]
match = "/admin/"
groups = ["Operators"]
[[route]]
match = "GET /reports/"
groups = ["Analysts"]
[[route]]
match = "/reports/"
groups = ["Operators"]
[[route]]
match = "/open/"
public = true
[[route]]
match = "inner.example/"
groups = ["Operators"]
[[route]]
match = "inner.example/open/"
groups = ["Operators"]
[[route]]
match = "/crowd"
`

// newClaimd writes the files of a claimd for the gateway, and does not start it.
func newClaimd(t *testing.T, tenant *entratest.Tenant, gateway gateways.Gateway, api string) *claimd {
	t.Helper()
	dir, err := os.MkdirTemp("", "claimd") // not t.TempDir: a unix socket's path has room for 107 bytes
	must(t, err, os.Chmod(dir, 0o711))     // Apache's own user gets to the sockets
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	c := &claimd{t: t, dir: dir, file: filepath.Join(dir, "claimd.toml"), server: freeAddress(t), proxy: freeAddress(t), stop: func() {}}
	must(t, os.Mkdir(filepath.Join(dir, "run"), 0o700))
	family := gateway.Family
	if family == "" {
		family = "x-original"
	}
	many := ""
	for _, id := range manyGroups() {
		many += id + " = \"\"\n"
	}
	text := `enabled = true
[provider.contoso]
tenant_id = "` + tenantID + `"
application_id = "` + apiID + `"
client_application_ids = ["` + clientID + `"]
authority = "` + tenant.URL() + `"
[server]
listen = ["` + c.server + `", "unix:` + dir + `/server.sock"]
socket_mode = "0666"
trusted_proxies = ["127.0.0.1/32", "unix"]
original_request = "` + family + `"
[proxy]
listen = ["` + c.proxy + `", "unix:` + dir + `/proxy.sock"]
upstream = "http://` + api + `"
[admin]
socket = "` + dir + `/run/admin.sock"
[state]
directory = "` + dir + `/state"
[groups]
Analysts = ""
Operators = ""
` + many + "[roles]\n" + many + routes
	must(t, os.WriteFile(c.file, []byte(text), 0o600))
	t.Cleanup(func() { c.stop() })
	return c
}

// start runs the daemon until stop, and waits until it is ready.
func (c *claimd) start() {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- daemon.Run(ctx, daemon.Options{ConfigPath: c.file, Version: "test", Log: zap.NewNop()})
	}()
	c.stop = func() {
		c.stop = func() {}
		cancel()
		if err := <-done; err != nil {
			c.t.Errorf("claimd ended with %v", err)
		}
	}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for limit := time.Now().Add(30 * time.Second); time.Now().Before(limit); time.Sleep(10 * time.Millisecond) {
		response, err := client.Get("http://" + c.server + "/readyz")
		if err != nil {
			continue
		}
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return
		}
	}
	c.t.Fatalf("claimd is not ready after 30 s")
}

// leaveOut has claimd leave out an identity header, until the function that it gives is called.
func (c *claimd) leaveOut(key string) (end func()) {
	c.t.Helper()
	text, err := os.ReadFile(c.file)
	must(c.t, err)
	c.save(string(text) + "[server.headers]\n" + key + " = \"\"\n")
	return func() { c.save(string(text)) }
}

// save saves the configuration, and waits until claimd has taken it up.
func (c *claimd) save(text string) {
	c.t.Helper()
	must(c.t, os.WriteFile(c.file, []byte(text), 0o600))
	client := admin.NewClient(filepath.Join(c.dir, "run", "admin.sock"))
	result, err := client.Reload(c.t.Context())
	must(c.t, err)
	if !result.OK {
		c.t.Fatalf("claimd does not take the file: %+v", result)
	}
}

// hang puts something in the daemon's place that takes requests and never answers, until the function is called.
func (c *claimd) hang() (end func()) {
	c.t.Helper()
	c.stop()
	var open []net.Listener
	for _, address := range []string{c.server, c.proxy} {
		listener, err := net.Listen("tcp", address)
		must(c.t, err)
		open = append(open, listener)
	}
	return func() {
		for _, listener := range open {
			_ = listener.Close() // nothing was kept
		}
	}
}

// freeAddress gives an address that nobody listens on, with a port that the kernel gives to nobody who asks for any.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 11000+rand.IntN(20000))
		listener, err := net.Listen("tcp", address)
		if err == nil {
			must(t, listener.Close())
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// identityNames are the headers that claimd sets, by their keys.
func identityNames() []string {
	var names []string
	for _, header := range gateways.Shipped() {
		names = append(names, header.Name)
	}
	return names
}

// fold gives what all spellings of a header's name have in common.
func fold(name string) string {
	return strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name))
}
