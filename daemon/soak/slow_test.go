package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// slowKinds are the ways in which a connection is held. The last one costs claimd an answer for each request: it is the
// way of one connection in 500, the others share the rest.
var slowKinds = [...]slowKind{
	{"nothing sent", 5 * time.Second, func(*slowClient) {}},
	{"a header byte by byte", 6 * time.Second, func(c *slowClient) {
		c.drip("GET /auth HTTP/1.1\r\nHost: claimd\r\nAuthorization: Bearer " + strings.Repeat("a", 1000))
	}},
	{"half a request line", 5 * time.Second, func(c *slowClient) { c.send("GET /au") }},
	{"a body byte by byte", 7 * time.Second, func(c *slowClient) {
		c.send("POST /auth HTTP/1.1\r\nHost: claimd\r\nContent-Length: 100000\r\n\r\n")
		c.drip(strings.Repeat("b", 1000))
	}},
	{"idle after an answer", 60 * time.Second, func(c *slowClient) { c.send("GET /auth HTTP/1.1\r\nHost: claimd\r\n\r\n") }},
	{"answers unread", time.Minute, func(c *slowClient) {
		c.reads = false
		_ = c.socket.(*net.TCPConn).SetReadBuffer(4 << 10) // so that few answers fill what the kernel holds
		for c.send(strings.Repeat(string(get("/auth", bearer(c.token))), 10)) && c.wait(200*time.Millisecond) {
		}
	}},
}

// crowdWanted is how many connections the long form holds at once.
const crowdWanted = 10_000

// slowKindOf gives the place of the kind of the connection of that number.
func slowKindOf(number int) int {
	const others = len(slowKinds) - 1
	if number%500 == 59 {
		return others
	}
	return number % others
}

// slowKind is one way to hold a connection.
type slowKind struct {
	name   string
	limit  time.Duration // after which claimd closes it
	behave func(*slowClient)
}

// slowClient is one such connection.
type slowClient struct {
	ctx    context.Context
	socket net.Conn
	token  string // of 200 groups, whose answer is long
	reads  bool   // what comes is read, and the end is seen so
}

// send reports whether the connection is open still.
func (c *slowClient) send(text string) bool {
	_, err := io.WriteString(c.socket, text)
	return err == nil
}

func (c *slowClient) drip(text string) {
	for i := range len(text) {
		if !c.send(text[i : i+1]) {
			return
		}
		if !c.wait(time.Second) {
			return
		}
	}
}

// wait reports false where the context ended first.
func (c *slowClient) wait(d time.Duration) bool { return pause(time.Now().Add(d), c.ctx.Done()) }

// hold opens a connection and holds it until claimd closes it, or the context ends; then held is -1.
func (k slowKind) hold(ctx context.Context, address, token string) (held time.Duration, err error) {
	socket, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	stop := context.AfterFunc(ctx, func() { _ = socket.Close() })
	defer func() { stop(); _ = socket.Close() }()
	c := &slowClient{ctx: ctx, socket: socket, token: token, reads: true}
	k.behave(c)
	if c.reads {
		_, _ = io.Copy(io.Discard, socket) // an error is an end too: the rest of a body makes the kernel reset
	}
	if ctx.Err() != nil {
		return -1, nil
	}
	return time.Since(begun), nil
}

// slowCrowd holds many connections at once, of all kinds.
type slowCrowd struct {
	token   string
	open    atomic.Int64
	ended   sync.WaitGroup
	cancel  context.CancelFunc
	mu      sync.Mutex
	closed  [len(slowKinds)]latencies // by claimd
	refused map[string]int
}

// newSlowCrowd opens connections, a thousand a second, to hold them; again opens one anew where claimd closed it.
func newSlowCrowd(address, token string, connections int, again bool) *slowCrowd {
	ctx, cancel := context.WithCancel(context.Background())
	s := &slowCrowd{cancel: cancel, token: token, refused: map[string]int{}}
	for i := range connections {
		s.ended.Go(func() {
			kind := slowKindOf(i)
			if !pause(time.Now().Add(time.Duration(i)*time.Millisecond), ctx.Done()) {
				return
			}
			for {
				next := time.Now().Add(5 * time.Second) // a connection that is closed sooner makes no flood of connections
				s.hold(ctx, kind, address)
				if !again || !pause(next, ctx.Done()) {
					return
				}
			}
		})
	}
	return s
}

func (s *slowCrowd) hold(ctx context.Context, kind int, address string) {
	s.open.Add(1)
	held, err := slowKinds[kind].hold(ctx, address, s.token)
	s.open.Add(-1)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil && !errors.Is(err, context.Canceled):
		s.refused[err.Error()]++
	case err == nil && held >= 0:
		s.closed[kind].add(held)
	}
}

// leave closes what is open.
func (s *slowCrowd) leave() {
	s.cancel()
	s.ended.Wait()
}

func (s *slowCrowd) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := fmt.Sprintf("refused: %v", s.refused)
	for i := range slowKinds {
		text += fmt.Sprintf("\n  %s: %d closed, after %v", slowKinds[i].name, s.closed[i].count, &s.closed[i])
	}
	return text
}

// crowdSize is how many connections may be held, by the limit on descriptors that this process and claimd share.
func crowdSize(t *testing.T, wanted int) int {
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	limit.Cur = limit.Max // Go's runtime raises it for itself; claimd is started with it by Go too, and raises it again
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	if room := int(min(limit.Max, 1<<20)) - 500; room < wanted {
		t.Logf("%d connections, not %d: no more descriptors may be had (ulimit -Hn %d)", room, wanted, limit.Max)
		return room
	}
	return wanted
}

// Issue "Hard to break", 5; FAULTS 154 (slowloris). Whoever opens connections and says nothing, or says it byte by
// byte, or does not read what is said, takes neither the time nor the memory of the others, and not for long.
func TestSlowConnectionsAreClosedAndHarmNobody(t *testing.T) {
	connections, lasting := 120, 20*time.Second
	if long() == 0 {
		t.Parallel()
	} else {
		connections, lasting = crowdSize(t, crowdWanted), min(long(), 5*time.Minute)
	}
	r := newRig(t)
	p := newPress(t, r, []string{analysts})
	ids, lines := manyGroups(200)
	r.write(r.toml("[groups]\n", "[groups]\n"+lines))
	d := r.start()
	honest := newHonest(d, p)
	alone := honest.run(min(lasting/4, 10*time.Second, max(time.Second, long())))
	base := d.facts()
	crowd := newSlowCrowd(d.address, r.token("ada", map[string]any{"groups": ids}), connections, long() > 0)
	running := honest.load().start()
	var most facts
	for limit := time.Now().Add(lasting); time.Now().Before(limit); time.Sleep(time.Second) {
		f := d.outside() // to list 10,000 descriptors holds claimd up: it cannot be looked at all the time
		most.resident, most.descriptors = max(most.resident, f.resident), max(most.descriptors, f.descriptors)
		if long() == 0 && crowd.mayEnd() { // all the others are closed
			break
		}
	}
	beside := running.stop()
	crowd.leave()
	after := d.waitDescriptors(base.descriptors)
	t.Logf("%d connections\n  alone:  %v\n  beside: %v\n  base:  %v\n  most:  %.1f MiB resident, %d descriptors\n  after: %v\n%v",
		connections, alone, beside, base, float64(most.resident)/mebibyte, most.descriptors, after, crowd)
	honest.hold(t, "alone", alone)
	honest.hold(t, "beside", beside)
	for i, kind := range slowKinds {
		closed := &crowd.closed[i]
		if closed.count == 0 && (kind.limit < 10*time.Second || kind.limit < lasting-10*time.Second) {
			t.Errorf("%s: none was closed, want it within %v", kind.name, kind.limit)
		}
		if late := closed.at(0.99); long() > 0 && late > kind.limit+time.Second {
			t.Errorf("%s: closed after %v, want it within %v", kind.name, late, kind.limit)
		}
	}
	if len(crowd.refused) > 0 {
		t.Errorf("connections refused: %v", crowd.refused)
	}
	if most.resident > 128*mebibyte {
		t.Errorf("%.1f MiB resident at most, want less than 128", float64(most.resident)/mebibyte)
	}
}

// mayEnd reports whether all are closed whose time is not longer than a short form's.
func (s *slowCrowd) mayEnd() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, kind := range slowKinds {
		if kind.limit < 10*time.Second && s.closed[i].count == 0 {
			return false
		}
	}
	return true
}

// waitDescriptors waits until no more descriptors are open than there were, but for a handful.
func (d *daemonProcess) waitDescriptors(base int) facts {
	d.t.Helper()
	for limit := time.Now().Add(70 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		f := d.facts()
		if f.descriptors <= base+5 {
			return f
		}
		if time.Now().After(limit) {
			d.t.Errorf("%d descriptors after all have gone, want about %d", f.descriptors, base)
			return f
		}
	}
}
