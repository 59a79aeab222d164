package systemtest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// upstreamAddress is where the API behind claimd's reverse proxy is.
const upstreamAddress = "127.0.0.1:8081"

// slowAnswer is how long the API takes for /slow.
const slowAnswer = 2 * time.Second

// upstream starts an API on the host that tells who asks.
func (h *host) upstream() {
	h.t.Helper()
	command, in, out := h.role("upstream")
	h.t.Cleanup(func() {
		_ = in.Close()
		_ = command.Wait()
	})
	if _, err := fmt.Fscanln(out, new(string)); err != nil {
		h.t.Fatalf("the API: %v", err)
	}
}

// upstreamMain serves until in ends; it writes a line once it listens.
func upstreamMain(in io.Reader, out io.Writer) int {
	listener, err := net.Listen("tcp", upstreamAddress)
	if err != nil {
		fmt.Fprintln(out)
		return 1
	}
	go func() {
		_ = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				time.Sleep(slowAnswer)
			}
			fmt.Fprintf(w, "%s in %s\n", r.Header.Get("Remote-User"), r.Header.Get("Remote-Groups"))
		}))
	}()
	fmt.Fprintln(out, "listening")
	_, _ = io.Copy(io.Discard, in)
	return 0
}
