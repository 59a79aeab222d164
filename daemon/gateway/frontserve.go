package gateway

import (
	"errors"
	"net/http"
	"time"

	"golang.org/x/sys/unix"

	"github.com/claimd/claimd/daemon/access"
)

// least is how many bytes net/http waits for before it takes them for the next request of a connection.
const least = 4

// serve reads what the connection has sent, and answers a request whose identity is kept.
func (l *loop) serve(c *held) {
	defer l.outlive(c)
	if !c.answered.Load() { // before it is read: whoever looks finds it unread, or heard
		c.heard()
	}
	had := copy(l.into, c.partial)
	n, err := unix.Read(c.fd, l.into[had:])
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return // it is told again
	}
	if n <= 0 {
		l.over(c, err)
		return
	}
	data := l.into[:had+n]
	read := l.head.read(data, l.front.server.MaxHeaderBytes)
	if len(data) < least && c.answered.Load() {
		read = begun
	}
	switch read {
	case begun:
		l.keep(c, data)
	case whole:
		c.partial, c.pieces = nil, 0
		l.answer(c, data)
	default:
		l.hand(c, data, nil)
	}
}

// over ends a connection that nothing more comes from. One that ends within a header is net/http's to answer, but where
// its time was over.
func (l *loop) over(c *held, err error) {
	if err == nil && len(c.partial) >= least && c.ends.Load() != expired {
		l.hand(c, c.partial, nil)
		return
	}
	l.drop(c)
}

// mostPieces is in how many pieces the header of a request may come to the loop: the largest token comes in some 25 packets
// at most. In more it is net/http's, as each piece has the loop look at all again.
const mostPieces = 32

// keep keeps the beginning of a header.
func (l *loop) keep(c *held, data []byte) {
	if c.pieces++; c.pieces > mostPieces {
		l.hand(c, data, nil)
		return
	}
	if limit := l.front.server.ReadHeaderTimeout; c.pieces == 1 && c.answered.Load() { // for the first header it runs already
		c.ends.Store(time.Now().Add(limit).UnixNano())
		c.timer.Reset(limit)
	}
	c.partial = append(c.partial, data[len(c.partial):]...)
}

// answer answers the request that l.head has read, by what is kept of its token, or has it judged.
func (l *loop) answer(c *held, data []byte) {
	if l.head.token != nil {
		if decision, ok := l.front.gate.Recall(l.head.request(c.peer), l.head.token); ok {
			l.recalled(c, &decision)
			return
		}
	}
	question, ok := l.head.question(c.peer)
	if !ok { // the token has what no header may have
		l.hand(c, data, nil)
		return
	}
	l.judge(c, question)
}

// recalled answers who is let in. No other goroutine is asked for it.
func (l *loop) recalled(c *held, decision *access.Decision) {
	if l.front.closing() || l.front.leaves.Load() || l.head.closes || l.head.old {
		l.front.tell(c, decision, l.head.manner, l.idle)
		return
	}
	l.front.send(c, l.ready.allowed(decision), false, l.idle)
}

// write writes what the kernel takes at once.
func write(fd int, data []byte) (int, error) {
	for {
		n, err := unix.Write(fd, data)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return 0, nil
		}
		return n, err
	}
}

// idle is after an answer of the loop's own.
func (l *loop) idle(c *held) {
	l.rest(c)
	if c.settled {
		return
	}
	l.mu.Lock()
	err := l.await(c)
	l.mu.Unlock()
	if err != nil {
		l.drop(c)
	}
}

// rest notes that the connection is between two requests.
func (l *loop) rest(c *held) {
	c.answered.Store(true)
	c.ends.Store(time.Now().Add(l.front.server.IdleTimeout).UnixNano())
	l.front.note(c.outer, http.StateIdle)
}
