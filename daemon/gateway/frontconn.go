package gateway

import (
	"context"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/claimd/claimd/daemon/access"
)

// held is a connection of a Front. It has one owner at a time, who alone reads, writes and closes it: the loop while it
// waits for a request, the goroutine that judges one, and at last, for good, net/http. Others may call Close, and what
// asks for addresses and the descriptor; nobody but the owner ever closes the descriptor, so that its number cannot become
// another connection's while it is used.
type held struct {
	local    net.Addr
	remote   net.Addr
	outer    net.Conn // what was accepted: this, or what was put around it
	peer     string   // for access.Request
	loop     *loop
	timer    *time.Timer
	ends     atomic.Int64 // when it has been silent for too long, in nanoseconds, never while a request is judged, or expired
	answered atomic.Bool  // once
	ending   atomic.Bool  // Close was called: that nothing more comes says nothing about the client
	fd       int          // of socket; the owner's
	settled  bool         // settle was called; the owner's
	partial  []byte       // of a header; the owner's
	pieces   int          // of partial

	cancel context.CancelFunc // of the request that is judged, nil: none is; guarded by the loop's mutex

	mu     sync.Mutex // guards what follows
	socket socket     // of package net until the first answer, then one that the runtime does not watch
	handed *given     // to net/http; nil: not yet
}

// What ends holds where it is no time.
const (
	never   = 0
	expired = -1
)

// given is a connection that is net/http's.
type given struct {
	net.Conn
	unsent []byte        // of an answer, to be written before anything is read
	limit  time.Duration // for that; 0: none
	read   []byte        // what was read before
}

// heldBy finds the connection that Raw gave in what was put around it; nil: there is none.
func heldBy(accepted net.Conn) *held {
	for inner := accepted; ; {
		switch conn := inner.(type) {
		case *held:
			conn.outer = accepted
			if conn.peer = conn.remote.String(); conn.local.Network() == "unix" {
				conn.peer = access.PeerUnix
			}
			return conn
		case interface{ NetConn() net.Conn }:
			inner = conn.NetConn()
		default:
			return nil
		}
	}
}

// heard tells what is around the connection that its first bytes came, as it would see by itself if it were asked to read.
func (c *held) heard() {
	if around, ok := c.outer.(interface{ Heard() }); ok {
		around.Heard()
	}
}

// settle takes the connection out of the runtime's hands, as more requests are to come. Where no descriptor is left it stays
// there, which costs more and is no fault.
func (c *held) settle() {
	c.settled = true
	file, fd, err := takeOut(c.socket)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.socket.Close() // its descriptor; the connection stays
	c.socket, c.fd = file, fd
}

// give makes the connection net/http's.
func (c *held) give(read, unsent []byte, limit time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := &given{unsent: unsent, limit: limit, read: read}
	file, settled := c.socket.(*os.File)
	if !settled {
		g.Conn = c.socket.(net.Conn)
		c.handed = g
		return nil
	}
	conn, err := net.FileConn(file) // another descriptor again
	if err != nil {
		return err
	}
	g.Conn, c.handed = conn, g
	return file.Close()
}

// theirs gives what net/http has of the connection; nil: it is the Front's.
func (c *held) theirs() *given {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.handed
}

// expire ends a connection that is silent for too long. The loop reads that, as the end of what the client says.
func (c *held) expire() {
	c.loop.mu.Lock() // in which add has set the timer
	defer c.loop.mu.Unlock()
	left := time.Until(time.Unix(0, c.ends.Load()))
	switch {
	case c.ends.Load() == never: // its answer comes
		c.timer.Reset(c.loop.front.server.ReadHeaderTimeout)
	case left > 0:
		c.timer.Reset(left)
	default:
		c.ends.Store(expired)
		_ = c.Close()
	}
}

// Close implements net.Conn. While the connection is the Front's it ends what is read: its owner answers what came before,
// sees the end, and closes the descriptor.
func (c *held) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.handed != nil {
		return c.handed.Close()
	}
	c.ending.Store(true)
	raw, err := c.socket.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RD) }) // it may have ended before
}

// SyscallConn implements syscall.Conn.
func (c *held) SyscallConn() (syscall.RawConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.handed != nil {
		return c.handed.Conn.(syscall.Conn).SyscallConn()
	}
	return c.socket.SyscallConn()
}

// Read implements net.Conn, for net/http alone, as all that follows.
func (c *held) Read(into []byte) (int, error) {
	g := c.theirs()
	if g == nil {
		return 0, net.ErrClosed
	}
	if len(g.unsent) > 0 {
		if g.limit > 0 {
			_ = g.SetWriteDeadline(time.Now().Add(g.limit))
		}
		_, err := g.Conn.Write(g.unsent)
		if g.unsent = nil; err != nil {
			return 0, err
		}
	}
	if len(g.read) > 0 {
		n := copy(into, g.read)
		g.read = g.read[n:]
		return n, nil
	}
	return g.Conn.Read(into)
}

// Write implements net.Conn.
func (c *held) Write(from []byte) (int, error) {
	g := c.theirs()
	if g == nil {
		return 0, net.ErrClosed
	}
	return g.Conn.Write(from)
}

// CloseWrite ends what is written; see (*net.TCPConn).CloseWrite.
func (c *held) CloseWrite() error {
	if g := c.theirs(); g != nil {
		if half, ok := g.Conn.(interface{ CloseWrite() error }); ok {
			return half.CloseWrite()
		}
	}
	return nil
}

// LocalAddr implements net.Conn.
func (c *held) LocalAddr() net.Addr {
	if g := c.theirs(); g != nil {
		return g.LocalAddr()
	}
	return c.local
}

// RemoteAddr implements net.Conn.
func (c *held) RemoteAddr() net.Addr {
	if g := c.theirs(); g != nil {
		return g.RemoteAddr()
	}
	return c.remote
}

// SetDeadline implements net.Conn.
func (c *held) SetDeadline(t time.Time) error {
	if g := c.theirs(); g != nil {
		return g.SetDeadline(t)
	}
	return os.ErrNoDeadline
}

// SetReadDeadline implements net.Conn.
func (c *held) SetReadDeadline(t time.Time) error {
	if g := c.theirs(); g != nil {
		return g.SetReadDeadline(t)
	}
	return os.ErrNoDeadline
}

// SetWriteDeadline implements net.Conn.
func (c *held) SetWriteDeadline(t time.Time) error {
	if g := c.theirs(); g != nil {
		return g.SetWriteDeadline(t)
	}
	return os.ErrNoDeadline
}
