package directory

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// cutter stands between the store and the server, and cuts the connection when the commit of a
// deactivation comes by: before the server
// has it, or after it did it and before anybody is told.
type cutter struct {
	listener net.Listener
	server   string
	cuts     atomic.Int32 // 0: none, 1: before, 2: after
	group    sync.WaitGroup
}

func newCutter(t *testing.T, server *postgresServer) *cutter {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{listener: listener, server: fmt.Sprintf("127.0.0.1:%d", server.port)}
	c.group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			c.group.Go(func() { c.pass(conn) })
		}
	})
	t.Cleanup(func() { listener.Close(); c.group.Wait() })
	return c
}

func (c *cutter) pass(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer server.Close()
	var silent atomic.Bool
	c.group.Go(func() {
		defer client.Close()
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			if err != nil || silent.Load() { // the answer to the commit is there: it was done
				return
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
	buffer := make([]byte, 64<<10)
	changing := false
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		changing = changing || strings.Contains(string(buffer[:n]), string(Deactivate))
		if changing && strings.Contains(string(buffer[:n]), "commit\x00") && c.cuts.Load() > 0 {
			if c.cuts.Swap(0) == 1 {
				return
			}
			silent.Store(true)
			_, _ = server.Write(buffer[:n])    // the reader ends this connection
			_, _ = io.Copy(io.Discard, client) // until then
			return
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// A connection that is lost while a change is committed leaves it open whether it was made. It is not claimed to be
// done, nor to be undone; made again it is done, and memory learns by itself how it ended.
func TestACommitWithoutAnAnswerIsNotKnown(t *testing.T) {
	t.Parallel()
	server := sharedPostgres(t)
	for _, test := range []struct {
		name string
		cut  int32
		made bool
	}{{"cut before the commit", 1, false}, {"cut after it", 2, true}} {
		t.Run(test.name, func(t *testing.T) {
			database := server.database(t)
			cut := newCutter(t, server)
			url := strings.Replace(database.url(), fmt.Sprintf("127.0.0.1:%d", server.port), cut.listener.Addr().String(), 1)
			at := quick
			at.poll = 20 * time.Millisecond
			d, _ := openDirectoryAt(t, url, "one", at)
			eventually(t, "the first read", d.isUsable)
			cut.cuts.Store(test.cut)
			_, _, err := d.Change(t.Context(), keyOf("ada"), Deactivate, "contoso", "uid 0 (root)")
			if _, ok := errors.AsType[*Refusal](err); ok || !errors.Is(err, errCommit) || strings.Contains(err.Error(), "s3cr") {
				t.Fatalf("got %v, want that it is not known", err)
			}
			if test.made {
				eventually(t, "what was made", d.is("ada", Inactive))
			}
			_, changed, err := d.Change(t.Context(), keyOf("ada"), Deactivate, "contoso", "uid 0 (root)")
			if err != nil || changed == test.made {
				t.Errorf("made again: %v, %v", changed, err)
			}
			wantIs(t, d, "ada", Inactive)
		})
	}
}
