package systemtest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// How a gateway asks: this many requests a second, whatever becomes of those before; of five, four on a connection of
// their own and one on a connection that is kept.
const (
	everyRequest = 2 * time.Millisecond
	keptOfFive   = 1
	keptMost     = 16
	patience     = 10 * time.Second // for connection and answer
)

// order is what loadMain reads: the target as host:port or unix:/path, and the token.
type order struct {
	Target string
	Token  string
}

// tally is what became of the requests.
type tally struct {
	Sent     int
	Statuses map[int]int // of complete answers
	Refused  int         // no connection
	Cut      int         // written, and no complete answer
	Retried  int         // of those on a kept connection that was closed before a byte of the answer came: asked again
	Failures []string    // the first ten of Refused and Cut, in words
	Slowest  time.Duration
	Median   time.Duration
	Most     time.Duration // 99 of 100 are not slower
	Connect  time.Duration // the slowest connection
}

// failed counts the requests that a client would see fail: all but those that got a 200.
func (t tally) failed() int { return t.Sent - t.Statuses[http.StatusOK] }

func (t tally) String() string {
	return fmt.Sprintf("%d requests, answers by status %v, %d refused connections, %d cut off, %d asked again on a new connection; "+
		"median %s, 99 %% within %s, slowest %s, slowest connection %s\n%s", t.Sent, t.Statuses, t.Refused, t.Cut, t.Retried,
		milliseconds(t.Median), milliseconds(t.Most), milliseconds(t.Slowest), milliseconds(t.Connect), strings.Join(t.Failures, "\n"))
}

// load asks /auth of the target until the returned function is called, which gives what became of it.
func (h *host) load(target, token string) (stop func() tally) {
	h.t.Helper()
	command, in, out := h.role("load")
	if err := json.NewEncoder(in).Encode(order{target, token}); err != nil {
		h.t.Fatal(err)
	}
	return func() tally {
		h.t.Helper()
		_ = in.Close()
		var t tally
		if err := json.NewDecoder(out).Decode(&t); err != nil {
			h.t.Fatalf("the load: %v", err)
		}
		if err := command.Wait(); err != nil {
			h.t.Fatalf("the load: %v", err)
		}
		return t
	}
}

// role starts this program in the host's network; it ends with its standard input.
func (h *host) role(name string) (*exec.Cmd, io.WriteCloser, io.Reader) {
	h.t.Helper()
	self, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	command := exec.Command("nsenter", "--target", h.pid, "--net", self) // #nosec G204 -- this very program
	command.Env = append(os.Environ(), roleVariable+"="+name)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		h.t.Fatal(err)
	}
	return command, in, out
}

// loadMain asks until in ends, and writes the tally.
func loadMain(in io.Reader, out io.Writer) int {
	decoder := json.NewDecoder(in)
	l := loader{kept: make(chan *connection, keptMost), tally: tally{Statuses: map[int]int{}}}
	if err := decoder.Decode(&l.order); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, in)
		close(ended)
	}()
	l.ask(ended)
	if err := json.NewEncoder(out).Encode(l.sum()); err != nil {
		return 1
	}
	return 0
}

type loader struct {
	order order
	kept  chan *connection

	mu    sync.Mutex // guards what follows
	tally tally
	times []time.Duration
}

type connection struct {
	net.Conn
	read *bufio.Reader
}

// ask sends a request each time one is due, also where earlier ones wait for their answers.
func (l *loader) ask(ended <-chan struct{}) {
	var asking sync.WaitGroup
	defer asking.Wait()
	begun := time.Now()
	for i := 0; ; i++ {
		select {
		case <-ended:
			return
		case <-time.After(time.Until(begun.Add(time.Duration(i) * everyRequest))):
		}
		asking.Go(func() {
			sent := time.Now()
			var status int
			var err error
			if i%5 < keptOfFive {
				status, err = l.onKept()
			} else {
				status, err = l.onNew(false)
			}
			l.count(status, err, time.Since(begun), time.Since(sent))
		})
	}
}

// onKept uses an idle connection where there is one. A server may close one that is idle at any time, also just when a
// request is on its way; so that request is asked again, as gateways do.
func (l *loader) onKept() (int, error) {
	select {
	case c := <-l.kept:
		status, again, err := l.exchange(c, true)
		if !again {
			return status, err
		}
		l.mu.Lock()
		l.tally.Retried++
		l.mu.Unlock()
	default:
	}
	return l.onNew(true)
}

var errRefused = errors.New("no connection")

func (l *loader) onNew(keep bool) (int, error) {
	network, address := "tcp", l.order.Target
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	begun := time.Now()
	dialled, err := net.DialTimeout(network, address, patience)
	l.connected(time.Since(begun))
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errRefused, err)
	}
	status, _, err := l.exchange(&connection{dialled, bufio.NewReader(dialled)}, keep)
	return status, err
}

func (l *loader) connected(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.Connect = max(l.tally.Connect, took)
}

// exchange asks once. again says that the connection was closed before a byte of the answer came.
func (l *loader) exchange(c *connection, keep bool) (status int, again bool, err error) {
	_ = c.SetDeadline(time.Now().Add(patience))
	ending := ""
	if !keep {
		ending = "Connection: close\r\n"
	}
	_, err = fmt.Fprintf(c, "GET /auth HTTP/1.1\r\nHost: api.example.com\r\n%sAuthorization: Bearer %s\r\n\r\n", ending, l.order.Token)
	if err != nil {
		_ = c.Close()
		return 0, true, err
	}
	if _, err := c.read.Peek(1); err != nil {
		_ = c.Close()
		return 0, errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET), err
	}
	response, err := http.ReadResponse(c.read, nil)
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body)
	}
	if err != nil {
		_ = c.Close()
		return 0, false, err
	}
	if !keep || response.Close {
		_ = c.Close()
		return response.StatusCode, false, nil
	}
	select {
	case l.kept <- c:
	default: // enough are kept
		_ = c.Close()
	}
	return response.StatusCode, false, nil
}

func (l *loader) count(status int, err error, at, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.Sent++
	l.times = append(l.times, took)
	switch {
	case errors.Is(err, errRefused):
		l.tally.Refused++
	case err != nil:
		l.tally.Cut++
	default:
		l.tally.Statuses[status]++
		return
	}
	if len(l.tally.Failures) < 10 {
		l.tally.Failures = append(l.tally.Failures, fmt.Sprintf("after %s: %v", milliseconds(at), err))
	}
}

func (l *loader) sum() tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.times)
	if n := len(l.times); n > 0 {
		l.tally.Median, l.tally.Most, l.tally.Slowest = l.times[n/2], l.times[n*99/100], l.times[n-1]
	}
	return l.tally
}
