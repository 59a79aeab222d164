package daemon

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// manager is the service manager's end of NOTIFY_SOCKET: it hears what is told and keeps what is stored.
type manager struct {
	socket *net.UnixConn
	path   string
	done   chan struct{}

	mu     sync.Mutex
	told   []string            // one message each, its assignments joined with blanks
	stored map[string]*os.File // by FDNAME
}

func newManager(t *testing.T, directory string) *manager {
	t.Helper()
	m := &manager{path: filepath.Join(directory, "notify"), done: make(chan struct{}), stored: map[string]*os.File{}}
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"})
	mustDo(t, err)
	m.socket = socket
	go m.hear()
	t.Cleanup(func() {
		socket.Close()
		<-m.done
		for _, file := range m.stored {
			file.Close()
		}
	})
	return m
}

func (m *manager) hear() {
	defer close(m.done)
	message, rights := make([]byte, 4096), make([]byte, 256)
	for {
		n, oob, _, _, err := m.socket.ReadMsgUnix(message, rights)
		if err != nil {
			return
		}
		m.take(string(message[:n]), rights[:oob])
	}
}

func (m *manager) take(message string, rights []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, name, _ := strings.Cut(message, "FDNAME=")
	switch {
	case strings.HasPrefix(message, "FDSTORE=1"):
		messages, _ := unix.ParseSocketControlMessage(rights)
		descriptors, _ := unix.ParseUnixRights(&messages[0])
		m.stored[name] = os.NewFile(uintptr(descriptors[0]), name)
	case strings.HasPrefix(message, "FDSTOREREMOVE=1"):
		if file := m.stored[name]; file != nil {
			file.Close()
		}
		delete(m.stored, name)
	default:
		m.told = append(m.told, strings.ReplaceAll(message, "\n", " "))
	}
}

// names gives what is stored.
func (m *manager) names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name := range m.stored {
		if kept, ok := parseStored(name); ok {
			name = kept.door + " " + kept.address
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// unit is what the next start is given: duplicates of all that is stored.
func (m *manager) unit(t *testing.T) *Systemd {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &Systemd{notify: m.path}
	for name, file := range m.stored {
		double, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 3)
		mustDo(t, err)
		s.sockets = append(s.sockets, os.NewFile(uintptr(double), name))
	}
	return s
}

// hears waits for a message that begins so.
func (m *manager) hears(t *testing.T, want string) {
	t.Helper()
	eventually(t, func() (string, bool) {
		m.mu.Lock()
		defer m.mu.Unlock()
		i := slices.IndexFunc(m.told, func(message string) bool { return strings.HasPrefix(message, want) })
		if i >= 0 {
			m.told = m.told[i+1:]
		}
		return fmt.Sprintf("systemd was told %q, want %q", m.told, want), i >= 0
	})
}

func TestSystemdIsToldWhatServes(t *testing.T) {
	s := newSite(t)
	m := newManager(t, s.dir)
	s.systemd = &Systemd{notify: m.path, watchdog: 3 * time.Second}
	s.write(s.toml())
	s.start()
	m.hears(t, "READY=1 STATUS=NOT READY: generation 1, 1 group, 1 role; contoso has no live keys; server on unix:"+s.gate())
	s.wantAnswer(s.token(), adaAnalyst)
	m.hears(t, "STATUS=Ready: generation 1, 1 group, 1 role; contoso has 1 key; server on unix:"+s.gate())
	m.hears(t, "WATCHDOG=1")

	s.write(s.withOperators())
	s.reload()
	m.hears(t, "RELOADING=1 MONOTONIC_USEC=")
	m.hears(t, "READY=1 STATUS=Ready: generation 2, 2 groups")

	s.write(s.toml("[groups]", "[grops]") + "x = \"\"\n")
	s.reload()
	m.hears(t, "RELOADING=1 MONOTONIC_USEC=")
	m.hears(t, "READY=1 STATUS=REFUSED "+s.config+":7: grops: unknown key (and 1 more fault); generation 2 serves on")

	s.write(s.toml("enabled = true", "enabled = false"))
	s.reload()
	m.hears(t, "READY=1 STATUS=Disabled: every request is answered 503; set enabled = true in "+s.config+" (generation 3)")
	mustDo(t, s.end())
	m.hears(t, "STOPPING=1 ")
}

// A restart, or the crash of the process, under load: the kernel queues new connections on the socket that the service
// manager keeps, so none is refused.
func TestNoConnectionIsRefusedOverARestart(t *testing.T) {
	s := newSite(t)
	m := newManager(t, s.dir)
	s.systemd = &Systemd{notify: m.path}
	s.write(s.toml())
	s.start()
	token := s.token()
	s.wantAnswer(token, adaAnalyst)
	if got, want := m.names(), []string{"server unix:" + s.gate()}; !slices.Equal(got, want) {
		t.Fatalf("stored %q, want %q", got, want)
	}

	var asked atomic.Int64
	stop, wrong := make(chan struct{}), make(chan string, 1)
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if got := s.ask(token); got != adaAnalyst {
					select {
					case wrong <- got:
					default:
					}
					return
				}
				asked.Add(1)
			}
		})
	}
	inode := inodeOf(t, s.gate())
	for range 5 {
		before := asked.Load()
		mustDo(t, s.end())
		s.systemd = m.unit(t)
		s.start()
		eventually(t, func() (string, bool) {
			return "nobody is served after the restart", asked.Load() > before+20 || len(wrong) > 0
		})
	}
	close(stop)
	clients.Wait()
	select {
	case got := <-wrong:
		t.Errorf("an answer over a restart: %s", got)
	default:
	}
	if inodeOf(t, s.gate()) != inode {
		t.Error("the socket was bound anew")
	}
}

// What the configuration lists no more is taken out of the store, and a socket whose file somebody removed is bound anew.
func TestOnlyWhatListensStaysStored(t *testing.T) {
	s := newSite(t)
	m := newManager(t, s.dir)
	s.systemd = &Systemd{notify: m.path}
	second := s.dir + "/run/second.sock"
	both := s.toml(s.listen(), `listen = ["unix:`+s.gate()+`", "unix:`+second+`"]`)
	s.write(both)
	s.start()
	s.write(s.toml())
	s.reload()
	eventually(t, func() (string, bool) {
		return fmt.Sprint("stored ", m.names()), slices.Equal(m.names(), []string{"server unix:" + s.gate()})
	})
	s.write(both)
	s.reload()
	eventually(t, func() (string, bool) { return fmt.Sprint("stored ", m.names()), len(m.names()) == 2 })
	mustDo(t, s.end())

	// While claimd is down, one address leaves the configuration, and the other one's file is lost.
	mustDo(t, os.Remove(s.gate()))
	s.write(s.toml())
	s.systemd = m.unit(t)
	s.start()
	s.wantAnswer(s.token(), adaAnalyst)
	eventually(t, func() (string, bool) {
		return fmt.Sprint("stored ", m.names()), slices.Equal(m.names(), []string{"server unix:" + s.gate()})
	})
}

// A port was opened to the network while claimd ran; the old address is still open beneath the new one, and so it is
// after a restart: whoever waits in its queue is answered.
func TestACoveredAddressStaysOpenOverARestart(t *testing.T) {
	s := newSite(t)
	m := newManager(t, s.dir)
	s.systemd = &Systemd{notify: m.path}
	s.write(s.toml(s.listen(), `listen = ["127.0.0.1:0"]`))
	s.start()
	loopback := s.status().Listeners[0].Address
	_, port, err := net.SplitHostPort(loopback)
	mustDo(t, err)
	s.write(s.toml(s.listen(), `listen = ["0.0.0.0:`+port+`"]`+"\nplaintext = \"anywhere\""))
	if result := s.reload(); !result.OK {
		t.Fatalf("%+v", result)
	}
	all := "server [::]:" + port + ", server " + loopback
	if got := s.addresses(); got != all {
		t.Errorf("status shows %s, want %s", got, all)
	}
	eventually(t, func() (string, bool) { return fmt.Sprint("stored ", m.names()), len(m.names()) == 2 })
	mustDo(t, s.end())
	waiting, err := net.Dial("tcp", loopback)
	mustDo(t, err)
	defer waiting.Close()
	s.systemd = m.unit(t)
	s.start()
	if got := s.addresses(); got != all {
		t.Errorf("after the restart status shows %s, want %s", got, all)
	}
	_, err = fmt.Fprint(waiting, "GET /livez HTTP/1.0\r\n\r\n")
	mustDo(t, err)
	answer, err := io.ReadAll(waiting)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.0 200 OK") {
		t.Errorf("who waited got %q, %v", answer, err)
	}
}

// handOver makes a listening socket as a socket unit does.
func handOver(t *testing.T, name, network, address string) *os.File {
	t.Helper()
	listener, err := net.Listen(network, address)
	mustDo(t, err)
	if bound, ok := listener.(*net.UnixListener); ok {
		bound.SetUnlinkOnClose(false)
	}
	file, err := listener.(interface{ File() (*os.File, error) }).File()
	mustDo(t, err)
	listener.Close()
	defer file.Close()
	double, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	mustDo(t, err)
	return os.NewFile(uintptr(double), name)
}

func TestASocketUnitStandsForTheDoorsListen(t *testing.T) {
	s := newSite(t)
	m := newManager(t, s.dir)
	path := s.dir + "/run/unit.sock"
	s.systemd = &Systemd{notify: m.path, sockets: []*os.File{handOver(t, "server", "unix", path)}}
	s.write(s.toml())
	s.start()
	client := socketClient(t, path)
	eventually(t, func() (string, bool) { got := askAt(client, s.token()); return got, got == adaAnalyst })
	if got, want := s.addresses(), "server unix:"+path; got != want {
		t.Errorf("status shows %s, want %s", got, want)
	}
	s.write(s.withOperators())
	s.reload()
	if got := askAt(client, s.token()); got != adaBoth {
		t.Errorf("after a reload: %s", got)
	}
	if names := m.names(); len(names) > 0 {
		t.Errorf("stored %q: the unit keeps its own", names)
	}
	mustDo(t, s.end())
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the unit's socket was removed: %v", err)
	}
}

func TestASocketThatNoDoorCanUseStopsTheStart(t *testing.T) {
	tests := []struct{ name, socket, network, address, want string }{
		{"of another name", "claimd.socket", "tcp", "127.0.0.1:0",
			"systemd hands over a socket named \"claimd.socket\", want one of server, proxy, metrics\n" +
				"  hint: set FileDescriptorName= in the [Socket] section"},
		{"for the proxy without an API", "proxy", "tcp", "127.0.0.1:0",
			"systemd hands over the socket ADDRESS of the door proxy, but proxy.upstream is not set\n" +
				"  hint: name the API under [proxy], or systemctl disable --now claimd-proxy.socket"},
		{"off this host", "server", "tcp", "0.0.0.0:0",
			"systemd hands over the socket ADDRESS of the door server, which is not on loopback, and claimd has no TLS there\n" +
				"  hint: listen on loopback or a unix socket, or set plaintext = \"anywhere\" under [server]"},
		{"of datagrams", "server", "unixgram", "", "systemd hands over \"server\", which is no listening stream socket"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			s.write(s.toml())
			var file *os.File
			address := ""
			if test.network == "unixgram" {
				pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
				mustDo(t, err)
				defer unix.Close(pair[1])
				file = os.NewFile(uintptr(pair[0]), test.socket)
			} else {
				file = handOver(t, test.socket, test.network, test.address)
				address = portOf(t, file)
			}
			err := Run(t.Context(), Options{ConfigPath: s.config, Systemd: &Systemd{sockets: []*os.File{file}}, Log: s.log})
			if got, want := errorText(err), strings.ReplaceAll(test.want, "ADDRESS", address); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func portOf(t *testing.T, file *os.File) string {
	t.Helper()
	raw, err := file.SyscallConn()
	mustDo(t, err)
	var shown string
	mustDo(t, raw.Control(func(fd uintptr) {
		name, err := unix.Getsockname(int(fd))
		mustDo(t, err)
		switch a := name.(type) {
		case *unix.SockaddrInet4:
			shown = (&net.TCPAddr{IP: a.Addr[:], Port: a.Port}).String()
		case *unix.SockaddrInet6:
			shown = (&net.TCPAddr{IP: a.Addr[:], Port: a.Port}).String()
		}
	}))
	return shown
}

// FromSystemd takes what the environment says for this process alone.
func TestWithoutSystemdThereIsNothingToTell(t *testing.T) {
	for _, name := range []string{"NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "WATCHDOG_USEC", "JOURNAL_STREAM"} {
		t.Setenv(name, "")
	}
	s := FromSystemd()
	if len(s.handedOver()) > 0 || s.expects() != 0 || s.stores() || s.journalSender() != nil {
		t.Errorf("%+v", s)
	}
	t.Setenv("NOTIFY_SOCKET", t.TempDir()+"/nobody")
	t.Setenv("WATCHDOG_USEC", "3000000")
	s = FromSystemd()
	if s.expects() != 3*time.Second || !s.stores() || os.Getenv("NOTIFY_SOCKET") != "" {
		t.Errorf("%+v", s)
	}
	s.tell("READY=1") // nobody hears it, and nothing hangs
}
