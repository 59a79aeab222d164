package daemon

import (
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxUnwritten = 256 << 10              // bytes of lines that wait for a reader who is slow
	sinkPatience = 100 * time.Millisecond // how long the first line waits to be written, before none does any more
	syncPatience = time.Second            // how long sync waits
)

// sink writes lines in their order, and nobody waits for whoever reads them. A full pipe (its reader hangs, or somebody
// stopped the terminal) must not hold up requests that are to be refused, nor reloads, nor SIGTERM: a line that is not
// written soon waits in memory, up to a bound, and what comes beyond that is counted and lost. Its goroutine runs only
// while there are lines to write. All methods may be called at once.
type sink struct {
	out      io.Writer
	patience time.Duration             // 0: a line is always waited for; such an out never blocks
	lost     func(lines uint64) []byte // a line that says how many were lost

	mu      sync.Mutex
	waiting []unwritten
	bytes   int           // of waiting
	missed  uint64        // lines that were lost and that no line tells of yet
	idle    chan struct{} // closed when all is written; nil: all is
	stalled bool          // a line was not written in time, and the goroutine is still busy: nobody waits
}

// unwritten is a line that is not written yet.
type unwritten struct {
	line []byte
	send func() error  // takes the entry where it can, in place of out; nil: out takes the line
	done chan struct{} // closed when it is
}

// newSink writes to out, as which a file is another descriptor of the same: the Go runtime ends a program that writes to
// its standard error when the reader has gone.
func newSink(out io.Writer, lost func(lines uint64) []byte) *sink {
	file, ok := out.(*os.File)
	if !ok {
		return &sink{out: out, lost: lost}
	}
	if descriptor, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 3); err == nil {
		file = os.NewFile(uintptr(descriptor), file.Name())
	}
	return &sink{out: file, patience: sinkPatience, lost: lost}
}

// write returns once the line is written, or when it has waited long enough. Where send is not nil and gives no error,
// it took the entry, and the line is not needed.
func (s *sink) write(line []byte, send func() error) {
	done := s.queue(line, send)
	if done == nil {
		return
	}
	if s.patience == 0 {
		<-done
		return
	}
	timer := time.NewTimer(s.patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stalled = s.idle != nil
	}
}

// queue gives what to wait for; nil = nothing.
func (s *sink) queue(line []byte, send func() error) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes+len(line) > maxUnwritten && len(s.waiting) > 0 {
		s.missed++
		return nil
	}
	next := unwritten{line: line, send: send, done: make(chan struct{})}
	s.waiting = append(s.waiting, next)
	s.bytes += len(line)
	if s.idle == nil {
		s.idle = make(chan struct{})
		go s.drain()
	}
	if s.stalled {
		return nil
	}
	return next.done
}

// drain writes until nothing waits. What cannot be written, as no reader is there or the disk is full, is lost.
func (s *sink) drain() {
	for next, ok := s.next(); ok; next, ok = s.next() {
		if next.send == nil || next.send() != nil {
			_, _ = s.out.Write(next.line)
		}
		close(next.done)
	}
}

// next takes the line that waits for longest. Where none does and lines were lost, it is the one that tells of them.
func (s *sink) next() (unwritten, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 && s.missed > 0 {
		line := s.lost(s.missed)
		s.missed = 0
		return unwritten{line: line, done: make(chan struct{})}, true
	}
	if len(s.waiting) == 0 {
		s.waiting, s.stalled = nil, false
		close(s.idle)
		s.idle = nil
		return unwritten{}, false
	}
	next := s.waiting[0]
	s.waiting = s.waiting[1:]
	s.bytes -= len(next.line)
	return next, true
}

// sync waits until all is written, but not for long.
func (s *sink) sync() {
	s.mu.Lock()
	idle := s.idle
	s.mu.Unlock()
	if idle == nil {
		return
	}
	select {
	case <-idle:
	case <-time.After(syncPatience):
	}
}
