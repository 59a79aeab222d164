package daemon

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/gateway"
	"github.com/claimd/claimd/daemon/proxy"
)

// The doors' names, as status shows them.
const (
	doorServer  = "server"
	doorProxy   = "proxy"
	doorMetrics = "metrics"
)

// doorNames holds all of them; a socket unit names one with FileDescriptorName=.
var doorNames = []string{doorServer, doorProxy, doorMetrics}

// answerTime is how long an answer may take to be judged and taken by its client. Without a limit a
// client that asks on and reads nothing holds its connection for ever. The proxy's answers are the API's, which may last.
const answerTime = 10 * time.Second

// doors are the addresses that claimd answers on. They outlive configurations: a reload opens what is new, keeps what
// stays, and closes what went. prepare, commit and close belong to one goroutine; list may be called at once with them.
type doors struct {
	log       *zap.Logger
	gate      *access.Gate            // that the handlers ask
	handlers  map[string]http.Handler // by the door's name
	pace      pace
	failed    chan error // a door that can accept no more; buffered for one
	systemd   *Systemd
	inherited *inherited
	handed    map[string][]*door // of socket units, by the door's name; they are never closed before the daemon ends
	tls       *tls.Config        // of the proxy's TCP addresses; nil: they have none

	mu      sync.Mutex // guards open for list
	open    []*door
	running sync.WaitGroup // of all doors, the closing ones too
}

// door is one address.
type door struct {
	name    string
	address string // as configured; "" where a socket unit hands it over
	socket  *socket
	server  server
	drained *drainage
	tls     atomic.Pointer[tls.Config] // for connections from now on; nil: without TLS
}

func newDoors(log *zap.Logger, gate *access.Gate, handlers map[string]http.Handler, pace pace, systemd *Systemd, given *inherited) *doors {
	d := &doors{
		log: log, gate: gate, handlers: handlers, pace: pace, failed: make(chan error, 1),
		systemd: systemd, inherited: given, handed: map[string][]*door{},
	}
	for name, sockets := range given.handed {
		for _, socket := range sockets {
			d.handed[name] = append(d.handed[name], &door{name: name, socket: socket})
		}
	}
	return d
}

func (d *doors) serve(door *door) {
	door.drained = newDrainage()
	server := gateway.NewServer(door.drained.handler(door.leaving(d.handlers[door.name])))
	server.ConnState = door.drained.note
	server.ErrorLog = newDoorLog(d.log)
	server.WriteTimeout = answerTime
	door.server = server
	socket := net.Listener(door.socket)
	switch door.name {
	case doorProxy:
		server.WriteTimeout = 0
		door.drained.goAway = proxy.SpeakHTTP2(server)
	case doorServer:
		door.server, socket = gateway.NewFront(d.gate, server, door.drained.closing.Load), gateway.Raw(socket)
	}
	d.log.Info("listening", zap.String("door", door.name), zap.String("address", door.shown()))
	d.warnOfOthers(door)
	if door.address != "" {
		d.systemd.store(storedSocket{door.name, door.address}.name(), door.socket.listening())
	}
	d.running.Go(func() {
		err := door.server.Serve(securing{acceptor{socket, door.drained.silence}, &door.tls})
		close(door.drained.served)
		if door.drained.closing.Load() {
			return
		}
		select {
		case d.failed <- fmt.Errorf("the door %s (%s) accepts no more: %w", door.name, door.shown(), err):
		default: // one is enough to end the daemon
		}
	})
}

// warnOfOthers tells of a unix socket that stands where others can be first while claimd is down: the gateway would
// believe their 200. It is no fault, as a gateway's own directory may be open to a group on purpose.
func (d *doors) warnOfOthers(door *door) {
	path, isUnix := strings.CutPrefix(door.address, "unix:")
	if !isUnix {
		return
	}
	if err := config.TrustedDirectory(filepath.Dir(path)); err != nil {
		problem, _, _ := strings.Cut(err.Error(), "\n")
		d.log.Warn("others could listen in claimd's place while it is down, and let in whom they like",
			zap.String("address", door.shown()), zap.String("directory", problem))
	}
}

// shut stops accepting, and waits for the requests under way for the time that pace gives them.
func (d *doors) shut(door *door) {
	if !door.drained.drain(door.server, door.socket, d.pace.grace, d.pace.unasked, d.pace.drain) {
		d.log.Warn("requests were cut off", zap.String("door", door.name), zap.String("address", door.shown()), zap.Duration("after", d.pace.drain))
	}
}

// close shuts all doors at once and returns when the last has ended.
func (d *doors) close() {
	d.mu.Lock()
	open := d.open
	d.open = nil
	d.mu.Unlock()
	for _, door := range open {
		if d.systemd.stores() && door.socket.file != nil {
			door.socket.file.Leave() // the daemon that is started next may take it over
		}
		d.running.Go(func() { d.shut(door) })
	}
	d.running.Wait()
}

func (d *doors) list() []admin.Listener {
	d.mu.Lock()
	defer d.mu.Unlock()
	listeners := make([]admin.Listener, 0, len(d.open))
	for _, door := range d.open {
		listeners = append(listeners, admin.Listener{Door: door.name, Address: door.shown(), TLS: door.tls.Load() != nil})
	}
	return listeners
}

// shown is the configured address; for port 0 the one that the kernel chose.
func (d *door) shown() string {
	if d.socket.file != nil {
		return d.address
	}
	address := d.socket.Addr()
	if address.Network() == "unix" {
		return "unix:" + address.String()
	}
	return address.String()
}
