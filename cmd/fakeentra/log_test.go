package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// watched is output that a test can wait for.
type watched struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // holds one mark
}

func newWatched() *watched { return &watched{changed: make(chan struct{}, 1)} }

func (w *watched) Write(data []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.changed <- struct{}{}:
	default:
	}
	return w.text.Write(data)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// waitFor waits until the output holds want, and gives all of it.
func (w *watched) waitFor(t *testing.T, want string) string {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		if text := w.String(); strings.Contains(text, want) {
			return text
		}
		select {
		case <-w.changed:
		case <-deadline:
			t.Fatalf("%q never came; there is:\n%s", want, w.String())
		}
	}
}

func TestTheDaemonsLinesWaitForTheScreenAndAreKeptWhole(t *testing.T) {
	var out bytes.Buffer
	log := newLog(&out)
	write := func(text string) {
		if n, err := log.Write([]byte(text)); n != len(text) || err != nil {
			t.Fatalf("Write: %d, %v", n, err)
		}
	}
	write("one\ntw")
	write("o\nthr")
	if out.String() != "" {
		t.Errorf("printed before the screen: %q", out.String())
	}
	log.follow()
	write("ee\n")
	if out.String() != "one\ntwo\nthree\n" {
		t.Errorf("printed %q", out.String())
	}
	for range 2000 {
		write("more\n")
	}
	write("last\nand a half")
	want := strings.Repeat("more\n", tailLines-1) + "last\nand a half"
	if log.tail() != want {
		t.Errorf("tail:\n got %q\nwant %q", log.tail(), want)
	}
	if len(log.lines) != tailLines {
		t.Errorf("%d lines are kept, want %d", len(log.lines), tailLines)
	}
}

func TestOnATerminalTheDaemonsLinesAreMarked(t *testing.T) {
	var out bytes.Buffer
	log := &log{out: &out, coloured: true}
	log.print("listening")
	if want := "\x1b[90mclaimd │ listening\x1b[0m\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
