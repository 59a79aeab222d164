package daemon

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"syscall"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/config"
)

// change is a prepared change of doors: commit makes it, abandon takes back what prepare did. One of them must be called.
type change struct {
	doors          *doors
	next           []*door
	opened, closed []*door
	undo           []func()
	tls            *tls.Config // of the proxy's TCP addresses; nil: none
}

// prepare does all of the change that can fail: it binds new addresses and sets the permissions of all unix sockets.
// After an error nothing is changed.
func (d *doors) prepare(cfg *config.Config) (*change, error) {
	wanted, err := socketPermissions(cfg.Server)
	if err != nil {
		return nil, err
	}
	c := &change{doors: d, tls: d.tlsFor(&cfg.Proxy)}
	for _, name := range doorNames {
		if err := c.wantAll(name, cfg, wanted); err != nil {
			c.abandon()
			return nil, err
		}
	}
	c.adoptCovered()
	for _, open := range d.open {
		switch {
		case slices.Contains(c.next, open):
		case slices.ContainsFunc(c.next, open.coveredBy):
			c.next = append(c.next, open)
		default:
			c.closed = append(c.closed, open)
		}
	}
	return c, nil
}

// adoptCovered takes what was kept over a restart of addresses that another one covers: they were open before it.
func (c *change) adoptCovered() {
	for kept := range maps.Clone(c.doors.inherited.stored) {
		covered := &door{name: kept.door, address: kept.address, socket: c.doors.inherited.stored[kept]}
		if slices.ContainsFunc(c.next, covered.coveredBy) {
			c.doors.inherited.claim(kept)
			c.next = append(c.next, covered)
			c.opened = append(c.opened, covered)
		}
	}
}

// coveredBy reports whether the other door takes all connections that this one does: the same port, on every address of
// the host. This one stays open then, as the kernel resets whoever waits in the queue of a socket that is closed.
func (d *door) coveredBy(other *door) bool {
	mine, ok := d.socket.Addr().(*net.TCPAddr)
	theirs, both := other.socket.Addr().(*net.TCPAddr)
	return ok && both && d != other && d.name == other.name && mine.Port == theirs.Port && theirs.IP.IsUnspecified() && !mine.IP.IsUnspecified()
}

func listenAddresses(cfg *config.Config, door string) []string {
	switch door {
	case doorProxy:
		return cfg.Proxy.Listen
	case doorMetrics:
		return cfg.Metrics.Listen
	}
	return cfg.Server.Listen
}

// wantAll asks for the addresses of a door. Sockets that a unit hands over stand for all of them.
func (c *change) wantAll(name string, cfg *config.Config, wanted permissions) error {
	for _, handed := range c.doors.handed[name] {
		if err := handable(handed, cfg); err != nil {
			return err
		}
		c.next = append(c.next, handed)
		if !slices.Contains(c.doors.open, handed) {
			c.opened = append(c.opened, handed)
		}
	}
	if len(c.doors.handed[name]) > 0 {
		return nil
	}
	for _, address := range listenAddresses(cfg, name) {
		if err := c.want(name, address, wanted); err != nil {
			return err
		}
	}
	return nil
}

// handable holds a socket of systemd's to what a configured address has to keep.
func handable(handed *door, cfg *config.Config) error {
	if handed.name == doorProxy && cfg.Proxy.Upstream == "" {
		return fmt.Errorf("systemd hands over the socket %s of the door proxy, but proxy.upstream is not set\n"+
			"  hint: name the API under [proxy], or systemctl disable --now claimd-proxy.socket", handed.shown())
	}
	address, ok := handed.socket.Addr().(*net.TCPAddr)
	isTLS := handed.name == doorProxy && cfg.Proxy.TLS()
	if ok && !address.IP.IsLoopback() && !cfg.Server.PlaintextAnywhere && !isTLS {
		return fmt.Errorf("systemd hands over the socket %s of the door %s, which is not on loopback, and claimd has no TLS there\n"+
			"  hint: %slisten on loopback or a unix socket, or set plaintext = \"anywhere\" under [server]", handed.shown(), handed.name, orTLS(handed.name))
	}
	return nil
}

// orTLS begins a hint for a door that can have TLS.
func orTLS(door string) string {
	if door != doorProxy {
		return ""
	}
	return "set tls_certificate and tls_key_file under [proxy], "
}

func (c *change) want(name, address string, wanted permissions) error {
	for _, open := range c.doors.open {
		if open.name == name && open.address == address {
			c.next = append(c.next, open)
			return c.permit(open.socket, wanted)
		}
	}
	socket, err := c.obtain(name, address, wanted)
	if err != nil {
		return err
	}
	opened := &door{name: name, address: address, socket: socket}
	c.next = append(c.next, opened)
	c.opened = append(c.opened, opened)
	return nil
}

// obtain gives a socket that listens on the address: the one that was kept over a restart, or a new one.
func (c *change) obtain(name, address string, wanted permissions) (*socket, error) {
	if kept, ok := c.doors.inherited.claim(storedSocket{name, address}); ok {
		if err := kept.permit(wanted); err != nil {
			_ = kept.Close()
			return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
		}
		return kept, nil
	}
	bound, err := bind(address, wanted, false)
	if err == nil {
		return bound, nil
	}
	if c.share(name, address, err) {
		return bind(address, wanted, true)
	}
	return nil, c.whetherOurs(address, err)
}

// share lets a new address have the port that this door listens on already, from one host address to all of them or
// back: both listen until an old one that the new one does not cover is closed.
func (c *change) share(name, address string, err error) bool {
	_, port, _ := net.SplitHostPort(address)
	shared := false
	for _, open := range c.doors.open {
		_, taken, _ := net.SplitHostPort(open.shown())
		if !errors.Is(err, syscall.EADDRINUSE) || open.name != name || taken != port || port == "" || slices.Contains(c.next, open) {
			continue
		}
		if open.socket.sharePort(true) == nil {
			shared = true
			c.undo = append(c.undo, func() { _ = open.socket.sharePort(false) })
		}
	}
	return shared
}

// whetherOurs says of an address that cannot be bound when it is claimd itself that has it: an address cannot go to
// another door while the old one is still open.
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
	if before := socket.now; before.mode != unknownMode {
		c.undo = append(c.undo, func() { _ = socket.permit(before) })
	}
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
	d.secure(c.next, c.tls)
	for _, opened := range c.opened {
		d.serve(opened)
	}
	for _, name := range d.inherited.release() {
		d.systemd.forget(name)
	}
	for _, closed := range c.closed {
		d.systemd.forget(storedSocket{closed.name, closed.address}.name())
		d.log.Info("listening no more", zap.String("door", closed.name), zap.String("address", closed.shown()))
		d.running.Go(func() { d.shut(closed) })
	}
}
