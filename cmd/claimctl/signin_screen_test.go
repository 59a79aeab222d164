package main

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"
)

// TestTheTimeLeftIsToldAsTheScreenCanShowIt: on a terminal every second on one line, which is gone in the end; else a line
// every 30 seconds.
func TestTheTimeLeftIsToldAsTheScreenCanShowIt(t *testing.T) {
	const gone = "\r\x1b[K"
	for _, test := range []struct {
		name     string
		terminal bool
		after    time.Duration
		want     string
	}{
		{"a terminal", true, 2500 * time.Millisecond, "waiting, 1 min 1 s left" + gone + "waiting, 1 min 0 s left" + gone + "waiting, 59 s left" + gone + "a note\n" + "done\n"},
		{"no terminal", false, 65 * time.Second, "waiting, 1 min 1 s left\nwaiting, 31 s left\nwaiting, 1 s left\na note\ndone\n"},
		{"past its time", false, 95 * time.Second, "waiting, 1 min 1 s left\nwaiting, 31 s left\nwaiting, 1 s left\nwaiting, 0 s left\na note\ndone\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			s := &screen{out: &out, terminal: test.terminal}
			stop := s.wait("waiting", time.Now().Add(61*time.Second))
			time.Sleep(test.after)
			s.note("a %s", "note")
			stop()
			stop() // twice is as good as once
			s.say("done\n")
			wantText(t, test.name, test.want, out.String())
		})
	}
}

// TestANoteCannotDriveTheTerminal: it tells what the tenant said.
func TestANoteCannotDriveTheTerminal(t *testing.T) {
	var out bytes.Buffer
	(&screen{out: &out}).note("%s", "\x1b[2J\rgone")
	wantText(t, "note", "\\u001b[2J\\u000dgone\n", out.String())
}
