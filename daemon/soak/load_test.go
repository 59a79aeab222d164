package soak

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// load asks claimd over some connections that stay open. It speaks HTTP/1.1 itself: net/http's client would take more
// CPU time than the server that it asks.
type load struct {
	address     string        // host:port, or unix:/path
	connections int           // each asks one request after another
	rate        int           // requests a second, of all connections together; 0 = as fast as the answers come
	limit       time.Duration // for one answer; 0 = 10 s

	// next gives the bytes of a connection's next request (see get); number counts from 0 for each connection. Every
	// connection's goroutine calls it.
	next func(connection, number int) []byte
	// check judges an answer; nil = all are right. Every connection's goroutine calls it, and the answer is valid until
	// it returns.
	check func(*answer) error
}

// answer is one answer.
type answer struct {
	connection, number int       // of the request
	sent               time.Time // when the request's first byte was about to be written
	status             int
	body               []byte

	fields []byte // the header, without the status line
}

// get gives the value of the first field of that name (in any case); "" where there is none or it is empty.
func (a *answer) get(name string) string { value, _ := a.lookup(name); return value }

// lookup is get, and tells whether the field is there.
func (a *answer) lookup(name string) (value string, ok bool) {
	for rest := a.fields; len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		if len(line) > len(name) && line[len(name)] == ':' && strings.EqualFold(string(line[:len(name)]), name) {
			return string(bytes.TrimSpace(line[len(name)+1:])), true
		}
	}
	return "", false
}

// get gives the bytes of a GET with these header lines ("Name: value").
func get(path string, lines ...string) []byte {
	text := "GET " + path + " HTTP/1.1\r\nHost: claimd\r\n"
	for _, line := range lines {
		text += line + "\r\n"
	}
	return []byte(text + "\r\n")
}

// bearer is the header line that sends the token.
func bearer(token string) string { return "Authorization: Bearer " + token }

// loadResult is what came of a load.
type loadResult struct {
	asked    int         // answers, right and wrong ones
	statuses map[int]int // how many of each
	failed   int         // requests without an answer: refused, cut off, garbled, too late
	wrong    int         // answers that check did not like
	problems []string    // the first 10 of failed and wrong, in words
	// latencies are from when a request was sent; where a rate is given and the connection's last answer came only after
	// the request was due, from when it was due: else one slow answer would hide those that had to wait for it.
	latencies latencies
	elapsed   time.Duration
}

func (r *loadResult) String() string {
	return fmt.Sprintf("%d answers in %v (%.0f a second) %v, %d failed, %d wrong; %s",
		r.asked, r.elapsed.Round(time.Millisecond), float64(r.asked)/r.elapsed.Seconds(), r.statuses, r.failed, r.wrong, &r.latencies)
}

func (r *loadResult) problem(format string, args ...any) {
	if len(r.problems) < 10 {
		r.problems = append(r.problems, fmt.Sprintf(format, args...))
	}
}

func (r *loadResult) merge(other *loadResult) {
	r.asked += other.asked
	r.failed += other.failed
	r.wrong += other.wrong
	for status, n := range other.statuses {
		r.statuses[status] += n
	}
	r.problems = append(r.problems, other.problems...)
	r.problems = r.problems[:min(10, len(r.problems))]
	r.latencies.merge(&other.latencies)
}

// runningLoad is a load that runs.
type runningLoad struct {
	load    load
	begun   time.Time
	done    chan struct{}
	ended   sync.WaitGroup
	results []*loadResult
	asked   atomic.Int64 // answers so far
}

// start asks until stop, or for ever.
func (l load) start() *runningLoad {
	if l.limit == 0 {
		l.limit = 10 * time.Second
	}
	r := &runningLoad{load: l, begun: time.Now(), done: make(chan struct{}), results: make([]*loadResult, l.connections)}
	for i := range l.connections {
		r.results[i] = &loadResult{statuses: map[int]int{}}
		c := &connection{load: r.load, index: i, result: r.results[i], asked: &r.asked}
		r.ended.Go(func() { c.run(r.begun, r.done) })
	}
	return r
}

// run asks for so long, and gives what came of it.
func (l load) run(duration time.Duration) *loadResult {
	r := l.start()
	time.Sleep(duration)
	return r.stop()
}

// stop ends the load when the requests that are under way are answered.
func (r *runningLoad) stop() *loadResult {
	close(r.done)
	r.ended.Wait()
	all := &loadResult{statuses: map[int]int{}, elapsed: time.Since(r.begun)}
	for _, result := range r.results {
		all.merge(result)
	}
	return all
}

// connection is one connection of a load, opened again where it broke.
type connection struct {
	load   load
	index  int
	result *loadResult
	asked  *atomic.Int64

	socket net.Conn // nil = none is open
	reader *bufio.Reader
	head   []byte // reused
	body   []byte // reused
}

func (c *connection) run(begun time.Time, done <-chan struct{}) {
	defer c.close()
	free := begun // when the last answer had come
	for number := 0; ; number++ {
		due := c.due(begun, number)
		if !pause(due, done) {
			return
		}
		from := time.Now()
		if c.load.rate > 0 && free.After(due) {
			from = due
		}
		a, err := c.ask(number)
		free = time.Now()
		if err != nil {
			c.result.failed++
			c.result.problem("connection %d, request %d, after %v: %v", c.index, number, free.Sub(from).Round(time.Millisecond), err)
			c.close()
			if !pause(free.Add(10*time.Millisecond), done) { // a dead daemon is not asked without end
				return
			}
			continue
		}
		c.asked.Add(1)
		c.result.asked++
		c.result.statuses[a.status]++
		c.result.latencies.add(free.Sub(from))
		if c.load.check == nil {
			continue
		}
		if err := c.load.check(a); err != nil {
			c.result.wrong++
			c.result.problem("connection %d, request %d, status %d: %v", c.index, number, a.status, err)
		}
	}
}

// due is when the request is to be sent: those of all connections are spread evenly.
func (c *connection) due(begun time.Time, number int) time.Time {
	if c.load.rate == 0 {
		return begun
	}
	nth := number*c.load.connections + c.index
	return begun.Add(time.Duration(float64(nth) / float64(c.load.rate) * float64(time.Second)))
}

// pause waits until then; false: it was told to end.
func pause(then time.Time, done <-chan struct{}) bool {
	wait := time.Until(then)
	if wait <= 0 {
		select {
		case <-done:
			return false
		default:
			return true
		}
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-done:
		return false
	case <-timer.C:
		return true
	}
}

// ask sends one request and reads its answer.
func (c *connection) ask(number int) (*answer, error) {
	request := c.load.next(c.index, number)
	if c.socket == nil {
		if err := c.open(); err != nil {
			return nil, err
		}
	}
	a := &answer{connection: c.index, number: number, sent: time.Now()}
	if err := c.socket.SetDeadline(a.sent.Add(c.load.limit)); err != nil {
		return nil, err
	}
	if _, err := c.socket.Write(request); err != nil {
		return nil, err
	}
	if err := c.read(a); err != nil {
		return nil, err
	}
	if strings.EqualFold(a.get("Connection"), "close") {
		c.close()
	}
	return a, nil
}

func (c *connection) open() error {
	network, address := "tcp", c.load.address
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	socket, err := net.DialTimeout(network, address, c.load.limit)
	if err != nil {
		return err
	}
	c.socket = socket
	if c.reader == nil {
		c.reader = bufio.NewReaderSize(socket, 32<<10)
	}
	c.reader.Reset(socket)
	return nil
}

func (c *connection) close() {
	if c.socket != nil {
		_ = c.socket.Close()
		c.socket = nil
	}
}

var errGarbled = errors.New("this is no answer of HTTP/1.1")

// read reads an answer with Content-Length, which every answer of claimd has.
func (c *connection) read(a *answer) error {
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return err
	}
	text, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !ok || len(text) < 3 {
		return fmt.Errorf("%w: %.40q", errGarbled, line)
	}
	if a.status, err = strconv.Atoi(string(text[:3])); err != nil {
		return fmt.Errorf("%w: %.40q", errGarbled, line)
	}
	c.head = c.head[:0]
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			break
		}
		c.head = append(c.head, line...)
	}
	a.fields = c.head
	return c.readBody(a)
}

func (c *connection) readBody(a *answer) error {
	length, err := strconv.Atoi(a.get("Content-Length"))
	if err != nil || length < 0 || length > 1<<20 {
		return fmt.Errorf("%w: Content-Length %q", errGarbled, a.get("Content-Length"))
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	a.body = c.body[:length]
	_, err = io.ReadFull(c.reader, a.body)
	return err
}

// askOnce asks one question on a connection of its own.
func askOnce(address string, request []byte) (*answer, error) {
	c := &connection{load: load{address: address, limit: 10 * time.Second, next: func(int, int) []byte { return request }}}
	defer c.close()
	return c.ask(0)
}
