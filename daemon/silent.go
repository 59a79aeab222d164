package daemon

import (
	"net"
	"net/http"
	"sync"
)

// How many connections of one door may say nothing. Each takes some 28 KiB of resident memory until the door's time
// limits end it: 10,000 of them would take 289 MiB. Those that work on a request are not counted.
const (
	maxUnasked = 512 // that have not sent one whole request header yet (5 s at most)
	maxIdle    = 512 // between two requests (60 s at most)
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
}

// CloseWrite ends what is written. net/http asks for it so that a client which still sends reads its refusal before the
// connection is reset.
func (c *connection) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return nil
	}
	return half.CloseWrite()
}

// place is one in a ring. It belongs to its connection, so that a request costs no memory and no search.
type place struct {
	conn          *connection // nil at the ends of the ring
	among         *quiet      // nil: not silent
	before, after *place
}

// acceptor gives connections that silence knows.
type acceptor struct{ net.Listener }

// Accept implements net.Listener.
func (a acceptor) Accept() (net.Conn, error) {
	accepted, err := a.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newConnection(accepted), nil
}

func newConnection(accepted net.Conn) *connection {
	c := &connection{Conn: accepted}
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

// note is an http.Server's ConnState for the connections of an acceptor. net/http calls a connection active once it has
// read a whole header.
func (s *silence) note(accepted net.Conn, state http.ConnState) {
	conn, ok := accepted.(*connection)
	if !ok {
		return
	}
	if excess := s.move(&conn.place, state); excess != nil {
		_ = excess.Close() // its goroutine sees that and tells StateClosed
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
