package daemon

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// How many connections of one door may say nothing. Each takes some 28 KiB of resident memory, where it is net/http's,
// until the door's time limits end it: 10,000 of them would take 289 MiB. Those that work on a request are not counted.
const (
	// maxUnasked have not sent one whole request header yet: 5 s at most, with TLS 5 s more for the handshake, and over
	// HTTP/2 60 s after it.
	maxUnasked = 512
	maxIdle    = 512 // between two requests (60 s at most)
)

const (
	maxBehind = 2 * time.Second       // the next connection waits at most, until those before it have been read
	maxRead   = 20 * time.Millisecond // from accepting a connection, and from its first bytes, until what was sent is judged
)

// silence keeps the connections of one door that say nothing, and closes the one that is silent for longest when there is
// one too many. Nobody is refused for it: a client that asks is silent for a moment, a stranger who holds connections loses
// them. The two kinds have places of their own, so that neither takes the other's. All methods may be called at once.
type silence struct {
	mu      sync.Mutex // guards the places of all connections too
	unasked quiet
	idle    quiet
}

// quiet are the silent connections of one kind, in a ring that begins with the longest silent.
type quiet struct {
	ends  place
	count int
	most  int
}

// connection is an accepted connection with its place among the silent ones.
type connection struct {
	net.Conn
	place
	accepted time.Time
	heard    atomic.Pointer[time.Time] // when the first bytes were read; nil: none yet
	idled    bool                      // was told to be idle once; note's alone
}

// Read implements net.Conn.
func (c *connection) Read(into []byte) (int, error) {
	n, err := c.Conn.Read(into)
	if n > 0 {
		c.Heard()
	}
	return n, err
}

// Heard is for who reads what is inside: the first bytes came.
func (c *connection) Heard() {
	if c.heard.Load() == nil {
		now := time.Now()
		c.heard.Store(&now)
	}
}

// NetConn gives what is inside, as (*tls.Conn).NetConn does.
func (c *connection) NetConn() net.Conn { return c.Conn }

// CloseWrite ends what is written. net/http asks for it so that a client which still sends reads its refusal before the
// connection is reset.
func (c *connection) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return nil
	}
	return half.CloseWrite()
}

// unread reports whether the kernel holds bytes of the connection that nobody has read yet (tcp(7), unix(7): SIOCINQ).
func (c *connection) unread() bool {
	inner, ok := c.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := inner.SyscallConn()
	if err != nil {
		return false
	}
	waiting := 0
	_ = raw.Control(func(fd uintptr) { waiting, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }) // what is closed holds none
	return waiting > 0
}

// heardWithin reports whether the first bytes of the connection were read no longer ago than that: their request may not be
// judged yet.
func (c *connection) heardWithin(span time.Duration) bool {
	heard := c.heard.Load()
	return heard != nil && time.Since(*heard) < span
}

// place is one in a ring. It belongs to its connection, so that a request costs no memory and no search.
type place struct {
	conn          *connection // nil at the ends of the ring
	among         *quiet      // nil: not silent
	before, after *place
}

// acceptor gives connections that silence knows.
type acceptor struct {
	net.Listener
	silence *silence
}

// Accept implements net.Listener. It takes nobody while it is the process that is behind: after a restart the queue may
// hold more connections than there are places for, all with a request that nobody has read yet.
func (a acceptor) Accept() (net.Conn, error) {
	for begun := time.Now(); a.silence.behind() && time.Since(begun) < maxBehind; {
		time.Sleep(time.Millisecond)
	}
	accepted, err := a.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newConnection(accepted), nil
}

func newConnection(accepted net.Conn) *connection {
	c := &connection{Conn: accepted, accepted: time.Now()}
	c.place.conn = c
	return c
}

func newSilence(unasked, idle int) *silence {
	s := &silence{unasked: quiet{most: unasked}, idle: quiet{most: idle}}
	for _, q := range []*quiet{&s.unasked, &s.idle} {
		q.ends.before, q.ends.after = &q.ends, &q.ends
	}
	return s
}

// note is an http.Server's ConnState for the connections of an acceptor, and for TLS on top of them. net/http calls a
// connection active once it has read a whole header: one whose TLS handshake lasts has said nothing until then. An HTTP/2
// connection it calls idle after the client's preface too, which asks nothing.
func (s *silence) note(accepted net.Conn, state http.ConnState) {
	secured, isTLS := accepted.(*tls.Conn)
	if isTLS {
		accepted = secured.NetConn()
	}
	conn, ok := accepted.(*connection)
	if !ok {
		return
	}
	if state == http.StateIdle && !conn.idled {
		conn.idled = true
		if isTLS && secured.ConnectionState().NegotiatedProtocol == "h2" {
			state = http.StateNew
		}
	}
	if excess := s.move(&conn.place, state); excess != nil {
		_ = excess.Close() // its goroutine sees that and tells StateClosed
	}
}

// behind reports whether the next connection would push out one that has sent what nobody has read yet, or that had no
// time to.
func (s *silence) behind() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unasked.count < s.unasked.most {
		return false
	}
	first := s.unasked.ends.after.conn
	return time.Since(first.accepted) < maxRead || first.unread() || first.heardWithin(maxRead)
}

// closeUnasked closes all connections that have not sent a whole request header, as far as claimd has read what they
// sent, and had time to judge it.
func (s *silence) closeUnasked() {
	s.mu.Lock()
	var all []*connection
	for p := s.unasked.ends.after; p != &s.unasked.ends; p = p.after {
		all = append(all, p.conn)
	}
	s.mu.Unlock()
	for _, conn := range all {
		if !conn.unread() && !conn.heardWithin(askedAgain) {
			_ = conn.Close()
		}
	}
}

// move takes the connection from where it stands to where it belongs, and gives the one that has to go for it.
func (s *silence) move(p *place, state http.ConnState) *connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.leave()
	switch state {
	case http.StateNew:
		return s.unasked.add(p)
	case http.StateIdle:
		return s.idle.add(p)
	}
	return nil
}

// add puts the place at the end, and gives the connection that stood first where there is one too many.
func (q *quiet) add(p *place) *connection {
	p.among = q
	p.before, p.after = q.ends.before, &q.ends
	p.before.after, q.ends.before = p, p
	q.count++
	if q.count <= q.most {
		return nil
	}
	first := q.ends.after
	first.leave()
	return first.conn
}

func (p *place) leave() {
	if p.among == nil {
		return
	}
	p.before.after, p.after.before = p.after, p.before
	p.among.count--
	p.among, p.before, p.after = nil, nil, nil
}
