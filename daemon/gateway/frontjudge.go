package gateway

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/claimd/claimd/daemon/access"
)

// question is a request that has to be judged. It shares nothing with the loop that read it.
type question struct {
	request access.Request
	manner  manner
}

// judge judges the request and answers it.
func (f *Front) judge(ctx context.Context, c *held, asked question) {
	begun := time.Now()
	decision := f.gate.Decide(ctx, asked.request)
	if limit := f.server.WriteTimeout; limit > 0 && time.Since(begun) > limit { // as net/http, to which writing is too late
		c.loop.drop(c)
		return
	}
	f.tell(c, &decision, asked.manner, c.loop.resume)
}

// tell writes what the handler and net/http answer, to the byte. after gets a connection that stays.
func (f *Front) tell(c *held, decision *access.Decision, how manner, after func(*held)) {
	w := written{header: http.Header{"Cache-Control": {"no-store"}}}
	if f.closing() {
		w.header.Set("Connection", "close")
	}
	answerAuth(&w, decision)
	how.closes = how.closes || f.leaves.Load() || w.header.Get("Connection") == "close"
	f.send(c, w.wire(how), how.closes || how.old, after)
}

// send writes an answer. What the kernel does not take at once is net/http's to write.
func (f *Front) send(c *held, answer []byte, closes bool, after func(*held)) {
	n, err := write(c.fd, answer)
	switch {
	case err == nil && n < len(answer):
		f.note(c.outer, http.StateActive)
		c.loop.hand(c, nil, slices.Clone(answer[n:]))
	case err != nil, closes:
		c.loop.drop(c)
	default:
		after(c)
	}
}
