package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// tellEvery is how often the time left is told where it cannot be rewritten in place.
const tellEvery = 30 * time.Second

// screen is where a person sees what to do and what is waited for. It is standard error: standard output has the facts
// alone. All methods may be called at once.
type screen struct {
	out      io.Writer
	terminal bool // one line is rewritten in place

	mu      sync.Mutex
	pending bool // an unfinished line stands on the terminal
}

// say writes a text; what it holds is fit for a terminal.
func (s *screen) say(format string, values ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	fmt.Fprintf(s.out, format, values...)
}

// note writes one line, whatever it holds.
func (s *screen) note(format string, values ...any) {
	s.say("%s\n", escape(fmt.Sprintf(format, values...)))
}

// wait tells what is waited for and how much time is left, until stop is called: on a terminal every second on one
// line, else a line at once and then every 30 seconds. After stop nothing of it stands on the terminal any more.
func (s *screen) wait(what string, until time.Time) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	every := tellEvery
	if s.terminal {
		every = time.Second
	}
	go func() {
		defer close(ended)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			s.tell(what + ", " + leftFor(until))
			select {
			case <-done:
				return
			case <-ticker.C:
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(done)
		<-ended
		s.mu.Lock()
		defer s.mu.Unlock()
		s.clear()
	})
}

func (s *screen) tell(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	if s.terminal {
		fmt.Fprint(s.out, text)
		s.pending = true
		return
	}
	fmt.Fprintln(s.out, text)
}

// clear takes the unfinished line off the terminal (ECMA-48: carriage return, erase in line).
func (s *screen) clear() {
	if s.pending {
		fmt.Fprint(s.out, "\r\x1b[K")
		s.pending = false
	}
}
