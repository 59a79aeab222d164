package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/gateway"
)

// The doors' names, as status shows them.
const (
	doorServer = "server"
	doorProxy  = "proxy"
)

// answerTime is how long an answer of the door server may take to be judged and taken by its client. Without a limit a
// client that asks on and reads nothing holds its connection for ever. The proxy's answers are the API's, which may last.
const answerTime = 10 * time.Second

// doors are the addresses that claimd answers on. They outlive configurations: a reload opens what is new, keeps what
// stays, and closes what went. prepare, commit and close belong to one goroutine; list may be called at once with them.
type doors struct {
	log      *zap.Logger
	handlers map[string]http.Handler // by the door's name
	drain    time.Duration           // how long a closing door waits for its requests
	failed   chan error              // a door that can accept no more; buffered for one

	mu      sync.Mutex // guards open for list
	open    []*door
	running sync.WaitGroup // of all doors, the closing ones too
}

// door is one address.
type door struct {
	name    string
	address string // as configured
	socket  *socket
	server  *http.Server
}

func newDoors(log *zap.Logger, handlers map[string]http.Handler, drain time.Duration) *doors {
	return &doors{log: log, handlers: handlers, drain: drain, failed: make(chan error, 1)}
}

// change is a prepared change of doors: commit makes it, abandon takes back what prepare did. One of them must be called.
type change struct {
	doors          *doors
	next           []*door
	opened, closed []*door
	undo           []func()
}

// prepare does all of the change that can fail: it binds new addresses and sets the permissions of all unix sockets.
// After an error nothing is changed.
func (d *doors) prepare(cfg *config.Config) (*change, error) {
	wanted, err := socketPermissions(cfg.Server)
	if err != nil {
		return nil, err
	}
	c := &change{doors: d}
	for _, name := range []string{doorServer, doorProxy} {
		for _, address := range listenAddresses(cfg, name) {
			if err := c.want(name, address, wanted); err != nil {
				c.abandon()
				return nil, err
			}
		}
	}
	for _, open := range d.open {
		if !slices.Contains(c.next, open) {
			c.closed = append(c.closed, open)
		}
	}
	return c, nil
}

func listenAddresses(cfg *config.Config, door string) []string {
	if door == doorProxy {
		return cfg.Proxy.Listen
	}
	return cfg.Server.Listen
}

func (c *change) want(name, address string, wanted permissions) error {
	for _, open := range c.doors.open {
		if open.name == name && open.address == address {
			c.next = append(c.next, open)
			return c.permit(open.socket, wanted)
		}
	}
	socket, err := bind(address, wanted)
	if err != nil {
		return c.whetherOurs(address, err)
	}
	opened := &door{name: name, address: address, socket: socket}
	c.next = append(c.next, opened)
	c.opened = append(c.opened, opened)
	return nil
}

// whetherOurs says of an address that cannot be bound when it is claimd itself that has it: an address cannot go to
// another door, nor a port from one host address to all of them, while the old one is still open.
func (c *change) whetherOurs(address string, err error) error {
	_, port, _ := net.SplitHostPort(address)
	for _, open := range c.doors.open {
		_, taken, _ := net.SplitHostPort(open.shown())
		if open.address == address || errors.Is(err, syscall.EADDRINUSE) && taken == port && port != "" {
			return fmt.Errorf("cannot listen on %s: claimd itself has it, as %s of the door %s\n  hint: restart claimd to change it",
				address, open.shown(), open.name)
		}
	}
	return err
}

func (c *change) permit(socket *socket, wanted permissions) error {
	before := socket.now
	c.undo = append(c.undo, func() { _ = socket.permit(before) })
	return socket.permit(wanted)
}

// abandon closes what was bound and gives kept sockets their permissions back.
func (c *change) abandon() {
	for _, opened := range c.opened {
		_ = opened.socket.Close()
	}
	for _, undo := range slices.Backward(c.undo) {
		undo()
	}
}

// commit serves the new doors and begins to close the old ones, which answer the requests under way.
func (c *change) commit() {
	d := c.doors
	d.mu.Lock()
	d.open = c.next
	d.mu.Unlock()
	for _, opened := range c.opened {
		d.serve(opened)
	}
	for _, closed := range c.closed {
		d.log.Info("listening no more", zap.String("door", closed.name), zap.String("address", closed.shown()))
		d.running.Go(func() { d.shut(closed) })
	}
}

func (d *doors) serve(door *door) {
	door.server = gateway.NewServer(d.handlers[door.name])
	door.server.ConnState = newSilence(maxUnasked, maxIdle).note
	if door.name == doorServer {
		door.server.WriteTimeout = answerTime
	}
	door.server.ErrorLog = newDoorLog(d.log)
	d.log.Info("listening", zap.String("door", door.name), zap.String("address", door.shown()))
	d.warnOfOthers(door)
	d.running.Go(func() {
		err := door.server.Serve(acceptor{door.socket})
		if errors.Is(err, http.ErrServerClosed) {
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

// shut stops accepting at once, and waits for the requests under way for the time drain.
func (d *doors) shut(door *door) {
	ctx, cancel := context.WithTimeout(context.Background(), d.drain)
	defer cancel()
	if err := door.server.Shutdown(ctx); err != nil {
		d.log.Warn("requests were cut off", zap.String("door", door.name), zap.String("address", door.shown()), zap.Duration("after", d.drain))
		_ = door.server.Close()
	}
}

// close shuts all doors at once and returns when the last has ended.
func (d *doors) close() {
	d.mu.Lock()
	open := d.open
	d.open = nil
	d.mu.Unlock()
	for _, door := range open {
		d.running.Go(func() { d.shut(door) })
	}
	d.running.Wait()
}

func (d *doors) list() []admin.Listener {
	d.mu.Lock()
	defer d.mu.Unlock()
	listeners := make([]admin.Listener, 0, len(d.open))
	for _, door := range d.open {
		listeners = append(listeners, admin.Listener{Door: door.name, Address: door.shown()})
	}
	return listeners
}

// shown is the configured address; for port 0 the one that the kernel chose.
func (d *door) shown() string {
	if d.socket.file != nil {
		return d.address
	}
	return d.socket.Addr().String()
}
