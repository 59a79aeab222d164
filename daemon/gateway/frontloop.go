package gateway

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// loop waits for the requests of many connections. Its goroutine owns them while they wait.
type loop struct {
	front *Front
	epoll int
	wake  int // an eventfd that ends the loop
	head  *head
	ready answers
	into  []byte // what is read; as long as the longest header that is recognised, and a bit

	mu    sync.Mutex // guards what follows, and held.cancel
	conns map[int32]*held
	ended bool // epoll and wake are closed
}

// slack is what one read may give beyond a header of the limit, so that it is seen to be longer.
const slack = 4 << 10

func newLoop(f *Front) (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(wake)})
	}
	if err != nil {
		_ = unix.Close(epoll)
		_ = unix.Close(wake) // which fails where there is none
		return nil, err
	}
	return &loop{
		front: f, epoll: epoll, wake: wake, head: newHead(), into: make([]byte, f.server.MaxHeaderBytes+slack),
		conns: make(map[int32]*held),
	}, nil
}

// run is the loop's goroutine.
func (l *loop) run() {
	events := make([]unix.EpollEvent, 64)
	for {
		n, err := unix.EpollWait(l.epoll, events, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			panic(err) // the descriptors are this loop's own: nothing is served without it, and systemd starts claimd anew
		}
		for _, event := range events[:max(n, 0)] {
			if int(event.Fd) == l.wake {
				l.end()
				return
			}
			if c := l.waiting(event.Fd); c != nil {
				l.serve(c)
			}
		}
	}
}

// waiting gives the connection that an event is for. nil: it went since, or its client went away while its request was
// judged, which is told to who judges.
func (l *loop) waiting(fd int32) *held {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.conns[fd]
	if c == nil || c.cancel == nil {
		return c
	}
	if !c.ending.Load() {
		c.cancel()
	}
	return nil
}

// add begins to wait for the connection's first request. false: the loop has ended.
func (l *loop) add(c *held) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	c.loop = l
	server := l.front.server
	c.ends.Store(time.Now().Add(server.ReadHeaderTimeout).UnixNano())
	l.conns[int32(c.fd)] = c
	if l.watch(unix.EPOLL_CTL_ADD, c, unix.EPOLLIN) != nil { // no memory, or too many are watched (epoll(7))
		delete(l.conns, int32(c.fd))
		return false
	}
	c.timer = time.AfterFunc(server.ReadHeaderTimeout, c.expire)
	return true
}

func (l *loop) watch(operation int, c *held, events uint32) error {
	return unix.EpollCtl(l.epoll, operation, c.fd, &unix.EpollEvent{Events: events, Fd: int32(c.fd)})
}

// judge gives the connection to a goroutine until its request is answered. Until then the loop hears of the client's end
// alone, as net/http does.
func (l *loop) judge(c *held, asked question) {
	ctx, cancel := context.WithCancel(context.Background())
	l.mu.Lock()
	c.cancel = cancel
	err := l.watch(unix.EPOLL_CTL_MOD, c, unix.EPOLLRDHUP|unix.EPOLLONESHOT)
	l.mu.Unlock()
	if err != nil {
		cancel()
		l.drop(c)
		return
	}
	c.ends.Store(never)
	l.front.note(c.outer, http.StateActive)
	go func() {
		defer cancel()
		defer l.outlive(c)
		l.front.judge(ctx, c, asked)
	}()
}

// resume has the loop wait for the connection's next request. The goroutine that judged the last one calls it.
func (l *loop) resume(c *held) {
	l.rest(c)
	l.mu.Lock()
	c.cancel = nil
	if l.ended || l.front.leaves.Load() || l.await(c) != nil {
		l.mu.Unlock()
		l.drop(c)
		return
	}
	l.mu.Unlock()
}

// await waits for the next request, from the first answer on under another descriptor. It holds l.mu.
func (l *loop) await(c *held) error {
	if c.settled {
		return l.watch(unix.EPOLL_CTL_MOD, c, unix.EPOLLIN)
	}
	_ = l.watch(unix.EPOLL_CTL_DEL, c, 0) // it is watched
	delete(l.conns, int32(c.fd))
	c.settle()
	l.conns[int32(c.fd)] = c
	return l.watch(unix.EPOLL_CTL_ADD, c, unix.EPOLLIN)
}

// forget has the loop hear no more of the connection. false: it does not since long, and the descriptor may be another's.
func (l *loop) forget(c *held) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns[int32(c.fd)] != c {
		return false
	}
	delete(l.conns, int32(c.fd))
	c.timer.Stop()
	c.cancel = nil
	if !l.ended {
		_ = l.watch(unix.EPOLL_CTL_DEL, c, 0) // it is watched
	}
	return true
}

// drop closes the connection, which its owner alone may ask for.
func (l *loop) drop(c *held) {
	if l.forget(c) {
		_ = c.socket.Close()
		l.front.note(c.outer, http.StateClosed)
	}
}

// hand gives the connection to net/http for good, with what was read of its next request, and what is left of its last
// answer.
func (l *loop) hand(c *held, read, unsent []byte) {
	if !l.forget(c) {
		return
	}
	if err := c.give(slices.Clone(read), unsent, l.front.server.WriteTimeout); err != nil { // no descriptor is left
		l.front.logf("http: a connection was closed: %v", err)
		_ = c.socket.Close()
		l.front.note(c.outer, http.StateClosed)
		return
	}
	l.front.hand(c.outer)
}

// outlive is deferred by the owner of the connection: what breaks costs this connection alone, as with net/http.
func (l *loop) outlive(c *held) {
	broken := recover()
	if broken == nil {
		return
	}
	l.front.logf("http: panic serving %v: %v\n%s", c.remote, broken, debug.Stack())
	l.drop(c)
}

// leaveIdle ends the connections that are between two requests.
func (l *loop) leaveIdle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		if c.cancel == nil && c.answered.Load() {
			_ = c.Close()
		}
	}
}

// stop ends the loop.
func (l *loop) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		_, _ = unix.Write(l.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // eventfd(2) adds it
	}
}

// end closes what waits, and has those who judge give up: they close theirs.
func (l *loop) end() {
	l.mu.Lock()
	l.ended = true
	var left []*held
	for _, c := range l.conns {
		if c.cancel != nil {
			c.cancel()
			continue
		}
		left = append(left, c)
	}
	_ = unix.Close(l.epoll)
	_ = unix.Close(l.wake)
	l.mu.Unlock()
	for _, c := range left {
		l.drop(c)
	}
}
