package daemon_test

import (
	"bufio"
	"cmp"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
)

// edge is what the cases share: a claimd with its gateway's door and its proxy, the API behind the proxy, and a token of
// Ada's.
type edge struct {
	*world
	c      *claimd
	api    *wireAPI
	token  string
	bearer string        // Ada's Authorization field
	slow   []*slowClient // clients that keep the doors waiting
	routes *claimd       // another claimd, with routes (cve_edge_routes_test.go)
}

func newEdge(t *testing.T) *edge {
	t.Helper()
	e := &edge{world: &world{shared: map[plan]*claimd{}, contoso: startTenant(t, people(contosoTenant))}, api: startWireAPI(t)}
	e.c = e.own(t, plan{}.before(e.api))
	e.routes = e.own(t, withRoutes().before(e.api))
	e.token = e.ada(t, nil)
	e.bearer = "Authorization: Bearer " + e.token
	return e
}

// at is the same edge with another claimd.
func (e *edge) at(c *claimd) *edge { return &edge{e.world, c, e.api, e.token, e.bearer, nil, e.routes} }

// before is the plan with claimd's own proxy in front of the API.
func (p plan) before(api *wireAPI) plan {
	p.more += "[proxy]\nlisten = [\"127.0.0.1:0\"]\nupstream = \"http://" + api.address + "\"\n"
	return p
}

// passes is the verdict on a request that is let in with the identity of Ada and no other.
const passes = "let in as Ada"

// adas are the identity headers of Ada.
var adas = []string{
	"Remote-Admin: false", "Remote-Email: ada@contoso.example", "Remote-Groups: Analysts", "Remote-Name: Ada Lovelace",
	"Remote-Provider: contoso", "Remote-Roles: ", "Remote-User: " + adaObject,
}

// gate sends a request, given by its lines, to the gateway's door and wants this verdict.
func (e *edge) gate(t *testing.T, want string, lines ...string) answer {
	t.Helper()
	return e.gateText(t, want, wire(lines...))
}

// gateText is gate for a request that is written as it is.
func (e *edge) gateText(t *testing.T, want, text string) answer {
	t.Helper()
	a := e.one(t, e.c.gate, text)
	got := a.verdict()
	if a.status == http.StatusOK {
		got = passes
		if identity := identityOf(a.header); !slices.Equal(identity, adas) {
			got = "let in as " + strings.Join(identity, ", ")
		}
	}
	if got != want {
		t.Errorf("/auth, %.200q: %s, want %s", text, got, want)
	}
	if a.status == http.StatusOK || a.reason != "" && !strings.HasPrefix(text, "HEAD ") {
		a.holdContract(t, e.world)
	}
	return a
}

// proxy sends a request, given by its lines, to claimd's proxy and wants this verdict. It gives what the API got of it,
// byte for byte; nothing where it was refused.
func (e *edge) proxy(t *testing.T, want string, lines ...string) string {
	t.Helper()
	return e.proxyText(t, want, wire(lines...))
}

// proxyText is proxy for a request that is written as it is, with its body.
func (e *edge) proxyText(t *testing.T, want, text string) (reached string) {
	t.Helper()
	before := len(e.api.requests())
	a := e.one(t, e.c.proxy, text)
	got := a.verdict()
	switch seen := e.api.requests()[before:]; {
	case a.status == http.StatusOK && len(seen) == 1:
		got, reached = passes, seen[0]
		if identity := identityOf(headerOf(t, reached)); !slices.Equal(identity, adas) {
			got = "let in as " + strings.Join(identity, ", ")
		}
		if strings.Contains(reached, "root") {
			t.Errorf("the proxy, %.200q: the API got what the attacker wrote:\n%s", text, reached)
		}
	case len(seen) > 0:
		t.Errorf("the proxy, %.200q: answered %s, and the API got %q", text, got, seen)
	}
	if got != want {
		t.Errorf("the proxy, %.200q: %s, want %s", text, got, want)
	}
	if a.reason != "" {
		a.holdContract(t, e.world)
	}
	return reached
}

// both wants this verdict of both doors for the same lines behind the request line.
func (e *edge) both(t *testing.T, want string, lines ...string) {
	t.Helper()
	e.gate(t, want, slices.Concat([]string{"GET /auth HTTP/1.1"}, lines)...)
	e.proxy(t, want, slices.Concat([]string{"GET / HTTP/1.1"}, lines)...)
}

// letsIn is the control: the honest request passes both doors.
func (e *edge) letsIn(t *testing.T) {
	t.Helper()
	e.both(t, passes, e.bearer)
}

// one gives the answer to a request, which must be the only one. It holds nothing that the attackers here write.
func (e *edge) one(t *testing.T, door, text string) answer {
	t.Helper()
	answers := say(t, door, text)
	if len(answers) != 1 {
		t.Fatalf("%.200q: %d answers, want one", text, len(answers))
	}
	for name, values := range answers[0].header {
		if strings.Contains(strings.Join(values, ""), "root") {
			t.Errorf("%.200q: the answer says %s: %q", text, name, values)
		}
	}
	return answers[0]
}

// verdict words an answer: "401 no_token", "404 not_found", or "400 by net/http", which refuses before claimd is asked.
func (a answer) verdict() string {
	var refusal struct{ Error string }
	_ = json.Unmarshal([]byte(a.body), &refusal)
	line := "by net/http"
	if a.status == http.StatusOK {
		line = "OK"
	}
	return strconv.Itoa(a.status) + " " + cmp.Or(a.reason, refusal.Error, line)
}

// wire is a request of these lines, which closes its connection; it is for api.example where no line says otherwise.
func wire(lines ...string) string {
	host, closing := "Host: api.example\r\n", "Connection: close\r\n"
	var text strings.Builder
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		switch strings.ToLower(name) {
		case "host":
			host = ""
		case "connection":
			closing, line = "", name+": close, "+value
		}
		text.WriteString(line + "\r\n")
	}
	return text.String() + host + closing + "\r\n"
}

// say writes text to a door as it is, and gives the answers that come back until the door closes.
func say(t *testing.T, door, text string) []answer {
	t.Helper()
	method, _, _ := strings.Cut(text, " ")
	if method == http.MethodConnect {
		method = http.MethodGet // whose answer may have a body; no door here opens a tunnel
	}
	return sayTo(t, door, text, method)
}

// sayTo is say, where answers are read as those to this method.
func sayTo(t *testing.T, door, text, method string) (answers []answer) {
	t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(door, "http://"))
	must(t, err)
	defer connection.Close()
	must(t, connection.SetDeadline(time.Now().Add(10*time.Second)))
	_, _ = io.WriteString(connection, text) // a door may refuse and close before it has read all
	for reader := bufio.NewReader(connection); ; {
		response, err := http.ReadResponse(reader, &http.Request{Method: method})
		if err != nil {
			return answers
		}
		body, _ := io.ReadAll(response.Body)
		var refusal struct{ Reason string }
		_ = json.Unmarshal(body, &refusal)
		answers = append(answers, answer{response.StatusCode, refusal.Reason, response.Header, string(body)})
	}
}

// identityOf gives all header fields that some server takes for an identity header, as lines in order.
func identityOf(header http.Header) (lines []string) {
	for name, values := range header {
		if strings.HasPrefix(config.FoldHeader(name), "remote-") {
			for _, value := range values {
				lines = append(lines, name+": "+value)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// headerOf gives the header of a request as it came over the wire, each name as it was written.
func headerOf(t *testing.T, request string) http.Header {
	t.Helper()
	head, _, found := strings.Cut(request, "\r\n\r\n")
	if !found {
		t.Fatalf("no header ends in %q", request)
	}
	header := http.Header{}
	for _, line := range strings.Split(head, "\r\n")[1:] {
		name, value, _ := strings.Cut(line, ": ")
		header[name] = append(header[name], value)
	}
	return header
}

// wireAPI is an API that keeps each request as it came over the wire. It answers with the request's target.
type wireAPI struct {
	address string
	mu      sync.Mutex
	seen    []string
}

func startWireAPI(t *testing.T) *wireAPI {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	api := &wireAPI{address: listener.Addr().String()}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { api.serve(connection) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	return api
}

// serve answers one request. Bytes behind it are somebody's smuggled request, and are kept as one.
func (api *wireAPI) serve(connection net.Conn) {
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(5 * time.Second))
	var text strings.Builder
	reader := bufio.NewReader(io.TeeReader(connection, &text))
	request, err := http.ReadRequest(reader)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, request.Body)
	length := text.Len() - reader.Buffered()
	api.mu.Lock()
	api.seen = append(api.seen, text.String()[:length])
	if behind := text.String()[length:]; behind != "" {
		api.seen = append(api.seen, behind)
	}
	api.mu.Unlock()
	_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: "+strconv.Itoa(len(request.RequestURI))+"\r\nConnection: close\r\n\r\n"+request.RequestURI)
}

// requests gives all requests so far.
func (api *wireAPI) requests() []string {
	api.mu.Lock()
	defer api.mu.Unlock()
	return slices.Clone(api.seen)
}
