package bench

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// connections is how many requests are under way at once.
const connections = 16

// server is one of the two processes.
type server struct {
	name    string
	pid     int
	address string
	socket  string  // of claimd: its unix socket
	beside  *server // the process whose time counts too; nil: none
	open    []*connection
}

// connection sends one request after the other.
type connection struct {
	net.Conn
	answer []byte // what was read of the last answer
	filled int
}

func (s *server) dial() error {
	for range connections {
		c, err := net.Dial("tcp", s.address)
		if err != nil {
			return err
		}
		s.open = append(s.open, &connection{Conn: c, answer: make([]byte, 32<<10)})
	}
	return nil
}

// exchange sends the request and reads an answer without a body, which must be a 200. It parses no more than that, to
// leave the processor to the server.
func (c *connection) exchange(request []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	for c.filled = 0; ; {
		n, err := c.Read(c.answer[c.filled:])
		c.filled += n
		if err != nil {
			return fmt.Errorf("%w after %d bytes of an answer", err, c.filled)
		}
		if bytes.HasSuffix(c.answer[:c.filled], []byte("\r\n\r\n")) {
			break
		}
	}
	if !bytes.HasPrefix(c.answer, []byte("HTTP/1.1 200 OK\r\n")) {
		return fmt.Errorf("want 200, got %q", c.answer[:c.filled])
	}
	return nil
}

// cost is what a round cost.
type cost struct {
	requests  int
	processor time.Duration // of the server's process
	wall      time.Duration
}

func (c cost) perRequest() float64 {
	return float64(c.processor) / float64(time.Microsecond) / float64(c.requests)
}
func (c cost) rate() float64 { return float64(c.requests) / c.wall.Seconds() }

// load sends requests on all connections at once until next gives no more. next may be called at once.
func (s *server) load(next func() []byte) (cost, error) {
	var (
		done     atomic.Int64
		running  sync.WaitGroup
		problems = make([]error, len(s.open))
		before   = s.processorTime()
		began    = time.Now()
	)
	for i, c := range s.open {
		running.Go(func() {
			for request := next(); request != nil; request = next() {
				if problems[i] = c.exchange(request); problems[i] != nil {
					return
				}
				done.Add(1)
			}
		})
	}
	running.Wait()
	return cost{int(done.Load()), s.processorTime() - before, time.Since(began)}, errors.Join(problems...)
}

// processorTime is what the process, and the one beside it, used so far in all its threads, user and system, those that ended too. The kernel
// knows it to the nanosecond under a clock of the process's own, whose number clock_getcpuclockid(3) makes in this way.
func (s *server) processorTime() time.Duration {
	const scheduler = 2 // CPUCLOCK_SCHED
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^s.pid<<3|scheduler), &t); err != nil {
		panic(fmt.Sprintf("no processor time of process %d: %v", s.pid, err))
	}
	sum := time.Duration(t.Nano())
	if s.beside != nil {
		sum += s.beside.processorTime()
	}
	return sum
}

// rotation gives its requests one after the other, and from the first on again. Rounds go on where the last one ended.
type rotation struct {
	requests [][]byte
	at       atomic.Uint64
}

// lasting gives requests until the time is over.
func (r *rotation) lasting(d time.Duration) func() []byte {
	var over atomic.Bool
	time.AfterFunc(d, func() { over.Store(true) })
	return func() []byte {
		if over.Load() {
			return nil
		}
		return r.requests[r.at.Add(1)%uint64(len(r.requests))]
	}
}

// once gives each request once.
func once(requests [][]byte) func() []byte {
	var at atomic.Int64
	return func() []byte {
		if i := int(at.Add(1)) - 1; i < len(requests) {
			return requests[i]
		}
		return nil
	}
}
