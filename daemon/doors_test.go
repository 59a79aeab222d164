package daemon

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/config"
)

func (s *site) gate() string   { return s.dir + "/run/gate.sock" }
func (s *site) listen() string { return `listen = ["unix:` + s.gate() + `"]` }

// addresses gives the addresses of status, each as "door address".
func (s *site) addresses() string {
	var all []string
	for _, listener := range s.status().Listeners {
		all = append(all, listener.Door+" "+listener.Address)
	}
	return strings.Join(all, ", ")
}

func TestAReloadOpensAndClosesAddresses(t *testing.T) {
	s := newSite(t)
	s.write(s.toml())
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	kept := inodeOf(t, s.gate())

	second := s.dir + "/run/second.sock"
	s.write(s.toml(s.listen(), `listen = ["unix:`+second+`", "unix:`+s.gate()+`"]`))
	if result := s.reload(); !result.OK {
		t.Fatalf("verdict %+v", result)
	}
	other := socketClient(t, second)
	if got := askAt(other, token); got != adaAnalyst {
		t.Errorf("at the new address: %s", got)
	}
	if inodeOf(t, s.gate()) != kept {
		t.Error("the address that stays was bound anew")
	}
	if got, want := s.addresses(), "server unix:"+second+", server unix:"+s.gate(); got != want {
		t.Errorf("status shows %s, want %s", got, want)
	}

	s.write(s.toml(s.listen(), `listen = ["unix:`+second+`"]`))
	if result := s.reload(); !result.OK {
		t.Fatalf("verdict %+v", result)
	}
	if got := askAt(other, token); got != adaAnalyst {
		t.Errorf("at the address that stays: %s", got)
	}
	eventually(t, func() (string, bool) {
		_, err := os.Lstat(s.gate())
		return "the address that went is still there", os.IsNotExist(err)
	})
}

func inodeOf(t *testing.T, path string) fileID {
	t.Helper()
	id, err := identify(path)
	mustDo(t, err)
	return id
}

// The API moves behind claimd's own proxy, on a port that the kernel chooses, and away again.
func TestAReloadOpensTheProxy(t *testing.T) {
	s := newSite(t)
	api := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "groups=%s", r.Header.Get("Remote-Groups"))
	})}
	upstream, err := net.Listen("unix", s.dir+"/run/api.sock")
	mustDo(t, err)
	go func() { _ = api.Serve(upstream) }()
	defer api.Close()
	s.write(s.toml())
	s.start()
	s.wantAnswer(s.token(), adaAnalyst)
	s.write(s.toml() + "[proxy]\nlisten = [\"unix:" + s.dir + "/run/proxy.sock\"]\nupstream = \"unix:" + s.dir + "/run/api.sock\"\n")
	if result := s.reload(); !result.OK {
		t.Fatalf("verdict %+v", result)
	}
	client := socketClient(t, s.dir+"/run/proxy.sock")
	request, _ := http.NewRequest(http.MethodGet, "http://api/x", nil)
	request.Header.Set("Authorization", "Bearer "+s.token())
	response, err := client.Do(request)
	mustDo(t, err)
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if string(body) != "groups="+analysts {
		t.Errorf("%s %q", response.Status, body)
	}
	s.write(s.toml())
	s.reload()
	eventually(t, func() (string, bool) {
		_, err := client.Get("http://api/x")
		return "the proxy is still open", err != nil
	})
}

// An address of the new configuration is taken. Nothing of that configuration takes effect, not even the address that
// was free and the new mode; and it is taken once the other process has gone.
func TestAnAddressThatIsTakenRefusesTheReloadAsAWhole(t *testing.T) {
	s := newSite(t)
	s.write(s.toml())
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	mustDo(t, err)
	free := s.dir + "/run/free.sock"
	address := taken.Addr().String()
	s.write(strings.ReplaceAll(s.withOperators(), s.listen(),
		`listen = ["unix:`+s.gate()+`", "unix:`+free+`", "`+address+"\"]\nsocket_mode = \"0600\""))
	result := s.reload()
	if want := "cannot listen on " + address + ": address already in use"; result.OK || result.Generation != 1 || result.Problem != want {
		t.Errorf("verdict %+v, want %s", result, want)
	}
	if got := s.ask(token); got != adaAnalyst {
		t.Errorf("after the refusal: %s", got)
	}
	if _, err := os.Lstat(free); !os.IsNotExist(err) {
		t.Errorf("the free address is bound: %v", err)
	}
	if got := modeOf(t, s.gate()); got != 0o660 {
		t.Errorf("mode %04o, want 0660", got)
	}
	if got, want := s.addresses(), "server unix:"+s.gate(); got != want {
		t.Errorf("status shows %s", got)
	}
	mustDo(t, taken.Close())
	s.wantAnswer(token, adaBoth)
	if got := modeOf(t, s.gate()); got != 0o600 {
		t.Errorf("mode %04o, want 0600", got)
	}
}

// An administrator opened a port to the network (127.0.0.1 became 0.0.0.0), and read "address already in use". The old
// address and the new one share the port, for as long as the new one covers it: whoever connects meanwhile is answered.
func TestAPortMovesToAllAddressesAndBackWithoutARefusedConnection(t *testing.T) {
	s := newSite(t)
	s.write(s.toml(s.listen(), `listen = ["127.0.0.1:0"]`))
	s.start()
	token := s.token()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	loopback := s.status().Listeners[0].Address
	_, port, err := net.SplitHostPort(loopback)
	mustDo(t, err)
	eventually(t, func() (string, bool) { got := askTCP(client, loopback, token); return got, got == adaAnalyst })

	stop, wrong := make(chan struct{}), make(chan string, 1)
	var clients sync.WaitGroup
	clients.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if got := askTCP(client, loopback, token); got != adaAnalyst {
				wrong <- got
				return
			}
		}
	})
	all := "server [::]:" + port + ", server " + loopback
	for _, step := range []struct{ listen, want string }{
		{"0.0.0.0:" + port, all}, {loopback, "server " + loopback}, {"[::]:" + port, all}, {loopback, "server " + loopback},
	} {
		s.write(s.toml(s.listen(), `listen = ["`+step.listen+`"]`+"\nplaintext = \"anywhere\""))
		if result := s.reload(); !result.OK {
			t.Fatalf("%s: %+v", step.listen, result)
		}
		if got := s.addresses(); got != step.want {
			t.Errorf("%s: status shows %s, want %s", step.listen, got, step.want)
		}
		time.Sleep(s.pace.grace + 50*time.Millisecond)
	}
	close(stop)
	clients.Wait()
	select {
	case got := <-wrong:
		t.Errorf("while the port moved: %s", got)
	default:
	}
}

func askTCP(client *http.Client, address, token string) string {
	redirected := *client
	redirected.Transport = toAddress{client.Transport, address}
	return askAt(&redirected, token)
}

// toAddress sends each request to a fixed address.
type toAddress struct {
	http.RoundTripper
	address string
}

func (a toAddress) RoundTrip(r *http.Request) (*http.Response, error) {
	r.URL.Host = a.address
	return a.RoundTripper.RoundTrip(r)
}

// An administrator moved an address from [server] to [proxy], read "address already in use" and looked for another
// program: it was claimd's own door.
func TestAnAddressOfClaimdsOwnIsToldAsThat(t *testing.T) {
	s := newSite(t)
	s.write(s.toml())
	s.start()
	s.wantAnswer(s.token(), adaAnalyst)
	want := "cannot listen on unix:" + s.gate() + ": claimd itself has it, as unix:" + s.gate() + " of the door server\n  hint: restart claimd to change it"
	s.write(s.toml(s.listen(), "listen = []\n[proxy]\nlisten = [\"unix:"+s.gate()+"\"]\nupstream = \"http://127.0.0.1:1\""))
	if result := s.reload(); result.OK || result.Problem != want {
		t.Errorf("got  %s\nwant %s", result.Problem, want)
	}
}

// claimd is restarted; meanwhile somebody else binds the socket that the gateway asks, and answers 200 to everybody.
func TestASocketWhereOthersCouldBeFirstIsWarnedOf(t *testing.T) {
	const warning = "others could listen in claimd's place while it is down, and let in whom they like"
	s := newSite(t)
	s.write(s.toml())
	s.start()
	if said := s.logs.FilterMessage(warning).Len(); said != 0 {
		t.Errorf("said %d times of a directory that is nobody else's", said)
	}
	open := s.dir + "/open"
	mustDo(t, os.Mkdir(open, 0o700))
	mustDo(t, os.Chmod(open, 0o777|fs.ModeSticky))
	s.write(s.toml(s.listen(), "listen = [\"unix:"+open+"/gate.sock\"]"))
	if result := s.reload(); !result.OK {
		t.Fatalf("verdict %+v", result)
	}
	lines := s.logs.FilterMessage(warning).All()
	if len(lines) != 1 {
		t.Fatalf("said %d times, want once", len(lines))
	}
	if got, want := lines[0].ContextMap()["directory"], open+": want it writable by its owner only, got mode 0777"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSocketModeAndGroupChangeLive(t *testing.T) {
	s := newSite(t)
	s.write(s.toml())
	s.start()
	kept := inodeOf(t, s.gate())
	s.write(s.toml(s.listen(), s.listen()+"\nsocket_mode = \"0600\"\nsocket_group = \"root\""))
	if result := s.reload(); !result.OK {
		t.Fatalf("verdict %+v", result)
	}
	if got := modeOf(t, s.gate()); got != 0o600 || inodeOf(t, s.gate()) != kept {
		t.Errorf("mode %04o of the same socket: %t", got, inodeOf(t, s.gate()) == kept)
	}
	s.write(s.toml(s.listen(), s.listen()+"\nsocket_group = \"no-such-group\""))
	if result := s.reload(); result.OK || !strings.Contains(result.Faults.Error(), `server.socket_group: want a group of this host, got "no-such-group"`) {
		t.Errorf("verdict %+v", result)
	}
}

// SIGTERM comes while a request is under way: it is answered, new connections are not, and status says not ready.
func TestStoppingDrains(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	arrived, answer := make(chan struct{}), make(chan struct{})
	api := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-answer
		fmt.Fprint(w, "answered")
	})}
	upstream, err := net.Listen("unix", s.dir+"/run/api.sock")
	mustDo(t, err)
	go func() { _ = api.Serve(upstream) }()
	defer api.Close()
	s.write(s.toml() + "[proxy]\nlisten = [\"unix:" + s.dir + "/run/proxy.sock\"]\nupstream = \"unix:" + s.dir + "/run/api.sock\"\n")
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	client := socketClient(t, s.dir+"/run/proxy.sock")
	slow := make(chan string, 1)
	go func() {
		request, _ := http.NewRequest(http.MethodGet, "http://api/", nil)
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := client.Do(request)
		if err != nil {
			slow <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		slow <- string(body)
	}()
	<-arrived
	s.stop()
	eventually(t, func() (string, bool) {
		connection, err := net.Dial("unix", s.gate())
		if err == nil {
			connection.Close()
		}
		return "new connections are accepted", err != nil
	})
	if status := s.status(); status.Ready {
		t.Error("status says ready")
	}
	if result := s.reload(); result.OK || result.Problem != "claimd is stopping" {
		t.Errorf("a reload meanwhile: %+v", result)
	}
	close(answer)
	if got := <-slow; got != "answered" {
		t.Errorf("the request under way got %q", got)
	}
	mustDo(t, s.end())
}

// A request that does not end is cut off when the time to drain is over.
func TestDrainingEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.pace.drain = 50 * time.Millisecond
	upstream, err := net.Listen("unix", s.dir+"/run/api.sock") // accepts and never answers
	mustDo(t, err)
	defer upstream.Close()
	s.write(s.toml() + "[proxy]\nlisten = [\"unix:" + s.dir + "/run/proxy.sock\"]\nupstream = \"unix:" + s.dir + "/run/api.sock\"\n")
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	client := socketClient(t, s.dir+"/run/proxy.sock")
	cut := make(chan error, 1)
	go func() {
		request, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://api/", nil)
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := client.Do(request)
		if err == nil {
			response.Body.Close()
		}
		cut <- err
	}()
	connection, err := upstream.Accept()
	mustDo(t, err)
	defer connection.Close()
	began := time.Now()
	mustDo(t, s.end())
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("stopping took %s", took)
	}
	<-cut
	if s.logged("requests were cut off") != 1 {
		t.Error("the log does not say that requests were cut off")
	}
}

// A socket fails under the daemon: it ends with an error, so that systemd starts it anew.
func TestAFailedSocketEndsTheDaemon(t *testing.T) {
	tests := []struct {
		name string
		fail func(*daemon) error
		want string
	}{
		{"of a door", func(d *daemon) error { return d.doors.open[0].socket.Listener.Close() }, "the door server ("},
		{"of the administrators", func(d *daemon) error { return d.socket.Close() }, "the admin socket: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			s.write(s.toml())
			tree, faults := config.Read(s.config, config.ReadOptions{})
			loaded, _ := judge(tree, faults)
			d := &daemon{options: Options{ConfigPath: s.config}, pace: s.pace, log: zap.NewNop()}
			mustDo(t, d.start(t.Context(), loaded, fingerprint(tree, faults), &inherited{}, s.watcher))
			ended := make(chan error, 1)
			go func() { ended <- d.serve(t.Context()) }()
			s.wantAnswer(s.token(), adaAnalyst)
			mustDo(t, test.fail(d))
			select {
			case err := <-ended:
				if !strings.HasPrefix(errorText(err), test.want) {
					t.Errorf("got %v, want %s...", err, test.want)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("the daemon goes on")
			}
		})
	}
}
